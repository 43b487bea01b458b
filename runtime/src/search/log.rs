//! The log of a search: a line that says what its trials are of, then a line per finished trial, each with a checksum.
//!
//! ```text
//! {"format":"forebay search","layout":1,"version":"0.1.0","subject":{..},"space":"a=0.0..1.0",...,"check":"0123456789abcdef"}
//! {"trial":0,"budget":1,"values":{"a":0.25},"score":0.5,"check":"fedcba9876543210"}
//! {"trial":1,"budget":1,"values":{"a":0.75},"failed":"the score is NaN","check":"0011223344556677"}
//! ```
//!
//! The check is the first 8 bytes of the keyed BLAKE3 hash of the line without it. The key of a trial is the hash of the first
//! line, so that a line of another log is noticed. Lines stand in the order of one search that nobody disturbed: a log is at all
//! times the beginning of that search's log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{LineError, SearchError};
use super::sampler::{Budgets, Sampler};
use super::space::Space;
use super::trial::{Shard, Subject, Trial};

const FORMAT: &str = "forebay search";
const LAYOUT: u32 = 1;
/// Longest line, in bytes: no more is read into memory at once.
const LONGEST: u64 = 1 << 20;
const CHECK: &str = ",\"check\":\"";
/// Bytes that the check takes at the end of a line: its name, 16 digits, and what closes the line.
const CHECK_BYTES: usize = CHECK.len() + 16 + 2;

/// What a log's trials are of: its first line. Trial and budget, together with this, determine a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Header {
    /// Always `forebay search`.
    pub format: String,
    /// Layout of the lines, 1.
    pub layout: u32,
    /// Version of this crate.
    pub version: String,
    /// What the scores are of.
    pub subject: Subject,
    /// The ranges.
    pub space: Space,
    /// Seed of the values drawn.
    pub seed: u64,
    /// How they are chosen.
    pub sampler: Sampler,
    /// What trials are scored with.
    pub budgets: Budgets,
    /// Number of trials over all shards, with halving; else a log may go on with more.
    pub trials: Option<u64>,
    /// Number of chains.
    pub chains: u64,
    /// Which trials are in this log.
    pub shard: Shard,
}

impl Header {
    pub(super) fn new(subject: Subject, space: Space, seed: u64, sampler: Sampler, budgets: Budgets) -> Self {
        let (format, version) = (FORMAT.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let (trials, chains, shard) = (None, 1, Shard::WHOLE);
        Self { format, layout: LAYOUT, version, subject, space, seed, sampler, budgets, trials, chains, shard }
    }

    /// The first field in which two headers differ, with what each has there.
    pub(super) fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let (a, b) = (self.fields(), other.fields());
        let missing = |name: &str| (name.to_owned(), "none".to_owned());
        let of = |fields: &[(String, String)], name: &str| {
            fields.iter().find(|field| field.0 == name).cloned().unwrap_or_else(|| missing(name)).1
        };
        let names = a.iter().chain(&b).map(|field| field.0.clone());
        names.map(|name| (of(&a, &name), of(&b, &name), name)).find(|(a, b, _)| a != b).map(|(a, b, name)| (name, a, b))
    }

    fn fields(&self) -> Vec<(String, String)> {
        let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        let Subject { task, score, better, arithmetic, data, details } = &self.subject;
        let fields = [
            ("layout", self.layout.to_string()),
            ("version", self.version.clone()),
            ("task", task.clone()),
            ("score", format!("{score} ({better})")),
            ("arithmetic", arithmetic.clone()),
            ("data", data.clone().unwrap_or_else(|| "none".to_owned())),
            ("space", self.space.to_string()),
            ("seed", self.seed.to_string()),
            ("sampler", json(serde_json::to_string(&self.sampler))),
            ("budgets", json(serde_json::to_string(&self.budgets))),
            ("number of trials", self.trials.map_or("any".to_owned(), |trials| trials.to_string())),
            ("number of chains", self.chains.to_string()),
            ("shard", self.shard.to_string()),
        ];
        // A detail may have the name of a field that is always there.
        let is_field = |name: &str| fields.iter().any(|field| field.0 == name);
        let named = |name: &String| if is_field(name) { format!("detail {name}") } else { name.clone() };
        let details: Vec<_> = details.iter().map(|(name, value)| (named(name), value.clone())).collect();
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(details).collect()
    }
}

/// A checked line.
pub(super) struct Logged {
    pub(super) line: usize,
    pub(super) trial: Trial,
}

/// What a file holds.
pub(super) struct Contents {
    pub(super) header: Header,
    pub(super) lines: Vec<Logged>,
    /// Bytes of all whole lines.
    end: u64,
    /// Bytes after the last line end.
    torn: u64,
}

