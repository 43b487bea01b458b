//! Scores of probabilities, with intervals that respect correlation in time.

use forebay::random::Seed;
use serde::Serialize;

use crate::stats::{quantile, square};

/// Resamples behind an interval.
const RESAMPLES: usize = 1000;

/// A number with its 95 % interval by a circular block bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The value on the data.
    pub value: f64,
    /// The 2.5 % quantile.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

impl Interval {
    /// Whether 0 lies in the interval, so that nothing may be claimed.
    pub fn contains_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

/// How good probabilities are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Share of outcomes on the side of 1/2 that was said.
    pub accuracy: Interval,
    /// Probability that a positive outcome had the higher probability of two; 1/2 without any skill.
    pub auc: Interval,
    /// Mean square of probability minus outcome.
    pub brier: Interval,
}

/// Scores probabilities against outcomes.
///
/// `block` is the length of a bootstrap block, ten integrated autocorrelation times: shorter ones leave out variance.
pub(super) fn score(probabilities: &[f64], outcomes: &[bool], block: usize, seed: Seed) -> Scores {
    let sorted = Sorted::new(probabilities, outcomes);
    let resampled = resamples(outcomes.len(), block, seed);
    let interval = |statistic: &dyn Fn(&[u32]) -> f64| {
        let values: Vec<f64> = resampled.iter().map(|counts| statistic(counts)).filter(|v| v.is_finite()).collect();
        let value = statistic(&vec![1; outcomes.len()]);
        Interval { value, low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
    };
    Scores {
        accuracy: interval(&|counts| {
            weighted(counts, |i| f64::from(u8::from((probabilities[i] > 0.5) == outcomes[i])))
        }),
        auc: interval(&|counts| sorted.auc(counts)),
        brier: interval(&|counts| weighted(counts, |i| square_error(probabilities[i], outcomes[i]))),
    }
}

/// The Brier score of the second minus that of the first, on the same outcomes: above 0 if the first is better.
pub(super) fn brier_gain(first: &[f64], second: &[f64], outcomes: &[bool], block: usize, seed: Seed) -> Interval {
    paired(first, second, outcomes, block, seed, square_error)
}

fn paired(
    first: &[f64],
    second: &[f64],
    outcomes: &[bool],
    block: usize,
    seed: Seed,
    loss: fn(f64, bool) -> f64,
) -> Interval {
    let differences: Vec<f64> =
        outcomes.iter().enumerate().map(|(i, &y)| loss(second[i], y) - loss(first[i], y)).collect();
    let statistic = |counts: &[u32]| weighted(counts, |i| differences[i]);
    let values: Vec<f64> = resamples(outcomes.len(), block, seed).iter().map(|counts| statistic(counts)).collect();
    let value = statistic(&vec![1; outcomes.len()]);
    Interval { value, low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
}

fn square_error(probability: f64, outcome: bool) -> f64 {
    square(probability - f64::from(u8::from(outcome)))
}

fn weighted(counts: &[u32], value: impl Fn(usize) -> f64) -> f64 {
    let (sum, n) = counts.iter().enumerate().fold((0.0, 0), |(sum, n), (i, &c)| (sum + f64::from(c) * value(i), n + c));
    sum / f64::from(n)
}

/// How often each row is in each resample: blocks that begin anywhere and go round the end.
fn resamples(rows: usize, block: usize, seed: Seed) -> Vec<Vec<u32>> {
    let mut stream = seed.stream("bootstrap");
    let block = block.clamp(1, rows.max(1));
    let one = |_| {
        let mut counts = vec![0; rows];
        let mut drawn = 0;
        while drawn < rows {
            let start = stream.below(rows as u64) as usize;
            for k in 0..block.min(rows - drawn) {
                counts[(start + k) % rows] += 1;
            }
            drawn += block;
        }
        counts
    };
    (0..RESAMPLES).map(one).collect()
}

/// Outcomes in the order of their probabilities, equal ones together.
struct Sorted {
    /// Row and outcome, ascending.
    order: Vec<(usize, bool)>,
    /// Whether the next one's probability is the same.
    tied: Vec<bool>,
}

impl Sorted {
    fn new(probabilities: &[f64], outcomes: &[bool]) -> Self {
        let mut order: Vec<usize> = (0..outcomes.len()).collect();
        order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        let tied = order
            .iter()
            .zip(order.iter().skip(1).map(Some).chain([None]))
            .map(|(&a, b)| b.is_some_and(|&b| probabilities[a] == probabilities[b]))
            .collect();
        Self { order: order.into_iter().map(|row| (row, outcomes[row])).collect(), tied }
    }

    /// Pairs in the right order, ties counted half, over all pairs of different outcomes.
    fn auc(&self, counts: &[u32]) -> f64 {
        let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
        let (mut group_negative, mut group_positive) = (0.0, 0.0);
        for (&(row, outcome), &tied) in self.order.iter().zip(&self.tied) {
            *if outcome { &mut group_positive } else { &mut group_negative } += f64::from(counts[row]);
            if !tied {
                pairs += group_positive * (below + 0.5 * group_negative);
                below += group_negative;
                positives += group_positive;
                (group_negative, group_positive) = (0.0, 0.0);
            }
        }
        pairs / (positives * below)
    }
}

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Mean probability said.
    pub said: f64,
    /// Share that came true.
    pub seen: f64,
    /// Number of outcomes.
    pub count: usize,
}

/// Outcomes in ten bins of equal numbers, by rising probability.
pub(super) fn reliability(probabilities: &[f64], outcomes: &[bool]) -> Vec<Bin> {
    let sorted = Sorted::new(probabilities, outcomes);
    let size = sorted.order.len().div_ceil(10).max(1);
    let bin = |rows: &[(usize, bool)]| {
        let n = rows.len() as f64;
        Bin {
            said: rows.iter().map(|&(row, _)| probabilities[row]).sum::<f64>() / n,
            seen: rows.iter().filter(|(_, outcome)| *outcome).count() as f64 / n,
            count: rows.len(),
        }
    };
    sorted.order.chunks(size).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four outcomes by hand: of the four pairs of different outcomes three are in order and one is tied.
    #[test]
    fn scores_by_hand() {
        let (p, y) = ([0.2, 0.6, 0.6, 0.9], [false, false, true, true]);
        let scores = score(&p, &y, 1, Seed(1));
        assert!((scores.auc.value - 3.5 / 4.0).abs() < 1e-15);
        assert!((scores.accuracy.value - 0.75).abs() < 1e-15);
        assert!((scores.brier.value - (0.04 + 0.36 + 0.16 + 0.01) / 4.0).abs() < 1e-15);
        assert!(scores.brier.low <= scores.brier.value && scores.brier.value <= scores.brier.high);
    }

    /// Independent coin tosses: the interval of the accuracy is that of the binomial distribution.
    #[test]
    fn intervals_have_the_width_of_theory() {
        let mut stream = Seed(2).stream("coins");
        let y: Vec<bool> = (0..2000).map(|_| stream.uniform() < 0.7).collect();
        let scores = score(&vec![0.7; 2000], &y, 1, Seed(3));
        let width = scores.accuracy.high - scores.accuracy.low;
        assert!((width - 2.0 * 1.96 * (0.21_f64 / 2000.0).sqrt()).abs() < 0.006, "{width}");
        assert!((scores.auc.value - 0.5).abs() < 1e-12);
        let gain = brier_gain(&vec![0.7; 2000], &vec![0.7; 2000], &y, 1, Seed(3));
        assert!(gain.contains_zero() && gain.value == 0.0);
    }

    #[test]
    fn a_diagram_holds_every_outcome() {
        let p: Vec<f64> = (0..95).map(|i| f64::from(i) / 95.0).collect();
        let bins = reliability(&p, &[true; 95]);
        assert_eq!(bins.iter().map(|b| b.count).sum::<usize>(), 95);
        assert!(bins.iter().all(|b| b.seen == 1.0));
        // Outcome and probability of a bin belong together: 95 evenly spaced values in order, each with its own share.
        assert!(bins.windows(2).all(|pair| pair[0].said < pair[1].said));
        let sum: f64 = bins.iter().map(|b| b.said * b.count as f64).sum();
        assert!((sum - p.iter().sum::<f64>()).abs() < 1e-12, "{sum}");
    }
}
