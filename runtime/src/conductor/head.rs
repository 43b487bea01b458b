//! One head: its numbers, what it says, and what it loses against its base rate.

use forebay_kernels::Real;
use ndarray::{Array1, Array2};

use super::layout::{Base, Definition, Kind};
use super::past::Past;
use super::probability::Calibration;
use crate::error::Error;
use crate::metrics;
use crate::train::score::Spread;
use crate::train::select::argmax;

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction<'a, T> {
    /// Of a regression head.
    Values(&'a [T]),
    /// Of a classification head: the class with the largest score, the first of equals, and all scores.
    Class(usize, &'a [T]),
    /// Of a probability head: of the event, 0 to 1.
    Probability(T),
}

impl<'a, T: Real> Prediction<'a, T> {
    pub(super) fn of(kind: Kind, outputs: &'a [T]) -> Self {
        match kind {
            Kind::Regression { .. } => Self::Values(outputs),
            Kind::Classification { .. } => Self::Class(argmax(outputs), outputs),
            Kind::Probability => Self::Probability(outputs[0]),
        }
    }
}

/// What training found for one head.
#[derive(Clone, Debug)]
pub(super) struct Head<T> {
    pub(super) definition: Definition,
    /// `[rows, features]`.
    pub(super) weights: Array2<T>,
    /// `[rows]`.
    pub(super) bias: Array1<T>,
    pub(super) rate: BaseRate,
    /// Of a probability's score.
    pub(super) calibration: Option<Calibration>,
}

/// What there is to beat, from the training steps.
#[derive(Clone, Debug)]
pub(super) struct BaseRate {
    /// Means, the most frequent class, or how often the event happened; one per column of truth.
    pub(super) forecast: Vec<f64>,
    /// What a squared error of each output counts: 1 over its variance, 1 for a constant.
    weight: Vec<f64>,
}

impl BaseRate {
    /// Of the truth in training, `[steps, columns]`, at least one step.
    pub(super) fn of<T: Real>(kind: Kind, truth: ndarray::ArrayView2<'_, T>) -> Self {
        let mean = |column: ndarray::ArrayView1<'_, T>| metrics::mean(column.iter().map(|v| v.to_f64()));
        let means: Vec<f64> = truth.columns().into_iter().map(mean).collect();
        match kind {
            Kind::Regression { .. } => {
                let spread = |column: ndarray::ArrayView1<'_, T>| Spread::of(column.iter().map(|v| v.to_f64()));
                let weight = |column| spread(column).map(|s| s.precision()).filter(|w| w.is_finite()).unwrap_or(1.0);
                let weight = truth.columns().into_iter().map(weight).collect();
                Self { forecast: means, weight }
            }
            Kind::Classification { classes } => {
                let mut counts = vec![0_usize; classes];
                truth.iter().for_each(|class| counts[class.to_f64() as usize] += 1);
                Self { forecast: vec![argmax(&counts) as f64], weight: vec![1.0] }
            }
            Kind::Probability => Self { forecast: means, weight: vec![1.0] },
        }
    }
}

impl<T: Real> Head<T> {
    /// Whether its base forecast moves with the truth.
    pub(super) fn persists(&self) -> bool {
        matches!(self.definition.kind, Kind::Regression { base: Base::Persistence, .. })
    }

    /// The forecast to beat of a prediction made in step `step`, `[columns]`.
    ///
    /// Of persistence: the newest truth of a time no later than that step. A truth belongs to a time `horizon` steps after
    /// its prediction, so it is that of the prediction `horizon` steps before, or of an earlier one where that is not known;
    /// none if there is none.
    pub(super) fn base<'a>(&'a self, past: &'a Past, step: u64) -> Option<&'a [f64]> {
        if self.persists() {
            return past.up_to(step.checked_sub(self.definition.trust.horizon() as u64)?);
        }
        Some(&self.rate.forecast)
    }

    /// Turns what the product gave into the head's outputs.
    pub(super) fn finish(&self, outputs: &mut [T]) {
        if let (Some(calibration), [score]) = (self.calibration, outputs) {
            *score = T::from_f64(calibration.probability(score.to_f64()));
        }
    }

    /// Losses of outputs `[rows]` and of a base forecast `[columns]`, given the truth `[columns]`.
    pub(super) fn losses(&self, outputs: &[T], base: &[f64], truth: &[T]) -> (f64, f64) {
        let square = |a: f64, b: f64| (a - b) * (a - b);
        if let Kind::Classification { .. } = self.definition.kind {
            let class = truth[0].to_f64();
            let wrong = |found: f64| if found == class { 0.0 } else { 1.0 };
            return (wrong(argmax(outputs) as f64), wrong(base[0]));
        }
        let columns = outputs.iter().zip(base).zip(truth).zip(&self.rate.weight);
        columns.fold((0.0, 0.0), |(loss, of_base), (((y, base), truth), weight)| {
            let truth = truth.to_f64();
            (loss + weight * square(y.to_f64(), truth), of_base + weight * square(*base, truth))
        })
    }
}

/// That a truth is one this kind of head can have.
pub(super) fn check_truth<T: Real>(definition: &Definition, truth: &[T]) -> Result<(), Error> {
    let Definition { name, kind, .. } = definition;
    let what = || format!("the truth of head {name:?}");
    if truth.len() != kind.columns() {
        return Err(Error::shape(what(), kind.columns(), truth.len()));
    }
    if !truth.iter().all(|v| v.is_finite()) {
        Error::check_finite(&what(), truth)?;
    }
    let classes = match *kind {
        Kind::Regression { .. } => return Ok(()),
        Kind::Classification { classes } => classes,
        Kind::Probability => 2,
    };
    let class = truth[0].to_f64();
    if class >= 0.0 && class < classes as f64 && class.fract() == 0.0 {
        return Ok(());
    }
    let expected = format!("a whole number from 0 to {} (head {name:?})", classes - 1);
    Err(Error::Range { what: "a class or event", expected, found: class.to_string() })
}
