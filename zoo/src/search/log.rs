//! The log of a search: a line that says what its trials are of, then a line per finished trial.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{SearchError, Trial};
use crate::tasks::Settings;

/// What the trials of a log are of. A trial's number and this determine its score, so two logs of the same subject
/// may be joined, and trials of another one are no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The task.
    pub task: String,
    /// Its main score with unit and direction.
    pub metric: String,
    /// What the networks compute in: precision, substrate, digits.
    pub arithmetic: String,
    /// Seed of the settings drawn.
    pub seed: u64,
    /// Reservoirs per trial.
    pub seeds: u64,
    /// What the space does not range over.
    pub base: Settings,
    /// The ranges that settings are drawn from.
    pub space: String,
    /// The protocol.
    pub protocol: String,
    /// A hash of the user's data, if the task runs on such.
    pub data: Option<String>,
    /// Version of this crate.
    pub version: String,
}

impl Subject {
    /// The first field in which two subjects differ, with what each has there.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let settings = |s: &Settings| serde_json::to_string(s).unwrap_or_default();
        let none = || "none".to_owned();
        let fields = |s: &Self| {
            [
                ("task", s.task.clone()),
                ("score", s.metric.clone()),
                ("arithmetic", s.arithmetic.clone()),
                ("seed", s.seed.to_string()),
                ("number of seeds", s.seeds.to_string()),
                ("stored settings", settings(&s.base)),
                ("space", s.space.clone()),
                ("protocol", s.protocol.clone()),
                ("data", s.data.clone().unwrap_or_else(none)),
                ("version", s.version.clone()),
            ]
        };
        let mut pairs = fields(self).into_iter().zip(fields(other));
        pairs.find(|(a, b)| a.1 != b.1).map(|((name, a), (_, b))| (name, a, b))
    }
}

/// A line of a log.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    /// What the trials around it are of.
    Subject { search: Subject },
    /// A finished trial.
    Trial(Trial),
}

/// A log on disk, open for more trials.
pub(super) struct Log {
    path: PathBuf,
    file: Mutex<File>,
}

impl Log {
    /// Opens a log of this subject and gives the trials that are finished, by number; a new log if there is none, or if it
    /// is to be begun anew.
    pub(super) fn open(
        path: &Path,
        subject: &Subject,
        anew: bool,
    ) -> Result<(Self, BTreeMap<u64, Trial>), SearchError> {
        let fail = |source| SearchError::Log { path: path.to_owned(), source };
        let found = if anew { None } else { read(path)? };
        if let Some((found, _)) = &found
            && let Some((field, found, expected)) = found.difference(subject)
        {
            return Err(SearchError::OtherSearch { path: path.to_owned(), field, found, expected });
        }
        let mut options = OpenOptions::new();
        let options = if anew { options.write(true).truncate(true) } else { options.append(true) };
        let log = Self { path: path.to_owned(), file: Mutex::new(options.create(true).open(path).map_err(fail)?) };
        let Some((_, trials)) = found else {
            log.write(&Line::Subject { search: subject.clone() })?;
            return Ok((log, BTreeMap::new()));
        };
        Ok((log, trials))
    }

    /// Adds a finished trial.
    pub(super) fn append(&self, trial: &Trial) -> Result<(), SearchError> {
        self.write(&Line::Trial(trial.clone()))
    }

    fn write(&self, line: &Line) -> Result<(), SearchError> {
        let fail = |source| SearchError::Log { path: self.path.clone(), source };
        let mut text = serde_json::to_string(line).map_err(|e| fail(e.into()))?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write per line: a search that is killed leaves whole lines.
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(fail)
    }
}

/// What a log is of, and its trials by number.
pub type Contents = (Subject, BTreeMap<u64, Trial>);

/// What a log is of and its trials by number; none if the file does not exist or is empty. Joined logs name their subject
/// several times, and may hold a trial twice.
///
/// # Errors
/// [`SearchError::Log`]; [`SearchError::Line`] for a line that is neither; [`SearchError::NoSubject`] if trials come first;
/// [`SearchError::OtherSearch`] if logs of two subjects were joined; [`SearchError::TwoResults`] if a trial is there
/// twice with different results.
pub fn read(path: &Path) -> Result<Option<Contents>, SearchError> {
    let fail = |source| SearchError::Log { path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(fail)?,
    };
    let mut subject: Option<Subject> = None;
    let mut trials: BTreeMap<u64, Trial> = BTreeMap::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(fail)?;
        let bad = |why: String| SearchError::Line { path: path.to_owned(), line: index + 1, why };
        match (serde_json::from_str(&line).map_err(|e| bad(e.to_string()))?, &subject) {
            (Line::Subject { search }, None) => subject = Some(search),
            (Line::Subject { search }, Some(first)) => {
                if let Some((field, found, expected)) = search.difference(first) {
                    return Err(SearchError::OtherSearch { path: path.to_owned(), field, found, expected });
                }
            }
            (Line::Trial(_), None) => return Err(SearchError::NoSubject { path: path.to_owned() }),
            (Line::Trial(trial), Some(_)) => {
                let number = trial.trial;
                if trials.get(&number).is_some_and(|known| *known != trial) {
                    return Err(SearchError::TwoResults { path: path.to_owned(), trial: number });
                }
                trials.insert(number, trial);
            }
        }
    }
    Ok(subject.map(|subject| (subject, trials)))
}
