//! Networks that `forebay train` saved, on new data.

use anyhow::{Context, Result, ensure};
use forebay::Real;
use forebay::model::Model;
use forebay::model::file::ModelHeader;
use forebay_forecast::table::{Choice, Table};
use ndarray::{ArrayView2, Axis};
use serde_json::json;

use super::Predict;
use crate::forecasting::Notes;
use crate::output;
use crate::reading;

/// Steps of a closed loop: more than anyone needs, and no more than fits into memory.
const LONGEST: usize = 1_000_000;

impl Predict {
    pub(super) fn of_network(&self) -> Result<()> {
        let cannot = || format!("cannot use {}", self.model.display());
        let (header, _) = ModelHeader::read(&self.model).with_context(cannot)?;
        let notes = Notes::of(&header.provenance)?;
        match header.precision.as_str() {
            "f32" => self.predict(&Model::<f32>::load(&self.model).with_context(cannot)?, &notes),
            _ => self.predict(&Model::<f64>::load(&self.model).with_context(cannot)?, &notes),
        }
    }

    fn predict<T: Real>(&self, model: &Model<T>, notes: &Notes) -> Result<()> {
        ensure!(self.free <= LONGEST, "--free must be at most {LONGEST} steps, found {}", self.free);
        ensure!(
            self.free == 0 || notes.horizon == 1,
            "--free needs a model with horizon 1, this one has {}: train another",
            notes.horizon
        );
        let table = self.table(notes)?;
        let scaled = notes.scaler.transform(table.values.view())?.mapv(T::from_f64);
        let mut session = model.session();
        let mut forecast = session.run(scaled.view())?;
        if self.free > 1 {
            let free = session.predict_free(self.free - 1)?;
            forecast = ndarray::concatenate(Axis(0), &[forecast.view(), free.view()])?;
        }
        let forecast = notes.scaler.inverse(forecast.mapv(T::to_f64).view())?;
        let times = times(&table, notes.horizon, forecast.nrows());
        if self.json {
            let rows: Vec<Vec<f64>> = forecast.rows().into_iter().map(|row| row.to_vec()).collect();
            let first = notes.horizon;
            return output::print_json(&json!({
                "columns": notes.columns, "horizon": notes.horizon, "first_step": first,
                "times": times.map(|(_, times)| times), "forecast": rows, "reading": reading::json(&table),
            }));
        }
        output::tell_of(&self.data, reading::lines(&table));
        let csv = csv(notes, times, forecast.view());
        match &self.out {
            Some(path) => output::write_file(path, csv.as_bytes()),
            None => output::print(&csv),
        }
    }

    fn table(&self, notes: &Notes) -> Result<Table> {
        let path = self.data.display();
        // Standard input is there once.
        let named = reading::read(&self.data, &self.reading.with(Choice::Names(notes.columns.clone())));
        let table = match named {
            Ok(table) => table,
            Err(error) => {
                match self.data.to_str().filter(|path| *path != "-").and_then(|_| self.nameless(&notes.columns)) {
                    Some(table) => table,
                    // An array has no names: what is wrong with it is something else.
                    None if self.data.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy")) => {
                        reading::read(&self.data, &self.reading.with(Choice::All))?
                    }
                    None => return Err(error),
                }
            }
        };
        ensure!(
            table.values.ncols() == notes.columns.len(),
            "the model needs {} ({}), {path} has {}",
            output::count(notes.columns.len(), "column"),
            notes.columns.join(", "),
            table.values.ncols()
        );
        Ok(table)
    }

    /// The model's columns from a file without names that holds just as many: in the file's order, or by their numbers where the
    /// model's file had no names either. What is taken under another name is told.
    fn nameless(&self, columns: &[String]) -> Option<Table> {
        let table = reading::read(&self.data, &self.reading.with(Choice::All)).ok();
        let mut table = table.filter(|table| !table.header && table.series.len() == columns.len())?;
        let number = |name: &str| name.strip_prefix("column ").and_then(|number| number.parse::<usize>().ok());
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|&column| number(&columns[column]));
        let mut places = order.clone();
        order.iter().enumerate().for_each(|(place, &column)| places[column] = place);
        table.values = table.values.select(Axis(1), &places);
        table.present = table.present.select(Axis(1), &places);
        table.series = places.iter().map(|&place| table.series[place]).collect();
        let names = table.names();
        let taken = names.iter().zip(columns).filter(|(a, b)| a != b);
        let renamed: Vec<String> = taken.map(|(a, b)| format!("{a} is taken as {b:?}")).collect();
        if !renamed.is_empty() {
            table.notes.push(format!("it names no columns: {}", renamed.join(", ")));
        }
        Some(table)
    }
}

/// The first column of forecasts whose clock has no name.
const STEP: &str = "step";

/// The name of the clock and the time of every forecast, `horizon` steps after its row; none where there is no clock or its steps are
/// uneven.
fn times(table: &Table, horizon: usize, rows: usize) -> Option<(String, Vec<String>)> {
    let clock = table.clock.as_ref()?;
    let times = (0..rows).map(|row| clock.label(row + horizon)).collect::<Option<Vec<String>>>()?;
    Some((if table.header { clock.name.clone() } else { STEP.to_owned() }, times))
}

/// A name as a cell of a CSV file.
pub(super) fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

/// Without times steps count from 0 at the first row of the data.
fn csv(notes: &Notes, times: Option<(String, Vec<String>)>, forecast: ArrayView2<'_, f64>) -> String {
    let steps = || (notes.horizon..forecast.nrows() + notes.horizon).map(|step| step.to_string()).collect();
    let (clock, times): (String, Vec<String>) = times.unwrap_or_else(|| (STEP.to_owned(), steps()));
    let names = notes.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
    let mut text = format!("{},{names}\n", quoted(&clock));
    for (time, row) in times.iter().zip(forecast.rows()) {
        let values: Vec<String> = row.iter().map(f64::to_string).collect();
        text += &format!("{},{}\n", quoted(time), values.join(","));
    }
    text
}
