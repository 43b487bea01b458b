//! A calibrator in bytes, and what these are compared with when they are read.

use std::collections::VecDeque;

use forebay::keep::KeepError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Calibrator;
use crate::interval::window::Window;

/// What is written of a [`Calibrator`]; the order of its errors and its rate follow from that.
///
/// [`TryFrom`] says what cannot be in one that was read; formats of `serde` may leave that out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptCalibrator {
    alpha: f64,
    horizon: usize,
    level: f64,
    /// Oldest first.
    errors: VecDeque<f64>,
    given: VecDeque<Option<f64>>,
}

impl From<&Calibrator> for KeptCalibrator {
    fn from(calibrator: &Calibrator) -> Self {
        let Calibrator { alpha, level, errors, given, horizon, .. } = calibrator;
        let (errors, given) = (errors.newest().clone(), given.clone());
        Self { alpha: *alpha, horizon: *horizon, level: *level, errors, given }
    }
}

impl TryFrom<KeptCalibrator> for Calibrator {
    type Error = KeepError;

    /// # Errors
    /// [`KeepError::Content`], which names the part that cannot be.
    fn try_from(kept: KeptCalibrator) -> Result<Self, KeepError> {
        let KeptCalibrator { alpha, horizon, level, errors, given } = kept;
        let wrong = |field, why: String| Err(KeepError::content(field, why));
        if !(alpha > 0.0 && alpha <= 1.0) {
            return wrong("share outside", format!("is {alpha}, and not above 0 and at most 1"));
        }
        if horizon == 0 {
            return wrong("horizon", "is 0".to_owned());
        }
        let nothing = Self::of(alpha, horizon);
        let (known, room, rows) = (errors.len(), nothing.errors.size(), given.len());
        if !(-alpha..=1.0).contains(&level) {
            return wrong("level", format!("is {level}, and not from {} to 1", -alpha));
        }
        // Until widths are as many as the horizon, they are as many as there were rows.
        if known > room || rows > horizon || rows < horizon && known > rows {
            return wrong("errors", format!("are {known} of {room} after {rows} rows, {horizon} ahead"));
        }
        let is_size = |value: &f64| *value >= 0.0 && value.is_finite();
        if !(errors.iter().all(is_size) && given.iter().flatten().all(is_size)) {
            return wrong("errors", "or widths are below 0, or not finite".to_owned());
        }
        Ok(Self { level, errors: Window::with(room, errors), given, ..nothing })
    }
}

impl Serialize for Calibrator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        KeptCalibrator::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Calibrator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(KeptCalibrator::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
