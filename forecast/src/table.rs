//! Reading files of people and simulation codes: which columns are series, which is the clock, and what every cell means.
//!
//! Nothing is guessed in silence. What the file says for certain is taken and told, a line per column ([`Table::lines`]); what it
//! leaves open, and what would change the meaning of the rows (gaps, doubled times, several series under each other, numbers that
//! can be read in two ways), is refused with the option of [`Reading`] that settles it. The rules are in specs/reading.md.
//!
//! ```
//! use forebay_forecast::table::{Reading, read};
//!
//! let text = "time;load;note\n2024-01-01 00:00;10,5;ok\n2024-01-01 01:00;11,25;ok\n2024-01-01 02:00;9,75;ok\n";
//! let table = read(text.as_bytes(), &Reading::default())?;
//! assert_eq!((table.names(), table.values[[1, 0]]), (vec!["load".to_owned()], 11.25));
//! assert_eq!(
//!     table.lines(),
//!     [
//!         "time  clock   every hour from 2024-01-01 00:00 to 2024-01-01 02:00, no gaps",
//!         "load  series  numbers with decimal commas",
//!         "note  left out: text (\"ok\" on line 2)",
//!     ]
//! );
//! # Ok::<(), forebay_forecast::table::TableError>(())
//! ```

mod array;
mod build;
mod candidates;
mod cells;
mod clock;
mod column;
mod delimiter;
mod error;
mod fill;
mod format;
mod formats;
mod grid;
mod header;
mod instant;
mod json;
mod label;
mod lines;
mod number;
mod options;
mod preamble;
mod role;
mod roles;
mod rows;
mod rule;
mod series;
mod source;
mod stacked;
mod steps;
mod time;

pub use self::array::of_array;
pub use self::clock::Clock;
use self::column::{Judged, Kind};
pub use self::error::{ArrayError, CellError, ClockError, ColumnError, FormatError, TableError};
use self::grid::Grid;
pub use self::instant::Fields;
pub use self::options::{Choice, ClockChoice, Decimal, Delimiter, Duplicates, Fill, Gaps, Header, IdChoice, Reading};
pub use self::role::{LeftOut, Role};
pub use self::rule::{ClockRule, RuleError};
pub use self::series::{Column, Table};
pub use self::steps::Step;

/// Reads one series, of one or several columns: text, or an array of numpy (`.npy`), also compressed by gzip.
///
/// # Errors
/// [`TableError`], one line that says what is wrong, where, and what to do; any bytes are a good table or refused.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Table, TableError> {
    let bytes = source::expanded(bytes)?;
    if array::is_array(&bytes) {
        return array::of_bytes(&bytes, reading);
    }
    let (grid, judged) = open(&bytes, reading)?;
    match &reading.id {
        IdChoice::Told | IdChoice::Without => build::build(&grid, &judged, reading, None),
        IdChoice::Column(name) => {
            let column = roles::find(&grid, name, true)?;
            let groups = stacked::groups(&grid, column);
            let example = stacked::example(&grid.title(column), &groups[0].0);
            Err(TableError::Column(ColumnError::SeveralSeries {
                column: grid.title(column),
                count: groups.len(),
                example,
            }))
        }
        IdChoice::Series { column, value } => {
            let column = roles::find(&grid, column, true)?;
            let groups = stacked::groups(&grid, column);
            let found = groups.iter().find(|(cell, _)| number::is_same(cell, value)).ok_or_else(|| {
                let (column, there) = (grid.title(column), stacked::values(&groups));
                TableError::Column(ColumnError::NoSuchSeries { column, value: value.clone(), there })
            })?;
            of_rows(&grid, &judged, reading, column, &found.1)
        }
    }
}

/// Reads all series of a file that stand under each other: each with its value in the column that [`IdChoice::Column`] names, in
/// the order in which they begin. Without such a choice it is the one series of [`read`], with an empty value.
///
/// # Errors
/// Those of [`read`], for the first series that has one.
pub fn read_all(bytes: &[u8], reading: &Reading) -> Result<Vec<(String, Table)>, TableError> {
    let IdChoice::Column(name) = &reading.id else { return Ok(vec![(String::new(), read(bytes, reading)?)]) };
    let bytes = source::expanded(bytes)?;
    if array::is_array(&bytes) {
        return Ok(vec![(String::new(), array::of_bytes(&bytes, reading)?)]);
    }
    let (grid, judged) = open(&bytes, reading)?;
    let column = roles::find(&grid, name, true)?;
    let groups = stacked::groups(&grid, column).into_iter();
    groups.map(|(value, rows)| Ok((value, of_rows(&grid, &judged, reading, column, &rows)?))).collect()
}

fn open(bytes: &[u8], reading: &Reading) -> Result<(Grid, Vec<Judged>), TableError> {
    if reading.gaps == Gaps::Fill && reading.fill == Fill::Refuse {
        return Err(TableError::Clock(ClockError::GapsWithoutFill));
    }
    let (text, note) = source::text(bytes)?;
    let mut grid = if json::is_json(&text)? { json::cells(&text, reading)? } else { cells::cells(&text, reading)? };
    grid.notes.extend(note);
    if grid.rows() < 2 {
        return Err(TableError::Format(FormatError::TooShort { rows: grid.rows() }));
    }
    let judged = column::judge(&grid, reading);
    Ok((grid, judged))
}

/// The series of these rows; how cells are read is judged over all rows.
fn of_rows(grid: &Grid, judged: &[Judged], reading: &Reading, id: usize, rows: &[usize]) -> Result<Table, TableError> {
    if rows.len() < 2 {
        return Err(TableError::Format(FormatError::TooShort { rows: rows.len() }));
    }
    let select = |judged: &Judged| {
        let mut judged = judged.clone();
        if let Kind::Times(times) = &mut judged.kind {
            times.ticks = rows.iter().map(|&row| times.ticks[row]).collect();
        }
        judged
    };
    let judged: Vec<Judged> = judged.iter().map(select).collect();
    build::build(&grid.select(rows), &judged, reading, Some(id))
}
