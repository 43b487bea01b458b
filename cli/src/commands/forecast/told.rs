//! What is printed of a run.

use anyhow::Result;
use forebay_forecast::service::{Ahead, Score, Scores, TestedHorizon};
use forebay_forecast::verdict::Verdict;

use super::{COVERAGES, Run};
use crate::output::{align, count, number};

/// Targets and rows that are printed; all are in the report and the page.
const TARGETS: usize = 8;
const PRINTED: usize = 12;

/// All of it.
pub(super) fn describe(run: &Run<'_>) -> Result<String> {
    let mut text = protocol(run).join("\n") + "\n";
    for note in &run.roles.notes {
        text += &format!("{note}\n");
    }
    for (target, tested) in run.tested.iter().enumerate().take(TARGETS) {
        let last = &tested.horizons[run.settings.horizon - 1];
        text += &format!("\n{}: {}\n", tested.target, season(run, target));
        text += &align(&scores(last));
        text += &format!("{}\n{}\n", verdict(last)?, intervals(last));
        for note in notes(run, target) {
            text += &format!("{note}\n");
        }
        if run.settings.horizon > 1 {
            text += "\n";
            text += &align(&thinned(by_horizon(run, target)));
        }
        text += "\n";
        text += &align(&future(run, target, PRINTED));
    }
    if run.tested.len() > TARGETS {
        text += &format!("\nand {} more targets, in the report and on the page\n", run.tested.len() - TARGETS);
    }
    Ok(text)
}

/// What was learnt from which rows, and what was scored how.
pub(super) fn protocol(run: &Run<'_>) -> Vec<String> {
    let [learnt, tested, rest] = run.stretches;
    let (first, horizon) = (run.source.label(learnt), run.settings.horizon);
    let ahead = if horizon == 1 { "1 step".to_owned() } else { format!("1 to {horizon} steps") };
    let mut sentences = vec![
        format!(
            "{}: {} of {}, forecast {ahead} ahead; learnt from the first {learnt}, tested on the {tested} from {first} on",
            run.source.name,
            count(run.roles.rows, "row"),
            run.roles.columns.targets.join(", "),
        ),
        "Members, penalties and weights come from errors on rolling origins in the first part; test rows come in one by one, as in service, and are \
         learnt from after they were forecast"
            .to_owned(),
        format!("The model is saved before the test part, as it was scored, and after the last row, from where it goes on ({})", {
            run.source.label(run.roles.rows - 1)
        }),
    ];
    if rest > 0 {
        sentences.push(format!("{} after the test part are learnt from, and not scored", count(rest, "row")));
    }
    sentences
}

/// The season of a target, in words.
pub(super) fn season(run: &Run<'_>, target: usize) -> String {
    let told = run.newest.told(target, run.settings.horizon);
    match (run.newest.season(target), told.season) {
        (None, _) if run.settings.season == forebay_forecast::service::Season::Find => "no season was found".to_owned(),
        (None, _) => "no season".to_owned(),
        (Some(asked), None) => {
            format!("a season of {} is too long for these rows, and left out", count(asked.steps, "step"))
        }
        (Some(season), Some(_)) => match season.strength {
            None => format!("season of {}", count(season.steps, "step")),
            Some(strength) => format!("season of {} (found, strength {strength:.2})", count(season.steps, "step")),
        },
    }
}

/// The table of scores: the combination, then members, the best first.
pub(super) fn scores(tested: &TestedHorizon) -> Vec<Vec<String>> {
    let scores = tested.scores();
    let mut rows = vec![["", "weight", "NRMSE", "MAE", "MASE"].map(str::to_owned).to_vec()];
    let row = |name: String, weight: String, score: &Score| {
        let mase = score.mase.map_or("-".to_owned(), number);
        vec![name, weight, number(score.nrmse), number(score.mae), mase]
    };
    rows.push(row("combined".to_owned(), String::new(), &scores.combined));
    let mut members = scores.members;
    members.sort_by(|a, b| a.score.nrmse.total_cmp(&b.score.nrmse));
    for member in members {
        rows.push(row(member.member.to_string(), format!("{:.2}", member.weight), &member.score));
    }
    rows
}

/// Who wins on the test rows, in one sentence.
pub(crate) fn verdict(tested: &TestedHorizon) -> Result<String> {
    let scores = tested.scores();
    let best = &scores.members[scores.best()];
    let (ours, theirs, name) = (scores.combined.nrmse, best.score.nrmse, best.member);
    if ours.is_nan() {
        return Ok("The test rows do not vary: there is nothing to compare.".to_owned());
    }
    let told = tested.against_best()?;
    let gap = |better: f64, worse: f64| format!("{:.1} %", 100.0 * (1.0 - better / worse));
    Ok(match told.verdict {
        Verdict::First => {
            format!("On the test rows the combined forecast beats the best baseline ({name}) by {}.", gap(ours, theirs))
        }
        Verdict::Second => {
            format!("On the test rows the best baseline ({name}) beats the combined forecast by {}.", gap(theirs, ours))
        }
        Verdict::Short { steps, needed } => format!(
            "Whether the combined forecast ({}) or the best baseline ({name}, {}) is better cannot be told from {}: {} ahead, a verdict needs {needed}.",
            number(ours),
            number(theirs),
            count(steps, "test row"),
            tested.horizon,
        ),
        _ => format!(
            "On the test rows the combined forecast ({}) and the best baseline ({name}, {}) differ by no more than chance explains over {}.",
            number(ours),
            number(theirs),
            count(told.steps, "row"),
        ),
    })
}

