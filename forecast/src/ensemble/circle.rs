//! The phases of a season on a circle.

use std::f64::consts::TAU;
use std::sync::Arc;

/// Sine and cosine of `2 pi p / s` for each p of s steps, none without a season.
pub(super) fn circle(season: usize) -> Arc<[(f64, f64)]> {
    let steps = 0..if season > 1 { season } else { 0 };
    steps.map(|p| libm::sincos(TAU * p as f64 / season as f64)).collect()
}
