//! Choosing a ridge penalty, and the largest of scores.

use serde::{Deserialize, Serialize};

use super::ridge::{self, Candidate, Penalties, Solution};
use super::{Gram, TrainError};
use crate::error::Error;

/// How the ridge penalty is chosen. It is added to the Gram matrix of the features as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ridge {
    /// This one.
    Fixed(f64),
    /// The best of several; of equals the first.
    Grid {
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
    /// y from the weights found without the fold, on the features of that step. Keeps one Gram matrix per fold and one
    /// more, and runs the series once more, pieces of them side by side.
    KFold(usize),
}

impl Ridge {
    /// Penalties `10^from, 10^(from+1), .., 10^to`, judged by generalised cross-validation.
    pub fn decades(from: i32, to: i32) -> Self {
        let values = (from..=to).map(|exponent| libm::exp10(f64::from(exponent))).collect();
        Self::Grid { values, selection: Selection::Gcv }
    }

    /// That every penalty is in range, and that there is one.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let values = match self {
            Self::Fixed(ridge) => std::slice::from_ref(ridge),
            Self::Grid { values, .. } if values.is_empty() => return Err(TrainError::EmptyGrid),
            Self::Grid { values, .. } => values,
        };
        match values.iter().find(|ridge| !(**ridge >= 0.0 && ridge.is_finite())) {
            Some(&ridge) => Err(TrainError::Ridge { ridge }),
            None => Ok(()),
        }
    }

    /// That it can be chosen from sums alone; `why` says what folds would need.
    pub(crate) fn check_without_folds(&self, why: &'static str) -> Result<(), Error> {
        self.check()?;
        match self {
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
pub(crate) fn solve(gram: Gram, ridge: &Ridge, why_no_folds: &'static str) -> Result<Solution, Error> {
    ridge.check_without_folds(why_no_folds)?;
    match ridge {
        Ridge::Fixed(ridge) => Ok(ridge::solve(gram, *ridge)?),
        Ridge::Grid { values, .. } => {
            let mut penalties = Penalties::new(gram)?;
            let mut solutions = Vec::with_capacity(values.len());
            let mut candidates = Vec::with_capacity(values.len());
            for &ridge in values {
                let (candidate, solution) = penalties.gcv(ridge)?;
                candidates.push(candidate);
                solutions.push(solution);
            }
            let best = best(candidates)?;
            Ok(solutions.into_iter().find(|solution| solution.ridge == best).expect("the best is one of them"))
        }
    }
}

/// The penalty with the smallest finite score, the first of equals.
pub(crate) fn best(candidates: impl IntoIterator<Item = Candidate>) -> Result<f64, TrainError> {
    let (mut best, mut largest) = (None::<Candidate>, 0.0_f64);
    for candidate in candidates {
        largest = largest.max(candidate.ridge);
        if candidate.score.is_finite() && best.is_none_or(|best| candidate.score < best.score) {
            best = Some(candidate);
        }
    }
    best.map(|best| best.ridge).ok_or(TrainError::NoCandidate { largest })
}

/// Index of the largest value, the first of equals.
pub(crate) fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
