//! The user's series, or a shipped one: reading it, and splitting it into stretches.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use forebay_forecast::table::{ClockRule, Fill, Reading, Table};
use forebay_zoo::data;
use ndarray::Array2;
use serde_json::{Value, json};

use crate::forecasting::Beside;
use crate::reading::{self, ReadingArguments};
use crate::view::AxisKind;

/// Which series, and its stretches.
#[derive(Args, Clone, Debug)]
pub(crate) struct SeriesArguments {
    /// A shipped data set instead of a file (see `forebay data list`)
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Columns to forecast by name or number, comma-separated, in quotes where a name has a comma [default: all of numbers that vary]
    #[arg(long, value_name = "NAME,NAME,..")]
    pub(crate) columns: Vec<String>,
    /// Training, validation and test as shares of the series or as steps; forecasts learn from the first two [default: 0.6,0.2,0.2]
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    pub(crate) split: Vec<f64>,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

/// A series with what is known about it.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) values: Array2<f64>,
    /// The values that are true: NaN where one was filled.
    pub(crate) truth: Array2<f64>,
    pub(crate) filled: usize,
    /// How they were filled.
    pub(crate) fill: Fill,
    pub(crate) season: Option<usize>,
    pub(crate) split: Option<[usize; 3]>,
    /// Name of the time axis, and the time of every step.
    pub(crate) axis: (String, Vec<f64>),
    /// Provider and licence, for the report.
    pub(crate) origin: Value,
    /// What the file was read as; none for a shipped series.
    pub(crate) table: Option<Table>,
}

impl Source {
    /// Holds the last value in the place of every missing one whose next value is not among the first `known` rows, so that nothing
    /// which is chosen or judged on later rows has seen them; lines between two values are left within.
    pub(crate) fn look_back_from(&mut self, known: usize) {
        for (mut filled, truth) in self.values.columns_mut().into_iter().zip(self.truth.columns()) {
            let (mut last, mut next) = (None, 0);
            for t in 0..truth.len() {
                if !truth[t].is_nan() {
                    last = Some(truth[t]);
                    continue;
                }
                while next < truth.len() && (next <= t || truth[next].is_nan()) {
                    next += 1;
                }
                if let Some(last) = last.filter(|_| next >= known || filled[t].is_nan()) {
                    filled[t] = last;
                }
            }
        }
    }

    /// What networks read beside what is true.
    pub(crate) fn beside(&self) -> Beside<'_> {
        Beside { filled: self.values.view(), truth: self.truth.view() }
    }
}

impl SeriesArguments {
    /// The series of a file, or the shipped one; `command` is told as an example of what to type.
    pub(crate) fn read(&self, file: Option<&Path>, command: &str) -> Result<Source> {
        match self.shipped(file, command)? {
            Some(source) => Ok(source),
            None => self.of_file(
                file.expect("there is one"),
                reading::read,
                &self.reading.with(reading::choice(&self.columns)),
            ),
        }
    }

    /// Like [`read`](Self::read), with these columns (all if there are none), for a command that takes missing values: they stay missing.
    pub(crate) fn read_open(&self, file: Option<&Path>, command: &str, columns: &[String]) -> Result<Source> {
        if let Some(source) = self.shipped(file, command)? {
            return Ok(source);
        }
        let mut reading = self.reading.with(reading::choice(columns));
        let asked = reading.fill;
        reading.fill = Fill::Mark;
        let mut source = self.of_file(file.expect("there is one"), reading::read_with_gaps, &reading)?;
        if let (Fill::Hold | Fill::Linear, Some(table)) = (asked, &mut source.table) {
            table.notes.push(
                "--fill is not needed here: missing values stay missing, neither learnt from nor scored".to_owned(),
            );
        }
        Ok(source)
    }

