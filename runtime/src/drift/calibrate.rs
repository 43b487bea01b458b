//! Thresholds for a rate of false alarms.

use ndarray::{Array2, ArrayView2};

use super::{Detector, DetectorKind, autocorrelation_time, positive, range};
use crate::error::Error;
use crate::metrics;
use crate::random::{Seed, Stream};
use crate::threads;

/// Simulated runs.
const RUNS: usize = 500;
/// Detector updates of all runs together, so that calibration takes a second or so.
const BUDGET: usize = 40_000_000;
/// A threshold that nothing reaches, since a detector that alarms may drop what it knows: 2^100, which scales without rounding.
const BEYOND: f64 = (1_u128 << 100) as f64;
/// Samples of a detector between its false alarms, at least.
pub(super) const SHORTEST: f64 = 20.0;
/// Runs beyond the threshold that make an order statistic as good as a fitted tail.
const ENOUGH: f64 = 50.0;

/// One threshold per channel, such that detectors on all channels together raise one false alarm per `run_length` samples.
///
/// A simulation: 500 runs over samples that are drawn with replacement from the whitened stretch, all channels of a step
/// together, so that their dependence stays. Where magnitudes of successive samples depend on each other, blocks of steps
/// are drawn. Every run adds errors of its own to mean and spread, as large as those that a stretch of this length leaves:
/// without them the rate would be too high on average. A channel's largest statistic of a run is brought to mean 0 and
/// standard deviation 1 over the runs; the largest over channels then is below the threshold with probability
/// `exp(-steps of the run / run_length)`. Where too few runs reach that, a Gumbel distribution of the same mean and spread
/// is used.
///
/// With `stride` above 1, detectors are to see `sqrt(stride)` times the mean of that many samples; `run_length` counts
/// samples before that.
///
/// The same arguments give the same thresholds.
///
/// # Shapes
/// `whitened`: `[steps, channels]`, each with mean 0 and standard deviation 1. Result: `[channels]`.
///
/// # Errors
/// [`Error::Range`] for less than 20 steps, no channels, a `run_length` below 20 strides or a `stride` of 0;
/// [`Error::NonFinite`].
///
/// ```
/// use forebay::drift::{DetectorKind, thresholds};
/// use forebay::random::Seed;
/// use ndarray::Array2;
///
/// let mut noise = Seed(1).stream("noise");
/// let whitened = Array2::from_shape_simple_fn((5000, 1), || noise.normal());
/// let found = thresholds(DetectorKind::Cusum, 1, whitened.view(), 1000.0, Seed(1))?;
/// assert!((found[0] - 5.7).abs() < 0.5); // Siegmund's approximation has 5.75.
/// # Ok::<(), forebay::Error>(())
/// ```
pub fn thresholds(
    kind: DetectorKind,
    stride: usize,
    whitened: ArrayView2<'_, f64>,
    run_length: f64,
    seed: Seed,
) -> Result<Vec<f64>, Error> {
    let (steps, channels) = whitened.dim();
    if steps < 20 || channels == 0 {
        return Err(range("the whitened stretch", "at least 20 steps of 1 channel", format!("{steps} of {channels}")));
    }
    let whitened = whitened.as_standard_layout();
    let samples = whitened.as_slice().unwrap_or_default();
    Error::check_finite("the whitened stretch", samples)?;
    positive("run length", run_length)?;
    if stride == 0 || run_length < SHORTEST * stride as f64 {
        return Err(range("run length", "at least 20 strides of at least 1 sample", run_length));
    }
    let simulation = Simulation::new(kind, stride, whitened.view(), samples);
    // Long against the statistic's memory, short against the time between alarms.
    let affordable = simulation.affordable();
    let length = ((run_length / 4.0) as usize).clamp(1000, affordable.max(1000)) / stride * stride;
    let stream = seed.child("thresholds").stream(&kind.to_string());
    let largest = threads::try_map(0..RUNS, |run| simulation.run(length, stream.at(run as u64, 0)))?;
    Ok(from_largest(&largest, length as f64 / run_length))
}

