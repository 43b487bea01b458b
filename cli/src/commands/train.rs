//! `forebay train`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use forebay::Real;
use forebay_forecast::table::Fill;
use forebay_forecast::verdict::{self, Verdict};
use ndarray::s;
use serde_json::{Value, json};

use super::models::Precision;
use super::placement::Placement;
use crate::forecasting::{Outcome, Plan, Row};
use crate::output::{self, align, count, number};
use crate::plot::ForecastPlot;
use crate::results::{self, Results, STAMP};
use crate::series::{SeriesArguments, Source};

/// Train one network that forecasts a series, to be placed on a processor: settings chosen on validation data, scored on test data beside
/// honest baselines. For the best forecast of a series use `forebay forecast`, which combines networks with others.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay train --dataset sunspots
  forebay train sales.csv --columns revenue --horizon 4 --season 12
  forebay train sensors.csv --split 0.7,0.1,0.2 --seeds 20 --json
  forebay train sales.csv --horizon 4 --settings out/sales/settings.json")]
pub(crate) struct Train {
    /// A CSV file or the like (also .gz, JSON Lines, .npy; - for standard input), one line per step
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
    /// Folder for the results [default: out/NAME-network]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the results of another run in that folder
    #[arg(long)]
    force: bool,
    /// Print the report as JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Steps of the plot.
const SHOWN: usize = 240;

impl Train {
    pub(super) fn run(self) -> Result<()> {
        match self.precision {
            Precision::F32 => self.forecast::<f32>(),
            Precision::F64 => self.forecast::<f64>(),
        }
    }

    fn forecast<T: Real>(&self) -> Result<()> {
        let mut source = self.series.read(self.file.as_deref(), "forebay train")?;
        let settings = self.settings.as_deref().map(super::task::settings).transpose()?;
        let split = self.series.lengths(&source)?;
        source.look_back_from(split[0]);
        let plan = Plan {
            horizon: self.horizon,
            split,
            units: settings.as_ref().map_or(self.units, |settings| settings.units),
            settings,
            seeds: self.seeds,
            trials: if self.settings.is_some() { 0 } else { self.trials },
            season: self.season.or(source.season),
            hybrid: (!self.no_hybrid).then(|| self.placement.hybrid()),
        };
        let folder = self.out.clone().unwrap_or_else(|| Path::new("out").join(format!("{}-network", source.name)));
        let stamp = self.stamp(&source, &plan)?;
        let files = ["report.json", "model.forebay", "forecast.png"];
        let results = Results { folder: &folder, files: &files, identity: json!({STAMP: stamp}) };
        results.check(self.force)?;
        let bar = output::progress(plan.trials.saturating_add(plan.seeds), "searching and training");
        let outcome = plan.run::<T>(source.beside(), &source.columns, || bar.inc(1))?;
        bar.finish_and_clear();

        output::make_folder(&folder)?;
        let [report_file, model, plot_file] = files.map(|file| results.path(file));
        let report = report(&source, &plan, &outcome, &stamp);
        let mut provenance = outcome.model.provenance().clone();
        provenance.notes.insert(STAMP.to_owned(), stamp.clone().into());
        output::write_together(&[
            (model.clone(), outcome.model.clone().with_provenance(provenance).to_bytes()?),
            (plot_file.clone(), plot(&source, &plan, &outcome, &stamp).to_png()?),
            (report_file.clone(), (serde_json::to_string_pretty(&report)? + "\n").into_bytes()),
        ])?;
        if self.json {
            return output::print_json(&report);
        }
        output::print(&(source.told() + &describe(&source, &plan, &outcome)?))?;
        let [model, plot, report] = [model, plot_file, report_file].map(|path| path.display().to_string());
        output::print(&format!("\nmodel   {model}\nplot    {plot}\nreport  {report}\n"))
    }

    /// The run, by all that its results follow from.
    fn stamp(&self, source: &Source, plan: &Plan) -> Result<String> {
        // A value that was filled counts for less than one that is true.
        let values = source.values.iter().chain(&source.truth);
        let data: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        let precision = format!("{:?}", self.precision);
        results::stamp(&data, &json!([source.name, source.columns, plan, plan.settings, precision]))
    }
}

fn report<T: Real>(source: &Source, plan: &Plan, outcome: &Outcome<T>, stamp: &str) -> Value {
    json!({
        "forebay": env!("CARGO_PKG_VERSION"),
        STAMP: stamp,
        "substrate": "host",
        "reading": source.reading(),
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

fn describe<T: Real>(source: &Source, plan: &Plan, outcome: &Outcome<T>) -> Result<String> {
    let [train, validation, test] = plan.split;
    let mut text = format!(
        "{}: {} steps of {}, forecast {} ahead; {train} for training, {validation} for validation, {test} for test\n",
        source.name,
        source.values.nrows(),
        source.columns.join(", "),
        count(plan.horizon, "step"),
    );
    if source.filled > 0 {
        let how = match source.fill {
            Fill::Linear => "linear interpolation among the training steps, and by the value before in all others",
            Fill::Hold | Fill::Refuse | Fill::Mark => "the value before",
        };
        text += &format!(
            "{} filled by {how}; networks read these, and are neither trained on nor judged by them\n",
            count(source.filled, "missing value")
        );
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
    text += &verdict(&outcome.rows, plan.horizon)?;
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
    Ok(text)
}

/// The row of the forecast that is drawn and judged: of the only network, or of the average of several.
fn forecaster(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| !row.baseline && !row.test_errors.is_empty())
}

/// Who wins on the test stretch, in one sentence.
fn verdict(rows: &[Row], horizon: usize) -> Result<String> {
    let best = rows.iter().filter(|row| row.baseline).min_by(|a, b| a.test.total_cmp(&b.test));
    let (Some(network), Some(best)) = (forecaster(rows), best) else { return Ok(String::new()) };
    let (ours, theirs) = (&network.name, &best.name);
    let told = verdict::compare(&network.test_errors, &best.test_errors, horizon)?;
    let gap = |better: f64, worse: f64| format!("{:.1} %", 100.0 * (1.0 - better / worse));
    let (low, high) = (network.test.min(best.test), network.test.max(best.test));
    Ok(match told.verdict {
        Verdict::First => format!(
            "On the test data the {ours} beats the best baseline ({theirs}) by {}.",
            gap(network.test, best.test)
        ),
        Verdict::Second => format!(
            "On the test data the best baseline ({theirs}) beats the {ours} by {}: use it.",
            gap(best.test, network.test)
        ),
        Verdict::Short { steps, needed } => format!(
            "Whether the {ours} or the best baseline ({theirs}) is better cannot be told from {}: {horizon} ahead, a verdict \
             needs {needed}.",
            count(steps, "test step"),
        ),
        _ => format!(
            "On the test data the {ours} and the best baseline ({theirs}) cannot be told apart: {} and {} differ by no more \
             than chance explains over {}.",
            number(low),
            number(high),
            count(told.steps, "step"),
        ),
    })
}

fn plot<'a, T: Real>(source: &'a Source, plan: &Plan, outcome: &Outcome<T>, stamp: &str) -> ForecastPlot<'a> {
    let test = outcome.forecast.nrows();
    let shown = SHOWN.min(test);
    let end = plan.split.iter().sum::<usize>();
    let (first, skipped) = (end - shown, test - shown);
    let column = |from: usize| source.values.slice(s![from..from + shown, 0]).to_vec();
    ForecastPlot {
        title: format!("{}, {} ahead", source.name, count(plan.horizon, "step")),
        subtitle: format!("{}; run {stamp}", subtitle(&outcome.rows, shown, test)),
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
