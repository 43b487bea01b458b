//! `forebay watch`: a stream, what a network makes of it, and what is done when the two part.

mod view;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use forebay::drift::{Action, DetectorKind, DriftMonitor, DriftSettings, Entry, Event, Ladder, Policy, Refit, View};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series, Training};
use forebay::{Compiler, HybridEsn};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::systems::Lorenz63;
use ndarray::{Array2, Axis, concatenate, s};
use serde_json::{Value, json};

use self::view::Screen;
use crate::output::{self, count, number};
use crate::reading::{self, ReadingArguments};

/// Watch a network that forecasts a stream one step ahead: drift alarms at a rate you choose, and automatic repair.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay watch                                    a Lorenz system that changes under way, live
  forebay watch --headless --detector page-hinkley --rate 0.5
  forebay watch --file sensors.csv --columns flow --headless --json

The first third of a file trains the network, the second tells what is normal, the last is watched.
Definitions and measurements: specs/drift.md. Tested on silicon: no.")]
pub(crate) struct Watch {
    /// Watch a CSV file or the like (also .gz, JSON Lines, .npy; - for standard input), one line per step, instead of the built-in
    /// stream
    #[arg(long)]
    file: Option<PathBuf>,
    /// Columns by name or number, comma-separated, in quotes where a name has a comma [default: all of numbers that vary]
    #[arg(long, value_name = "NAME,NAME,..")]
    columns: Vec<String>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Steps to watch [default: 10000, or the last third of the file]
    #[arg(long)]
    steps: Option<usize>,
    /// Step in which the built-in stream changes (rho from 28 to 35) [default: a quarter of the steps]
    #[arg(long)]
    change: Option<usize>,
    /// False alarms per 1,000 steps, on average, while nothing changes
    #[arg(long, default_value_t = 0.1, allow_negative_numbers = true)]
    rate: f64,
    /// The detector; ADWIN is a second opinion beside the others
    #[arg(long, value_enum, default_value = "cusum")]
    detector: Which,
    /// Reservoir units
    #[arg(long, default_value_t = 100)]
    units: usize,
    /// Form products on this substrate, such as software:akd1000 [default: floats on the host]
    #[arg(long, value_name = "ADDRESS")]
    substrate: Option<String>,
    /// Seed of the network, the built-in stream and the calibration; with seeds 0 and 1 the demonstration shows a false alarm
    #[arg(long, default_value_t = 2)]
    seed: u64,
    /// Steps per second of the live view
    #[arg(long, default_value_t = 1500)]
    speed: u32,
    /// No live view: one line per event and a summary
    #[arg(long)]
    headless: bool,
    /// Print JSON; no live view
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Cusum,
    PageHinkley,
    Adwin,
    Kswin,
}

impl From<Which> for DetectorKind {
    fn from(which: Which) -> Self {
        match which {
            Which::Cusum => Self::Cusum,
            Which::PageHinkley => Self::PageHinkley,
            Which::Adwin => Self::Adwin,
            Which::Kswin => Self::Kswin,
        }
    }
}

/// A series in three parts: to learn from, to call normal, to watch.
struct Stream {
    columns: Vec<String>,
    /// `[steps, columns]`, standardised by the first part.
    values: Array2<f64>,
    learnt: usize,
    normal: usize,
    /// The step, counted from the start of the watch, in which it changes, where that is known.
    change: Option<usize>,
    /// What the file was read as.
    reading: Value,
}

/// What came of it.
struct Outcome {
    steps: usize,
    warnings: u64,
    skipped: u64,
    log: Vec<Entry>,
}

impl Outcome {
    /// Steps in which forecasts were held.
    fn holds(&self) -> impl Iterator<Item = u64> {
        self.log.iter().filter(|entry| matches!(entry.action, Action::Hold { .. })).map(|entry| entry.step)
    }

    /// Steps from which on an alarm can be raised, or can't.
    fn turns(&self) -> impl DoubleEndedIterator<Item = (u64, bool)> {
        let turn = |(index, entry): (usize, &Entry)| match &entry.action {
            Action::Hold { .. } => Some((entry.step, false)),
            Action::Watch | Action::Unwatched { .. } => Some((entry.step, true)),
            // The old model was good: the monitor watches on as before, without a word of its own.
            Action::GiveBack { is_good: true, .. } => {
                let before = index.checked_sub(1).map(|before| &self.log[before].action);
                matches!(before, Some(Action::RollBack { .. })).then_some((entry.step, true))
            }
            _ => None,
        };
        self.log.iter().enumerate().filter_map(turn)
    }

