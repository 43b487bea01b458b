//! What can be wrong with a series or settings.

use thiserror::Error;

/// A forecast that cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// A horizon of 0.
    #[error("a horizon of 0 steps asks for what is known: give 1 or more")]
    Horizon,
    /// A season of fewer than 2 steps.
    #[error("a season of {season} steps: give 2 or more, or none")]
    Season {
        /// What was given.
        season: usize,
    },
    /// Limits that leave nothing between them, or are no numbers.
    #[error("limits from {lower} to {upper} leave no forecast: the lower one has to be below the upper one")]
    Limits {
        /// The lower one.
        lower: f64,
        /// The upper one.
        upper: f64,
    },
    /// Too few rows, or too few with a value.
    #[error(
        "{known} of {rows} rows have a value: a forecast {horizon} steps ahead needs {needed} or more after the first value"
    )]
    TooShort {
        /// Rows, from the first value on.
        rows: usize,
        /// Rows with a value.
        known: usize,
        /// The least number of rows.
        needed: usize,
        /// Steps ahead.
        horizon: usize,
    },
    /// An infinite value.
    #[error("the value of row {row} is infinite: leave it empty (NaN) if it is missing")]
    Infinite {
        /// The row, from 0.
        row: usize,
    },
    /// Values whose differences leave the range of numbers.
    #[error("values from {smallest} to {largest} differ by more than numbers hold: divide them first")]
    Spread {
        /// The smallest one.
        smallest: f64,
        /// The largest one.
        largest: f64,
    },
    /// Inputs of a number of rows that does not fit the series.
    #[error("{rows} rows of inputs ({what}): the series asks for {expected}")]
    Inputs {
        /// Which ones.
        what: &'static str,
        /// Rows that were given.
        rows: usize,
        /// Rows of the series, and the horizon more for what is known ahead.
        expected: usize,
    },
    /// An infinite input.
    #[error("input {column} ({what}) of row {row} is infinite: leave it empty (NaN) if it is missing")]
    InfiniteInput {
        /// Which ones.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// A row with more or fewer inputs than the fit had.
    #[error("{past} inputs and {ahead} known ahead: the fit had {expected_past} and {expected_ahead}")]
    Columns {
        /// Given.
        past: usize,
        /// Given, known ahead.
        ahead: usize,
        /// Of the fit.
        expected_past: usize,
        /// Of the fit, known ahead.
        expected_ahead: usize,
    },
    /// A network that could not be drawn or run.
    #[error(transparent)]
    Network(#[from] forebay::Error),
}
