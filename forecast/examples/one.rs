//! The combined forecast of one column, row by row over the last fifth of a file, as JSON for other programs to judge.
//!
//! `cargo run --release -p forebay-forecast --example one -- FILE COLUMN SEASON HORIZON`: FILE is a table, or `-` for the shipped series that
//! COLUMN names; SEASON is 0 for none. What is fitted has seen the rows before the last fifth; past values are known when the next one is
//! forecast. Rows are steps, whatever else the file says of them; missing values stay missing. It prints `series` (null where the file has no
//! value), `first` (the first row that is forecast) and `forecasts` of the rows from there on.

use anyhow::{Context, Result};
use forebay_forecast::ensemble::Ensemble;
use forebay_forecast::table::{Choice, ClockChoice, Fill, IdChoice, Reading, read};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, column, season, horizon] = &arguments[..] else { anyhow::bail!("FILE COLUMN SEASON HORIZON") };
    let (season, horizon): (usize, usize) = (season.parse()?, horizon.parse()?);
    let series =
        if file == "-" { forebay_zoo::data::load(column)?.with_gaps().column(0).to_vec() } else { of(file, column)? };
    let first = series.len() - series.len() / 5;
    let mut settings = Ensemble::new(horizon);
    if season > 1 {
        settings = settings.season(season);
    }
    let mut forecaster = settings.fit(&series[..first])?;
    // Of the first rows of the test part the forecasts were made before it.
    let mut forecasts: Vec<f64> = forecaster.pending().iter().map(|forecast| forecast.value).collect();
    for &value in &series[first..] {
        forecasts.push(forecaster.step(value)?.value);
    }
    forecasts.truncate(series.len() - first);
    println!("{}", serde_json::json!({"first": first, "series": series, "forecasts": forecasts}));
    Ok(())
}

fn of(file: &str, column: &str) -> Result<Vec<f64>> {
    let reading = Reading {
        columns: Choice::Columns(vec![column.to_owned()]),
        clock: ClockChoice::Without,
        id: IdChoice::Without,
        fill: Fill::Mark,
        ..Reading::default()
    };
    let table = read(&std::fs::read(file).context(file.to_owned())?, &reading)?;
    Ok(table.values.column(0).to_vec())
}
