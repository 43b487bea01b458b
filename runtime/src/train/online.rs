//! Readouts that learn while they run: recursive least squares, least mean squares, and FORCE on a live session.

use forebay_kernels::Real;
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::error::Error;
use crate::execute::Session;
use crate::graph::Op;
use crate::model::Model;

/// A linear readout `y = W phi` that is corrected after every step. Works in f64; updates allocate nothing.
pub trait OnlineLearner {
    /// Number of features F.
    fn features(&self) -> usize;

    /// Number of outputs O.
    fn outputs(&self) -> usize;

    /// The weights, `[outputs, features]`.
    fn weights(&self) -> ArrayView2<'_, f64>;

    /// Corrects the weights by one pair.
    ///
    /// # Shapes
    /// `features`: `[F]`; `target`: `[O]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], or [`Error::Range`] if the correction would not be finite;
    /// nothing has changed then.
    fn update(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error>;

    /// `W phi` into `output`.
    ///
    /// # Panics
    /// If a length disagrees.
    fn predict(&self, features: &[f64], output: &mut [f64]) {
        assert_eq!((features.len(), output.len()), (self.features(), self.outputs()), "as many as the learner has");
        for (out, row) in output.iter_mut().zip(self.weights().rows()) {
            *out = row.iter().zip(features).map(|(w, x)| w * x).sum();
        }
    }
}

/// Recursive least squares with exponential forgetting.
///
/// ```text
/// k = P phi / (lambda + phi' P phi)
/// W <- W + (y - W phi) k'
/// P <- (P - k phi' P) / lambda          P starts as I / ridge
/// ```
///
/// With `lambda = 1` the weights after every step are those of ridge regression on all steps so far. `O(F^2)` per step.
/// While nothing excites some direction, forgetting would let P grow without bound; it is suspended as long as the
/// trace of P exceeds its start value.
///
/// Source: Haykin, Adaptive Filter Theory, chapter on the RLS algorithm.
///
/// ```
/// use forebay::train::online::{OnlineLearner, Rls};
///
/// let mut rls = Rls::new(2, 1, 1.0, 1e-9)?;
/// for t in 0..50 {
///     let phi = [1.0, f64::from(t).sin()];
///     rls.update(&phi, &[0.5 - 2.0 * phi[1]])?;
/// }
/// assert!((rls.weights()[[0, 1]] + 2.0).abs() < 1e-6);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rls {
    weights: Array2<f64>,
    /// P, symmetric, row-major.
    inverse: Vec<f64>,
    forgetting: f64,
    start_trace: f64,
    gain: Vec<f64>,
    errors: Vec<f64>,
}

impl Rls {
    /// Weights zero, `P = I / ridge`.
    ///
    /// # Errors
    /// [`Error::Range`] unless `forgetting` is in (0, 1], `ridge` above 0, and both sizes at least 1.
    pub fn new(features: usize, outputs: usize, forgetting: f64, ridge: f64) -> Result<Self, Error> {
        check_sizes(features, outputs)?;
        if !(forgetting > 0.0 && forgetting <= 1.0) {
            return Err(range("forgetting", "above 0 and at most 1", forgetting));
        }
        if !(ridge > 0.0 && ridge.is_finite() && (1.0 / ridge).is_finite()) {
            return Err(range("ridge", "finite and above 0", ridge));
        }
        let mut inverse = vec![0.0; features * features];
        inverse.iter_mut().step_by(features + 1).for_each(|d| *d = 1.0 / ridge);
        Ok(Self {
            weights: Array2::zeros((outputs, features)),
            inverse,
            forgetting,
            start_trace: features as f64 / ridge,
            gain: vec![0.0; features],
            errors: vec![0.0; outputs],
        })
    }
}

impl OnlineLearner for Rls {
    fn features(&self) -> usize {
        self.weights.ncols()
    }

