//! `forebay evolve`: integer readout weights by evolution, beside ridge regression.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use forebay::evolve::{Baseline, NpuEvolver, Objective, Search, State, Weights, Window};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::{Precision, Substrate};
use forebay_zoo::systems::{MackeyGlass, narma10};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::output::{self, align, number};
use crate::plot::EvolutionPlot;

/// Evolve a readout's integer weights on a substrate by live patches, beside what ridge regression gives on the same data.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay evolve                                       a 4-bit readout of NARMA-10, from the rounded ridge weights
  forebay evolve --objective side --seconds 5 --plot side.png
  forebay evolve --start zeros --strategy openai --weight-digits 3 --window 1000
  forebay evolve --state run.json --generations 100000     and after a crash:
  forebay evolve --resume run.json --generations 100000

The reservoir stays as drawn; its states are written in 4-bit digits once, and every candidate is one batch over the
window. For real weights and a squared error nothing beats ridge. Tested on silicon: no.")]
pub(crate) struct Evolve {
    #[command(flatten)]
    settings: Settings,
    /// Generations in all, those before --resume included [default: 2000]
    #[arg(long, conflicts_with = "seconds")]
    generations: Option<u64>,
    /// Stop after so many seconds instead
    #[arg(long)]
    seconds: Option<f64>,
    /// Form products on this substrate
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Keep the state of the search in this file, to resume it
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    state: Option<PathBuf>,
    /// Go on from this file, and keep the state there; the settings are those of the file
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Plot costs over generations
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What fixes a search: kept in its state file.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
struct Settings {
    /// What the readout learns, one step ahead
    #[arg(long, value_enum, default_value = "narma10")]
    task: Series,
    /// Reservoir units
    #[arg(long, default_value_t = 50)]
    units: usize,
    /// Candidates per generation
    #[arg(long, default_value_t = 10)]
    population: usize,
    /// Samples that each candidate is scored on
    #[arg(long, default_value_t = 100)]
    window: usize,
    /// (1+lambda) on integers, sep-CMA-ES or OpenAI-ES
    #[arg(long, value_enum, default_value = "plus")]
    strategy: How,
    /// Squared error, squared error of outputs of 4 bits, or share of outputs on the wrong side of the mean
    #[arg(long, value_enum, default_value = "mse")]
    objective: Goal,
    /// Genome of the first generation: ridge weights rounded to the grid, or zeros
    #[arg(long, value_enum, default_value = "ridge")]
    start: Start,
    /// 4-bit digits of a state, 1 to 4
    #[arg(long, default_value_t = 1)]
    state_digits: u8,
    /// 4-bit digits of a weight, 1 to 3
    #[arg(long, default_value_t = 1)]
    weight_digits: u8,
    /// Penalty of the ridge regression, on integer states
    #[arg(long, default_value_t = 10.0)]
    ridge: f64,
    /// Seed of series, reservoir and search
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Series {
    Narma10,
    MackeyGlass,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    Plus,
    SepCma,
    Openai,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Goal {
    Mse,
    Quantised,
    Side,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Ridge,
    Zeros,
}

/// A search between two generations, with what fixes it.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    settings: Settings,
    state: S,
}

/// Steps before the window, and held-out steps after it.
const WASHOUT: usize = 200;
const HELD_OUT: usize = 1000;
/// Generations of a run without --generations and --seconds.
const GENERATIONS: u64 = 2000;
/// How often a state is kept.
const KEEP: Duration = Duration::from_millis(200);
/// Generations between two points of the plot, and looks at the clock.
const CHUNK: u64 = 10;

impl Evolve {
    pub(super) fn run(self) -> Result<()> {
        let seconds = self.seconds.unwrap_or(f64::INFINITY);
        ensure!(seconds > 0.0, "--seconds must be above 0, found {seconds}");
        let (settings, state) = match &self.resume {
            None => (self.settings.clone(), None),
            Some(path) => {
                let kept = read(path).with_context(|| format!("cannot resume {}", path.display()))?;
                (kept.settings, Some(kept.state))
            }
        };
        let problem = Problem::new(&settings)?;
        let substrate = super::substrates::open(&self.substrate)?;
        let start = settings.genome(&problem.baseline);
        let weights = Weights::load(&*substrate, &start, 1, problem.window.precision())?;
        let mut fitness = problem.window.fitness(&weights, &problem.baseline.scale, problem.objective())?;
        let mut evolver = match state {
            None => NpuEvolver::new(weights, settings.search(&start)?)?,
            Some(state) => NpuEvolver::resume(weights, state)?,
        };
        let begin = Instant::now();
        let last = match self.seconds {
            None => self.generations.unwrap_or(GENERATIONS),
            Some(_) => u64::MAX,
        };
        let bar = output::progress(if last == u64::MAX { 0 } else { last }, "generations");
        let path = self.state.as_ref().or(self.resume.as_ref());
        let mut kept = Instant::now();
        let mut costs = Vec::new();
        while evolver.state().generations < last && begin.elapsed().as_secs_f64() < seconds {
            for _ in 0..CHUNK.min(last - evolver.state().generations) {
                evolver.generation(&mut fitness)?;
            }
            if self.plot.is_some() {
                costs.extend(evolver.cost().map(|cost| (evolver.state().generations as f64, cost)));
            }
            bar.set_position(evolver.state().generations);
            if let Some(path) = path
                && kept.elapsed() >= KEEP
            {
                keep(path, &settings, evolver.state())?;
                kept = Instant::now();
            }
        }
        bar.finish_and_clear();
        if let Some(path) = path {
            keep(path, &settings, evolver.state())?;
        }
        evolver.weights().loaded().verify()?;
        let result = problem.result(&settings, &evolver)?;
        if let Some(plot) = &self.plot {
            result.plot(&settings, costs).write(plot)?;
        }
        if self.json {
            self.print_json(&settings, &result, &evolver, &*substrate)
        } else {
            self.print(&settings, &result, &evolver, &*substrate)
        }
    }

