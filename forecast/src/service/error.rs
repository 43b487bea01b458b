//! What can be wrong with a table, a row or a file.

use thiserror::Error;

use crate::ensemble::EnsembleError;
use crate::interval::IntervalError;
use crate::verdict::VerdictError;

/// Forecasts that cannot be made, or gone on with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A table or a row with other columns than expected.
    #[error(
        "{} targets, {} inputs and {} known ahead where {}, {} and {} are expected", found.0, found.1, found.2, expected.0, expected.1, expected.2
    )]
    Columns {
        /// Targets, inputs, inputs known ahead.
        found: (usize, usize, usize),
        /// The same.
        expected: (usize, usize, usize),
    },
    /// Numbers of rows that do not fit.
    #[error(
        "{targets} rows of targets, {past} of inputs and {ahead} of those known ahead: the first two are to be equal, the last as many or more"
    )]
    Lengths {
        /// Rows of targets.
        targets: usize,
        /// Rows of inputs.
        past: usize,
        /// Rows of inputs known ahead.
        ahead: usize,
    },
    /// No target.
    #[error("there is nothing to forecast: name at least one target")]
    NoTarget,
    /// Too many horizons and targets.
    #[error("{targets} targets, each {horizon} steps ahead, are {} forecasts: at most {most} fit", targets * horizon)]
    TooMany {
        /// Targets.
        targets: usize,
        /// Steps ahead.
        horizon: usize,
        /// The most forecasts.
        most: usize,
    },
    /// An input that is infinite.
    #[error("an input is {value}: give a finite number, or NaN where it is missing")]
    Infinite {
        /// What was given.
        value: f64,
    },
    /// A series that cannot be forecast, or a value that cannot be taken.
    #[error("{target}: {source}")]
    Ensemble {
        /// The target.
        target: String,
        /// Why.
        source: EnsembleError,
    },
    /// A coverage out of range.
    #[error(transparent)]
    Interval(#[from] IntervalError),
    /// Losses that cannot be compared.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// Bytes that are no kept forecasts.
    #[error("{why}")]
    Kept {
        /// What is wrong with them.
        why: String,
    },
}