    fn outputs(&self) -> usize {
        self.weights.nrows()
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    fn update(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        check_pair(self, features, target)?;
        let n = features.len();
        for (gain, row) in self.gain.iter_mut().zip(self.inverse.chunks_exact(n)) {
            *gain = row.iter().zip(features).map(|(p, x)| p * x).sum();
        }
        let excitation: f64 = self.gain.iter().zip(features).map(|(g, x)| g * x).sum();
        let trace: f64 = self.inverse.iter().step_by(n + 1).sum();
        let forgetting = if trace > self.start_trace { 1.0 } else { self.forgetting };
        let divisor = forgetting + excitation;
        residuals(&self.weights, features, target, &mut self.errors);
        if !(divisor > 0.0 && divisor.is_finite()) || self.errors.iter().any(|e| !e.is_finite()) {
            return Err(range("the scale of features and targets", "small enough for f64", divisor));
        }
        for (mut row, error) in self.weights.rows_mut().into_iter().zip(&self.errors) {
            row.iter_mut().zip(&self.gain).for_each(|(w, g)| *w += error * (g / divisor));
        }
        // The same product for (i, j) and (j, i): P stays symmetric to the last bit.
        for (i, row) in self.inverse.chunks_exact_mut(n).enumerate() {
            let factor = self.gain[i];
            row.iter_mut().zip(&self.gain).for_each(|(p, g)| *p = (*p - factor * g / divisor) / forgetting);
        }
        Ok(())
    }
}

/// Normalised least mean squares: `W <- W + rate (y - W phi) phi' / (epsilon + phi' phi)`.
///
/// Converges for rates in (0, 2); `O(F)` per step. Source: Haykin, Adaptive Filter Theory, chapter on normalised LMS.
#[derive(Clone, Debug)]
pub struct Lms {
    weights: Array2<f64>,
    rate: f64,
    errors: Vec<f64>,
}

impl Lms {
    /// Weights zero.
    ///
    /// # Errors
    /// [`Error::Range`] unless `rate` is in (0, 2) and both sizes at least 1.
    pub fn new(features: usize, outputs: usize, rate: f64) -> Result<Self, Error> {
        check_sizes(features, outputs)?;
        if !(rate > 0.0 && rate < 2.0) {
            return Err(range("learning rate", "above 0 and below 2", rate));
        }
        Ok(Self { weights: Array2::zeros((outputs, features)), rate, errors: vec![0.0; outputs] })
    }
}

impl OnlineLearner for Lms {
    fn features(&self) -> usize {
        self.weights.ncols()
    }

    fn outputs(&self) -> usize {
        self.weights.nrows()
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    fn update(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        check_pair(self, features, target)?;
        let power: f64 = features.iter().map(|x| x * x).sum();
        residuals(&self.weights, features, target, &mut self.errors);
        if !power.is_finite() || self.errors.iter().any(|e| !e.is_finite()) {
            return Err(range("the scale of features and targets", "small enough for f64", power));
        }
        let step = self.rate / (f64::EPSILON + power);
        for (mut row, error) in self.weights.rows_mut().into_iter().zip(&self.errors) {
            row.iter_mut().zip(features).for_each(|(w, x)| *w += step * error * x);
        }
        Ok(())
    }
}

/// What output feedback sees while a readout is trained online.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnlineFeedback {
    /// The target (teacher forcing).
    #[default]
    Teacher,
    /// The learner's own output: with [`Rls`] this is FORCE learning.
    ///
    /// Source: Sussillo, Abbott, Neuron 63, 544 (2009).
    Own,
}

/// Trains one head of a model step by step, on a session that keeps running.
///
/// The head's features are its sources, with a constant 1 in front for the intercept.
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// use forebay::train::online::{OnlineFeedback, OnlineTrainer, Rls};
///
/// // FORCE wants slow units that are chaotic on their own; then the network learns to make the wave itself.
/// let recipe = Reservoir::new(200).spectral_radius(1.5).leak_rate(0.1);
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir_with_feedback("x", u, recipe, "y");
/// g.readout("y", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 1)?;
/// let rls = Rls::new(201, 1, 1.0, 0.1)?;
/// let mut trainer = OnlineTrainer::new(&model, "y", rls, OnlineFeedback::Own)?;
/// let mut last = 0.0;
/// for t in 0..2000 {
///     let target = [(0.1 * t as f64).sin()];
///     last = (trainer.step(&[0.0], &target)?[0] - target[0]).abs();
/// }
/// assert!(last < 0.05);
/// let trained = trainer.into_model()?;
/// assert_eq!(trained.readout("y")?.0.len(), 200);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnlineTrainer<T: Real, L> {
    session: Session<T>,
    head: String,
    sources: Vec<usize>,
    /// Where the head's values lie in all outputs.
    columns: std::ops::Range<usize>,
    learner: L,
    feedback: OnlineFeedback,
    features: Vec<f64>,
    target: Vec<f64>,
    output: Vec<f64>,
    fed_back: Vec<T>,
}

