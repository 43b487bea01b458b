//! Random search of a task's settings on validation data: seeded, parallel, resumable, in shards.
//!
//! Trial k draws its settings from a random stream of its own, so any set of trials can be run anywhere, in any order,
//! and merged. Finished trials are lines of JSON in a file; a search that is started again skips those.
//!
//! Source for random over grid search: Bergstra, Bengio, Journal of Machine Learning Research 13, 281 (2012).

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use forebay::random::Seed;
use forebay::threads;
use serde::{Deserialize, Serialize};

use crate::stats;
use crate::tasks::{Arithmetic, Better, Part, Settings, Task, TaskError};

/// What to search.
#[derive(Clone, Debug)]
pub struct Search {
    /// Seed of the settings drawn.
    pub seed: u64,
    /// Number of trials over all shards.
    pub trials: u64,
    /// Reservoirs (and realisations) per trial; their mean main score counts.
    pub seeds: u64,
    /// This shard's number, from 0.
    pub shard: u64,
    /// Number of shards.
    pub shards: u64,
    /// What the networks compute in: settings that are good in floats need not be good in few digits.
    pub arithmetic: Arithmetic,
    /// File of finished trials, one JSON object per line.
    pub log: PathBuf,
}

/// A finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Number of the trial.
    pub trial: u64,
    /// Mean main score on validation data; `None` if the settings did not work.
    pub score: Option<f64>,
    /// The settings drawn.
    pub settings: Settings,
}

/// Why a search stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A count out of range.
    #[error("{what} must be {expected}, found {found}")]
    Range {
        /// Which count.
        what: &'static str,
        /// The allowed range.
        expected: String,
        /// The value given.
        found: u64,
    },
    /// The log cannot be read or written.
    #[error("cannot use the log {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the log that is no trial.
    #[error("line {line} of {path} is no finished trial: {why}; remove the line or use another log")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl Search {
    /// Runs this shard's unfinished trials on the threads of the [pool](forebay::threads) that calls and gives every trial of the log, best first.
    ///
    /// `progress` is called after each trial with the best score so far in this shard's log. Scores do not depend on
    /// the number of threads.
    ///
    /// # Errors
    /// [`SearchError`]; trials finished before it are in the log.
    pub fn run(&self, task: &dyn Task, progress: impl Fn(&Trial) + Sync) -> Result<Vec<Trial>, SearchError> {
        self.check()?;
        let mut finished = read_log(&self.log)?;
        let done: BTreeSet<u64> = finished.iter().map(|trial| trial.trial).collect();
        let open = (0..self.trials).filter(|k| k % self.shards == self.shard && !done.contains(k));
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(|e| self.log_error(e))?;
        let log = Mutex::new(log);
        let new = threads::try_map(open, |k| {
            let trial = self.trial(task, k);
            self.append(&log, &trial)?;
            progress(&trial);
            Ok::<_, SearchError>(trial)
        })?;
        finished.extend(new);
        Ok(ranked(finished, task.better()))
    }

    fn check(&self) -> Result<(), SearchError> {
        let range =
            |what, expected: &str, found| Err(SearchError::Range { what, expected: expected.to_owned(), found });
        if self.trials == 0 {
            return range("the number of trials", "at least 1", 0);
        }
        if self.seeds == 0 {
            return range("the number of seeds", "at least 1", 0);
        }
        if self.shard >= self.shards {
            return range(
                "the shard",
                &format!("0 to {} ({} shards)", self.shards.saturating_sub(1), self.shards),
                self.shard,
            );
        }
        Ok(())
    }

    fn trial(&self, task: &dyn Task, k: u64) -> Trial {
        let mut stream = Seed(self.seed).child(task.name()).stream(&format!("trial {k}"));
        let settings = task.space().draw(&task.settings(), &mut stream);
        let scores: Result<Vec<f64>, TaskError> = (0..self.seeds)
            .map(|seed| Ok(task.measure_in(&settings, &self.arithmetic, seed, Part::Validation)?.main()))
            .collect();
        // Settings that cannot be trained are an answer, too.
        let score = scores.ok().map(|scores| stats::mean(&scores)).filter(|score| score.is_finite());
        Trial { trial: k, score, settings }
    }

    fn append(&self, log: &Mutex<File>, trial: &Trial) -> Result<(), SearchError> {
        let mut line = serde_json::to_string(trial).map_err(|e| self.log_error(e.into()))?;
        line.push('\n');
        let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // One write per line: a search that is killed leaves whole lines.
        log.write_all(line.as_bytes()).and_then(|()| log.flush()).map_err(|e| self.log_error(e))
    }

    fn log_error(&self, source: io::Error) -> SearchError {
        SearchError::Log { path: self.log.clone(), source }
    }
}

/// Finished trials of a log; none if the file does not exist.
///
/// # Errors
/// [`SearchError::Log`] or [`SearchError::Line`].
pub fn read_log(path: &Path) -> Result<Vec<Trial>, SearchError> {
    let fail = |source| SearchError::Log { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file.map_err(fail)?,
    };
    let mut trials = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(fail)?;
        let bad = |why: String| SearchError::Line { path: path.to_owned(), line: index + 1, why };
        trials.push(serde_json::from_str(&line).map_err(|e| bad(e.to_string()))?);
    }
    Ok(trials)
}

/// Trials by score, best first; those without one last; equals by number.
pub fn ranked(mut trials: Vec<Trial>, better: Better) -> Vec<Trial> {
    let key = |trial: &Trial| match (trial.score, better) {
        (None, _) => f64::INFINITY,
        (Some(score), Better::Smaller) => score,
        (Some(score), Better::Larger) => -score,
    };
    trials.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.trial.cmp(&b.trial)));
    trials
}
