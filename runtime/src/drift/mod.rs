//! Noticing that the world has changed, and doing something about it.
//!
//! A [`DriftMonitor`] watches inputs, states or prediction errors, whitens and standardises them as a drift-free stretch
//! tells it to, and raises alarms at a rate of false ones that the user asks for. A [`Ladder`] acts on its alarms: hold,
//! refit the readout, retrain, give back control, and go back to the old model if the new one is worse.
//!
//! | item | what it does |
//! |---|---|
//! | [`Cusum`], [`PageHinkley`], [`Adwin`], [`Kswin`] | detectors of one stream, behind the trait [`Detector`] |
//! | [`Whitener`] | makes successive errors independent: autoregression or block means |
//! | [`thresholds`] | what statistic a rate of false alarms stands for |
//! | [`DriftMonitor`] | all of that for many channels, with warm-up, cool-down and hysteresis |
//! | [`Ladder`] | recovery of a running [`HybridEsn`](crate::HybridEsn) |
//!
//! Whitening is not a refinement: on the errors of an autoregression with coefficient 0.9 every detector raises 6 to 9
//! false alarms per 1,000 steps (`specs/drift.md`).

mod adwin;
mod calibrate;
mod cusum;
mod keep;
mod kept;
mod kswin;
mod ladder;
mod monitor;
mod policy;
mod settings;
mod whiten;

pub use adwin::Adwin;
pub use calibrate::thresholds;
pub use cusum::{Cusum, PageHinkley};
pub use kswin::{Kswin, ks_distance};
#[cfg(feature = "files")]
pub use ladder::Watched;
pub use ladder::{Ladder, Retrain};
pub use monitor::DriftMonitor;
pub use policy::{Action, Entry, Policy, Refit};
pub use settings::{DriftSettings, Event, Source, View};
pub use whiten::{Whitener, Whitening, autocorrelation_time, levinson_durbin};

use crate::error::{Error, written};
use crate::keep::{KeepError, Reader, Writer};

/// Something that watches one stream of samples for a change of its distribution.
///
/// Updates allocate nothing. A sample that is NaN or infinite, or so far off that the sums would be, leaves the state as it was
/// and is counted.
pub trait Detector {
    /// Takes one sample and gives the statistic over its threshold: an alarm from 1 on.
    ///
    /// Where none is computed, for a sample that is left out or by [`Adwin`] between two searches, that is 0.
    fn update(&mut self, sample: f64) -> f64;

    /// For how many samples the change has lasted, by the detector's own estimate.
    fn since(&self) -> u64;

    /// Forgets what was seen: the state is that of a new detector. The count of skipped samples stays.
    fn restart(&mut self);

    /// Samples so far that were left out.
    fn skipped(&self) -> u64;
}

/// Which detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DetectorKind {
    /// [`Cusum`] with an allowance of 0.5 standard deviations.
    Cusum,
    /// [`PageHinkley`] with an allowance of 0.5 standard deviations.
    PageHinkley,
    /// [`Adwin`].
    Adwin,
    /// [`Kswin`] that compares the last 30 samples with the 70 before.
    Kswin,
}

impl DetectorKind {
    /// A detector of this kind with a threshold, in the units of its statistic.
    ///
    /// # Errors
    /// [`Error::Range`] unless the threshold is finite and above 0.
    pub fn with_threshold(self, threshold: f64) -> Result<AnyDetector, Error> {
        Ok(match self {
            Self::Cusum => AnyDetector::Cusum(Cusum::new(ALLOWANCE, threshold)?),
            Self::PageHinkley => AnyDetector::PageHinkley(PageHinkley::new(ALLOWANCE, threshold)?),
            Self::Adwin => AnyDetector::Adwin(Box::new(Adwin::with_threshold(threshold)?)),
            Self::Kswin => AnyDetector::Kswin(Kswin::new(100, 30, threshold)?),
        })
    }
}

impl std::fmt::Display for DetectorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cusum => "CUSUM",
            Self::PageHinkley => "Page-Hinkley",
            Self::Adwin => "ADWIN",
            Self::Kswin => "KSWIN",
        })
    }
}

/// Half of a shift by one standard deviation, for which it gives the shortest delay.
const ALLOWANCE: f64 = 0.5;

/// A detector of any kind; see [`DetectorKind::with_threshold`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyDetector {
    /// See [`Cusum`].
    Cusum(Cusum),
    /// See [`PageHinkley`].
    PageHinkley(PageHinkley),
    /// See [`Adwin`].
    Adwin(Box<Adwin>),
    /// See [`Kswin`].
    Kswin(Kswin),
}

impl AnyDetector {
    fn as_detector(&self) -> &dyn Detector {
        match self {
            Self::Cusum(detector) => detector,
            Self::PageHinkley(detector) => detector,
            Self::Adwin(detector) => &**detector,
            Self::Kswin(detector) => detector,
        }
    }
}

impl AnyDetector {
    /// What it has seen; its kind and threshold are the owner's.
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Cusum(detector) => detector.write(to),
            Self::PageHinkley(detector) => detector.write(to),
            Self::Adwin(detector) => detector.write(to),
            Self::Kswin(detector) => detector.write(to),
        }
    }

    /// This one, new, with what another has seen in at most `most` samples.
    fn read(self, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        Ok(match self {
            Self::Cusum(detector) => Self::Cusum(detector.read(most, from)?),
            Self::PageHinkley(detector) => Self::PageHinkley(detector.read(most, from)?),
            Self::Adwin(detector) => Self::Adwin(Box::new(detector.read(most, from)?)),
            Self::Kswin(detector) => Self::Kswin(detector.read(most, from)?),
        })
    }

    /// Whether the last update has computed a statistic, as all but ADWIN's do.
    fn has_computed(&self) -> bool {
        if let Self::Adwin(detector) = self { detector.has_searched() } else { true }
    }

    fn threshold(&self) -> f64 {
        match self {
            Self::Cusum(detector) => detector.threshold(),
            Self::PageHinkley(detector) => detector.threshold(),
            Self::Adwin(detector) => detector.threshold(),
            Self::Kswin(detector) => detector.threshold(),
        }
    }
}

impl Detector for AnyDetector {
    #[inline]
    fn update(&mut self, sample: f64) -> f64 {
        match self {
            Self::Cusum(detector) => detector.update(sample),
            Self::PageHinkley(detector) => detector.update(sample),
            Self::Adwin(detector) => detector.update(sample),
            Self::Kswin(detector) => detector.update(sample),
        }
    }

    fn since(&self) -> u64 {
        self.as_detector().since()
    }

    fn restart(&mut self) {
        match self {
            Self::Cusum(detector) => detector.restart(),
            Self::PageHinkley(detector) => detector.restart(),
            Self::Adwin(detector) => detector.restart(),
            Self::Kswin(detector) => detector.restart(),
        }
    }

    fn skipped(&self) -> u64 {
        self.as_detector().skipped()
    }
}

/// `Err` unless the value is finite and above 0.
fn positive(what: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(range(what, "finite and above 0", written(value))) }
}

fn range(what: &'static str, expected: &str, found: impl ToString) -> Error {
    Error::Range { what, expected: expected.to_owned(), found: found.to_string() }
}
