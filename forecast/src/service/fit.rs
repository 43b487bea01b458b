//! Fitting every target for every horizon.

use forebay::threads;
use ndarray::s;

use super::direct::Direct;
use super::{Rows, Season, Service, ServiceError, Settings, Target, TargetSeason};
use crate::ensemble::{EnsembleError, Inputs, find_season};
use crate::interval::Calibrator;

/// Targets times horizons: each holds sums over its features, up to some megabytes.
const MOST: usize = 2_000;

impl Service {
    /// Fits targets of these names to rows; `fitted` is called after each of `targets * horizon` forecasts.
    ///
    /// # Shapes
    /// `names`: as many as `rows.targets` has columns.
    ///
    /// # Errors
    /// [`ServiceError::Columns`], [`ServiceError::Lengths`], [`ServiceError::NoTarget`], [`ServiceError::TooMany`] for what does not fit together;
    /// [`ServiceError::Interval`] for a coverage out of range; [`ServiceError::Ensemble`] for a series that cannot be forecast.
    pub fn fit(
        names: &[String],
        rows: &Rows<'_>,
        settings: &Settings,
        fitted: impl Fn() + Sync,
    ) -> Result<Self, ServiceError> {
        rows.check()?;
        let inputs = (rows.past.ncols(), rows.ahead.ncols());
        if names.len() != rows.targets.ncols() {
            let found = (names.len(), inputs.0, inputs.1);
            return Err(ServiceError::Columns { found, expected: (rows.targets.ncols(), inputs.0, inputs.1) });
        }
        let horizon = settings.horizon;
        if names.len().saturating_mul(horizon) > MOST {
            return Err(ServiceError::TooMany { targets: names.len(), horizon, most: MOST });
        }
        if horizon == 0 {
            let (target, source) = (names[0].clone(), EnsembleError::Horizon);
            return Err(ServiceError::Ensemble { target, source });
        }
        for &coverage in &settings.coverages {
            Calibrator::new(coverage, 1)?;
        }
        let known = rows.known(horizon);
        let series: Vec<Vec<f64>> = rows.targets.columns().into_iter().map(|column| column.to_vec()).collect();
        let mut targets = Vec::with_capacity(names.len());
        for (name, series) in names.iter().zip(&series) {
            let made = Target::new(name, series, settings);
            targets.push(made.map_err(|source| ServiceError::Ensemble { target: name.clone(), source })?);
        }
        // The last step takes longest: it comes first, so that threads end together.
        let jobs = (1..=horizon).rev().flat_map(|horizon| (0..names.len()).map(move |target| (target, horizon)));
        let directs = threads::try_map(jobs, |(target, horizon)| {
            let inputs = Inputs { past: rows.past, ahead: known.slice(s![..rows.count() + horizon, ..]) };
            let season = targets[target].season.map(|season| season.steps);
            let made = Direct::fit(&series[target], &inputs, settings, (horizon, season));
            let mut direct = made.map_err(|source| ServiceError::Ensemble { target: names[target].clone(), source })?;
            direct.calibrate(&settings.coverages)?;
            fitted();
            Ok::<_, ServiceError>((target, direct))
        })?;
        directs.into_iter().rev().for_each(|(target, direct)| targets[target].directs.push(direct));
        let ahead = known.rows().into_iter().skip(rows.count());
        let known = if inputs.1 == 0 { Vec::new() } else { ahead.map(|row| row.to_vec()).collect() };
        Ok(Self { settings: settings.clone(), rows: rows.count(), inputs, known, targets })
    }
}

impl Target {
    fn new(name: &str, series: &[f64], settings: &Settings) -> Result<Self, EnsembleError> {
        let season = match settings.season {
            Season::Without => None,
            Season::Steps(steps) => Some(TargetSeason { steps, strength: None }),
            Season::Find => {
                find_season(series)?.map(|found| TargetSeason { steps: found.steps, strength: Some(found.strength) })
            }
        };
        let back = season.map_or(1, |season| season.steps);
        let errors = series.iter().zip(series.iter().skip(back)).map(|(before, value)| (value - before).abs());
        let errors: Vec<f64> = errors.filter(|error| !error.is_nan()).collect();
        let naive = errors.iter().map(|error| error / errors.len() as f64).sum::<f64>();
        let naive = (naive > 0.0 && naive.is_finite()).then_some(naive);
        Ok(Self { name: name.to_owned(), season, naive, directs: Vec::with_capacity(settings.horizon) })
    }
}
