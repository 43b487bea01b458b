//! A window that is as long as its mean is constant.

use super::{Detector, positive, range};
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer, must};

/// Buckets of one size that are kept; one more and the two oldest become one of twice the size.
const PER_ROW: usize = 5;
/// Sizes 1, 2, 4, .., 2^23: the oldest samples of a longer window are dropped.
const ROWS: usize = 24;
/// Samples between two searches for a cut.
const CLOCK: u32 = 4;
/// Samples of the smallest window that is searched.
const GRACE: f64 = 30.0;
/// Samples on either side of a cut, at least.
const LEAST: f64 = 5.0;

/// More samples than a full window has.
const MOST_SAMPLES: u64 = (PER_ROW as u64 + 1) << ROWS;

/// Samples beyond this, in either direction, are left out: sums of their squares would not be finite.
const LARGEST: f64 = 1e150;

/// Adaptive windowing: the means of any two parts of the window agree, or the older part is out of date and dropped.
///
/// ```text
/// cut between n0 old and n1 new samples, n = n0 + n1, if |mean0 - mean1| >= eps_cut
/// eps_cut = sqrt(2 s^2 L / m) + 2 r L / (3 m)      L = ln(2 n / delta)      m = 1 / (1/n0 + 1/n1)
/// ```
///
/// with `s^2` the variance of the window and `r` the range of its samples, which the theorem takes for known: an offset or
/// another unit changes nothing, and one sample far off makes the bound wide for as long as it stays in the window. The window
/// is an exponential histogram: mean, sum of squared deviations and range for each of at most 5 buckets of every power of two,
/// so memory is fixed and cuts are tried between buckets only. A search is made every fourth sample, in windows of at least 30.
///
/// The statistic is the largest `L` that any cut still exceeds: its evidence. Where that is an alarm, all before the cut is
/// dropped, and again until no cut is left: the window then holds what came after the change, up to what noise moves the cut
/// by, and one change gives one alarm or a few. With a delta the threshold grows with the window, and false alarms become ever
/// rarer; with a [fixed threshold](Self::with_threshold) they come at a steady rate, which is what a monitor is asked for.
///
/// # Source
/// A. Bifet, R. Gavalda, "Learning from time-changing data with adaptive windowing", SIAM Data Mining (2007), theorem 3.2
/// and section 4. They drop bucket by bucket; here the part before the best cut goes at once.
///
/// ```
/// use forebay::drift::{Adwin, Detector};
///
/// let mut adwin = Adwin::new(0.002)?;
/// assert!((0..1000).all(|t| adwin.update(f64::from(t % 2)) < 1.0));
/// let delay = (0..1000).position(|t| adwin.update(1.0 + f64::from(t % 2)) >= 1.0);
/// assert!(delay.is_some_and(|delay| delay < 60) && adwin.window() <= 60);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adwin {
    limit: Limit,
    /// Oldest first within a row; row r holds buckets of 2^r samples.
    buckets: [[Bucket; PER_ROW + 1]; ROWS],
    filled: [usize; ROWS],
    total: Bucket,
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

/// Moments about the samples' own mean: sums of plain squares would cancel where the mean is far from zero.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    samples: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    least: f64,
    largest: f64,
}

impl Bucket {
    const EMPTY: Self =
        Self { samples: 0.0, mean: 0.0, squares: 0.0, least: f64::INFINITY, largest: f64::NEG_INFINITY };

    fn of(sample: f64) -> Self {
        Self { samples: 1.0, mean: sample, squares: 0.0, least: sample, largest: sample }
    }

