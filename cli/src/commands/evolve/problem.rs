//! What is evolved: settings, series, window, and what the result is compared with.

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use forebay::Precision;
use forebay::evolve::{Baseline, NpuEvolver, Objective, Search, Window};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay_zoo::systems::{MackeyGlass, narma10};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use crate::plot::EvolutionPlot;

/// What fixes a search: kept in its state file.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    /// What the readout learns, one step ahead
    #[arg(long, value_enum, default_value = "narma10")]
    pub(super) task: Series,
    /// Reservoir units
    #[arg(long, default_value_t = 50)]
    pub(super) units: usize,
    /// Candidates per generation
    #[arg(long, default_value_t = 10)]
    pub(super) population: usize,
    /// Samples that each candidate is scored on
    #[arg(long, default_value_t = 100)]
    pub(super) window: usize,
    /// (1+lambda) on integers, sep-CMA-ES or OpenAI-ES
    #[arg(long, value_enum, default_value = "plus")]
    strategy: How,
    /// Squared error, squared error of outputs of 4 bits, or share of outputs on the wrong side of the mean
    #[arg(long, value_enum, default_value = "mse")]
    pub(super) objective: Goal,
    /// Genome of the first generation: ridge weights rounded to the grid, or zeros
    #[arg(long, value_enum, default_value = "ridge")]
    start: Start,
    /// 4-bit digits of a state, 1 to 4
    #[arg(long, default_value_t = 1)]
    pub(super) state_digits: u8,
    /// 4-bit digits of a weight, 1 to 3
    #[arg(long, default_value_t = 1)]
    pub(super) weight_digits: u8,
    /// Penalty of the ridge regression, on integer states
    #[arg(long, default_value_t = 10.0)]
    ridge: f64,
    /// Seed of series, reservoir and search
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::unsafe_derive_deserialize, reason = "the unsafe code that the lint finds is in ndarray's `s!`")]
pub(super) enum Series {
    Narma10,
    MackeyGlass,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    Plus,
    SepCma,
    Openai,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    Mse,
    Quantised,
    Side,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Start {
    Ridge,
    Zeros,
}

/// Steps before the window, and held-out steps after it.
const WASHOUT: usize = 200;
const HELD_OUT: usize = 1000;
impl Settings {
    pub(super) fn precision(&self) -> Result<Precision> {
        Precision::new(self.state_digits, self.weight_digits).with_context(|| {
            let (state, weight) = (self.state_digits, self.weight_digits);
            format!("--state-digits must be 1 to 4 and --weight-digits 1 to 3, found {state} and {weight}")
        })
    }

    pub(super) fn genome(&self, baseline: &Baseline) -> Vec<i32> {
        match self.start {
            Start::Ridge => baseline.rounded.clone(),
            Start::Zeros => vec![0; baseline.rounded.len()],
        }
    }

    pub(super) fn search(&self, start: &[i32]) -> Result<Search> {
        let (precision, population, seed) = (self.precision()?, self.population, Seed(self.seed).child("search"));
        Ok(match self.strategy {
            How::Plus => Search::plus(start.len(), precision, population, seed)?,
            How::SepCma => Search::separable(start, precision, population, seed)?,
            How::Openai => Search::antithetic(start, precision, population, seed)?,
        })
    }
}

impl Series {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Narma10 => "NARMA-10",
            Self::MackeyGlass => "Mackey-Glass, one step ahead",
        }
    }

    /// Inputs and targets, `[steps, 1]` each.
    pub(super) fn generate(self, steps: usize, seed: Seed) -> Result<(Array2<f64>, Array2<f64>)> {
        Ok(match self {
            Self::Narma10 => narma10(steps, seed)?,
            Self::MackeyGlass => {
                let series = MackeyGlass::default().generate(steps + 1, seed)?;
                (series.slice(s![..steps, ..]).to_owned(), series.slice(s![1.., ..]).to_owned())
            }
        })
    }
}

