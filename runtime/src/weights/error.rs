//! What can be wrong with a weight matrix.

pub(super) const MAX_COLUMNS: usize = u32::MAX as usize;

/// What is wrong with the arrays or numbers of a weight matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Column numbers have 32 bits.
    #[error("{columns} columns: at most {MAX_COLUMNS} are possible")]
    TooManyColumns {
        /// Columns asked for.
        columns: usize,
    },
    /// `row_starts` needs one entry per row and one more.
    #[error("{found} row starts for {rows} rows: one more than rows is needed")]
    RowStarts {
        /// Rows of the matrix.
        rows: usize,
        /// Length of `row_starts`.
        found: usize,
    },
    /// Every entry needs a column and a value.
    #[error("{columns} columns but {values} values")]
    Entries {
        /// Length of `columns`.
        columns: usize,
        /// Length of `values`.
        values: usize,
    },
    /// `row_starts` must go from 0 to the number of entries.
    #[error("row starts go from {first} to {last}, expected 0 to {entries}")]
    RowStartEnds {
        /// First row start.
        first: usize,
        /// Last row start.
        last: usize,
        /// Number of entries.
        entries: usize,
    },
    /// A row ends before it starts.
    #[error("row {row} ends before it starts")]
    RowDescends {
        /// The row.
        row: usize,
    },
    /// The columns of a row must be strictly ascending and inside the matrix.
    #[error("columns of row {row} are not strictly ascending below {columns}")]
    RowColumns {
        /// The row.
        row: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// An entry is NaN or infinite.
    #[error("entry at row {row}, column {column} is not finite")]
    NotFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
    },
    /// A vector does not fit the matrix.
    #[error("vector has {found} entries, expected {expected}")]
    VectorLength {
        /// Length found.
        found: usize,
        /// Length needed.
        expected: usize,
    },
}

/// Refuses a vector that does not fit the matrix.
pub(super) fn check_length<T>(vector: &[T], expected: usize) -> Result<(), WeightsError> {
    if vector.len() == expected { Ok(()) } else { Err(WeightsError::VectorLength { found: vector.len(), expected }) }
}
