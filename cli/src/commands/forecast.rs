//! `forebay forecast`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use forebay::Real;
use forebay_zoo::data;
use ndarray::{Array2, s};
use serde_json::{Value, json};

use super::models::Precision;
use super::placement::Placement;
use crate::forecasting::{Outcome, Plan, Row, diebold_mariano};
use crate::output::{self, align, count, number};
use crate::plot::ForecastPlot;
use crate::table::{self, Fill};

/// Forecast a series: choose reservoir settings on validation data, score on test data, beside honest baselines.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay forecast --dataset sunspots
  forebay forecast sales.csv --columns revenue --horizon 4 --season 12
  forebay forecast sensors.csv --split 0.7,0.1,0.2 --seeds 20 --json")]
pub(crate) struct Forecast {
    /// A CSV file, one line per step
    file: Option<PathBuf>,
    /// A shipped data set instead (see `forebay data list`)
    #[arg(long, conflicts_with = "file", value_name = "NAME")]
    dataset: Option<String>,
    /// Columns by name or number, comma-separated [default: all numeric ones]
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Steps ahead
    #[arg(long, default_value_t = 1, value_name = "STEPS")]
    horizon: usize,
    /// Training, validation and test as shares of the series or as steps [default: 0.6,0.2,0.2]
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    split: Vec<f64>,
    /// Reservoir units
    #[arg(long, default_value_t = 200)]
    units: usize,
    /// Reservoirs trained with the chosen settings
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Random settings tried on validation data
    #[arg(long, default_value_t = 120)]
    trials: u64,
    /// Steps per season, for the seasonal baseline
    #[arg(long, value_name = "STEPS")]
    season: Option<usize>,
    /// Missing values in the file
    #[arg(long, value_enum, default_value = "refuse")]
    fill: Fill,
    /// Float type of the networks
    #[arg(long, value_enum, default_value = "f64")]
    precision: Precision,
    #[command(flatten)]
    placement: Placement,
    /// Leave out the hybrid network: the same one with its recurrent product in integers
    #[arg(long)]
    no_hybrid: bool,
    /// Folder for the results [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the report as JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// A series with what is known about it.
struct Source {
    name: String,
    columns: Vec<String>,
    values: Array2<f64>,
    filled: usize,
    season: Option<usize>,
    split: Option<[usize; 3]>,
    /// Name of the time axis, and the time of every step.
    axis: (String, Vec<f64>),
    /// Provider and licence, for the report.
    origin: Value,
}

/// Steps of the plot.
const SHOWN: usize = 240;

impl Forecast {
    pub(super) fn run(self) -> Result<()> {
        match self.precision {
            Precision::F32 => self.forecast::<f32>(),
            Precision::F64 => self.forecast::<f64>(),
        }
    }

    fn forecast<T: Real>(&self) -> Result<()> {
        let source = self.source()?;
        let plan = Plan {
            horizon: self.horizon,
            split: self.lengths(&source)?,
            units: self.units,
            seeds: self.seeds,
            trials: self.trials,
            season: self.season.or(source.season),
            hybrid: (!self.no_hybrid).then(|| self.placement.hybrid()),
        };
        let folder = self.out.clone().unwrap_or_else(|| Path::new("out").join(&source.name));
        output::check_folder(&folder)?;
        let bar = output::progress(plan.trials.saturating_add(plan.seeds), "searching and training");
        let outcome = plan.run::<T>(source.values.view(), &source.columns, || bar.inc(1))?;
        bar.finish_and_clear();

        output::make_folder(&folder)?;
        let files = ["model.forebay", "forecast.png", "report.json"].map(|name| folder.join(name));
        let report = report(&source, &plan, &outcome);
        outcome.model.save(&files[0])?;
        plot(&source, &plan, &outcome).write(&files[1])?;
        output::write_file(&files[2], (serde_json::to_string_pretty(&report)? + "\n").as_bytes())?;
        if self.json {
            return output::print_json(&report);
        }
        output::print(&describe(&source, &plan, &outcome))?;
        let names = files.map(|path| path.display().to_string());
        output::print(&format!("\nmodel   {}\nplot    {}\nreport  {}\n", names[0], names[1], names[2]))
    }

