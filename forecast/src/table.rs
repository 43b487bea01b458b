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

mod candidates;
mod cells;
mod clock;
mod column;
mod delimiter;
mod error;
mod fill;
mod grid;
mod header;
mod json;
mod lines;
mod number;
mod options;
mod preamble;
mod roles;
mod rows;
mod source;
mod stacked;
mod steps;
mod time;

use ndarray::Array2;

pub use self::clock::Clock;
use self::column::{Judged, Kind};
pub use self::error::TableError;
use self::grid::Grid;
pub use self::options::{Choice, ClockChoice, Decimal, Delimiter, Duplicates, Fill, Gaps, Header, IdChoice, Reading};
pub use self::roles::{LeftOut, Role};
use self::rows::{Ordered, Slot};
pub use self::steps::Step;

/// Series from a file, with what everything else in the file was taken for.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// All columns of the file in their order.
    pub columns: Vec<Column>,
    /// For each column of [`values`](Self::values) its place in [`columns`](Self::columns).
    pub series: Vec<usize>,
    /// `[steps, series]`; NaN where a value is missing and stays so.
    pub values: Array2<f64>,
    /// `[steps, series]`: whether the file has a value there; all others are filled or NaN.
    pub present: Array2<bool>,
    /// The line of each step, from 1; none for a step that was put in, and in arrays.
    pub lines: Vec<Option<usize>>,
    /// The clock, if there is one; without it rows are steps.
    pub clock: Option<Clock>,
    /// Whether the file names its columns.
    pub header: bool,
    /// What else was taken, skipped or left open, a line each.
    pub notes: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name from the file, with its number where others have the same; `column 3` if it has none.
    pub name: String,
    /// From 1.
    pub number: usize,
    /// What it was taken for.
    pub role: Role,
    /// How its cells were read, in words.
    pub read_as: String,
    /// Values that the file does not have, of the steps that are used.
    pub missing: usize,
}

