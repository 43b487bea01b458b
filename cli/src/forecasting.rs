//! Forecasting a series: choose settings on the validation stretch, score once on the test stretch, beside baselines.
//!
//! Every forecast is direct: row t of a forecast is for row `t + horizon`. Settings, the autoregression's order and all
//! scalings see the training stretch only until they are chosen; for the test score both the reservoir and the
//! autoregression are fitted again on training and validation together, with what was chosen.
//!
//! Two choices keep a reservoir from being worse than it needs to be on noisy or drifting series. Its readout is fitted to
//! the change `y(t + horizon) - y(t)`, so the ridge penalty pulls the forecast towards persistence, not towards the mean.
//! And among settings whose validation error is within one standard error of the smallest, those with the smallest input
//! scaling are taken: nearly linear networks extrapolate best (the one-standard-error rule of Breiman, Friedman, Olshen,
//! Stone 1984).

mod beside;
mod fit;
mod notes;
mod plan;
mod scores;

use anyhow::{Context, Result, bail};
use forebay::model::{Model, Provenance};
use forebay::random::Seed;
use forebay::{Real, threads};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::stats::{self, MeanInterval};
use forebay_zoo::tasks::Settings;
use ndarray::{Array2, ArrayView2, s};

pub(crate) use self::beside::Beside;
use self::fit::{HybridScores, forecast};
use self::notes::NOTES;
pub(crate) use self::notes::Notes;
use self::plan::Stretch;
pub(crate) use self::plan::{Hybrid, Plan, SPACE, base};
pub(crate) use self::scores::Row;

/// Reservoirs per trial.
const TRIAL_SEEDS: u64 = 2;

/// All that came of it.
pub(crate) struct Outcome<T: Real> {
    /// Reservoirs first, then baselines.
    pub rows: Vec<Row>,
    /// Settings chosen.
    pub settings: Settings,
    /// Test NRMSE of each seed, first that of the model.
    pub test_per_seed: Vec<f64>,
    /// The first seed's network alone, fitted on training and validation.
    pub model: Model<T>,
    /// Where the first seed's hybrid network runs, if one was asked for.
    pub placement: Option<forebay::compile::Plan>,
    /// The average forecast of all seeds for the test stretch, in the units of the series.
    pub forecast: Array2<f64>,
}

impl Plan {
    /// Runs the plan with networks in precision `T`; `progress` is called after every trial and every final fit, `trials +
    /// seeds` times.
    pub(crate) fn run<T: Real>(
        &self,
        series: Beside<'_>,
        columns: &[String],
        progress: impl Fn() + Sync,
    ) -> Result<Outcome<T>> {
        self.check(series, columns)?;
        let used = self.split.iter().sum::<usize>();
        let [filled, truth] = [series.filled, series.truth].map(|series| series.slice_move(s![..used, ..]));
        let [train, validation, _] = self.split;

        let scaler = Scaler::standardise(filled.slice(s![..train, ..]))?;
        let (scaled, truth) = (scaler.transform(filled)?, scaler.transform(truth)?);
        let inputs = scaled.mapv(T::from_f64);
        let truth = truth.view();
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => self.choose(truth, inputs.view(), &progress)?,
        };

        let finals = threads::try_map(0..self.seeds, |seed| {
            let chosen = self.fit(inputs.view(), truth, &settings, seed, train, None)?;
            let refitted = self.fit(inputs.view(), truth, &settings, seed, train + validation, None)?;
            let early = forecast(&chosen, inputs.view())?;
            let late = forecast(&refitted, inputs.view())?;
            let refitted = self.with_its_score(refitted, truth, late.view(), train + validation);
            let hybrid = self.hybrid_scores(truth, inputs.view(), &settings, seed)?;
            progress();
            anyhow::Ok((refitted, early, late, hybrid))
        })?;