/// Thresholds from every run's largest statistics `[runs][channels]`, and alarms to be expected per run.
fn from_largest(largest: &[Vec<f64>], expected: f64) -> Vec<f64> {
    let runs = largest.len();
    let moments: Vec<(f64, f64)> = (0..largest[0].len())
        .map(|channel| moments(&largest.iter().map(|run| run[channel]).collect::<Vec<_>>()))
        .collect();
    let scaled = |run: &Vec<f64>| {
        let each = run.iter().zip(&moments).map(|(value, (mean, spread))| (value - mean) / spread);
        each.fold(f64::NEG_INFINITY, f64::max)
    };
    let mut combined: Vec<f64> = largest.iter().map(scaled).collect();
    combined.sort_by(f64::total_cmp);
    let beyond = runs as f64 * -libm::expm1(-expected);
    let level = if beyond >= ENOUGH {
        // As many runs alarm as are wanted, or fewer where values coincide.
        let last_quiet = combined[runs - 1 - (beyond as usize).min(runs - 2)];
        combined.iter().copied().find(|&value| value > last_quiet).unwrap_or(last_quiet)
    } else {
        let (mean, spread) = self::moments(&combined);
        let scale = spread * 6.0_f64.sqrt() / std::f64::consts::PI;
        mean - EULER * scale - scale * libm::log(expected)
    };
    moments.iter().map(|(mean, spread)| (mean + level * spread).max(f64::MIN_POSITIVE)).collect()
}

/// Euler's constant, the mean of the standard Gumbel distribution.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Mean and standard deviation; the latter is never 0.
fn moments(values: &[f64]) -> (f64, f64) {
    let (n, mean) = (values.len() as f64, metrics::mean(values.iter().copied()));
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, variance.sqrt().max(1e-9))
}

struct Simulation<'a> {
    kind: DetectorKind,
    stride: usize,
    channels: usize,
    /// `[steps, channels]`.
    samples: &'a [f64],
    /// Steps that are drawn together.
    block: usize,
    /// Standard deviation of an estimate of the standard deviation, per channel.
    spread_errors: Vec<f64>,
    /// Standard deviation of an estimate of the mean.
    mean_error: f64,
}

impl<'a> Simulation<'a> {
    fn new(kind: DetectorKind, stride: usize, whitened: ArrayView2<'_, f64>, samples: &'a [f64]) -> Self {
        let (steps, channels) = whitened.dim();
        let magnitudes: Array2<f64> = whitened.mapv(f64::abs);
        let times = magnitudes.columns().into_iter().map(|column| autocorrelation_time(&column.to_vec()));
        let longest = times.fold(0.5, f64::max);
        // For independent samples the estimate is 0.5 within a few per cent.
        let block = if longest < 0.75 { 1 } else { ((8.0 * longest).ceil() as usize).min(steps / 10).max(1) };
        let spread_error = |column: ndarray::ArrayView1<'_, f64>| {
            let (second, fourth) = column.iter().fold((0.0, 0.0), |(s, f), z| (s + z * z, f + (z * z) * (z * z)));
            let kurtosis = fourth * steps as f64 / (second * second).max(f64::MIN_POSITIVE);
            ((kurtosis - 1.0).max(0.0) * (2.0 * longest) / (4.0 * steps as f64)).sqrt().min(0.5)
        };
        let spread_errors = whitened.columns().into_iter().map(spread_error).collect();
        Self { kind, stride, channels, samples, block, spread_errors, mean_error: 1.0 / (steps as f64).sqrt() }
    }

    /// Steps per run.
    fn affordable(&self) -> usize {
        // In updates of CUSUM.
        let cost = match self.kind {
            DetectorKind::Adwin => 30,
            DetectorKind::Kswin => 60,
            _ => 1,
        };
        BUDGET / (RUNS * self.channels * cost.max(self.stride) / self.stride)
    }

    /// Every channel's largest statistic.
    fn run(&self, length: usize, mut stream: Stream) -> Result<Vec<f64>, Error> {
        let steps = self.samples.len() / self.channels;
        let detector = self.kind.with_threshold(BEYOND)?;
        let mut detectors = vec![detector; self.channels];
        let errors: Vec<(f64, f64)> = self
            .spread_errors
            .iter()
            .map(|error| (self.mean_error * stream.normal(), 1.0 / (1.0 + error * stream.normal()).max(0.25)))
            .collect();
        let mut largest = vec![0.0_f64; self.channels];
        let mut sums = vec![0.0; self.channels];
        let root = (self.stride as f64).sqrt();
        let mut blocks = Blocks { steps, block: self.block, at: 0, left: 0 };
        let mut summed = 0;
        for _ in 0..length {
            let at = blocks.next(&mut stream);
            let row = &self.samples[at * self.channels..(at + 1) * self.channels];
            for ((sum, z), (shift, scale)) in sums.iter_mut().zip(row).zip(&errors) {
                *sum += (z + shift) * scale;
            }
            summed += 1;
            if summed == self.stride {
                for ((detector, sum), largest) in detectors.iter_mut().zip(&mut sums).zip(&mut largest) {
                    *largest = largest.max(detector.update(*sum / root) * BEYOND);
                    *sum = 0.0;
                }
                summed = 0;
            }
        }
        Ok(largest)
    }
}

