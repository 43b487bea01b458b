//! Cells that are no values of a series.

/// Cells that are no values of a series.
///
/// Lines count from 1, as an editor counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CellError {
    /// `12,345` may be twelve or twelve thousand.
    #[error(
        "column {column:?}: {cell:?} on line {line} can be a number with decimals or one of thousands, and no other cell tells: use --decimal \
         comma or --decimal point"
    )]
    DecimalOrThousands {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// The cell.
        cell: String,
    },
    /// A cell that is no number in a column of numbers.
    #[error(
        "line {line}, column {column:?}: {cell:?} is no finite number, as {numbers} others there are ({bad} such cells): if it means \
         a missing value use --missing {cell:?}, if the column is not wanted name others with --columns"
    )]
    BadCell {
        /// The column.
        column: String,
        /// The first line with such a cell.
        line: usize,
        /// The cell.
        cell: String,
        /// Cells that are no numbers.
        bad: usize,
        /// Cells that are.
        numbers: usize,
    },
    /// A column that was asked for holds no numbers.
    #[error("line {line}, column {column:?}: {cell:?} is no finite number")]
    NoNumber {
        /// The column.
        column: String,
        /// The first line without a number.
        line: usize,
        /// What stands there.
        cell: String,
    },
    /// Some cells of a column have a percent or currency sign and others have none, or another.
    #[error(
        "line {line}, column {column:?}: {cell:?} and {other:?} on line {other_line} are of different units: write them alike, or leave the column \
         out with --columns"
    )]
    MixedUnits {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// Its cell.
        cell: String,
        /// A line with another unit.
        other_line: usize,
        /// Its cell.
        other: String,
    },
    /// Missing values.
    #[error(
        "column {column:?} misses {count} value(s), first on line {line}: use --fill hold (the value before), --fill linear (which looks \
         ahead), --fill mark where gaps may stay, or remove those lines"
    )]
    Missing {
        /// The column.
        column: String,
        /// How many.
        count: usize,
        /// The first line.
        line: usize,
    },
    /// Missing values with nothing before them.
    #[error(
        "column {column:?} begins with {count} missing value(s), from line {line}: there is nothing to hold, so remove those lines or use \
         --fill linear, which looks ahead"
    )]
    NothingToHold {
        /// The column.
        column: String,
        /// How many.
        count: usize,
        /// The first line.
        line: usize,
    },
    /// A column without any value.
    #[error("column {column:?} holds no values")]
    NoValues {
        /// The column.
        column: String,
    },
}
