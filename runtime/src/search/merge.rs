//! One log from the logs of all shards.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::{LineError, MergeError, SearchError};
use super::log::{Contents, Header, Logged, read_path, text};
use super::study::Study;
use super::trial::{Found, Shard, Trial, ranked};

/// Writes the log that one run of the whole search would have written, from the finished logs of its shards, to a new file.
///
/// Each log must be of another shard of the same search; every trial must be what the search draws.
///
/// # Errors
/// [`SearchError`] for a log that cannot be read, or that is of another search, damaged, or in use; [`MergeError`] for logs that
/// do not add up to a whole search: trial k may be missing only if all later ones are; and if the new file exists already.
pub fn merge(logs: &[PathBuf], to: &Path) -> Result<Found, SearchError> {
    let fail = |source| SearchError::Log { path: to.to_owned(), source };
    if to.exists() {
        return Err(MergeError::Exists { path: to.to_owned() }.into());
    }
    let mut read = Vec::new();
    for path in logs {
        let contents = read_path(path)?.ok_or_else(|| MergeError::Empty { path: path.clone() })?;
        read.push((path, contents));
    }
    let header = whole(&read)?;
    let mut lines: Vec<Logged> = read.into_iter().flat_map(|(_, contents)| contents.lines).collect();
    lines.sort_by_key(|line| (line.trial.budget, line.trial.trial));
    let better = header.subject.better;
    let trials = verified(header.clone(), logs.len() as u64, lines, to)?;
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(text(&header, &trials).as_bytes()).map_err(fail)?;
    file.persist_noclobber(to).map_err(|error| fail(error.error))?;
    let resumed = trials.len();
    Ok(Found { ranked: ranked(trials, better), resumed, beyond: 0, torn: 0 })
}

/// The header of the whole search, if the logs are one of each of its shards.
fn whole(logs: &[(&PathBuf, Contents)]) -> Result<Header, SearchError> {
    let Some((_, first)) = logs.first() else { return Err(MergeError::Count { shards: 1, found: 0 }.into()) };
    let shards = first.header.shard.of;
    for (index, (path, Contents { header, .. })) in logs.iter().enumerate() {
        let shard = header.shard;
        let expected = Header { shard: Shard { index: shard.index, of: shards }, ..first.header.clone() };
        if let Some((field, found, expected)) = header.difference(&expected) {
            return Err(SearchError::OtherSearch { path: (*path).clone(), field, found, expected });
        }
        if logs[..index].iter().any(|(_, earlier)| earlier.header.shard == shard) {
            return Err(MergeError::Twice { path: (*path).clone(), shard: shard.index }.into());
        }
    }
    if logs.len() as u64 != shards {
        return Err(MergeError::Count { shards, found: logs.len() }.into());
    }
    Ok(Header { shard: Shard::WHOLE, ..first.header.clone() })
}

/// The trials, if they are those of the search without a gap.
fn verified(header: Header, shards: u64, lines: Vec<Logged>, path: &Path) -> Result<Vec<Trial>, SearchError> {
    let last = lines.iter().map(|line| line.trial.trial).max().unwrap_or(0);
    let study = Study::of(header, last.saturating_add(1));
    let missing = |trial, budget, shard| MergeError::Missing { trial, budget, shard }.into();
    let shard_of = |trial: u64| trial % shards;
    study.verify(lines, path, |trial, budget| missing(trial, budget, shard_of(trial))).map_err(|error| match error {
        SearchError::Line { why: LineError::Order { expected: Some((trial, budget)), .. }, .. } => {
            missing(trial, budget, shard_of(trial))
        }
        other => other,
    })
}

/// What a log holds, its trials best first.
///
/// # Errors
/// [`SearchError`] for a log that cannot be read, is damaged, or in use; [`MergeError::Empty`] for an empty one. Whether its trials
/// are what its search draws is seen when it goes on.
pub fn read(path: &Path) -> Result<(Header, Vec<Trial>), SearchError> {
    let contents = read_path(path)?.ok_or_else(|| MergeError::Empty { path: path.to_owned() })?;
    let trials: Vec<Trial> = contents.lines.into_iter().map(|line| line.trial).collect();
    let better = contents.header.subject.better;
    Ok((contents.header, ranked(trials, better)))
}
