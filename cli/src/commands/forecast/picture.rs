//! What is drawn of a run.

use anyhow::Result;
use forebay_forecast::service::TestedHorizon;

use super::{COVERAGES, Run, told};
use crate::view::{Axis, Band, Future, Target, Tested, View};

pub(super) fn view(run: &Run<'_>) -> Result<View> {
    let horizon = run.settings.horizon;
    let mut reading: Vec<String> =
        run.source.told().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    reading.extend(run.roles.notes.iter().cloned());
    let targets: Result<Vec<Target>> = (0..run.tested.len()).map(|target| of_target(run, target)).collect();
    let ahead = if horizon == 1 { "1 step ahead".to_owned() } else { format!("1 to {horizon} steps ahead") };
    Ok(View {
        title: format!("{}, {ahead}", run.source.name),
        stamp: run.stamp.to_owned(),
        command: command(),
        reading,
        protocol: told::protocol(run),
        axis: Axis { label: run.source.axis_name().to_owned(), kind: run.source.axis_kind() },
        targets: targets?,
    })
}

/// The command as it was typed, words quoted where a shell needs it.
fn command() -> String {
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=,:+@%".contains(c));
    let quoted = |word: String| if plain(&word) { word } else { format!("'{}'", word.replace('\'', "'\\''")) };
    std::iter::once("forebay".to_owned()).chain(std::env::args().skip(1).map(quoted)).collect::<Vec<_>>().join(" ")
}

fn of_target(run: &Run<'_>, target: usize) -> Result<Target> {
    let tested = &run.tested[target];
    let last = &tested.horizons[run.settings.horizon - 1];
    let mut tables = Vec::new();
    if run.settings.horizon > 1 {
        tables.push(("Errors by steps ahead".to_owned(), told::by_horizon(run, target)));
    }
    tables.push(("Forecasts after the last row".to_owned(), told::future(run, target, usize::MAX)));
    let mut notes = vec![told::season(run, target), told::intervals(last)];
    notes.extend(told::notes(run, target));
    Ok(Target {
        name: tested.target.clone(),
        verdict: told::verdict(last)?,
        scores: told::scores(last),
        tables,
        notes,
        test: of_test(run, last, &tested.truth),
        future: of_future(run, target),
    })
}

fn of_test(run: &Run<'_>, last: &TestedHorizon, truth: &[f64]) -> Tested {
    let [learnt, tested, _] = run.stretches;
    let scores = last.scores();
    let (member, baseline) = &last.members[scores.best()];
    let intervals = &last.intervals[COVERAGES.len() - 1];
    let ends = |of: fn(&forebay_forecast::service::Interval) -> f64| {
        intervals.iter().map(|interval| interval.as_ref().map_or(f64::NAN, of)).collect()
    };
    Tested {
        horizon: run.settings.horizon,
        at: (learnt..learnt + tested).map(|row| run.source.at(row)).collect(),
        truth: truth.to_vec(),
        forecast: last.forecast.clone(),
        lower: ends(|interval| interval.lower),
        upper: ends(|interval| interval.upper),
        baseline: baseline.clone(),
        baseline_name: member.to_string(),
        coverage: COVERAGES[COVERAGES.len() - 1],
    }
}

fn of_future(run: &Run<'_>, target: usize) -> Future {
    let path = run.newest.path(target);
    let band = |place: usize| {
        let ends = |of: fn(&forebay_forecast::service::Interval) -> f64| -> Vec<f64> {
            path.iter().map(|ahead| ahead.intervals[place].as_ref().map_or(f64::NAN, of)).collect()
        };
        let (lower, upper) = (ends(|interval| interval.lower), ends(|interval| interval.upper));
        Band { coverage: COVERAGES[place], lower, upper }
    };
    Future {
        at: path.iter().map(|ahead| run.source.at(ahead.forecast.row)).collect(),
        middle: path.iter().map(|ahead| ahead.forecast.value).collect(),
        bands: (0..COVERAGES.len()).rev().map(band).collect(),
    }
}
