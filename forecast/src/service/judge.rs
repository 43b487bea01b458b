//! Forecasts of rows that were not learnt from, as they would have been made in service.

use super::direct::Made;
use super::{Interval, Rows, Service, ServiceError};
use crate::ensemble::{Member, Shift};

/// A target over the rows that followed the fit.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Its name.
    pub target: String,
    /// The true values, NaN where one is missing.
    pub truth: Vec<f64>,
    /// 1 to the horizon steps ahead.
    pub horizons: Vec<TestedHorizon>,
}

/// Forecasts of those rows, all so many steps before.
#[derive(Clone, Debug)]
pub struct TestedHorizon {
    /// Steps ahead.
    pub horizon: usize,
    /// The combined forecast of every row.
    pub forecast: Vec<f64>,
    /// For each coverage, the interval of every row; none where too few errors were known.
    pub intervals: Vec<Vec<Option<Interval>>>,
    /// What every member by itself forecast of every row.
    pub members: Vec<(Member, Vec<f64>)>,
    /// Weights of the members before these rows: those of the fit, if they follow it.
    pub weights: Vec<f64>,
    /// Shifts of level that were found with these rows.
    pub shifts: Vec<Shift>,
    /// Forecast and truth of rows of the fit that were forecast from what precedes them.
    pub(super) calibration: Vec<(f64, f64)>,
    /// The true values.
    pub(super) truth: Vec<f64>,
    /// Mean size of the errors of the naive forecast on the rows of the fit, one season back or one row; none if it makes none.
    pub(super) naive: Option<f64>,
}

impl TestedHorizon {
    fn push(&mut self, Made { forecast, intervals }: Made) {
        self.forecast.push(forecast.value);
        self.intervals.iter_mut().zip(intervals).for_each(|(all, interval)| all.push(interval));
        self.members.iter_mut().zip(forecast.members).for_each(|((_, all), forecast)| all.push(forecast));
    }
}

impl Service {
    /// Takes the rows that follow, one after the other, and gives what was forecast of them: 1 to the horizon steps before. What they hold of inputs
    /// known ahead counts as known, see [`know`](Self::know), for rows up to the horizon too.
    ///
    /// # Errors
    /// [`ServiceError::Columns`], [`ServiceError::Lengths`] for rows that do not fit; as [`step`](Self::step), and no row is taken if one can't be.
    pub fn judge(&mut self, rows: &Rows<'_>) -> Result<Vec<Tested>, ServiceError> {
        rows.check()?;
        let found = (rows.targets.ncols(), rows.past.ncols(), rows.ahead.ncols());
        let expected = (self.targets.len(), self.inputs.0, self.inputs.1);
        if found != expected {
            return Err(ServiceError::Columns { found, expected });
        }
        let (count, horizon) = (rows.count(), self.settings.horizon);
        // All or nothing: what was forecast of the rows before one that can't be taken would be lost.
        for row in 0..count {
            self.check(rows.targets.row(row), rows.past.row(row))?;
        }
        for row in 0..count + horizon {
            self.check([], &rows.known_of(row))?;
        }
        let mut tested: Vec<Tested> = (0..self.targets.len()).map(|target| self.before(target, rows)).collect();
        // Of the rows up to the horizon more may be known than when the rows before were taken.
        for place in 0..horizon {
            self.know(place, &rows.known_of(place))?;
        }
        for row in 0..count {
            let (targets, past) = (rows.targets.row(row).to_vec(), rows.past.row(row).to_vec());
            self.step(&targets, &past, &rows.known_of(row + horizon))?;
            for (target, tested) in self.targets.iter().zip(&mut tested) {
                for (direct, horizon) in target.directs.iter().zip(&mut tested.horizons) {
                    horizon.shifts.extend(direct.shift());
                    if row + direct.horizon() < count {
                        horizon.push(direct.made());
                    }
                }
            }
        }
        Ok(tested)
    }

    /// What was forecast of the next rows already.
    fn before(&self, target: usize, rows: &Rows<'_>) -> Tested {
        let truth = rows.targets.column(target).to_vec();
        let target = &self.targets[target];
        let horizons = target.directs.iter().map(|direct| {
            let members = direct.told().members.iter().map(|told| (told.member, Vec::new())).collect();
            let mut tested = TestedHorizon {
                horizon: direct.horizon(),
                forecast: Vec::new(),
                intervals: vec![Vec::new(); self.settings.coverages.len()],
                members,
                weights: direct.weights().to_vec(),
                shifts: Vec::new(),
                calibration: direct.calibration().to_vec(),
                truth: truth.clone(),
                naive: target.naive,
            };
            direct.pending().into_iter().take(rows.count()).for_each(|made| tested.push(made));
            tested
        });
        Tested { target: target.name.clone(), horizons: horizons.collect(), truth }
    }
}
