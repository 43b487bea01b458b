//! What commands print and write.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use forebay::disk;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

static TAKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a line that says what was taken of an input, for the end of a command that succeeds: a failure is told in one line.
pub(crate) fn tell(line: String) {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

/// Keeps lines about a file.
pub(crate) fn tell_of(file: &Path, notes: Vec<String>) {
    for note in notes {
        tell(format!("{}: {note}", file.display()));
    }
}

/// The lines that were kept, each once.
pub(crate) fn take_told() -> Vec<String> {
    let mut lines = std::mem::take(&mut *TAKEN.lock().unwrap_or_else(PoisonError::into_inner));
    lines.dedup();
    lines
}

/// Prints text to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Whether a reader such as `head` closed the pipe, which is no failure.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}

/// Writes a file aside, then renames it: it is there whole or not at all. Links are followed, and pipes written into.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(disk::write_aside(path, bytes)?)
}

/// Writes files that belong together: each whole and beside its place, before the first takes its name.
pub(crate) fn write_together(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let written: Result<Vec<_>, _> = files.iter().map(|(path, bytes)| disk::Aside::write(path, bytes)).collect();
    for file in written? {
        file.persist()?;
    }
    Ok(())
}

/// Whether a folder for results could be made and written to, so that a long run does not end in vain.
pub(crate) fn check_folder(path: &Path) -> Result<()> {
    // The last ancestor of a relative path is empty: the folder we are in.
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(there).with_context(|| format!("cannot write into the folder {}", path.display()))?;
    Ok(())
}

/// Makes a folder for results.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// A bar on standard error, if that is a terminal.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} {eta}");
    let bar = ProgressBar::new(length).with_message(what);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Rows of text in columns, the first left-aligned, the others right-aligned.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            let cell = if c == 0 { format!("{cell}{pad}") } else { format!("  {pad}{cell}") };
            text.push_str(&cell);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// A number of things: `1 step`, `2 steps`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A number with enough digits to compare, without a tail of noise.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || !value.is_finite() => format!("{value}"),
        v if (1e-3..1e5).contains(&v) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// The processor's name, as the kernel tells it.
pub(crate) fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}