/// A log on disk that nobody else writes, open for more trials.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    key: [u8; 32],
    end: u64,
    torn: u64,
}

impl Log {
    /// Opens the log of this header and gives its lines; a new log if there is none, or if it is to be begun anew. Third: the
    /// bytes of a torn last line.
    pub(super) fn open(path: &Path, header: &Header, anew: bool) -> Result<(Self, Vec<Logged>, u64), SearchError> {
        let fail = |source| SearchError::Log { path: path.to_owned(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(fail)?;
        lock(file.try_lock(), path)?;
        if anew {
            file.set_len(0).map_err(fail)?;
        }
        let first = seal(&root(), &json(header));
        let (contents, torn) = match read(&file, path)? {
            Reading::Log(contents) => {
                let (lines, torn) = (contents.lines, contents.torn);
                if let Some((field, found, expected)) = contents.header.difference(header) {
                    return Err(SearchError::OtherSearch { path: path.to_owned(), field, found, expected });
                }
                (Some((lines, contents.end)), torn)
            }
            // Killed while it wrote its very first line.
            Reading::Torn(bytes) if first.as_bytes().starts_with(&bytes) => (None, bytes.len() as u64),
            Reading::Torn(_) => return Err(SearchError::NoLog { path: path.to_owned() }),
        };
        let key = key_of(&first);
        let mut log = Self { path: path.to_owned(), file, key, end: 0, torn };
        if let Some((lines, end)) = contents {
            log.end = end;
            return Ok((log, lines, torn));
        }
        log.write(&first)?;
        Ok((log, Vec::new(), torn))
    }

    /// Adds a finished trial, in one write: a search that is killed leaves whole lines, or one that is torn.
    pub(super) fn append(&mut self, trial: &Trial) -> Result<(), SearchError> {
        self.write(&seal(&self.key, &json(trial)))
    }

    /// Drops what is left of a torn line, if nothing was added since.
    pub(super) fn finish(&mut self) -> Result<(), SearchError> {
        self.drop_torn().map_err(|source| SearchError::Log { path: self.path.clone(), source })
    }

    fn write(&mut self, line: &str) -> Result<(), SearchError> {
        let done = self.drop_torn().and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
        let done = done.and_then(|_| self.file.write_all(line.as_bytes()));
        done.map_err(|source| SearchError::Log { path: self.path.clone(), source })?;
        self.end += line.len() as u64;
        Ok(())
    }

    fn drop_torn(&mut self) -> io::Result<()> {
        if self.torn > 0 {
            self.file.set_len(self.end)?;
            self.torn = 0;
        }
        Ok(())
    }
}

/// Reads a log that nobody writes; `None` if it is empty, or holds no whole line.
pub(super) fn read_path(path: &Path) -> Result<Option<Contents>, SearchError> {
    let file = File::open(path).map_err(|source| SearchError::Log { path: path.to_owned(), source })?;
    lock(file.try_lock_shared(), path)?;
    match read(&file, path)? {
        Reading::Log(contents) => Ok(Some(*contents)),
        Reading::Torn(bytes) if bytes.is_empty() => Ok(None),
        Reading::Torn(_) => Err(SearchError::NoLog { path: path.to_owned() }),
    }
}

/// The text of a whole log.
pub(super) fn text<'t>(header: &Header, trials: impl IntoIterator<Item = &'t Trial>) -> String {
    let mut text = seal(&root(), &json(header));
    let key = key_of(&text);
    trials.into_iter().for_each(|trial| text.push_str(&seal(&key, &json(trial))));
    text
}

/// What is in a log, from its bytes: its header, its trials, and the bytes of a torn last line. `None` of no bytes.
///
/// Lines are checked one by one, not whether they are those of the header's search.
///
/// # Errors
/// [`SearchError`] for bytes that are no log, or a damaged one.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, Vec<Trial>, u64)>, SearchError> {
    let path = Path::new("(bytes)");
    match read(bytes, path)? {
        Reading::Log(log) => Ok(Some((log.header, log.lines.into_iter().map(|line| line.trial).collect(), log.torn))),
        Reading::Torn(bytes) if bytes.is_empty() => Ok(None),
        Reading::Torn(_) => Err(SearchError::NoLog { path: path.to_owned() }),
    }
}

/// A log, or the bytes of a file without a line end.
enum Reading {
    Log(Box<Contents>),
    Torn(Vec<u8>),
}