/// Steps in blocks of neighbours that begin anywhere; the first follows the last.
struct Blocks {
    steps: usize,
    block: usize,
    at: usize,
    left: usize,
}

impl Blocks {
    fn next(&mut self, stream: &mut Stream) -> usize {
        if self.left == 0 {
            (self.at, self.left) = (stream.below(self.steps as u64) as usize, self.block);
        }
        let at = self.at;
        (self.at, self.left) = (if at + 1 == self.steps { 0 } else { at + 1 }, self.left - 1);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{Blocks, RUNS, from_largest};
    use crate::random::Seed;

    /// Blocks of one step repeated would have passed for blocks of neighbours: noise without memory does not tell.
    #[test]
    fn blocks_are_of_neighbours_in_a_circle() {
        let (steps, block) = (7, 5);
        let mut stream = Seed(1).stream("blocks");
        let mut blocks = Blocks { steps, block, at: 0, left: 0 };
        let drawn: Vec<usize> = (0..1000).map(|_| blocks.next(&mut stream)).collect();
        for block in drawn.chunks(block) {
            assert!(block.windows(2).all(|pair| pair[1] == (pair[0] + 1) % steps), "{block:?}");
        }
        let firsts: Vec<usize> = drawn.iter().step_by(block).copied().collect();
        assert!((0..steps).all(|step| firsts.contains(&step)), "{firsts:?}");
    }

    #[test]
    fn of_many_runs_as_many_alarm_as_are_wanted() {
        // One channel with statistics 1, 2, .., RUNS, shuffled; 1 - exp(-0.223) = 0.2 of the runs may alarm.
        let runs: Vec<Vec<f64>> = (0..RUNS).map(|run| vec![((run * 7) % RUNS + 1) as f64]).collect();
        let threshold = from_largest(&runs, -(0.8_f64.ln()))[0];
        let alarms = runs.iter().filter(|run| run[0] >= threshold * (1.0 - 1e-12)).count();
        assert!(alarms.abs_diff(RUNS / 5) <= 1, "{alarms} of {RUNS}, threshold {threshold}");
    }

    #[test]
    fn of_few_runs_the_tail_is_gumbels() {
        // Quantiles of a Gumbel distribution with location 3 and scale 2; one alarm in a thousand runs is beyond them.
        let quantile = |share: f64| 3.0 - 2.0 * (-share.ln()).ln();
        let runs: Vec<Vec<f64>> = (0..RUNS).map(|run| vec![quantile((run as f64 + 0.5) / RUNS as f64)]).collect();
        let (found, expected) = (from_largest(&runs, 0.001)[0], quantile((-0.001_f64).exp()));
        assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
    }
}
