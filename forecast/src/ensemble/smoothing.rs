//! Exponential smoothing with a damped trend and an additive season, chosen by its error h steps ahead.
//!
//! Source: E. S. Gardner, `E. McKenzie`, "Forecasting trends in time series", Management Science 31, 1237 (1985); Hyndman, Koehler, Ord, Snyder,
//! "Forecasting with exponential smoothing" (2008), model (A, Ad, A).

use forebay::threads;
use serde::{Deserialize, Serialize};

use super::folds::Folds;
use super::kept::{Frame, KeepError, finite, must};
use super::past::Waiting;

/// Constants of exponential smoothing.
///
/// ```text
/// e = y(t) - (l + phi b + s[t])
/// l' = l + phi b + alpha e        b' = phi b + alpha beta e        s'[t] = s[t] + gamma e
/// forecast h ahead:  l + (phi + .. + phi^h) b + s[t+h]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Smoothing {
    /// alpha, of the level.
    pub level: f64,
    /// beta, of the trend; 0 without a trend.
    pub trend: f64,
    /// gamma, of the season.
    pub season: f64,
    /// phi, what is left of the trend after a step.
    pub damping: f64,
}

/// A smoother and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Smoother {
    smoothing: Smoothing,
    level: f64,
    trend: f64,
    /// What the season adds at each phase; one zero without a season.
    season: Vec<f64>,
    rows: usize,
    horizon: usize,
    /// phi + .. + phi^h.
    reach: f64,
}

/// A smoother in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptSmoother {
    smoothing: Smoothing,
    level: f64,
    trend: f64,
    season: Vec<f64>,
}

/// phi + .. + phi^h.
fn reach(damping: f64, horizon: usize) -> f64 {
    let (mut reach, mut power) = (0.0, 1.0);
    for _ in 0..horizon {
        power *= damping;
        reach += power;
        if power < 1e-18 {
            break;
        }
    }
    reach
}

impl Smoother {
    /// At the start of a series: level and season from its first two cycles, or the first value, without a trend.
    fn new(smoothing: Smoothing, horizon: usize, start: &Start) -> Self {
        let Start { level, season } = start.clone();
        Self { smoothing, level, trend: 0.0, season, rows: 0, horizon, reach: reach(smoothing.damping, horizon) }
    }

    pub(super) fn kept(&self) -> KeptSmoother {
        let Self { smoothing, level, trend, ref season, .. } = *self;
        KeptSmoother { smoothing, level, trend, season: season.clone() }
    }

    pub(super) fn open(kept: KeptSmoother, frame: &Frame) -> Result<Self, KeepError> {
        let KeptSmoother { smoothing, level, trend, season } = kept;
        let Smoothing { level: alpha, trend: beta, season: gamma, damping } = smoothing;
        let shares = [alpha, beta, gamma, damping].iter().all(|share| (0.0..=1.0).contains(share));
        must(shares, "constants of smoothing", || "are not all from 0 to 1")?;
        let steps = season.len();
        must(steps == 1 || steps == frame.season, "season of smoothing", || format!("has {steps} steps"))?;
        finite("state of smoothing", season.iter().chain([&level, &trend]))?;
        let reach = reach(damping, frame.horizon);
        Ok(Self { smoothing, level, trend, season, rows: frame.rows, horizon: frame.horizon, reach })
    }

    /// Takes the next value; if it is not there, goes on as forecast.
    pub(super) fn advance(&mut self, value: f64, known: bool) {
        let Smoothing { level, trend, season, damping } = self.smoothing;
        let (ahead, phase) = (damping * self.trend, self.rows % self.season.len());
        let error = if known { value - (self.level + ahead + self.season[phase]) } else { 0.0 };
        self.level += ahead + level * error;
        self.trend = ahead + level * trend * error;
        self.season[phase] += season * error;
        self.rows += 1;
    }

    pub(super) fn forecast(&self) -> f64 {
        let phase = (self.rows + self.horizon - 1) % self.season.len();
        self.level + self.reach * self.trend + self.season[phase]
    }

    pub(super) fn smoothing(&self) -> Smoothing {
        self.smoothing
    }
}

/// Where smoothers start.
#[derive(Clone, Debug)]
struct Start {
    level: f64,
    season: Vec<f64>,
}

impl Start {
    /// From the first two cycles of a season of s steps, if they are no more than `most` rows.
    fn new(series: &[f64], season: usize, most: usize) -> Self {
        if season < 2 || 2 * season > most {
            return Self { level: series[0], season: vec![0.0] };
        }
        let mean = |cycle: usize| series[cycle * season..(cycle + 1) * season].iter().sum::<f64>() / season as f64;
        let means = [mean(0), mean(1)];
        let own = |phase: usize| 0.5 * ((series[phase] - means[0]) + (series[season + phase] - means[1]));
        Self { level: means[0], season: (0..season).map(own).collect() }
    }
}

/// A smoother that was fitted.
pub(super) struct Smoothed {
    /// At the end of the series.
    pub(super) smoother: Smoother,
    /// Its forecasts of what follows the series, from the last rows of it.
    pub(super) pending: Vec<f64>,
    /// Out of fold, by target from the first origin on.
    pub(super) forecasts: Vec<f64>,
}

