//! One target, so many steps ahead: its ensemble and its intervals.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{ServiceError, Settings};
use crate::ensemble::{Ensemble, EnsembleError, Forecast, Forecaster, Inputs, Served, Shift, Told};
use crate::interval::Calibrator;

/// A forecast and how far the truth may be from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// The forecast.
    pub forecast: Forecast,
    /// One for each coverage asked for; none where too few errors are known.
    pub intervals: Vec<Option<Interval>>,
}

/// Where the truth is expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, not below the limit.
    pub lower: f64,
    /// The upper end, not above the limit.
    pub upper: f64,
}

/// An ensemble for one horizon, and its intervals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Direct {
    forecaster: Forecaster,
    calibrators: Vec<Calibrator>,
    /// What was forecast of the next rows, nearest first: as it was said at the time, whatever was learnt or has shifted since.
    waiting: VecDeque<Waiting>,
    limits: (f64, f64),
}

/// What was forecast of a row, together and by every member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) value: f64,
    pub(super) members: Vec<f64>,
}

/// The same with its intervals.
pub(super) struct Made {
    pub(super) forecast: Waiting,
    pub(super) intervals: Vec<Option<Interval>>,
}

impl Direct {
    pub(super) fn fit(
        series: &[f64],
        inputs: &Inputs<'_>,
        settings: &Settings,
        (horizon, season): (usize, Option<usize>),
    ) -> Result<Self, EnsembleError> {
        let networks = if horizon == settings.horizon { settings.networks } else { settings.networks_between };
        let (lower, upper) = settings.limits;
        let mut ensemble = Ensemble::new(horizon).seed(settings.seed).networks(networks).limits(lower, upper);
        if let Some(season) = season {
            ensemble = ensemble.season(season);
        }
        let forecaster = ensemble.fit_with(series, inputs)?;
        let made = forecaster.pending().into_iter().zip(forecaster.pending_of_members());
        let waiting = made.map(|(forecast, members)| Waiting { value: forecast.value, members }).collect();
        Ok(Self { forecaster, calibrators: Vec::new(), waiting, limits: settings.limits })
    }

    /// Intervals from the forecasts of the fit's own rows.
    pub(super) fn calibrate(&mut self, coverages: &[f64]) -> Result<(), ServiceError> {
        let horizon = self.forecaster.horizon();
        for &coverage in coverages {
            let mut calibrator = Calibrator::new(coverage, horizon)?;
            for (forecast, truth) in self.forecaster.calibration() {
                calibrator.push(*forecast, *truth);
            }
            self.calibrators.push(calibrator);
        }
        Ok(())
    }

    /// An error if a value can't be taken.
    pub(super) fn check(&self, target: &str, value: f64) -> Result<(), ServiceError> {
        self.forecaster.check(value).map_err(|source| ServiceError::Ensemble { target: target.to_owned(), source })
    }

    pub(super) fn step(&mut self, target: &str, value: f64, past: &[f64], ahead: &[f64]) -> Result<(), ServiceError> {
        let step = self.forecaster.step_with(value, past, ahead);
        let forecast = step.map_err(|source| ServiceError::Ensemble { target: target.to_owned(), source })?;
        let made = self.waiting.pop_front().map_or(f64::NAN, |made| made.value);
        self.calibrators.iter_mut().for_each(|calibrator| calibrator.push(made, value));
        self.waiting.push_back(Waiting { value: forecast.value, members: self.members() });
        Ok(())
    }

    /// The forecast from the newest row, with its intervals and those that members made by themselves.
    pub(super) fn made(&self) -> Made {
        let Ahead { forecast, intervals } = self.newest();
        Made { forecast: Waiting { value: forecast.value, members: self.members() }, intervals }
    }

    /// The forecast from the newest row.
    pub(super) fn newest(&self) -> Ahead {
        let forecast = self.forecaster.forecast();
        let interval = |calibrator: &Calibrator| self.interval(forecast.value, calibrator.half_width().ok());
        Ahead { forecast, intervals: self.calibrators.iter().map(interval).collect() }
    }

    fn interval(&self, value: f64, half: Option<f64>) -> Option<Interval> {
        let within = |end: f64| end.max(self.limits.0).min(self.limits.1);
        half.map(|half| Interval { lower: within(value - half), upper: within(value + half) })
    }

    /// What was forecast of the next rows up to the horizon, nearest first.
    pub(super) fn pending(&self) -> Vec<Made> {
        let rows = self.waiting.len();
        let made = self.waiting.iter().enumerate().map(|(number, forecast)| {
            let interval = |calibrator: &Calibrator| {
                // Half widths are kept for as many rows as there are forecasts that wait.
                let half = calibrator.given().rev().nth(rows - 1 - number).flatten();
                self.interval(forecast.value, half)
            };
            let intervals = self.calibrators.iter().map(interval).collect();
            Made { forecast: forecast.clone(), intervals }
        });
        made.collect()
    }

    /// What the members forecast from the newest row.
    fn members(&self) -> Vec<f64> {
        self.forecaster.forecasts_of_members().collect()
    }

    /// Forecast and truth of rows of the fit.
    pub(super) fn calibration(&self) -> &[(f64, f64)] {
        self.forecaster.calibration()
    }

    /// The shift of level that was found with the newest row.
    pub(super) fn shift(&self) -> Option<Shift> {
        self.forecaster.forecast().shift
    }

    pub(super) fn told(&self) -> &Told {
        self.forecaster.told()
    }

    pub(super) fn weights(&self) -> &[f64] {
        self.forecaster.weights()
    }

    pub(super) fn served(&self) -> &Served {
        self.forecaster.served()
    }

    pub(super) fn rows(&self) -> usize {
        self.forecaster.rows()
    }

    pub(super) fn horizon(&self) -> usize {
        self.forecaster.horizon()
    }

    pub(super) fn inputs(&self) -> (usize, usize) {
        self.forecaster.told().inputs
    }

    /// Whether all that was read belongs together, and to these settings.
    pub(super) fn fits(&self, settings: &Settings, season: Option<usize>) -> bool {
        let Told { horizon, members, season: used, season_left_out: left_out, .. } = self.forecaster.told();
        let is_alike = |a: &Calibrator, b: &Calibrator| {
            (a.coverage().to_bits(), a.horizon()) == (b.coverage().to_bits(), b.horizon())
        };
        let is_of = |(calibrator, coverage): (&Calibrator, &f64)| {
            Calibrator::new(*coverage, *horizon).is_ok_and(|made| is_alike(calibrator, &made))
        };
        self.calibrators.len() == settings.coverages.len()
            && self.calibrators.iter().zip(&settings.coverages).all(is_of)
            && self.waiting.len() == *horizon
            && self.waiting.iter().all(|made| made.members.len() == members.len())
            && self.limits.0 < self.limits.1
            && self.limits == settings.limits
            && used.or(*left_out) == season
    }
}
