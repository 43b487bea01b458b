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

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use forebay::metrics;
use forebay::model::{Model, Provenance};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Topology};
use forebay::train::{Series, Training};
use forebay::{Compiler, Precision, Real, Substrate, threads};
use forebay_zoo::baselines::{self, Autoregression};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::stats::{self, MeanInterval};
use forebay_zoo::tasks::{Settings, Space, Span};
use ndarray::{Array2, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

/// What to forecast and how hard to try.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Steps ahead.
    pub horizon: usize,
    /// Steps for training, validation, test; what follows is left out.
    pub split: [usize; 3],
    /// Reservoir units.
    pub units: usize,
    /// Settings that are taken as they are; if there are none, some are chosen.
    #[serde(skip)]
    pub settings: Option<Settings>,
    /// Reservoirs trained with the chosen settings.
    pub seeds: u64,
    /// Settings tried on the validation stretch.
    pub trials: u64,
    /// Steps per season for the seasonal baseline.
    pub season: Option<usize>,
    /// Where the same networks are run a second time with their recurrent products in integers, if at all.
    pub hybrid: Option<Hybrid>,
}

/// A substrate and digits.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hybrid {
    /// Its address.
    pub address: String,
    /// Digits of states and weights.
    #[serde(skip)]
    pub precision: Precision,
    /// The same as text.
    pub digits: String,
}

/// The settings that a choice begins with.
pub(crate) fn base(units: usize) -> Settings {
    Settings {
        units,
        // Ten connections per unit at least: without a cycle among the units there is no spectral radius to scale.
        topology: Topology::Random { density: (10.0 / units.max(1) as f64).clamp(0.1, 1.0) },
        spectral_radius: 0.9,
        leak_rate: 0.5,
        input_scaling: 0.1,
        bias_scaling: 0.1,
        ridge: 1.0,
        squares: false,
        activation: Activation::Tanh,
    }
}

/// The ranges that are searched if nobody gives others.
pub(crate) const SPACE: Space = Space {
    spectral_radius: Span::linear(0.1, 1.3),
    leak_rate: Span::logarithmic(0.05, 1.5),
    input_scaling: Span::logarithmic(0.01, 1.0),
    bias_scaling: Span::logarithmic(0.01, 1.0),
    ridge: Span::logarithmic(1e-5, 1e3),
    topologies: &[],
};

/// Most steps dropped at the start of the training stretch; a short one loses a tenth at most.
const WASHOUT: usize = 50;

/// Most values the autoregression reads, over all columns: its cost grows with their square.
const MOST_LAGS: usize = 480;

/// Reservoirs per trial.
const TRIAL_SEEDS: u64 = 2;

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

/// All that came of it.
pub(crate) struct Outcome<T: Real> {
    /// Reservoirs first, then baselines.
    pub rows: Vec<Row>,
    /// Settings chosen.
    pub settings: Settings,
    /// Test NRMSE of each seed.
    pub test_per_seed: Vec<f64>,
    /// The first seed's model, fitted on training and validation.
    pub model: Model<T>,
    /// Where the first seed's hybrid network runs, if one was asked for.
    pub placement: Option<forebay::compile::Plan>,
    /// The average forecast of all seeds for the test stretch, in the units of the series.
    pub forecast: Array2<f64>,
}

/// What one seed's hybrid network came to.
struct HybridScores {
    /// Training, validation, test.
    scores: [f64; 3],
    plan: forebay::compile::Plan,
}

/// What `predict` needs to know of a saved model; kept in its notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notes {
    /// Columns of the series, in order.
    pub columns: Vec<String>,
    /// Steps ahead.
    pub horizon: usize,
    /// From the series to the model and back.
    pub scaler: Scaler,
}

/// Key of [`Notes`] in a model's provenance.
pub(crate) const NOTES: &str = "forecast";

impl Notes {
    /// Reads the notes of a model.
    pub(crate) fn of(provenance: &Provenance) -> Result<Self> {
        let notes = provenance.notes.get(NOTES);
        let notes =
            notes.context("the model was not made by `forebay forecast`: use `forebay run` for raw features")?;
        serde_json::from_value(notes.clone()).context("the model's forecast notes are damaged")
    }
}

/// A stretch of the series, as rows that are forecast.
#[derive(Clone, Copy)]
enum Stretch {
    Train,
    Validation,
    Test,
}

