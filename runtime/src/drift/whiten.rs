//! Samples that follow from the ones before, made independent.

use forebay_kernels::Real;

use super::range;
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer, must};
use crate::metrics;

/// How successive samples of a channel are made independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whitening {
    /// They are so already: only mean and spread are taken out.
    None,
    /// An autoregression is taken out, of the order up to this one that Akaike's criterion prefers.
    Autoregression(usize),
    /// Means of blocks of at least twice the [`autocorrelation_time`], one sample per block; what memory is left between
    /// blocks is taken out by an autoregression of order up to 3.
    Blocks,
}

/// Turns samples of one channel into independent ones with mean 0 and standard deviation 1, as a drift-free stretch was.
///
/// ```text
/// d(t) = x(t) - mean        z(t) = (d(t) - sum over k in 1..p of a_k d(t-k)) / spread
/// ```
///
/// A change of the mean by `c` changes `z` by `c (1 - sum a_k) / spread`: slow noise hides slow changes, and no detector
/// gets around that.
///
/// ```
/// use forebay::drift::{Whitener, Whitening};
/// use forebay::random::Seed;
///
/// let mut noise = Seed(1).stream("noise");
/// let mut x = 0.0;
/// let series: Vec<f64> = (0..5000).map(|_| { x = 0.9 * x + noise.normal(); x }).collect();
/// let whitener = Whitener::fit(&series, Whitening::Autoregression(8))?;
/// assert!((whitener.coefficients()[0] - 0.9).abs() < 0.05);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Whitener {
    mean: f64,
    spread: f64,
    /// Its inverse: a division less per sample.
    scale: f64,
    /// The largest deviation that is taken as it is.
    furthest: f64,
    /// Followed by zeros up to a multiple of four, for products four at a time.
    coefficients: Vec<f64>,
    order: usize,
    /// The last deviations, newest first, followed by room to let them slide.
    history: Vec<f64>,
    newest: usize,
    block: usize,
    sum: f64,
    summed: usize,
}

impl Whitener {
    /// Learns mean, spread and memory of a drift-free stretch `[steps]`.
    ///
    /// # Errors
    /// [`Error::Range`] for a stretch of less than 50 samples (or 50 blocks, or 10 samples per order allowed), or one that
    /// does not vary; [`Error::NonFinite`].
    pub fn fit(stretch: &[f64], whitening: Whitening) -> Result<Self, Error> {
        Error::check_finite("the drift-free stretch", stretch)?;
        let order = if let Whitening::Autoregression(most) = whitening { most } else { 0 };
        let needed = 50.max(order.saturating_mul(10));
        if stretch.len() < needed {
            return Err(range("the drift-free stretch", &format!("at least {needed} samples"), stretch.len()));
        }
        let (order, block) = match whitening {
            Whitening::Blocks => (3, (2.0 * autocorrelation_time(stretch)).ceil().max(1.0) as usize),
            _ => (order, 1),
        };
        Self::fit_blocks(stretch, block, order)
    }

    pub(super) fn fit_blocks(stretch: &[f64], block: usize, order: usize) -> Result<Self, Error> {
        if stretch.len() / block < 50 {
            let expected = format!("at least 50 blocks of {block}");
            return Err(range("the drift-free stretch", &expected, stretch.len()));
        }
        let mean = mean(stretch);
        let means: Vec<f64> =
            stretch.chunks_exact(block).map(|b| b.iter().map(|x| x - mean).sum::<f64>() / block as f64).collect();
        let mut coefficients = if order > 0 { autoregression(&means, order) } else { Vec::new() };
        let order = coefficients.len();
        coefficients.resize(order.next_multiple_of(4), 0.0);
        let mut whitener = Self {
            mean,
            spread: 1.0,
            scale: 1.0,
            furthest: f64::MAX,
            history: vec![0.0; ROOM * coefficients.len()],
            newest: (ROOM - 1) * coefficients.len(),
            coefficients,
            order,
            block,
            sum: 0.0,
            summed: 0,
        };
        let whitened = &whitener.whiten(stretch)[order..];
        let variance = whitened.iter().map(|z| z * z).sum::<f64>() / (whitened.len() - order) as f64;
        if !(variance.sqrt() > rounding(mean) && variance.is_normal()) {
            let expected = "finite and above the rounding of its mean (a constant cannot be watched)";
            return Err(range("the spread of the drift-free stretch", expected, variance.sqrt()));
        }
        whitener.spread = variance.sqrt();
        whitener.scale = 1.0 / whitener.spread;
        whitener.furthest = FURTHEST * whitener.spread;
        whitener.restart();
        Ok(whitener)
    }