impl Goal {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Mse => "mean squared error",
            Self::Quantised => "mean squared error of 4-bit outputs",
            Self::Side => "share on the wrong side of the mean",
        }
    }
}

/// The window to evolve on, the steps after it, and what ridge regression makes of them.
pub(super) struct Problem {
    goal: Goal,
    pub(super) window: Window,
    held_out: Window,
    pub(super) baseline: Baseline,
}

/// Costs of one readout.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) readout: &'static str,
    pub(super) window: f64,
    pub(super) held_out: f64,
}

pub(super) struct Outcome {
    pub(super) rows: [Row; 3],
}

impl Problem {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let &Settings { units, window, seed, .. } = settings;
        ensure!((1..=4096).contains(&units), "--units must be 1 to 4096, found {units}");
        ensure!((2..=100_000).contains(&window), "--window must be 2 to 100000, found {window}");
        let precision = settings.precision()?;
        let steps = WASHOUT + window + HELD_OUT;
        let (inputs, targets) = settings.task.generate(steps, Seed(seed).child("series"))?;
        let mut g = Graph::builder();
        let u = g.input("u", 1);
        let x = g.reservoir("x", u, Reservoir::new(units).spectral_radius(0.9));
        g.readout("y", [x], 1);
        let model = Model::<f64>::generate(g.build()?, seed)?;
        let mut states = Vec::with_capacity(steps * units);
        model.session().run_with(inputs.view(), |session| {
            states.extend_from_slice(session.node("x").unwrap_or_default());
        })?;
        let states = Array2::from_shape_vec((steps, units), states)?;
        let (seen, rest) = (s![WASHOUT..WASHOUT + window, ..], s![WASHOUT + window.., ..]);
        let window = Window::new(states.slice(seen), targets.slice(seen), precision)?;
        let held_out = window.with_samples(states.slice(rest), targets.slice(rest))?;
        let baseline = window.baseline(settings.ridge)?;
        Ok(Self { goal: settings.objective, window, held_out, baseline })
    }

    /// Range and threshold are those of the window's targets.
    pub(super) fn objective(&self) -> Objective {
        let targets = self.window.targets();
        match self.goal {
            Goal::Mse => Objective::MeanSquare,
            Goal::Quantised => Objective::of_bits(4, targets),
            Goal::Side => Objective::Side { threshold: forebay::metrics::mean(targets.iter().copied()) },
        }
    }

    pub(super) fn result(&self, settings: &Settings, evolver: &NpuEvolver) -> Result<Outcome> {
        let objective = self.objective();
        let row = |readout, weights: &[f64]| -> Result<Row> {
            let window = self.window.cost_of(weights, &objective)?;
            Ok(Row { readout, window, held_out: self.held_out.cost_of(weights, &objective)? })
        };
        let Baseline { ridge, rounded, .. } = &self.baseline;
        let real = ridge.weights.iter().copied().collect::<Vec<f64>>();
        let grid = match settings.weight_digits {
            1 => "ridge, rounded to 4 bits",
            _ => "ridge, rounded to the grid",
        };
        let rows = [
            row("ridge, f64 weights", &real)?,
            row(grid, &self.baseline.real(rounded))?,
            row("evolved integers", &self.baseline.real(evolver.best()))?,
        ];
        Ok(Outcome { rows })
    }
}

impl Outcome {
    pub(super) fn plot(&self, settings: &Settings, substrate: &str, evolved: Vec<(f64, f64)>) -> EvolutionPlot {
        let [ridge, rounded, _] = &self.rows;
        EvolutionPlot {
            substrate: substrate.to_owned(),
            title: format!("Evolving {} integer weights on {}", settings.units, settings.task.title()),
            cost: settings.objective.title(),
            evolved,
            lines: [("ridge, f64 weights", ridge.window), ("ridge, rounded", rounded.window)],
        }
    }
}