    /// The shipped series, if one is named; else there is a file.
    fn shipped(&self, file: Option<&Path>, command: &str) -> Result<Option<Source>> {
        if file.is_some() && self.dataset.is_some() {
            bail!("name a file or a shipped series (--dataset), not both")
        }
        let Some(name) = &self.dataset else {
            let Some(path) = file else {
                bail!("name a CSV file, or try a shipped series: {command} --dataset sunspots")
            };
            ensure!(
                path == Path::new("-") || path.exists(),
                "cannot read {}: there is no such file (shipped sets are read with --dataset NAME)",
                path.display()
            );
            return Ok(None);
        };
        let set = data::load(name)?;
        ensure!(self.columns.is_empty(), "--columns applies to files: the shipped sets have one column");
        let years = (0..set.values.nrows()).map(|t| set.start + t as f64 * set.years_per_step).collect();
        Ok(Some(Source {
            name: set.name.to_owned(),
            truth: set.with_gaps(),
            columns: set.columns,
            values: set.values,
            filled: set.missing,
            fill: Fill::Linear,
            season: set.season,
            split: Some(set.split),
            axis: ("year".to_owned(), years),
            origin: json!({"title": set.title, "source": set.source, "licence": set.licence}),
            table: None,
        }))
    }

    fn of_file(
        &self,
        path: &Path,
        read: impl Fn(&Path, &Reading) -> Result<Table>,
        reading: &Reading,
    ) -> Result<Source> {
        let table = read(path, reading)?;
        let steps = table.values.nrows();
        let name = match path.file_stem() {
            Some(stem) if stem != "-" => stem.to_string_lossy().into_owned(),
            _ => "series".to_owned(),
        };
        let numbers = table.clock.as_ref().and_then(|clock| Some((clock.name.clone(), clock.numbers()?.to_vec())));
        Ok(Source {
            name,
            axis: numbers.unwrap_or_else(|| ("step".to_owned(), (0..steps).map(|t| t as f64).collect())),
            columns: table.names(),
            truth: table.unfilled(),
            values: table.values.clone(),
            filled: table.filled(),
            fill: self.reading.fill(),
            season: None,
            split: None,
            origin: Value::Null,
            table: Some(table),
        })
    }

    /// Steps for training, validation and test.
    pub(crate) fn lengths(&self, source: &Source) -> Result<[usize; 3]> {
        self.lengths_of(source, source.values.nrows())
    }

    /// The same where only so many of the first rows count.
    pub(crate) fn lengths_of(&self, source: &Source, steps: usize) -> Result<[usize; 3]> {
        let [a, b, c] = match self.split[..] {
            [] => match source.split {
                Some(split) => return Ok(split),
                None => [0.6, 0.2, 0.2],
            },
            [a, b, c] => [a, b, c],
            _ => bail!("--split needs three numbers, such as 0.6,0.2,0.2 or 600,200,200"),
        };
        ensure!([a, b, c].iter().all(|v| *v > 0.0 && v.is_finite()), "--split needs three numbers above 0");
        let total = a + b + c;
        if total <= 1.0 + 1e-9 {
            // Shares; the last stretch takes what rounding leaves of the sum. 0.7 of 700 is 490, and 489.99999999999994 in floats.
            let whole = |share: f64| (share * steps as f64 + 1e-9 * steps as f64) as usize;
            let (first, second) = (whole(a), whole(a + b));
            let last = ((total * steps as f64).round() as usize).min(steps);
            return Ok([first, second - first, last - second]);
        }
        ensure!(
            [a, b, c].iter().all(|v| v.fract() == 0.0),
            "--split needs shares that add up to at most 1, or whole numbers of steps; found a sum of {total}"
        );
        ensure!(total <= steps as f64, "--split asks for {total} steps, the series has {steps}");
        Ok([a as usize, b as usize, c as usize])
    }
}

impl Source {
    /// The place of a column that is named, or told by its number in the file.
    pub(crate) fn place(&self, name: &str) -> Result<usize> {
        let by_name = self.columns.iter().position(|column| column == name);
        let by_number = || {
            let (number, table) = (name.parse::<usize>().ok()?, self.table.as_ref()?);
            table.series.iter().position(|column| table.columns[*column].number == number)
        };
        by_name
            .or_else(by_number)
            .with_context(|| format!("{name:?} is none of the columns that can be used: {}", self.columns.join(", ")))
    }

    /// The places of a column, or of a list of them, quoted where they have commas themselves.
    pub(crate) fn places(&self, names: &str) -> Result<Vec<usize>> {
        match self.place(names) {
            Ok(place) => Ok(vec![place]),
            Err(error) if !names.contains(',') => Err(error),
            Err(_) => {
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(names.as_bytes());
                let record = reader.records().next().context("no column is named")??;
                record.iter().map(|name| self.place(name)).collect()
            }
        }
    }

