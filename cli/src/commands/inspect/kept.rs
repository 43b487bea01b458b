//! What kept files and checkpoints hold.

use anyhow::{Result, bail};
use forebay::checkpoint::Checkpoint;
use forebay::drift::{DriftMonitor, Watched};
use forebay::fingerprint::Fingerprint;
use forebay::keep::{self, Keep, KeepError};
use forebay::model::Model;
use forebay::train::classify::Classifier;
use forebay::train::online::{Lms, OnlineLearner, OnlineTrainer, Rls};
use forebay::train::sequence::SequenceRegression;
use forebay::{Conductor, Error, HybridEsn, ParallelReservoirs, Real};
use forebay_forecast::service::ForecastFile;
use serde_json::{Map, Value, json};

use crate::output;

/// Names and values, in the order in which they are told.
type Facts = Vec<(&'static str, Value)>;

/// What is told of a file by its first bytes; none if it is neither kept nor a checkpoint.
pub(super) fn facts(bytes: &[u8]) -> Result<Option<Facts>> {
    if bytes.starts_with(b"FBKEPT\0\0") {
        return kept(bytes).map(Some);
    }
    if bytes.starts_with(b"FBSTATE\0") {
        return Ok(Some(checkpoint(&Checkpoint::from_bytes(bytes)?)));
    }
    Ok(None)
}

/// The graph of the model in it, for Graphviz.
pub(super) fn graph(bytes: &[u8]) -> Result<String> {
    let drawn = match keep::model::<f64>(bytes) {
        Err(Error::Keep(KeepError::Precision { .. })) => keep::model::<f32>(bytes)?.graph().to_graphviz(),
        model => model?.graph().to_graphviz(),
    };
    Ok(drawn)
}

pub(super) fn print(facts: Facts, as_json: bool) -> Result<()> {
    if as_json {
        let fields = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
        return output::print_json(&Value::Object(fields.collect::<Map<_, _>>()));
    }
    let line = |(name, value): &(&str, Value)| format!("{:18} {}\n", name.replace('_', " "), text(value));
    output::print(&facts.iter().map(line).collect::<String>())
}

/// Numbers short, lists in one line.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Number(number) if number.is_f64() => output::number(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), text(value)))
            .collect::<Vec<_>>()
            .join(" "),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
    }
}

fn checkpoint(state: &Checkpoint) -> Facts {
    let section = |(name, bytes): (&str, &[u8])| match keep::kind(bytes) {
        Ok(kind) => format!("{name} ({kind})"),
        Err(_) => format!("{name} ({} bytes)", bytes.len()),
    };
    vec![
        ("holds", json!("checkpoint")),
        ("of_model", json!(state.model().to_string())),
        ("precision", json!(state.precision())),
        ("steps", json!(state.steps())),
        ("sections", state.sections().map(section).collect()),
    ]
}

fn kept(bytes: &[u8]) -> Result<Facts> {
    let kind = keep::kind(bytes)?;
    let mut facts = vec![("holds", json!(kind))];
    let own = match kind {
        "recursive least squares" => {
            let learner = Rls::from_bytes(bytes)?;
            let held = json!({"directions": learner.held().directions, "updates": learner.held().updates});
            [sizes(&learner), vec![("forgetting", json!(learner.forgetting())), ("held", held)]].concat()
        }
        "least mean squares" => sizes(&Lms::from_bytes(bytes)?),
        "drift monitor" => watched(&DriftMonitor::from_bytes(bytes)?),
        "forecast" => forecast(&ForecastFile::from_bytes(bytes)?),
        "parallel reservoirs"
        | "network"
        | "online trainer"
        | "classifier"
        | "sequence regression"
        | "conductor"
        | "drift ladder" => match of_model::<f64>(kind, bytes) {
            Err(Error::Keep(KeepError::Precision { .. })) => of_model::<f32>(kind, bytes)?,
            other => other?,
        },
        _ => bail!("this file holds: {kind}, which this program does not know: use a newer forebay"),
    };
    facts.extend(own);
    Ok(facts)
}

/// What `forebay forecast` saved.
fn forecast(file: &ForecastFile) -> Facts {
    let header = &file.header;
    let time = |row: usize| header.clock.as_ref()?.label(row as i64 - header.clock_row as i64);
    vec![
        ("run", json!(header.run)),
        ("series", json!(header.series)),
        ("targets", json!(header.columns.targets)),
        ("inputs", json!(header.columns.past)),
        ("known_ahead", json!(header.columns.ahead)),
        ("steps_ahead", json!(file.newest.settings().horizon)),
        ("seasons", json!(header.seasons)),
        ("rows_before_test", json!(file.scored.rows())),
        ("rows", json!(file.newest.rows())),
        ("goes_on_after", json!(time(file.newest.rows() - 1))),
        ("test_from", json!(time(file.scored.rows()))),
    ]
}

