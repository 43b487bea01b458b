//! From a search's values to a network's settings.

use forebay::reservoir::{Activation, Topology};
use forebay::search::{Candidate, CandidateError, Range, Space};

use crate::tasks::Settings;

/// Names of settings that a search may range over, with the least and the largest number of each.
const NUMBERS: [(&str, f64, f64); 7] = [
    ("units", 1.0, 5000.0),
    ("density", f64::MIN_POSITIVE, 1.0),
    ("spectral_radius", 1e-6, 1000.0),
    ("leak_rate", f64::MIN_POSITIVE, 1.0),
    ("input_scaling", 0.0, 1e12),
    ("bias_scaling", 0.0, 1e12),
    ("ridge", 0.0, 1e12),
];
const LABELS: [&str; 3] = ["topology", "squares", "activation"];

/// Why a range or a value is none of a setting.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// No such setting.
    #[error("networks have no setting {name:?}; there is {available}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// A range that holds something else than the setting needs.
    #[error("{name} must be {expected}, found {found}")]
    Kind {
        /// The setting.
        name: String,
        /// What it needs.
        expected: &'static str,
        /// The range, or a label of it.
        found: String,
    },
    /// A range that goes beyond what the setting may be.
    #[error("{name} must lie {}, found {found}", bounds(*low, *high))]
    Bounds {
        /// The setting.
        name: String,
        /// Its least number.
        low: f64,
        /// Its largest number.
        high: f64,
        /// The range.
        found: String,
    },
    /// A density where no topology has one.
    #[error("density belongs to the topology random: add topology=random, or leave the density out")]
    Density,
    /// A value of another kind.
    #[error(transparent)]
    Value(#[from] CandidateError),
}

fn bounds(low: f64, high: f64) -> String {
    if low == f64::MIN_POSITIVE { format!("above 0 and up to {high}") } else { format!("within {low} and {high}") }
}

/// Checks that every value of these ranges is one that a network may have; what has no range stays as in `base`.
///
/// # Errors
/// [`ValuesError`] names the first range that is not.
pub fn check(space: &Space, base: &Settings) -> Result<(), ValuesError> {
    for (name, range) in space.iter() {
        if let Some((_, low, high)) = NUMBERS.iter().find(|known| known.0 == name) {
            check_numbers(name, range, *low, *high)?;
        } else if LABELS.contains(&name) {
            let labels = range.labels().ok_or_else(|| kind(name, range.to_string()))?;
            labels.iter().try_for_each(|label| set_label(&mut base.clone(), name, label))?;
        } else {
            let available = NUMBERS.iter().map(|known| known.0).chain(LABELS).collect::<Vec<_>>().join(", ");
            return Err(ValuesError::Unknown { name: name.to_owned(), available });
        }
    }
    let is_random = |topology: &Topology| matches!(topology, Topology::Random { .. });
    let labels = space.get("topology").and_then(Range::labels);
    let some_random = labels.map_or(is_random(&base.topology), |labels| labels.iter().any(|l| l.starts_with("random")));
    if space.get("density").is_some() && !some_random {
        return Err(ValuesError::Density);
    }
    Ok(())
}

fn check_numbers(name: &str, range: &Range, low: f64, high: f64) -> Result<(), ValuesError> {
    let is_count = name == "units";
    let wrong = |found: &str| {
        let expected = if is_count { "whole numbers (name=low..high,int)" } else { "numbers" };
        ValuesError::Kind { name: name.to_owned(), expected, found: found.to_owned() }
    };
    let ends = match range.labels() {
        None if is_count && !range.is_integer() => return Err(wrong(&range.to_string())),
        None => range.ends().map_or(vec![], |(low, high)| vec![low, high]),
        Some(labels) => {
            let number = |label: &String| match label.parse::<f64>() {
                Ok(number) if !is_count || label.parse::<u32>().is_ok() => Ok(number),
                _ => Err(wrong(label)),
            };
            labels.iter().map(number).collect::<Result<Vec<f64>, _>>()?
        }
    };
    if ends.iter().all(|end| (low..=high).contains(end)) {
        return Ok(());
    }
    Err(ValuesError::Bounds { name: name.to_owned(), low, high, found: range.to_string() })
}

/// The settings with these values in place; leak rates above 1 count as 1, so that a range beyond it prefers no leak.
///
/// The topology `random` without a density has ten connections per unit, and at least one in ten; `density` is that of
/// random topologies, and is without effect on others.
///
/// # Errors
/// [`ValuesError`] for a name or a value that is none.
pub fn with(base: &Settings, values: &Candidate) -> Result<Settings, ValuesError> {
    let mut settings = base.clone();
    if values.get("units").is_some() {
        settings.units = values.count("units")?;
    }
    for (name, _) in values.iter() {
        match name {
            // Units come first, the density last.
            "units" | "density" => {}
            "spectral_radius" => settings.spectral_radius = values.number(name)?,
            "leak_rate" => settings.leak_rate = values.number(name)?.min(1.0),
            "input_scaling" => settings.input_scaling = values.number(name)?,
            "bias_scaling" => settings.bias_scaling = values.number(name)?,
            "ridge" => settings.ridge = values.number(name)?,
            _ => set_label(&mut settings, name, values.label(name)?)?,
        }
    }
    if let (Topology::Random { density }, Some(_)) = (&mut settings.topology, values.get("density")) {
        *density = values.number("density")?;
    }
    Ok(settings)
}

