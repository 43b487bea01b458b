//! Why a reservoir cannot be made, and the checks that say so.

use super::spectral::SpectralError;
use crate::weights::WeightsError;

/// Why a reservoir cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReservoirError {
    /// A number is outside its range.
    #[error("{field} is {found}, must be {allowed}")]
    Range {
        /// The setting.
        field: &'static str,
        /// The value found.
        found: f64,
        /// The range in words.
        allowed: &'static str,
    },
    /// A list does not have one value for each unit or channel.
    #[error("{field} has {found} values for {expected} {of}")]
    Length {
        /// The setting.
        field: &'static str,
        /// Values found.
        found: usize,
        /// Values needed.
        expected: usize,
        /// What each value belongs to.
        of: &'static str,
    },
    /// The recurrent matrix as drawn cannot be scaled to a spectral radius.
    #[error("the {units} recurrent units cannot be scaled to a spectral radius: {source}")]
    Spectral {
        /// Number of units.
        units: usize,
        /// Why not.
        source: SpectralError,
    },
    /// The weights do not form a matrix.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// 32 GiB of values: beyond it an allocation is a mistake rather than a plan.
const MAX_ENTRIES: f64 = (1_u64 << 32) as f64;

pub(super) fn check_entries(field: &'static str, entries: f64) -> Result<(), ReservoirError> {
    check_range(field, entries, entries <= MAX_ENTRIES, "at most 2^32 entries")
}

pub(super) fn check_density(field: &'static str, density: f64) -> Result<(), ReservoirError> {
    check_range(field, density, density > 0.0 && density <= 1.0, "above 0 and at most 1")
}

pub(super) fn check_range(
    field: &'static str,
    found: f64,
    ok: bool,
    allowed: &'static str,
) -> Result<(), ReservoirError> {
    if ok { Ok(()) } else { Err(ReservoirError::Range { field, found, allowed }) }
}

pub(super) fn check_length(
    field: &'static str,
    found: usize,
    expected: usize,
    of: &'static str,
) -> Result<(), ReservoirError> {
    if found == expected { Ok(()) } else { Err(ReservoirError::Length { field, found, expected, of }) }
}
