//! A fitted ensemble that goes on row by row.

pub(super) mod kept;

use serde::Serialize;

use super::engine::Engine;
use super::error::EnsembleError;
use super::fit::Fitted;
use super::inputs::Beside;
use super::scale::Scale;
use super::shift::{Seen, Watch};
use super::told::{Served, Shift, Told};

/// Readouts are learnt anew when rows have grown by one in this many.
const RENEWAL: usize = 50;

/// Shifts that are kept to be told.
const KEPT: usize = 100;

/// A forecast of one row, and what was done to make it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The row that is forecast, counted from the start of the series.
    pub row: usize,
    /// The value, in units of the series.
    pub value: f64,
    /// What the members made together, if that was moved into the limits.
    pub clipped_from: Option<f64>,
    /// Members with a weight whose own forecasts were moved into the range so far, widened by half of it on either side. Not told again by
    /// [`Forecaster::pending`].
    pub members_moved: usize,
    /// The shift of level that was found with this row.
    pub shift: Option<Shift>,
    /// Whether readouts were learnt anew before it.
    pub refitted: bool,
}

/// A fitted ensemble at the newest row of its series: [`step`](Self::step) takes the next row and forecasts.
///
/// Forecasts depend on rows up to the newest one only, and are the same bits on every machine and number of threads.
///
/// It is kept by any format of `serde` that keeps every bit of a float, infinities and NaN too, as `postcard` does, and goes on with the same
/// bits. Bytes are not trusted, whatever they say is an error or a forecaster that goes on; whether they are whole is for
/// [`seal`](forebay::keep::seal) around them to notice. `postcard` tells that an error is there and not what it is: for that, read a
/// [`KeptForecaster`](super::KeptForecaster) and make a forecaster of it.
///
/// ```
/// use forebay::keep::{open, seal};
/// use forebay_forecast::ensemble::{Ensemble, Forecaster, KeptForecaster};
///
/// let series: Vec<f64> = (0..300).map(|t| (0.3 * f64::from(t)).sin()).collect();
/// let mut forecaster = Ensemble::new(2).fit(&series)?;
/// let bytes = seal("my forecaster", 1, &postcard::to_stdvec(&forecaster)?)?;
///
/// let kept: KeptForecaster = postcard::from_bytes(open("my forecaster", 1, &bytes)?)?;
/// let mut later = Forecaster::try_from(kept)?;
/// assert_eq!(later.step(0.5)?, forecaster.step(0.5)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forecaster {
    scale: Scale,
    /// What has been added to the level since the fit, in the scale.
    offset: f64,
    engine: Engine,
    beside: Beside,
    weights: Vec<f64>,
    watch: Option<Watch>,
    /// The engine before the first surprise of a streak.
    before: Option<Box<Engine>>,
    /// Features of inputs since then.
    streak: Vec<Vec<f64>>,
    limits: (f64, f64),
    /// Rows so far, with those before the first value.
    rows: usize,
    horizon: usize,
    renew_at: usize,
    newest: Forecast,
    told: Told,
    served: Served,
    calibration: Vec<(f64, f64)>,
}

impl Forecaster {
    pub(super) fn new(fitted: Fitted, series: &[f64], limits: (f64, f64)) -> Self {
        let Fitted { scale, engine, beside, weights, watch, told, rolled } = fitted;
        let rows = series.len();
        let (horizon, leading) = (told.horizon, told.leading);
        let nothing =
            Forecast { row: 0, value: f64::NAN, clipped_from: None, members_moved: 0, shift: None, refitted: false };
        let mut made = Self {
            scale,
            offset: 0.0,
            engine,
            beside,
            weights,
            watch,
            before: None,
            streak: Vec::new(),
            limits,
            rows,
            horizon,
            renew_at: next_renewal(rows),
            newest: nothing,
            told,
            served: Served::default(),
            calibration: Vec::new(),
        };
        made.calibration =
            rolled.into_iter().map(|(target, forecast)| (made.outward(forecast).0, series[leading + target])).collect();
        made.newest = made.newest();
        made
    }