impl Plan {
    fn washout(&self) -> usize {
        WASHOUT.min(self.split[0] / 10)
    }

    fn bounds(&self, stretch: Stretch) -> (usize, usize) {
        let [train, validation, test] = self.split;
        match stretch {
            // The first forecasts come from a state that is still forgetting its start.
            Stretch::Train => ((self.washout() + self.horizon).min(train - 2), train),
            Stretch::Validation => (train, train + validation),
            Stretch::Test => (train + validation, train + validation + test),
        }
    }

    /// Steps of training data that a network needs.
    pub(crate) fn least_training(&self) -> usize {
        self.horizon.saturating_add(self.washout() + 10)
    }

    /// Whether the series is long enough and every column varies in every stretch.
    pub(crate) fn check(&self, series: ArrayView2<'_, f64>, columns: &[String]) -> Result<()> {
        let [train, validation, test] = self.split;
        ensure!(self.horizon >= 1, "the horizon must be at least 1 step");
        ensure!(self.units >= 1 && self.units <= 5000, "--units must be 1 to 5000, found {}", self.units);
        ensure!(self.seeds >= 1 && self.seeds <= 1000, "--seeds must be 1 to 1000, found {}", self.seeds);
        let least = u64::from(self.settings.is_none());
        ensure!((least..=10_000).contains(&self.trials), "--trials must be 1 to 10000, found {}", self.trials);
        if let Some(season) = self.season {
            ensure!((1..train).contains(&season), "--season must be 1 step to less than the {train} for training");
        }
        let needed = self.least_training();
        ensure!(
            train >= needed,
            "training needs at least {needed} steps for a horizon of {}, found {train}: use a longer series or a shorter \
             horizon",
            self.horizon
        );
        let least = self.horizon + 2;
        ensure!(
            validation >= least && test >= least,
            "validation and test need at least {least} steps each, found {validation} and {test}: use a longer series or \
             another --split"
        );
        for (name, column) in columns.iter().zip(series.columns()) {
            for stretch in [Stretch::Train, Stretch::Validation, Stretch::Test] {
                let (from, to) = self.bounds(stretch);
                let part = column.slice(s![from..to]);
                let same = part.iter().all(|v| *v == part[0]);
                ensure!(
                    !same,
                    "column {name:?} is constant from row {} to {}: there is nothing to forecast, leave it out with --columns",
                    from + 1,
                    to
                );
            }
        }
        Ok(())
    }

    /// Runs the plan with networks in precision `T`; `progress` is called after every trial and every final fit, `trials +
    /// seeds` times.
    pub(crate) fn run<T: Real>(
        &self,
        series: ArrayView2<'_, f64>,
        columns: &[String],
        progress: impl Fn() + Sync,
    ) -> Result<Outcome<T>> {
        self.check(series, columns)?;
        let used = self.split.iter().sum::<usize>();
        let series = series.slice(s![..used, ..]);
        let [train, validation, _] = self.split;

        let scaler = Scaler::standardise(series.slice(s![..train, ..]))?;
        let scaled = scaler.transform(series)?;
        let inputs = scaled.mapv(T::from_f64);
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => self.choose(scaled.view(), inputs.view(), &progress)?,
        };

        let finals = threads::try_map(0..self.seeds, |seed| {
            let chosen = self.fit(inputs.view(), &settings, seed, train, None)?;
            let refitted = self.fit(inputs.view(), &settings, seed, train + validation, None)?;
            let early = forecast(&chosen, inputs.view())?;
            let late = forecast(&refitted, inputs.view())?;
            let refitted = self.with_its_score(refitted, scaled.view(), late.view(), train + validation);
            let hybrid = self.hybrid_scores(scaled.view(), inputs.view(), &settings, seed)?;
            progress();
            anyhow::Ok((refitted, early, late, hybrid))
        })?;

