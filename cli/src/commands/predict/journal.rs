//! The rows that a forecast has taken, on disk: whatever ends the program, the next run goes on after the last of them.
//!
//! ```text
//! forebay rows 1 MODEL          16 hexadecimal digits of the model's hash, and where it began
//! HASH {"row": 812, ...}        8 hexadecimal digits of the line's hash, and the row in JSON
//! ```
//!
//! A line is written whole before its forecasts are printed, to the system's cache: the end of the program loses no row, the end of the machine may.
//! A last line that is torn was never answered, and is dropped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use forebay_forecast::service::{Service, Step};
use serde::{Deserialize, Serialize};

use super::feed::Row;
use crate::output::{self, count};

/// Rows that are kept in memory to be answered again.
const KEPT: usize = 100_000;

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    taken: BTreeMap<usize, (Row, Vec<Step>)>,
}

/// A row as it is written: missing values are null.
#[derive(Serialize, Deserialize)]
struct Written {
    row: usize,
    targets: Vec<Option<f64>>,
    past: Vec<Option<f64>>,
    ahead: Vec<Option<f64>>,
    /// What was known of the rows from this one on when it was taken.
    known: Vec<Vec<Option<f64>>>,
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..8].to_owned()
}

impl Journal {
    /// Opens or makes the file, and gives the service the rows in it.
    pub(super) fn open(path: &Path, model: &[u8], from_test: bool, service: &mut Service) -> Result<Self> {
        let cannot = || format!("cannot use the state {}", path.display());
        if path.exists() {
            ensure!(path.is_file(), "{}: it is not a regular file", cannot());
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).with_context(cannot)?;
        if file.try_lock().is_err() {
            bail!("{}: another program goes on with it", cannot());
        }
        let place = if from_test { "test" } else { "end" };
        let head = format!("forebay rows 1 {} {place}\n", &blake3::hash(model).to_hex()[..16]);
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(cannot)?;
        let mut journal = Self { path: path.to_owned(), file, taken: BTreeMap::new() };
        if text.is_empty() || head.starts_with(&text) {
            if !text.is_empty() {
                output::tell(format!("{} was cut before its first row, and begins anew", path.display()));
            }
            journal.file.set_len(0).with_context(cannot)?;
            journal.file.seek(SeekFrom::Start(0)).with_context(cannot)?;
            journal.write(&head)?;
            return Ok(journal);
        }
        ensure!(
            text.starts_with("forebay rows "),
            "{}: it is no state of a forecast; name a file that is not there yet",
            cannot()
        );
        let Some(lines) = text.strip_prefix(&head) else {
            bail!("{}: its rows were taken by another model or from another start; name another file", cannot())
        };
        let mut good = head.len();
        for (number, line) in lines.split_inclusive('\n').enumerate() {
            let is_last = good + line.len() == text.len();
            let Some(written) = Written::of(line) else {
                ensure!(is_last && !line.ends_with('\n'), "{}: line {} is damaged", cannot(), number + 2);
                output::tell(format!(
                    "the last line of {} was torn, and is dropped: its row was not answered",
                    path.display()
                ));
                break;
            };
            ensure!(written.row == service.rows(), "{}: line {} is of another row than follows", cannot(), number + 2);
            journal.replay(written, service).with_context(|| format!("{}: line {}", cannot(), number + 2))?;
            good += line.len();
        }
        journal.file.set_len(good as u64).with_context(cannot)?;
        journal.file.seek(SeekFrom::End(0)).with_context(cannot)?;
        if !journal.taken.is_empty() {
            output::tell(format!(
                "{}: goes on after {} taken before",
                path.display(),
                count(journal.taken.len(), "row")
            ));
        }
        Ok(journal)
    }

    fn replay(&mut self, written: Written, service: &mut Service) -> Result<()> {
        let Written { row: number, targets, past, ahead, known } = written;
        let values = |values: Vec<Option<f64>>| values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        for (place, known) in known.into_iter().enumerate() {
            let known: Vec<f64> = values(known);
            service.know(place, &known)?;
        }
        let row = Row { targets: values(targets), past: values(past), ahead: values(ahead) };
        let steps = service.step(&row.targets, &row.past, &row.ahead)?;
        self.keep(number, row, steps);
        Ok(())
    }

    fn keep(&mut self, number: usize, row: Row, steps: Vec<Step>) {
        self.taken.insert(number, (row, steps));
        if self.taken.len() > KEPT {
            self.taken.pop_first();
        }
    }

    /// A row that was taken, and what came of it.
    pub(super) fn taken(&self, row: usize) -> Option<&(Row, Vec<Step>)> {
        self.taken.get(&row)
    }

    /// Writes a row that was taken.
    pub(super) fn push(&mut self, number: usize, row: Row, known: &[Vec<f64>], steps: &[Step]) -> Result<()> {
        let values =
            |values: &[f64]| values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect::<Vec<_>>();
        let written = Written {
            row: number,
            targets: values(&row.targets),
            past: values(&row.past),
            ahead: values(&row.ahead),
            known: known.iter().map(|row| values(row)).collect(),
        };
        let text = serde_json::to_string(&written)?;
        self.write(&format!("{} {text}\n", hash(text.as_bytes())))?;
        self.keep(number, row, steps.to_vec());
        Ok(())
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write the state {}", self.path.display()))
    }
}

impl Written {
    fn of(line: &str) -> Option<Self> {
        let (found, text) = line.strip_suffix('\n')?.split_once(' ')?;
        if found == hash(text.as_bytes()) { serde_json::from_str(text).ok() } else { None }
    }
}
