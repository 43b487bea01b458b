//! `forebay search`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay_zoo::search::{Found, Search};
use serde_json::json;

use super::placement::Placement;
use super::task;
use crate::output::{self, align, number};

/// Search settings of a benchmark task on validation data. Finished trials are kept in the log: start the same command
/// again to go on, or run shards on several machines and join their logs.
#[derive(Args, Debug)]
pub(crate) struct SearchCommand {
    /// The task
    task: String,
    /// Trials over all shards
    #[arg(long, default_value_t = 100)]
    trials: u64,
    /// Reservoirs per trial
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Seed of the settings drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run every n-th trial only, starting with i: `0/4` .. `3/4`
    #[arg(long, default_value = "0/1", value_name = "I/N")]
    shard: String,
    /// Log of finished trials, of this very search [default: search-TASK.jsonl]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Begin the log anew, whatever is in it
    #[arg(long)]
    force: bool,
    /// Series of the laser task
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    placement: Placement,
    /// Print the ranking as JSON
    #[arg(long)]
    json: bool,
}

impl SearchCommand {
    pub(super) fn run(self) -> Result<()> {
        let task = task::find(&self.task, self.file.as_ref())?;
        let shard = self.shard.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (shard, shards) =
            shard.with_context(|| format!("--shard needs I/N, such as 0/4, found {:?}", self.shard))?;
        ensure!(self.trials <= 1_000_000, "--trials must be at most 1000000, found {}", self.trials);
        let log = self.log.unwrap_or_else(|| format!("search-{}.jsonl", self.task).into());
        let arithmetic = self.placement.arithmetic()?;
        let (seed, trials, seeds) = (self.seed, self.trials, self.seeds);
        if self.force && log.exists() {
            eprintln!("{} is begun anew", log.display());
        }
        let search = Search { seed, trials, seeds, shard, shards, log, arithmetic, anew: self.force };
        let bar = output::progress(self.trials / shards.max(1), "trials");
        let Found { ranked, resumed, beyond } = search.run(task.as_ref(), |_| bar.inc(1))?;
        bar.finish_and_clear();
        let metric = task.metric();
        if self.json {
            return output::print_json(&json!({
                "search": search.subject(task.as_ref()), "metric": metric, "resumed": resumed, "left_out": beyond,
                "trials": ranked,
            }));
        }
        let mut rows = vec![["trial", &format!("{metric}, validation"), "settings"].map(str::to_owned).to_vec()];
        for trial in ranked.iter().take(10) {
            let score = trial.score.map_or("failed".to_owned(), number);
            rows.push(vec![trial.trial.to_string(), score, serde_json::to_string(&trial.settings)?]);
        }
        let mut text = format!("{} in {}: {}\n", task.name(), search.arithmetic, metric.better);
        text += &align(&rows);
        text += &format!("{} of {} from the log", resumed, output::count(ranked.len(), "trial"));
        if beyond > 0 {
            text += &format!("; {beyond} more are in the log and left out, beyond --trials {trials}");
        }
        output::print(&(text + "\n"))
    }
}
