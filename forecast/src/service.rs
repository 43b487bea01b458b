//! Forecasts of a table, put to work: fitted, judged on the rows that follow, going on row by row, kept in a file.
//!
//! Every target is forecast 1 to H steps ahead, each step by an [`Ensemble`](crate::ensemble::Ensemble) of its own with
//! [intervals](crate::interval), so that after the newest row there is a whole path.
//!
//! ```
//! use forebay_forecast::service::{Rows, Season, Service, Settings};
//! use ndarray::Array2;
//!
//! // A season of 12 rows; the last 40 of 240 are the test part.
//! let sales = Array2::from_shape_fn((240, 1), |(t, _)| 20.0 + f64::from(t as u32 % 12) + (0.7 * t as f64).sin());
//! let rows = Rows::of_targets(sales.view());
//! let settings = Settings { season: Season::Steps(12), ..Settings::new(3) };
//! let mut service = Service::fit(&["sales".to_owned()], &rows.first(200), &settings, || ())?;
//! let tested = service.judge(&rows.after(200))?;
//! let scores = tested[0].horizons[2].scores();
//! assert!(scores.combined.nrmse < 0.3 && scores.combined.nrmse < 1.2 * scores.best_baseline().nrmse);
//!
//! // The path after the last row, and what comes of another row.
//! assert_eq!(service.path(0).len(), 3);
//! let step = service.step(&[27.0], &[], &[])?;
//! assert_eq!(step[0].ahead[0].forecast.row, 241);
//!
//! let mut kept = Service::from_bytes(&service.to_bytes()?)?;
//! assert_eq!(kept.step(&[28.0], &[], &[])?, service.step(&[28.0], &[], &[])?);
//! # Ok::<(), forebay_forecast::service::ServiceError>(())
//! ```

mod direct;
mod error;
mod file;
mod fit;
mod judge;
mod keep;
mod rows;
mod scores;

use serde::{Deserialize, Serialize};

use self::direct::Direct;
pub use self::direct::{Ahead, Interval};
pub use self::error::ServiceError;
pub use self::file::{Columns, ForecastFile, Header};
pub use self::judge::{Tested, TestedHorizon};
pub use self::rows::Rows;
pub use self::scores::{MemberScore, Score, Scores};

use crate::ensemble::{Served, Told};

/// How forecasts are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The most steps ahead, at least 1.
    pub horizon: usize,
    /// The season of every target.
    pub season: Season,
    /// What reservoirs are drawn from.
    pub seed: u64,
    /// Reservoirs of each kind for the last step, averaged; none with 0.
    pub networks: usize,
    /// The same for the steps before the last one: fewer take less time.
    pub networks_between: usize,
    /// Shares of truths that intervals are to hold, each above 0 and below 1.
    pub coverages: Vec<f64>,
    /// What forecasts cannot be below and above.
    pub limits: (f64, f64),
}

/// The season that forecasts are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Season {
    /// None.
    Without,
    /// So many steps, at least 2.
    Steps(usize),
    /// The one that [`find_season`](crate::ensemble::find_season) finds in the rows of the fit, if there is one.
    Find,
}

/// The season of a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSeason {
    /// Its steps.
    pub steps: usize,
    /// How much it foretells, if it was found: see [`FoundSeason`](crate::ensemble::FoundSeason).
    pub strength: Option<f64>,
}

impl Settings {
    /// So many steps ahead, with the season that is found: three reservoirs of each kind for the last step and one for those before it, intervals of
    /// 50, 80 and 90 %.
    pub fn new(horizon: usize) -> Self {
        Self {
            horizon,
            season: Season::Find,
            seed: 0,
            networks: 3,
            networks_between: 1,
            coverages: vec![0.5, 0.8, 0.9],
            limits: (f64::NEG_INFINITY, f64::INFINITY),
        }
    }
}

/// Forecasts at the newest row of a table; see the [module](self).
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    settings: Settings,
    /// Rows so far.
    rows: usize,
    /// Columns known up to now, and ahead.
    inputs: (usize, usize),
    /// What is known ahead of the rows after the newest one, `[horizon, inputs ahead]`, nearest first.
    known: Vec<Vec<f64>>,
    targets: Vec<Target>,
}

/// A column that is forecast.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Target {
    name: String,
    season: Option<TargetSeason>,
    /// Mean size of the errors of the naive forecast on the rows of the fit, one season back or one row; none if it makes none.
    naive: Option<f64>,
    /// 1 to the horizon steps ahead.
    directs: Vec<Direct>,
}

/// What the service says of a target after a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The forecasts 1 to the horizon steps ahead.
    pub ahead: Vec<Ahead>,
}

