//! Choosing a ridge penalty, and the largest of scores.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::ridge::{self, Candidate, Penalties, RidgeSolution};
use super::{Gram, TrainError};
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer};

/// How the ridge penalty is chosen. It is added to the Gram matrix of the features as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ridge {
    /// This one.
    Fixed(f64),
    /// The best of several; of equals the first. One for all heads that read the same nodes, as far as their outputs have
    /// targets at the same steps.
    Grid {
        /// Penalties to try, at least one, each finite and at least 0.
        values: Vec<f64>,
        /// How they are judged.
        selection: Selection,
    },
    /// One for each output of the model, `[outputs]`, all heads one after the other. Penalties that are equal share a factor:
    /// each other one costs one more.
    PerOutput(Vec<f64>),
    /// The best of several for each output by itself, as if it were the only one; of equals the first.
    GridPerOutput {
        /// Penalties to try, at least one, each finite and at least 0.
        values: Vec<f64>,
        /// How they are judged.
        selection: Selection,
    },
}

/// How the penalties of a grid are judged. Outputs whose target is constant do not count; if all are, every penalty
/// is as good as the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Generalised cross-validation: see [`Penalties::gcv`](super::ridge::Penalties::gcv).
    Gcv,
    /// Cross-validation with this many contiguous folds of the steps, at least 2, with 2 steps or more in each:
    ///
    /// ```text
    /// score = mean over outputs of  sum over folds, steps t of the fold of (y_t - y*_t)^2  /  sum over all t of (y*_t - mean y*)^2
    /// ```
    ///
    /// y from the weights found without the fold, on the features of that step. Sums and the mean are weighted if steps have
    /// weights; folds are even in number of steps, whatever those weigh, and have no step without weight or target in them.
    /// Keeps one Gram matrix per fold and one more for each set of heads that read the same nodes and have targets at the same
    /// steps, and runs the series once more, pieces of them side by side.
    KFold(usize),
}

impl Ridge {
    /// Penalties `10^from, 10^(from+1), .., 10^to`, judged by generalised cross-validation.
    pub fn decades(from: i32, to: i32) -> Self {
        let values = (from..=to).map(|exponent| libm::exp10(f64::from(exponent))).collect();
        Self::Grid { values, selection: Selection::Gcv }
    }

    fn values(&self) -> &[f64] {
        match self {
            Self::Fixed(ridge) => std::slice::from_ref(ridge),
            Self::Grid { values, .. } | Self::PerOutput(values) | Self::GridPerOutput { values, .. } => values,
        }
    }

    /// How many folds judge it, if folds do.
    pub(super) fn folds(&self) -> Option<usize> {
        match *self {
            Self::Grid { selection: Selection::KFold(count), .. }
            | Self::GridPerOutput { selection: Selection::KFold(count), .. } => Some(count),
            _ => None,
        }
    }