/// What has a model: that, and what was learnt beside it.
fn of_model<T: Real>(kind: &str, bytes: &[u8]) -> Result<Facts, Error> {
    let model = keep::model::<T>(bytes)?;
    let graph = model.graph();
    let mut facts = vec![
        ("precision", json!(T::NAME)),
        ("inputs", json!(graph.inputs())),
        ("units", json!(graph.units())),
        ("outputs", json!(graph.outputs())),
        ("model", json!(Fingerprint::of_model(&model).to_string())),
    ];
    match learnt(kind, bytes, &model) {
        Ok(own) => facts.extend(own),
        Err(Error::Keep(KeepError::Compiled { kept })) => {
            let why = format!("model {kept}, compiled: what was learnt is read beside it, compiled again");
            facts.push(("ran_as", json!(why)));
        }
        Err(other) => return Err(other),
    }
    Ok(facts)
}

fn learnt<T: Real>(kind: &str, bytes: &[u8], model: &Model<T>) -> Result<Facts, Error> {
    let trained = |report: Option<&forebay::train::TrainingReport>| json!(report.map(|report| report.steps));
    Ok(match kind {
        "network" => {
            let mut esn = HybridEsn::<T>::from_bytes(bytes)?;
            vec![("trained_on_steps", trained(esn.report())), ("steps", json!(esn.session().steps()))]
        }
        "online trainer" => match OnlineTrainer::<T, Rls>::from_bytes(bytes) {
            Err(Error::Keep(KeepError::Kind { .. })) => trainer(&OnlineTrainer::<T, Lms>::from_bytes(bytes)?),
            other => trainer(&other?),
        },
        "classifier" => {
            let classifier = Classifier::<T>::from_bytes(bytes)?;
            vec![
                ("classes", json!(classifier.classes())),
                ("ridge", json!(classifier.ridge())),
                ("training_errors", json!(classifier.training_errors())),
            ]
        }
        "sequence regression" => {
            let regression = SequenceRegression::<T>::from_bytes(bytes)?;
            vec![
                ("vector", json!(regression.outputs())),
                ("ridge", json!(regression.ridge())),
                ("training_nrmse", json!(regression.train_nrmse())),
            ]
        }
        "conductor" => {
            let conductor = Conductor::<T>::from_bytes(bytes)?;
            let names = conductor.heads().map(|head| head.name.clone());
            let head = |name: String| {
                let trust = conductor.trust(&name)?;
                Ok(json!({"head": name, "judged": trust.steps, "skill": trust.skill, "trusted": trust.is_trusted}))
            };
            let heads = names.map(head).collect::<Result<Vec<_>, Error>>()?;
            vec![("steps", json!(conductor.steps())), ("heads", Value::Array(heads))]
        }
        "drift ladder" => {
            // Kept with networks of f64 or f32 alike.
            let Watched { ladder, .. } = Watched::<T>::from_bytes(bytes)?;
            let own = vec![
                ("trusted", json!(ladder.is_trusted())),
                ("actions", json!(ladder.log().len())),
                ("last_action_at", json!(ladder.log().last().map(|entry| entry.step))),
            ];
            [own, watched(ladder.monitor())].concat()
        }
        _ => {
            let reservoirs = ParallelReservoirs::from_bytes(bytes)?;
            let grid = reservoirs.grid();
            vec![
                ("points", json!(grid.points())),
                ("patches", json!(grid.patches())),
                ("overlap", json!(grid.overlap())),
                ("trained_on_steps", trained(model.provenance().training.as_ref())),
            ]
        }
    })
}

fn sizes(learner: &impl OnlineLearner) -> Facts {
    vec![("features", json!(learner.features())), ("outputs", json!(learner.outputs()))]
}

fn trainer<T: Real, L: OnlineLearner>(trainer: &OnlineTrainer<T, L>) -> Facts {
    let head = |(name, learner): (&str, &L)| json!({"head": name, "features": learner.features()});
    vec![("steps", json!(trainer.session().steps())), ("learns", trainer.learners().map(head).collect())]
}

fn watched(monitor: &DriftMonitor) -> Facts {
    vec![
        ("channels", json!(monitor.channels())),
        ("steps", json!(monitor.steps())),
        ("alarms", json!(monitor.alarms())),
        ("skipped", json!(monitor.skipped())),
    ]
}
