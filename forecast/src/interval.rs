//! Intervals around a forecast, from its own errors.
//!
//! A [`Calibrator`] is fed with forecasts and truths in the order of the rows, and says how far the next truth may be from its forecast. No
//! distribution is assumed: the interval is a quantile of the last errors, moved up or down as intervals missed too often or too seldom.
//!
//! ```
//! use forebay_forecast::interval::Calibrator;
//!
//! let mut calibrator = Calibrator::new(0.9, 1)?;
//! for t in 0..200 {
//!     calibrator.push(0.0, f64::from(t * 37 % 100) - 50.0); // errors from -50 to 49
//! }
//! let (lower, upper) = calibrator.interval(10.0)?;
//! assert!(lower < 10.0 - 40.0 && upper > 10.0 + 40.0);
//! # Ok::<(), forebay_forecast::interval::IntervalError>(())
//! ```

mod calibrator;
mod window;

pub use calibrator::kept::KeptCalibrator;
pub use calibrator::{Calibrator, IntervalError};
