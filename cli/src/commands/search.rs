//! `forebay search`.

mod notes;
mod objective;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use forebay::Real;
use forebay::search::{self, Budgets, Found, Sampler, SearchError, Shard, Space, Study, Subject, Tpe, Trial};
use forebay_zoo::search::TaskSearch;
use forebay_zoo::tasks;
use serde_json::json;

use super::models::Precision;
use super::placement::Placement;
use super::task;
use crate::forecasting::Plan;
use crate::output::{self, align, count, number};
use crate::plot::SearchPlot;
use crate::series::{SeriesArguments, Source};
use notes::notes;
use objective::{Halving, Objective, OfSeries, OfTask, line};

/// Search settings on validation data: of forecasts of a series, or of a benchmark task. Finished trials are kept in the log:
/// start the same command again to go on, or run shards on several machines and merge their logs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay search sales.csv --horizon 4 --range spectral_radius=0.5..1.5,log --range units=50..400,int
  forebay search sales.csv --range \"topology=random|cycle|orthogonal\" --trials 200 --halving steps
  forebay search narma10 --trials 300 --shard 0/3 --log a.jsonl
  forebay search --merge a.jsonl,b.jsonl,c.jsonl --log whole.jsonl
  forebay train sales.csv --horizon 4 --settings out/sales/settings.json

Ranges: name=low..high with ,log and ,int as wanted; name=a|b|c for a choice; name=value to fix it. Names: units, topology, density,
spectral_radius, leak_rate, input_scaling, bias_scaling, ridge, squares, activation.")]
pub(crate) struct SearchCommand {
    /// A CSV file or the like (also .gz, JSON Lines, .npy; - for standard input), one line per step, or the name of a task
    what: Option<String>,
    /// A setting and its range; several times for several settings, and all others stay as the result tells [default: the
    /// ranges of the task or of `forecast`]
    #[arg(long = "range", value_name = "NAME=RANGE")]
    ranges: Vec<String>,
    /// Trials over all shards
    #[arg(long, default_value_t = 100)]
    trials: u64,
    /// Reservoirs per trial, the first ones of those that `forecast` and `task` take
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Seed of the values drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How values are chosen: at random, or after the scores of earlier trials
    #[arg(long, value_enum, default_value = "tpe")]
    sampler: How,
    /// Successive halving: score all trials with less of this, and only the best with more
    #[arg(long, value_enum)]
    halving: Option<Halving>,
    /// With --halving: 1 trial in so many goes on, with so many times the budget
    #[arg(long, value_name = "N", requires = "halving")]
    factor: Option<u64>,
    /// Run every n-th trial only, starting with i: `0/4` .. `3/4`
    #[arg(long, default_value = "0/1", value_name = "I/N")]
    shard: String,
    /// Groups of trials that learn from their own scores only, so that they can be shards [default: the number of shards for
    /// tpe and halving, else 1]
    #[arg(long, value_name = "N")]
    chains: Option<u64>,
    /// Log of finished trials, of this very search [default: search-NAME.jsonl]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Begin the log anew, whatever is in it
    #[arg(long)]
    force: bool,
    /// Make one log out of the finished logs of all shards, and write it to the new file --log
    #[arg(long, value_delimiter = ',', value_name = "LOG,LOG,..", requires = "log", conflicts_with = "what")]
    merge: Vec<PathBuf>,
    #[command(flatten)]
    series: SeriesArguments,
    /// Steps ahead [default: 1]
    #[arg(long, value_name = "STEPS")]
    horizon: Option<usize>,
    /// Column whose error counts; several times for several [default: all that are forecast]
    #[arg(long = "target", value_name = "COLUMN")]
    targets: Vec<String>,
    /// Reservoir units, if they have no range [default: 200]
    #[arg(long)]
    units: Option<usize>,
    /// Float type of the networks [default: f64]
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Series of the laser task
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    placement: Placement,
    /// Folder for the winner's settings and the plot [default: out/NAME; a shard writes none]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the ranking as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    Random,
    Tpe,
}

/// More would take years.
const MOST_TRIALS: u64 = 1_000_000;

/// Rows of the table.
const SHOWN: usize = 10;

impl SearchCommand {
    pub(super) fn run(self) -> Result<()> {
        if !self.merge.is_empty() {
            return self.merge();
        }
        let is_task = |name: &String| name == "laser" || tasks::by_name(name).is_ok();
        match &self.what {
            Some(name) if is_task(name) => self.of_task(name),
            Some(name) if !looks_like_a_file(name) => {
                tasks::by_name(name).map(drop).with_context(|| format!("{name} is neither a file nor a task"))
            }
            _ => match self.precision {
                Some(Precision::F32) => self.of_series::<f32>(),
                Some(Precision::F64) | None => self.of_series::<f64>(),
            },
        }
    }

