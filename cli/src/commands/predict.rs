//! `forebay predict`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::Real;
use forebay::model::Model;
use forebay::model::file::ModelHeader;
use forebay::model::import::read_npy;
use ndarray::{Array2, ArrayView2, Axis};
use serde_json::json;

use crate::forecasting::Notes;
use crate::output;
use crate::table::{self, Reading, Table};

/// Apply a model saved by `forecast` to new data: one forecast per row, the last ones for steps after the data.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay predict out/sunspots/model.forebay new.csv
  forebay predict out/sales/model.forebay sales.csv --free 24 --out next.csv")]
pub(crate) struct Predict {
    /// A model saved by `forebay forecast`
    model: PathBuf,
    /// A CSV file with the model's columns, or a .npy array
    data: PathBuf,
    /// Go on for this many steps after the data in closed loop (horizon 1 only)
    #[arg(long, default_value_t = 0, value_name = "STEPS")]
    free: usize,
    #[command(flatten)]
    reading: Reading,
    /// Write the forecasts here instead of to standard output
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

/// Steps of a closed loop: more than anyone needs, and no more than fits into memory.
const LONGEST: usize = 1_000_000;

impl Predict {
    pub(super) fn run(self) -> Result<()> {
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
        let series = self.series(notes)?;
        let scaled = notes.scaler.transform(series.view())?.mapv(T::from_f64);
        let mut session = model.session();
        let mut forecast = session.run(scaled.view())?;
        if self.free > 1 {
            let free = session.predict_free(self.free - 1)?;
            forecast = ndarray::concatenate(Axis(0), &[forecast.view(), free.view()])?;
        }
        let forecast = notes.scaler.inverse(forecast.mapv(T::to_f64).view())?;
        if self.json {
            let rows: Vec<Vec<f64>> = forecast.rows().into_iter().map(|row| row.to_vec()).collect();
            let first = notes.horizon;
            return output::print_json(
                &json!({"columns": notes.columns, "horizon": notes.horizon, "first_step": first, "forecast": rows}),
            );
        }
        let csv = csv(notes, forecast.view());
        match &self.out {
            Some(path) => output::write_file(path, csv.as_bytes()),
            None => output::print(&csv),
        }
    }

    fn series(&self, notes: &Notes) -> Result<Array2<f64>> {
        let path = self.data.display();
        let series = if self.data.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
            read_npy(&self.data).with_context(|| format!("cannot use {path}"))?
        } else {
            let bytes = std::fs::read(&self.data).with_context(|| format!("cannot read {path}"))?;
            let named = table::parse_named(&bytes, &notes.columns, self.reading);
            let table = named.or_else(|error| nameless(&bytes, &notes.columns, self.reading).ok_or(error));
            let table = table.with_context(|| format!("in {path}"))?;
            output::tell_of(&self.data, table.notes);
            table.values
        };
        ensure!(
            series.ncols() == notes.columns.len(),
            "the model needs {} ({}), {path} has {}",
            output::count(notes.columns.len(), "column"),
            notes.columns.join(", "),
            series.ncols()
        );
        ensure!(
            series.nrows() > 0 && series.iter().all(|v| v.is_finite()),
            "{path} must hold finite numbers, at least one row"
        );
        Ok(series)
    }
}

/// The model's columns from a file without names that holds just as many: in the file's order, or by their numbers where the model's
/// file had no names either. What is taken under another name is told.
fn nameless(bytes: &[u8], columns: &[String], reading: Reading) -> Option<Table> {
    let table = table::parse(bytes, &[], reading).ok();
    let mut table = table.filter(|table| !table.header && table.columns.len() == columns.len())?;
    let number = |name: &str| name.strip_prefix("column ").and_then(|number| number.parse::<usize>().ok());
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|&column| number(&columns[column]));
    let mut places = order.clone();
    order.iter().enumerate().for_each(|(place, &column)| places[column] = place);
    table.values = table.values.select(Axis(1), &places);
    let taken = places.iter().map(|&place| &table.columns[place]).zip(columns);
    let renamed: Vec<String> = taken.filter(|(a, b)| a != b).map(|(a, b)| format!("{a} is taken as {b:?}")).collect();
    if !renamed.is_empty() {
        table.notes.push(format!("it names no columns: {}", renamed.join(", ")));
    }
    Some(table)
}

/// A name as a cell of a CSV file.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

/// Steps count from 0 at the first row of the data.
fn csv(notes: &Notes, forecast: ArrayView2<'_, f64>) -> String {
    let mut text = format!("step,{}\n", notes.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","));
    for (t, row) in forecast.rows().into_iter().enumerate() {
        let values: Vec<String> = row.iter().map(f64::to_string).collect();
        text += &format!("{},{}\n", t + notes.horizon, values.join(","));
    }
    text
}