/// All constants that are tried.
fn grid(with_season: bool) -> Vec<Smoothing> {
    let seasons: &[f64] = if with_season { &[0.0, 0.05, 0.15, 0.4] } else { &[0.0] };
    let mut all = Vec::new();
    for level in [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9] {
        for &season in seasons {
            all.push(Smoothing { level, trend: 0.0, season, damping: 0.0 });
            for trend in [0.05, 0.2] {
                all.extend([0.85, 0.95, 1.0].map(|damping| Smoothing { level, trend, season, damping }));
            }
        }
    }
    all
}

/// The smoother for what follows a series, what it forecasts from the last rows, and forecasts of the targets from the first origin on, each by
/// the constants with the least error before the origin of its block.
pub(super) fn fit(series: &[f64], known: &[bool], horizon: usize, season: usize, folds: &Folds) -> Smoothed {
    let start = Start::new(series, season, folds.first());
    let blocks = folds.blocks();
    let run = |smoothing: Smoothing, mut each: Box<dyn FnMut(usize, f64) + '_>| {
        let mut smoother = Smoother::new(smoothing, horizon, &start);
        for (t, (&value, &known)) in series.iter().zip(known).enumerate() {
            smoother.advance(value, known);
            each(t + horizon, smoother.forecast());
        }
        smoother
    };
    let grid = grid(start.season.len() > 1);
    // Of each candidate, the sum of squares of every block.
    let errors = threads::map(grid.iter().copied(), |smoothing| {
        let mut smoother = Smoother::new(smoothing, horizon, &start);
        let mut waiting = Waiting::new(1, horizon);
        let mut sums = Vec::with_capacity(blocks.len());
        for block in &blocks {
            let mut sum = 0.0;
            for t in block.clone() {
                if let (Some(forecast), true) = (waiting.oldest(), known[t]) {
                    sum += (series[t] - forecast[0]) * (series[t] - forecast[0]);
                }
                smoother.advance(series[t], known[t]);
                waiting.push(&[smoother.forecast()]);
            }
            sums.push(sum);
        }
        sums
    });
    let best = |until: usize| {
        let total = |sums: &Vec<f64>| sums[..until].iter().sum::<f64>();
        let least = errors
            .iter()
            .map(total)
            .enumerate()
            .fold((0, f64::INFINITY), |best, (index, total)| if total < best.1 { (index, total) } else { best });
        grid[least.0]
    };
    let mut forecasts = vec![0.0; series.len() - folds.first()];
    for (number, block) in blocks.iter().enumerate().skip(1) {
        let part = &mut forecasts[block.start - folds.first()..block.end - folds.first()];
        let keep = |target: usize, forecast| {
            if block.contains(&target) {
                part[target - block.start] = forecast;
            }
        };
        run(best(number), Box::new(keep));
    }
    let mut pending = vec![0.0; horizon];
    let keep = |target: usize, forecast| {
        if let Some(ahead) = target.checked_sub(series.len()) {
            pending[ahead] = forecast;
        }
    };
    let smoother = run(best(blocks.len()), Box::new(keep));
    Smoothed { smoother, pending, forecasts }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursion, written out for three steps by hand.
    #[test]
    fn three_steps_are_as_by_hand() {
        let smoothing = Smoothing { level: 0.5, trend: 0.4, season: 0.25, damping: 0.8 };
        let start = Start { level: 10.0, season: vec![1.0, -1.0] };
        let mut smoother = Smoother::new(smoothing, 2, &start);
        // e = 13 - 11 = 2: l = 11, b = 0.4, s0 = 1.5.
        smoother.advance(13.0, true);
        assert_eq!((smoother.level, smoother.trend, smoother.season[0]), (11.0, 0.4, 1.5));
        assert!((smoother.forecast() - (11.0 + (0.8 + 0.64) * 0.4 + 1.5)).abs() < 1e-14 * 12.0 || smoother.rows == 1);
        // Expected 11 + 0.32 - 1 = 10.32; e = 0.68: l = 11.32 + 0.34, b = 0.32 + 0.136, s1 = -1 + 0.17.
        smoother.advance(11.0, true);
        assert!((smoother.level - 11.66).abs() < 1e-14 && (smoother.trend - 0.456).abs() < 1e-14);
        assert!((smoother.season[1] + 0.83).abs() < 1e-14);
        // Two steps after row 1 is row 3, of phase 1.
        assert!((smoother.forecast() - (11.66 + 1.44 * 0.456 - 0.83)).abs() < 1e-13);
        // Without a value the level follows the damped trend.
        smoother.advance(0.0, false);
        assert!((smoother.level - (11.66 + 0.8 * 0.456)).abs() < 1e-14 && (smoother.trend - 0.3648).abs() < 1e-14);
    }

    #[test]
    fn a_line_is_continued() {
        let line: Vec<f64> = (0..200).map(f64::from).collect();
        let Smoothed { smoother, forecasts, pending } = fit(&line, &[true; 200], 5, 1, &Folds::new(200, 5));
        assert!((smoother.forecast() - 204.0).abs() < 1.0, "{}", smoother.forecast());
        assert!((forecasts[99] - 199.0).abs() < 1.0);
        assert_eq!((pending.len(), pending[4]), (5, smoother.forecast()));
    }

    #[test]
    fn a_season_is_repeated() {
        let wave: Vec<f64> = (0..120).map(|t| f64::from(t % 6) * f64::from(t % 6)).collect();
        let Smoothed { smoother, .. } = fit(&wave, &[true; 120], 4, 6, &Folds::new(120, 4));
        assert!((smoother.forecast() - 9.0).abs() < 1e-6, "{}", smoother.forecast());
    }
}
