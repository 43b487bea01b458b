//! A window of samples: states as digits, and the closed-form answer on them.

use forebay_kernels::{Form, Real, integer};
use forebay_substrate::Precision;
use ndarray::ArrayView2;

use super::fitness::ReadoutFitness;
use super::objective::Objective;
use super::weights::LiveWeights;
use crate::error::Error;
use crate::metrics;
use crate::placement::{Ranges, levels};
use crate::train::Gram;
use crate::train::ridge::{self, RidgeSolution};
use crate::train::score::{Spread, Tally};

/// Reservoir states as the integers that a processor is given, with targets.
///
/// State `x[i]` is written as the integer `n[i]` of the precision's state digits that is nearest to
/// `(x[i] - centre[i]) / step[i]`, over the range that the first window's states take. A readout with weights `w` puts out
///
/// ```text
/// y[o] = mean target[o] + sum over i of w[o][i] (n[i] - mean n[i])
/// ```
///
/// with the means over the first window: the intercept that ridge regression has too.
#[derive(Clone, Debug)]
pub struct Window {
    form: Form,
    precision: Precision,
    ranges: Ranges,
    /// Over the first window, per input and per output.
    state_means: Vec<f64>,
    target_means: Vec<f64>,
    /// `[samples, inputs]`.
    pub(super) digits: Vec<i32>,
    /// `[samples, outputs]`.
    pub(super) targets: Vec<f64>,
}

/// What closed forms reach on a window: real weights, and the same rounded to the grid of the genome.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Ridge regression on the window's integers, in f64; its error is measured on them.
    pub ridge: RidgeSolution,
    /// Its weights as the nearest integers times [`scale`](Self::scale), `[outputs, inputs]`.
    pub rounded: Vec<i32>,
    /// What one level of a gene is worth, per output.
    ///
    /// For weights of one digit the scale, out of 25, whose rounded weights have the smallest squared error on the window;
    /// for more digits the largest weight becomes the largest integer.
    pub scale: Vec<f64>,
}

impl Baseline {
    /// A genome as the real weights it stands for, `[outputs, inputs]`.
    pub fn real(&self, genome: &[i32]) -> Vec<f64> {
        let inputs = (genome.len() / self.scale.len()).max(1);
        let rows = genome.chunks(inputs).zip(&self.scale);
        rows.flat_map(|(row, scale)| row.iter().map(move |&w| scale * f64::from(w))).collect()
    }
}

/// Shares of the largest weight that the scale of one digit is tried with: 25 / 25, 24 / 25 and so on.
const CLIPS: u32 = 25;

impl Window {
    /// Takes states `[samples, inputs]` and targets `[samples, outputs]`; their ranges and means are those of this data.
    ///
    /// # Errors
    /// [`Error::Shape`] if the numbers of samples differ or something is empty; [`Error::NonFinite`]; [`Error::Kernel`].
    pub fn new(states: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>, precision: Precision) -> Result<Self, Error> {
        check(states, targets)?;
        let ranges = Ranges::observed(states, levels(precision));
        let target_means = targets.columns().into_iter().map(|column| metrics::mean(column.iter().copied())).collect();
        let mut window = Self {
            form: Form::from_env()?,
            precision,
            ranges,
            state_means: Vec::new(),
            target_means,
            digits: Vec::new(),
            targets: Vec::new(),
        };
        window.fill(states, targets);
        let inputs = states.ncols();
        // Sums of integers are exact, whatever their order.
        let mut sums = vec![0_i64; inputs];
        for row in window.digits.chunks_exact(inputs) {
            sums.iter_mut().zip(row).for_each(|(sum, &n)| *sum += i64::from(n));
        }
        window.state_means = sums.into_iter().map(|sum| sum as f64 / states.nrows() as f64).collect();
        Ok(window)
    }

