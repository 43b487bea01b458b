//! Scores of forecasts on each stretch, baselines beside them, and whether one forecast is better than another.

use anyhow::Result;
use forebay::metrics;
use forebay_zoo::baselines::{self, Autoregression};
use forebay_zoo::stats;
use ndarray::{ArrayView2, s};
use serde::Serialize;

use super::plan::{Plan, Stretch};

/// Most values the autoregression reads, over all columns: its cost grows with their square.
const MOST_LAGS: usize = 480;

/// One row of the table: NRMSE on the three stretches.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What forecast.
    pub name: String,
    /// Whether it is one of the forecasts to beat.
    pub baseline: bool,
    /// On the training stretch, after the washout.
    pub train: f64,
    /// On the validation stretch.
    pub validation: f64,
    /// On the test stretch.
    pub test: f64,
    /// Standard deviation of the test score over seeds, for reservoirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_sd: Option<f64>,
    /// Squared error of every test step, for comparing forecasts step by step; none for a mean over seeds.
    #[serde(skip)]
    pub test_errors: Vec<f64>,
}

impl Plan {
    /// Squared error of every step, summed over columns; for the test, each over its spread there: then their mean over the columns is
    /// the square of the NRMSE, so that what is told of one holds for the other.
    pub(super) fn squared_errors(
        &self,
        series: ArrayView2<'_, f64>,
        forecast: ArrayView2<'_, f64>,
        stretch: Stretch,
    ) -> Vec<f64> {
        let (from, to) = self.bounds(stretch);
        let spread = |column| if matches!(stretch, Stretch::Test) { metrics::spread(column) } else { 1.0 };
        let spreads: Vec<f64> = (0..series.ncols()).map(|c| spread(series.slice(s![from..to, c..=c]))).collect();
        let pairs = (from..to).map(|t| (series.row(t), forecast.row(t - self.horizon)));
        let square = |((y, f), spread): ((&f64, &f64), &f64)| ((f - y) / spread) * ((f - y) / spread);
        pairs.map(|(y, f)| y.iter().zip(f).zip(&spreads).map(square).sum()).collect()
    }

    pub(super) fn score(
        &self,
        series: ArrayView2<'_, f64>,
        forecast: ArrayView2<'_, f64>,
        stretch: Stretch,
    ) -> Result<f64> {
        let (from, to) = self.bounds(stretch);
        let made = forecast.slice(s![from - self.horizon..to - self.horizon, ..]);
        Ok(metrics::nrmse(series.slice(s![from..to, ..]), made)?)
    }

    /// Scores of one forecast fitted on training alone, and of one fitted on training and validation.
    pub(super) fn row(
        &self,
        name: String,
        series: ArrayView2<'_, f64>,
        early: ArrayView2<'_, f64>,
        late: ArrayView2<'_, f64>,
    ) -> Result<Row> {
        Ok(Row {
            name,
            baseline: true,
            train: self.score(series, early, Stretch::Train)?,
            validation: self.score(series, early, Stretch::Validation)?,
            test: self.score(series, late, Stretch::Test)?,
            test_sd: None,
            test_errors: self.squared_errors(series, late, Stretch::Test),
        })
    }

    pub(super) fn baselines(&self, scaled: ArrayView2<'_, f64>) -> Result<Vec<Row>> {
        let [train, validation, _] = self.split;
        let persistence = baselines::persistence(scaled);
        let mut rows = vec![self.row("persistence".to_owned(), scaled, persistence.view(), persistence.view())?];
        if let Some(season) = self.season {
            let seasonal = baselines::seasonal_naive(scaled, season, self.horizon)?;
            rows.push(self.row(format!("seasonal naive, {season} steps"), scaled, seasonal.view(), seasonal.view())?);
        }
        let widest = (MOST_LAGS / scaled.ncols()).max(1);
        let orders: Vec<usize> = (1..=40).chain((44..=120).step_by(4)).filter(|order| *order <= widest).collect();
        let (past, held) = (scaled.slice(s![..train, ..]), scaled.slice(s![train..train + validation, ..]));
        // A short series may hold no autoregression at all; the table then does without.
        if let Ok(chosen) = Autoregression::choose(past, held, &orders, self.horizon) {
            let order = chosen.order();
            let known = scaled.slice(s![..train + validation, ..]);
            let refitted = Autoregression::fit(known, order, self.horizon)?;
            let (early, late) = (chosen.predict(scaled)?, refitted.predict(scaled)?);
            rows.push(self.row(format!("linear autoregression, order {order}"), scaled, early.view(), late.view())?);
        }
        Ok(rows)
    }
}

