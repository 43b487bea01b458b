//! Columns that are not there, or not one series.

/// Columns that are not there, or not one series.
///
/// Lines count from 1, as an editor counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// A column that was asked for and is not there.
    #[error("there is no column {name:?}; there is {there}")]
    NoSuchColumn {
        /// What was asked for.
        name: String,
        /// The columns.
        there: String,
    },
    /// A name that several columns have.
    #[error("{count} columns are named {name:?}: {instead}")]
    AmbiguousName {
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
        /// What to do.
        instead: &'static str,
    },
    /// A column that is named twice.
    #[error("column {name:?} is named twice: name every column once")]
    NamedTwice {
        /// The name.
        name: String,
    },
    /// Names are wanted of a file that has none.
    #[error("the first line names no columns: it needs a header with {wanted}")]
    NoNames {
        /// The names.
        wanted: String,
    },
    /// No column is a series.
    #[error("no column holds only numbers that vary: name one with --columns ({reasons})")]
    NoSeries {
        /// Each column with what it is.
        reasons: String,
    },
    /// Several series in one file.
    #[error(
        "{count} series under each other in column {column:?} ({values}): choose one with --id {example:?}, or use --id none to take \
         all rows as one series"
    )]
    Stacked {
        /// The column that tells them apart.
        column: String,
        /// How many there are.
        count: usize,
        /// The first ones.
        values: String,
        /// A choice.
        example: String,
    },
    /// A series that is not there.
    #[error("there is no series {value:?} in column {column:?}; there is {there}")]
    NoSuchSeries {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What there is.
        there: String,
    },
    /// Several series where one is read.
    #[error("one series is read at a time: choose one of the {count} in column {column:?} with --id {example:?}")]
    SeveralSeries {
        /// The column.
        column: String,
        /// How many there are.
        count: usize,
        /// A choice.
        example: String,
    },
}