impl Service {
    /// Takes the next row: values of the targets, NaN where one is missing, inputs known up to now, and those known ahead of the row `horizon`
    /// after it. Gives the forecasts of every target.
    ///
    /// # Shapes
    /// `targets`: `[targets]`, `past`: `[P]`, `ahead`: `[Q]`. Result: `[targets]`.
    ///
    /// # Errors
    /// [`ServiceError::Columns`] for other numbers of columns; [`ServiceError::Ensemble`] for a value that can't be taken; nothing has changed then.
    pub fn step(&mut self, targets: &[f64], past: &[f64], ahead: &[f64]) -> Result<Vec<Step>, ServiceError> {
        let expected = (self.targets.len(), self.inputs.0, self.inputs.1);
        let found = (targets.len(), past.len(), ahead.len());
        if found != expected {
            return Err(ServiceError::Columns { found, expected });
        }
        // All or nothing: a target that can't be taken would leave those before it one row ahead.
        self.check(targets, past.iter().chain(ahead))?;
        if !ahead.is_empty() {
            // Row `horizon` after this one; the nearest row is this one, which is known by itself from now on.
            self.known.push(ahead.to_vec());
        }
        let known = &self.known;
        let mut steps = Vec::with_capacity(self.targets.len());
        for (target, value) in self.targets.iter_mut().zip(targets) {
            for (place, direct) in target.directs.iter_mut().enumerate() {
                let ahead = known.get(place + 1).map_or(&[][..], Vec::as_slice);
                direct.step(&target.name, *value, past, ahead)?;
            }
            steps.push(Step { ahead: target.path() });
        }
        if !self.known.is_empty() {
            self.known.remove(0);
        }
        self.rows += 1;
        Ok(steps)
    }

    /// Notes what has become known of a row ahead, 0 the next one, as far as it lies within the horizon; missing values leave what was there.
    /// It counts from the next row on: what was forecast already stays as it is.
    ///
    /// # Errors
    /// [`ServiceError::Columns`], [`ServiceError::Infinite`].
    pub fn know(&mut self, place: usize, ahead: &[f64]) -> Result<(), ServiceError> {
        if ahead.len() != self.inputs.1 {
            let (targets, past, expected) = (self.targets.len(), self.inputs.0, self.inputs.1);
            return Err(ServiceError::Columns {
                found: (targets, past, ahead.len()),
                expected: (targets, past, expected),
            });
        }
        self.check([], ahead)?;
        if let Some(known) = self.known.get_mut(place) {
            known.iter_mut().zip(ahead).filter(|(_, ahead)| !ahead.is_nan()).for_each(|(known, ahead)| *known = *ahead);
        }
        Ok(())
    }

    /// An error if a row of targets, or an input, can't be taken.
    fn check<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a f64>,
        inputs: impl IntoIterator<Item = &'a f64>,
    ) -> Result<(), ServiceError> {
        for (target, value) in self.targets.iter().zip(targets) {
            target.directs.iter().try_for_each(|direct| direct.check(&target.name, *value))?;
        }
        match inputs.into_iter().find(|value| value.is_infinite()) {
            Some(value) => Err(ServiceError::Infinite { value: *value }),
            None => Ok(()),
        }
    }

    /// What is known of the rows after the newest one, `[horizon, inputs ahead]`, nearest first; empty without such inputs.
    pub fn known(&self) -> &[Vec<f64>] {
        &self.known
    }

    /// The forecasts of a target 1 to the horizon steps after the newest row.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn path(&self, target: usize) -> Vec<Ahead> {
        self.targets[target].path()
    }

    /// Names of the targets.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.name.as_str())
    }

    /// Numbers of columns known up to now, and known ahead.
    pub fn inputs(&self) -> (usize, usize) {
        self.inputs
    }

    /// What was made of a target for so many steps ahead.
    ///
    /// # Panics
    /// If there is no such target, or no such step.
    pub fn told(&self, target: usize, horizon: usize) -> &Told {
        self.targets[target].directs[horizon - 1].told()
    }

    /// The season of a target.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn season(&self, target: usize) -> Option<TargetSeason> {
        self.targets[target].season
    }

    /// The weights of the members now; those of the fit are [`told`](Self::told).
    ///
    /// # Panics
    /// As [`told`](Self::told).
    pub fn weights(&self, target: usize, horizon: usize) -> &[f64] {
        self.targets[target].directs[horizon - 1].weights()
    }

    /// What was done since the fit for so many steps ahead.
    ///
    /// # Panics
    /// As [`told`](Self::told).
    pub fn served(&self, target: usize, horizon: usize) -> &Served {
        self.targets[target].directs[horizon - 1].served()
    }

    /// How forecasts are made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl Target {
    fn path(&self) -> Vec<Ahead> {
        self.directs.iter().map(Direct::newest).collect()
    }
}