    /// How the clock goes on, if there is one and rows are even.
    pub(crate) fn rule(&self) -> Option<&ClockRule> {
        let rule = self.table.as_ref()?.clock.as_ref()?.rule();
        rule.label(1).is_some().then_some(rule)
    }

    /// The time of a row, also of one to come, as the file writes it; without a clock its number from 0.
    pub(crate) fn label(&self, row: usize) -> String {
        let of_clock = self.table.as_ref().and_then(|table| table.clock.as_ref()?.label(row));
        of_clock.unwrap_or_else(|| {
            if self.table.is_none() {
                return format!("{:.2}", self.at(row));
            }
            format!("step {row}")
        })
    }

    /// The name of the time axis.
    pub(crate) fn axis_name(&self) -> &str {
        let clock = self.table.as_ref().and_then(|table| table.clock.as_ref());
        clock.map_or(self.axis.0.as_str(), |clock| clock.name.as_str())
    }

    /// What places on the time axis mean.
    pub(crate) fn axis_kind(&self) -> AxisKind {
        let Some(table) = &self.table else { return AxisKind::Numbers };
        match &table.clock {
            Some(clock) if clock.number(0).is_some() => AxisKind::Numbers,
            Some(clock) if clock.seconds(0).is_some() => AxisKind::Dates,
            _ => AxisKind::Steps,
        }
    }

    /// Where a row is on the time axis, also one to come.
    pub(crate) fn at(&self, row: usize) -> f64 {
        if let Some(clock) = self.table.as_ref().and_then(|table| table.clock.as_ref()) {
            // Uneven clocks do not say what comes.
            return clock.number(row).or_else(|| clock.seconds(row)).unwrap_or(f64::NAN);
        }
        let times = &self.axis.1;
        let last = times.len() - 1;
        let step = if last > 0 { (times[last] - times[0]) / last as f64 } else { 1.0 };
        times.get(row).copied().unwrap_or_else(|| times[last] + step * (row - last) as f64)
    }

    /// What the file was read as, for a person: lines that end with a blank one, or nothing.
    pub(crate) fn told(&self) -> String {
        let lines = self.table.as_ref().map(reading::lines).unwrap_or_default();
        if lines.is_empty() { String::new() } else { lines.join("\n") + "\n\n" }
    }

    /// The same for a program.
    pub(crate) fn reading(&self) -> Value {
        self.table.as_ref().map_or(Value::Null, reading::json)
    }
}

#[cfg(test)]
mod tests {
    use forebay_forecast::table::Fill;
    use ndarray::{Array2, array};
    use serde_json::Value;

    use super::Source;

    /// A line towards the next value shows it before its time: white noise of which nine tenths were missing was forecast with an
    /// error of 0.08.
    #[test]
    fn lines_stay_within_the_training_rows() {
        let n = f64::NAN;
        let truth = array![[n], [1.0], [n], [3.0], [n], [5.0], [n], [n], [8.0], [n]];
        let values = array![[1.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0], [8.0]];
        let source = |values: &Array2<f64>| Source {
            name: String::new(),
            columns: vec!["x".to_owned()],
            values: values.clone(),
            truth: truth.clone(),
            filled: 6,
            fill: Fill::Linear,
            season: None,
            split: None,
            axis: (String::new(), Vec::new()),
            origin: Value::Null,
            table: None,
        };
        let filled = |values: &Array2<f64>, known: usize| {
            let mut source = source(values);
            source.look_back_from(known);
            source.values.column(0).to_vec()
        };
        assert_eq!(filled(&values, 6), [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 8.0, 8.0]);
        assert_eq!(filled(&values, 4), [1.0, 1.0, 2.0, 3.0, 3.0, 5.0, 5.0, 5.0, 8.0, 8.0]);
        // Rows that were only marked are held everywhere.
        let mut marked = values;
        marked[[2, 0]] = n;
        assert_eq!(filled(&marked, 10)[..4], [1.0, 1.0, 1.0, 3.0]);
    }
}
