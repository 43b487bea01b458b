//! The report of a run, for programs.

use anyhow::Result;
use forebay_forecast::service::TestedHorizon;
use serde_json::{Value, json};

use super::{COVERAGES, Run, told};
use crate::results::STAMP;

pub(super) fn report(run: &Run<'_>) -> Result<Value> {
    let [learnt, tested, rest] = run.stretches;
    let targets: Result<Vec<Value>> = (0..run.tested.len()).map(|target| of_target(run, target)).collect();
    let settings = run.settings;
    let finite = |limit: f64| limit.is_finite().then_some(limit);
    Ok(json!({
        "forebay": env!("CARGO_PKG_VERSION"),
        STAMP: run.stamp,
        "substrate": "host",
        "tested_on_silicon": false,
        "reading": run.source.reading(),
        "series": {
            "name": run.source.name, "rows": run.roles.rows, "columns": run.roles.columns, "origin": run.source.origin,
            "notes": run.roles.notes,
        },
        "plan": {
            "horizon": settings.horizon, "learnt_rows": learnt, "test_rows": tested, "rows_after": rest, "first_test_row": learnt,
            "first_test_time": run.source.label(learnt), "seed": settings.seed, "networks": settings.networks,
            "networks_between": settings.networks_between, "coverages": settings.coverages,
            "limits": [finite(settings.limits.0), finite(settings.limits.1)],
        },
        "protocol": told::protocol(run),
        "targets": targets?,
    }))
}

fn of_target(run: &Run<'_>, target: usize) -> Result<Value> {
    let tested = &run.tested[target];
    let horizon = run.settings.horizon;
    let horizons: Result<Vec<Value>> =
        tested.horizons.iter().enumerate().map(|(place, tested)| of_horizon(run, target, place + 1, tested)).collect();
    let last = &tested.horizons[horizon - 1];
    let season = run.newest.season(target).map(|season| {
        json!({
            "steps": season.steps, "found": season.strength.is_some(), "strength": season.strength,
            "used": run.newest.told(target, horizon).season.is_some(),
        })
    });
    let path = run.newest.path(target);
    let times: Vec<String> = path.iter().map(|ahead| run.source.label(ahead.forecast.row)).collect();
    Ok(json!({
        "name": tested.target,
        "season": season,
        "horizons": horizons?,
        "test": {
            "horizon": horizon, "truth": tested.truth, "forecast": last.forecast,
            "intervals": intervals(&last.intervals.iter().map(|of| of.iter().copied().map(ends).collect()).collect::<Vec<_>>()),
        },
        "future": {"times": times, "path": path},
        "notes": told::notes(run, target),
    }))
}

fn ends(interval: Option<forebay_forecast::service::Interval>) -> Value {
    interval.map_or(Value::Null, |interval| json!([interval.lower, interval.upper]))
}

fn intervals(of: &[Vec<Value>]) -> Value {
    COVERAGES.iter().zip(of).map(|(coverage, ends)| json!({"coverage": coverage, "ends": ends})).collect()
}

fn of_horizon(run: &Run<'_>, target: usize, horizon: usize, tested: &TestedHorizon) -> Result<Value> {
    let scores = tested.scores();
    let best = &scores.members[scores.best()];
    let comparison = tested.against_best()?;
    let covered = COVERAGES.iter().enumerate().map(|(place, coverage)| {
        let of = |found: Option<(f64, f64)>| found.map(|(share, width)| json!({"inside": share, "mean_width": width}));
        json!({"coverage": coverage, "adaptive": of(tested.covered(place)), "split": of(tested.covered_by_split(*coverage))})
    });
    Ok(json!({
        "horizon": horizon,
        "scores": scores,
        "best_baseline": best.member,
        "verdict": {
            "told": format!("{:?}", comparison.verdict), "sentence": told::verdict(tested)?,
            "mean_difference": comparison.difference.mean, "half_width": comparison.difference.half_width, "rows": comparison.steps,
        },
        "intervals": covered.collect::<Vec<_>>(),
        "fit": run.scored.told(target, horizon),
        "weights_now": run.newest.weights(target, horizon),
        "served": run.newest.served(target, horizon),
    }))
}
