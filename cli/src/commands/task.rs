//! `forebay task`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::threads;
use forebay_zoo::data;
use forebay_zoo::stats::{self, MeanInterval};
use forebay_zoo::tasks::{self, Laser, Measurement, Metric, Part, Settings, Task};
use serde_json::json;

use super::placement::Placement;
use crate::output::{self, align, number};

/// Run a benchmark task with its stored settings: mean and confidence interval over seeds.
#[derive(Args, Debug)]
pub(crate) struct TaskCommand {
    /// The task; without one, all are listed with their protocols
    name: Option<String>,
    /// Seeds: each draws its own reservoir, and its own data where they are generated
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Series of the laser task, one number per line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Other settings, a JSON file as `forebay search` writes it
    #[arg(long, value_name = "FILE.json")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    placement: Placement,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Finds a task, reading its file if it needs one.
pub(super) fn find(name: &str, file: Option<&PathBuf>) -> Result<Box<dyn Task>> {
    if name != "laser" {
        ensure!(file.is_none(), "--file belongs to the task laser");
        return Ok(tasks::by_name(name)?);
    }
    let path =
        file.context("the laser series has no clear licence and is not shipped: give your copy with --file FILE")?;
    Ok(Box::new(Laser::new(data::santa_fe_laser(path)?.view())?))
}

/// Settings from a JSON file.
pub(super) fn settings(path: &Path) -> Result<Settings> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("no settings in {}", path.display()))
}

impl TaskCommand {
    pub(super) fn run(self) -> Result<()> {
        let Some(name) = &self.name else { return list() };
        ensure!(self.seeds >= 1 && self.seeds <= 10_000, "--seeds must be 1 to 10000, found {}", self.seeds);
        let task = find(name, self.file.as_ref())?;
        let settings = match &self.settings {
            None => task.settings(),
            Some(path) => self::settings(path)?,
        };
        let arithmetic = self.placement.arithmetic()?;
        let bar = output::progress(self.seeds, "seeds");
        let measured = threads::try_map(0..self.seeds, |seed| {
            let measured = task.measure_in(&settings, &arithmetic, seed, Part::Test);
            bar.inc(1);
            measured
        })?;
        bar.finish_and_clear();
        let baselines = task.baselines()?;
        let summaries = summaries(&measured);
        let singles: Vec<f64> = measured.iter().flat_map(|m| m.singles.iter().copied()).collect();
        if self.json {
            let per_seed: Vec<f64> = measured.iter().map(Measurement::main).collect();
            return output::print_json(&json!({
                "task": task.name(), "protocol": task.protocol(), "seeds": self.seeds, "metric": task.metric(),
                "settings": settings, "arithmetic": arithmetic.to_string(), "substrate": self.placement.substrate.as_deref().unwrap_or("host"), "tested_on_silicon": false,
                "scores": summaries.iter().map(|s| json!({
                    "name": s.metric.name, "unit": s.metric.unit, "better": s.metric.better, "mean": s.interval.mean, "ci95_half_width": s.interval.half_width,
                    "sd": s.interval.sd, "min": s.low, "max": s.high,
                })).collect::<Vec<_>>(),
                "main_per_seed": per_seed,
                "singles": (!singles.is_empty()).then(|| json!({
                    "count": singles.len(), "median": stats::median(&singles),
                    "lower_quartile": stats::quantile(&singles, 0.25), "min": stats::quantile(&singles, 0.0),
                })),
                "baselines": baselines.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            }));
        }
        let mut text = describe(task.as_ref(), &settings, self.seeds, &summaries, &singles, &baselines)?;
        text += &format!("arithmetic of this run: {arithmetic}\n");
        output::print(&text)
    }
}

struct Summary {
    metric: Metric,
    interval: MeanInterval,
    low: f64,
    high: f64,
}

fn summaries(measured: &[Measurement]) -> Vec<Summary> {
    let names = measured.first().map_or(&[][..], |m| &m.scores);
    let summary = |(k, score): (usize, &tasks::Score)| {
        let values: Vec<f64> = measured.iter().map(|m| m.scores[k].value).collect();
        let (low, high) = (stats::quantile(&values, 0.0), stats::quantile(&values, 1.0));
        Summary { metric: score.metric, interval: MeanInterval::of(&values), low, high }
    };
    names.iter().enumerate().map(summary).collect()
}

fn describe(
    task: &dyn Task,
    settings: &Settings,
    seeds: u64,
    summaries: &[Summary],
    singles: &[f64],
    baselines: &[(String, f64)],
) -> Result<String> {
    let mut text = format!("{}\n{}\n\n", task.name(), task.protocol());
    let titles = [&format!("{seeds} seed(s)"), "mean", "95 % interval", "min", "max"].map(|s: &str| s.to_owned());
    let mut rows = vec![titles.to_vec()];
    for Summary { metric, interval, low, high } in summaries {
        let half = interval.half_width.map_or("-".to_owned(), |h| format!("± {}", number(h)));
        rows.push(vec![metric.to_string(), number(interval.mean), half, number(*low), number(*high)]);
    }
    for (name, value) in baselines {
        rows.push(vec![format!("baseline: {name}"), number(*value)]);
    }
    text += &align(&rows);
    if !singles.is_empty() {
        text += &format!(
            "all {} starts: median {}, lower quartile {}, shortest {}\n",
            singles.len(),
            number(stats::median(singles)),
            number(stats::quantile(singles, 0.25)),
            number(stats::quantile(singles, 0.0)),
        );
    }
    text += &format!("\nsettings {}\n", serde_json::to_string(settings)?);
    Ok(text)
}

fn list() -> Result<()> {
    let mut text = String::new();
    for task in tasks::all() {
        text += &format!("{}\n  {}\n\n", task.name(), task.protocol());
    }
    text +=
        "laser\n  Santa Fe laser, from your own file: forebay task laser --file FILE\n\nTry: forebay task narma10\n";
    output::print(&text)
}
