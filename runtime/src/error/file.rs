//! What can be wrong with files.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// Why a file cannot be written, or what it holds cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// Read or write.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a file of this format, or a damaged one.
    #[error("not a usable {format}: {why}")]
    Format {
        /// What was expected.
        format: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A version this program does not read.
    #[error("the model file has version {found}, this program reads up to version {known}: use a newer forebay")]
    Version {
        /// The file's version.
        found: u32,
        /// The version read.
        known: u32,
    },
    /// A model file of another length than its header says.
    #[error("the model file has {found} bytes, its header speaks of {expected}: it is cut off or damaged")]
    Length {
        /// Bytes that the header speaks of.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A tensor that does not fit the graph.
    #[error("tensor {tensor:?}: expected {expected}, found {found}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What the graph needs.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A tensor that the graph does not need.
    #[error("the model file holds tensor {tensor:?}, which its graph does not need: graph and weights differ")]
    Surplus {
        /// Its name.
        tensor: String,
    },
    /// An array to import that is not there.
    #[error("there is no array {array:?}, only {available}: name yours by the options")]
    Missing {
        /// The name looked for.
        array: String,
        /// The names there are.
        available: String,
    },
    /// An array to import of another type, shape or value.
    #[error("{array}: expected {expected}, found {found}")]
    Array {
        /// Its name.
        array: String,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An array to import whose shape fits several meanings.
    #[error("{array} of {shape} could be {means}: say which ({say})")]
    Ambiguous {
        /// Its name.
        array: String,
        /// Its shape.
        shape: String,
        /// What it could be.
        means: String,
        /// The option of [`ImportOptions`](crate::model::import::ImportOptions) that says it.
        say: &'static str,
    },
    /// Arrays or keys that nothing uses.
    #[error("the file also holds {what} that nothing uses: {names}; if the model does not need them, say so (ignored)")]
    Unused {
        /// Arrays or keys.
        what: &'static str,
        /// Their names.
        names: String,
    },
    /// A file whose bytes are not those that were written.
    #[error(
        "it was damaged or edited: its checksum is that of other bytes (what was edited by hand has no key checksum)"
    )]
    Checksum,
    /// Two arrays to import that say the same thing.
    #[error("{one} and {other} both give {what}: leave one of them out")]
    Twice {
        /// What is given twice.
        what: &'static str,
        /// Where.
        one: String,
        /// And where else.
        other: String,
    },
    /// Something the target format cannot hold.
    #[error("this model cannot be written as {format}: {why}")]
    NotExpressible {
        /// The format.
        format: &'static str,
        /// What does not fit.
        why: String,
    },
}

impl FileError {
    pub(crate) fn format(format: &'static str, why: &dyn Display) -> Self {
        // The text of a library may have several lines and quote the file at length; one short line is promised.
        let words = why.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Format { format, why: shortened(&words, LONGEST_TEXT) }
    }

    pub(crate) fn array(array: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Array { array: array.to_owned(), expected: expected.into(), found: found.into() }
    }

    /// `Err` if there are names of things that nothing uses.
    pub(crate) fn unless_unused(what: &'static str, names: &[String]) -> Result<(), Self> {
        if names.is_empty() {
            return Ok(());
        }
        let mut told: Vec<String> = names.iter().take(MOST_NAMES).map(|name| shortened_name(name)).collect();
        if names.len() > told.len() {
            told.push(format!("{} more", names.len() - told.len()));
        }
        Err(Self::Unused { what, names: told.join(", ") })
    }

    pub(crate) fn tensor(tensor: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.to_owned(), expected: expected.into(), found: found.into() }
    }
}

/// A name out of a file for an error: one short line.
pub(crate) fn shortened_name(name: &str) -> String {
    shortened(&name.escape_debug().to_string(), LONGEST_NAME)
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}..", &text[..end]),
    }
}

const LONGEST_TEXT: usize = 200;
const LONGEST_NAME: usize = 40;
/// Names listed in an error.
const MOST_NAMES: usize = 12;
