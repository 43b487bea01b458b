//! Arrays of numpy that are no series.

/// Arrays of numpy that are no series; rows count from 0, as numpy counts them, columns from 1, as options do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The file is damaged, or holds another type or more dimensions.
    #[error("the array of numpy cannot be used: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// An option that speaks of what arrays have not.
    #[error("{option} says how text is read: leave it out for an array of numpy, which has numbers alone")]
    Option {
        /// The option.
        option: &'static str,
    },
    /// An infinite value.
    #[error("row {row} of {column} is infinite: make it NaN if it is missing, or name other columns with --columns")]
    Infinite {
        /// The column.
        column: String,
        /// The first such row.
        row: usize,
    },
    /// Missing values.
    #[error(
        "{column} has {count} value(s) that are NaN, first in row {row}: use --fill hold (the value before), --fill linear (which looks ahead), or \
         --fill mark where gaps may stay"
    )]
    Missing {
        /// The column.
        column: String,
        /// How many.
        count: usize,
        /// The first row.
        row: usize,
    },
    /// Missing values with nothing before them.
    #[error(
        "{column} begins with {count} value(s) that are NaN: there is nothing to hold, so remove those rows or use --fill linear, which looks ahead"
    )]
    NothingToHold {
        /// The column.
        column: String,
        /// How many.
        count: usize,
    },
    /// A column without any value.
    #[error("{column} holds nothing but NaN")]
    NoValues {
        /// The column.
        column: String,
    },
}