        let mut rows = Vec::new();
        let (mut scores, mut test_per_seed) = ([Vec::new(), Vec::new()], Vec::new());
        let mut averages = [Array2::<f64>::zeros(scaled.dim()), Array2::<f64>::zeros(scaled.dim())];
        for (_, early, late, _) in &finals {
            scores[0].push(self.score(scaled.view(), early.view(), Stretch::Train)?);
            scores[1].push(self.score(scaled.view(), early.view(), Stretch::Validation)?);
            test_per_seed.push(self.score(scaled.view(), late.view(), Stretch::Test)?);
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
            rows[0].test_errors = self.squared_errors(scaled.view(), late.view(), Stretch::Test);
        } else {
            let name = format!("average of {} networks", self.seeds);
            rows.push(Row { baseline: false, ..self.row(name, scaled.view(), early.view(), late.view())? });
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
        rows.extend(self.baselines(scaled.view())?);

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
        scaled: ArrayView2<'_, f64>,
        inputs: ArrayView2<'_, T>,
        progress: &(impl Fn() + Sync),
    ) -> Result<Settings> {
        let (base, space) = (base(self.units), SPACE);
        let tried = threads::try_map(0..self.trials, |trial| {
            let settings = space.draw(&base, &mut Seed(0).stream(&format!("forecast trial {trial}")));
            let mut errors = Vec::new();
            for seed in 0..TRIAL_SEEDS {
                let model = self.fit(inputs, &settings, seed, self.split[0], None)?;
                let known = self.split[0] + self.split[1];
                let made = forecast(&model, inputs.slice(s![..known, ..]))?;
                errors.push(self.squared_errors(scaled, made.view(), Stretch::Validation));
            }
            progress();
            let steps = errors[0].len();
            let mean: Vec<f64> = (0..steps).map(|t| errors.iter().map(|e| e[t]).sum::<f64>()).collect();
            let standard_error = stats::sample_sd(&mean) / (steps as f64).sqrt();
            anyhow::Ok((stats::mean(&mean), standard_error, settings))
        })?;
        let best = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("no settings were tried")?;
        let limit = best.0 + best.1;
        let near = tried.iter().filter(|(error, ..)| *error <= limit);
        let simplest = near.min_by(|a, b| a.2.input_scaling.total_cmp(&b.2.input_scaling));
        Ok(simplest.unwrap_or(best).2.clone())
    }

    /// NRMSE on the validation stretch of one seed's network, fitted on the training stretch, over these columns.
    ///
    /// It is what [`run`](Self::run) tells of the same settings and seed as the network's validation score, or as the
    /// hybrid's where there is a substrate.
    pub(crate) fn validate<T: Real>(
        &self,
        scaled: ArrayView2<'_, f64>,
        settings: &Settings,
        seed: u64,
        columns: &[usize],
        on: Option<(&Arc<dyn Substrate>, Precision)>,
    ) -> Result<f64> {
        let inputs = scaled.mapv(T::from_f64);
        let train = self.split[0];
        let known = inputs.slice(s![..train, ..]);
        let compiler =
            on.map(|(substrate, precision)| Compiler::new(Arc::clone(substrate)).precision(precision).calibrate(known));
        let model = self.fit(inputs.view(), settings, seed, train, compiler.as_ref())?;
        let made = forecast(&model, inputs.slice(s![..train + self.split[1], ..]))?;
        let (truth, made) = (scaled.select(Axis(1), columns), made.select(Axis(1), columns));
        self.score(truth.view(), made.view(), Stretch::Validation)
    }

    /// Scores of one seed's network with its recurrent product on a substrate: ranges and readout are fitted to the
    /// same rows as the float network's.
    fn hybrid_scores<T: Real>(
        &self,
        scaled: ArrayView2<'_, f64>,
        inputs: ArrayView2<'_, T>,
        settings: &Settings,
        seed: u64,
    ) -> Result<Option<HybridScores>> {
        let Some(Hybrid { address, precision, .. }) = &self.hybrid else { return Ok(None) };
        let [train, validation, _] = self.split;
        let substrate = crate::commands::substrates::open(address)?;
        let fit = |steps: usize| -> Result<Model<T>> {
            let known = inputs.slice(s![..steps, ..]);
            let compiler = Compiler::new(Arc::clone(&substrate)).precision(*precision).calibrate(known);
            self.fit(inputs, settings, seed, steps, Some(&compiler))
        };
        let (chosen, refitted) = (fit(train)?, fit(train + validation)?);
        let (early, late) = (forecast(&chosen, inputs)?, forecast(&refitted, inputs)?);
        let scores = [
            self.score(scaled, early.view(), Stretch::Train)?,
            self.score(scaled, early.view(), Stretch::Validation)?,
            self.score(scaled, late.view(), Stretch::Test)?,
        ];
        let plan = refitted.plan().context("a compiled model has a plan")?.clone();
        Ok(Some(HybridScores { scores, plan }))
    }

