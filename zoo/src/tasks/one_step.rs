//! The protocol that the real series share: one step ahead, consecutive stretches for training, choosing and scoring.

use forebay::Real;
use forebay::metrics;
use forebay::train::{Series, Training, TrainingReport};
use ndarray::{Array2, ArrayView2, s};

use super::{Arithmetic, Measurement, Metric, Part, Settings, TaskError};
use crate::baselines::Autoregression;
use crate::scalers::Scaler;
use crate::stats;

/// On the scored steps; on validation data the mean over three origins.
pub(super) const NMSE: Metric = Metric::error("NMSE, one step");
const ON_TRAINING: Metric = Metric::error("NMSE on training steps");

/// Lengths of the three stretches, in steps.
pub(super) struct Split {
    pub(super) train: usize,
    pub(super) validation: usize,
    pub(super) test: usize,
    pub(super) washout: usize,
    /// Applied before scaling, and undone before scoring.
    pub(super) transform: Transform,
}

/// A change of scale that makes the noise of a series even.
#[derive(Clone, Copy)]
pub(super) enum Transform {
    None,
    /// For counts, whose variance is proportional to their level. Source: Bartlett, Supplement to the Journal of the Royal
    /// Statistical Society 3, 68 (1936).
    SquareRoot,
}

impl Transform {
    fn apply(self, series: ArrayView2<'_, f64>) -> Array2<f64> {
        match self {
            Self::None => series.to_owned(),
            Self::SquareRoot => series.mapv(f64::sqrt),
        }
    }

    fn undo(self, forecast: Array2<f64>) -> Array2<f64> {
        match self {
            Self::None => forecast,
            Self::SquareRoot => forecast.mapv(|v| v.max(0.0) * v.max(0.0)),
        }
    }
}

impl Split {
    fn total(&self) -> usize {
        self.train + self.validation + self.test
    }

    /// Test: fits on the training stretch and scores the test stretch, the state carried on through all before it.
    ///
    /// Validation: three rolling origins. Fits on the first half, three quarters and all of the training stretch, and scores
    /// the steps that follow each, as many as the validation stretch has; the mean counts. One origin alone would choose
    /// settings for the peculiarities of one stretch. Source: Tashman, International Journal of Forecasting 16, 437 (2000).
    pub(super) fn measure(
        &self,
        series: ArrayView2<'_, f64>,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        match part {
            Part::Test => {
                let known = self.train + self.validation;
                let (error, train) =
                    self.score(series, settings, arithmetic, seed, self.train, (known, self.total()))?;
                Ok(Measurement::default().with(NMSE, error).with(ON_TRAINING, train))
            }
            Part::Validation => {
                let origins = [self.train / 2, self.train * 3 / 4, self.train];
                let errors = origins.iter().map(|&origin| {
                    Ok(self.score(series, settings, arithmetic, seed, origin, (origin, origin + self.validation))?.0)
                });
                let errors = errors.collect::<Result<Vec<f64>, TaskError>>()?;
                Ok(Measurement::default().with(NMSE, stats::mean(&errors)))
            }
        }
    }

    /// Fits on the first `train` steps; NMSE on the steps `from..to`, and on the training steps.
    fn score(
        &self,
        series: ArrayView2<'_, f64>,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        train: usize,
        (from, to): (usize, usize),
    ) -> Result<(f64, f64), TaskError> {
        let even = self.transform.apply(series.slice(s![..to, ..]));
        let scaler = Scaler::standardise(even.slice(s![..train, ..]))?;
        let scaled = scaler.transform(even.view())?;
        let fit = match arithmetic {
            Arithmetic::F64 => self.fit::<f64>(scaled.view(), settings, arithmetic, seed, train),
            Arithmetic::F32 | Arithmetic::Hybrid { .. } => {
                self.fit::<f32>(scaled.view(), settings, arithmetic, seed, train)
            }
        };
        let (forecast, report) = fit?;
        let forecast = scaler.inverse(forecast.view())?;
        let forecast = self.transform.undo(forecast);
        // Row t of the forecast is for step t + 1.
        let error = metrics::nmse(series.slice(s![from..to, ..]), forecast.slice(s![from - 1..to - 1, ..]))?;
        Ok((error, report.heads[0].train_nrmse[0].map_or(f64::NAN, |e| e * e)))
    }

    /// Fits on the first `train` steps and runs the whole series.
    fn fit<T: Real>(
        &self,
        series: ArrayView2<'_, f64>,
        settings: &Settings,
        arithmetic: &Arithmetic,
        seed: u64,
        train: usize,
    ) -> Result<(Array2<f64>, TrainingReport), TaskError> {
        let series = series.mapv(T::from_f64);
        let model = arithmetic.network(settings, (1, 1), seed, series.slice(s![..train - 1, ..]))?;
        let pair = Series::new(series.slice(s![..train - 1, ..]), series.slice(s![1..train, ..]));
        let (trained, report) = Training::new().washout(self.washout).ridge(settings.ridge).fit(&model, &[pair])?;
        let trained = arithmetic.deploy(trained, series.slice(s![..train - 1, ..]))?;
        Ok((trained.session().run(series.view())?.mapv(T::to_f64), report))
    }

    /// Persistence and a linear autoregression whose order was chosen on the validation stretch.
    pub(super) fn baselines(&self, series: ArrayView2<'_, f64>) -> Result<Vec<(String, f64)>, TaskError> {
        let (from, to) = (self.train + self.validation, self.total());
        let truth = series.slice(s![from..to, ..]);
        let persistence = metrics::nmse(truth, series.slice(s![from - 1..to - 1, ..]))?;
        let orders: Vec<usize> = (1..=40).collect();
        let mut rows = vec![("persistence".to_owned(), persistence)];
        let transforms: &[(Transform, &str)] = match self.transform {
            Transform::None => &[(Transform::None, "")],
            Transform::SquareRoot => &[(Transform::None, ""), (Transform::SquareRoot, " of square roots")],
        };
        for (transform, name) in transforms {
            let even = transform.apply(series.slice(s![..to, ..]));
            let (past, held) = (even.slice(s![..self.train, ..]), even.slice(s![self.train..from, ..]));
            let chosen = Autoregression::choose(past, held, &orders, 1)?;
            let forecast = transform.undo(chosen.predict(even.view())?);
            let error = metrics::nmse(truth, forecast.slice(s![from - 1..to - 1, ..]))?;
            rows.push((format!("AR({}){name}", chosen.order()), error));
        }
        Ok(rows)
    }
}
