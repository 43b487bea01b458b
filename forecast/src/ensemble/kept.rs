//! What the parts of a kept forecaster are compared with when they are read: nothing in the bytes is trusted.

use std::fmt::Display;
use std::sync::Arc;

pub(super) use forebay::keep::KeepError;

use super::circle::circle;

/// No series is longer: counts of rows leave room to count on.
pub(super) const MOST_ROWS: usize = 1 << 31;

/// What the parts of a forecaster share, so that it is not written with each: there is nothing then that could disagree.
pub(super) struct Frame {
    pub(super) horizon: usize,
    /// 1 without a season.
    pub(super) season: usize,
    /// Rows of the fit, from the first value on. No lag is longer.
    pub(super) fitted: usize,
    /// Rows so far, from the first value on.
    pub(super) rows: usize,
    /// Features of inputs.
    pub(super) beside: usize,
    /// Of the season.
    pub(super) circle: Arc<[(f64, f64)]>,
}

impl Frame {
    pub(super) fn new(horizon: usize, season: usize, (fitted, rows): (usize, usize), beside: usize) -> Self {
        Self { horizon, season, fitted, rows, beside, circle: circle(season) }
    }
}

/// `Err` unless it holds.
pub(super) fn must<W: Display>(holds: bool, field: &'static str, why: impl FnOnce() -> W) -> Result<(), KeepError> {
    if holds { Ok(()) } else { Err(KeepError::content(field, why())) }
}

/// That there are so many.
pub(super) fn must_be(field: &'static str, found: usize, expected: Option<usize>) -> Result<(), KeepError> {
    must(expected == Some(found), field, || match expected {
        Some(expected) => format!("are {found}, and {expected} belong here"),
        None => format!("are {found}, and more than can be counted belong here"),
    })
}

/// That all are finite.
pub(super) fn finite<'a>(field: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<(), KeepError> {
    let odd = values.into_iter().find(|value| !value.is_finite());
    must(odd.is_none(), field, || "hold a number that is not finite")
}

/// Whether two rows of numbers are the same bits.
pub(super) fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