    fn of_task(&self, name: &str) -> Result<()> {
        let series = &self.series;
        let given = [
            ("--dataset", series.dataset.is_some()),
            ("--columns", !series.columns.is_empty()),
            ("--split", !series.split.is_empty()),
            (series.reading.given().unwrap_or_default(), series.reading.given().is_some()),
            ("--horizon", self.horizon.is_some()),
            ("--target", !self.targets.is_empty()),
            ("--units", self.units.is_some()),
            ("--precision", self.precision.is_some()),
            ("--halving steps", self.halving == Some(Halving::Steps)),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            bail!("{option} belongs to a series of your own, and {name} is a task (a file of that name is ./{name})");
        }
        let task = task::find(name, self.file.as_ref())?;
        let search = TaskSearch::new(task.as_ref(), self.placement.arithmetic()?);
        self.search(name, None, &OfTask { search, seeds: self.seeds })
    }

    fn of_series<T: Real>(&self) -> Result<()> {
        ensure!(self.file.is_none(), "--file belongs to the task laser");
        let mut source = self.series.read(self.what.as_deref().map(Path::new), "forebay search")?;
        let split = self.series.lengths(&source)?;
        source.look_back_from(split[0]);
        let plan = Plan {
            horizon: self.horizon.unwrap_or(1),
            split,
            units: self.units.unwrap_or(200),
            settings: None,
            seeds: 1,
            trials: 1,
            season: None,
            hybrid: None,
        };
        let digits = self.placement.digits;
        let on = match &self.placement.substrate {
            None => {
                ensure!(digits.is_none(), "--digits need a --substrate: floats on the host have none");
                None
            }
            Some(address) => Some((address.clone(), super::substrates::open(address)?, digits.unwrap_or_default())),
        };
        let halved = self.halving.unwrap_or(Halving::Seeds);
        let objective = OfSeries::<T>::new(&source, plan, &self.targets, self.seeds, halved, on)?;
        self.search(&source.name, Some(&source), &objective)
    }

    fn search(&self, name: &str, source: Option<&Source>, objective: &dyn Objective) -> Result<()> {
        let shard = self.shard.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (index, of) = shard.with_context(|| format!("--shard needs I/N, such as 0/4, found {:?}", self.shard))?;
        ensure!((1..=MOST_TRIALS).contains(&self.trials), "--trials must be 1 to {MOST_TRIALS}, found {}", self.trials);
        let space = match &self.ranges[..] {
            // These may go beyond a leak rate of 1, which counts as 1.
            [] => objective.space()?,
            ranges => {
                let space = Space::parse(ranges.iter().map(String::as_str))?;
                objective.check(&space)?;
                let has_units = space.get("units").is_some();
                ensure!(
                    self.units.is_none() || !has_units,
                    "--units is for a search without a range of units: leave one out"
                );
                space
            }
        };
        let budgets = objective.budgets(self.halving.map(|_| self.factor.unwrap_or(3)))?;
        let is_one = self.halving.is_some() && budgets.smallest == budgets.largest;
        ensure!(!is_one, "--halving has nothing to halve: {} is the smallest budget and the largest", budgets.largest);
        let learns = self.sampler == How::Tpe || budgets.is_halving();
        let sampler = if self.sampler == How::Tpe { Sampler::Tpe(Tpe::default()) } else { Sampler::Random };
        let study = Study::new(objective.subject(), space, self.trials)
            .seed(self.seed)
            .sampler(sampler)
            .budgets(budgets)
            .chains(self.chains.unwrap_or(if learns { of } else { 1 }))
            .shard(Shard { index, of });
        study.check()?;
        let folder = match &self.out {
            Some(folder) => Some(folder.clone()),
            None => (of == 1).then(|| Path::new("out").join(name)),
        };
        folder.as_deref().map(output::check_folder).transpose()?;
        let log = self.log.clone().unwrap_or_else(|| format!("search-{name}.jsonl").into());
        if self.force && log.exists() {
            eprintln!("{} is begun anew", log.display());
        }
        let bar = output::progress(lines(self.trials / of, budgets), "trials");
        let measure = |values: &search::Candidate, budget| objective.measure(values, budget);
        let mut added = 0;
        let told = |_: &Trial| {
            added += 1;
            bar.inc(1);
        };
        let found = study.run_logged(&log, self.force, measure, told).map_err(with_options)?;
        bar.finish_and_clear();
        if found.torn > 0 {
            let (bytes, log) = (found.torn, log.display());
            eprintln!("the last line of {log} was not finished ({bytes} bytes): dropped, and its trial run");
        }
        let best = found.best().with_context(|| no_score(&found, &log))?;
        let settings = objective.settings(&best.values)?;
        let mut files = Vec::new();
        if let Some(folder) = &folder {
            output::make_folder(folder)?;
            let [file, plot] = ["settings.json", "search.png"].map(|name| folder.join(name));
            output::write_file(&file, (serde_json::to_string_pretty(&settings)? + "\n").as_bytes())?;
            SearchPlot { name, header: study.header(), found: &found }.write(&plot)?;
            files = vec![("settings", file), ("plot    ", plot)];
        }
        let subject = &study.header().subject;
        let notes = notes(&study.header().space, &found, Some(&settings));
        if self.json {
            return output::print_json(&json!({
                "search": study.header(), "metric": {"name": subject.score, "better": subject.better},
                "resumed": found.resumed, "left_out": found.beyond, "dropped_bytes": found.torn, "trials": found.ranked,
                "best": {"trial": best.trial, "score": best.score(), "settings": settings}, "notes": notes,
                "reading": source.map(Source::reading),
            }));
        }
        let mut text = source.map(Source::told).unwrap_or_default();
        text += &format!("{name} in {}: {}\n", subject.arithmetic, subject.better);
        text += &table(subject, &found);
        // With halving, a trial has a line in the log for each budget.
        let what = if budgets.is_halving() { "scoring" } else { "trial" };
        text += &format!("{} of {} from the log", found.resumed, count(found.resumed + added, what));
        if found.beyond > 0 {
            text += &format!("; {} more are in the log and left out, beyond --trials {}", found.beyond, self.trials);
        }
        text += "\n";
        for note in notes {
            text += &format!("{note}\n");
        }
        if folder.is_none() {
            text += "This is one shard: when all are done, make one log of theirs with --merge.\n";
        }
        for (what, path) in files {
            text += &format!("{what}  {}\n", path.display());
        }
        output::print(&text)
    }