fn set_label(settings: &mut Settings, name: &str, label: &str) -> Result<(), ValuesError> {
    let wrong = || kind(name, label.to_owned());
    match name {
        "topology" => settings.topology = topology(label, settings.units).ok_or_else(wrong)?,
        "squares" => settings.squares = label.parse().map_err(|_| wrong())?,
        "activation" => {
            settings.activation = match label.split_once(':') {
                None if label == "tanh" => Activation::Tanh,
                None if label == "identity" => Activation::Identity,
                Some(("bounded_relu", max)) => Activation::BoundedRelu { max: positive(max).ok_or_else(wrong)? },
                _ => return Err(wrong()),
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

fn topology(label: &str, units: usize) -> Option<Topology> {
    match label.split_once(':') {
        None if label == "random" => Some(Topology::Random { density: (10.0 / units.max(1) as f64).clamp(0.1, 1.0) }),
        None if label == "cycle" => Some(Topology::Cycle),
        None if label == "orthogonal" => Some(Topology::Orthogonal),
        Some(("random", density)) => {
            positive(density).filter(|density| *density <= 1.0).map(|density| Topology::Random { density })
        }
        Some(("fixed_degree", per_row)) => {
            per_row.parse().ok().filter(|rows| *rows > 0).map(|per_row| Topology::FixedDegree { per_row })
        }
        _ => None,
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| *value > 0.0 && value.is_finite())
}

/// The label of a topology in a range: `random:0.1`, `fixed_degree:10`, `cycle` or `orthogonal`.
pub fn topology_label(topology: &Topology) -> String {
    match topology {
        Topology::Random { density } => format!("random:{density:?}"),
        Topology::FixedDegree { per_row } => format!("fixed_degree:{per_row}"),
        Topology::Cycle => "cycle".to_owned(),
        Topology::Orthogonal => "orthogonal".to_owned(),
        // One that ranges do not know yet: its label is refused when it is read.
        other => format!("{other:?}").to_lowercase(),
    }
}

fn kind(name: &str, found: String) -> ValuesError {
    let expected = match name {
        "topology" => "labels out of random, random:DENSITY, fixed_degree:COUNT, cycle, orthogonal, as in random|cycle",
        "squares" => "true, false or true|false",
        "activation" => "labels out of tanh, identity, bounded_relu:MAX",
        _ => "a number",
    };
    ValuesError::Kind { name: name.to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    use super::{ValuesError, check, topology_label, with};
    use crate::tasks;
    use forebay::reservoir::{Activation, Topology};
    use forebay::search::Space;

    fn space(text: &str) -> Space {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn values_end_up_in_their_settings() {
        let base = tasks::by_name("narma10").expect("the task exists").settings();
        let text = "units=30 topology=random density=0.25 spectral_radius=0.7 leak_rate=1.5 input_scaling=2 bias_scaling=3 \
                    ridge=1e-3 squares=true activation=bounded_relu:2";
        let set = with(&base, &space(text).draw(1, 0)).expect("they are settings");
        assert_eq!((set.units, set.topology, set.spectral_radius), (30, Topology::Random { density: 0.25 }, 0.7));
        assert_eq!((set.leak_rate, set.input_scaling, set.bias_scaling, set.ridge), (1.0, 2.0, 3.0, 1e-3));
        assert_eq!((set.squares, set.activation), (true, Activation::BoundedRelu { max: 2.0 }));
        let sparse = with(&base, &space("topology=random units=50").draw(1, 0)).expect("they are settings");
        assert_eq!(sparse.topology, Topology::Random { density: 0.2 });
        let labels = ["random:0.3", "fixed_degree:7", "cycle", "orthogonal"];
        for label in labels {
            let set = with(&base, &space(&format!("topology={label}")).draw(1, 0)).expect("a topology");
            assert_eq!(topology_label(&set.topology), label);
        }
    }

    #[test]
    fn ranges_of_no_network_are_refused() {
        let base = tasks::by_name("narma10").expect("the task exists").settings();
        let refused = |text: &str| check(&space(text), &base).expect_err(text);
        assert!(
            matches!(refused("radius=0..1"), ValuesError::Unknown { available, .. } if available.contains("ridge"))
        );
        for text in
            ["leak_rate=0.5..1.5", "leak_rate=0..1", "units=0..9,int", "density=0.5..2 topology=random", "ridge=-1"]
        {
            assert!(matches!(refused(text), ValuesError::Bounds { .. }), "{text}");
        }
        assert_eq!(refused("leak_rate=0..1").to_string(), "leak_rate must lie above 0 and up to 1, found 0.0..1.0");
        for text in [
            "units=10..20",
            "units=1.5",
            "ridge=a|b",
            "topology=ring",
            "topology=0..1",
            "topology=random:2",
            "squares=1",
            "activation=bounded_relu:-1",
            "activation=tanh|sin",
            "topology=fixed_degree:0",
        ] {
            assert!(matches!(refused(text), ValuesError::Kind { .. }), "{text}");
        }
        assert_eq!(refused("density=0.1..1 topology=cycle|orthogonal"), ValuesError::Density);
        let good = "units=10|20 ridge=1e-9..1,log topology=random|cycle density=0.1..1 squares=true|false";
        assert_eq!(check(&space(good), &base), Ok(()));
    }
}
