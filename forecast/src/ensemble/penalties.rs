//! Penalties of groups of features, by the errors out of fold.

use std::ops::RangeInclusive;

use forebay::threads;

use super::kept::{KeepError, must, must_be};
use super::layout::Group;
use super::sums::Sums;

/// Decades of a penalty, as a share of what a group's features vary by.
const DECADES: RangeInclusive<i32> = -7..=2;

/// The decade that groups start at.
const START: i32 = -3;

/// A penalty for each group of the features after the first, which is 1 and has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Penalties {
    groups: Vec<Group>,
    /// Powers of ten.
    decades: Vec<i32>,
    /// What a penalty of 1 is: rows times variance of the group's features.
    sizes: Vec<f64>,
}

impl Penalties {
    fn new(groups: Vec<Group>, folds: &[(Sums, Sums)], from: Option<&Self>) -> Self {
        // All that is known of sizes comes from what precedes the first origin.
        let rows = |(before, block): &(Sums, Sums)| before.rows() + block.rows();
        let all = folds.last().map_or(1, rows) as f64;
        let size = |group: &Group| {
            let variances = group.features.clone().map(|feature| folds.first().map_or(1.0, |f| f.0.variance(feature)));
            all * (variances.sum::<f64>() / group.features.len() as f64).max(1e-12)
        };
        let sizes = groups.iter().map(size).collect();
        let decade = |group: &Group| {
            let known = from.and_then(|from| from.groups.iter().position(|other| other.name == group.name));
            known.zip(from).map_or(START, |(place, from)| from.decades[place])
        };
        let decades = groups.iter().map(decade).collect();
        Self { groups, decades, sizes }
    }

    /// One for each feature.
    pub(super) fn of_features(&self) -> Vec<f64> {
        let mut all = vec![0.0];
        for ((group, decade), size) in self.groups.iter().zip(&self.decades).zip(&self.sizes) {
            all.resize(group.features.end, libm::exp10(f64::from(*decade)) * size);
        }
        all
    }

    /// Powers of ten, and what a penalty of 1 is.
    pub(super) fn kept(&self) -> (Vec<i32>, Vec<f64>) {
        (self.decades.clone(), self.sizes.clone())
    }

    /// Of the first of these groups.
    pub(super) fn open((decades, sizes): (Vec<i32>, Vec<f64>), mut groups: Vec<Group>) -> Result<Self, KeepError> {
        must(!decades.is_empty() && decades.len() <= groups.len(), "penalties", || {
            format!("are {} of {} groups", decades.len(), groups.len())
        })?;
        groups.truncate(decades.len());
        must_be("sizes of penalties", sizes.len(), Some(decades.len()))?;
        must(decades.iter().all(|decade| DECADES.contains(decade)), "penalties", || "are out of range")?;
        let positive = sizes.iter().all(|size| *size > 0.0 && size.is_finite());
        must(positive, "sizes of penalties", || "are not all above 0")?;
        Ok(Self { groups, decades, sizes })
    }

    /// The last feature that has one, and one more.
    pub(super) fn features(&self) -> usize {
        self.groups.last().map_or(1, |group| group.features.end)
    }

    /// Names of the groups and their penalties, as shares of the features' sums of squares.
    pub(super) fn told(&self) -> Vec<(String, f64)> {
        let one = |(group, decade): (&Group, &i32)| (group.name.to_owned(), libm::exp10(f64::from(*decade)));
        self.groups.iter().zip(&self.decades).map(one).collect()
    }

    /// The squared error of all blocks, each forecast from what precedes it; infinite if weights cannot be told.
    fn error(&self, folds: &[(Sums, Sums)]) -> f64 {
        let penalties = self.of_features();
        let one = |(before, block): &(Sums, Sums)| {
            before.solve(&penalties).map_or(f64::INFINITY, |weights| block.error(&weights))
        };
        folds.iter().map(one).sum()
    }

    fn with(&self, group: usize, decade: i32) -> Self {
        let mut other = self.clone();
        other.decades[group] = decade;
        other
    }
}

/// Searches one group after the other: the largest penalty whose error is within a tolerance of the best, as
/// errors of forecasts `horizon` steps ahead say little apart. From given penalties on, the groups they have move by a decade only.
/// Gives the squared error, too.
pub(super) fn search(
    folds: &[(Sums, Sums)],
    groups: Vec<Group>,
    horizon: usize,
    from: Option<&Penalties>,
) -> (Penalties, f64) {
    let judged: usize = folds.iter().map(|(_, block)| block.rows()).sum();
    let tolerance = 1.0 + 0.002 + 0.5 * horizon as f64 / judged.max(1) as f64;
    let mut penalties = Penalties::new(groups, folds, from);
    let mut error = penalties.error(folds);
    let sweeps = if from.is_some() { 1 } else { 2 };
    for _ in 0..sweeps {
        // The last group first: it is the one that given penalties do not have.
        for group in (0..penalties.groups.len()).rev() {
            let now = penalties.decades[group];
            let is_given = from.is_some_and(|from| from.groups.contains(&penalties.groups[group]));
            let range = if is_given { now - 1..=now + 1 } else { DECADES };
            let decades: Vec<i32> = range.filter(|decade| DECADES.contains(decade)).collect();
            let errors = threads::map(decades.iter().copied(), |decade| {
                if decade == now { error } else { penalties.with(group, decade).error(folds) }
            });
            let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
            let chosen = decades.iter().zip(&errors).rev().find(|(_, error)| **error <= tolerance * least);
            if let Some((&decade, &chosen)) = chosen {
                penalties.decades[group] = decade;
                error = chosen;
            }
        }
    }
    (penalties, error)
}
