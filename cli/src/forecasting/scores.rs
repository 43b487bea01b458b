//! Scores of forecasts on each stretch, baselines beside them, and whether one forecast is better than another.

use anyhow::Result;
use forebay::metrics;
use forebay_zoo::baselines::{self, Autoregression};
use ndarray::{ArrayView2, s};
use serde::Serialize;

use super::beside::{Beside, nrmse};
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
    /// Squared error of every step, summed over columns; for the test, each over its spread there and the share of its values that is
    /// known: then their mean over the columns is the square of the NRMSE, so that what is told of one holds for the other. NaN
    /// where no column is known.
    pub(super) fn squared_errors(
        &self,
        truth: ArrayView2<'_, f64>,
        forecast: ArrayView2<'_, f64>,
        stretch: Stretch,
    ) -> Vec<f64> {
        let (from, to) = self.bounds(stretch);
        let known = |c: usize| (from..to).map(|t| truth[[t, c]]).filter(|y| !y.is_nan()).collect::<Vec<f64>>();
        let columns: Vec<Vec<f64>> = (0..truth.ncols()).map(known).collect();
        // Steps that any column is known at.
        let is_known = |t: &usize| truth.row(*t).iter().any(|y| !y.is_nan());
        let steps = (from..to).filter(is_known).count();
        let weight = |known: &Vec<f64>| {
            let spread = metrics::spread(ArrayView2::from_shape((known.len(), 1), known).expect("one column"));
            if matches!(stretch, Stretch::Test) { (spread, steps as f64 / known.len() as f64) } else { (1.0, 1.0) }
        };
        let weights: Vec<(f64, f64)> = columns.iter().map(weight).collect();
        let square = |((y, f), (spread, share)): ((&f64, &f64), &(f64, f64))| {
            let error = (f - y) / spread;
            if y.is_nan() { 0.0 } else { error * error * share }
        };
        let of_step = |t: usize| {
            let pairs = truth.row(t).into_iter().zip(forecast.row(t - self.horizon));
            if is_known(&t) { pairs.zip(&weights).map(square).sum() } else { f64::NAN }
        };
        (from..to).map(of_step).collect()
    }

    pub(super) fn score(
        &self,
        truth: ArrayView2<'_, f64>,
        forecast: ArrayView2<'_, f64>,
        stretch: Stretch,
    ) -> Result<f64> {
        let (from, to) = self.bounds(stretch);
        let made = forecast.slice(s![from - self.horizon..to - self.horizon, ..]);
        Ok(nrmse(truth.slice(s![from..to, ..]), made)?)
    }

    /// Scores of one forecast fitted on training alone, and of one fitted on training and validation.
    pub(super) fn row(
        &self,
        name: String,
        truth: ArrayView2<'_, f64>,
        early: ArrayView2<'_, f64>,
        late: ArrayView2<'_, f64>,
    ) -> Result<Row> {
        Ok(Row {
            name,
            baseline: true,
            train: self.score(truth, early, Stretch::Train)?,
            validation: self.score(truth, early, Stretch::Validation)?,
            test: self.score(truth, late, Stretch::Test)?,
            test_sd: None,
            test_errors: self.squared_errors(truth, late, Stretch::Test),
        })
    }

    pub(super) fn baselines(&self, series: Beside<'_>) -> Result<Vec<Row>> {
        let Beside { filled, truth } = series;
        let [train, validation, _] = self.split;
        let persistence = baselines::persistence(filled);
        let mut rows = vec![self.row("persistence".to_owned(), truth, persistence.view(), persistence.view())?];
        if let Some(season) = self.season {
            let seasonal = baselines::seasonal_naive(filled, season, self.horizon)?;
            rows.push(self.row(format!("seasonal naive, {season} steps"), truth, seasonal.view(), seasonal.view())?);
        }
        let widest = (MOST_LAGS / filled.ncols()).max(1);
        let orders: Vec<usize> = (1..=40).chain((44..=120).step_by(4)).filter(|order| *order <= widest).collect();
        let both = |from: usize, to: usize| [filled, truth].map(|series| series.slice_move(s![from..to, ..]));
        let (past, held) = (both(0, train), both(train, train + validation));
        // A short series may hold no autoregression at all; the table then does without.
        if let Ok(chosen) = Autoregression::choose_beside_gaps(past, held, &orders, self.horizon) {
            let order = chosen.order();
            let [known, learnt] = both(0, train + validation);
            let refitted = Autoregression::fit_beside_gaps(known, learnt, order, self.horizon)?;
            let (early, late) = (chosen.predict(filled)?, refitted.predict(filled)?);
            rows.push(self.row(format!("linear autoregression, order {order}"), truth, early.view(), late.view())?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Stretch};
    use forebay::random::Seed;
    use forebay_forecast::verdict::{Verdict, compare};
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
        let verdict = |a: &[f64], b: &[f64]| compare(a, b, 1).expect("finite losses").verdict;
        assert_eq!(verdict(&errors(&first), &errors(&second)), Verdict::First);
        let plain = |forecast: &Array2<f64>| {
            let row = |t: usize| (0..2).map(|c| (forecast[[t - 1, c]] - series[[t, c]]).powi(2)).sum::<f64>();
            (60..120).map(row).collect::<Vec<_>>()
        };
        assert_eq!(verdict(&plain(&first), &plain(&second)), Verdict::Second, "sums of squares say the opposite");
    }
}
