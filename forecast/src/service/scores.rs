//! Scores of forecasts on rows that were not learnt from.

use serde::Serialize;

use super::{ServiceError, TestedHorizon};
use crate::ensemble::Member;
use crate::verdict::{Comparison, compare};

/// How far forecasts are from the truth, over the rows that have one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Root mean square error over the standard deviation of the truth on these rows; NaN if that does not vary, or there is none.
    pub nrmse: f64,
    /// Mean size of the errors, in units of the series; NaN if no row has a truth.
    pub mae: f64,
    /// That over the mean size of errors of the naive forecast one season back, or one row, on the rows of the fit; none if it made none there.
    ///
    /// Source: Hyndman, Koehler, International Journal of Forecasting 22, 679 (2006).
    pub mase: Option<f64>,
}

/// The score of a member by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MemberScore {
    /// Which one.
    pub member: Member,
    /// Whether it is a forecast to beat: all but those with reservoirs.
    pub baseline: bool,
    /// Its weight before these rows: right after the fit, if they follow it.
    pub weight: f64,
    /// Its score.
    pub score: Score,
}

/// All scores of a target so many steps ahead.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Rows with a truth.
    pub rows: usize,
    /// Of the combined forecast.
    pub combined: Score,
    /// Of the members.
    pub members: Vec<MemberScore>,
}

impl Member {
    /// Whether it is a forecast to beat: it has no reservoir.
    pub fn is_baseline(self) -> bool {
        !matches!(self, Self::Esn | Self::Reservoir)
    }
}

impl Scores {
    /// The member without a reservoir that is best by itself.
    pub fn best_baseline(&self) -> Score {
        self.members[self.best()].score
    }

    /// Its place among the members.
    pub fn best(&self) -> usize {
        let baselines = self.members.iter().enumerate().filter(|(_, member)| member.baseline);
        baselines.min_by(|a, b| a.1.score.order(b.1.score)).map_or(0, |(place, _)| place)
    }
}

impl Score {
    /// By NRMSE, which is what is compared.
    fn order(self, other: Self) -> std::cmp::Ordering {
        self.nrmse.total_cmp(&other.nrmse).then(self.mae.total_cmp(&other.mae))
    }
}

impl TestedHorizon {
    /// Scores of the combined forecast and of every member by itself.
    pub fn scores(&self) -> Scores {
        let score = |forecast: &[f64]| self.score(forecast);
        let members = self.members.iter().zip(&self.weights).map(|((member, forecast), weight)| MemberScore {
            member: *member,
            baseline: member.is_baseline(),
            weight: *weight,
            score: score(forecast),
        });
        let rows = self.truth.iter().filter(|truth| !truth.is_nan()).count();
        Scores { rows, combined: score(&self.forecast), members: members.collect() }
    }

    fn score(&self, forecast: &[f64]) -> Score {
        let known: Vec<(f64, f64)> =
            self.truth.iter().copied().zip(forecast.iter().copied()).filter(|(truth, _)| !truth.is_nan()).collect();
        let n = known.len() as f64;
        let mean = known.iter().map(|(truth, _)| truth / n).sum::<f64>();
        // Over the largest deviation, so that no square is beyond the numbers.
        let largest = known.iter().map(|(truth, _)| (truth - mean).abs()).fold(0.0, f64::max);
        let square = |value: f64| (value / largest) * (value / largest);
        let spread = (known.iter().map(|(truth, _)| square(truth - mean)).sum::<f64>() / n).sqrt();
        let rms = (known.iter().map(|(truth, forecast)| square(truth - forecast)).sum::<f64>() / n).sqrt();
        let mae = known.iter().map(|(truth, forecast)| (truth - forecast).abs() / n).sum::<f64>();
        let mae = if known.is_empty() { f64::NAN } else { mae };
        // Not by the deviations: the mean of equal values is rounded.
        let varies = known.iter().any(|(truth, _)| *truth != known[0].0);
        let nrmse = if varies { rms / spread } else { f64::NAN };
        Score { nrmse, mae, mase: self.naive.map(|naive| mae / naive) }
    }

    /// The combined forecast beside the best member without a reservoir, by squared errors over these rows in units of the largest truth, or of the
    /// largest error where every truth is 0.
    ///
    /// # Errors
    /// [`ServiceError::Verdict`] if errors are beyond what squares hold.
    pub fn against_best(&self) -> Result<Comparison, ServiceError> {
        let best = &self.members[self.scores().best()].1;
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0_f64, |most, value| most.max(value.abs()));
        let errors = |forecast: &[f64]| largest(&mut self.truth.iter().zip(forecast).map(|(truth, made)| truth - made));
        let truth = largest(&mut self.truth.iter().copied());
        let scale = if truth > 0.0 { truth } else { errors(&self.forecast).max(errors(best)) };
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let losses = |forecast: &[f64]| -> Vec<f64> {
            let square = |error: f64| error * error;
            self.truth.iter().zip(forecast).map(|(truth, forecast)| square((truth - forecast) / scale)).collect()
        };
        Ok(compare(&losses(&self.forecast), &losses(best), self.horizon)?)
    }

    /// Share of the truths inside of their intervals, and the intervals' mean width; none without an interval of a row with a truth.
    ///
    /// # Panics
    /// If there is no such coverage.
    pub fn covered(&self, coverage: usize) -> Option<(f64, f64)> {
        let pairs = self.intervals[coverage].iter().zip(&self.truth).filter(|(_, truth)| !truth.is_nan());
        let pairs = pairs.filter_map(|(interval, truth)| Some(((*interval)?, *truth)));
        let inside = |(interval, truth): (super::Interval, f64)| {
            (f64::from(u8::from((interval.lower..=interval.upper).contains(&truth))), interval.upper - interval.lower)
        };
        mean(pairs.map(inside))
    }

    /// The same for intervals of one width, that of the errors before these rows: what splitting off a part gives.
    pub fn covered_by_split(&self, coverage: f64) -> Option<(f64, f64)> {
        let errors = self.calibration.iter().map(|(forecast, truth)| (truth - forecast).abs());
        let mut errors: Vec<f64> = errors.filter(|error| !error.is_nan()).collect();
        errors.sort_by(f64::total_cmp);
        let rank = (coverage * (errors.len() + 1) as f64 - 1e-9).ceil() as usize;
        let half = *errors.get(rank.checked_sub(1)?)?;
        let known = self.truth.iter().zip(&self.forecast).filter(|(truth, _)| !truth.is_nan());
        mean(known.map(|(truth, forecast)| (f64::from(u8::from((truth - forecast).abs() <= half)), 2.0 * half)))
    }
}

fn mean(pairs: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let (count, first, second) =
        pairs.fold((0.0, 0.0, 0.0), |(count, first, second), (a, b)| (count + 1.0, first + a, second + b));
    (count > 0.0).then(|| (first / count, second / count))
}