    /// Takes the value of the next row, NaN if it is missing, and forecasts the row `horizon` steps after it.
    ///
    /// # Errors
    /// [`EnsembleError::Infinite`] or [`EnsembleError::Spread`] for a value that is infinite or too far from those before; nothing has changed then.
    pub fn step(&mut self, value: f64) -> Result<Forecast, EnsembleError> {
        self.step_with(value, &[], &[])
    }

    /// Like [`step`](Self::step), with the inputs of the row, and those known ahead of the row `horizon` after it; NaN where one is missing.
    ///
    /// # Shapes
    /// `past`: `[P]`, `ahead`: `[Q]`, as the columns of [`Inputs`](super::Inputs).
    ///
    /// # Errors
    /// As [`step`](Self::step); [`EnsembleError::Columns`] for other numbers of inputs than the fit had; [`EnsembleError::InfiniteInput`].
    pub fn step_with(&mut self, value: f64, past: &[f64], ahead: &[f64]) -> Result<Forecast, EnsembleError> {
        let (expected_past, expected_ahead) = self.beside.columns();
        if (past.len(), ahead.len()) != (expected_past, expected_ahead) {
            let (past, ahead) = (past.len(), ahead.len());
            return Err(EnsembleError::Columns { past, ahead, expected_past, expected_ahead });
        }
        for (what, values) in [("past", past), ("ahead", ahead)] {
            if let Some(column) = values.iter().position(|value| value.is_infinite()) {
                return Err(EnsembleError::InfiniteInput { what, row: self.rows, column });
            }
        }
        self.check(value)?;
        let inward = (!value.is_nan()).then(|| self.scale.inward(value) - self.offset);
        let mut features = Vec::with_capacity(self.beside.width());
        self.beside.advance(past.iter().copied(), ahead.iter().copied(), &mut features);
        let shift = self.take(inward, features)?;
        self.rows += 1;
        self.served.rows += 1;
        self.served.missing += usize::from(value.is_nan());
        let refitted = self.rows >= self.renew_at;
        if refitted {
            self.engine.refit();
            self.weights = self.engine.errors.weights(self.horizon);
            self.renew_at = next_renewal(self.rows);
            self.served.refits += 1;
        }
        let mut forecast = self.newest();
        (forecast.shift, forecast.refitted) = (shift, refitted);
        self.served.clipped += usize::from(forecast.clipped_from.is_some());
        self.served.moved += usize::from(forecast.members_moved > 0);
        self.newest = forecast;
        Ok(forecast)
    }