    fn print_json(
        &self,
        settings: &Settings,
        result: &Outcome,
        evolver: &NpuEvolver,
        substrate: &dyn Substrate,
    ) -> Result<()> {
        let report = evolver.report();
        output::print_json(&json!({
            "settings": settings, "substrate": self.substrate, "is_silicon": substrate.capabilities().is_silicon,
            "tested_on_silicon": false, "generations": evolver.state().generations, "cost": evolver.cost(),
            "genome": evolver.best(), "rows": result.rows,
            "this_run": {
                "generations": report.generations, "evaluations": report.evaluations,
                "patched_digits": report.patched, "rollbacks": report.rollbacks, "device_runs": report.device_runs,
                "seconds": {
                    "evaluating": report.evaluating.as_secs_f64(), "updating": report.updating.as_secs_f64(),
                    "patching": report.patching.as_secs_f64(),
                },
                "generations_per_second_here": report.generations_per_second(), "dominant": report.dominant(),
            },
        }))
    }

    fn print(
        &self,
        settings: &Settings,
        result: &Outcome,
        evolver: &NpuEvolver,
        substrate: &dyn Substrate,
    ) -> Result<()> {
        let report = evolver.report();
        let Settings { units, window, .. } = settings;
        let mut rows = vec![["readout", "window", "held out"].map(str::to_owned).to_vec()];
        rows.extend(result.rows.iter().map(|row| vec![row.readout.to_owned(), cost(row.window), cost(row.held_out)]));
        let mut text = format!(
            "{}, {units} units, {} in {} x {} digits, on {}\n\n{}\n",
            settings.task.title(),
            settings.objective.title(),
            settings.state_digits,
            settings.weight_digits,
            self.substrate,
            align(&rows)
        );
        let per_generation = |time: Duration| 1e6 * time.as_secs_f64() / report.generations.max(1) as f64;
        text += &format!(
            "{} of {} candidates, {window} samples each: {:.0} generations per second\n\
             per generation {:.1} us evaluating, {:.1} us updating, {:.1} us patching: {} dominates\n\
             {} digits of weights patched, {} rollbacks, {} runs of the substrate\n",
            output::count(evolver.state().generations as usize, "generation"),
            settings.population,
            report.generations_per_second(),
            per_generation(report.evaluating),
            per_generation(report.updating),
            per_generation(report.patching),
            report.dominant(),
            report.patched,
            report.rollbacks,
            report.device_runs
        );
        if !substrate.capabilities().is_silicon {
            text += "That is the speed of this host's software, not of a device. ";
        }
        output::print(&(text + "Tested on silicon: no.\n"))
    }
}

impl Settings {
    fn precision(&self) -> Result<Precision> {
        Precision::new(self.state_digits, self.weight_digits).with_context(|| {
            let (state, weight) = (self.state_digits, self.weight_digits);
            format!("--state-digits must be 1 to 4 and --weight-digits 1 to 3, found {state} and {weight}")
        })
    }

