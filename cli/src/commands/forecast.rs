//! `forebay forecast`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use forebay::Real;
use ndarray::s;
use serde_json::{Value, json};

use super::models::Precision;
use super::placement::Placement;
use crate::forecasting::{Outcome, Plan, Row, diebold_mariano};
use crate::output::{self, align, count, number};
use crate::plot::ForecastPlot;
use crate::series::{SeriesArguments, Source};

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
    #[command(flatten)]
    series: SeriesArguments,
    /// Steps ahead
    #[arg(long, default_value_t = 1, value_name = "STEPS")]
    horizon: usize,
    /// Reservoir units
    #[arg(long, default_value_t = 200, conflicts_with = "settings")]
    units: usize,
    /// Reservoirs trained with the chosen settings; their average is scored and drawn, the first alone is saved
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Random settings tried on validation data
    #[arg(long, default_value_t = 120, conflicts_with = "settings")]
    trials: u64,
    /// These settings instead, a JSON file as `forebay search` writes it
    #[arg(long, value_name = "FILE.json")]
    settings: Option<PathBuf>,
    /// Steps per season, for the seasonal baseline
    #[arg(long, value_name = "STEPS")]
    season: Option<usize>,
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
        let source = self.series.read(self.file.as_deref(), "forebay forecast")?;
        let settings = self.settings.as_deref().map(super::task::settings).transpose()?;
        let plan = Plan {
            horizon: self.horizon,
            split: self.series.lengths(&source)?,
            units: settings.as_ref().map_or(self.units, |settings| settings.units),
            settings,
            seeds: self.seeds,
            trials: if self.settings.is_some() { 0 } else { self.trials },
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
        "model": {"network": 1, "of": plan.seeds, "seed": 0, "test_nrmse": outcome.test_per_seed[0]},
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
    if let (2.., Some(average)) = (plan.seeds, forecaster(&outcome.rows)) {
        text += &format!(
            "model.forebay is network 1 of {} alone (seed 0), with a test NRMSE of {}; that of the {} is {}.\n",
            plan.seeds,
            number(outcome.test_per_seed[0]),
            average.name,
            number(average.test),
        );
    }
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

/// The row of the forecast that is drawn and judged: of the only network, or of the average of several.
fn forecaster(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| !row.baseline && !row.test_errors.is_empty())
}

/// Who wins on the test stretch, in one sentence; nobody, if the squared errors differ by less than two of the standard
/// errors of their mean difference.
fn verdict(rows: &[Row], horizon: usize) -> String {
    let best = rows.iter().filter(|row| row.baseline).min_by(|a, b| a.test.total_cmp(&b.test));
    let (Some(network), Some(best)) = (forecaster(rows), best) else { return String::new() };
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
    ForecastPlot {
        title: format!("{}, {} ahead", source.name, count(plan.horizon, "step")),
        subtitle: subtitle(&outcome.rows, shown, test),
        feature: &source.columns[0],
        time_label: &source.axis.0,
        times: &source.axis.1[first..end],
        truth: column(first),
        forecast: outcome.forecast.slice(s![skipped.., 0]).to_vec(),
        persistence: column(first - plan.horizon),
    }
}

/// Which steps are drawn, and whose forecast with its score.
fn subtitle(rows: &[Row], shown: usize, test: usize) -> String {
    let part = if shown < test { format!("last {shown} of {test} test steps") } else { format!("{test} test steps") };
    let score = forecaster(rows).map_or(String::new(), |row| format!("{}, test NRMSE {}", row.name, number(row.test)));
    format!("{part}; {score}")
}

#[cfg(test)]
mod tests {
    use super::{Row, subtitle};

    /// The plot of the average's forecast once told the hybrid's name and score: the last row that is no baseline.
    #[test]
    fn the_plot_names_whose_curve_it_draws() {
        let row = |name: &str, test: f64, baseline: bool, has_errors: bool| Row {
            name: name.to_owned(),
            baseline,
            train: 0.0,
            validation: 0.0,
            test,
            test_sd: None,
            test_errors: if has_errors { vec![test] } else { vec![] },
        };
        let (hybrid, naive) = (row("hybrid", 0.4, false, false), row("persistence", 0.9, true, true));
        let several =
            [row("network", 0.3, false, false), row("average", 0.2, false, true), hybrid.clone(), naive.clone()];
        assert_eq!(subtitle(&several, 240, 1000), "last 240 of 1000 test steps; average, test NRMSE 0.2000");
        let one = [row("network", 0.3, false, true), hybrid, naive];
        assert_eq!(subtitle(&one, 60, 60), "60 test steps; network, test NRMSE 0.3000");
    }
}
