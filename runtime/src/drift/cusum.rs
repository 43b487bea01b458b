//! Cumulative sums of deviations: CUSUM and Page-Hinkley.

use forebay_kernels::Real;

use super::{Detector, positive, range};
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer, must};

/// Two sums that cannot fall below zero, and for how many samples each has been above.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    up: f64,
    down: f64,
    up_for: u64,
    down_for: u64,
}

impl Sums {
    /// The larger sum; the largest number stands for all beyond it.
    #[inline]
    fn add(&mut self, deviation: f64, allowance: f64) -> f64 {
        self.up = (self.up + deviation - allowance).clamp(0.0, f64::MAX);
        self.down = (self.down - deviation - allowance).clamp(0.0, f64::MAX);
        self.up_for = if self.up > 0.0 { self.up_for + 1 } else { 0 };
        self.down_for = if self.down > 0.0 { self.down_for + 1 } else { 0 };
        self.up.max(self.down)
    }

    fn since(&self) -> u64 {
        if self.up >= self.down { self.up_for } else { self.down_for }
    }
}

/// Cumulative sums of samples with mean 0 and standard deviation 1, in both directions.
///
/// ```text
/// up   <- max(0, up   + x - k)
/// down <- max(0, down - x - k)        alarm when either reaches h
/// ```
///
/// # Units
/// Allowance `k` and threshold `h` in standard deviations; `k` is half of the shift to be found fastest.
///
/// # Source
/// E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954).
///
/// ```
/// use forebay::drift::{Cusum, Detector};
///
/// let mut cusum = Cusum::new(0.5, 5.0)?;
/// assert!((0..100).all(|t| cusum.update(if t % 2 == 0 { 1.0 } else { -1.0 }) < 1.0));
/// // A shift by 1.5: the sum grows by 1 per step.
/// assert_eq!((0..10).position(|_| cusum.update(1.5) >= 1.0), Some(4));
/// assert_eq!(cusum.since(), 5);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cusum {
    allowance: f64,
    threshold: f64,
    sums: Sums,
    skipped: u64,
}

impl Cusum {
    /// With sums of zero.
    ///
    /// # Errors
    /// [`Error::Range`] unless the allowance is finite and at least 0 and the threshold finite and above 0.
    pub fn new(allowance: f64, threshold: f64) -> Result<Self, Error> {
        check(allowance, threshold)?;
        Ok(Self { allowance, threshold, sums: Sums::default(), skipped: 0 })
    }

    /// Mean number of samples to an alarm in one direction, for independent normal samples of this mean and variance 1.
    ///
    /// `(exp(-2 d b) + 2 d b - 1) / (2 d^2)` with `d = mean - k`, `b = h + 1.166`; `b^2` for `d = 0`. For both directions
    /// the rates add: `1 / (1 / arl(mean) + 1 / arl(-mean))`.
    ///
    /// # Source
    /// D. Siegmund, Sequential Analysis (1985), section 2.6.
    pub fn run_length(allowance: f64, threshold: f64, mean: f64) -> f64 {
        let (drift, barrier) = (mean - allowance, threshold + 1.166);
        if drift.abs() < 1e-9 {
            return barrier * barrier;
        }
        (libm::exp(-2.0 * drift * barrier) + 2.0 * drift * barrier - 1.0) / (2.0 * drift * drift)
    }
}

impl Detector for Cusum {
    #[inline]
    fn update(&mut self, sample: f64) -> f64 {
        if !Real::is_finite(sample) {
            self.skipped += 1;
            return 0.0;
        }
        (self.sums.add(sample, self.allowance) / self.threshold).min(f64::MAX)
    }

    fn since(&self) -> u64 {
        self.sums.since()
    }