    fn genome(&self, baseline: &Baseline) -> Vec<i32> {
        match self.start {
            Start::Ridge => baseline.rounded.clone(),
            Start::Zeros => vec![0; baseline.rounded.len()],
        }
    }

    fn search(&self, start: &[i32]) -> Result<Search> {
        let (precision, population, seed) = (self.precision()?, self.population, Seed(self.seed).child("search"));
        Ok(match self.strategy {
            How::Plus => Search::plus(start.len(), precision, population, seed)?,
            How::SepCma => Search::separable(start, precision, population, seed)?,
            How::Openai => Search::antithetic(start, precision, population, seed)?,
        })
    }
}

impl Series {
    fn title(self) -> &'static str {
        match self {
            Self::Narma10 => "NARMA-10",
            Self::MackeyGlass => "Mackey-Glass, one step ahead",
        }
    }

    /// Inputs and targets, `[steps, 1]` each.
    fn generate(self, steps: usize, seed: Seed) -> Result<(Array2<f64>, Array2<f64>)> {
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
    fn title(self) -> &'static str {
        match self {
            Self::Mse => "mean squared error",
            Self::Quantised => "mean squared error of 4-bit outputs",
            Self::Side => "share on the wrong side of the mean",
        }
    }
}

/// The window to evolve on, the steps after it, and what ridge regression makes of them.
struct Problem {
    goal: Goal,
    window: Window,
    held_out: Window,
    baseline: Baseline,
}

/// Costs of one readout.
#[derive(Serialize)]
struct Row {
    readout: &'static str,
    window: f64,
    held_out: f64,
}

struct Outcome {
    rows: [Row; 3],
}

impl Problem {
    fn new(settings: &Settings) -> Result<Self> {
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
    fn objective(&self) -> Objective {
        let targets = self.window.targets();
        match self.goal {
            Goal::Mse => Objective::MeanSquare,
            Goal::Quantised => Objective::of_bits(4, targets),
            Goal::Side => Objective::Side { threshold: targets.iter().sum::<f64>() / targets.len() as f64 },
        }
    }

    fn result(&self, settings: &Settings, evolver: &NpuEvolver) -> Result<Outcome> {
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
    fn plot(&self, settings: &Settings, evolved: Vec<(f64, f64)>) -> EvolutionPlot {
        let [ridge, rounded, _] = &self.rows;
        EvolutionPlot {
            title: format!("Evolving {} integer weights on {}", settings.units, settings.task.title()),
            cost: settings.objective.title(),
            evolved,
            lines: [("ridge, f64 weights", ridge.window), ("ridge, rounded", rounded.window)],
        }
    }
}

/// Squared errors are small: [`number`] would leave them two digits.
fn cost(value: f64) -> String {
    if value > 0.0 && value < 0.01 { format!("{value:.3e}") } else { number(value) }
}

fn keep(path: &Path, settings: &Settings, state: &State<Search>) -> Result<()> {
    let kept = Kept { settings: settings.clone(), state };
    output::write_file(path, &serde_json::to_vec(&kept)?)
}

fn read(path: &Path) -> Result<Kept<State<Search>>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
