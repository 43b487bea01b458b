//! A forecast of many: members that err in ways of their own, weighted by their errors on rolling origins.
//!
//! ```
//! use forebay_forecast::ensemble::Ensemble;
//!
//! // A wave of 25 steps on a slow one, known up to row 1000.
//! let wave = |t: usize| (t as f64 * 0.2513).sin() + 0.3 * (t as f64 * 0.0171).cos();
//! let series: Vec<f64> = (0..1000).map(wave).collect();
//! let mut forecaster = Ensemble::new(5).season(25).fit(&series)?;
//! assert!((forecaster.forecast().value - wave(1004)).abs() < 0.1);
//! for t in 1000..1100 {
//!     let forecast = forecaster.step(wave(t))?; // of row t + 5
//!     assert!((forecast.value - wave(forecast.row)).abs() < 0.1);
//! }
//! # Ok::<(), forebay_forecast::ensemble::EnsembleError>(())
//! ```
//!
//! # What is done
//! Every member forecasts the row h steps ahead, directly. Blocks of the second half of the series are forecast by what was learnt before them;
//! penalties, constants and weights come from these errors alone. Weights lie on the simplex and minimise `w' (S + 30 h / N diag S) w`, S the mean
//! products of N errors, so that few errors draw towards even weights of members that are equally good. While rows come in, readouts are learnt
//! anew whenever rows have grown by a fiftieth, and the weights follow the errors.

mod bank;
mod circle;
mod engine;
mod error;
mod fit;
mod folds;
mod forecaster;
mod inputs;
mod kept;
mod layout;
mod past;
mod penalties;
mod scale;
mod season;
mod shift;
mod smoothing;
mod source;
mod sums;
mod told;
mod weights;

pub use error::EnsembleError;
pub use forecaster::kept::KeptForecaster;
pub use forecaster::{Forecast, Forecaster};
pub use inputs::Inputs;
pub use season::{FoundSeason, find_season};
pub use smoothing::Smoothing;
pub use told::{LeftOut, Member, MemberTold, Served, Shift, Told};

use ndarray::Array2;

/// Settings of a forecast; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ensemble {
    horizon: usize,
    season: Option<usize>,
    seed: u64,
    networks: usize,
    limits: (f64, f64),
}

impl Ensemble {
    /// Forecasts this many steps ahead, at least 1; without a season, limits, and with seed 0.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, season: None, seed: 0, networks: 3, limits: (f64::NEG_INFINITY, f64::INFINITY) }
    }

    /// Steps of the season, at least 2.
    #[must_use]
    pub fn season(mut self, steps: usize) -> Self {
        self.season = Some(steps);
        self
    }

    /// The seed that reservoirs are drawn from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many reservoirs of each kind are averaged; 3 unless set. With 0 there are none, as [`Told::left_out`] says.
    #[must_use]
    pub fn networks(mut self, count: usize) -> Self {
        self.networks = count;
        self
    }

    /// What forecasts cannot be below and above, such as 0 and infinity for what cannot be negative; minus infinity and infinity if nothing is known.
    #[must_use]
    pub fn limits(mut self, lower: f64, upper: f64) -> Self {
        self.limits = (lower, upper);
        self
    }

    /// Fits the members to a series, NaN where a value is missing.
    ///
    /// Rows before the first value are left out. A missing value is never learnt from or scored; as an input, the value before stands in its place,
    /// with a season plus the change of a season ago.
    ///
    /// # Shapes
    /// `series`: `[rows]`.
    ///
    /// # Errors
    /// [`EnsembleError::Horizon`], [`EnsembleError::Season`], [`EnsembleError::Limits`] for settings out of range; [`EnsembleError::TooShort`]
    /// without a row more than the horizon, or without two values; [`EnsembleError::Infinite`]; [`EnsembleError::Spread`].
    pub fn fit(&self, series: &[f64]) -> Result<Forecaster, EnsembleError> {
        let none = Array2::zeros((0, 0));
        self.fit_with(series, &Inputs { past: none.view(), ahead: none.view() })
    }

    /// Like [`fit`](Self::fit), with inputs beside the series; then rows are taken by [`Forecaster::step_with`].
    ///
    /// ```
    /// use forebay_forecast::ensemble::{Ensemble, Inputs};
    /// use ndarray::{Array2, s};
    ///
    /// // Every row is 10 higher if there is a feast, which is known ahead.
    /// let feast = Array2::from_shape_fn((402, 1), |(t, _)| f64::from(t * t % 17 == 4));
    /// let value = |t: usize| 10.0 * feast[[t, 0]] + (0.5 * t as f64).sin();
    /// let series: Vec<f64> = (0..400).map(value).collect();
    /// let nothing = Array2::zeros((400, 0));
    /// let inputs = Inputs { past: nothing.view(), ahead: feast.slice(s![..401, ..]) };
    /// let mut forecaster = Ensemble::new(1).fit_with(&series, &inputs)?;
    /// assert!((forecaster.forecast().value - value(400)).abs() < 1.0);
    /// let next = forecaster.step_with(value(400), &[], &[feast[[401, 0]]])?;
    /// assert!((next.value - value(401)).abs() < 1.0);
    /// # Ok::<(), forebay_forecast::ensemble::EnsembleError>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`EnsembleError::Inputs`] for another number of rows; [`EnsembleError::InfiniteInput`].
    pub fn fit_with(&self, series: &[f64], inputs: &Inputs<'_>) -> Result<Forecaster, EnsembleError> {
        let (lower, upper) = self.limits;
        if self.horizon == 0 {
            return Err(EnsembleError::Horizon);
        }
        if let Some(season) = self.season.filter(|season| *season < 2) {
            return Err(EnsembleError::Season { season });
        }
        if lower.is_nan() || upper.is_nan() || lower >= upper {
            return Err(EnsembleError::Limits { lower, upper });
        }
        if let Some(row) = series.iter().position(|value| value.is_infinite()) {
            return Err(EnsembleError::Infinite { row });
        }
        let leading = series.iter().take_while(|value| value.is_nan()).count();
        let rows = series.len() - leading;
        let known = series.iter().filter(|value| !value.is_nan()).count();
        let needed = self.horizon.saturating_add(1).max(2);
        if rows < needed || known < 2 {
            return Err(EnsembleError::TooShort { rows, known, needed, horizon: self.horizon });
        }
        let fitted = fit::fit(self, &series[leading..], inputs, leading)?;
        Ok(Forecaster::new(fitted, series, self.limits))
    }
}
