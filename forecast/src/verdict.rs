//! Whether one forecast is better than another, on the steps that both were made for.
//!
//! Squared errors of forecasts h steps ahead are alike over at least h steps, and their differences have heavy tails. So the
//! differences are not taken one by one, but as means over stretches of `max(3 h, n / 20)` steps, which hardly know of one another, and
//! those by Student's t: `|d| > t(0.975, k - 1) sd / sqrt(k)` for k stretches, at least four. Measured on pairs that are
//! equally good, the two together are told apart in at most 7 % (`forecast/tests/verdict.rs`).
//!
//! Two standard errors by a sum of autocovariances (Diebold, Mariano 1995) are too few where stretches are few: 9 to 10 % at 6 to 12
//! steps ahead of 156, 53 % at 20 of 22. Means over blocks: R. Ibragimov, U. Müller, Journal of Business & Economic
//! Statistics 28, 453 (2010).

use forebay_zoo::stats::MeanInterval;
use thiserror::Error;

/// Fewer stretches than these say nothing: Student's t with two degrees of freedom asks for 4.3 standard errors.
const FEWEST: usize = 4;

/// More stretches say little more (t with 19 degrees of freedom asks for 2.09 standard errors, with infinitely many 1.96), and longer
/// ones bear errors that stay alike for longer than the horizon.
const MOST: usize = 20;

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The first forecast is better.
    First,
    /// The second forecast is better.
    Second,
    /// They differ by no more than chance explains.
    Open,
    /// There are too few steps for a verdict at this horizon, however large the difference.
    Short {
        /// Steps with both losses.
        steps: usize,
        /// Steps that a verdict needs.
        needed: usize,
    },
}

/// Two forecasts side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What can be said; never against the sign of `difference`.
    pub verdict: Verdict,
    /// Mean of the first's loss minus the second's, with its 95 % interval over stretches.
    pub difference: MeanInterval,
    /// Steps where both have a loss.
    pub steps: usize,
    /// Steps that were left out, as a loss is NaN there (no truth).
    pub left_out: usize,
}

/// Why two forecasts can't be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerdictError {
    /// One loss a step and forecast is needed.
    #[error("{first} losses of one forecast and {second} of the other: both need one for every step")]
    Lengths {
        /// Of the first.
        first: usize,
        /// Of the second.
        second: usize,
    },
    /// Forecasts are made ahead.
    #[error("a horizon of 0 steps: it must be at least 1")]
    Horizon,
    /// A loss that is infinite has no mean.
    #[error("the loss of step {step} is infinite: scale the series")]
    Infinite {
        /// Counted from 0.
        step: usize,
    },
}

/// Compares the losses of two forecasts `horizon` steps ahead, step by step in order (such as squared errors, summed over columns after
/// division by each column's variance); NaN where the truth is missing.
///
/// ```
/// use forebay_forecast::verdict::{Verdict, compare};
///
/// let good: Vec<f64> = (0..60).map(|t| 0.1 + 0.05 * f64::from(t % 3)).collect();
/// let bad: Vec<f64> = (0..60).map(|t| 0.3 + 0.07 * f64::from(t % 4)).collect();
/// assert_eq!(compare(&good, &bad, 2)?.verdict, Verdict::First);
/// assert_eq!(compare(&good, &bad, 6)?.verdict, Verdict::Short { steps: 60, needed: 72 });
/// # Ok::<(), forebay_forecast::verdict::VerdictError>(())
/// ```
///
/// # Errors
/// Losses of unequal number or infinite, a horizon of 0.
pub fn compare(first: &[f64], second: &[f64], horizon: usize) -> Result<Comparison, VerdictError> {
    if first.len() != second.len() {
        return Err(VerdictError::Lengths { first: first.len(), second: second.len() });
    }
    if horizon == 0 {
        return Err(VerdictError::Horizon);
    }
    let both = first.iter().zip(second);
    if let Some(step) = both.clone().position(|(a, b)| a.is_infinite() || b.is_infinite()) {
        return Err(VerdictError::Infinite { step });
    }
    let differences: Vec<f64> = both.map(|(a, b)| a - b).filter(|d| !d.is_nan()).collect();
    let steps = differences.len();
    let shortest = horizon.saturating_mul(3);
    let stretches = (steps / shortest).min(MOST);
    let difference = MeanInterval::of_stretches(&differences, stretches.max(1));
    let verdict = match difference.half_width {
        _ if stretches < FEWEST => Verdict::Short { steps, needed: shortest.saturating_mul(FEWEST) },
        Some(half) if difference.mean < -half => Verdict::First,
        Some(half) if difference.mean > half => Verdict::Second,
        _ => Verdict::Open,
    };
    Ok(Comparison { verdict, difference, steps, left_out: first.len() - steps })
}