        let mut rows = Vec::new();
        let (mut scores, mut test_per_seed) = ([Vec::new(), Vec::new()], Vec::new());
        let mut averages = [Array2::<f64>::zeros(scaled.dim()), Array2::<f64>::zeros(scaled.dim())];
        for (_, early, late, _) in &finals {
            scores[0].push(self.score(truth, early.view(), Stretch::Train)?);
            scores[1].push(self.score(truth, early.view(), Stretch::Validation)?);
            test_per_seed.push(self.score(truth, late.view(), Stretch::Test)?);
            averages[0] += early;
            averages[1] += late;
        }
        let [early, late] = averages.map(|sum| sum / self.seeds as f64);
        let test = MeanInterval::of(&test_per_seed);
        rows.push(Row {
            name: format!("echo state network, {} units", self.units),
            baseline: false,
            train: MeanInterval::of(&scores[0]).mean,
            validation: MeanInterval::of(&scores[1]).mean,
            test: test.mean,
            test_sd: test.sd,
            test_errors: Vec::new(),
        });
        if self.seeds == 1 {
            rows[0].test_errors = self.squared_errors(truth, late.view(), Stretch::Test);
        } else {
            let name = format!("average of {} networks", self.seeds);
            rows.push(Row { baseline: false, ..self.row(name, truth, early.view(), late.view())? });
        }
        let hybrids: Vec<&HybridScores> = finals.iter().filter_map(|(.., hybrid)| hybrid.as_ref()).collect();
        if let Some(Hybrid { address, digits, .. }) = &self.hybrid {
            let of = |stretch: usize| hybrids.iter().map(|h| h.scores[stretch]).collect::<Vec<f64>>();
            let test = MeanInterval::of(&of(2));
            rows.push(Row {
                name: format!("hybrid of {digits} digits, {address}"),
                baseline: false,
                train: stats::mean(&of(0)),
                validation: stats::mean(&of(1)),
                test: test.mean,
                test_sd: test.sd,
                test_errors: Vec::new(),
            });
        }
        let placement = hybrids.first().map(|hybrid| hybrid.plan.clone());
        rows.extend(self.baselines(Beside { filled: scaled.view(), truth })?);

        let (from, to) = self.bounds(Stretch::Test);
        let forecast = scaler.inverse(late.slice(s![from - self.horizon..to - self.horizon, ..]))?;
        let Some((model, ..)) = finals.into_iter().next() else { bail!("no model was fitted") };
        let notes = Notes { columns: columns.to_vec(), horizon: self.horizon, scaler: scaler.clone() };
        let mut provenance: Provenance = model.provenance().clone();
        provenance.notes.insert(NOTES.to_owned(), serde_json::to_value(notes)?);
        provenance.notes.insert("settings".to_owned(), serde_json::to_value(&settings)?);
        let model = model.with_provenance(provenance);
        Ok(Outcome { rows, settings, test_per_seed, model, placement, forecast })
    }

    /// Random settings, the best mean score on the validation stretch.
    fn choose<T: Real>(
        &self,
        truth: ArrayView2<'_, f64>,
        inputs: ArrayView2<'_, T>,
        progress: &(impl Fn() + Sync),
    ) -> Result<Settings> {
        let (base, space) = (base(self.units), SPACE);
        let tried = threads::try_map(0..self.trials, |trial| {
            let settings = space.draw(&base, &mut Seed(0).stream(&format!("forecast trial {trial}")));
            let mut errors = Vec::new();
            for seed in 0..TRIAL_SEEDS {
                let model = self.fit(inputs, truth, &settings, seed, self.split[0], None)?;
                let known = self.split[0] + self.split[1];
                let made = forecast(&model, inputs.slice(s![..known, ..]))?;
                errors.push(self.squared_errors(truth, made.view(), Stretch::Validation));
            }
            progress();
            let sums = (0..errors[0].len()).map(|t| errors.iter().map(|e| e[t]).sum::<f64>());
            let mean: Vec<f64> = sums.filter(|sum| !sum.is_nan()).collect();
            let steps = mean.len();
            let standard_error = stats::sample_sd(&mean) / (steps as f64).sqrt();
            anyhow::Ok((stats::mean(&mean), standard_error, settings))
        })?;
        let best = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("no settings were tried")?;
        let limit = best.0 + best.1;
        let near = tried.iter().filter(|(error, ..)| *error <= limit);
        let simplest = near.min_by(|a, b| a.2.input_scaling.total_cmp(&b.2.input_scaling));
        Ok(simplest.unwrap_or(best).2.clone())
    }
}
