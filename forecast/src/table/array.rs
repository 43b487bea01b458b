//! Arrays of numpy as tables: columns without names, rows without times.

use forebay::model::import::npy_from_bytes;
use ndarray::{Array2, Axis};

use super::error::{ArrayError, FormatError, TableError};
use super::fill;
use super::grid::{Grid, check_size};
use super::number::is_same;
use super::options::{ClockChoice, Duplicates, Fill, Gaps, IdChoice, Reading};
use super::role::{LeftOut, Role};
use super::roles::chosen;
use super::series::{Column, Table};

/// Whether these are the bytes of an array of numpy.
pub(super) fn is_array(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x93NUMPY")
}

/// The table of an array's bytes.
pub(super) fn of_bytes(bytes: &[u8], reading: &Reading) -> Result<Table, TableError> {
    let values = npy_from_bytes(bytes).map_err(|error| ArrayError::Unreadable { reason: error.to_string() })?;
    of_array(values, reading)
}

/// The columns of an array, `[steps, columns]`, as series that are named by their numbers from 1; NaN is missing.
///
/// Columns are chosen, cells that mean "missing" are told, and missing values are filled as in a text.
///
/// # Errors
/// [`TableError`] for fewer than two rows, for infinite or, unless they are filled, missing values, for columns that are not there, and for
/// options that say how text is read.
pub fn of_array(values: Array2<f64>, reading: &Reading) -> Result<Table, TableError> {
    if let Some(option) = of_text(reading) {
        return Err(ArrayError::Option { option }.into());
    }
    if values.nrows() < 2 {
        return Err(FormatError::TooShort { rows: values.nrows() }.into());
    }
    check_size(values.ncols(), values.nrows(), &reading.columns)?;
    let titles = Grid::of_width(values.ncols());
    let series = chosen(&titles, &reading.columns)?.unwrap_or_else(|| (0..values.ncols()).collect());
    let name = |column: usize| titles.title(column);
    let mut notes = Vec::new();
    let mut taken = values.select(Axis(1), &series);
    let mut missing = vec![0; values.ncols()];
    let mut present = Array2::from_elem(taken.dim(), true);
    for (place, &column) in series.iter().enumerate() {
        let mut filled: Vec<f64> = taken.column(place).to_vec();
        if let Some(row) = filled.iter().position(|value| value.is_infinite()) {
            return Err(ArrayError::Infinite { column: name(column), row }.into());
        }
        let is_marker = |value: f64| reading.missing.iter().any(|other| is_same(&value.to_string(), other));
        filled.iter_mut().filter(|value| is_marker(**value)).for_each(|value| *value = f64::NAN);
        present.column_mut(place).iter_mut().zip(&filled).for_each(|(there, value)| *there = !value.is_nan());
        missing[column] = filled.iter().filter(|value| value.is_nan()).count();
        notes.extend(fill::far_off(&filled).map(|far| far.note(&name(column))));
        complete(&name(column), &mut filled, reading.fill)?;
        taken.column_mut(place).iter_mut().zip(filled).for_each(|(to, from)| *to = from);
    }
    let column = |column: usize| {
        let role = if series.contains(&column) { Role::Series } else { Role::LeftOut(LeftOut::NotNamed) };
        let (name, read_as) = (name(column), "numbers of an array".to_owned());
        Column { name, number: column + 1, role, read_as, missing: missing[column] }
    };
    Ok(Table {
        columns: (0..values.ncols()).map(column).collect(),
        lines: vec![None; values.nrows()],
        values: taken,
        clock: None,
        header: false,
        notes,
        present,
        series,
    })
}

/// The first option that says how text is read.
fn of_text(reading: &Reading) -> Option<&'static str> {
    let given = [
        ("--clock", matches!(reading.clock, ClockChoice::Column(_))),
        ("--id", matches!(reading.id, IdChoice::Column(_) | IdChoice::Series { .. })),
        ("--header", reading.header.is_some()),
        ("--delimiter", reading.delimiter.is_some()),
        ("--decimal", reading.decimal.is_some()),
        ("--day-first", reading.day_first.is_some()),
        ("--gaps", reading.gaps != Gaps::Refuse),
        ("--duplicates", reading.duplicates != Duplicates::Refuse),
        ("--sort", reading.sort),
    ];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
}

fn complete(column: &str, values: &mut [f64], how: Fill) -> Result<(), ArrayError> {
    let missing = || values.iter().enumerate().filter(|(_, value)| value.is_nan()).map(|(row, _)| row);
    let (count, Some(row)) = (missing().count(), missing().next()) else { return Ok(()) };
    let column = column.to_owned();
    if count == values.len() {
        return Err(ArrayError::NoValues { column });
    }
    match (how, fill::fill(values, how)) {
        (_, Ok(())) | (Fill::Mark, Err(_)) => Ok(()),
        (Fill::Refuse, Err(_)) => Err(ArrayError::Missing { column, count, row }),
        (Fill::Hold | Fill::Linear, Err(_)) => {
            let count = values.iter().take_while(|value| value.is_nan()).count();
            Err(ArrayError::NothingToHold { column, count })
        }
    }
}