    /// Whether [`step`](Self::step) would take this value.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn check(&self, value: f64) -> Result<(), EnsembleError> {
        if value.is_infinite() {
            return Err(EnsembleError::Infinite { row: self.rows });
        }
        if !value.is_nan() && !self.scale.holds(value) {
            let (smallest, largest) = (value.min(self.newest.value), value.max(self.newest.value));
            return Err(EnsembleError::Spread { smallest, largest });
        }
        Ok(())
    }

    /// Takes the values of rows one after the other: what [`step`](Self::step) gives for each.
    ///
    /// # Errors
    /// As [`step`](Self::step), for the first row that cannot be taken; those before it have been.
    pub fn run(&mut self, values: &[f64]) -> Result<Vec<Forecast>, EnsembleError> {
        values.iter().map(|value| self.step(*value)).collect()
    }

    /// Advances all members, and again from before the streak if the level has shifted.
    fn take(&mut self, value: Option<f64>, beside: Vec<f64>) -> Result<Option<Shift>, EnsembleError> {
        let seen = self.watch.as_mut().map_or(Seen::Usual, |watch| watch.see(value));
        match seen {
            Seen::Usual => self.before = None,
            Seen::First => {
                self.before = Some(Box::new(self.engine.clone()));
                self.streak.clear();
                self.streak.push(beside.clone());
            }
            Seen::Again => self.streak.push(beside.clone()),
            Seen::Shift { by, rows } => {
                self.streak.push(beside.clone());
                if let Some(before) = self.before.take() {
                    self.engine = *before;
                    self.offset += by;
                    for (row, beside) in rows.iter().zip(&self.streak) {
                        self.engine.advance(row.map(|value| value - by), beside)?;
                    }
                    let shift = Shift { row: self.rows + 1 - rows.len(), by: self.scale.stretch(by) };
                    if self.served.shifts.len() == KEPT {
                        self.served.shifts.remove(0);
                    }
                    self.served.shifts.push(shift);
                    return Ok(Some(shift));
                }
            }
        }
        self.engine.advance(value, &beside)?;
        Ok(None)
    }

    /// The forecast from the newest row.
    fn newest(&self) -> Forecast {
        let counts = self.engine.moved.iter().zip(&self.weights);
        let members_moved = counts.filter(|(moved, weight)| **moved && **weight > 0.0).count();
        Forecast { members_moved, ..self.combine(&self.engine.newest, self.rows - 1) }
    }

    /// The forecast made at a row from what the members say.
    fn combine(&self, members: &[f64], row: usize) -> Forecast {
        let together = members.iter().zip(&self.weights).map(|(forecast, weight)| forecast * weight).sum();
        let (value, clipped_from) = self.outward(together);
        Forecast { row: row + self.horizon, value, clipped_from, members_moved: 0, shift: None, refitted: false }
    }

    /// In units of the series and within the limits, and what it was before if those moved it.
    fn outward(&self, forecast: f64) -> (f64, Option<f64>) {
        let value = self.scale.outward(forecast + self.offset);
        let within = value.max(self.limits.0).min(self.limits.1);
        (within, (within != value).then_some(value))
    }

    /// The forecast from the newest row.
    pub fn forecast(&self) -> Forecast {
        self.newest
    }

    /// The weights of the members now: those of the fit, and of all errors since whenever readouts are learnt anew.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// What each member alone forecasts for [`forecast`](Self::forecast)'s row, in units of the series and moved into the limits as the combination
    /// is, in the order of [`Told::members`]; right after readouts were learnt anew, still by those before.
    ///
    /// ```
    /// use forebay_forecast::ensemble::{Ensemble, Member};
    ///
    /// let series: Vec<f64> = (0..60).map(|t| f64::from(t % 5)).collect();
    /// let forecaster = Ensemble::new(1).season(5).fit(&series)?;
    /// let own: Vec<f64> = forecaster.forecasts_of_members().collect();
    /// let place = |of: Member| forecaster.told().members.iter().position(|told| told.member == of).expect("it is there");
    /// assert_eq!((own[place(Member::Persistence)], own[place(Member::SeasonalNaive)]), (4.0, 0.0));
    /// # Ok::<(), forebay_forecast::ensemble::EnsembleError>(())
    /// ```
    pub fn forecasts_of_members(&self) -> impl Iterator<Item = f64> {
        self.engine.newest.iter().map(|forecast| self.outward(*forecast).0)
    }

    /// Forecasts of the `horizon` rows that follow the newest one, as the members made them `horizon` rows before each, put together with
    /// the weights of now; right after the fit, by the readouts of the fit.
    pub fn pending(&self) -> Vec<Forecast> {
        let first = self.rows - self.horizon;
        self.engine.forecasts.all().enumerate().map(|(number, members)| self.combine(members, first + number)).collect()
    }

    /// What each member said of the rows of [`pending`](Self::pending), `[horizon, members]`, in units of the series.
    pub fn pending_of_members(&self) -> Vec<Vec<f64>> {
        let outward = |members: &[f64]| members.iter().map(|value| self.outward(*value).0).collect();
        self.engine.forecasts.all().map(outward).collect()
    }

    /// Forecast and truth of rows of the fit that were forecast from what precedes them, in their order: what an interval is calibrated on. The
    /// truth is NaN where there is none.
    pub fn calibration(&self) -> &[(f64, f64)] {
        &self.calibration
    }

    /// What was made of the series.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// What was done since the fit.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// Steps ahead.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

fn next_renewal(rows: usize) -> usize {
    rows + (rows / RENEWAL).max(1)
}
