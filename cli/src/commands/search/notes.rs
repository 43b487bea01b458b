//! What a reader of the table should know beside it: what was not searched, what failed, whose range was too narrow.

use forebay::search::{Found, Range, Space, Value};
use forebay_zoo::search;
use forebay_zoo::tasks::Settings;
use serde_json::Value as Json;

use crate::forecasting::base;

/// Share of a range that counts as its end.
const END: f64 = 0.02;

/// Names of settings that say what another one does.
const ALIASES: [(&str, &str); 1] = [("density", "topology")];

/// A line each.
pub(super) fn notes(space: &Space, found: &Found, settings: Option<&Settings>) -> Vec<String> {
    [settings.and_then(|settings| stays(space, settings)), at_an_end(space, found), failed(found)]
        .into_iter()
        .flatten()
        .collect()
}

/// The winner's settings that no range names.
fn stays(space: &Space, settings: &Settings) -> Option<String> {
    let is_searched = |name: &str| {
        let alias = ALIASES.iter().find(|(_, of)| *of == name).map(|(alias, _)| *alias);
        space.get(name).is_some() || alias.is_some_and(|alias| space.get(alias).is_some())
    };
    let Ok(Json::Object(all)) = serde_json::to_value(settings) else { return None };
    let rest: Vec<String> = all
        .iter()
        .filter(|(name, _)| !is_searched(name))
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    (!rest.is_empty()).then(|| format!("not searched: {}", rest.join(", ")))
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Settings whose best value lies where their range ends and the setting does not.
fn at_an_end(space: &Space, found: &Found) -> Option<String> {
    let best = found.best()?;
    let end = |(name, range): (&str, &Range)| {
        let (low, high) = range.ends()?;
        let value = match best.values.get(name)? {
            Value::Number(value) => *value,
            Value::Integer(value) => *value as f64,
            Value::Choice(_) => return None,
        };
        if low >= high {
            return None;
        }
        let axis = |x: f64| if range.is_logarithmic() { libm::log(x) } else { x };
        let place = (axis(value) - axis(low)) / (axis(high) - axis(low));
        let (which, whole, next) = if place <= END {
            ("lower", low - 1.0, low.next_down())
        } else if place >= 1.0 - END {
            ("upper", high + 1.0, high.next_up())
        } else {
            return None;
        };
        let beyond = if range.is_integer() { whole.to_string() } else { format!("{next:?}") };
        may_be(name, &beyond).then(|| format!("{name} at its {which} end"))
    };
    let ends: Vec<String> = space.iter().filter_map(end).collect();
    (!ends.is_empty()).then(|| format!("the best has {}: a wider range may hold better values", ends.join(", ")))
}

/// Whether a network may have this value; leak rates above 1, which count as 1, are none to look for.
fn may_be(name: &str, value: &str) -> bool {
    let space = Space::parse([format!("{name}={value}").as_str()]);
    space.is_ok_and(|space| search::check(&space, &base(1)).is_ok())
}

fn failed(found: &Found) -> Option<String> {
    let errors: Vec<&String> = found.ranked.iter().filter_map(|trial| trial.outcome.as_ref().err()).collect();
    let first = errors.first()?;
    Some(format!("{} of {} trials failed, the first because of this: {first}", errors.len(), found.ranked.len()))
}

#[cfg(test)]
mod tests {
    use forebay::search::{Better, Found, Space, Study, Subject, TrialError};

    use super::notes;
    use crate::forecasting::base;

    fn found(ranges: &[&str], score: impl Fn(f64) -> Result<f64, TrialError> + Sync) -> (Space, Found) {
        let space = Space::parse(ranges.iter().copied()).expect("ranges");
        let study = Study::new(Subject::new("test", "error", Better::Smaller), space.clone(), 40);
        let found = study.run(|values, _| score(values.number("ridge").expect("a number"))).expect("it runs");
        (space, found)
    }

    #[test]
    fn what_stays_what_failed_and_where_the_range_was_too_narrow() {
        let settings = Some(base(50));
        let (space, inside) = found(&["ridge=0.01..1,log"], |ridge| Ok((ridge.ln() - 0.1_f64.ln()).abs()));
        let told = notes(&space, &inside, settings.as_ref());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("not searched: ") && told[0].contains("leak_rate "), "{told:?}");
        assert!(!told[0].contains("ridge"), "{told:?}");

        let (space, low) = found(&["ridge=0.01..1,log", "density=0.1..0.2"], |ridge| {
            if ridge > 0.5 { Err(TrialError::Settings("too large".to_owned())) } else { Ok(ridge) }
        });
        let told = notes(&space, &low, settings.as_ref());
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(!told[0].contains("topology"), "{told:?}");
        assert!(told[1].contains("ridge at its lower end"), "{told:?}");
        assert!(told[2].ends_with("the first because of this: too large"), "{told:?}");
    }

    /// The advice was to widen a range of leak rates beyond 1, and one of densities that holds all there are.
    #[test]
    fn nothing_is_said_of_an_end_that_is_the_setting_s_own() {
        let told = |range: &str, low: bool| {
            let name = range.split('=').next().expect("a name").to_owned();
            let space = Space::parse([range]).expect("a range");
            let study = Study::new(Subject::new("test", "error", Better::Smaller), space.clone(), 400);
            let score = |value: f64| if low { value } else { -value };
            let found = study.run(|values, _| Ok(score(values.number(&name).expect("a number")))).expect("it runs");
            !notes(&space, &found, None).is_empty()
        };
        for (range, low, is_told) in [
            ("leak_rate=0.5..1.5", false, false),
            ("leak_rate=0.5..1", false, false),
            ("leak_rate=0.5..0.9", false, true),
            ("leak_rate=0.5..1", true, true),
            ("density=0.1..1", false, false),
            ("ridge=0..1", true, false),
            ("ridge=0..1", false, true),
            ("units=1..3,int", true, false),
            ("units=1..3,int", false, true),
            ("spectral_radius=1e-6..1,log", true, false),
        ] {
            assert_eq!(told(range, low), is_told, "{range}");
        }
    }
}
