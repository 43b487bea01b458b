//! One target, so many steps ahead: its ensemble and its intervals.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{ServiceError, Settings};
use crate::ensemble::{Ensemble, EnsembleError, Forecast, Forecaster, Inputs, Served, Told};
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
    /// Forecasts whose truth is not known yet, oldest first.
    waiting: VecDeque<f64>,
    limits: (f64, f64),
}

/// A forecast of a row after the fit that was made before it.
pub(super) struct Pending {
    pub(super) ahead: Ahead,
    pub(super) members: Vec<f64>,
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
        let waiting = forecaster.pending().iter().map(|forecast| forecast.value).collect();
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
        let made = self.waiting.pop_front().unwrap_or(f64::NAN);
        self.calibrators.iter_mut().for_each(|calibrator| calibrator.push(made, value));
        self.waiting.push_back(forecast.value);
        Ok(())
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

    /// Forecasts of the rows up to the horizon after the fit, made before its end, and the newest one.
    pub(super) fn pending(&self) -> Vec<Pending> {
        let members = self.forecaster.pending_of_members();
        let forecasts = self.forecaster.pending();
        let rows = forecasts.len();
        forecasts
            .into_iter()
            .zip(members)
            .enumerate()
            .map(|(number, (forecast, members))| {
                let interval = |calibrator: &Calibrator| {
                    // Half widths are kept for as many rows as there are forecasts that wait.
                    let half = calibrator.given().rev().nth(rows - 1 - number).flatten();
                    self.interval(forecast.value, half)
                };
                let intervals = self.calibrators.iter().map(interval).collect();
                Pending { ahead: Ahead { forecast, intervals }, members }
            })
            .collect()
    }

    /// What the members forecast from the newest row.
    pub(super) fn members(&self) -> Vec<f64> {
        self.forecaster.forecasts_of_members().collect()
    }

    /// Forecast and truth of rows of the fit.
    pub(super) fn calibration(&self) -> &[(f64, f64)] {
        self.forecaster.calibration()
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

    /// Whether all that was read belongs together.
    pub(super) fn fits(&self, settings: &Settings) -> bool {
        self.calibrators.len() == settings.coverages.len()
            && self.waiting.len() == self.forecaster.horizon()
            && self.limits.0 < self.limits.1
    }
}
