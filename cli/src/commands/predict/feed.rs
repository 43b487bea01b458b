//! Rows on their way into a forecast: from a whole table, with what lies between them and the last row that is known.

use anyhow::{Context, Result, bail, ensure};
use forebay_forecast::service::ForecastFile;
use forebay_forecast::table::{Choice, FormatError, IdChoice, Table, TableError};
use ndarray::{Array2, Axis};

use super::Predict;
use crate::output::{self, count};
use crate::reading;

/// A row as the service takes it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) targets: Vec<f64>,
    pub(super) past: Vec<f64>,
    pub(super) ahead: Vec<f64>,
}

/// Rows of a table that follow one another.
pub(super) struct Feed {
    /// The number of the first row, counted as the service does; none if there is no clock to tell.
    pub(super) first: Option<usize>,
    /// Rows, also those that have only what is known ahead.
    pub(super) rows: Vec<Row>,
    /// How many of them have targets or come before one that has.
    pub(super) taken: usize,
}

/// A file of one row has no steps to tell a clock from: it is read line by line.
pub(super) enum Read {
    Table(Feed),
    OneRow,
}

/// Reads the data of a command.
pub(super) fn read(command: &Predict, file: &ForecastFile) -> Result<Read> {
    let columns = &file.header.columns;
    let names: Vec<String> = [&columns.targets, &columns.past, &columns.ahead].into_iter().flatten().cloned().collect();
    let mut reading = command.reading.with(Choice::Names(names.clone()));
    reading.fill = forebay_forecast::table::Fill::Mark;
    reading.missing = super::going::missing(command, &file.header);
    reading.day_first = reading.day_first.or(file.header.day_first);
    if let (IdChoice::Told, Some((column, value))) = (&reading.id, &file.header.id) {
        reading.id = IdChoice::Series { column: column.clone(), value: value.clone() };
    }
    let table = match reading::read_with_gaps(&command.data, &reading) {
        Ok(table) => table,
        Err(error) if is_one_row(&error) => return Ok(Read::OneRow),
        Err(error) => match reading::read_with_gaps(
            &command.data,
            &forebay_forecast::table::Reading { columns: Choice::All, ..reading },
        ) {
            // An array, or a file without names, of one series.
            Ok(table) if !table.header && names.len() == 1 && table.series.len() == 1 => {
                output::tell(format!(
                    "{} names no columns: its only series is taken as {:?}",
                    command.data.display(),
                    names[0]
                ));
                table
            }
            _ => return Err(error),
        },
    };
    output::tell_of(&command.data, reading::lines(&table));
    if !file.header.missing.is_empty() && command.reading.missing().is_empty() {
        output::tell(format!("missing as for the model: {}", file.header.missing.join(", ")));
    }
    let first = first(&table, file)?;
    let (targets, past) = (columns.targets.len(), columns.past.len());
    let values: &Array2<f64> = &table.values;
    let row = |row: ndarray::ArrayView1<'_, f64>| {
        let row = row.to_vec();
        Row {
            targets: row[..targets].to_vec(),
            past: row[targets..targets + past].to_vec(),
            ahead: row[targets + past..].to_vec(),
        }
    };
    let rows: Vec<Row> = values.axis_iter(Axis(0)).map(row).collect();
    let has_target = |row: &Row| row.targets.iter().any(|value| !value.is_nan());
    let taken = rows.iter().rposition(has_target).map_or(0, |last| last + 1);
    if taken < rows.len() && columns.ahead.is_empty() {
        output::tell(format!("{} after the last value: left out", count(rows.len() - taken, "row")));
    }
    Ok(Read::Table(Feed { first, rows, taken }))
}

fn is_one_row(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(TableError::Format(FormatError::TooShort { rows: 1 }))))
}

/// The number of the table's first row.
fn first(table: &Table, file: &ForecastFile) -> Result<Option<usize>> {
    match (&file.header.clock, &table.clock) {
        (None, _) | (Some(_), None) => Ok(None),
        (Some(rule), Some(clock)) => {
            let ahead = rule.steps_to(clock).context("the rows cannot be put in line with those of the model")?;
            let first = usize::try_from(file.header.clock_row as i64 + ahead).ok();
            first.map(Some).context("the rows begin before the first one that the model knows")
        }
    }
}

/// What is to be done with rows from a place on: how many are known, and how many are missing before the first new one.
pub(super) struct Fit {
    pub(super) known: usize,
    pub(super) gap: usize,
}

/// Steps that may be missing at once: more is another series.
const LONGEST_GAP: usize = 100_000;

/// Holds rows from `first` on against a service that knows `rows`.
pub(super) fn fit(first: Option<usize>, taken: usize, rows: usize) -> Result<Fit> {
    let Some(first) = first else { return Ok(Fit { known: 0, gap: 0 }) };
    if first >= rows {
        let gap = first - rows;
        ensure!(
            gap <= LONGEST_GAP,
            "{gap} rows are missing before the first one: forecast anew from a file that has them"
        );
        return Ok(Fit { known: 0, gap });
    }
    let known = (rows - first).min(taken);
    Ok(Fit { known, gap: 0 })
}

/// The error where nothing is new.
pub(super) fn nothing_new(label: &str) -> Result<()> {
    bail!(
        "all of these rows are known to the model, which goes on after {label}: give rows that follow, or use --from test to go on from \
         before the test part"
    )
}
