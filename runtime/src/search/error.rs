//! Why a search, or one of its trials, stopped.

use std::io;
use std::path::PathBuf;

use super::space::CandidateError;
use crate::error::Error;

/// Why a trial has no score.
#[derive(Debug)]
pub enum TrialError {
    /// These settings do not work, others may: the trial is in the log as failed, with this reason, and the search goes on.
    Settings(String),
    /// Nothing of the settings, such as a device or a file: the search stops, and the trial is not in the log.
    Stop(Box<dyn std::error::Error + Send + Sync>),
}

impl TrialError {
    /// Stops the search with this error.
    pub fn stop(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Stop(error.into())
    }
}

/// What other settings might not have run into is of the settings: weights that cannot be drawn, overflow, a singular Gram
/// matrix, a network that a processor does not hold. All else stops the search.
impl From<Error> for TrialError {
    fn from(error: Error) -> Self {
        match error {
            Error::Graph(_)
            | Error::Reservoir { .. }
            | Error::NonFinite { .. }
            | Error::Overflow { .. }
            | Error::Range { .. }
            | Error::Train(_)
            | Error::Refused(_)
            | Error::Program(_) => Self::Settings(error.to_string()),
            other => Self::Stop(Box::new(other)),
        }
    }
}

/// A score that cannot be had, of constant data for one.
impl From<crate::metrics::MetricError> for TrialError {
    fn from(error: crate::metrics::MetricError) -> Self {
        Self::Settings(error.to_string())
    }
}

/// A name that the space does not have is a mistake of the objective.
impl From<CandidateError> for TrialError {
    fn from(error: CandidateError) -> Self {
        Self::Stop(Box::new(error))
    }
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
    /// Trials that depend on one another and cannot be told apart into that many shards.
    #[error(
        "{shards} shards cannot share {chains} chain(s): later trials depend on earlier ones of their chain; take a number of \
         chains that is a multiple of {shards}, or the random sampler without halving"
    )]
    Shards {
        /// Number of shards.
        shards: u64,
        /// Number of chains.
        chains: u64,
    },
    /// The log cannot be read or written.
    #[error("cannot use the log {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else writes the log.
    #[error("the log {path} is in use by another search: wait for it, or give each shard a log of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A file that is no log of a search.
    #[error("{path} is no log of a search: use another log or begin it anew")]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// A log that an earlier version wrote.
    #[error(
        "the log {path} was written by an earlier version, without ranges and checksums: use another log or begin it anew"
    )]
    OldLog {
        /// The file.
        path: PathBuf,
    },
    /// A log whose trials are of something else.
    #[error(
        "the log {path} is of another search: its {field} is {found:?}, not {expected:?}; use another log or begin it anew"
    )]
    OtherSearch {
        /// The file.
        path: PathBuf,
        /// What differs first.
        field: String,
        /// What the log has.
        found: String,
        /// What this search has.
        expected: String,
    },
    /// A line of the log that cannot be believed.
    #[error("line {line} of the log {path} {why}; put a copy of it back, use another log or begin it anew")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        why: LineError,
    },
    /// A trial that failed for nothing in its settings.
    #[error("trial {trial}: {source}; finished trials are kept")]
    Trial {
        /// Its number.
        trial: u64,
        /// Why it could not be measured.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Logs that do not make up one search.
    #[error("the logs do not make up one search: {0}")]
    Merge(#[from] MergeError),
}

/// What is wrong with a line of a log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A line without a checksum, or longer than any that is written.
    #[error("is no line of a log")]
    Form,
    /// Bytes that are not those that were written.
    #[error("is damaged: its checksum is wrong")]
    Checksum,
    /// A checked first line that says nothing that is understood.
    #[error("does not say what the trials are of: {0}")]
    Header(String),
    /// A checked line that is no trial.
    #[error("is no trial: {0}")]
    Trial(String),
    /// A trial where another one belongs.
    #[error("is trial {found} with budget {found_budget}, where {} belongs", expected.map_or("none".to_owned(), |(trial, budget)| format!("trial {trial} with budget {budget}")))]
    Order {
        /// The trial that belongs there and its budget; none after the last.
        expected: Option<(u64, u64)>,
        /// The trial that is there.
        found: u64,
        /// Its budget.
        found_budget: u64,
    },
    /// Values that this search does not draw.
    #[error("has other values for trial {trial} than this search draws")]
    Values {
        /// The trial.
        trial: u64,
    },
}

/// Why logs do not make up one search.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// No log, or an empty one.
    #[error("there is nothing in {path}")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Another number of logs than shards.
    #[error("there are {found} logs of {shards} shards: name each shard's log once")]
    Count {
        /// Number of shards.
        shards: u64,
        /// Number of logs.
        found: usize,
    },
    /// Two logs of one shard.
    #[error("{path} is of shard {shard}, and so is another")]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The shard.
        shard: u64,
    },
    /// A trial that is not finished.
    #[error("trial {trial} with budget {budget} is missing: let shard {shard} finish first")]
    Missing {
        /// The trial.
        trial: u64,
        /// Its budget.
        budget: u64,
        /// The shard whose trial it is.
        shard: u64,
    },
    /// The file to write is there.
    #[error("{path} is there already: give the name of a new file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
}