impl<T: Real, L: OnlineLearner> OnlineTrainer<T, L> {
    /// Starts from rest.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a head that does not exist; [`Error::Shape`] if the learner's sizes are not
    /// `1 + features` and the head's outputs.
    pub fn new(model: &Model<T>, head: &str, learner: L, feedback: OnlineFeedback) -> Result<Self, Error> {
        let found = model.head(head)?;
        let Op::Readout { sources, .. } = model.graph().nodes()[found.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let features = 1 + sources.iter().map(|id| model.graph().nodes()[id.0].width()).sum::<usize>();
        if (learner.features(), learner.outputs()) != (features, found.width) {
            let shape = |features, outputs| format!("{features} features and {outputs} outputs");
            let given = shape(learner.features(), learner.outputs());
            return Err(Error::shape("the learner", shape(features, found.width), given));
        }
        Ok(Self {
            sources: sources.iter().map(|id| id.0).collect(),
            columns: found.offset..found.offset + found.width,
            head: head.to_owned(),
            features: vec![1.0; features],
            target: vec![0.0; found.width],
            output: vec![0.0; found.width],
            fed_back: vec![T::ZERO; model.graph().outputs()],
            session: model.session(),
            learner,
            feedback,
        })
    }

    /// Advances the network, gives the head's output before the correction, then corrects the learner.
    ///
    /// # Shapes
    /// `input`: `[inputs]`; `target` and result: `[outputs of the head]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], [`Error::Overflow`] before anything has changed.
    pub fn step(&mut self, input: &[T], target: &[T]) -> Result<&[f64], Error> {
        if target.len() != self.target.len() {
            return Err(Error::shape("target", self.target.len(), target.len()));
        }
        Error::check_finite("target", target)?;
        self.target.iter_mut().zip(target).for_each(|(to, from)| *to = from.to_f64());
        self.fed_back[self.columns.clone()].copy_from_slice(target);
        self.session.drive(input, &self.fed_back)?;
        let values = self.sources.iter().flat_map(|&node| self.session.node_values(node));
        self.features[1..].iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
        self.learner.predict(&self.features, &mut self.output);
        self.learner.update(&self.features, &self.target)?;
        if self.feedback == OnlineFeedback::Own {
            let own = self.fed_back[self.columns.clone()].iter_mut();
            own.zip(&self.output).for_each(|(to, &from)| *to = T::from_f64(from));
            self.session.set_feedback(&self.fed_back);
        }
        Ok(&self.output)
    }

    /// The learner as it is now.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// The running session; its own readouts are those of the model, not the learner's.
    pub fn session(&self) -> &Session<T> {
        &self.session
    }

    /// The model with the learned weights in its head.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a weight does not fit `T`.
    pub fn into_model(self) -> Result<Model<T>, Error> {
        let weights = self.learner.weights();
        let bias: Array1<T> = weights.column(0).mapv(T::from_f64);
        self.session.model().with_readout(&self.head, weights.slice(s![.., 1..]).mapv(T::from_f64).view(), bias.view())
    }
}

fn residuals(weights: &Array2<f64>, features: &[f64], target: &[f64], errors: &mut [f64]) {
    for ((error, row), y) in errors.iter_mut().zip(weights.rows()).zip(target) {
        *error = y - row.iter().zip(features).map(|(w, x)| w * x).sum::<f64>();
    }
}

fn check_sizes(features: usize, outputs: usize) -> Result<(), Error> {
    if features == 0 || outputs == 0 {
        return Err(Error::shape(
            "an online learner",
            "at least 1 feature and 1 output",
            format!("{features}, {outputs}"),
        ));
    }
    Ok(())
}

fn check_pair(learner: &impl OnlineLearner, features: &[f64], target: &[f64]) -> Result<(), Error> {
    if features.len() != learner.features() {
        return Err(Error::shape("features", learner.features(), features.len()));
    }
    if target.len() != learner.outputs() {
        return Err(Error::shape("target", learner.outputs(), target.len()));
    }
    Error::check_finite("features", features)?;
    Error::check_finite("target", target)
}

fn range(what: &'static str, expected: &str, found: f64) -> Error {
    Error::Range { what, expected: expected.to_owned(), found: found.to_string() }
}