    /// Other samples in the ranges and with the means of this window: the next ones of a stream, or ones held out.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Shape`] for other inputs or outputs.
    pub fn with_samples(&self, states: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Result<Self, Error> {
        check(states, targets)?;
        let (expected, found) = ((self.inputs(), self.outputs()), (states.ncols(), targets.ncols()));
        if expected != found {
            return Err(Error::shape("inputs and outputs of a window", format!("{expected:?}"), format!("{found:?}")));
        }
        let mut window = self.clone();
        window.fill(states, targets);
        Ok(window)
    }

    fn fill(&mut self, states: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) {
        let centre: Vec<f64> = self.ranges.centre(levels(self.precision)).collect();
        let gain: Vec<f64> = self.ranges.step.iter().map(|step| step.recip()).collect();
        let (low, high) = self.precision.state_range();
        self.digits = vec![0; states.len()];
        for (row, digits) in states.rows().into_iter().zip(self.digits.chunks_exact_mut(centre.len())) {
            integer::encode(self.form, &row.to_vec(), &centre, &gain, low, high, digits);
        }
        self.targets = targets.iter().copied().collect();
    }

    /// Samples.
    pub fn samples(&self) -> usize {
        self.digits.len() / self.inputs()
    }

    /// Inputs: states per sample.
    pub fn inputs(&self) -> usize {
        self.ranges.step.len()
    }

    /// Outputs per sample.
    pub fn outputs(&self) -> usize {
        self.target_means.len()
    }

    /// Targets, `[samples, outputs]`.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// Digits of states and weights.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub(super) fn state_means(&self) -> &[f64] {
        &self.state_means
    }

    pub(super) fn target_means(&self) -> &[f64] {
        &self.target_means
    }