fn read(source: impl Read, path: &Path) -> Result<Reading, SearchError> {
    let fail = |source| SearchError::Log { path: path.to_owned(), source };
    let bad = |line, why| SearchError::Line { path: path.to_owned(), line, why };
    let mut reader = BufReader::new(source);
    let mut bytes = Vec::new();
    let mut next = |bytes: &mut Vec<u8>| -> Result<bool, SearchError> {
        bytes.clear();
        reader.by_ref().take(LONGEST).read_until(b'\n', bytes).map_err(fail)?;
        Ok(bytes.pop_if(|last| *last == b'\n').is_some())
    };
    if !next(&mut bytes)? {
        // A first line of any length is none of ours.
        return Ok(Reading::Torn(bytes));
    }
    let mut end = bytes.len() as u64 + 1;
    let (header, key) = first_line(&bytes, path)?;
    let mut lines = Vec::new();
    for line in 2.. {
        if !next(&mut bytes)? {
            break;
        }
        end += bytes.len() as u64 + 1;
        let body = unseal(&key, &bytes).map_err(|why| bad(line, why))?;
        let trial = serde_json::from_str(&body).map_err(|error| bad(line, LineError::Trial(error.to_string())))?;
        lines.push(Logged { line, trial });
    }
    if bytes.len() as u64 == LONGEST {
        return Err(bad(lines.len() + 2, LineError::Form));
    }
    Ok(Reading::Log(Box::new(Contents { header, lines, end, torn: bytes.len() as u64 })))
}

/// What a first line of any version has.
#[derive(Deserialize)]
struct Mark {
    layout: u32,
    version: String,
}

/// What a first line says, and the key of the lines below.
fn first_line(bytes: &[u8], path: &Path) -> Result<(Header, [u8; 32]), SearchError> {
    let path = path.to_owned();
    let body = match unseal(&root(), bytes) {
        Ok(body) => body,
        Err(why) if bytes.starts_with(b"{\"format\":\"forebay search\"") => {
            return Err(SearchError::Line { path, line: 1, why });
        }
        Err(_) if bytes.starts_with(b"{\"search\":") || bytes.starts_with(b"{\"trial\":") => {
            return Err(SearchError::OldLog { path });
        }
        Err(_) => return Err(SearchError::NoLog { path }),
    };
    // Another version may have other fields.
    let mark = serde_json::from_str::<Mark>(&body);
    match (serde_json::from_str(&body), mark) {
        (Ok(header), _) => Ok((header, hash(&root(), &body))),
        (Err(_), Ok(Mark { layout, version })) if layout != LAYOUT || version != env!("CARGO_PKG_VERSION") => {
            let (found, expected) = (format!("{version}, layout {layout}"), env!("CARGO_PKG_VERSION"));
            let expected = format!("{expected}, layout {LAYOUT}");
            Err(SearchError::OtherSearch { path, field: "version".to_owned(), found, expected })
        }
        (Err(error), _) => Err(SearchError::Line { path, line: 1, why: LineError::Header(error.to_string()) }),
    }
}

fn lock(locked: Result<(), TryLockError>, path: &Path) -> Result<(), SearchError> {
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SearchError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(SearchError::Log { path: path.to_owned(), source }),
    }
}

/// Names and numbers only: writing them down cannot fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and maps with names")
}

fn root() -> [u8; 32] {
    blake3::derive_key("forebay search log v1", &[])
}

/// The key of the lines below this first line.
fn key_of(first: &str) -> [u8; 32] {
    hash(&root(), &(first[..first.len() - 1 - CHECK_BYTES].to_owned() + "}"))
}

fn hash(key: &[u8; 32], body: &str) -> [u8; 32] {
    blake3::keyed_hash(key, body.as_bytes()).into()
}

fn check(key: &[u8; 32], body: &str) -> String {
    let first = u64::from_be_bytes(hash(key, body)[..8].try_into().expect("a hash is longer"));
    format!("{first:016x}")
}

/// An object with its check as the last field, and a line end.
fn seal(key: &[u8; 32], body: &str) -> String {
    format!("{}{CHECK}{}\"}}\n", &body[..body.len() - 1], check(key, body))
}

/// The object as it was before its check.
fn unseal(key: &[u8; 32], line: &[u8]) -> Result<String, LineError> {
    let (body, end) = line.split_at_checked(line.len().wrapping_sub(CHECK_BYTES)).ok_or(LineError::Form)?;
    let end = end.strip_prefix(CHECK.as_bytes()).and_then(|end| end.strip_suffix(b"\"}")).ok_or(LineError::Form)?;
    let body = std::str::from_utf8(body).map_err(|_| LineError::Checksum)?.to_owned() + "}";
    if check(key, &body).as_bytes() == end { Ok(body) } else { Err(LineError::Checksum) }
}
