//! Real series, shipped with source and licence; see `zoo/data/README.md`.
//!
//! ```
//! let sunspots = forebay_zoo::data::load("sunspots")?;
//! assert_eq!(sunspots.values.dim(), (3120, 1));
//! assert_eq!(sunspots.season, Some(132)); // the solar cycle of about eleven years
//! # Ok::<(), forebay_zoo::data::DataError>(())
//! ```

mod laser;
mod series;
mod vowels;

pub use laser::{parse_laser, santa_fe_laser};
pub use series::{Dataset, load, names};
pub use vowels::{Sequence, Vowels, japanese_vowels, parse_vowels};

use std::io;
use std::path::PathBuf;

/// Why data cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No data set of this name.
    #[error("no data set named {name:?}; there is {available}{}", nearest.as_ref().map_or(String::new(), |n| format!(" (did you mean {n}?)")))]
    Unknown {
        /// The name given.
        name: String,
        /// The names that exist.
        available: String,
        /// The most similar name, if one is close.
        nearest: Option<&'static str>,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that does not follow the format.
    #[error("line {line} holds {found:?}, expected {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What the format asks for.
        expected: &'static str,
        /// The start of what is there.
        found: String,
    },
    /// Bytes that are no text.
    #[error("the file is not UTF-8 text from byte {at} on: save it as plain text")]
    NotText {
        /// The first bad byte.
        at: usize,
    },
    /// A `.npy` file that cannot be taken apart.
    #[error("the .npy file cannot be taken apart")]
    Npy {
        /// Why.
        source: Box<forebay::Error>,
    },
    /// A value outside the range of the series.
    #[error("step {step} holds {value}, expected {expected}")]
    Value {
        /// The step, from 0.
        step: usize,
        /// The value.
        value: f64,
        /// What the series consists of.
        expected: &'static str,
    },
    /// An array of another width than the series.
    #[error("the array has {found} columns, expected {expected}")]
    Columns {
        /// Columns of the series.
        expected: usize,
        /// Columns there are.
        found: usize,
    },
    /// A file that is longer than the series can be.
    #[error("{path} is longer than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// No values at all.
    #[error("the file holds no values")]
    Empty,
}

impl DataError {
    fn line(line: usize, expected: &'static str, found: &str) -> Self {
        Self::Line { line, expected, found: found.chars().take(40).collect() }
    }
}