    /// What ridge regression gives on this window, real and rounded to the genome's grid.
    ///
    /// `penalty` is added to the Gram matrix of the integers as it is, see [`ridge::solve`].
    ///
    /// # Errors
    /// [`Error::Train`] for a penalty below zero or fewer than two samples.
    pub fn baseline(&self, penalty: f64) -> Result<Baseline, Error> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let mut gram = Gram::new(inputs, outputs);
        for (digits, targets) in self.digits.chunks_exact(inputs).zip(self.targets.chunks_exact(outputs)) {
            gram.push(|x, y| {
                x.iter_mut().zip(digits).for_each(|(x, &n)| *x = f64::from(n));
                y.copy_from_slice(targets);
            });
        }
        let mut ridge = ridge::solve(gram, penalty)?;
        ridge.train_nrmse = self.errors(&ridge);
        let (mut rounded, mut scale) = (Vec::with_capacity(inputs * outputs), Vec::with_capacity(outputs));
        for (output, row) in ridge.weights.rows().into_iter().enumerate() {
            let (integers, of_row) = self.round_row(&row.to_vec(), output);
            rounded.extend(integers);
            scale.push(of_row);
        }
        Ok(Baseline { ridge, rounded, scale })
    }

    /// Root mean square error of a solution on this window over the target's standard deviation, per output; NaN for a
    /// constant target. From the outputs themselves.
    fn errors(&self, solution: &RidgeSolution) -> Vec<f64> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let spread = |o: usize| Spread::of(self.targets.iter().skip(o).step_by(outputs).copied());
        let mut tally = Tally::new(1, (0..outputs).map(spread).collect());
        for (digits, targets) in self.digits.chunks_exact(inputs).zip(self.targets.chunks_exact(outputs)) {
            for (o, (row, target)) in solution.weights.rows().into_iter().zip(targets).enumerate() {
                let product: f64 = row.iter().zip(digits).map(|(w, &n)| w * f64::from(n)).sum();
                tally.add(0, o, solution.bias[o] + product - target);
            }
        }
        tally.nrmse().into_iter().map(|error| error.unwrap_or(f64::NAN)).collect()
    }

    /// The integers and the scale of one output's weights.
    fn round_row(&self, weights: &[f64], output: usize) -> (Vec<i32>, f64) {
        let largest = f64::from(self.precision.weight_max());
        let peak = weights.iter().fold(0.0_f64, |peak, w| peak.max(w.abs()));
        if peak == 0.0 {
            return (vec![0; weights.len()], 1.0);
        }
        let tried = if self.precision.weight_digits() == 1 { CLIPS } else { 1 };
        let rounded = (0..tried).map(|clip| {
            let scale = coarse(peak / largest * f64::from(CLIPS - clip) / f64::from(CLIPS));
            let nearest = |w: &f64| (w / scale).round_ties_even().clamp(-largest, largest);
            let integers: Vec<i32> = weights.iter().map(|w| nearest(w) as i32).collect();
            let real: Vec<f64> = integers.iter().map(|&w| scale * f64::from(w)).collect();
            (self.row_error(&real, output), integers, scale)
        });
        let best = rounded.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a scale is tried");
        (best.1, best.2)
    }

    fn row_error(&self, weights: &[f64], output: usize) -> f64 {
        let outputs = self.outputs();
        let samples = self.digits.chunks_exact(self.inputs()).zip(self.targets.chunks_exact(outputs));
        samples.map(|(digits, t)| self.output(weights, output, digits) - t[output]).map(|error| error * error).sum()
    }

    fn output(&self, weights: &[f64], output: usize, digits: &[i32]) -> f64 {
        let terms = weights.iter().zip(digits).zip(&self.state_means);
        self.target_means[output] + terms.map(|((w, &n), mean)| w * (f64::from(n) - mean)).sum::<f64>()
    }

    /// The cost of real weights `[outputs, inputs]` on this window, on the host in f64.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Range`] for levels or a range that nothing can be rounded to; [`Error::NonFinite`] for a cost that
    /// is not finite.
    pub fn cost_of(&self, weights: &[f64], objective: &Objective) -> Result<f64, Error> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        if weights.len() != inputs * outputs {
            return Err(Error::shape("readout weights", format!("{outputs} x {inputs}"), weights.len()));
        }
        objective.check()?;
        let mut y = Vec::with_capacity(self.targets.len());
        for digits in self.digits.chunks_exact(inputs) {
            y.extend(weights.chunks_exact(inputs).enumerate().map(|(o, row)| self.output(row, o, digits)));
        }
        let cost = objective.cost(outputs, &y, &self.targets);
        Error::check_finite("a cost", &[cost])?;
        Ok(cost)
    }

    /// The cost of a genome on the substrate, a level worth `scale`, `[outputs]`: the window as one batch.
    ///
    /// # Errors
    /// [`Error::Shape`] if the weights are not `[outputs, inputs]`; [`Error::Range`] for levels or a range that nothing can be rounded
    /// to; [`Error::NonFinite`]; [`Error::Substrate`].
    pub fn fitness(&self, weights: &LiveWeights, scale: &[f64], objective: Objective) -> Result<ReadoutFitness, Error> {
        ReadoutFitness::new(self, weights, scale, objective)
    }
}

fn check(states: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Result<(), Error> {
    if states.is_empty() || targets.is_empty() || states.nrows() != targets.nrows() {
        let found = format!("{:?} and {:?}", states.dim(), targets.dim());
        return Err(Error::shape("states and targets", "as many samples each, at least one", found));
    }
    for (what, array) in [("states", states), ("targets", targets)] {
        for (row, values) in array.rows().into_iter().enumerate() {
            if let Some(column) = values.iter().position(|v| !Real::is_finite(*v)) {
                let (what, value) = (what.to_owned(), array[[row, column]]);
                return Err(Error::NonFinite { what, index: row * array.ncols() + column, value });
            }
        }
    }
    Ok(())
}

/// The first 12 bits of a number's fraction: the last bits of ridge weights may differ between processors, and a scale
/// without them gives the same costs, and so the same genomes, everywhere.
fn coarse(scale: f64) -> f64 {
    f64::from_bits(scale.to_bits() >> 40 << 40)
}
