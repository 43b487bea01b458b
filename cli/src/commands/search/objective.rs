//! What a search scores: a task of the zoo, or forecasts of the user's series.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use forebay::search::{Better, Budgets, Candidate, Space, Subject, TrialError, Value, data_hash};
use forebay::{Error, Precision, Real, Substrate, metrics};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::search::{self, TaskSearch};
use forebay_zoo::stats;
use forebay_zoo::tasks::Settings;
use ndarray::{Array2, s};

use crate::forecasting::{Beside, Plan, SPACE, base};
use crate::output::number;
use crate::series::Source;

/// What successive halving spends less of at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Halving {
    /// Reservoirs per trial, from one on.
    Seeds,
    /// Steps of training data, the latest ones.
    Steps,
}

/// Settings in, a score out.
pub(super) trait Objective: Sync {
    /// What the scores are of.
    fn subject(&self) -> Subject;

    /// Where to look if nobody says.
    fn space(&self) -> Result<Space>;

    /// Refuses ranges that hold values of no network.
    fn check(&self, space: &Space) -> Result<()>;

    /// Budgets of trials; the last one is what `forecast` or `task` would take.
    fn budgets(&self, factor: Option<u64>) -> Result<Budgets>;

    /// The settings that these values are.
    fn settings(&self, values: &Candidate) -> Result<Settings>;

    /// The score on validation data.
    fn measure(&self, values: &Candidate, budget: u64) -> Result<f64, TrialError>;
}

/// A task with a number of seeds per trial.
pub(super) struct OfTask<'t> {
    pub(super) search: TaskSearch<'t>,
    pub(super) seeds: u64,
}

impl Objective for OfTask<'_> {
    fn subject(&self) -> Subject {
        self.search.subject()
    }

    fn space(&self) -> Result<Space> {
        Ok(self.search.space()?)
    }

    fn check(&self, space: &Space) -> Result<()> {
        Ok(self.search.check(space)?)
    }

    fn budgets(&self, factor: Option<u64>) -> Result<Budgets> {
        Ok(factor.map_or(Budgets::fixed(self.seeds), |factor| Budgets::halving(1, self.seeds, factor)))
    }

    fn settings(&self, values: &Candidate) -> Result<Settings> {
        Ok(self.search.settings(values)?)
    }

    fn measure(&self, values: &Candidate, budget: u64) -> Result<f64, TrialError> {
        self.search.measure(values, budget)
    }
}

/// Forecasts of a series in precision `T`, as `forecast` makes them.
pub(super) struct OfSeries<T> {
    plan: Plan,
    /// Training and validation stretch, standardised by the training stretch.
    scaled: Array2<f64>,
    /// The same, NaN where a value was filled.
    truth: Array2<f64>,
    /// Columns that count.
    targets: Vec<usize>,
    /// Reservoirs per trial.
    seeds: u64,
    halved: Halving,
    on: Option<(Arc<dyn Substrate>, Precision)>,
    subject: Subject,
    float: std::marker::PhantomData<fn() -> T>,
}

impl<T: Real> OfSeries<T> {
    /// The networks read all columns of the series and forecast all; `targets` names those whose error counts, none for all.
    pub(super) fn new(
        source: &Source,
        plan: Plan,
        targets: &[String],
        seeds: u64,
        halved: Halving,
        on: Option<(String, Arc<dyn Substrate>, Precision)>,
    ) -> Result<Self> {
        plan.check(source.beside(), &source.columns)?;
        ensure!((1..=1000).contains(&seeds), "--seeds must be 1 to 1000, found {seeds}");
        let place = |name: &String| {
            let mut places = (0..source.columns.len()).filter(|&column| source.columns[column] == *name);
            let place = places.next();
            ensure!(places.next().is_none(), "several columns are named {name:?}: give each a name of its own");
            place.with_context(|| {
                format!("there is no column {name:?} to score; there is {}", source.columns.join(", "))
            })
        };
        let targets = match targets {
            [] => (0..source.columns.len()).collect(),
            names => names.iter().map(place).collect::<Result<Vec<usize>>>()?,
        };
        for (index, target) in targets.iter().enumerate() {
            let name = &source.columns[*target];
            ensure!(!targets[..index].contains(target), "--target {name} is given twice: give it once");
        }
        let [train, validation, _] = plan.split;
        let scaler = Scaler::standardise(source.values.slice(s![..train, ..]))?;
        let [scaled, truth] =
            [&source.values, &source.truth].map(|series| scaler.transform(series.slice(s![..train + validation, ..])));
        let (scaled, truth) = (scaled?, truth?);
        let mut arithmetic = format!("{} on the host", T::NAME);
        if let Some((address, _, digits)) = &on {
            let (states, weights) = (digits.state_digits(), digits.weight_digits());
            arithmetic += &format!(", products in {states} x {weights} digits on {address}");
        }
        let scored: Vec<&str> = targets.iter().map(|target| source.columns[*target].as_str()).collect();
        let subject = Subject::new(&source.name, "NRMSE", Better::Smaller)
            .arithmetic(arithmetic)
            .data(data_hash(source.values.view()))
            .detail("horizon", plan.horizon)
            .detail("split", format!("{:?}", plan.split))
            .detail("columns", source.columns.join(", "))
            .detail("target", scored.join(", "))
            .detail("settings that stay", serde_json::to_string(&base(plan.units))?)
            .detail("budget", if halved == Halving::Steps { "steps of training data" } else { "seeds" });
        let subject = if halved == Halving::Steps { subject.detail("seeds", seeds) } else { subject };
        let on = on.map(|(_, substrate, digits)| (substrate, digits));
        Ok(Self { plan, scaled, truth, targets, seeds, halved, on, subject, float: std::marker::PhantomData })
    }

