//! Many channels under watch, with one rate of false alarms for all.

use ndarray::{Array2, ArrayView2};

use super::{AnyDetector, Detector, Kind, Whitener, Whitening, positive, range, thresholds};
use crate::error::Error;
use crate::random::Seed;

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// What goes into the network.
    Input,
    /// The reservoir's state, or some of it.
    State,
    /// Prediction minus truth.
    Residual,
}

/// Which property of a channel is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The value: finds shifts of the mean.
    #[default]
    Value,
    /// The logarithm of the magnitude, `ln(d^2 + s^2 / 100) / 2` with `d` the distance from the mean and `s` the standard
    /// deviation of the drift-free stretch: finds errors that grow in either direction, and is not upset by single large
    /// ones.
    Magnitude,
}

/// Settings of a [`DriftMonitor`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// False alarms per 1,000 steps of the whole monitor, above 0 and at most 20; 0.1.
    pub rate: f64,
    /// The detector of every channel; CUSUM.
    pub detector: Kind,
    /// A second opinion that sees means of 16 whitened samples, and gets a fifth of the rate; ADWIN.
    pub second: Option<Kind>,
    /// What is watched; the value.
    pub view: View,
    /// How samples are made independent; an autoregression of order up to 10.
    pub whitening: Whitening,
    /// Steps at the start that only fill the whiteners; 20.
    pub warm_up: u64,
    /// Steps after an alarm in which there is no other; 100.
    pub cool_down: u64,
    /// A warning begins when a statistic is above this share of its threshold, in (0, 1]; 0.8.
    pub warn_at: f64,
    /// It ends when all are below this one, at least 0 and at most `warn_at`; 0.5.
    pub clear_at: f64,
    /// What the channels carry, in order, with their number; empty if all are residuals.
    pub watch: Vec<(Source, usize)>,
    /// Seed of the simulation that finds thresholds; 0.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: 0.1,
            detector: Kind::Cusum,
            second: Some(Kind::Adwin),
            view: View::Value,
            whitening: Whitening::Autoregression(10),
            warm_up: 20,
            cool_down: 100,
            warn_at: 0.8,
            clear_at: 0.5,
            watch: Vec::new(),
            seed: 0,
        }
    }
}

/// What a monitor has to say about a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Nothing.
    Quiet,
    /// A channel holds NaN or infinity. Its sample was left out; the others were looked at.
    NotFinite {
        /// The first such channel.
        channel: usize,
    },
    /// A statistic is near its threshold.
    Warning {
        /// The channel.
        channel: usize,
        /// The detector.
        detector: Kind,
        /// The statistic over its threshold.
        score: f64,
    },
    /// The channel is not what it was. All detectors start anew.
    Alarm {
        /// The channel.
        channel: usize,
        /// The detector.
        detector: Kind,
        /// The step, counted from 0, in which the change began by the detector's estimate.
        since: u64,
    },
}

/// Watches the channels of a stream for drift.
///
/// ```
/// use forebay::drift::{DriftMonitor, Event, Settings};
/// use forebay::random::Seed;
/// use ndarray::Array2;
///
/// let mut noise = Seed(1).stream("errors");
/// let quiet = Array2::from_shape_simple_fn((5000, 2), || noise.normal());
/// let mut monitor = DriftMonitor::calibrate(Settings::default(), quiet.view())?;
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
    settings: Settings,
    channels: Vec<Channel>,
    banks: Vec<Bank>,
    steps: u64,
    alarms: u64,
    quiet_until: u64,
    is_warning: bool,
    score: f64,
    skipped: u64,
    block: usize,
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

impl Lens {
    #[inline]
    fn see(self, sample: f64) -> f64 {
        match self {
            Self::Value => sample,
            Self::Magnitude { mean, floor } => 0.5 * libm::log((sample - mean) * (sample - mean) + floor),
        }
    }
}

/// One kind of detector on every channel.
#[derive(Clone, Debug)]
struct Bank {
    kind: Kind,
    detectors: Vec<AnyDetector>,
    stride: usize,
    /// Sums of whitened samples and their number, with a stride above 1.
    sums: Vec<(f64, usize)>,
}

/// Whitened samples that the second opinion takes for one.
const STRIDE: usize = 16;
/// Its share of the rate of false alarms.
const SECOND_SHARE: f64 = 0.2;