    /// Steps in which an alarm could be raised: not while held, on trial or learning anew.
    fn watched(&self) -> u64 {
        let (mut total, mut since) = (0, Some(0));
        for (step, is_watched) in self.turns() {
            match since {
                Some(start) if !is_watched => {
                    total += step - start;
                    since = None;
                }
                None if is_watched => since = Some(step),
                _ => {}
            }
        }
        total + since.map_or(0, |start| (self.steps as u64).saturating_sub(start))
    }

    /// What the alarms were worth, where it is known when the stream changed.
    fn verdict(&self, change: u64) -> String {
        let false_alarms = self.holds().filter(|&step| step < change).count();
        let early = match false_alarms {
            0 => String::new(),
            many => format!(" {} before it: false.", count(many, "alarm")),
        };
        // The last thing that was said before the change tells whether anybody was looking.
        let was_held = self.turns().rev().find(|(step, _)| *step < change).is_some_and(|(_, is_watched)| !is_watched);
        let noticed = match self.holds().find(|&step| step >= change) {
            _ if was_held => "forecasts were held then, so it could not be noticed".to_owned(),
            Some(step) => format!("noticed after {}", count((step - change) as usize, "step")),
            None => "it was not noticed".to_owned(),
        };
        format!("The stream changed in step {change}: {noticed}.{early}\n")
    }
}

const LEARNT: usize = 4000;
const NORMAL: usize = 6000;
const WASHOUT: usize = 100;
/// Standard deviation of the built-in stream's measurement noise, in standard deviations of the stream.
const NOISE: f64 = 0.02;

impl Watch {
    pub(super) fn run(self) -> Result<()> {
        ensure!(self.units >= 1 && self.speed >= 1, "--units and --speed must be at least 1");
        let stream = self.stream()?;
        let network = self.network(&stream)?;
        let (esn, ladder) = self.ladder(&stream, network)?;
        let outcome = self.watch(&stream, esn, ladder)?;
        let watched = outcome.watched();
        let expected = self.rate * watched as f64 / 1000.0;
        let alarms = outcome.holds().count();
        if self.json {
            return output::print_json(&json!({
                "columns": stream.columns, "reading": stream.reading, "substrate": self.substrate.as_deref().unwrap_or("host"), "seed": self.seed,
                "tested_on_silicon": false, "detector": DetectorKind::from(self.detector).to_string(), "rate": self.rate,
                "steps": outcome.steps, "watched": watched, "change": stream.change, "alarms": alarms,
                "false_alarms_expected_without_change": expected, "warnings": outcome.warnings,
                "not_finite": outcome.skipped, "events": outcome.log.iter().map(event).collect::<Vec<_>>(),
            }));
        }
        let mut text: String = outcome.log.iter().map(|entry| line(entry, &stream.columns)).collect();
        if let Some(change) = stream.change {
            text += &outcome.verdict(change as u64);
        }
        text += &format!(
            "{}, {watched} of them watched, {}, {} with a warning; what is watched is the size of one-step errors. At {} false alarms\n\
             per 1,000 steps, {expected:.1} are expected where nothing changes: an alarm alone proves no drift. While forecasts are\n\
             held and the monitor learns anew, drift goes unnoticed.\n\
             Products {}. Tested on silicon: no.\n",
            count(outcome.steps, "step"),
            count(alarms, "alarm"),
            count(outcome.warnings as usize, "step"),
            self.rate,
            self.substrate.as_ref().map_or("in floats on the host".to_owned(), |address| format!("on {address}")),
        );
        output::print(&text)
    }

