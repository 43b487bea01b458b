//! How trials get their values, and with what budgets they are scored.

use serde::{Deserialize, Serialize};

use super::error::SearchError;

/// How the values of a trial are chosen.
///
/// Neither depends on threads, on shards, or on which trial ends first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Sampler {
    /// Trial k is drawn from the ranges; it depends on the seed and k alone.
    ///
    /// # Source
    /// J. Bergstra, Y. Bengio, Journal of Machine Learning Research 13, 281 (2012).
    Random,
    /// Trial k is what promises most, after the scores of earlier trials.
    Tpe(Tpe),
}

/// A tree-structured Parzen estimator: of `candidates` draws from a density l of the good trials, the one with the largest
/// `l / g`, where g is the density of the rest, those that failed among them.
///
/// With n trials scored, the best n / 10 (rounded up, 25 at most) are good. A density is the mean of one kernel per trial and
/// one flat kernel. A kernel is a product over settings: of normal densities on the range's own axis, cut at its ends, as wide as
/// the larger gap to the next trial on either side; and of labels of which the trial's own is more likely. So settings that
/// matter together are learnt together.
///
/// Trial number j of a [chain](super::Study::chains) sees the scores of all trials of its chain below `j - j mod batch`. Of
/// the rest, the 500 latest count.
///
/// # Source
/// J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", Advances in Neural
/// Information Processing Systems 24 (2011), section 4; products of kernels: S. Falkner, A. Klein, F. Hutter, "BOHB",
/// Proceedings of the 35th International Conference on Machine Learning (2018).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tpe {
    /// Trials of each chain that are drawn at random first, 1 or more.
    pub startup: u64,
    /// Draws of which the best is tried, 1 to 10,000.
    pub candidates: u32,
    /// Trials of a chain that are chosen after the same scores, so that they can run side by side, 1 or more.
    pub batch: u64,
}

impl Default for Tpe {
    /// 10 random trials, 64 draws, batches of 4.
    fn default() -> Self {
        Self { startup: 10, candidates: 64, batch: 4 }
    }
}

impl Sampler {
    pub(super) fn check(&self) -> Result<(), SearchError> {
        let Self::Tpe(Tpe { startup, candidates, batch }) = *self else { return Ok(()) };
        at_least_one("the number of random trials of TPE", startup)?;
        at_least_one("the batch of TPE", batch)?;
        if !(1..=10_000).contains(&candidates) {
            let expected = "1 to 10000".to_owned();
            let what = "the number of candidates of TPE";
            return Err(SearchError::Range { what, expected, found: candidates.into() });
        }
        Ok(())
    }
}

/// Budgets that trials are scored with: one for all, or successive halving.
///
/// A budget is a count that the objective gives a meaning: steps of training data, reservoirs per trial. Scores with
/// different budgets are never compared.
///
/// Halving: every trial is scored with the smallest budget. Then the best 1 in `factor` of each [chain](super::Study::chains)
/// (rounded up; those that failed never) are scored with `factor` times the budget, and so on; the last rung has the largest
/// budget. With budgets b and n trials, each rung costs about `n b` steps: all of it about as much as `n b / B` trials per rung with
/// the largest budget B.
///
/// # Source
/// K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", Proceedings of the
/// 19th International Conference on Artificial Intelligence and Statistics (2016).
///
/// ```
/// use forebay::search::Budgets;
///
/// assert_eq!(Budgets::halving(100, 1000, 3).rungs(), [100, 300, 1000]);
/// assert_eq!(Budgets::fixed(5).rungs(), [5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// The first one, at least 1.
    pub smallest: u64,
    /// The last one.
    pub largest: u64,
    /// From one to the next, at least 2.
    pub factor: u64,
}

impl Budgets {
    /// The same budget for every trial.
    pub const fn fixed(budget: u64) -> Self {
        Self { smallest: budget, largest: budget, factor: 2 }
    }

    /// Successive halving from `smallest` to `largest`.
    pub const fn halving(smallest: u64, largest: u64, factor: u64) -> Self {
        Self { smallest, largest, factor }
    }

    /// `smallest factor^i` for every i with which this is not above `largest`; the last one is `largest` itself.
    pub fn rungs(&self) -> Vec<u64> {
        let rises = |budget: u64, next: u64| next > budget && next <= self.largest;
        let next = |budget: &u64| budget.checked_mul(self.factor).filter(|next| rises(*budget, *next));
        let mut rungs: Vec<u64> = std::iter::successors(Some(self.smallest), next).collect();
        if let Some(last) = rungs.last_mut() {
            *last = self.largest;
        }
        rungs
    }

    /// Whether there is more than one.
    pub fn is_halving(&self) -> bool {
        self.rungs().len() > 1
    }

    pub(super) fn check(&self) -> Result<(), SearchError> {
        at_least_one("the smallest budget", self.smallest)?;
        let range = |what, expected, found| Err(SearchError::Range { what, expected, found });
        if self.largest < self.smallest {
            return range("the largest budget", format!("at least the smallest, {}", self.smallest), self.largest);
        }
        if self.factor < 2 {
            return range("the factor of halving", "at least 2".to_owned(), self.factor);
        }
        if self.largest > self.smallest && !self.is_halving() {
            // Every trial would get the largest budget, and nothing be halved.
            let expected = format!("at most {}, so that there is a rung below the last", self.largest / self.smallest);
            return range("the factor of halving", expected, self.factor);
        }
        Ok(())
    }
}

pub(super) fn at_least_one(what: &'static str, found: u64) -> Result<(), SearchError> {
    if found == 0 {
        return Err(SearchError::Range { what, expected: "at least 1".to_owned(), found });
    }
    Ok(())
}