    /// Takes one sample; gives a whitened one, or with blocks nothing until the block is full.
    ///
    /// For a sample that is not finite that is nothing, and its place is taken by what was expected. A sample further than 1e100
    /// spreads from the mean counts as that far, so that nothing overflows and no detector leaves it out.
    #[inline]
    pub fn update(&mut self, sample: f64) -> Option<f64> {
        let is_finite = Real::is_finite(sample);
        let deviation = if is_finite { (sample - self.mean).clamp(-self.furthest, self.furthest) } else { f64::NAN };
        if self.block == 1 {
            return self.predict(deviation);
        }
        // A block takes a sample more for each that is not finite.
        if is_finite {
            self.sum += deviation;
            self.summed += 1;
        }
        if self.summed < self.block {
            return None;
        }
        let mean = self.sum / self.block as f64;
        (self.sum, self.summed) = (0.0, 0);
        self.predict(mean)
    }

    /// The part of a deviation that the past did not tell.
    #[inline]
    fn predict(&mut self, deviation: f64) -> Option<f64> {
        let length = self.coefficients.len();
        let history = &self.history[self.newest..self.newest + length];
        let mut sums = [0.0; 4];
        for (a, d) in self.coefficients.chunks_exact(4).zip(history.chunks_exact(4)) {
            (0..4).for_each(|lane| sums[lane] += a[lane] * d[lane]);
        }
        let expected = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        let is_finite = Real::is_finite(deviation);
        if length > 0 {
            if self.newest == 0 {
                let end = self.history.len() - length;
                self.history.copy_within(..length, end);
                self.newest = end;
            }
            self.newest -= 1;
            self.history[self.newest] = if is_finite { deviation } else { expected };
        }
        is_finite.then_some((deviation - expected) * self.scale)
    }

    /// Whitened samples of a series, one per block. The first few, as many as there are coefficients, lack a past.
    pub fn whiten(&mut self, series: &[f64]) -> Vec<f64> {
        series.iter().filter_map(|&x| self.update(x)).collect()
    }

    /// As if no sample had been seen.
    pub fn restart(&mut self) {
        self.history.fill(0.0);
        (self.sum, self.summed) = (0.0, 0);
    }

    /// `a_1, .., a_p`; empty without an autoregression.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients[..self.order]
    }

    /// Samples per whitened one.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Mean of the stretch.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Standard deviation of the stretch after whitening.
    pub fn spread(&self) -> f64 {
        self.spread
    }
}

/// Spreads from the mean beyond which nothing is told apart.
const FURTHEST: f64 = 1e100;
/// Lengths of the history that are kept before it is moved back.
const ROOM: usize = 8;

/// Of values, 0 of none.
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { metrics::mean(values.iter().copied()) }
}

/// What the rounding of its mean may leave of a constant.
fn rounding(mean: f64) -> f64 {
    f64::EPSILON * mean.abs() * 16.0
}

/// The autoregression of the order from 0 to `most` with the least `n ln(variance) + 2 order`.
fn autoregression(deviations: &[f64], most: usize) -> Vec<f64> {
    let covariances = autocovariances(deviations, most);
    let n = deviations.len() as f64;
    let mut best = (f64::INFINITY, Vec::new());
    levinson_durbin(&covariances, |coefficients, variance| {
        let criterion = n * libm::log(variance) + 2.0 * coefficients.len() as f64;
        if criterion < best.0 {
            best = (criterion, coefficients.to_vec());
        }
    });
    best.1
}

/// `c_k = 1/n sum over t of d(t) d(t-k)` for k from 0 to `most`: the biased estimate, which is positive definite.
fn autocovariances(deviations: &[f64], most: usize) -> Vec<f64> {
    let n = deviations.len() as f64;
    let products = |lag: usize| deviations[lag..].iter().zip(deviations).map(|(a, b)| a * b).sum::<f64>();
    (0..=most.min(deviations.len() - 1)).map(|lag| products(lag) / n).collect()
}

