//! A window that is as long as its mean is constant.

use super::{Detector, positive, range};
use crate::error::Error;

/// Buckets of one size that are kept; one more and the two oldest become one of twice the size.
const PER_ROW: usize = 5;
/// Sizes 1, 2, 4, .., 2^23: the oldest samples of a longer window are dropped.
const ROWS: usize = 24;
/// Samples between two searches for a cut.
const CLOCK: u32 = 4;
/// Samples before the first search.
const GRACE: f64 = 30.0;
/// Samples on either side of a cut, at least.
const LEAST: f64 = 5.0;

/// Adaptive windowing: the means of any two parts of the window agree, or the older part is out of date.
///
/// ```text
/// cut between n0 old and n1 new samples, n = n0 + n1, if |mean0 - mean1| >= eps_cut
/// eps_cut = sqrt(2 s^2 L / m) + 2 L / (3 m)      L = ln(2 n / delta)      m = 1 / (1/n0 + 1/n1)
/// ```
///
/// with `s^2` the variance of the window. The window is an exponential histogram: a sum and a sum of squares for each of at
/// most 5 buckets of every power of two, so memory is fixed and cuts are tried between buckets only. A search is made every
/// fourth sample from the 30th on. The statistic is the largest `L` that any cut still exceeds: its evidence. With a delta its threshold grows with the window, and false alarms become ever rarer; with a
/// [fixed threshold](Self::with_threshold) they come at a steady rate, which is what a monitor is asked for.
///
/// The bound's last term takes samples for bounded by 1, in whatever units they come.
///
/// # Source
/// A. Bifet, R. Gavalda, "Learning from time-changing data with adaptive windowing", SIAM Data Mining (2007), theorem 3.2
/// and section 4.
///
/// ```
/// use forebay::drift::{Adwin, Detector};
///
/// let mut adwin = Adwin::new(0.002)?;
/// assert!((0..1000).all(|t| adwin.update(f64::from(t % 2)) < 1.0));
/// let delay = (0..1000).position(|t| adwin.update(1.0 + f64::from(t % 2)) >= 1.0);
/// assert!(delay.is_some_and(|delay| delay < 40));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adwin {
    limit: Limit,
    /// Oldest first within a row; row r holds buckets of 2^r samples.
    buckets: [[Bucket; PER_ROW + 1]; ROWS],
    filled: [usize; ROWS],
    total: Bucket,
    samples: f64,
    clock: u32,
    /// Samples after the best cut of the last search.
    since: f64,
    skipped: u64,
}

/// What `L` is compared with.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Delta(f64),
    Fixed(f64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    sum: f64,
    squares: f64,
}

impl Bucket {
    fn plus(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, squares: self.squares + other.squares }
    }
}

impl Adwin {
    /// With the confidence `delta` of the bound.
    ///
    /// # Errors
    /// [`Error::Range`] unless delta is in (0, 1).
    pub fn new(delta: f64) -> Result<Self, Error> {
        if !(delta > 0.0 && delta < 1.0) {
            return Err(range("delta", "above 0 and below 1", delta));
        }
        Ok(Self::empty(Limit::Delta(delta)))
    }

    /// With a fixed threshold for `L`.
    ///
    /// # Errors
    /// [`Error::Range`] unless the threshold is finite and above 0.
    pub fn with_threshold(threshold: f64) -> Result<Self, Error> {
        positive("threshold", threshold)?;
        Ok(Self::empty(Limit::Fixed(threshold)))
    }

    fn empty(limit: Limit) -> Self {
        Self {
            limit,
            buckets: [[Bucket::default(); PER_ROW + 1]; ROWS],
            filled: [0; ROWS],
            total: Bucket::default(),
            samples: 0.0,
            clock: 0,
            since: 0.0,
            skipped: 0,
        }
    }

    /// Samples in the window.
    pub fn window(&self) -> u64 {
        self.samples as u64
    }

    fn insert(&mut self, sample: f64) {
        let mut bucket = Bucket { sum: sample, squares: sample * sample };
        self.total = self.total.plus(bucket);
        self.samples += 1.0;
        for row in 0..ROWS {
            let filled = self.filled[row];
            self.buckets[row][filled] = bucket;
            self.filled[row] = filled + 1;
            if filled < PER_ROW {
                return;
            }
            let [first, second, ..] = self.buckets[row];
            bucket = first.plus(second);
            self.buckets[row].copy_within(2.., 0);
            self.filled[row] -= 2;
        }
        // Beyond the last row: the two oldest buckets leave the window.
        self.total = Bucket { sum: self.total.sum - bucket.sum, squares: self.total.squares - bucket.squares };
        self.samples -= 2.0 * size_of_row(ROWS - 1);
    }

    /// The largest `L` of any cut, from `a sqrt(L) + b L = |mean0 - mean1|`.
    fn search(&mut self) -> f64 {
        let n = self.samples;
        let mean = self.total.sum / n;
        let variance = (self.total.squares / n - mean * mean).max(0.0);
        let (mut best, mut old, mut sum) = (0.0, 0.0, 0.0);
        for row in (0..ROWS).rev() {
            for bucket in &self.buckets[row][..self.filled[row]] {
                old += size_of_row(row);
                sum += bucket.sum;
                let new = n - old;
                if old < LEAST || new < LEAST {
                    continue;
                }
                let (per_old, per_new) = (1.0 / old, 1.0 / new);
                let distance = (sum * per_old - (self.total.sum - sum) * per_new).abs();
                let inverse = per_old + per_new;
                let (a_squared, b) = (2.0 * variance * inverse, 2.0 / 3.0 * inverse);
                // Most cuts are told apart without a root.
                if distance * distance <= a_squared * best * best {
                    continue;
                }
                let root = ((a_squared + 4.0 * b * distance).sqrt() - a_squared.sqrt()) / (2.0 * b);
                if root > best {
                    (best, self.since) = (root, new);
                }
            }
        }
        best * best
    }
}

fn size_of_row(row: usize) -> f64 {
    (1_u64 << row) as f64
}

impl Detector for Adwin {
    fn update(&mut self, sample: f64) -> f64 {
        // A square beyond f64 would stay in the sums for good.
        if !(sample * sample).is_finite() {
            self.skipped += 1;
            return 0.0;
        }
        self.insert(sample);
        self.clock += 1;
        if self.clock < CLOCK || self.samples < GRACE {
            return 0.0;
        }
        self.clock = 0;
        let limit = match self.limit {
            Limit::Delta(delta) => libm::log(2.0 * self.samples / delta),
            Limit::Fixed(threshold) => threshold,
        };
        self.search() / limit
    }

    fn since(&self) -> u64 {
        self.since as u64
    }

    fn restart(&mut self) {
        self.filled = [0; ROWS];
        (self.total, self.samples, self.clock, self.since) = (Bucket::default(), 0.0, 0, 0.0);
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
