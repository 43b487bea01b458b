//! What comes of a file: series, the clock, and a line for every column.

use ndarray::Array2;

use super::clock::Clock;
use super::role::Role;

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

impl Table {
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
                    format!("series  {}{}", column.read_as, self.missing(column.number, column.missing))
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

    /// How many values of a series are missing, and how many of them stay so.
    fn missing(&self, number: usize, missing: usize) -> String {
        let place = self.series.iter().position(|other| other + 1 == number);
        let open = place.map_or(0, |place| self.values.column(place).iter().filter(|value| value.is_nan()).count());
        match (missing, open) {
            (0, 0) => String::new(),
            (_, 0) => format!(", {missing} missing"),
            _ if open == missing => format!(", {missing} missing, left open"),
            _ => format!(", {missing} missing, {open} of them left open"),
        }
    }
}
