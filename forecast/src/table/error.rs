//! Why a file is no table of series, by what is wrong: its bytes, its cells, its columns, its clock, its array.

mod array;
mod cell;
mod clock;
mod column;
mod format;

pub use self::array::ArrayError;
pub use self::cell::CellError;
pub use self::clock::ClockError;
pub use self::column::ColumnError;
pub use self::format::FormatError;

/// Why a file cannot be read as series; each says in one line what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Its bytes are no rows of cells.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Cells are no values.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// Columns are not there, or not one series.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// It is an array of numpy that is no series.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Its clock does not say what time each row is of.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// As much of a cell as fits into a line.
pub(super) fn shown(cell: &str) -> String {
    // Control characters would break the line it is told in.
    let mut text: String = cell.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.chars().nth(40).is_some() {
        text.push_str("..");
    }
    text
}
