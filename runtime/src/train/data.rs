//! The series of a training run: which steps and outputs take part, and with what weight.

use forebay_kernels::Real;
use ndarray::{ArrayView1, ArrayView2};

use super::TrainError;
use super::gram::check_weight;
use super::group::fed_back;
use super::replay::{Feedback, Stretches, replay};
use super::score::{Spread, Tally};
use crate::error::Error;
use crate::execute::Session;
use crate::graph::Op;
use crate::model::Model;
use crate::report::Noise;

/// Inputs and targets of the same steps.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, T> {
    /// `[steps, inputs]`.
    pub inputs: ArrayView2<'a, T>,
    /// `[steps, outputs]`, all heads one after the other; row t is what the readouts should give at step t.
    pub targets: ArrayView2<'a, T>,
    /// `[steps]`, or none: every step has weight 1. See [`weights`](Self::weights).
    pub weights: Option<ArrayView1<'a, f64>>,
    /// By which the weights of all steps are multiplied; 1 unless given.
    pub weight: f64,
}

impl<'a, T> Series<'a, T> {
    /// Pairs inputs `[steps, inputs]` with targets `[steps, outputs]`; every step has weight 1.
    pub fn new(inputs: ArrayView2<'a, T>, targets: ArrayView2<'a, T>) -> Self {
        Self { inputs, targets, weights: None, weight: 1.0 }
    }

    /// Weights of the steps, `[steps]`: what is minimised is `sum_t w_t |y_t - y*_t|^2 + ridge |W|^2`, about weighted means.
    ///
    /// A weight is 0 or from 1e-100 to 1e100. A step of weight w counts as w steps of weight 1 in weights, penalties that are
    /// chosen and scores; one of weight 0 is run over, seen by feedback, and takes no other part. So a penalty means the same
    /// beside weights that add up to the number of steps as it does without any.
    ///
    /// ```
    /// use forebay::{graph::Graph, model::Model, train::{Series, Training}};
    /// use ndarray::array;
    ///
    /// let mut g = Graph::builder();
    /// let u = g.input("u", 1);
    /// g.readout("y", [u], 1);
    /// let model = Model::<f64>::generate(g.build()?, 1)?;
    /// let (u, y, w) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [-8.0]], array![1.0, 1.0, 0.0]);
    /// let series = Series::new(u.view(), y.view()).weights(w.view());
    /// let (trained, report) = Training::new().washout(0).ridge(0.0).fit(&model, &[series])?;
    /// assert!((trained.readout("y")?.0[[0, 0]] - 2.0).abs() < 1e-12);
    /// assert_eq!((report.steps, report.weight), (2, Some(2.0)));
    /// # Ok::<(), forebay::Error>(())
    /// ```
    #[must_use]
    pub fn weights(mut self, weights: ArrayView1<'a, f64>) -> Self {
        self.weights = Some(weights);
        self
    }

    /// A weight for the whole series, by which those of its steps are multiplied.
    #[must_use]
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// Whether any weight was given.
    pub(crate) fn is_weighted(&self) -> bool {
        self.weights.is_some() || self.weight.to_bits() != 1.0_f64.to_bits()
    }

    fn weight_of(&self, step: usize) -> f64 {
        self.weights.map_or(self.weight, |weights| self.weight * weights[step])
    }
}

/// Runs a session from where it is over a series, feedback seeing the targets.
pub(crate) fn run_taught<T: Real>(session: &mut Session<T>, series: &Series<'_, T>) -> Result<(), Error> {
    let steps = series.inputs.nrows();
    for (t, (u, y)) in series.inputs.rows().into_iter().zip(series.targets.rows()).enumerate() {
        let (u, y) = (u.to_vec(), y.iter().map(|&y| fed_back(y)).collect::<Vec<_>>());
        // Nobody sees the outputs before the last.
        if t + 1 < steps {
            session.drive(&u, &y)?;
        } else {
            session.step_forced(&u, &y)?;
            // A step follows the last one here: where its target is not known, it sees what the network gave.
            let targets = series.targets.row(t);
            session.feed_back_own(|output| !targets[output].is_finite());
        }
    }
    Ok(())
}

/// Series that fit the model, each longer than the washout. A target that is NaN is unlabelled: there are none unless
/// masked targets were asked for.
pub(super) struct Data<'a, T> {
    pub(super) series: Vec<Series<'a, T>>,
    pub(super) washout: usize,
    pub(super) noise: Option<Noise>,
}