/// Reads one series, of one or several columns.
///
/// # Errors
/// [`TableError`], one line that says what is wrong, where, and what to do; any bytes are a good table or refused.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Table, TableError> {
    let (grid, judged) = open(bytes, reading)?;
    match &reading.id {
        IdChoice::Told | IdChoice::Without => build(&grid, &judged, reading, None),
        IdChoice::Column(name) => {
            let column = roles::find(&grid, name, true)?;
            let groups = stacked::groups(&grid, column);
            let example = stacked::example(&grid.title(column), &groups[0].0);
            Err(TableError::SeveralSeries { column: grid.title(column), count: groups.len(), example })
        }
        IdChoice::Series { column, value } => {
            let column = roles::find(&grid, column, true)?;
            let groups = stacked::groups(&grid, column);
            let found = groups.iter().find(|(cell, _)| number::is_same(cell, value)).ok_or_else(|| {
                let (column, there) = (grid.title(column), stacked::values(&groups));
                TableError::NoSuchSeries { column, value: value.clone(), there }
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
    let (grid, judged) = open(bytes, reading)?;
    let column = roles::find(&grid, name, true)?;
    let groups = stacked::groups(&grid, column).into_iter();
    groups.map(|(value, rows)| Ok((value, of_rows(&grid, &judged, reading, column, &rows)?))).collect()
}

fn open(bytes: &[u8], reading: &Reading) -> Result<(Grid, Vec<Judged>), TableError> {
    if reading.gaps == Gaps::Fill && reading.fill == Fill::Refuse {
        return Err(TableError::GapsWithoutFill);
    }
    let text = source::text(bytes)?;
    let grid = if json::is_json(&text)? { json::cells(&text, reading)? } else { cells::cells(&text, reading)? };
    if grid.rows() < 2 {
        return Err(TableError::TooShort { rows: grid.rows() });
    }
    let judged = column::judge(&grid, reading);
    Ok((grid, judged))
}

/// The series of these rows; how cells are read is judged over all rows.
fn of_rows(grid: &Grid, judged: &[Judged], reading: &Reading, id: usize, rows: &[usize]) -> Result<Table, TableError> {
    if rows.len() < 2 {
        return Err(TableError::TooShort { rows: rows.len() });
    }
    let select = |judged: &Judged| {
        let mut judged = judged.clone();
        if let Kind::Times(times) = &mut judged.kind {
            times.ticks = rows.iter().map(|&row| times.ticks[row]).collect();
        }
        judged
    };
    let judged: Vec<Judged> = judged.iter().map(select).collect();
    build(&grid.select(rows), &judged, reading, Some(id))
}

fn build(grid: &Grid, judged: &[Judged], reading: &Reading, id: Option<usize>) -> Result<Table, TableError> {
    let roles = roles::assign(grid, judged, reading, id)?;
    let mut notes = grid.notes.clone();
    let names = grid.unique_titles();
    if (0..grid.width()).any(|column| names[column] != grid.title(column)) {
        notes.push("several columns have the same name: they are told apart by their numbers".to_owned());
    }
    let ordered = roles.clock.as_ref().map(|source| rows::order(grid, source, reading)).transpose()?;
    let (slots, clock) = match ordered {
        Some(Ordered { slots, clock, notes: more }) => {
            notes.extend(more);
            (slots, Some(clock))
        }
        None => ((0..grid.rows()).map(Slot::Row).collect(), None),
    };
    let mut values = Array2::zeros((slots.len(), roles.series.len()));
    let mut present = Array2::from_elem(values.dim(), false);
    let mut missing = vec![0; grid.width()];
    for (place, &column) in roles.series.iter().enumerate() {
        let mut series = of_slots(grid, judged, reading, column, &slots)?;
        missing[column] = series.iter().filter(|value| value.is_nan()).count();
        present.column_mut(place).iter_mut().zip(&series).for_each(|(there, value)| *there = !value.is_nan());
        if let Some((value, count, least, most)) = fill::far_off(&series) {
            let value = if value.abs() < 1e15 { value.to_string() } else { format!("{value:e}") };
            notes.push(format!(
                "{}: {value} stands {count} time(s), far from all others ({least} to {most}): use --missing={value} if it means a missing value",
                names[column]
            ));
        }
        complete(grid, reading, column, &slots, &mut series)?;
        values.column_mut(place).iter_mut().zip(series).for_each(|(to, from)| *to = from);
    }
    let column = |(column, (name, role)): (usize, (String, Role))| {
        let missing = if role == Role::Series { missing[column] } else { judged[column].missing };
        let read_as = match &judged[column].kind {
            Kind::Numbers(numbers) => numbers.words(),
            Kind::Times(_) => "times".to_owned(),
            Kind::Empty => "nothing".to_owned(),
            _ => "text".to_owned(),
        };
        Column { name, number: column + 1, role, read_as, missing }
    };
    let lines = slots.iter().map(|slot| match slot {
        Slot::Row(row) => Some(grid.line(*row)),
        Slot::Mean(rows) => rows.first().map(|&row| grid.line(row)),
        Slot::Inserted => None,
    });
    Ok(Table {
        columns: names.into_iter().zip(roles.of_columns).enumerate().map(column).collect(),
        series: roles.series,
        lines: lines.collect(),
        // Names and cells may have ends of lines in them.
        notes: notes.into_iter().map(|note| note.replace(char::is_control, " ")).collect(),
        header: grid.header,
        values,
        present,
        clock,
    })
}

/// The values of a column for every slot, NaN where there is none.
fn of_slots(
    grid: &Grid,
    judged: &[Judged],
    reading: &Reading,
    column: usize,
    slots: &[Slot],
) -> Result<Vec<f64>, TableError> {
    let name = || grid.title(column);
    let Kind::Numbers(numbers) = judged[column].kind else { return Err(TableError::NoValues { column: name() }) };
    let values = numbers.values(grid, column, reading).map_err(|row| {
        let (line, cell) = (grid.line(row), error::shown(grid.cell(row, column)));
        TableError::NoNumber { column: name(), line, cell }
    })?;
    let value = |slot: &Slot| match slot {
        Slot::Row(row) => values[*row],
        Slot::Mean(rows) => {
            let known: Vec<f64> = rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
            // Divided first: the sum of large values has no place.
            known
                .iter()
                .map(|value| value / known.len() as f64)
                .fold(if known.is_empty() { f64::NAN } else { 0.0 }, |a, b| a + b)
        }
        Slot::Inserted => f64::NAN,
    };
    Ok(slots.iter().map(value).collect())
}

/// Fills what is missing, as far as it is to be filled.
fn complete(
    grid: &Grid,
    reading: &Reading,
    column: usize,
    slots: &[Slot],
    series: &mut [f64],
) -> Result<(), TableError> {
    let marked = reading.gaps == Gaps::Mark;
    let is_marked = |place: usize| marked && slots[place] == Slot::Inserted;
    let missing: Vec<usize> = (0..series.len()).filter(|&place| series[place].is_nan() && !is_marked(place)).collect();
    let Some(&first) = missing.first() else { return Ok(()) };
    let name = grid.title(column);
    let line = |place: usize| match &slots[place] {
        Slot::Row(row) => grid.line(*row),
        Slot::Mean(rows) => grid.line(rows[0]),
        Slot::Inserted => 0,
    };
    if series.iter().all(|value| value.is_nan()) {
        return Err(TableError::NoValues { column: name });
    }
    match (fill::fill(series, reading.fill), reading.fill) {
        (Err(_), Fill::Refuse) => {
            return Err(TableError::Missing { column: name, count: missing.len(), line: line(first) });
        }
        (Err(place), _) => {
            let count = series.iter().filter(|value| value.is_nan()).count();
            return Err(TableError::NothingToHold { column: name, count, line: line(place) });
        }
        (Ok(()), _) => {}
    }
    (0..series.len()).filter(|&place| is_marked(place)).for_each(|place| series[place] = f64::NAN);
    Ok(())
}

impl Table {
    /// The columns of an array, `[steps, columns]`, as series without names; NaN is missing.
    pub fn of_array(values: Array2<f64>) -> Self {
        let present = values.mapv(|value| !value.is_nan());
        let column = |column: usize| Column {
            name: format!("column {}", column + 1),
            number: column + 1,
            role: Role::Series,
            read_as: "numbers of an array".to_owned(),
            missing: present.column(column).iter().filter(|there| !**there).count(),
        };
        Self {
            columns: (0..values.ncols()).map(column).collect(),
            series: (0..values.ncols()).collect(),
            lines: vec![None; values.nrows()],
            clock: None,
            header: false,
            notes: Vec::new(),
            present,
            values,
        }
    }

    /// Names of the series in their order.
    pub fn names(&self) -> Vec<String> {
        self.series.iter().map(|&column| self.columns[column].name.clone()).collect()
    }

    /// `[steps, series]`: the values as the file has them, NaN where it has none.
    pub fn unfilled(&self) -> Array2<f64> {
        let mut values = self.values.clone();
        values.zip_mut_with(&self.present, |value, there| {
            if !there {
                *value = f64::NAN;
            }
        });
        values
    }

    /// How many values are there that the file does not have.
    pub fn filled(&self) -> usize {
        self.values.iter().zip(&self.present).filter(|(value, there)| !value.is_nan() && !**there).count()
    }

    /// What every column was taken for and how its cells were read, a line each; of very many series the first ones.
    pub fn lines(&self) -> Vec<String> {
        const SHOWN: usize = 20;
        let width = self.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0).min(30);
        let (mut lines, mut series) = (Vec::new(), 0);
        for column in &self.columns {
            let words = match &column.role {
                Role::Clock => match self.clock.as_ref().filter(|clock| clock.number == column.number) {
                    Some(clock) => format!("clock   {}", clock.words()),
                    None => "clock   with the other part of it".to_owned(),
                },
                Role::Series => {
                    series += 1;
                    if series > SHOWN && self.series.len() > SHOWN + 1 {
                        continue;
                    }
                    let missing =
                        if column.missing > 0 { format!(", {} missing", column.missing) } else { String::new() };
                    format!("series  {}{missing}", column.read_as)
                }
                Role::Id => "id      tells series apart".to_owned(),
                Role::LeftOut(why) => format!("left out: {why}"),
            };
            lines.push(
                format!("{:width$}  {words}", column.name.replace(char::is_control, " "))
                    .replace(char::is_control, " "),
            );
        }
        if self.series.len() > SHOWN + 1 {
            lines.push(format!("and {} more series", self.series.len() - SHOWN));
        }
        if self.clock.is_none() {
            lines.push("no clock: rows are taken as evenly spaced steps".to_owned());
        }
        lines
    }
}
