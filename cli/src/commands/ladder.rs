//! `forebay ladder`: what each digit buys, and what it costs.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::Precision;
use forebay_zoo::ladder::{Climb, Ladder, Rung};
use serde_json::json;

use super::task;
use crate::output::{self, align, number};
use crate::plot::LadderPlot;
use crate::results::{self, Results, STAMP};

/// Accuracy, memory and time of a hybrid network against the digits of its states and weights.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay ladder                               five tasks; table and plot in out/ladder
  forebay ladder --task lorenz --units 300 --seeds 5
  forebay ladder --quick --json

Products are formed in exact integers by the software substrate. Tested on silicon: no.")]
pub(crate) struct LadderCommand {
    /// Tasks to climb (repeat for several); by default narma10, vowels, sunspots, lorenz, mackey-glass
    #[arg(long = "task", value_name = "NAME")]
    tasks: Vec<String>,
    /// Series of the laser task, one number per line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Reservoir units, at most 300 by default
    #[arg(long)]
    units: Option<usize>,
    /// Seeds: each draws its own reservoir, and its own data where they are generated
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Only 1x1, 2x2, 3x3 and 4x3 digits
    #[arg(long)]
    quick: bool,
    /// Form products on this substrate
    #[arg(long, value_name = "ADDRESS", default_value = "software:akd1000")]
    substrate: String,
    /// Folder for ladder.png and ladder.json
    #[arg(long, value_name = "FOLDER", default_value = "out/ladder")]
    out: PathBuf,
    /// Replace the results of another run in that folder
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tasks with noise or classes first, then chaos without noise.
const TASKS: [&str; 5] = ["narma10", "vowels", "sunspots", "lorenz", "mackey-glass"];
/// Units of a task whose settings have more.
const MOST_UNITS: usize = 300;

impl LadderCommand {
    pub(super) fn run(self) -> Result<()> {
        ensure!((1..=1000).contains(&self.seeds), "--seeds must be 1 to 1000, found {}", self.seeds);
        let names: Vec<&str> =
            if self.tasks.is_empty() { TASKS.to_vec() } else { self.tasks.iter().map(String::as_str).collect() };
        let of_file = |name: &str| self.file.as_ref().filter(|_| name == "laser");
        ensure!(self.file.is_none() || names.contains(&"laser"), "--file belongs to the task laser");
        let tasks = names.iter().map(|name| task::find(name, of_file(name))).collect::<Result<Vec<_>>>()?;
        let precisions = precisions(self.quick);
        let substrate = super::substrates::open(&self.substrate)?;
        let series = self.file.as_ref().map(std::fs::read).transpose()?.unwrap_or_default();
        let asked = json!([names, self.units, self.seeds, self.quick, self.substrate]);
        let stamp = results::stamp(&series, &asked)?;
        let files = ["ladder.json", "ladder.png"];
        let results = Results { folder: &self.out, files: &files, identity: json!({STAMP: stamp}) };
        results.check(self.force)?;
        let bar = output::progress((tasks.len() * (precisions.len() + 1)) as u64, "rungs");
        let mut climbs = Vec::with_capacity(tasks.len());
        for task in &tasks {
            let ladder = Ladder {
                substrate: std::sync::Arc::clone(&substrate),
                precisions: precisions.clone(),
                seeds: self.seeds,
                units: Some(self.units.unwrap_or(task.digit_settings().units.min(MOST_UNITS))),
            };
            let climb = ladder.climb(task.as_ref(), || bar.inc(1));
            climbs.push(climb.with_context(|| format!("task {}", task.name()))?);
        }
        bar.finish_and_clear();
        let report = json!({
            STAMP: stamp, "substrate": self.substrate, "seeds": self.seeds, "tested_on_silicon": false, "climbs": climbs,
        });
        output::make_folder(&self.out)?;
        output::write_file(&self.out.join("ladder.json"), serde_json::to_string_pretty(&report)?.as_bytes())?;
        let plot = self.out.join("ladder.png");
        LadderPlot { climbs: &climbs }.write(&plot)?;
        if self.json {
            return output::print_json(&report);
        }
        let tables: Vec<String> = climbs.iter().map(table).collect();
        output::print(&format!("{}\n{ADVICE}\nplot: {}\n", tables.join("\n"), plot.display()))
    }
}

fn precisions(quick: bool) -> Vec<Precision> {
    let all = (1..=4).flat_map(|state| (1..=3).map(move |weight| (state, weight)));
    let wanted = |&(state, weight): &(u8, u8)| !quick || [(1, 1), (2, 2), (3, 3), (4, 3)].contains(&(state, weight));
    all.filter(wanted).filter_map(|(state, weight)| Precision::new(state, weight)).collect()
}

fn table(climb: &Climb) -> String {
    let metric = climb.metric;
    let score = metric.to_string();
    let titles = [
        "digits (state x weight)",
        &score,
        "of f32",
        "without refit",
        "ridge",
        "processor",
        "stored units",
        "memory words",
        "inferences/step",
        "step us here",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for rung in &climb.rungs {
        let mut row = vec![
            label(climb, rung),
            number(rung.mean),
            share(climb, rung),
            rung.without_refit.map_or("-".to_owned(), number),
            format!("{:.0e}", rung.ridge),
        ];
        match &rung.program {
            None => row.extend(["host", "-", "-", "-"].map(str::to_owned)),
            Some(program) => row.extend([
                format!("{} {}", program.processors, program.processor),
                program.units.to_string(),
                program.memory_words.to_string(),
                program.inferences.to_string(),
            ]),
        }
        row.push(format!("{:.1}", rung.step_us));
        rows.push(row);
    }
    let table = align(&rows);
    let no_refit =
        if climb.can_keep_readout { "" } else { "without refit: none, the task cannot keep a readout of floats\n" };
    let (task, units, best) = (climb.task, climb.units, which_rung(climb));
    format!("{task}, {units} units ({metric}: {})\n{table}{no_refit}{best}\n", metric.better)
}

/// The share of the float score that a rung keeps; a dash where a score of zero leaves none.
fn share(climb: &Climb, rung: &Rung) -> String {
    let share = climb.relative(rung);
    if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { "-".to_owned() }
}

fn label(climb: &Climb, rung: &Rung) -> String {
    match (rung.state_digits, rung.weight_digits) {
        (Some(state), Some(weight)) => format!("{state} x {weight}"),
        _ if rung.float_settings != climb.rungs[0].float_settings => "f32, settings for floats".to_owned(),
        _ => "f32".to_owned(),
    }
}

/// The cheapest rung that is good enough, and what training on hybrid states recovers there.
fn which_rung(climb: &Climb) -> String {
    // Stored units times samples: what a step asks of the processor.
    let cost = |rung: &Rung| rung.state_digits.zip(rung.weight_digits).map(|(state, weight)| state * weight);
    let digits = || climb.rungs.iter().filter(|rung| cost(rung).is_some());
    let good = |rung: &&Rung| climb.relative(rung) >= ENOUGH;
    let cheapest = digits().filter(good).min_by_key(|rung| cost(rung));
    let best = digits().max_by(|a, b| climb.relative(a).total_cmp(&climb.relative(b)));
    let Some(rung) = cheapest.or(best) else { return String::new() };
    let share = share(climb, rung);
    let mut text = match cheapest {
        Some(_) => format!("the cheapest rung within 5 % of f32 is {} ({share})", label(climb, rung)),
        None => format!("no rung is within 5 % of f32; the best is {} ({share})", label(climb, rung)),
    };
    if let Some(kept) = rung.without_refit {
        text +=
            &format!("; training the readout on hybrid states takes it from {} to {}", number(kept), number(rung.mean));
    }
    text
}

/// Share of the f32 score from which a rung counts as as good.
const ENOUGH: f64 = 0.95;

const ADVICE: &str = "\
Of f32: the share of the float score that is kept, turned so that 100 % is as good and less is worse.
Without refit: the score when the readout keeps what it learned on float states.
Step us here: time of a whole step of the software substrate on this machine; not a device's.

Where the data are noisy, or classes are voted on, rounding hides in the noise and few digits do. In closed loops on
noise-free chaos the rounding of the state is the error that grows, so each state digit buys time; weight digits only
change which reservoir it is, once the readout is trained on its states.
";