    /// That every penalty is in range, and that there is one.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let is_grid = matches!(self, Self::Grid { .. } | Self::GridPerOutput { .. });
        if is_grid && self.values().is_empty() {
            return Err(TrainError::EmptyGrid);
        }
        match self.values().iter().find(|ridge| !(**ridge >= 0.0 && ridge.is_finite())) {
            Some(&ridge) => Err(TrainError::Ridge { ridge }),
            None => Ok(()),
        }
    }

    /// That there are as many as outputs, where each has its own.
    pub(super) fn check_outputs(&self, outputs: usize) -> Result<(), TrainError> {
        match self {
            Self::PerOutput(ridges) if ridges.len() != outputs => {
                Err(TrainError::Penalties { penalties: ridges.len(), outputs })
            }
            _ => Ok(()),
        }
    }

    /// That it is one for all outputs and can be chosen from sums alone; `why` says what folds would need.
    pub(crate) fn check_without_folds(&self, why: &'static str) -> Result<(), Error> {
        self.check()?;
        match self {
            Self::PerOutput(_) | Self::GridPerOutput { .. } => Err(Error::Misuse {
                what: "only `Training` gives outputs penalties of their own",
                instead: "give one ridge for all outputs, or a grid to choose one from".to_owned(),
            }),
            Self::Grid { selection: Selection::KFold(_), .. } => Err(Error::Misuse {
                what: why,
                instead: "choose the ridge by generalised cross-validation, or on held-out data".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

impl From<f64> for Ridge {
    fn from(ridge: f64) -> Self {
        Self::Fixed(ridge)
    }
}

/// The weights for a fixed penalty, or for the best of a grid by generalised cross-validation; folds are refused, with
/// the reason `why_no_folds`.
pub(crate) fn solve(gram: Gram, ridge: &Ridge, why_no_folds: &'static str) -> Result<RidgeSolution, Error> {
    ridge.check_without_folds(why_no_folds)?;
    if let Ridge::Fixed(ridge) = ridge {
        return Ok(ridge::solve(gram, *ridge)?);
    }
    let mut penalties = Penalties::new(gram)?;
    let mut solutions = Vec::with_capacity(ridge.values().len());
    let mut candidates = Vec::with_capacity(ridge.values().len());
    for &ridge in ridge.values() {
        let (candidate, solution) = penalties.gcv(ridge)?;
        candidates.push(candidate);
        solutions.push(solution);
    }
    let best = best(candidates)?;
    Ok(solutions.into_iter().find(|solution| solution.ridge == best).expect("the best is one of them"))
}

/// Weights of outputs that may have penalties of their own.
pub(super) struct Outcome {
    /// `[outputs, features]`.
    pub(super) weights: Array2<f64>,
    /// `[outputs]`, like the others.
    pub(super) bias: Array1<f64>,
    pub(super) ridges: Vec<f64>,
    pub(super) ranks: Vec<usize>,
}

impl From<RidgeSolution> for Outcome {
    fn from(RidgeSolution { weights, bias, ridge, rank, .. }: RidgeSolution) -> Self {
        let outputs = bias.len();
        Self { weights, bias, ridges: vec![ridge; outputs], ranks: vec![rank; outputs] }
    }
}

impl Outcome {
    pub(super) fn zeros(outputs: usize, features: usize) -> Self {
        let (weights, bias) = (Array2::zeros((outputs, features)), Array1::zeros(outputs));
        Self { weights, bias, ridges: vec![0.0; outputs], ranks: vec![0; outputs] }
    }

    /// Takes output `row` of another one as output `output`.
    pub(super) fn take(&mut self, output: usize, other: &Self, row: usize) {
        self.weights.row_mut(output).assign(&other.weights.row(row));
        self.bias[output] = other.bias[row];
        self.ridges[output] = other.ridges[row];
        self.ranks[output] = other.ranks[row];
    }

    /// The weights for one penalty per output: a factor for each that differs.
    pub(super) fn of(gram: Gram, ridges: &[f64]) -> Result<Self, TrainError> {
        let mut outcome = Self::zeros(ridges.len(), gram.features());
        let mut penalties = Penalties::new(gram)?;
        for (first, ridge) in ridges.iter().enumerate() {
            let is_it = |other: &f64| other.to_bits() == ridge.to_bits();
            if ridges[..first].iter().any(is_it) {
                continue;
            }
            let outputs: Vec<usize> = (first..ridges.len()).filter(|&output| is_it(&ridges[output])).collect();
            let solution = Self::from(penalties.solution_of(&outputs, *ridge)?);
            outputs.into_iter().enumerate().for_each(|(row, output)| outcome.take(output, &solution, row));
        }
        Ok(outcome)
    }

    /// The weights for the best penalty of a grid for each output, by generalised cross-validation.
    fn best_of(gram: Gram, values: &[f64]) -> Result<Self, TrainError> {
        let mut outcome = Self::zeros(gram.outputs(), gram.features());
        let mut penalties = Penalties::new(gram)?;
        let (mut judged, mut outcomes) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        for &ridge in values {
            let (judgement, solution) = penalties.judge(ridge)?;
            judged.push(judgement);
            outcomes.push(Self::from(solution));
        }
        for output in 0..outcome.bias.len() {
            let scores = judged.iter().map(|judged| judged.score_of(output));
            let best = place(values.iter().copied().zip(scores))?;
            outcome.take(output, &outcomes[best], output);
        }
        Ok(outcome)
    }
}

/// The weights for the penalties of these columns of all outputs; folds have been dealt with.
pub(super) fn solve_columns(gram: Gram, ridge: &Ridge, columns: &[usize]) -> Result<Outcome, Error> {
    match ridge {
        Ridge::PerOutput(ridges) => {
            let ridges: Vec<f64> = columns.iter().map(|&column| ridges[column]).collect();
            Ok(Outcome::of(gram, &ridges)?)
        }
        Ridge::GridPerOutput { values, .. } => Ok(Outcome::best_of(gram, values)?),
        _ => Ok(solve(gram, ridge, "only folds need their steps again")?.into()),
    }
}

/// The penalty with the smallest finite score, the first of equals.
pub(crate) fn best(candidates: impl IntoIterator<Item = Candidate>) -> Result<f64, TrainError> {
    let candidates: Vec<(f64, f64)> = candidates.into_iter().map(|c| (c.ridge, c.score)).collect();
    Ok(candidates[place(candidates.iter().copied())?].0)
}

/// The place of that penalty among pairs of penalty and score.
fn place(candidates: impl Iterator<Item = (f64, f64)>) -> Result<usize, TrainError> {
    let (mut best, mut largest) = (None::<(usize, f64)>, 0.0_f64);
    for (place, (ridge, score)) in candidates.enumerate() {
        largest = largest.max(ridge);
        if score.is_finite() && best.is_none_or(|(_, best)| score < best) {
            best = Some((place, score));
        }
    }
    best.map(|(place, _)| place).ok_or(TrainError::NoCandidate { largest })
}

/// Index of the largest value, the first of equals.
pub(crate) fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

impl Ridge {
    pub(crate) fn write(&self, to: &mut Writer) {
        let (tag, selection) = match self {
            Self::Fixed(_) => (0, None),
            Self::Grid { selection, .. } => (1, Some(*selection)),
            Self::PerOutput(_) => (2, None),
            Self::GridPerOutput { selection, .. } => (3, Some(*selection)),
        };
        to.tag(tag);
        to.count(self.values().len());
        to.floats(self.values());
        if let Some(selection) = selection {
            to.flag(matches!(selection, Selection::KFold(_)));
            if let Selection::KFold(count) = selection {
                to.count(count);
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let tag = from.tag("kind of ridge", 4)?;
        let count = from.count("number of penalties", 1, if tag == 0 { 1 } else { usize::MAX })?;
        let values = from.floats("penalties", count)?;
        let mut selection = || {
            let is_folds = from.flag("mark of folds")?;
            let folds = if is_folds { Some(from.count("number of folds", 0, usize::MAX)?) } else { None };
            Ok::<_, KeepError>(folds.map_or(Selection::Gcv, Selection::KFold))
        };
        let ridge = match tag {
            0 => Self::Fixed(values[0]),
            1 => Self::Grid { selection: selection()?, values },
            2 => Self::PerOutput(values),
            _ => Self::GridPerOutput { selection: selection()?, values },
        };
        ridge.check().map_err(|why| KeepError::content("penalties", why))?;
        Ok(ridge)
    }
}