    /// Both together; `other` is not empty.
    fn plus(self, other: Self) -> Self {
        let samples = self.samples + other.samples;
        let (distance, share) = (other.mean - self.mean, other.samples / samples);
        Self {
            samples,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * (self.samples * share),
            least: self.least.min(other.least),
            largest: self.largest.max(other.largest),
        }
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

    /// With a fixed threshold for `L`, from a simulation; see [`thresholds`](super::thresholds).
    ///
    /// It needs no guarantee for bounded samples, so `r` is the standard deviation of the window, and one sample far off does
    /// not make the detector deaf.
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
            buckets: [[Bucket::EMPTY; PER_ROW + 1]; ROWS],
            filled: [0; ROWS],
            total: Bucket::EMPTY,
            clock: 0,
            since: 0.0,
            skipped: 0,
        }
    }

    /// Samples in the window.
    pub fn window(&self) -> u64 {
        self.total.samples as u64
    }

    /// Mean of the window; none while it is empty.
    pub fn mean(&self) -> Option<f64> {
        (self.total.samples > 0.0).then_some(self.total.mean)
    }

    /// Whether the last sample was one of those that a search is made for.
    pub(super) fn has_searched(&self) -> bool {
        self.clock == 0
    }

    fn insert(&mut self, sample: f64) {
        let mut bucket = Bucket::of(sample);
        self.total = self.total.plus(bucket);
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
        // Beyond the last row: the two oldest buckets have left the window.
        self.count();
    }

    /// The window, summed anew from its buckets: taking dropped ones off the sums would leave their rounding behind.
    fn count(&mut self) {
        self.total = self.oldest_first().fold(Bucket::EMPTY, Bucket::plus);
    }

    fn oldest_first(&self) -> impl Iterator<Item = Bucket> {
        self.buckets.iter().zip(&self.filled).rev().flat_map(|(row, &filled)| row[..filled].iter().copied())
    }

    /// Drops all but the newest `samples`, which begin with a bucket.
    fn keep(&mut self, samples: f64) {
        let mut old = self.total.samples - samples;
        for row in (0..ROWS).rev() {
            while old > 0.0 && self.filled[row] > 0 {
                old -= self.buckets[row][0].samples;
                self.buckets[row].copy_within(1.., 0);
                self.filled[row] -= 1;
            }
        }
        self.count();
    }

    /// The largest `L` of any cut, from `a sqrt(L) + b L = |mean0 - mean1|`, and the samples after that cut.
    fn search(&self) -> (f64, f64) {
        let Bucket { samples: n, mean, squares, least, largest } = self.total;
        let variance = squares / n;
        let range = match self.limit {
            Limit::Delta(_) => largest - least,
            Limit::Fixed(_) => variance.sqrt(),
        };
        let (mut best, mut since, mut old, mut sum) = (0.0, n, 0.0, 0.0);
        for bucket in self.oldest_first() {
            old += bucket.samples;
            sum += bucket.samples * (bucket.mean - mean);
            let new = n - old;
            if old < LEAST || new < LEAST {
                continue;
            }
            // The deviations of both parts from the mean add up to zero.
            let inverse = n / (old * new);
            let distance = sum.abs() * inverse;
            let (a_squared, b) = (2.0 * variance * inverse, 2.0 / 3.0 * range * inverse);
            // Most cuts are told apart without a root.
            if distance * distance <= a_squared * best * best {
                continue;
            }
            let root = ((a_squared + 4.0 * b * distance).sqrt() - a_squared.sqrt()) / (2.0 * b);
            if root > best {
                (best, since) = (root, new);
            }
        }
        (best * best, since)
    }

    fn limit(&self) -> f64 {
        match self.limit {
            Limit::Delta(delta) => libm::log(2.0 * self.total.samples / delta),
            Limit::Fixed(threshold) => threshold,
        }
    }
}

impl Detector for Adwin {
    fn update(&mut self, sample: f64) -> f64 {
        if sample.is_nan() || sample.abs() > LARGEST {
            self.skipped += 1;
            return 0.0;
        }
        self.insert(sample);
        self.clock += 1;
        if self.clock < CLOCK || self.total.samples < GRACE {
            return 0.0;
        }
        self.clock = 0;
        let (evidence, since) = self.search();
        self.since = since;
        let score = evidence / self.limit();
        let mut is_cut = score >= 1.0;
        while is_cut {
            self.keep(self.since);
            let (evidence, since) = self.search();
            is_cut = self.total.samples >= GRACE && evidence >= self.limit();
            self.since = if is_cut { since } else { self.total.samples };
        }
        score
    }

    fn since(&self) -> u64 {
        self.since as u64
    }

