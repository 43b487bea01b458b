//! Why bytes are no rows of cells.

/// Why bytes are no rows of cells.
///
/// Lines count from 1, as an editor counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes are another format's.
    #[error("the file is {what}: {next}")]
    OtherFormat {
        /// The format.
        what: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The bytes are no UTF-8.
    #[error(
        "the file is not UTF-8 text from byte {byte} on: if it is Latin-1, convert it with iconv -f latin1 -t utf-8"
    )]
    Encoding {
        /// The first byte that is none.
        byte: usize,
    },
    /// A compressed file is damaged.
    #[error("the gzip file cannot be expanded: {reason}")]
    Gzip {
        /// What the decoder says.
        reason: String,
    },
    /// More bytes than are read.
    #[error("the file has more than {most} bytes of text: cut out the columns or rows that are wanted")]
    TooLong {
        /// Most bytes.
        most: usize,
    },
    /// More columns than are taken together.
    #[error(
        "the file has {columns} columns and about {rows} lines; all of them together would need {megabytes} MB in training for each \
         thread, and more than {most} columns are not taken unless they are named: choose some with --columns"
    )]
    TooWide {
        /// Columns of the first line.
        columns: usize,
        /// Lines of the file.
        rows: usize,
        /// Size of the sums of one training, `8 (2 columns)^2` bytes.
        megabytes: usize,
        /// Most columns.
        most: usize,
    },
    /// More cells than are kept.
    #[error("the file has about {cells} cells, more than {most}: cut out the columns or rows that are wanted")]
    TooManyCells {
        /// Cells of the first line times lines.
        cells: usize,
        /// Most cells.
        most: usize,
    },
    /// No line with cells.
    #[error("the file is empty{but}: it needs one line per step, best below a header")]
    Empty {
        /// What there is instead of data, or nothing.
        but: String,
    },
    /// A series needs two steps.
    #[error("the file has {rows} line(s) of data: a series needs at least 2")]
    TooShort {
        /// Lines of data.
        rows: usize,
    },
    /// A line with another number of cells.
    #[error("line {line} has {found} cells, the first line has {expected}: every line needs the same ({text:?})")]
    Ragged {
        /// The line.
        line: usize,
        /// Its cells.
        found: usize,
        /// Cells of the first line.
        expected: usize,
        /// Its beginning.
        text: String,
    },
    /// A quote that is not closed where it should be.
    #[error(
        "a quote (\") that opens on line {line} is not closed as it should be: quotes inside of quoted cells are doubled"
    )]
    Quote {
        /// The line.
        line: usize,
    },
    /// A line of JSON that is no row.
    #[error("line {line} is no row of JSON Lines: {reason}")]
    Json {
        /// The line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Cells that can be one number or two.
    #[error(
        "line {line} can be read in several ways: {text:?} is two numbers (--delimiter {delimiter}), or one with decimals or groups of digits \
         (--delimiter none --decimal comma, or point): say which"
    )]
    NumberOrTwo {
        /// The line.
        line: usize,
        /// What stands on it.
        text: String,
        /// The delimiter it may have.
        delimiter: &'static str,
    },
}