impl<'a, T: Real> Data<'a, T> {
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.series.iter().map(|series| series.inputs.nrows()).collect()
    }

    /// The steps that count: after the washout and of a weight above 0, as series, step and weight.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, usize, f64)> + Clone {
        let of = move |(index, series): (usize, &'_ Series<'a, T>)| {
            let series = *series;
            (self.washout..series.inputs.nrows()).map(move |step| (index, step, series.weight_of(step)))
        };
        self.series.iter().enumerate().flat_map(of).filter(|(_, _, weight)| *weight > 0.0)
    }

    /// Number of steps that count.
    pub(super) fn steps(&self) -> usize {
        self.rows().count()
    }

    /// Sum of their weights; none if no weight was given.
    pub(super) fn weight(&self) -> Option<f64> {
        let is_weighted = self.series.iter().any(Series::is_weighted);
        is_weighted.then(|| self.rows().map(|(_, _, weight)| weight).sum())
    }

    /// The weight of a step if it counts.
    pub(super) fn counts(&self, series: usize, step: usize) -> Option<f64> {
        let weight = self.series[series].weight_of(step);
        (step >= self.washout && weight > 0.0).then_some(weight)
    }

    /// The target of an output, if it has one.
    pub(super) fn target(&self, series: usize, step: usize, column: usize) -> Option<f64> {
        let target = self.series[series].targets[[step, column]];
        target.is_finite().then(|| target.to_f64())
    }

    pub(super) fn inputs(&self) -> Vec<ArrayView2<'a, T>> {
        self.series.iter().map(|series| series.inputs).collect()
    }

    pub(super) fn targets(&self) -> Vec<ArrayView2<'a, T>> {
        self.series.iter().map(|series| series.targets).collect()
    }

    /// Runs the series as they are, without noise, and notes the states where stretches begin.
    pub(super) fn note(&self, model: &Model<T>, stretches: &mut Stretches<T>) -> Result<(), Error> {
        let mut session = model.session();
        for (index, series) in self.series.iter().enumerate() {
            session.reset();
            for (t, (u, y)) in series.inputs.rows().into_iter().zip(series.targets.rows()).enumerate() {
                stretches.note(index, t, || session.snapshot());
                session.drive(&u.to_vec(), &y.iter().map(|&y| fed_back(y)).collect::<Vec<_>>())?;
            }
        }
        Ok(())
    }

    /// How a target varies over the steps that count and have it.
    pub(super) fn spread(&self, column: usize) -> Option<Spread> {
        let target = |(series, step, weight)| self.target(series, step, column).map(|target| (target, weight));
        Spread::weighted(self.rows().filter_map(target))
    }

    /// Root mean square error over the target's standard deviation, per output, of a model run over the series.
    pub(super) fn errors(&self, model: &Model<T>, stretches: &Stretches<T>) -> Result<Vec<Option<f64>>, Error> {
        let outputs = model.graph().outputs();
        let spreads = (0..outputs).map(|column| self.spread(column)).collect();
        let mut tally = Tally::new(stretches.list().len(), spreads);
        replay(model, &self.inputs(), &Feedback::Targets(self.targets()), stretches, |moment| {
            if let Some(weight) = self.counts(moment.series, moment.step) {
                for (output, y) in moment.outputs().iter().enumerate() {
                    if let Some(target) = self.target(moment.series, moment.step, output) {
                        tally.add_weighted(moment.stretch, output, y.to_f64() - target, weight);
                    }
                }
            }
            Ok(())
        })?;
        Ok(tally.nrmse())
    }
}

/// That a series has the model's inputs and outputs, and holds numbers; targets may be NaN if that is `masked`, where no
/// feedback sees them. And that weights are some that can be used.
pub(super) fn check<T: Real>(
    model: &Model<T>,
    index: usize,
    series: &Series<'_, T>,
    masked: bool,
) -> Result<(), Error> {
    let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
    let steps = series.inputs.nrows();
    for (what, array, expected, masked) in
        [("inputs", &series.inputs, [steps, inputs], false), ("targets", &series.targets, [steps, outputs], masked)]
    {
        if array.shape() != expected {
            let what = format!("{what} of series {index}");
            return Err(Error::shape(what, format!("{expected:?}"), format!("{:?}", array.shape())));
        }
        let is_bad = |v: &T| !(v.is_finite() || masked && v.is_nan());
        if let Some(((row, column), value)) = array.indexed_iter().find(|(_, v)| is_bad(v)) {
            // A gap in the data is the usual reason, and there is a call for it.
            let gap =
                if what == "targets" && value.is_nan() { " (a gap? `masked_targets` trains beside gaps)" } else { "" };
            let what = format!("{what} of series {index}, step {row}, column {column}{gap}");
            return Err(Error::non_finite(&what, row * expected[1] + column, *value));
        }
    }
    if masked {
        check_feedback(model, index, series)?;
    }
    check_weights(index, series)
}

/// That feedback sees a target at every step but the last, which no step follows.
fn check_feedback<T: Real>(model: &Model<T>, index: usize, series: &Series<'_, T>) -> Result<(), Error> {
    for node in model.graph().nodes() {
        let Op::Reservoir { feedback: Some(head), .. } = node.op() else { continue };
        let head = model.head(head)?;
        let seen = series.targets.rows().into_iter().take(series.targets.nrows().saturating_sub(1));
        for (step, row) in seen.enumerate() {
            if let Some(output) = (head.offset..head.offset + head.width).find(|&output| !row[output].is_finite()) {
                return Err(TrainError::UnlabelledFeedback { series: index, step, output }.into());
            }
        }
    }
    Ok(())
}

fn check_weights<T>(index: usize, series: &Series<'_, T>) -> Result<(), Error> {
    let steps = series.inputs.nrows();
    if let Some(weights) = series.weights.filter(|weights| weights.len() != steps) {
        let what = format!("weights of series {index}");
        return Err(Error::shape(what, format!("[{steps}]"), format!("[{}]", weights.len())));
    }
    check_weight(series.weight)?;
    if series.weights.is_some() {
        (0..steps).try_for_each(|step| check_weight(series.weight_of(step)))?;
    }
    Ok(())
}