    fn restart(&mut self) {
        self.sums = Sums::default();
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Cumulative sums of deviations from the mean so far, in both directions.
///
/// ```text
/// m(t) = m(t-1) + x(t) - mean(x(1..t)) - delta        alarm when m(t) - min m reaches lambda
/// ```
///
/// and the same for `-x`. `m(t) - min m` is a sum that cannot fall below zero, which is how it is kept. Unlike [`Cusum`]
/// it follows a wrong mean, and forgives a change that it did not notice soon.
///
/// # Source
/// D. V. Hinkley, "Inference about the change-point from cumulative sum tests", Biometrika 58 (1971).
#[derive(Clone, Debug)]
pub struct PageHinkley {
    allowance: f64,
    threshold: f64,
    mean: f64,
    count: u64,
    sums: Sums,
    skipped: u64,
}

impl PageHinkley {
    /// Without samples; the allowance is `delta`, the threshold `lambda`.
    ///
    /// # Errors
    /// As [`Cusum::new`].
    pub fn new(allowance: f64, threshold: f64) -> Result<Self, Error> {
        check(allowance, threshold)?;
        Ok(Self { allowance, threshold, mean: 0.0, count: 0, sums: Sums::default(), skipped: 0 })
    }
}

impl Detector for PageHinkley {
    #[inline]
    fn update(&mut self, sample: f64) -> f64 {
        if !Real::is_finite(sample) {
            self.skipped += 1;
            return 0.0;
        }
        let deviation = sample - self.mean;
        // Between the ends of f64; the mean would be infinite for good, and the sums deaf.
        if !Real::is_finite(deviation) {
            self.skipped += 1;
            return 0.0;
        }
        self.count += 1;
        self.mean += deviation / self.count as f64;
        (self.sums.add(sample - self.mean, self.allowance) / self.threshold).min(f64::MAX)
    }

    fn since(&self) -> u64 {
        self.sums.since()
    }

    fn restart(&mut self) {
        (self.mean, self.count, self.sums) = (0.0, 0, Sums::default());
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

fn check(allowance: f64, threshold: f64) -> Result<(), Error> {
    if !(allowance >= 0.0 && allowance.is_finite()) {
        return Err(range("allowance", "finite and at least 0", allowance));
    }
    positive("threshold", threshold)
}

impl Sums {
    fn write(self, to: &mut Writer) {
        to.floats(&[self.up, self.down]);
        to.number(self.up_for);
        to.number(self.down_for);
    }

    /// Of a detector that has seen `most` samples or fewer, none of which was an alarm at this threshold.
    fn read(threshold: f64, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let mut sum = || {
            from.float_that("sum of a detector", "below its threshold and not below 0", |sum| {
                sum >= 0.0 && sum / threshold < 1.0
            })
        };
        let (up, down) = (sum()?, sum()?);
        let (up_for, down_for) = (from.number("age of a sum", most)?, from.number("age of a sum", most)?);
        must((up > 0.0) == (up_for > 0) && (down > 0.0) == (down_for > 0), "age of a sum", || "does not fit the sum")?;
        Ok(Self { up, down, up_for, down_for })
    }
}

impl Cusum {
    /// What it has seen; allowance and threshold are the owner's.
    pub(super) fn write(&self, to: &mut Writer) {
        self.sums.write(to);
        to.number(self.skipped);
    }

    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// This one, new, with what another has seen in at most `most` samples.
    pub(super) fn read(self, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let sums = Sums::read(self.threshold, most, from)?;
        Ok(Self { sums, skipped: from.number("skipped samples of a detector", most)?, ..self })
    }
}

impl PageHinkley {
    /// What it has seen; allowance and threshold are the owner's.
    pub(super) fn write(&self, to: &mut Writer) {
        self.sums.write(to);
        to.number(self.skipped);
        to.number(self.count);
        to.float(self.mean);
    }

    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// This one, new, with what another has seen in at most `most` samples.
    pub(super) fn read(self, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let sums = Sums::read(self.threshold, most, from)?;
        let skipped = from.number("skipped samples of a detector", most)?;
        let count = from.number("samples of a detector", most)?;
        must(sums.up_for.max(sums.down_for) <= count, "age of a sum", || "is above the detector's samples")?;
        let mean = from.float("mean of a detector")?;
        must(count > 0 || mean == 0.0, "mean of a detector", || "is of no samples")?;
        Ok(Self { mean, count, sums, skipped, ..self })
    }
}