impl DriftMonitor {
    /// Learns from a drift-free stretch `[steps, channels]` what is normal, and finds thresholds by simulation.
    ///
    /// Mean, spread and memory are estimates: with 5,000 steps of white, or 20,000 steps of strongly correlated samples, the
    /// rate of false alarms mostly is within a factor of two of the one asked for (`specs/drift.md`).
    ///
    /// # Errors
    /// [`Error::Range`] for settings out of range, or a stretch that is too short or constant (see [`Whitener::fit`]);
    /// [`Error::Shape`] if `watch` has another number of channels; [`Error::NonFinite`].
    pub fn calibrate(settings: Settings, stretch: ArrayView2<'_, f64>) -> Result<Self, Error> {
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
            let run_length = 1000.0 / (settings.rate * share * block as f64);
            let found = thresholds(kind, stride, whitened.view(), run_length, Seed(settings.seed))?;
            let detectors =
                found.into_iter().map(|threshold| kind.with_threshold(threshold)).collect::<Result<_, _>>()?;
            banks.push(Bank { kind, detectors, stride, sums: vec![(0.0, 0); channels.len()] });
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
        })
    }

    /// Looks at one step; allocates nothing. Of several channels the one furthest beyond its threshold is named.
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
        let is_watching = self.steps >= self.settings.warm_up && self.steps >= self.quiet_until;
        let mut not_finite = None;
        // Channel, bank and score of the statistic nearest its threshold.
        let mut nearest = (0, 0, 0.0);
        for (index, (channel, &sample)) in self.channels.iter_mut().zip(samples).enumerate() {
            let value = channel.lens.see(sample);
            if !value.is_finite() {
                self.skipped += 1;
                not_finite = not_finite.or(Some(index));
            }
            let Some(whitened) = channel.whitener.update(value) else { continue };
            if !is_watching {
                continue;
            }
            for (place, bank) in self.banks.iter_mut().enumerate() {
                let score = bank.update(index, whitened);
                if score > nearest.2 {
                    nearest = (index, place, score);
                }
            }
        }
        self.steps += 1;
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
        self.quiet_until = self.steps + self.settings.cool_down;
        event
    }

    /// Detectors start anew; what is normal, and all counts, stay.
    pub fn restart(&mut self) {
        for bank in &mut self.banks {
            bank.detectors.iter_mut().for_each(Detector::restart);
            bank.sums.fill((0.0, 0));
        }
        self.is_warning = false;
    }

    /// The largest statistic over its threshold in the last step; an alarm from 1 on.
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
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Bank {
    #[inline]
    fn update(&mut self, channel: usize, whitened: f64) -> f64 {
        if self.stride == 1 {
            return self.detectors[channel].update(whitened);
        }
        let (sum, count) = &mut self.sums[channel];
        *sum += whitened;
        *count += 1;
        if *count < self.stride {
            return 0.0;
        }
        let mean = *sum / (self.stride as f64).sqrt();
        (*sum, *count) = (0.0, 0);
        self.detectors[channel].update(mean)
    }
}

impl View {
    fn on(self, stretch: &[f64]) -> Lens {
        if self == Self::Value {
            return Lens::Value;
        }
        let n = stretch.len().max(1) as f64;
        let mean = stretch.iter().sum::<f64>() / n;
        let variance = stretch.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        // A constant stretch is refused later, as a constant.
        Lens::Magnitude { mean, floor: (variance / 100.0).max(f64::MIN_POSITIVE) }
    }
}

impl Settings {
    fn check(&self, channels: usize) -> Result<(), Error> {
        positive("the rate of false alarms", self.rate)?;
        if self.rate > 20.0 {
            return Err(range("the rate of false alarms", "at most 20 per 1,000 steps", self.rate));
        }
        if !(self.warn_at > 0.0 && self.warn_at <= 1.0) {
            return Err(range("warn_at", "above 0 and at most 1", self.warn_at));
        }
        if !(self.clear_at >= 0.0 && self.clear_at <= self.warn_at) {
            return Err(range("clear_at", "at least 0 and at most warn_at", self.clear_at));
        }
        let watched = self.watch.iter().fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
        if channels == 0 || (!self.watch.is_empty() && watched != channels) {
            let expected = if self.watch.is_empty() { 1 } else { watched };
            return Err(Error::shape("channels of the drift-free stretch", expected, channels));
        }
        Ok(())
    }
}