    fn merge(&self) -> Result<()> {
        let to = self.log.as_deref().context("--merge needs --log, the new file")?;
        let found = search::merge(&self.merge, to)?;
        let (header, _) = search::read(to)?;
        if self.json {
            return output::print_json(&json!({"search": header, "trials": found.ranked}));
        }
        let subject = &header.subject;
        let mut text = format!("{} in {}: {}\n", subject.task, subject.arithmetic, subject.better);
        text += &table(subject, &found);
        for note in notes(&header.space, &found, None) {
            text += &format!("{note}\n");
        }
        text += &format!(
            "{} in {}; the search with --log {} --chains {} goes on from it\n",
            count(found.ranked.len(), "trial"),
            to.display(),
            to.display(),
            header.chains,
        );
        output::print(&text)
    }
}

/// Whether somebody means a file, and no task.
fn looks_like_a_file(name: &str) -> bool {
    name == "-" || Path::new(name).exists() || name.contains(['.', '/', '\\'])
}

/// Lines of a log of so many trials.
fn lines(trials: u64, budgets: Budgets) -> u64 {
    let rungs = budgets.rungs().into_iter();
    rungs.scan(trials, |left, _| Some(std::mem::replace(left, left.div_ceil(budgets.factor.max(2))))).sum()
}

fn table(subject: &Subject, found: &Found) -> String {
    let mut rows =
        vec![["trial", &format!("{}, validation", subject.score), "budget", "values"].map(str::to_owned).to_vec()];
    for Trial { trial, budget, values, outcome } in found.ranked.iter().take(SHOWN) {
        let score = outcome.as_ref().map_or("failed".to_owned(), |score| number(*score));
        rows.push(vec![trial.to_string(), score, budget.to_string(), line(values)]);
    }
    align(&rows)
}

fn no_score(found: &Found, log: &Path) -> String {
    let reason = found.ranked.first().and_then(|trial| trial.outcome.as_ref().err());
    let reason = reason.map_or("there was no trial", String::as_str);
    format!("no trial has a score, the first because of this: {reason}; try other ranges ({} has all)", log.display())
}

/// A log that cannot be used: what to type.
fn with_options(error: SearchError) -> anyhow::Error {
    use SearchError::{Line, NoLog, OldLog, OtherSearch};
    match error {
        NoLog { .. } | OldLog { .. } | OtherSearch { .. } | Line { .. } => anyhow!("{error} (--log FILE, --force)"),
        // A device's refusal and the like keep their exit codes.
        other => other.into(),
    }
}
