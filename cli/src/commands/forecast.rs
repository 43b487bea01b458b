//! `forebay forecast`.

mod asked;
mod picture;
mod report;
mod roles;
mod told;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use forebay_forecast::service::{ForecastFile, Header, Service, Settings, Tested};
use serde_json::json;

pub(super) use self::asked::Asked;
pub(super) use self::roles::Roles;
pub(super) use self::told::verdict as sentence;
use crate::output::{self, count};
use crate::results::{self, Results, STAMP};
use crate::series::{SeriesArguments, Source};

/// Forecast a series 1 to HORIZON steps ahead: naive forecasts, smoothing, autoregression and reservoirs, weighted by their errors on rolling
/// origins; scored on rows that nothing was learnt from, with intervals; saved as it was scored.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay forecast --dataset sunspots
  forebay forecast sales.csv --target revenue --horizon 4 --season 12
  forebay forecast load.csv --target load --inputs wind --known temperature --horizon 24
  forebay forecast meters.csv --id meter=17 --missing -999 --json
  zcat load.csv.gz | forebay forecast - --gaps fill
Then, with the rows that follow:
  forebay predict out/sales/model.forebay new.csv")]
pub(crate) struct Forecast {
    /// A CSV file or the like (also .gz, JSON Lines, .npy; - for standard input), one line per step
    file: Option<PathBuf>,
    #[command(flatten)]
    series: SeriesArguments,
    #[command(flatten)]
    asked: Asked,
    /// Folder for the results [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the results of another run in that folder
    #[arg(long)]
    force: bool,
    /// Print the report as JSON instead of the tables
    #[arg(long)]
    json: bool,
}

/// Shares of truths that intervals are to hold; the last one is scored and drawn about the forecasts.
const COVERAGES: [f64; 3] = [0.5, 0.8, 0.9];

/// A run and what came of it.
pub(super) struct Run<'a> {
    source: &'a Source,
    roles: &'a Roles,
    settings: &'a Settings,
    stamp: &'a str,
    /// Rows that were learnt from before the test part, rows of the test part, and rows after it.
    stretches: [usize; 3],
    pub(super) tested: Vec<Tested>,
    scored: Service,
    pub(super) newest: Service,
}

impl Forecast {
    pub(super) fn run(self) -> Result<()> {
        let source = self.series.read_open(
            self.file.as_deref(),
            "forebay forecast",
            &self.asked.columns(&self.series.columns),
        )?;
        let roles = Roles::of(&source, self.asked.targets(&self.series.columns), &self.asked)?;
        let settings = self.asked.settings(&source)?;
        let stretches = self.stretches(&source, roles.rows)?;
        let folder = self.out.clone().unwrap_or_else(|| Path::new("out").join(&source.name));
        let stamp = stamp(&source, &roles, &settings, stretches)?;
        let files = ["report.json", "model.forebay", "forecast.png", "forecast.html"];
        let results = Results { folder: &folder, files: &files, identity: json!({STAMP: stamp}) };
        results.check(self.force)?;

        let length = roles.columns.targets.len().saturating_mul(settings.horizon);
        let bar = output::progress(length as u64, "fitting");
        let run = Run::make((&source, &roles, &settings), &stamp, stretches, || bar.inc(1))?;
        bar.finish_and_clear();

        let report = report::report(&run)?;
        let view = picture::view(&run)?;
        let report_text = serde_json::to_string_pretty(&report)? + "\n";
        let text = told::describe(&run)?;
        let (png, html) = (view.to_png()?, view.to_html()?);
        let seasons =
            (0..run.newest.targets().count()).map(|target| run.newest.season(target).map(|found| found.steps));
        let header = Header {
            run: stamp.clone(),
            series: source.name.clone(),
            columns: roles.columns.clone(),
            clock: source.rule().cloned(),
            clock_row: source.truth.nrows() - 1,
            calendar: false,
            missing: self.series.reading.missing().to_vec(),
            day_first: self.series.reading.day_first(),
            id: self.series.reading.series_of(),
            seasons: seasons.collect(),
        };
        let file = ForecastFile { header, scored: run.scored, newest: run.newest };
        output::make_folder(&folder)?;
        let [report_file, model, plot, page] = files.map(|file| results.path(file));
        output::write_together(&[
            (model.clone(), file.to_bytes()?),
            (plot.clone(), png),
            (page.clone(), html.into_bytes()),
            (report_file.clone(), report_text.into_bytes()),
        ])?;
        if self.json {
            return output::print_json(&report);
        }
        output::print(&(source.told() + &text))?;
        let [model, plot, page, report] = [model, plot, page, report_file].map(|path| path.display().to_string());
        output::print(&format!("\nmodel   {model}\nplot    {plot}\npage    {page}\nreport  {report}\n"))
    }

    /// Rows to learn from, rows to test on, rows that follow.
    fn stretches(&self, source: &Source, rows: usize) -> Result<[usize; 3]> {
        let [train, validation, test] = self.series.lengths_of(source, rows)?;
        let learnt = train + validation;
        // The usual stretches of a shipped series leave out its last rows.
        let test = if self.series.split.is_empty() { rows.saturating_sub(learnt) } else { test };
        ensure!(
            learnt > 0 && test > 0,
            "{} leave none to learn from or to test on: give more, or another --split",
            count(rows, "row")
        );
        Ok([learnt, test, rows - learnt - test])
    }
}

impl<'a> Run<'a> {
    /// Fits on the first stretch, and forecasts the rows that follow as they come in.
    pub(super) fn make(
        (source, roles, settings): (&'a Source, &'a Roles, &'a Settings),
        stamp: &'a str,
        stretches: [usize; 3],
        fitted: impl Fn() + Sync,
    ) -> Result<Self> {
        let values = roles.rows(source);
        let rows = values.as_rows();
        let [learnt, test, _] = stretches;
        let scored = Service::fit(&roles.columns.targets, &rows.first(learnt), settings, fitted)?;
        let mut newest = scored.clone();
        let tested = newest.judge(&rows.first(learnt + test).after(learnt))?;
        newest.judge(&rows.after(learnt + test))?;
        Ok(Self { source, roles, settings, stamp, stretches, tested, scored, newest })
    }
}

/// The run, by all that its results follow from.
fn stamp(source: &Source, roles: &Roles, settings: &Settings, stretches: [usize; 3]) -> Result<String> {
    let data: Vec<u8> = source.truth.iter().flat_map(|value| value.to_le_bytes()).collect();
    let clock = source.rule().map(serde_json::to_value).transpose()?;
    let limits = [settings.limits.0, settings.limits.1].map(f64::to_bits);
    let networks = (settings.networks, settings.networks_between);
    let asked = (settings.horizon, settings.season, settings.seed, networks, limits);
    results::stamp(&data, &json!(["forecast", source.name, roles.columns, clock, asked, stretches]))
}