/// How many standard errors the mean of `a` lies above the mean of `b`, two series of losses of forecasts `horizon` steps
/// ahead, whose neighbours overlap and are therefore correlated over `horizon - 1` steps; 0 if they do not differ.
///
/// F. Diebold, R. Mariano, Journal of Business & Economic Statistics 13, 253 (1995); weights of the autocovariances after
/// W. Newey, K. West, Econometrica 55, 703 (1987), which keep the variance positive.
pub(crate) fn diebold_mariano(a: &[f64], b: &[f64], horizon: usize) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (n, mean) = (difference.len() as f64, stats::mean(&difference));
    let covariance = |lag: usize| {
        let pairs = difference.iter().zip(difference.iter().skip(lag));
        pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n
    };
    let tail: f64 = (1..horizon).map(|lag| (1.0 - lag as f64 / horizon as f64) * covariance(lag)).sum();
    let variance = covariance(0) + 2.0 * tail;
    if mean == 0.0 { 0.0 } else { mean / (variance / n).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Stretch, diebold_mariano};
    use forebay::random::Seed;
    use ndarray::Array2;

    /// The verdict on several columns once compared sums of squares, in which the column of the largest spread drowned the
    /// others, beside a table of NRMSE, in which all count alike: "better" where the table said worse.
    #[test]
    fn the_verdict_is_of_the_scores_that_are_told() {
        let plan = Plan {
            horizon: 1,
            split: [40, 20, 60],
            units: 1,
            settings: None,
            seeds: 1,
            trials: 1,
            season: None,
            hybrid: None,
        };
        let mut noise = Seed(5).stream("columns");
        // The second column goes quiet in the test stretch; the first one forecast is better there, the other on the loud one.
        let loud = |t: usize, c: usize| if c == 0 || t < 60 { 1.0 } else { 0.01 };
        let series = Array2::from_shape_fn((120, 2), |(t, c)| loud(t, c) * noise.normal());
        let made = |errors: [f64; 2]| {
            Array2::from_shape_fn((120, 2), |(t, c)| {
                let ahead = (t + 1).min(119);
                series[[ahead, c]] + errors[c] * loud(ahead, c) * if ahead % 2 == 0 { 1.1 } else { -0.9 }
            })
        };
        let (first, second) = (made([0.4, 0.1]), made([0.3, 0.9]));
        let told =
            |forecast: &Array2<f64>| plan.score(series.view(), forecast.view(), Stretch::Test).expect("it varies");
        let errors = |forecast: &Array2<f64>| plan.squared_errors(series.view(), forecast.view(), Stretch::Test);
        for forecast in [&first, &second] {
            let mean = errors(forecast).iter().sum::<f64>() / (60.0 * 2.0);
            assert!(
                (mean.sqrt() - told(forecast)).abs() < 1e-12 * told(forecast),
                "{} {}",
                mean.sqrt(),
                told(forecast)
            );
        }
        assert!(told(&first) < told(&second));
        assert!(diebold_mariano(&errors(&first), &errors(&second), 1) < -2.0);
        let plain = |forecast: &Array2<f64>| {
            let row = |t: usize| (0..2).map(|c| (forecast[[t - 1, c]] - series[[t, c]]).powi(2)).sum::<f64>();
            (60..120).map(row).collect::<Vec<_>>()
        };
        assert!(diebold_mariano(&plain(&first), &plain(&second), 1) > 2.0, "sums of squares say the opposite");
    }

    #[test]
    fn losses_differ_when_they_do() {
        let mut noise = Seed(3).stream("losses");
        let a: Vec<f64> = (0..400).map(|_| noise.normal()).collect();
        let b: Vec<f64> = (0..400).map(|_| noise.normal()).collect();
        let worse: Vec<f64> = a.iter().map(|x| x + 0.5).collect();
        assert_eq!(diebold_mariano(&a, &a, 3), 0.0);
        assert!(diebold_mariano(&a, &b, 1).abs() < 2.0);
        assert!(diebold_mariano(&worse, &b, 1) > 5.0 && diebold_mariano(&b, &worse, 1) < -5.0);
        // A difference that is held for four steps says a quarter of what independent ones say: half the statistic.
        let held: Vec<f64> = (0..400).map(|t| a[t / 4] + 0.5).collect();
        let zero = [0.0; 400];
        let ratio = diebold_mariano(&held, &zero, 8) / diebold_mariano(&held, &zero, 1);
        assert!((0.4..0.8).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_constant_difference_is_certain() {
        assert_eq!(diebold_mariano(&[2.0; 9], &[1.0; 9], 1), f64::INFINITY);
        assert_eq!(diebold_mariano(&[1.0; 9], &[2.0; 9], 1), f64::NEG_INFINITY);
    }
}