    fn stream(&self) -> Result<Stream> {
        if let Some(path) = &self.file {
            ensure!(self.change.is_none(), "--change belongs to the built-in stream");
            let table = reading::read(path, &self.reading.with(reading::choice(&self.columns)))?;
            if !self.json {
                output::tell_of(path, reading::lines(&table));
            }
            let rows = table.values.nrows();
            ensure!(rows >= 900, "{} has {rows} rows: 900 are needed to learn, call normal and watch", path.display());
            let (learnt, normal) = (rows / 3, rows / 3);
            let watched = self.steps.unwrap_or(rows).clamp(1, rows - learnt - normal);
            let values = table.values.slice(s![..learnt + normal + watched, ..]).to_owned();
            let reading = reading::json(&table);
            return Ok(Stream { columns: table.names(), values, learnt, normal, change: None, reading });
        }
        ensure!(self.columns.is_empty(), "--columns belongs to --file");
        if let Some(option) = self.reading.given() {
            bail!("{option} belongs to --file");
        }
        let steps = self.steps.unwrap_or(10_000);
        ensure!(steps >= 2, "--steps must be at least 2, found {steps}");
        let change = self.change.unwrap_or(steps / 4);
        if change < 1 || change >= steps {
            bail!("--change must be at least 1 and below the {steps} steps, found {change}");
        }
        let old = Lorenz63::default().generate(LEARNT + NORMAL + change, Seed(self.seed))?;
        let last = old.row(old.nrows() - 1);
        let changed = Lorenz63 { rho: 35.0, ..Lorenz63::default() };
        let new = changed.follow([last[0], last[1], last[2]], steps - change + 1)?;
        let values = concatenate(Axis(0), &[old.view(), new.slice(s![1.., ..])])?;
        let columns = ["x", "y", "z"].map(str::to_owned).to_vec();
        Ok(Stream { columns, values, learnt: LEARNT, normal: NORMAL, change: Some(change), reading: Value::Null })
    }

    /// Trains the network; standardises the stream on the way.
    fn network(&self, stream: &Stream) -> Result<(Array2<f64>, Model<f64>)> {
        let mut values =
            Scaler::standardise(stream.values.slice(s![..stream.learnt, ..]))?.transform(stream.values.view())?;
        if self.file.is_none() {
            let mut noise = Seed(self.seed).stream("measurement");
            values.iter_mut().for_each(|value| *value += NOISE * noise.normal());
        }
        let width = stream.columns.len();
        let mut g = Graph::builder();
        let u = g.input("u", width);
        let recipe = Reservoir::new(self.units).spectral_radius(0.4).input_scaling(0.3).bias_scaling(1.0);
        let x = g.reservoir("x", u, recipe);
        g.readout("next", [u, x], width);
        let mut model = Model::<f64>::generate(g.build()?, self.seed)?;
        let inputs = values.slice(s![..stream.learnt - 1, ..]);
        if let Some(address) = &self.substrate {
            let compiler = Compiler::new(super::substrates::open(address)?).calibrate(inputs);
            model = compiler.compile(&model).with_context(|| format!("cannot compile for {address}"))?;
        }
        let pair = Series::new(inputs, values.slice(s![1..stream.learnt, ..]));
        let training = Training::new().washout(WASHOUT).ridge(Ridge::decades(-7, 0));
        let (trained, _) = training.fit(&model, &[pair])?;
        Ok((values, trained))
    }

    /// Runs the network over the part that is normal, and makes a monitor of its errors.
    fn ladder(&self, stream: &Stream, (values, model): (Array2<f64>, Model<f64>)) -> Result<(Running, Ladder<f64>)> {
        let mut esn = HybridEsn::from_model(model)?;
        let start = stream.learnt - WASHOUT;
        let end = stream.learnt + stream.normal;
        let forecast = esn.run(values.slice(s![start..end, ..]))?;
        let last = forecast.nrows() - 1;
        // The forecast made in the last normal step is judged in the first that is watched.
        let errors =
            (&forecast.slice(s![WASHOUT..last, ..]) - &values.slice(s![stream.learnt + 1..end, ..])).to_owned();
        let settings = DriftSettings {
            rate: self.rate,
            detector: self.detector.into(),
            second: (!matches!(self.detector, Which::Adwin)).then_some(DetectorKind::Adwin),
            view: View::Magnitude,
            seed: self.seed,
            ..DriftSettings::default()
        };
        let monitor = DriftMonitor::calibrate(settings, errors.view())?;
        let refit_after = (stream.learnt / 2).max(2 * WASHOUT);
        let policy = Policy {
            refit_after,
            retrain_after: 2 * refit_after,
            trial: (refit_after / 5).max(1),
            washout: WASHOUT,
            recalibrate: (stream.normal / 2).max(200),
            refit: Refit::Ridge(Ridge::decades(-7, 0)),
            ..Policy::default()
        };
        let before = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        Ok((Running { esn, values }, Ladder::new(monitor, policy, before)?))
    }