    /// The mean NRMSE over reservoirs.
    fn score(&self, values: &Candidate, budget: u64) -> Result<f64> {
        let settings = self.settings(values)?;
        let train = self.plan.split[0];
        let (seeds, steps) = match self.halved {
            Halving::Seeds => (budget, train),
            Halving::Steps => (self.seeds, (budget as usize).min(train)),
        };
        let mut plan = self.plan.clone();
        plan.split[0] = steps;
        let [filled, truth] = [&self.scaled, &self.truth].map(|series| series.slice(s![train - steps.., ..]));
        let series = Beside { filled, truth };
        let on = self.on.as_ref().map(|(substrate, digits)| (substrate, *digits));
        let scores = (0..seeds).map(|seed| plan.validate::<T>(series, &settings, seed, &self.targets, on));
        Ok(stats::mean(&scores.collect::<Result<Vec<f64>>>()?))
    }
}

impl<T: Real> Objective for OfSeries<T> {
    fn subject(&self) -> Subject {
        self.subject.clone()
    }

    fn space(&self) -> Result<Space> {
        Ok(SPACE.ranges()?)
    }

    fn check(&self, space: &Space) -> Result<()> {
        Ok(search::check(space, &base(self.plan.units))?)
    }

    fn budgets(&self, factor: Option<u64>) -> Result<Budgets> {
        let Some(factor) = factor else {
            let whole = if self.halved == Halving::Steps { self.plan.split[0] as u64 } else { self.seeds };
            return Ok(Budgets::fixed(whole));
        };
        ensure!(factor >= 2, "--factor must be at least 2, found {factor}");
        if self.halved == Halving::Seeds {
            return Ok(Budgets::halving(1, self.seeds, factor));
        }
        // Two rungs below all of it, as far as networks can still be trained.
        let (train, least) = (self.plan.split[0], self.plan.least_training());
        let smallest = (train as u64 / factor.saturating_mul(factor)).max(least as u64).min(train as u64);
        Ok(Budgets::halving(smallest, train as u64, factor))
    }

    fn settings(&self, values: &Candidate) -> Result<Settings> {
        let units = if values.get("units").is_some() { values.count("units")? } else { self.plan.units };
        Ok(search::with(&base(units), values)?)
    }

    fn measure(&self, values: &Candidate, budget: u64) -> Result<f64, TrialError> {
        self.score(values, budget).map_err(|error| match error.downcast::<Error>() {
            Ok(error) => error.into(),
            Err(error) => match error.downcast::<metrics::MetricError>() {
                Ok(error) => error.into(),
                Err(error) => TrialError::stop(error),
            },
        })
    }
}

/// Values as one line, to a few digits: `ridge=0.1000 units=200`; leak rates beyond 1 as what they count as.
pub(super) fn line(values: &Candidate) -> String {
    let text = |name: &str, value: &Value| match value {
        Value::Number(value) => number(if name == "leak_rate" { value.min(1.0) } else { *value }),
        other => other.to_string(),
    };
    let values: BTreeMap<&str, String> = values.iter().map(|(name, value)| (name, text(name, value))).collect();
    values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
