//! Named settings with their ranges, and what a trial draws from them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::range::{Range, RangeError, Value};
use crate::random::Seed;

/// Most settings of a space.
const MOST_SETTINGS: usize = 100;

/// Settings by name, each with the range that it is drawn from.
///
/// As text: `name=range`, separated by blanks or line ends; see [`Range`] for the ranges.
///
/// ```
/// use forebay::search::Space;
///
/// let space: Space = "spectral_radius=0.5..1.5,log units=50..400,int topology=random|cycle".parse()?;
/// let names: Vec<&str> = space.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["spectral_radius", "units", "topology"]);
/// assert_eq!(space.to_string().parse::<Space>()?, space);
/// # Ok::<(), forebay::search::SpaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Space {
    ranges: Vec<(String, Range)>,
}

/// Why a text is no space.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// No setting at all, or too many.
    #[error("a search needs 1 to {MOST_SETTINGS} settings, found {found}: give some as name=low..high")]
    Settings {
        /// How many there are.
        found: usize,
    },
    /// A text without `=`.
    #[error(
        "{text:?} is no range of a setting: write name=low..high, name=low..high,log, name=low..high,int or name=a|b"
    )]
    Form {
        /// The text.
        text: String,
    },
    /// A name that is none.
    #[error(
        "{name:?} is no name: names have 1 to 100 letters, digits, `_`, `-` or `.`, and begin with a letter or `_`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A setting that is there twice.
    #[error("{name} has two ranges: give it one")]
    Twice {
        /// Its name.
        name: String,
    },
    /// A range that is none.
    #[error("the range of {name}: {source}")]
    Range {
        /// The setting's name.
        name: String,
        /// What is wrong.
        source: RangeError,
    },
}

impl Space {
    /// Settings in this order.
    ///
    /// # Errors
    /// [`SpaceError`] for none, more than 100, a name that is none, or one that is there twice.
    pub fn new<N: Into<String>>(ranges: impl IntoIterator<Item = (N, Range)>) -> Result<Self, SpaceError> {
        let ranges: Vec<(String, Range)> = ranges.into_iter().map(|(name, range)| (name.into(), range)).collect();
        if ranges.is_empty() || ranges.len() > MOST_SETTINGS {
            return Err(SpaceError::Settings { found: ranges.len() });
        }
        for (index, (name, _)) in ranges.iter().enumerate() {
            let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !begins || name.len() > 100 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
                return Err(SpaceError::Name { name: name.clone() });
            }
            if ranges[..index].iter().any(|(known, _)| known == name) {
                return Err(SpaceError::Twice { name: name.clone() });
            }
        }
        Ok(Self { ranges })
    }

    /// Reads settings, one text each.
    ///
    /// # Errors
    /// [`SpaceError`], naming the setting that cannot be read.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, SpaceError> {
        let one = |text: &str| {
            let form = || SpaceError::Form { text: text.to_owned() };
            let (name, range) = text.split_once('=').ok_or_else(form)?;
            let name = name.trim().to_owned();
            match range.trim().parse() {
                Ok(range) => Ok((name, range)),
                Err(source) => Err(SpaceError::Range { name, source }),
            }
        };
        Self::new(texts.into_iter().map(one).collect::<Result<Vec<_>, _>>()?)
    }

    /// Names and ranges, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Range)> {
        self.ranges.iter().map(|(name, range)| (name.as_str(), range))
    }

    /// The range of a setting; none if it has no range.
    pub fn get(&self, name: &str) -> Option<&Range> {
        self.ranges.iter().find(|(known, _)| known == name).map(|(_, range)| range)
    }

    /// Number of settings.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// What trial `trial` draws at random: it depends on the seed, the trial, and each setting's name and range alone, so a
    /// setting more leaves the others as they are.
    pub fn draw(&self, seed: u64, trial: u64) -> Candidate {
        let seed = Seed(seed).child("search");
        self.candidate(|_, name, range| range.at(seed.stream(name).at(trial, 0).uniform()))
    }

    /// A candidate with this value for each setting.
    pub(super) fn candidate(&self, mut value: impl FnMut(usize, &str, &Range) -> Value) -> Candidate {
        let values = self.iter().enumerate().map(|(d, (name, range))| (name.to_owned(), value(d, name, range)));
        Candidate { values: values.collect() }
    }
}

impl FromStr for Space {
    type Err = SpaceError;

    fn from_str(text: &str) -> Result<Self, SpaceError> {
        Self::parse(text.split_whitespace())
    }
}

impl TryFrom<String> for Space {
    type Error = SpaceError;

    fn try_from(text: String) -> Result<Self, SpaceError> {
        text.parse()
    }
}

impl From<Space> for String {
    fn from(space: Space) -> Self {
        space.to_string()
    }
}

/// The text that parses to the same space.
impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, range)) in self.iter().enumerate() {
            write!(f, "{}{name}={range}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The values that a trial tries, by name: an object in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Candidate {
    values: BTreeMap<String, Value>,
}

/// A value that is not there, or not of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// No value of this name.
    #[error("the search has no setting {name:?}; there is {available}")]
    Missing {
        /// The name.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// Another kind of value.
    #[error("the setting {name} must be {expected}, found {found}")]
    Kind {
        /// The name.
        name: String,
        /// What was asked for.
        expected: &'static str,
        /// What is there.
        found: Value,
    },
}

impl Candidate {
    /// A value; none if the setting has no range.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A number, a whole one too, or a label that reads as one.
    ///
    /// # Errors
    /// [`CandidateError`] if there is no such setting, or it is no finite number.
    pub fn number(&self, name: &str) -> Result<f64, CandidateError> {
        let value = self.need(name)?;
        let number = match value {
            Value::Integer(value) => Some(*value as f64),
            Value::Number(value) => Some(*value),
            Value::Choice(label) => label.parse().ok().filter(|number: &f64| number.is_finite()),
        };
        number.ok_or_else(|| wrong(name, "a number", value))
    }

    /// A count: a whole number that is not negative, or a label that reads as one.
    ///
    /// # Errors
    /// [`CandidateError`] if there is no such setting, or it is no count.
    pub fn count(&self, name: &str) -> Result<usize, CandidateError> {
        let value = self.need(name)?;
        let count = match value {
            Value::Integer(value) => usize::try_from(*value).ok(),
            Value::Number(_) => None,
            Value::Choice(label) => label.parse().ok(),
        };
        count.ok_or_else(|| wrong(name, "a whole number of at least 0 (a range with `,int`)", value))
    }

    /// A label.
    ///
    /// # Errors
    /// [`CandidateError`] if there is no such setting, or it is a number.
    pub fn label(&self, name: &str) -> Result<&str, CandidateError> {
        match self.need(name)? {
            Value::Choice(label) => Ok(label),
            value => Err(wrong(name, "a choice of labels", value)),
        }
    }

    fn need(&self, name: &str) -> Result<&Value, CandidateError> {
        self.get(name).ok_or_else(|| CandidateError::Missing {
            name: name.to_owned(),
            available: self.values.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        })
    }
}

fn wrong(name: &str, expected: &'static str, found: &Value) -> CandidateError {
    CandidateError::Kind { name: name.to_owned(), expected, found: found.clone() }
}