/// How many truths were inside of their intervals, in one sentence.
pub(super) fn intervals(tested: &TestedHorizon) -> String {
    let last = COVERAGES.len() - 1;
    let asked = 100.0 * COVERAGES[last];
    let without = tested.intervals[last].iter().filter(|interval| interval.is_none()).count();
    let told = told_of_intervals(tested, last, asked);
    if without > 0 && tested.covered(last).is_some() {
        return format!("{told} {} had none yet.", count(without, "test row"));
    }
    told
}

fn told_of_intervals(tested: &TestedHorizon, last: usize, asked: f64) -> String {
    match (tested.covered(last), tested.covered_by_split(COVERAGES[last])) {
        (Some((share, width)), Some((fixed, fixed_width))) => format!(
            "{asked:.0} % intervals held {:.1} % of the test rows, {} wide on average (of one width throughout: {:.1} %, {}).",
            100.0 * share,
            number(width),
            100.0 * fixed,
            number(fixed_width),
        ),
        (Some((share, width)), None) => {
            format!(
                "{asked:.0} % intervals held {:.1} % of the test rows, {} wide on average.",
                100.0 * share,
                number(width)
            )
        }
        _ => format!("Too few errors are known for intervals of {asked:.0} %."),
    }
}

/// What else was found and done about a target.
pub(super) fn notes(run: &Run<'_>, target: usize) -> Vec<String> {
    let horizon = run.settings.horizon;
    let told = run.scored.told(target, horizon);
    let mut notes = Vec::new();
    if told.leading > 0 {
        notes.push(format!("{} before the first value were left out", count(told.leading, "row")));
    }
    let missing = run.tested[target].truth.iter().filter(|value| value.is_nan()).count();
    let unknown = told.rows - told.known;
    if unknown + missing > 0 {
        notes.push(format!(
            "{} missing in the first part, {missing} in the test rows: neither learnt from nor scored; members read the value before, with a season plus the change of a season ago",
            count(unknown, "value"),
        ));
    }
    for left in &told.left_out {
        notes.push(format!("left out: {}, {}", left.member, left.why));
    }
    let shifts = &run.tested[target].horizons[horizon - 1].shifts;
    let mut shown: Vec<String> =
        shifts.iter().take(3).map(|shift| format!("{} by {}", run.source.label(shift.row), number(shift.by))).collect();
    if shifts.len() > 3 {
        shown.push(format!("{} more", shifts.len() - 3));
    }
    if !shown.is_empty() {
        notes.push(format!("shifts of level on the test rows, which members were moved by: {}", shown.join(", ")));
    }
    let clipped = run.newest.served(target, horizon).clipped;
    if clipped > 0 {
        notes.push(format!("{} moved into the limits", count(clipped, "forecast")));
    }
    if horizon > 1 && run.settings.networks_between < run.settings.networks {
        let with = match run.settings.networks_between {
            0 => "without reservoirs".to_owned(),
            between => format!("with {} of each kind, not {}", count(between, "reservoir"), run.settings.networks),
        };
        notes.push(format!("steps 1 to {} are forecast {with}", horizon - 1));
    }
    notes
}

/// Scores by steps ahead.
pub(super) fn by_horizon(run: &Run<'_>, target: usize) -> Vec<Vec<String>> {
    let titles = ["steps ahead", "combined NRMSE", "best baseline", "NRMSE", "inside 90 %"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for tested in &run.tested[target].horizons {
        let scores: Scores = tested.scores();
        let best = &scores.members[scores.best()];
        let inside =
            tested.covered(COVERAGES.len() - 1).map_or("-".to_owned(), |(share, _)| format!("{:.1} %", 100.0 * share));
        rows.push(vec![
            tested.horizon.to_string(),
            number(scores.combined.nrmse),
            best.member.to_string(),
            number(best.score.nrmse),
            inside,
        ]);
    }
    rows
}

/// A table of many rows by some of them, the first and the last among these.
fn thinned(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let data = rows.len() - 1;
    if data <= PRINTED {
        return rows;
    }
    let places: Vec<usize> = (0..PRINTED).map(|place| 1 + place * (data - 1) / (PRINTED - 1)).collect();
    rows.into_iter()
        .enumerate()
        .filter(|(place, _)| *place == 0 || places.contains(place))
        .map(|(_, row)| row)
        .collect()
}

/// What is forecast after the last row.
pub(super) fn future(run: &Run<'_>, target: usize, most: usize) -> Vec<Vec<String>> {
    let last = COVERAGES.len() - 1;
    let mut rows = vec![[run.source.axis_name(), "forecast", "5 %", "95 %"].map(str::to_owned).to_vec()];
    let path = run.newest.path(target);
    for Ahead { forecast, intervals } in path.iter().take(most) {
        let end = |of: fn(&forebay_forecast::service::Interval) -> f64| {
            intervals[last].as_ref().map_or("-".to_owned(), |interval| number(of(interval)))
        };
        let ends = [end(|interval| interval.lower), end(|interval| interval.upper)];
        let mut row = vec![run.source.label(forecast.row), number(forecast.value)];
        row.extend(ends);
        rows.push(row);
    }
    if path.len() > most {
        rows.push(vec![format!("and {} more", path.len() - most)]);
    }
    rows
}
