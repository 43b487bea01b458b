//! Random search of a task's settings on validation data: seeded, parallel, resumable, in shards.
//!
//! Trial k draws its settings from a random stream of its own, so any set of trials can be run anywhere, in any order,
//! and merged. Finished trials are lines of JSON in a file that begins with what they are of; a search of the same that is
//! started again skips those, any other is refused.
//!
//! Source for random over grid search: Bergstra, Bengio, Journal of Machine Learning Research 13, 281 (2012).

mod log;

use std::io;
use std::path::PathBuf;

use forebay::random::Seed;
use forebay::threads;
use serde::{Deserialize, Serialize};

use crate::stats;
use crate::tasks::{Arithmetic, Better, Part, Settings, Task, TaskError};
use log::Log;

pub use log::{Contents, Subject, read};

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
    /// File of finished trials, one JSON object per line; the first line says what they are of.
    pub log: PathBuf,
    /// Whether to begin the log anew, whatever is in it.
    pub anew: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The trials, best first; those without a score last.
    pub ranked: Vec<Trial>,
    /// How many of them were in the log already.
    pub resumed: usize,
    /// How many trials of the log have numbers beyond [`Search::trials`] and are left out.
    pub beyond: usize,
}

/// A finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Number of the trial.
    pub trial: u64,
    /// Mean main score on validation data; `None` if the settings did not work.
    pub score: Option<f64>,
    /// Why there is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
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
    /// A log whose trials are of something else.
    #[error(
        "the log {path} is of another search: its {field} is {found:?}, not {expected:?}; use another log (--log), or begin \
         it anew (--force)"
    )]
    OtherSearch {
        /// The file.
        path: PathBuf,
        /// What differs first.
        field: &'static str,
        /// What the log has.
        found: String,
        /// What this search has.
        expected: String,
    },
    /// A log that does not say what its trials are of.
    #[error("the log {path} does not say what its trials are of: use another log (--log), or begin it anew (--force)")]
    NoSubject {
        /// The file.
        path: PathBuf,
    },
    /// A trial that is in the log twice, with different results.
    #[error(
        "trial {trial} is in {path} twice with different results: use another log (--log), or begin it anew (--force)"
    )]
    TwoResults {
        /// The file.
        path: PathBuf,
        /// Its number.
        trial: u64,
    },
    /// A failure that says nothing of the settings: a device, a file.
    #[error("trial {trial}: {source}; finished trials are in the log")]
    Trial {
        /// Its number.
        trial: u64,
        /// Why it could not be measured.
        source: TaskError,
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
    /// What this search's trials are of.
    pub fn subject(&self, task: &dyn Task) -> Subject {
        let metric = task.metric();
        Subject {
            task: task.name().to_owned(),
            metric: format!("{metric} ({})", metric.better),
            arithmetic: self.arithmetic.to_string(),
            seed: self.seed,
            seeds: self.seeds,
            base: task.settings(),
            space: format!("{:?}", task.space()),
            protocol: task.protocol().to_owned(),
            data: task.data(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Runs this shard's unfinished trials on the threads of the [pool](forebay::threads) that calls and ranks all trials of the log below [`trials`](Self::trials).
    ///
    /// `progress` is called after each trial. Scores do not depend on the number of threads.
    ///
    /// # Errors
    /// [`SearchError`]; trials finished before it are in the log. A log of another search is left as it is.
    pub fn run(&self, task: &dyn Task, progress: impl Fn(&Trial) + Sync) -> Result<Found, SearchError> {
        self.check()?;
        let (log, mut finished) = Log::open(&self.log, &self.subject(task), self.anew)?;
        let known = finished.len();
        finished.retain(|number, _| *number < self.trials);
        let resumed = finished.len();
        let open = (0..self.trials).filter(|k| k % self.shards == self.shard && !finished.contains_key(k));
        let new = threads::try_map(open, |k| {
            let trial = self.trial(task, k)?;
            log.append(&trial)?;
            progress(&trial);
            Ok::<_, SearchError>(trial)
        })?;
        let ranked = ranked(finished.into_values().chain(new).collect(), task.metric().better);
        Ok(Found { ranked, resumed, beyond: known - resumed })
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

    fn trial(&self, task: &dyn Task, k: u64) -> Result<Trial, SearchError> {
        let mut stream = Seed(self.seed).child(task.name()).stream(&format!("trial {k}"));
        let settings = task.space().draw(&task.settings(), &mut stream);
        let scores: Result<Vec<f64>, TaskError> = (0..self.seeds)
            .map(|seed| Ok(task.measure_in(&settings, &self.arithmetic, seed, Part::Validation)?.main()))
            .collect();
        let (score, failed) = match scores.map(|scores| stats::mean(&scores)) {
            Ok(score) if score.is_finite() => (Some(score), None),
            Ok(score) => (None, Some(format!("the score is {score}"))),
            // Settings that cannot be trained are an answer, too.
            Err(error) if is_of_the_settings(&error) => (None, Some(error.to_string())),
            Err(source) => return Err(SearchError::Trial { trial: k, source }),
        };
        Ok(Trial { trial: k, score, failed, settings })
    }
}

/// Whether other settings might not have failed so.
fn is_of_the_settings(error: &TaskError) -> bool {
    use forebay::Error::{Graph, NonFinite, Overflow, Program, Range, Refused, Reservoir, Train};
    match error {
        TaskError::Network(error) => matches!(
            error,
            Graph(_)
                | Reservoir { .. }
                | NonFinite { .. }
                | Overflow { .. }
                | Range { .. }
                | Train(_)
                | Refused(_)
                | Program(_)
        ),
        TaskError::Metric(_) => true,
        _ => false,
    }
}

/// Trials by score, best first; those without one last; equals by number.
pub fn ranked(mut trials: Vec<Trial>, better: Better) -> Vec<Trial> {
    let key = |trial: &Trial| trial.score.map_or(f64::INFINITY, |score| better.loss(score));
    trials.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.trial.cmp(&b.trial)));
    trials
}