    fn source(&self) -> Result<Source> {
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
        let Some(path) = &self.file else {
            bail!("name a CSV file, or try a shipped series: forebay forecast --dataset sunspots")
        };
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {} (shipped sets are read with --dataset NAME)", path.display()))?;
        let table = table::parse(&bytes, &self.columns, self.fill).with_context(|| format!("in {}", path.display()))?;
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

    fn lengths(&self, source: &Source) -> Result<[usize; 3]> {
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
            // Shares; the last stretch takes what rounding leaves of the sum.
            let (first, second) = ((a * steps as f64) as usize, ((a + b) * steps as f64) as usize);
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

fn report<T: Real>(source: &Source, plan: &Plan, outcome: &Outcome<T>) -> Value {
    json!({
        "forebay": env!("CARGO_PKG_VERSION"),
        "substrate": "host",
        "tested_on_silicon": false,
        "series": {
            "name": source.name, "columns": source.columns, "steps": source.values.nrows(), "filled": source.filled,
            "origin": source.origin,
        },
        "plan": plan,
        "precision": T::NAME,
        "protocol": "direct forecasts; settings and the autoregression's order chosen on validation; test scores from fits \
                     on training and validation; NRMSE divides by the standard deviation of the stretch",
        "scores": outcome.rows,
        "settings": outcome.settings,
        "hybrid_plan": outcome.placement,
        "test_nrmse_per_seed": outcome.test_per_seed,
        "test_forecast": outcome.forecast.rows().into_iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
    })
}

fn describe<T: Real>(source: &Source, plan: &Plan, outcome: &Outcome<T>) -> String {
    let [train, validation, test] = plan.split;
    let mut text = format!(
        "{}: {} steps of {}, forecast {} ahead; {train} for training, {validation} for validation, {test} for test\n",
        source.name,
        source.values.nrows(),
        source.columns.join(", "),
        count(plan.horizon, "step"),
    );
    if source.filled > 0 {
        text += &format!("{} filled by linear interpolation\n", count(source.filled, "missing value"));
    }
    let titles = ["NRMSE", "training", "validation", "test"].map(str::to_owned).to_vec();
    let mut rows = vec![titles];
    for Row { name, train, validation, test, test_sd, .. } in &outcome.rows {
        let spread = test_sd.map_or(String::new(), |sd| format!(" ± {}", number(sd)));
        rows.push(vec![name.clone(), number(*train), number(*validation), number(*test) + &spread]);
    }
    text += "\n";
    text += &align(&rows);
    text += "\n";
    text += &verdict(&outcome.rows, plan.horizon);
    text += "\n";
    if let Some(region) = outcome.placement.as_ref().and_then(|placement| placement.regions.first()) {
        let layer = &region.layers[0];
        text += &format!(
            "The hybrid's recurrent product is {} units over {} inputs on one {} ({} words), {} a step; exact integers in \
             software here. Tested on silicon: no.\n",
            layer.units,
            layer.inputs,
            layer.processor,
            layer.memory_words,
            count(region.per_step.inferences, "inference"),
        );
    }
    text
}

/// Who wins on the test stretch, in one sentence; nobody, if the squared errors differ by less than two of the standard
/// errors of their mean difference.
fn verdict(rows: &[Row], horizon: usize) -> String {
    let compared = || rows.iter().filter(|row| !row.test_errors.is_empty());
    let network = compared().find(|row| !row.baseline);
    let best = compared().filter(|row| row.baseline).min_by(|a, b| a.test.total_cmp(&b.test));
    let (Some(network), Some(best)) = (network, best) else { return String::new() };
    let (ours, theirs) = (&network.name, &best.name);
    if diebold_mariano(&network.test_errors, &best.test_errors, horizon).abs() < 2.0 {
        format!(
            "On the test data the {ours} and the best baseline ({theirs}) cannot be told apart: the squared \
             errors differ by less than two standard errors."
        )
    } else if network.test < best.test {
        let gain = 100.0 * (1.0 - network.test / best.test);
        format!("On the test data the {ours} beats the best baseline ({theirs}) by {gain:.1} %.")
    } else {
        let loss = 100.0 * (1.0 - best.test / network.test);
        format!("On the test data the best baseline ({theirs}) beats the {ours} by {loss:.1} %: use it.")
    }
}

fn plot<'a, T: Real>(source: &'a Source, plan: &Plan, outcome: &Outcome<T>) -> ForecastPlot<'a> {
    let test = outcome.forecast.nrows();
    let shown = SHOWN.min(test);
    let end = plan.split.iter().sum::<usize>();
    let (first, skipped) = (end - shown, test - shown);
    let column = |from: usize| source.values.slice(s![from..from + shown, 0]).to_vec();
    let part = if shown < test { format!("last {shown} of {test} test steps") } else { format!("{test} test steps") };
    let network = outcome.rows.iter().rfind(|row| !row.baseline);
    let score = network.map_or(String::new(), |row| format!("{}, test NRMSE {}", row.name, number(row.test)));
    ForecastPlot {
        title: format!("{}, {} ahead", source.name, count(plan.horizon, "step")),
        subtitle: format!("{part}; {score}"),
        feature: &source.columns[0],
        time_label: &source.axis.0,
        times: &source.axis.1[first..end],
        truth: column(first),
        forecast: outcome.forecast.slice(s![skipped.., 0]).to_vec(),
        persistence: column(first - plan.horizon),
    }
}
