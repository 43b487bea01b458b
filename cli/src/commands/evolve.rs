//! `forebay evolve`: integer readout weights by evolution, beside ridge regression.

mod problem;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use forebay::Substrate;
use forebay::evolve::{LiveWeights, NpuEvolver, Search, State};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::problem::{Outcome, Problem, Settings};
use crate::output::{self, align, number};

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
    #[arg(long, allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Form products on this substrate
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Keep the state of the search in this file, to resume it
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    state: Option<PathBuf>,
    /// Go on from this file, and keep the state there; the settings are those of the file
    #[arg(long, value_name = "FILE", conflicts_with_all = SETTINGS)]
    resume: Option<PathBuf>,
    /// Plot costs over generations
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A search between two generations, with what fixes it.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    settings: Settings,
    state: S,
}

/// Options that a resumed search has already.
const SETTINGS: [&str; 11] = [
    "task",
    "units",
    "population",
    "window",
    "strategy",
    "objective",
    "start",
    "state_digits",
    "weight_digits",
    "ridge",
    "seed",
];
/// Generations of a run without --generations and --seconds.
const GENERATIONS: u64 = 2000;
/// How often a state is kept.
const KEEP: Duration = Duration::from_millis(200);
/// Generations between two looks at the clock; with a plot it is each, for a point of its own.
const CHUNK: u64 = 10;

impl Evolve {
    pub(super) fn run(self) -> Result<()> {
        let seconds = self.seconds.unwrap_or(f64::INFINITY);
        ensure!(seconds > 0.0, "--seconds must be above 0, found {seconds}");
        let (settings, state) = match &self.resume {
            None => {
                let kept = self.state.as_deref().filter(|path| path.is_file());
                if let Some(path) = kept {
                    bail!("{0} is there already: go on with --resume {0}, or remove it", path.display());
                }
                (self.settings.clone(), None)
            }
            Some(path) => {
                let kept = read(path).with_context(|| format!("cannot resume {}", path.display()))?;
                (kept.settings, Some(kept.state))
            }
        };
        let problem = Problem::new(&settings)?;
        let substrate = super::substrates::open(&self.substrate)?;
        let start = settings.genome(&problem.baseline);
        let weights = LiveWeights::load(&*substrate, &start, 1, problem.window.precision())?;
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
        let chunk = if self.plot.is_some() { 1 } else { CHUNK };
        while evolver.state().generations < last && begin.elapsed().as_secs_f64() < seconds {
            for _ in 0..chunk.min(last - evolver.state().generations) {
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
            result.plot(&settings, &self.substrate, costs).write(plot)?;
        }
        if self.json {
            self.print_json(&settings, &result, &evolver, &*substrate)
        } else {
            self.print(&settings, &result, &evolver, &*substrate)
        }
    }

    fn is_resumed(&self) -> bool {
        self.resume.is_some()
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
        let [_, rounded, evolved] = &result.rows;
        if evolved.window >= rounded.window && !self.is_resumed() {
            text += "No candidate was better than rounded ridge weights: try --strategy plus, --weight-digits 3 or a longer run.\n\n";
        }
        if report.generations == 0 {
            let done = output::count(evolver.state().generations as usize, "generation");
            text += &format!("nothing to do: {done} were made before. Tested on silicon: no.\n");
            return output::print(&text);
        }
        let per_generation = |time: Duration| 1e6 * time.as_secs_f64() / report.generations.max(1) as f64;
        text += &format!(
            "{}{} of {} candidates, {window} samples each: {:.0} generations per second\n\
             per generation {:.1} us evaluating, {:.1} us updating, {:.1} us patching: {} dominates\n\
             {} digits of weights patched, {} times back to the best, {} runs of the substrate\n",
            output::count(evolver.state().generations as usize, "generation"),
            if self.is_resumed() { format!(", {} of them in this run,", report.generations) } else { String::new() },
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

/// Squared errors are small: [`number`] would leave them two digits.
fn cost(value: f64) -> String {
    if value > 0.0 && value < 0.01 { format!("{value:.3e}") } else { number(value) }
}

fn keep(path: &Path, settings: &Settings, state: &State<Search>) -> Result<()> {
    output::write_file(path, &state.to_json_with(settings)?)
}

fn read(path: &Path) -> Result<Kept<State<Search>>> {
    let (state, settings) = State::from_json_with(&std::fs::read(path)?)?;
    Ok(Kept { settings, state })
}