    fn restart(&mut self) {
        self.filled = [0; ROWS];
        (self.total, self.clock, self.since) = (Bucket::EMPTY, 0, 0.0);
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl Bucket {
    fn write(self, to: &mut Writer) {
        to.floats(&[self.mean, self.squares, self.least, self.largest]);
    }

    /// Of so many samples.
    fn read(samples: f64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let sample = |x: f64| x.abs() <= LARGEST;
        let mean = from.float_that("mean of a bucket", "that of samples", |x| x.abs() <= 2.0 * LARGEST)?;
        let squares = from.float_that("squares of a bucket", "at least 0", |x| x >= 0.0)?;
        let least = from.float_that("least sample of a bucket", "a sample", sample)?;
        let largest = from.float_that("largest sample of a bucket", "a sample", sample)?;
        must(least <= largest, "largest sample of a bucket", || "is below the least")?;
        Ok(Self { samples, mean, squares, least, largest })
    }

    /// Whether these could be sums over the same samples in another order, to within a bound of their rounding.
    fn agrees(&self, other: &Self) -> bool {
        let largest = self.least.abs().max(self.largest.abs());
        let rounding = 16.0 * self.samples * f64::EPSILON;
        let (means, squares) = ((self.mean - other.mean).abs(), (self.squares - other.squares).abs());
        (self.samples, self.least, self.largest) == (other.samples, other.least, other.largest)
            && means <= rounding * largest
            && squares <= rounding * (self.squares + self.samples * largest * largest)
    }
}

impl Adwin {
    /// What it has seen; the limit is the owner's.
    pub(super) fn write(&self, to: &mut Writer) {
        to.number(self.skipped);
        self.filled.iter().for_each(|&filled| to.tag(filled as u8));
        self.oldest_first().for_each(|bucket| bucket.write(to));
        if self.total.samples > 0.0 {
            self.total.write(to);
        }
        to.number(u64::from(self.clock));
        to.number(self.since as u64);
    }

    pub(super) fn threshold(&self) -> f64 {
        match self.limit {
            Limit::Fixed(threshold) => threshold,
            // Not that of a monitor, which asks for a steady rate of false alarms.
            Limit::Delta(delta) => delta,
        }
    }

    /// This one, new, with what another has seen in at most `most` samples.
    pub(super) fn read(mut self, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        self.skipped = from.number("skipped samples of a detector", most)?;
        for filled in &mut self.filled {
            *filled = usize::from(from.tag("number of buckets", PER_ROW as u8 + 1)?);
        }
        for row in (0..ROWS).rev() {
            for place in 0..self.filled[row] {
                self.buckets[row][place] = Bucket::read((1_u64 << row) as f64, from)?;
            }
        }
        self.count();
        let samples = self.total.samples;
        must(samples <= most as f64, "window of a detector", || "has more samples than were seen")?;
        if samples > 0.0 {
            // It is kept although it follows from the buckets: it was summed in another order, and later bits depend on it.
            let total = Bucket::read(samples, from)?;
            must(total.agrees(&self.total), "sums over a window", || "are not those of its buckets")?;
            self.total = total;
        }
        self.clock = from.number("clock of a detector", GRACE as u64)? as u32;
        self.since = from.number("age of a cut", most.min(MOST_SAMPLES))? as f64;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    /// What a file says of a window has to be sums over its samples.
    #[test]
    fn sums_of_other_samples_do_not_agree() {
        let sum = [3.0, -1.0, 4.0].into_iter().fold(Bucket::EMPTY, |sum, x| sum.plus(Bucket::of(x)));
        assert!(sum.agrees(&sum) && sum.agrees(&Bucket { mean: sum.mean * (1.0 + f64::EPSILON), ..sum }));
        for other in [
            Bucket { samples: 4.0, ..sum },
            Bucket { mean: sum.mean + 1e-9, ..sum },
            Bucket { squares: sum.squares + 1e-9, ..sum },
            Bucket { least: -1.5, ..sum },
            Bucket { largest: 4.5, ..sum },
        ] {
            assert!(!sum.agrees(&other), "{other:?}");
        }
    }

    #[test]
    fn buckets_together_have_the_moments_of_their_samples() {
        let samples = [3.0, -1.0, 4.0, 1.5, -5.0, 9.0, 2.0];
        for split in 0..samples.len() {
            let of = |part: &[f64]| part.iter().fold(Bucket::EMPTY, |sum, &x| sum.plus(Bucket::of(x)));
            let both = of(&samples[..split]).plus(of(&samples[split..]));
            let mean = samples.iter().sum::<f64>() / samples.len() as f64;
            let squares: f64 = samples.iter().map(|x| (x - mean) * (x - mean)).sum();
            assert_eq!((both.samples, both.least, both.largest), (samples.len() as f64, -5.0, 9.0));
            assert!((both.mean - mean).abs() < 1e-14 && (both.squares - squares).abs() < 1e-12, "{both:?}");
        }
    }
}
