//! Many channels under watch, with one rate of false alarms for all.

mod keep;

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

use super::calibrate::SHORTEST;
use super::settings::{DriftSettings, Event, SECOND_SHARE, STRIDE, Source, View};
use super::{AnyDetector, Detector, DetectorKind, Whitener, thresholds};
use crate::error::Error;
use crate::metrics;
use crate::random::Seed;

/// Watches the channels of a stream for drift.
///
/// ```
/// use forebay::drift::{DriftMonitor, Event, DriftSettings};
/// use forebay::random::Seed;
/// use ndarray::Array2;
///
/// let mut noise = Seed(1).stream("errors");
/// let quiet = Array2::from_shape_simple_fn((5000, 2), || noise.normal());
/// let mut monitor = DriftMonitor::calibrate(DriftSettings::default(), quiet.view())?;
/// for _ in 0..100 {
///     monitor.observe(&[noise.normal(), noise.normal()])?;
/// }
/// let alarm = (0..100).find_map(|_| match monitor.observe(&[noise.normal(), noise.normal() + 2.0]) {
///     Ok(Event::Alarm { channel, since, .. }) => Some((channel, since)),
///     _ => None,
/// });
/// let (channel, since) = alarm.expect("a shift by 2 is found");
/// assert!(channel == 1 && since.abs_diff(100) < 20, "{channel} {since}");
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DriftMonitor {
    settings: DriftSettings,
    channels: Vec<Channel>,
    banks: Vec<Bank>,
    steps: u64,
    alarms: u64,
    quiet_until: u64,
    is_warning: bool,
    score: f64,
    skipped: u64,
    block: usize,
    /// What is to be normal after an alarm so far, `[steps, channels]`; none while watching.
    gathered: Option<Vec<f64>>,
}

#[derive(Clone, Debug)]
struct Channel {
    lens: Lens,
    whitener: Whitener,
}

/// A [`View`] with the numbers of its channel.
#[derive(Clone, Copy, Debug)]
enum Lens {
    Value,
    Magnitude { mean: f64, floor: f64 },
}

/// A distance from the mean beside whose square the floor is nothing.
const FAR: f64 = 1e150;

impl Lens {
    #[inline]
    fn see(self, sample: f64) -> f64 {
        match self {
            Self::Value => sample,
            Self::Magnitude { mean, floor } => {
                if !Real::is_finite(sample) {
                    return f64::NAN;
                }
                // Halves, since the distance of two numbers may not be one.
                let half = (0.5 * sample - 0.5 * mean).abs();
                // The square of what is far off may not be finite, and its logarithm is.
                if half > FAR {
                    return libm::log(half) + std::f64::consts::LN_2;
                }
                let distance = 2.0 * half;
                0.5 * libm::log(distance * distance + floor)
            }
        }
    }
}

/// One kind of detector on every channel.
#[derive(Clone, Debug)]
struct Bank {
    kind: DetectorKind,
    detectors: Vec<AnyDetector>,
    stride: usize,
    /// Sums of whitened samples and their number, with a stride above 1.
    sums: Vec<(f64, usize)>,
    /// What was computed last, below 1: all start anew at an alarm.
    scores: Vec<f64>,
}

impl DriftMonitor {
    /// Learns from a drift-free stretch `[steps, channels]` what is normal, and finds thresholds by simulation.
    ///
    /// Mean, spread and memory are estimates: with 5,000 steps of white, or 20,000 steps of strongly correlated samples, the
    /// rate of false alarms mostly is within a factor of two of the one asked for (`specs/drift.md`).
    ///
    /// # Errors
    /// [`Error::Range`] for settings out of range (the rate may be too high for the blocks of this stretch), or a stretch that is too
    /// short or constant (see [`Whitener::fit`]); [`Error::Shape`] if `watch` has another number of channels; [`Error::NonFinite`].
    pub fn calibrate(settings: DriftSettings, stretch: ArrayView2<'_, f64>) -> Result<Self, Error> {
        settings.check(stretch.ncols())?;
        let mut seen = Vec::with_capacity(stretch.ncols());
        let mut channels = Vec::with_capacity(stretch.ncols());
        for column in stretch.columns() {
            let column = column.to_vec();
            Error::check_finite("the drift-free stretch", &column)?;
            let lens = settings.view.on(&column);
            let values: Vec<f64> = column.into_iter().map(|x| lens.see(x)).collect();
            channels.push(Channel { lens, whitener: Whitener::fit(&values, settings.whitening)? });
            seen.push(values);
        }
        let block = channels.iter().map(|channel| channel.whitener.block()).max().unwrap_or(1);
        settings.check_rate(block)?;
        // Channels keep step: all have the longest block.
        if block > 1 {
            for (channel, values) in channels.iter_mut().zip(&seen) {
                channel.whitener = Whitener::fit_blocks(values, block, channel.whitener.coefficients().len())?;
            }
        }
        let skipped = channels.iter().map(|channel| channel.whitener.coefficients().len()).max().unwrap_or(0);
        let mut whitened = Array2::zeros((stretch.nrows() / block - skipped, channels.len()));
        for ((channel, values), mut column) in channels.iter_mut().zip(&seen).zip(whitened.columns_mut()) {
            let all = channel.whitener.whiten(values);
            column.iter_mut().zip(&all[skipped..]).for_each(|(to, &from)| *to = from);
            channel.whitener.restart();
        }
        let mut banks = Vec::new();
        let (second, share) =
            settings.second.map_or((None, 0.0), |kind| (Some((kind, SECOND_SHARE, STRIDE)), SECOND_SHARE));
        for (kind, share, stride) in [Some((settings.detector, 1.0 - share, 1)), second].into_iter().flatten() {
            let run_length = run_length(settings.rate, share, block, stride);
            let found = thresholds(kind, stride, whitened.view(), run_length, Seed(settings.seed))?;
            let detectors =
                found.into_iter().map(|threshold| kind.with_threshold(threshold)).collect::<Result<_, _>>()?;
            let (sums, scores) = (vec![(0.0, 0); channels.len()], vec![0.0; channels.len()]);
            banks.push(Bank { kind, detectors, stride, sums, scores });
        }
        Ok(Self {
            settings,
            channels,
            banks,
            steps: 0,
            alarms: 0,
            quiet_until: 0,
            is_warning: false,
            score: 0.0,
            skipped: 0,
            block,
            gathered: None,
        })
    }

