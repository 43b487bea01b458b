//! One head: its numbers, what it says, and what it loses against its base rate.

use forebay_kernels::Real;
use ndarray::{Array1, Array2};

use super::layout::{Base, Definition, HeadKind};
use super::past::Past;
use super::probability::Calibration;
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer, must};
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
    pub(super) fn of(kind: HeadKind, outputs: &'a [T]) -> Self {
        match kind {
            HeadKind::Regression { .. } => Self::Values(outputs),
            HeadKind::Classification { .. } => Self::Class(argmax(outputs), outputs),
            HeadKind::Probability => Self::Probability(outputs[0]),
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
    pub(super) fn of<T: Real>(kind: HeadKind, truth: ndarray::ArrayView2<'_, T>) -> Self {
        let mean = |column: ndarray::ArrayView1<'_, T>| metrics::mean(column.iter().map(|v| v.to_f64()));
        let means: Vec<f64> = truth.columns().into_iter().map(mean).collect();
        match kind {
            HeadKind::Regression { .. } => {
                let spread = |column: ndarray::ArrayView1<'_, T>| Spread::of(column.iter().map(|v| v.to_f64()));
                let weight = |column| spread(column).map(|s| s.precision()).filter(|w| w.is_finite()).unwrap_or(1.0);
                let weight = truth.columns().into_iter().map(weight).collect();
                Self { forecast: means, weight }
            }
            HeadKind::Classification { classes } => {
                let mut counts = vec![0_usize; classes];
                truth.iter().for_each(|class| counts[class.to_f64() as usize] += 1);
                Self { forecast: vec![argmax(&counts) as f64], weight: vec![1.0] }
            }
            HeadKind::Probability => Self { forecast: means, weight: vec![1.0] },
        }
    }
}

impl BaseRate {
    fn write(&self, kind: HeadKind, to: &mut Writer) {
        to.floats(&self.forecast);
        if matches!(kind, HeadKind::Regression { .. }) {
            to.floats(&self.weight);
        }
    }

    fn read(kind: HeadKind, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let field = "base rate of a head";
        let forecast = from.floats(field, kind.columns())?;
        let fits = match kind {
            HeadKind::Regression { .. } => {
                let weight = from.floats("weights of a head's errors", kind.columns())?;
                must(weight.iter().all(|w| *w >= 0.0), "weights of a head's errors", || "are negative")?;
                return Ok(Self { forecast, weight });
            }
            HeadKind::Classification { classes } => is_class(forecast[0], classes),
            HeadKind::Probability => (0.0..=1.0).contains(&forecast[0]),
        };
        must(fits, field, || format!("is {}, which it cannot be", forecast[0]))?;
        Ok(Self { forecast, weight: vec![1.0] })
    }
}

impl<T: Real> Head<T> {
    pub(super) fn write(&self, to: &mut Writer) {
        self.definition.write(to);
        to.values(&self.weights);
        to.values(&self.bias);
        self.rate.write(self.definition.kind, to);
        if let Some(Calibration { slope, intercept }) = &self.calibration {
            to.floats([slope, intercept]);
        }
    }

    /// One that reads so many features.
    pub(super) fn read(features: usize, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let definition = Definition::read(from)?;
        let (kind, rows) = (definition.kind, definition.kind.rows());
        let weights = from.values("weights of a head", rows.saturating_mul(features))?;
        let weights = Array2::from_shape_vec((rows, features), weights);
        let weights = weights.map_err(|why| KeepError::content("weights of a head", why))?;
        let bias = Array1::from(from.values::<T>("biases of a head", rows)?);
        let rate = BaseRate::read(kind, from)?;
        let calibration = match kind {
            HeadKind::Probability => {
                let mut number = || from.float("calibration of a head");
                Some(Calibration { slope: number()?, intercept: number()? })
            }
            HeadKind::Regression { .. } | HeadKind::Classification { .. } => None,
        };
        Ok(Self { definition, weights, bias, rate, calibration })
    }

    /// Whether its base forecast moves with the truth.
    pub(super) fn persists(&self) -> bool {
        matches!(self.definition.kind, HeadKind::Regression { base: Base::Persistence, .. })
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
        if let HeadKind::Classification { .. } = self.definition.kind {
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
        HeadKind::Regression { .. } => return Ok(()),
        HeadKind::Classification { classes } => classes,
        HeadKind::Probability => 2,
    };
    let class = truth[0].to_f64();
    if is_class(class, classes) {
        return Ok(());
    }
    let expected = format!("a whole number from 0 to {} (head {name:?})", classes - 1);
    Err(Error::Range { what: "a class or event", expected, found: class.to_string() })
}

fn is_class(class: f64, classes: usize) -> bool {
    class >= 0.0 && class < classes as f64 && class.fract() == 0.0
}
