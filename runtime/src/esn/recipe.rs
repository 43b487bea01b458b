//! `Esn`: from settings and data to a trained network in one call.

use forebay_kernels::Real;
use ndarray::{ArrayView2, s};

use super::HybridEsn;
use crate::error::Error;
use crate::graph::Graph;
use crate::model::Model;
use crate::reservoir::{Activation, Reservoir, Topology};
use crate::train::{Noise, Ridge, Series, Training};

/// Settings of an echo state network: what its reservoir is drawn from, and how its readout is trained.
///
/// ```text
/// x(t) = (1 - a) x(t-1) + a f(W_in u(t) + W_res x(t-1) + b)
/// y(t) = W_out [u(t); x(t)] + c
/// ```
///
/// [`fit`](Self::fit) draws the random weights, runs the series, and finds `W_out` and `c` by ridge regression; what it gives is
/// a [`HybridEsn`] that runs, forecasts, learns on, and is saved. The settings stay as they are and may be used again.
///
/// | setting | default |
/// |---|---|
/// | everything of the [`Reservoir`] | see there: spectral radius 0.9, leak rate 1, input scaling 1, bias scaling 0.1, tanh |
/// | [`seed`](Self::seed) | 0 |
/// | [`reads_input`](Self::reads_input): the readout sees the input beside the state | yes |
/// | [`feedback`](Self::feedback): the reservoir sees the last output | no |
/// | everything of the [`Training`] | see there: washout 100, ridge 1e-6 |
///
/// ```
/// use forebay::Esn;
/// use ndarray::Array2;
///
/// let wave = Array2::from_shape_fn((1000, 1), |(t, _)| (0.2 * t as f64).sin());
/// let mut esn = Esn::new(100).spectral_radius(0.8).ridge(1e-8).fit_next(wave.view())?;
/// let next = esn.forecast(50)?;
/// assert!((next[[49, 0]] - (0.2 * 1049.0_f64).sin()).abs() < 0.01);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Esn {
    reservoir: Reservoir,
    training: Training,
    seed: u64,
    reads_input: bool,
    feedback: bool,
}

impl Esn {
    /// A network of so many units, everything else by default.
    pub fn new(units: usize) -> Self {
        Self::of(Reservoir::new(units))
    }

    /// A network with this reservoir, everything else by default.
    pub fn of(reservoir: Reservoir) -> Self {
        Self { reservoir, training: Training::new(), seed: 0, reads_input: true, feedback: false }
    }

    /// Scales the recurrent weights to this spectral radius, above 0.
    #[must_use]
    pub fn spectral_radius(mut self, radius: f64) -> Self {
        self.reservoir = self.reservoir.spectral_radius(radius);
        self
    }

    /// Sets the leak rate a in (0, 1] of all units: how much of the new activation enters the state.
    #[must_use]
    pub fn leak_rate(mut self, rate: f64) -> Self {
        self.reservoir = self.reservoir.leak_rate(rate);
        self
    }

    /// Sets the factor of the input weights.
    #[must_use]
    pub fn input_scaling(mut self, scaling: f64) -> Self {
        self.reservoir = self.reservoir.input_scaling(scaling);
        self
    }

    /// Sets the range of the bias b.
    #[must_use]
    pub fn bias_scaling(mut self, scaling: f64) -> Self {
        self.reservoir = self.reservoir.bias_scaling(scaling);
        self
    }

    /// Connects units at random with this chance, in (0, 1].
    #[must_use]
    pub fn density(mut self, density: f64) -> Self {
        self.reservoir = self.reservoir.density(density);
        self
    }

    /// Sets which units are connected.
    #[must_use]
    pub fn topology(mut self, topology: Topology) -> Self {
        self.reservoir = self.reservoir.topology(topology);
        self
    }

