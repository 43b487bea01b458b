//! Quantiles of errors that adapt.

pub(super) mod kept;

use std::collections::VecDeque;

use thiserror::Error;

use super::window::Window;

/// Errors that a quantile is taken of, as a multiple of how many one miss is expected in.
const WINDOW: f64 = 10.0;

/// How far an error changes the level of the quantile, one step ahead.
const RATE: f64 = 0.02;

/// An interval that cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum IntervalError {
    /// A coverage outside of (0, 1).
    #[error("a coverage of {coverage}: give a share above 0 and below 1, such as 0.9")]
    Coverage {
        /// What was given.
        coverage: f64,
    },
    /// A horizon of 0.
    #[error("a horizon of 0 steps asks for what is known: give 1 or more")]
    Horizon,
    /// Too few errors for the coverage.
    #[error("{known} errors are known: an interval of {coverage} needs {needed}")]
    TooFew {
        /// Errors so far.
        known: usize,
        /// The least number.
        needed: usize,
        /// The coverage.
        coverage: f64,
    },
}

/// Intervals for forecasts h steps ahead that hold the truth with a given frequency.
///
/// With `alpha` 1 less the coverage and `e` the sizes of the newest `10 / alpha` errors (100 or more), n of them,
///
/// ```text
/// interval   forecast -+ e of rank ceil((1 - a) (n + 1)), the largest if that is above n
/// a'         a + rate (alpha - [the truth was outside of the interval given for it])
/// ```
///
/// with a at first alpha. What a learns of its own choice comes h steps late, and errors h steps ahead come in runs: the rate is `0.02 / sqrt(h)`.
///
/// Source: I. Gibbs, E. Candes, "Adaptive conformal inference under distribution shift", Advances in Neural Information Processing Systems 34 (2021).
///
/// It is kept by any format of `serde` that keeps every bit of a float, as `postcard` does, and goes on with the same bits; bytes are not trusted.
///
/// ```
/// use forebay_forecast::interval::Calibrator;
///
/// let mut calibrator = Calibrator::new(0.8, 1)?;
/// (0..50).for_each(|t| calibrator.push(0.0, f64::from(t).sin()));
/// let mut later: Calibrator = postcard::from_bytes(&postcard::to_stdvec(&calibrator)?)?;
/// [&mut calibrator, &mut later].into_iter().for_each(|calibrator| calibrator.push(0.0, 0.5));
/// assert_eq!(later.half_width(), calibrator.half_width());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Calibrator {
    alpha: f64,
    rate: f64,
    /// a.
    level: f64,
    errors: Window,
    /// Half widths that were given for rows whose truth is not known yet, oldest first.
    given: VecDeque<Option<f64>>,
    horizon: usize,
}

impl Calibrator {
    /// Nothing known yet.
    ///
    /// # Errors
    /// [`IntervalError::Coverage`] unless it is above 0 and below 1; [`IntervalError::Horizon`] for 0.
    pub fn new(coverage: f64, horizon: usize) -> Result<Self, IntervalError> {
        if !(coverage > 0.0 && coverage < 1.0) {
            return Err(IntervalError::Coverage { coverage });
        }
        if horizon == 0 {
            return Err(IntervalError::Horizon);
        }
        Ok(Self::of(1.0 - coverage, horizon))
    }

    fn of(alpha: f64, horizon: usize) -> Self {
        let rate = RATE / (horizon as f64).sqrt();
        let window = (WINDOW / alpha).clamp(100.0, 1e6) as usize;
        Self { alpha, rate, level: alpha, errors: Window::new(window), given: VecDeque::new(), horizon }
    }

    /// Takes the forecast of the next row and its truth; a row without one, or without a forecast, is passed over.
    pub fn push(&mut self, forecast: f64, truth: f64) {
        let error = (truth - forecast).abs();
        let given = if self.given.len() == self.horizon { self.given.pop_front().flatten() } else { None };
        if error.is_finite() {
            if let Some(width) = given {
                let missed = f64::from(u8::from(error > width));
                // A level far outside could not come back.
                self.level = (self.level + self.rate * (self.alpha - missed)).clamp(-self.alpha, 1.0);
            }
            self.errors.push(error);
        }
        self.given.push_back(self.half_width().ok());
    }

    /// Half the width of the interval of the row `horizon` steps after the last one pushed.
    ///
    /// # Errors
    /// [`IntervalError::TooFew`]: below `coverage / (1 - coverage)` errors none is large enough.
    pub fn half_width(&self) -> Result<f64, IntervalError> {
        let known = self.errors.len();
        // Products that are whole but for rounding.
        let needed = ((1.0 - self.alpha) / self.alpha - 1e-9).ceil().max(1.0) as usize;
        if known < needed {
            return Err(IntervalError::TooFew { known, needed, coverage: 1.0 - self.alpha });
        }
        let rank = ((1.0 - self.level) * (known + 1) as f64 - 1e-9).ceil().max(1.0) as usize;
        Ok(self.errors.ranked(rank.min(known)).unwrap_or(0.0))
    }

    /// The share of truths that intervals are to hold.
    pub fn coverage(&self) -> f64 {
        1.0 - self.alpha
    }

    /// Steps ahead.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Half the widths that were given for the newest rows pushed, up to `horizon` of them, oldest first: each is of the row `horizon` steps after
    /// its own; none where too few errors were known.
    pub fn given(&self) -> impl DoubleEndedIterator<Item = Option<f64>> + ExactSizeIterator {
        self.given.iter().copied()
    }

    /// Lower and upper end for a forecast of the row `horizon` steps after the last one pushed.
    ///
    /// # Errors
    /// As [`half_width`](Self::half_width).
    pub fn interval(&self, forecast: f64) -> Result<(f64, f64), IntervalError> {
        let half = self.half_width()?;
        Ok((forecast - half, forecast + half))
    }
}
