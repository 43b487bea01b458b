//! What a monitor is asked to do, and what it says.

use super::calibrate::SHORTEST;
use super::{DetectorKind, Whitening, positive, range};
use crate::error::Error;

/// Whitened samples that the second opinion takes for one.
pub(super) const STRIDE: usize = 16;
/// Its share of the rate of false alarms.
pub(super) const SECOND_SHARE: f64 = 0.2;
/// False alarms per 1,000 steps that are asked for at most.
const HIGHEST: f64 = 20.0;

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

/// `DriftSettings` of a [`DriftMonitor`](super::DriftMonitor).
#[derive(Clone, Debug, PartialEq)]
pub struct DriftSettings {
    /// False alarms per 1,000 steps of the whole monitor, above 0 and at most 20; 0.1. Every detector has to see 20 samples between its
    /// own: with a second opinion at most 15.625 can be asked for, and where [blocks](Whitening::Blocks) of steps are one sample, that
    /// over their length, or 50 over it without a second opinion.
    pub rate: f64,
    /// The detector of every channel; CUSUM.
    pub detector: DetectorKind,
    /// A second opinion that sees means of 16 whitened samples, and gets a fifth of the rate; ADWIN.
    pub second: Option<DetectorKind>,
    /// What is watched; the value.
    pub view: View,
    /// How samples are made independent; an autoregression of order up to 10.
    pub whitening: Whitening,
    /// Steps at the start that only fill the whiteners; 20.
    pub warm_up: u64,
    /// Steps after an alarm in which there is no other; 100.
    pub cool_down: u64,
    /// Whether, and from how many steps, the new level is taken as normal after an alarm; none.
    ///
    /// With none, what was normal at calibration stays normal: a change that lasts raises an alarm after every cool-down, each of
    /// which says that the channel is still not what it was. With a number, at least 200, so many steps after the cool-down are
    /// [calibrated](super::DriftMonitor::calibrate) on anew, during which nothing is noticed, and the next alarm is another change. The
    /// rate of false alarms then is as good as that number of steps allows.
    pub relearn: Option<usize>,
    /// A warning begins when a statistic is above this share of its threshold, in (0, 1]; 0.8.
    pub warn_at: f64,
    /// It ends when all are below this one, at least 0 and at most `warn_at`; 0.5. Of each detector the statistic that was computed
    /// last counts, also in steps that give it none: a missing sample, an unfinished block, ADWIN between two searches.
    pub clear_at: f64,
    /// What the channels carry, in order, with their number; empty if all are residuals.
    pub watch: Vec<(Source, usize)>,
    /// Seed of the simulation that finds thresholds; 0.
    pub seed: u64,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self {
            rate: 0.1,
            detector: DetectorKind::Cusum,
            second: Some(DetectorKind::Adwin),
            view: View::Value,
            whitening: Whitening::Autoregression(10),
            warm_up: 20,
            cool_down: 100,
            relearn: None,
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
    /// A statistic is near its threshold; see [`clear_at`](DriftSettings::clear_at).
    Warning {
        /// The channel.
        channel: usize,
        /// The detector.
        detector: DetectorKind,
        /// The statistic over its threshold.
        score: f64,
    },
    /// The channel is not what it was in the drift-free stretch. All detectors start anew, so an alarm soon after the cool-down of
    /// another one mostly is the same change, which lasts, and its `since` no more than the end of that cool-down; see
    /// [`DriftSettings::relearn`].
    Alarm {
        /// The channel.
        channel: usize,
        /// The detector.
        detector: DetectorKind,
        /// The step, counted from 0, in which the change began by the detector's estimate.
        since: u64,
    },
    /// What followed an alarm is what is normal from now on; see [`DriftSettings::relearn`].
    Relearnt {
        /// Steps that it was learnt from.
        steps: usize,
    },
    /// What followed an alarm cannot be called normal, since a channel does not vary or is too strongly correlated: what was
    /// normal still is.
    NotRelearnt,
}

impl DriftSettings {
    pub(super) fn check(&self, channels: usize) -> Result<(), Error> {
        self.check_rate(1)?;
        if !(self.warn_at > 0.0 && self.warn_at <= 1.0) {
            return Err(range("warn_at", "above 0 and at most 1", self.warn_at));
        }
        if !(self.clear_at >= 0.0 && self.clear_at <= self.warn_at) {
            return Err(range("clear_at", "at least 0 and at most warn_at", self.clear_at));
        }
        if let Some(steps) = self.relearn {
            let needed = match self.whitening {
                Whitening::Autoregression(order) => order.saturating_mul(10).max(200),
                _ => 200,
            };
            if steps < needed {
                return Err(range("relearn", &format!("at least {needed} steps"), steps));
            }
        }
        let watched = self.watch.iter().fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
        if channels == 0 || (!self.watch.is_empty() && watched != channels) {
            let expected = if self.watch.is_empty() { 1 } else { watched };
            return Err(Error::shape("channels of the drift-free stretch", expected, channels));
        }
        Ok(())
    }

    /// `Err` unless every detector has samples enough between false alarms, of `block` steps each.
    pub(super) fn check_rate(&self, block: usize) -> Result<(), Error> {
        positive("the rate of false alarms", self.rate)?;
        let most = self.highest_rate(block);
        if self.rate > most {
            let expected = format!("at most {most} per 1,000 steps with these settings");
            return Err(range("the rate of false alarms", &expected, self.rate));
        }
        Ok(())
    }

    pub(super) fn highest_rate(&self, block: usize) -> f64 {
        // Samples per sample of the detector that has the fewest for its share.
        let fewest = if self.second.is_some() { SECOND_SHARE * STRIDE as f64 } else { 1.0 };
        (1000.0 / (SHORTEST * fewest * block as f64)).min(HIGHEST)
    }
}
