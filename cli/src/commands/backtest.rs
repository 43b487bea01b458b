//! `forebay backtest`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use forebay_forecast::service::{Scores, TestedHorizon};
use serde_json::{Value, json};

use super::forecast::{Asked, Roles, Run, sentence};
use crate::output::{self, align, count, number};
use crate::series::SeriesArguments;

/// Test a forecast on several stretches: each is forecast by a fit on all rows before it, so that one lucky or unlucky stretch does not decide.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay backtest sales.csv --target revenue --horizon 4
  forebay backtest --dataset sunspots --origins 8 --json")]
pub(crate) struct Backtest {
    /// A CSV file or the like (also .gz, JSON Lines, .npy; - for standard input), one line per step
    file: Option<PathBuf>,
    #[command(flatten)]
    series: SeriesArguments,
    #[command(flatten)]
    asked: Asked,
    /// Stretches of the last part of the rows
    #[arg(long, default_value_t = 5, value_name = "N")]
    origins: usize,
    /// Share of the rows before the first stretch
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    from: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backtest {
    pub(super) fn run(self) -> Result<()> {
        ensure!(self.series.split.is_empty(), "--split is for a single test part: use --origins and --from");
        ensure!((1..=1000).contains(&self.origins), "--origins must be 1 to 1000, found {}", self.origins);
        ensure!(self.from > 0.0 && self.from < 1.0, "--from must be a share above 0 and below 1, found {}", self.from);
        let columns = self.asked.columns(&self.series.columns);
        let source = self.series.read_open(self.file.as_deref(), "forebay backtest", &columns)?;
        let roles = Roles::of(&source, self.asked.targets(&self.series.columns), &self.asked)?;
        let settings = self.asked.settings(&source)?;
        let first = (self.from * roles.rows as f64) as usize;
        let length = (roles.rows - first) / self.origins;
        ensure!(
            first > 0 && length > settings.horizon,
            "{} from {first} on give stretches of {}, which a horizon of {} leaves too few of: fewer --origins, or an earlier --from",
            count(roles.rows - first, "row"),
            count(length, "row"),
            settings.horizon
        );
        let fits = self.origins * roles.columns.targets.len() * settings.horizon;
        let bar = output::progress(fits as u64, "fitting");
        let origins: Vec<usize> = (0..self.origins).map(|number| first + number * length).collect();
        let mut tested = Vec::new();
        for (number, &origin) in origins.iter().enumerate() {
            // The last stretch takes what is left.
            let end = if number + 1 == self.origins { roles.rows } else { origin + length };
            let stretches = [origin, end - origin, 0];
            let run = Run::make((&source, &roles, &settings), "", stretches, || bar.inc(1))?;
            tested.push((origin, end, run.tested));
        }
        bar.finish_and_clear();

        let targets = &roles.columns.targets;
        let of = |target: usize| -> Vec<(usize, usize, &TestedHorizon)> {
            tested.iter().map(|(from, to, all)| (*from, *to, &all[target].horizons[settings.horizon - 1])).collect()
        };
        if self.json {
            let all: Result<Vec<Value>> =
                (0..targets.len()).map(|target| of_target(&targets[target], &of(target))).collect();
            return output::print_json(&json!({
                "series": source.name, "rows": roles.rows, "horizon": settings.horizon, "reading": source.reading(),
                "tested_on_silicon": false, "targets": all?,
            }));
        }
        let mut text = source.told();
        text += &format!(
            "{}: {}, forecast {} ahead; {} from row {first} on, each forecast by a fit on all rows before it\n",
            source.name,
            count(roles.rows, "row"),
            count(settings.horizon, "step"),
            count(self.origins, "stretch").replace("stretchs", "stretches"),
        );
        for (target, name) in targets.iter().enumerate() {
            text += &format!("\n{name}\n");
            let mut rows = vec![
                ["from", "rows", "combined NRMSE", "best baseline", "NRMSE", "ratio", "inside 90 %"]
                    .map(str::to_owned)
                    .to_vec(),
            ];
            let stretches = of(target);
            for (from, to, tested) in &stretches {
                let scores = tested.scores();
                let best = &scores.members[scores.best()];
                rows.push(vec![
                    source.label(*from),
                    (to - from).to_string(),
                    number(scores.combined.nrmse),
                    best.member.to_string(),
                    number(best.score.nrmse),
                    number(scores.combined.nrmse / best.score.nrmse),
                    inside(tested).map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
                ]);
            }
            text += &align(&rows);
            if let Some(mean) = mean_ratio(&stretches) {
                text += &format!(
                    "On geometric mean over the stretches the combined forecast has {} times the error of the baseline that was best on each.\n",
                    number(mean)
                );
            }
        }
        output::print(&text)
    }
}

fn inside(tested: &TestedHorizon) -> Option<f64> {
    tested.covered(tested.intervals.len() - 1).map(|(share, _)| share)
}

/// The geometric mean of NRMSE over that of the best baseline of each stretch; none if a stretch does not vary or is exact.
fn mean_ratio(stretches: &[(usize, usize, &TestedHorizon)]) -> Option<f64> {
    let ratio = |scores: Scores| scores.combined.nrmse / scores.best_baseline().nrmse;
    let logs: Vec<f64> = stretches.iter().map(|(.., tested)| libm::log(ratio(tested.scores()))).collect();
    let mean = libm::exp(logs.iter().sum::<f64>() / logs.len() as f64);
    mean.is_finite().then_some(mean)
}

fn of_target(name: &str, stretches: &[(usize, usize, &TestedHorizon)]) -> Result<Value> {
    let one = |(from, to, tested): &(usize, usize, &TestedHorizon)| {
        let scores = tested.scores();
        Ok(json!({
            "from_row": from, "rows": to - from, "best_baseline": scores.members[scores.best()].member,
            "verdict": sentence(tested)?, "inside_90": inside(tested), "scores": scores,
        }))
    };
    let all = stretches.iter().map(one).collect::<Result<Vec<Value>>>()?;
    Ok(json!({"name": name, "stretches": all, "mean_ratio_to_best_baseline": mean_ratio(stretches)}))
}
