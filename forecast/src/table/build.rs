//! From cells with a role for each column to series.

use ndarray::Array2;

use super::column::{Judged, Kind};
use super::error::{self, CellError, TableError};
use super::fill;
use super::grid::Grid;
use super::options::{Fill, Gaps, Reading};
use super::role::Role;
use super::roles;
use super::rows::{self, Ordered, Slot};
use super::series::{Column, Table};

/// The table of these columns.
pub(super) fn build(grid: &Grid, judged: &[Judged], reading: &Reading, id: Option<usize>) -> Result<Table, TableError> {
    let roles = roles::assign(grid, judged, reading, id)?;
    let mut notes = grid.notes.clone();
    notes.extend(roles.notes);
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
        notes.extend(fill::far_off(&series).map(|far| far.note(&names[column])));
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
    let lines: Vec<Option<usize>> = lines.collect();
    for (place, &column) in roles.series.iter().enumerate() {
        if let Some(first) = open_end(&present, place) {
            let (count, line) = (present.nrows() - first, lines[first].unwrap_or(0));
            let name = &names[column];
            notes.push(format!(
                "{name} has no value on the last {count} row(s), from line {line} on, where other series have some"
            ));
        }
    }
    Ok(Table {
        columns: names.into_iter().zip(roles.of_columns).enumerate().map(column).collect(),
        series: roles.series,
        lines,
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
    let Kind::Numbers(numbers) = judged[column].kind else {
        return Err(TableError::Cell(CellError::NoValues { column: name() }));
    };
    let values = numbers.values(grid, column, reading).map_err(|row| {
        let (line, cell) = (grid.line(row), error::shown(grid.cell(row, column)));
        TableError::Cell(CellError::NoNumber { column: name(), line, cell })
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
        return Err(TableError::Cell(CellError::NoValues { column: name }));
    }
    if reading.fill == Fill::Mark {
        return Ok(());
    }
    match (fill::fill(series, reading.fill), reading.fill) {
        (Err(_), Fill::Refuse) => {
            return Err(TableError::Cell(CellError::Missing { column: name, count: missing.len(), line: line(first) }));
        }
        (Err(place), _) => {
            let count = series.iter().filter(|value| value.is_nan()).count();
            return Err(TableError::Cell(CellError::NothingToHold { column: name, count, line: line(place) }));
        }
        (Ok(()), _) => {}
    }
    (0..series.len()).filter(|&place| is_marked(place)).for_each(|place| series[place] = f64::NAN);
    Ok(())
}

/// The first of the last rows on which a series has no value and others have some: of plans that are known ahead.
fn open_end(present: &Array2<bool>, place: usize) -> Option<usize> {
    let first = present.column(place).iter().rposition(|there| *there)? + 1;
    let has_others = |row: usize| present.row(row).iter().any(|there| *there);
    (first < present.nrows() && (first..present.nrows()).all(has_others)).then_some(first)
}