    fn watch(&self, stream: &Stream, running: Running, mut ladder: Ladder<f64>) -> Result<Outcome> {
        let Running { mut esn, values } = running;
        let mut screen = Screen::new(!self.headless && !self.json, self.speed);
        let (mut warnings, mut skipped) = (0, 0);
        let first = stream.learnt + stream.normal;
        let mut input = values.row(first - 1).to_vec();
        let mut told = 0;
        for row in values.slice(s![first.., ..]).rows() {
            let truth = row.to_vec();
            let event = ladder.observe(&mut esn, &input, &truth)?;
            match event {
                Event::Warning { .. } => warnings += 1,
                Event::NotFinite { .. } => skipped += 1,
                _ => {}
            }
            let error = esn.session().outputs().iter().zip(&truth).map(|(y, t)| (y - t) * (y - t)).sum::<f64>().sqrt();
            screen.show(truth[0], error, ladder.monitor().score(), ladder.is_trusted());
            for entry in &ladder.log()[told..] {
                screen.tell(&line(entry, &stream.columns));
            }
            told = ladder.log().len();
            esn.step(&truth)?;
            input = truth;
        }
        screen.close();
        let steps = values.nrows() - first;
        Ok(Outcome { steps, warnings, skipped, log: ladder.log().to_vec() })
    }
}

struct Running {
    esn: HybridEsn<f64>,
    values: Array2<f64>,
}

/// An entry for people.
fn line(entry: &Entry, columns: &[String]) -> String {
    let name = |channel: usize| columns.get(channel).map_or("?", String::as_str);
    let took = entry.took.as_secs_f64() * 1e3;
    let text = match &entry.action {
        Action::Hold { channel, detector, since } => {
            format!("alarm   {detector} on {:?}, changed since step {since}; forecasts are held", name(*channel))
        }
        Action::Refit { steps } => format!("refit   the readout on {steps} steps in {took:.1} ms, now on trial"),
        Action::Retrain { steps } => format!("retrain on {steps} steps in {took:.1} ms, now on trial"),
        Action::Failed { reason } => format!("failed  {reason}"),
        Action::RollBack { old, new } => {
            format!("back    to the old model: error {} against {} of the new one", number(*old), number(*new))
        }
        Action::Escalate { new, limit } => {
            format!("better, but {} is above {}: next rung", number(*new), number(*limit))
        }
        Action::GiveBack { error, before, is_good } => {
            let verdict = if *is_good { "good" } else { "not as good as was asked for" };
            format!("control given back: error {}, {} before, {verdict}", number(*error), number(*before))
        }
        Action::Again { channel, detector, since } => format!(
            "again   {detector} on {:?} by the old measure, since step {since}: what is being learnt may hold a change",
            name(*channel)
        ),
        Action::Watch => format!("watch   again, calibrated in {took:.1} ms"),
        Action::Unwatched { reason } => format!("watch   again as before: {reason}"),
        other => format!("{other:?}"),
    };
    format!("step {:6}  {text}\n", entry.step)
}

/// An entry for programs.
fn event(entry: &Entry) -> Value {
    let (step, seconds) = (entry.step, entry.took.as_secs_f64());
    let (action, details) = match &entry.action {
        Action::Hold { channel, detector, since } => {
            ("hold", json!({"channel": channel, "detector": detector.to_string(), "since": since}))
        }
        Action::Refit { steps } => ("refit", json!({"steps": steps})),
        Action::Retrain { steps } => ("retrain", json!({"steps": steps})),
        Action::Failed { reason } => ("failed", json!({"reason": reason})),
        Action::RollBack { old, new } => ("roll_back", json!({"old": old, "new": new})),
        Action::Escalate { new, limit } => ("escalate", json!({"new": new, "limit": limit})),
        Action::GiveBack { error, before, is_good } => {
            ("give_back", json!({"error": error, "before": before, "is_good": is_good}))
        }
        Action::Again { channel, detector, since } => {
            ("again", json!({"channel": channel, "detector": detector.to_string(), "since": since}))
        }
        Action::Watch => ("watch", Value::Null),
        Action::Unwatched { reason } => ("unwatched", json!({"reason": reason})),
        _ => ("other", Value::Null),
    };
    json!({"step": step, "action": action, "details": details, "seconds": seconds})
}