    /// Sets the units' function f.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.reservoir = self.reservoir.activation(activation);
        self
    }

    /// Draws other random weights for every seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether the readout sees the input beside the state.
    #[must_use]
    pub fn reads_input(mut self, reads: bool) -> Self {
        self.reads_input = reads;
        self
    }

    /// Whether the reservoir sees the last output through random weights, as far as
    /// [`feedback_scaling`](Reservoir::feedback_scaling) says. In training it sees the targets.
    #[must_use]
    pub fn feedback(mut self, feedback: bool) -> Self {
        self.feedback = feedback;
        self
    }

    /// Sets the penalty of ridge regression: a number, one for each output, or a grid to choose from.
    #[must_use]
    pub fn ridge(mut self, ridge: impl Into<Ridge>) -> Self {
        self.training = self.training.ridge(ridge);
        self
    }

    /// Sets how many steps at the start of every series train nothing, while the state forgets that it began at rest.
    #[must_use]
    pub fn washout(mut self, steps: usize) -> Self {
        self.training = self.training.washout(steps);
        self
    }

    /// Adds noise while the states run that the readout learns from.
    #[must_use]
    pub fn noise(mut self, noise: Noise) -> Self {
        self.training = self.training.noise(noise);
        self
    }

    /// Whether a target that is NaN stands for one that is not known; by default it is an error.
    #[must_use]
    pub fn masked_targets(mut self, masked: bool) -> Self {
        self.training = self.training.masked_targets(masked);
        self
    }

    /// Everything about the reservoir at once.
    #[must_use]
    pub fn reservoir(mut self, reservoir: Reservoir) -> Self {
        self.reservoir = reservoir;
        self
    }

    /// Everything about the training at once.
    #[must_use]
    pub fn training(mut self, training: Training) -> Self {
        self.training = training;
        self
    }

    /// Trains on one series of inputs and what the outputs should be at the same steps.
    ///
    /// # Shapes
    /// `inputs`: `[steps, inputs]`; `targets`: `[steps, outputs]`.
    ///
    /// # Errors
    /// As [`fit_series`](Self::fit_series).
    pub fn fit<T: Real>(&self, inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> Result<HybridEsn<T>, Error> {
        self.fit_series(&[Series::new(inputs, targets)])
    }

    /// Trains on several series, of unequal lengths perhaps. Each starts from rest.
    ///
    /// The network then stands after the last step of the last series, where [`forecast`](HybridEsn::forecast) and
    /// [`run`](HybridEsn::run) go on; [`reset`](HybridEsn::reset) puts it to rest.
    ///
    /// # Errors
    /// [`Error::Reservoir`] for settings out of range; [`Error::Shape`] if there is no series, or series do not fit together;
    /// otherwise as [`Training::fit`].
    pub fn fit_series<T: Real>(&self, series: &[Series<'_, T>]) -> Result<HybridEsn<T>, Error> {
        let Some(first) = series.first() else {
            return Err(Error::shape("training", "at least one series", "none"));
        };
        let mut esn = self.untrained(first.inputs.ncols(), first.targets.ncols())?;
        esn.fit(&self.training, series)?;
        Ok(esn)
    }

    /// Trains to tell each next step of a series from those up to it, so that [`forecast`](HybridEsn::forecast) continues it.
    ///
    /// ```
    /// use forebay::{Esn, execute::ClosedLoop};
    /// use ndarray::{Array2, s};
    ///
    /// // A level that follows a known drive: the level is forecast, the drive is given.
    /// let drive = |t: usize| (0.3 * t as f64).sin();
    /// let mut level = 0.0;
    /// let series = Array2::from_shape_fn((1200, 2), |(t, column)| match column {
    ///     0 => level,
    ///     _ => { level = 0.9 * level + 0.2 * drive(t); drive(t) }
    /// });
    /// let known = series.slice(s![..1000, ..]);
    /// let levels = series.slice(s![1..1001, ..1]);
    /// let mut esn = Esn::new(50).ridge(1e-9).fit(known, levels)?;
    /// let forecast = esn.forecast_with(&ClosedLoop::new([(0, 0)]), series.slice(s![1000..1100, 1..]))?;
    /// assert!((forecast[[99, 0]] - series[[1099, 0]]).abs() < 1e-3);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `series`: `[steps, features]`, all of which are inputs and outputs.
    ///
    /// # Errors
    /// As [`fit_series`](Self::fit_series).
    pub fn fit_next<T: Real>(&self, series: ArrayView2<'_, T>) -> Result<HybridEsn<T>, Error> {
        let steps = series.nrows().saturating_sub(1);
        let mut esn = self.fit(series.slice(s![..steps, ..]), series.slice(s![series.nrows() - steps.., ..]))?;
        if let Some(last) = series.rows().into_iter().next_back() {
            esn.step(&last.to_vec())?;
        }
        Ok(esn)
    }

    /// The network with its random weights, at rest, its readout zero: for [`partial_fit`](HybridEsn::partial_fit), or to look
    /// at [`states`](HybridEsn::states).
    ///
    /// # Errors
    /// [`Error::Graph`] without inputs or outputs; [`Error::Reservoir`] for settings out of range.
    pub fn untrained<T: Real>(&self, inputs: usize, outputs: usize) -> Result<HybridEsn<T>, Error> {
        let mut g = Graph::builder();
        let u = g.input("input", inputs);
        let recipe = self.reservoir.clone();
        let x = if self.feedback {
            g.reservoir_with_feedback("reservoir", u, recipe, "output")
        } else {
            g.reservoir("reservoir", u, recipe)
        };
        let sources = if self.reads_input { vec![u, x] } else { vec![x] };
        g.readout("output", sources, outputs);
        HybridEsn::from_model(Model::generate(g.build()?, self.seed)?)
    }
}
