//! The protocol that the real series share: one step ahead, consecutive stretches for training, choosing and scoring.

use forebay::metrics;
use forebay::model::Model;
use forebay::train::{Series, Training};
use ndarray::{Array2, ArrayView2, s};

use super::{Measurement, Part, Settings, TaskError};
use crate::baselines::Autoregression;
use crate::scalers::Scaler;

/// Lengths of the three stretches, in steps.
pub(super) struct Split {
    pub(super) train: usize,
    pub(super) validation: usize,
    pub(super) test: usize,
    pub(super) washout: usize,
}

impl Split {
    fn total(&self) -> usize {
        self.train + self.validation + self.test
    }

    /// Fits on the training stretch; scores the stretch of `part`, the state carried on through all before it.
    pub(super) fn measure(
        &self,
        series: ArrayView2<'_, f64>,
        settings: &Settings,
        seed: u64,
        part: Part,
    ) -> Result<Measurement, TaskError> {
        let scaler = Scaler::standardise(series.slice(s![..self.train, ..]))?;
        let scaled = scaler.transform(series.slice(s![..self.total(), ..]))?;
        let model = Model::<f64>::generate(settings.network(1, 1)?, seed)?;
        let pair = Series::new(scaled.slice(s![..self.train - 1, ..]), scaled.slice(s![1..self.train, ..]));
        let (trained, report) = Training::new().washout(self.washout).ridge(settings.ridge).fit(&model, &[pair])?;
        let forecast = trained.session().run(scaled.view())?;
        // Row t of the forecast is for step t + 1.
        let (from, to) = self.bounds(part);
        let error = metrics::nmse(scaled.slice(s![from..to, ..]), forecast.slice(s![from - 1..to - 1, ..]))?;
        let train = report.heads[0].train_nrmse[0].map_or(f64::NAN, |e| e * e);
        Ok(Measurement::default().with("NMSE, one step", error).with("NMSE on training steps", train))
    }

    /// Persistence and a linear autoregression whose order was chosen on the validation stretch.
    pub(super) fn baselines(&self, series: ArrayView2<'_, f64>) -> Result<Vec<(String, f64)>, TaskError> {
        let (from, to) = self.bounds(Part::Test);
        let truth = series.slice(s![from..to, ..]);
        let persistence = metrics::nmse(truth, series.slice(s![from - 1..to - 1, ..]))?;
        let orders: Vec<usize> = (1..=40).collect();
        let (train, known) = (series.slice(s![..self.train, ..]), self.train + self.validation);
        let validation = series.slice(s![..known, ..]);
        let chosen = Autoregression::choose(train, validation.slice(s![self.train.., ..]), &orders, 1)?;
        let order = chosen.order();
        let forecast: Array2<f64> = chosen.predict(series.slice(s![..to, ..]))?;
        let error = metrics::nmse(truth, forecast.slice(s![from - 1..to - 1, ..]))?;
        Ok(vec![("persistence".to_owned(), persistence), (format!("AR({order})"), error)])
    }

    fn bounds(&self, part: Part) -> (usize, usize) {
        match part {
            Part::Validation => (self.train, self.train + self.validation),
            Part::Test => (self.train + self.validation, self.total()),
        }
    }
}