/// Autoregressions of every order from 0 on that have these autocovariances, `[1 + highest order]`: calls `take` with the
/// coefficients and the variance that they leave. Ends early where no variance is left.
///
/// # Source
/// J. Durbin, "The fitting of time-series models", Review of the International Statistical Institute 28 (1960).
///
/// ```
/// use forebay::drift::levinson_durbin;
///
/// // x(t) = 0.5 x(t-1) + noise of variance 3/4.
/// let mut all = Vec::new();
/// levinson_durbin(&[1.0, 0.5, 0.25], |coefficients, variance| all.push((coefficients.to_vec(), variance)));
/// assert_eq!(all, [(vec![], 1.0), (vec![0.5], 0.75), (vec![0.5, 0.0], 0.75)]);
/// ```
pub fn levinson_durbin(covariances: &[f64], mut take: impl FnMut(&[f64], f64)) {
    let Some((&power, rest)) = covariances.split_first() else { return };
    let (mut coefficients, mut variance) = (Vec::<f64>::new(), power);
    let mut before = Vec::new();
    if variance > 0.0 {
        take(&coefficients, variance);
    }
    for covariance in rest {
        // Below that the recursion divides rounding by rounding.
        if variance <= power * 1e-14 {
            return;
        }
        let lags = covariances[1..=coefficients.len()].iter().rev();
        let explained: f64 = coefficients.iter().zip(lags).map(|(a, c)| a * c).sum();
        let reflection = (covariance - explained) / variance;
        before.clone_from(&coefficients);
        coefficients.iter_mut().zip(before.iter().rev()).for_each(|(a, b)| *a -= reflection * b);
        coefficients.push(reflection);
        variance *= 1.0 - reflection * reflection;
        if variance <= 0.0 {
            return;
        }
        take(&coefficients, variance);
    }
}

/// Integrated autocorrelation time `1/2 + sum over k of c_k / c_0`, in samples: 1/2 for independent ones.
///
/// The sum ends at the first lag of at least 5 times its value so far; means of blocks of twice the time are nearly
/// independent. 1/2 for a series that does not vary by more than the rounding of its mean; NaN for one with a value that is not
/// finite. Takes a pass over the series per lag.
///
/// # Source
/// A. Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms", lecture notes (1989).
pub fn autocorrelation_time(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let mean = mean(series);
    let covariance =
        |lag: usize| series[lag..].iter().zip(series).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n;
    let power = if series.is_empty() { 0.0 } else { covariance(0) };
    let mut time = 0.5;
    if !Real::is_finite(power) {
        return f64::NAN;
    }
    if power.sqrt() <= rounding(mean) {
        return time;
    }
    for lag in 1..series.len() / 4 {
        time += covariance(lag) / power;
        if lag as f64 >= 5.0 * time {
            break;
        }
    }
    time.max(0.5)
}

impl Whitener {
    pub(super) fn write(&self, to: &mut Writer) {
        to.floats(&[self.mean, self.spread]);
        to.count(self.block);
        to.count(self.order);
        to.floats(self.coefficients());
        // What is further back is multiplied by zeros.
        to.floats(&self.history[self.newest..self.newest + self.order]);
        to.float(self.sum);
        to.count(self.summed);
    }

    /// One that samples are whitened by in this way.
    pub(super) fn read(whitening: Whitening, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let (most_order, most_block) = match whitening {
            Whitening::None => (0, 1),
            Whitening::Autoregression(most) => (most, 1),
            Whitening::Blocks => (3, usize::MAX),
        };
        let mean = from.float("mean of a whitener")?;
        let spread = from.float_that("spread of a whitener", "above 0", |spread| spread > 0.0 && spread.is_normal())?;
        must(spread > rounding(mean), "spread of a whitener", || "is below the rounding of its mean")?;
        let block = from.count("block of a whitener", 1, most_block)?;
        let order = from.count("order of a whitener", 0, most_order)?;
        let mut coefficients = from.floats("coefficients of a whitener", order)?;
        must(is_stable(&coefficients), "coefficients of a whitener", || "are not those of a stationary series")?;
        let past = from.floats("past of a whitener", order)?;
        let sum = from.float("sum of a block")?;
        let summed = from.count("samples of a block", 0, block - 1)?;
        must(summed > 0 || sum == 0.0, "sum of a block", || "is of no samples")?;
        let length = order.next_multiple_of(4);
        coefficients.resize(length, 0.0);
        let (mut history, newest) = (vec![0.0; ROOM * length], (ROOM - 1) * length);
        history[newest..newest + order].copy_from_slice(&past);
        let (scale, furthest) = (1.0 / spread, FURTHEST * spread);
        Ok(Self { mean, spread, scale, furthest, coefficients, order, history, newest, block, sum, summed })
    }
}