    /// Looks at one step. Of several channels the one furthest beyond its threshold is named; of several things to say an alarm
    /// comes first, then a value that is not finite.
    ///
    /// Allocates nothing, unless it is to [relearn](DriftSettings::relearn) what is normal: that takes as long as calibration, in one
    /// step. Steps with a value that is not finite are not learnt from.
    ///
    /// # Shapes
    /// `samples`: `[channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`]; nothing has changed then. Values that are not finite are no error: they are left out and counted.
    pub fn observe(&mut self, samples: &[f64]) -> Result<Event, Error> {
        if samples.len() != self.channels.len() {
            return Err(Error::shape("the monitor's step", self.channels.len(), samples.len()));
        }
        let is_quiet = self.steps < self.quiet_until;
        let is_watching = self.steps >= self.settings.warm_up && !is_quiet && self.gathered.is_none();
        let mut not_finite = None;
        // Channel, bank and score of the statistic nearest its threshold.
        let mut nearest = (0, 0, 0.0);
        for (index, (channel, &sample)) in self.channels.iter_mut().zip(samples).enumerate() {
            let value = channel.lens.see(sample);
            if !Real::is_finite(value) {
                self.skipped += 1;
                not_finite = not_finite.or(Some(index));
            }
            let whitened = channel.whitener.update(value);
            if !is_watching {
                continue;
            }
            for (place, bank) in self.banks.iter_mut().enumerate() {
                if let Some(whitened) = whitened {
                    bank.update(index, whitened);
                }
                if bank.scores[index] > nearest.2 {
                    nearest = (index, place, bank.scores[index]);
                }
            }
        }
        self.steps += 1;
        let learnt = if is_quiet || not_finite.is_some() { None } else { self.gather(samples) };
        if let Some(event) = learnt {
            return Ok(event);
        }
        let (channel, place, score) = nearest;
        self.score = score;
        let detector = self.banks[place].kind;
        if score >= 1.0 {
            return Ok(self.alarm(channel, place));
        }
        self.is_warning = score >= if self.is_warning { self.settings.clear_at } else { self.settings.warn_at };
        Ok(match not_finite {
            Some(channel) => Event::NotFinite { channel },
            None if self.is_warning => Event::Warning { channel, detector, score },
            None => Event::Quiet,
        })
    }

    fn alarm(&mut self, channel: usize, place: usize) -> Event {
        let bank = &self.banks[place];
        let lasted = bank.detectors[channel].since().saturating_mul((bank.stride * self.block) as u64);
        let event = Event::Alarm { channel, detector: bank.kind, since: self.steps.saturating_sub(lasted) };
        self.restart();
        self.alarms += 1;
        self.quiet_until = self.steps.saturating_add(self.settings.cool_down);
        self.gathered = self.settings.relearn.map(|_| Vec::new());
        event
    }

    /// Takes a step of what is to be normal, and learns it once there is enough.
    fn gather(&mut self, samples: &[f64]) -> Option<Event> {
        let (gathered, steps) = (self.gathered.as_mut()?, self.settings.relearn?);
        gathered.extend_from_slice(samples);
        if gathered.len() < steps.saturating_mul(samples.len()) {
            return None;
        }
        let learnt = ArrayView2::from_shape((steps, samples.len()), gathered)
            .ok()
            .and_then(|stretch| Self::calibrate(self.settings.clone(), stretch).ok());
        self.gathered = None;
        self.quiet_until = self.steps.saturating_add(self.settings.warm_up);
        let Some(Self { channels, banks, block, .. }) = learnt else { return Some(Event::NotRelearnt) };
        (self.channels, self.banks, self.block) = (channels, banks, block);
        Some(Event::Relearnt { steps })
    }