    /// Fits one reservoir on the first `steps` rows; row t of the targets is `horizon` ahead.
    fn fit<T: Real>(
        &self,
        scaled: ArrayView2<'_, T>,
        settings: &Settings,
        seed: u64,
        steps: usize,
        compiler: Option<&Compiler<'_, T>>,
    ) -> Result<Model<T>> {
        let features = scaled.ncols();
        let mut model = Model::generate(settings.network(features, features)?, seed)?;
        if let Some(compiler) = compiler {
            model = compiler.compile(&model)?;
        }
        let inputs = scaled.slice(s![..steps - self.horizon, ..]);
        let changes = &scaled.slice(s![self.horizon..steps, ..]) - &inputs;
        let training = Training::new().washout(self.washout()).ridge(settings.ridge);
        let (trained, _) = training.fit(&model, &[Series::new(inputs, changes.view())])?;
        // The input is the first feature of the readout: adding it back is adding 1 to its weight.
        let (mut weights, bias) = trained.readout("output")?;
        weights.slice_mut(s![.., ..features]).diag_mut().mapv_inplace(|w| w + T::ONE);
        Ok(trained.with_readout("output", weights.view(), bias.view())?)
    }

    /// The model with the score of what it gives, levels, in the place of that of what was learnt, changes; `made` are its forecasts from
    /// the first row on, and it was fitted on `steps` rows.
    fn with_its_score<T: Real>(
        &self,
        model: Model<T>,
        scaled: ArrayView2<'_, f64>,
        made: ArrayView2<'_, f64>,
        steps: usize,
    ) -> Model<T> {
        let mut provenance = model.provenance().clone();
        let head = provenance.training.as_mut().and_then(|training| training.heads.first_mut());
        if let Some(head) = head {
            let (from, to) = (self.washout(), steps - self.horizon);
            let score = |column: usize| {
                let truth = scaled.slice(s![from + self.horizon..steps, column..=column]);
                metrics::nrmse(truth, made.slice(s![from..to, column..=column])).ok()
            };
            head.train_nrmse = (0..scaled.ncols()).map(score).collect();
        }
        model.with_provenance(provenance)
    }

    /// Squared error of every step, summed over columns; for the test, each over its spread there: then their mean over the columns is
    /// the square of the NRMSE, so that what is told of one holds for the other.
    fn squared_errors(&self, series: ArrayView2<'_, f64>, forecast: ArrayView2<'_, f64>, stretch: Stretch) -> Vec<f64> {
        let (from, to) = self.bounds(stretch);
        let spread = |column| if matches!(stretch, Stretch::Test) { metrics::spread(column) } else { 1.0 };
        let spreads: Vec<f64> = (0..series.ncols()).map(|c| spread(series.slice(s![from..to, c..=c]))).collect();
        let pairs = (from..to).map(|t| (series.row(t), forecast.row(t - self.horizon)));
        let square = |((y, f), spread): ((&f64, &f64), &f64)| ((f - y) / spread) * ((f - y) / spread);
        pairs.map(|(y, f)| y.iter().zip(f).zip(&spreads).map(square).sum()).collect()
    }

    fn score(&self, series: ArrayView2<'_, f64>, forecast: ArrayView2<'_, f64>, stretch: Stretch) -> Result<f64> {
        let (from, to) = self.bounds(stretch);
        let made = forecast.slice(s![from - self.horizon..to - self.horizon, ..]);
        Ok(metrics::nrmse(series.slice(s![from..to, ..]), made)?)
    }

    /// Scores of one forecast fitted on training alone, and of one fitted on training and validation.
    fn row(
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

    fn baselines(&self, scaled: ArrayView2<'_, f64>) -> Result<Vec<Row>> {
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

/// The outputs of a model run over a series from rest.
pub(crate) fn forecast<T: Real>(model: &Model<T>, inputs: ArrayView2<'_, T>) -> Result<Array2<f64>> {
    Ok(model.session().run(inputs)?.mapv(T::to_f64))
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
    use super::diebold_mariano;
    use forebay::random::Seed;

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