/// Whether a series that follows this autoregression stays bounded: Durbin's recursion backwards finds every reflection below 1, as
/// those of [`levinson_durbin`] are.
///
/// The recursion divides by what each reflection leaves. Where that has become little, the rest is rounding, and is let pass: to refuse
/// what was learnt would be worse.
fn is_stable(coefficients: &[f64]) -> bool {
    let (mut all, mut left) = (coefficients.to_vec(), 1.0);
    while let Some(reflection) = all.pop() {
        let leaves = 1.0 - reflection * reflection;
        left *= leaves;
        if left < 1e-4 {
            return leaves > -1e-6;
        }
        let before: Vec<f64> = all.iter().rev().copied().collect();
        all.iter_mut().zip(before).for_each(|(a, b)| *a = (*a + reflection * b) / leaves);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Whitener, Whitening, autocovariances, is_stable, levinson_durbin};
    use crate::keep::{Reader, Writer};

    /// A block that is full has been told of.
    #[test]
    fn a_kept_block_is_never_full() {
        for (summed, is_taken) in [(0, false), (1, true), (2, true), (3, false), (4, false)] {
            let mut content = Writer::default();
            content.floats(&[0.5, 2.0]);
            content.count(3);
            content.count(0);
            content.float(1.5);
            content.count(summed);
            let (bytes, _) = content.into_parts();
            let read = Whitener::read(Whitening::Blocks, &mut Reader::new(&bytes, None));
            assert_eq!(read.is_ok(), is_taken, "{summed} samples of 3");
        }
    }

    /// Coefficients from their reflections, by the recursion forwards.
    fn with_reflections(reflections: &[f64]) -> Vec<f64> {
        let mut all: Vec<f64> = Vec::new();
        for &reflection in reflections {
            let before: Vec<f64> = all.iter().rev().copied().collect();
            all.iter_mut().zip(before).for_each(|(a, b)| *a -= reflection * b);
            all.push(reflection);
        }
        all
    }

    #[test]
    fn autoregressions_are_stable_where_every_reflection_is_below_one() {
        for (coefficients, expected) in [
            // Within the triangle of two coefficients, and beyond each of its sides.
            (&[0.5, 0.4][..], true),
            (&[1.9, -0.95], true),
            (&[-0.5, 0.4], true),
            (&[0.7, 0.4], false),
            (&[-0.7, 0.4], false),
            (&[0.1, -1.2], false),
            (&[], true),
        ] {
            assert_eq!(is_stable(coefficients), expected, "{coefficients:?}");
        }
        let inside = [0.7, -0.6, 0.5, 0.8, -0.3];
        assert!(is_stable(&with_reflections(&inside)));
        for place in 0..inside.len() {
            for outside in [1.3, -1.3] {
                let mut reflections = inside;
                reflections[place] = outside;
                assert!(!is_stable(&with_reflections(&reflections)), "{reflections:?}");
            }
        }
    }

    #[test]
    fn nothing_is_told_of_a_series_without_variance() {
        levinson_durbin(&[0.0, 0.0], |_, variance| panic!("variance {variance}"));
        levinson_durbin(&[], |_, variance| panic!("variance {variance}"));
    }

    #[test]
    fn there_are_no_more_autocovariances_than_samples() {
        assert_eq!(autocovariances(&[1.0, -1.0], 10), [1.0, -0.5]);
        assert_eq!(autocovariances(&[2.0, 1.0, -3.0], 1), [14.0 / 3.0, -1.0 / 3.0]);
    }
}