    /// Detectors start anew; what is normal, and all counts, stay. What was gathered to be normal is dropped.
    pub fn restart(&mut self) {
        self.gathered = None;
        for bank in &mut self.banks {
            bank.detectors.iter_mut().for_each(Detector::restart);
            bank.sums.fill((0.0, 0));
            bank.scores.fill(0.0);
        }
        self.is_warning = false;
    }

    /// The largest statistic over its threshold after the last step, of those that each detector has computed last; an alarm from 1 on.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Steps observed.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Alarms so far.
    pub fn alarms(&self) -> u64 {
        self.alarms
    }

    /// Samples that were not finite so far, over all channels.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// What a channel carries, and its number among those that carry the same; none for a channel that does not exist.
    pub fn source(&self, channel: usize) -> Option<(Source, usize)> {
        if self.settings.watch.is_empty() {
            return (channel < self.channels.len()).then_some((Source::Residual, channel));
        }
        let mut first = 0;
        for (index, &(source, count)) in self.settings.watch.iter().enumerate() {
            if channel < first + count {
                let before = self.settings.watch[..index].iter().filter(|(other, _)| *other == source);
                return Some((source, before.map(|(_, count)| count).sum::<usize>() + channel - first));
            }
            first += count;
        }
        None
    }

    /// The whitener of a channel.
    pub fn whitener(&self, channel: usize) -> Option<&Whitener> {
        self.channels.get(channel).map(|channel| &channel.whitener)
    }

    /// The settings.
    pub fn settings(&self) -> &DriftSettings {
        &self.settings
    }
}

impl Bank {
    #[inline]
    fn update(&mut self, channel: usize, whitened: f64) {
        let mut sample = whitened;
        if self.stride > 1 {
            let (sum, count) = &mut self.sums[channel];
            *sum += whitened;
            *count += 1;
            if *count < self.stride {
                return;
            }
            sample = *sum / (self.stride as f64).sqrt();
            (*sum, *count) = (0.0, 0);
        }
        let detector = &mut self.detectors[channel];
        let score = detector.update(sample);
        if detector.has_computed() {
            self.scores[channel] = score;
        }
    }
}

impl View {
    fn on(self, stretch: &[f64]) -> Lens {
        if self == Self::Value {
            return Lens::Value;
        }
        let (n, mean) = (stretch.len().max(1) as f64, metrics::mean(stretch.iter().copied()));
        let variance = stretch.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        // A constant stretch is refused later, as a constant.
        Lens::Magnitude { mean, floor: (variance / 100.0).max(f64::MIN_POSITIVE) }
    }
}

/// Whitened samples, one per block of steps, between false alarms of detectors that have this share of `rate` per 1,000 steps.
fn run_length(rate: f64, share: f64, block: usize, stride: usize) -> f64 {
    // The highest rate may come out a rounding short.
    (1000.0 / (rate * share * block as f64)).max(SHORTEST * stride as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::{DriftMonitor, SECOND_SHARE, STRIDE, View, run_length};
    use crate::drift::DriftSettings;
    use crate::random::Seed;

    #[test]
    fn false_alarms_are_shared_among_banks_and_counted_in_blocks() {
        // One in 1,000 steps, half of it here: one in 2,000 steps, which are 500 blocks of 4.
        assert_eq!(run_length(1.0, 0.5, 4, 16), 500.0);
    }

    /// One rounding below 20 strides, the highest rate that an error names would have been refused as a run length.
    #[test]
    fn the_highest_rate_has_thresholds() {
        for block in 1..1000 {
            let length = run_length(DriftSettings::default().highest_rate(block), SECOND_SHARE, block, STRIDE);
            assert!((320.0..320.001).contains(&length), "{block}: {length}");
        }
    }

    #[test]
    fn magnitudes_are_logarithms_above_a_tenth_of_the_spread() {
        let lens = View::Magnitude.on(&[9.0, 11.0, 9.0, 11.0]);
        for distance in [0.0, 0.1, 1.0, -30.0] {
            let expected = 0.5 * (distance * distance + 0.01_f64).ln();
            assert!((lens.see(10.0 + distance) - expected).abs() < 1e-12, "{distance}");
        }
    }

    /// A channel with a short memory takes the long block of the others, or it would run ahead of them.
    #[test]
    fn channels_keep_step() {
        let mut stream = Seed(2).stream("noise");
        let mut slow = 0.0;
        let mut rows = Array2::zeros((20_000, 2));
        for mut row in rows.rows_mut() {
            slow = 0.98 * slow + stream.normal();
            (row[0], row[1]) = (stream.normal(), slow + 3.0 * stream.normal());
        }
        let settings = DriftSettings { whitening: crate::drift::Whitening::Blocks, ..DriftSettings::default() };
        let monitor = DriftMonitor::calibrate(settings, rows.view()).unwrap();
        let blocks: Vec<usize> = monitor.channels.iter().map(|channel| channel.whitener.block()).collect();
        assert!(blocks[0] > 1 && blocks[0] == blocks[1] && monitor.block == blocks[0], "{blocks:?}");
    }
}
