//! What can be wrong with the data that a matrix is made from.

use thiserror::Error;

/// Why a matrix could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The number of values is not `rows * columns`.
    #[error("a {rows} x {columns} matrix cannot be made from {found} values")]
    Values {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Values given.
        found: usize,
    },
    /// More rows or columns than the kernels count.
    #[error("a {rows} x {columns} matrix is too large; each side is at most {limit}")]
    TooLarge {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// The most of each.
        limit: usize,
    },
    /// There is not one row start for each row and one for the end.
    #[error("{rows} rows need {} row starts, found {found}", rows + 1)]
    RowStarts {
        /// Rows asked for.
        rows: usize,
        /// Row starts given.
        found: usize,
    },
    /// A row does not start at or after the start of the one before, or the last does not end with the data.
    #[error("row {row} spans entries {start}..{end} of {entries}")]
    RowRange {
        /// The row.
        row: usize,
        /// Its first entry.
        start: usize,
        /// One past its last entry.
        end: usize,
        /// Entries given.
        entries: usize,
    },
    /// Columns and values differ in number.
    #[error("{columns} column numbers come with {values} values")]
    Entries {
        /// Column numbers given.
        columns: usize,
        /// Values given.
        values: usize,
    },
    /// A column number is not below the number of columns.
    #[error("row {row} names column {column} of {columns}")]
    Column {
        /// The row.
        row: usize,
        /// The column number found.
        column: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// The columns of a row do not strictly ascend.
    #[error("row {row} names column {column} after column {previous}")]
    Order {
        /// The row.
        row: usize,
        /// The column number found.
        column: usize,
        /// The one before it.
        previous: usize,
    },
}
