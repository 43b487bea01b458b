//! The user's series, or a shipped one: reading it, and splitting it into stretches.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use forebay_zoo::data;
use ndarray::Array2;
use serde_json::{Value, json};

use crate::output;
use crate::table::{self, Reading};

/// Which series, and its stretches.
#[derive(Args, Clone, Debug)]
pub(crate) struct SeriesArguments {
    /// A shipped data set instead of a file (see `forebay data list`)
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Columns by name or number, comma-separated [default: all numeric ones]
    #[arg(long, value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Training, validation and test as shares of the series or as steps [default: 0.6,0.2,0.2]
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    pub(crate) split: Vec<f64>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// A series with what is known about it.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) values: Array2<f64>,
    pub(crate) filled: usize,
    pub(crate) season: Option<usize>,
    pub(crate) split: Option<[usize; 3]>,
    /// Name of the time axis, and the time of every step.
    pub(crate) axis: (String, Vec<f64>),
    /// Provider and licence, for the report.
    pub(crate) origin: Value,
}

impl SeriesArguments {
    /// The series of a file, or the shipped one; `command` is told as an example of what to type.
    pub(crate) fn read(&self, file: Option<&Path>, command: &str) -> Result<Source> {
        if file.is_some() && self.dataset.is_some() {
            bail!("name a file or a shipped series (--dataset), not both")
        }
        if let Some(name) = &self.dataset {
            let set = data::load(name)?;
            ensure!(self.columns.is_empty(), "--columns applies to files: the shipped sets have one column");
            let years = (0..set.values.nrows()).map(|t| set.start + t as f64 * set.years_per_step).collect();
            return Ok(Source {
                name: set.name.to_owned(),
                columns: set.columns,
                values: set.values,
                filled: set.missing,
                season: set.season,
                split: Some(set.split),
                axis: ("year".to_owned(), years),
                origin: json!({"title": set.title, "source": set.source, "licence": set.licence}),
            });
        }
        let Some(path) = file else { bail!("name a CSV file, or try a shipped series: {command} --dataset sunspots") };
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {} (shipped sets are read with --dataset NAME)", path.display()))?;
        let table =
            table::parse(&bytes, &self.columns, self.reading).with_context(|| format!("in {}", path.display()))?;
        output::tell_of(path, table.notes);
        let steps = table.values.nrows();
        let name = path.file_stem().map_or("series".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Source {
            name,
            axis: table.axis.unwrap_or_else(|| ("step".to_owned(), (0..steps).map(|t| t as f64).collect())),
            columns: table.columns,
            values: table.values,
            filled: table.filled,
            season: None,
            split: None,
            origin: Value::Null,
        })
    }

    /// Steps for training, validation and test.
    pub(crate) fn lengths(&self, source: &Source) -> Result<[usize; 3]> {
        let steps = source.values.nrows();
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
