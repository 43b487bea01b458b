//! What one setting may be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most labels of a choice.
const MOST_LABELS: usize = 1000;
/// Whole numbers up to here are exact as 64-bit floats.
const MOST_INTEGER: i64 = 1 << 53;

/// The values that one setting may take, and how likely each is.
///
/// | text | values |
/// |---|---|
/// | `0.5..1.5` | numbers, every one alike |
/// | `1e-6..1,log` | numbers, every order of magnitude alike |
/// | `50..400,int` | whole numbers, both ends included, every one alike |
/// | `50..400,int,log` | whole numbers; k is as likely as `[k - 1/2, k + 1/2]` is wide on a logarithmic axis |
/// | `random\|cycle\|orthogonal` | labels, every one alike |
/// | `0.9` | this one |
///
/// ```
/// use forebay::search::{Range, Value};
///
/// let range: Range = "1e-6..1,log".parse()?;
/// assert_eq!(range, Range::logarithmic(1e-6, 1.0)?);
/// assert_eq!("50..400,int".parse::<Range>()?.at(0.0), Value::Integer(50));
/// assert!("1.5..0.5".parse::<Range>().is_err());
/// # Ok::<(), forebay::search::RangeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Range(Values);

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Number { low: f64, high: f64, is_log: bool },
    Integer { low: i64, high: i64, is_log: bool },
    Choice(Vec<String>),
}

/// The value of one setting: a number or a string in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A label.
    Choice(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value:?}"),
            Self::Choice(label) => f.write_str(label),
        }
    }
}

/// Where a value lies in its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// On the range's own axis, from 0 to 1.
    Point(f64),
    /// A whole number's piece of that axis.
    Cell(f64, f64),
    /// The number of a label.
    Label(usize),
}

/// Why a range is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Text that should be a finite number.
    #[error("{text:?} is no finite number")]
    Number {
        /// The text.
        text: String,
    },
    /// Text that should be a whole number that a float holds exactly.
    #[error("{text:?} is no whole number between -2^53 and 2^53")]
    Integer {
        /// The text.
        text: String,
    },
    /// Ends in the wrong order.
    #[error("the low end {low:?} must be below the high end {high:?}; one value alone is written alone")]
    Order {
        /// The low end.
        low: f64,
        /// The high end.
        high: f64,
    },
    /// Ends that are further apart than the largest float.
    #[error("the ends {low:?} and {high:?} are too far apart for a float")]
    Width {
        /// The low end.
        low: f64,
        /// The high end.
        high: f64,
    },
    /// A logarithmic range that reaches zero.
    #[error("a logarithmic range must begin above 0, found {low:?}")]
    Logarithm {
        /// The low end.
        low: f64,
    },
    /// A word after the ends that is not known.
    #[error("{word:?} is not known after a range: there is log, int, each once")]
    Word {
        /// The word.
        word: String,
    },
    /// A label that cannot be written in a line.
    #[error(
        "{label:?} is no label: labels have 1 to 100 characters, none of them blank, a control character, `|`, `,` or `=`, \
         and no `..`"
    )]
    Label {
        /// The label.
        label: String,
    },
    /// A label that is there twice.
    #[error("the label {label:?} is there twice")]
    Twice {
        /// The label.
        label: String,
    },
    /// A choice of nothing, or of too much.
    #[error("a choice has 1 to {MOST_LABELS} labels, found {found}")]
    Labels {
        /// How many there are.
        found: usize,
    },
}

impl Range {
    /// Numbers from `low` to `high`, every one alike.
    ///
    /// # Errors
    /// [`RangeError`] for ends that are not finite, not in order, or further apart than the largest float.
    pub fn linear(low: f64, high: f64) -> Result<Self, RangeError> {
        Self::number(low, high, false)
    }

    /// Numbers from `low`, above 0, to `high`, every order of magnitude alike.
    ///
    /// # Errors
    /// As [`linear`](Self::linear), and for a low end that is not above 0.
    pub fn logarithmic(low: f64, high: f64) -> Result<Self, RangeError> {
        Self::number(low, high, true)
    }

    /// Whole numbers from `low` to `high`, both included, every one alike.
    ///
    /// # Errors
    /// [`RangeError`] for ends beyond 2^53 or not in order.
    pub fn integer(low: i64, high: i64) -> Result<Self, RangeError> {
        Self::whole(low, high, false)
    }

    /// Whole numbers from `low`, at least 1, to `high`, both included: k has the chance
    /// `ln((k + 1/2) / (k - 1/2)) / ln((high + 1/2) / (low - 1/2))`.
    ///
    /// # Errors
    /// As [`integer`](Self::integer), and for a low end below 1.
    pub fn integer_logarithmic(low: i64, high: i64) -> Result<Self, RangeError> {
        Self::whole(low, high, true)
    }

    /// Labels, every one alike.
    ///
    /// # Errors
    /// [`RangeError`] for none, more than 1,000, one twice, or one that cannot be written in a line.
    pub fn choice<L: Into<String>>(labels: impl IntoIterator<Item = L>) -> Result<Self, RangeError> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).take(MOST_LABELS + 1).collect();
        if labels.is_empty() || labels.len() > MOST_LABELS {
            return Err(RangeError::Labels { found: labels.len() });
        }
        for (index, label) in labels.iter().enumerate() {
            let is_bad = |c: char| c.is_whitespace() || c.is_control() || "|,=".contains(c);
            if label.is_empty() || label.chars().count() > 100 || label.contains(is_bad) || label.contains("..") {
                return Err(RangeError::Label { label: label.clone() });
            }
            if labels[..index].contains(label) {
                return Err(RangeError::Twice { label: label.clone() });
            }
        }
        Ok(Self(Values::Choice(labels)))
    }

    fn number(low: f64, high: f64, is_log: bool) -> Result<Self, RangeError> {
        if let Some(end) = [low, high].into_iter().find(|end| !end.is_finite()) {
            return Err(RangeError::Number { text: end.to_string() });
        }
        check_ends(low, high, is_log)?;
        if !(high - low).is_finite() {
            return Err(RangeError::Width { low, high });
        }
        Ok(Self(Values::Number { low, high, is_log }))
    }

    fn whole(low: i64, high: i64, is_log: bool) -> Result<Self, RangeError> {
        if let Some(end) = [low, high].into_iter().find(|end| end.unsigned_abs() > MOST_INTEGER.unsigned_abs()) {
            return Err(RangeError::Integer { text: end.to_string() });
        }
        check_ends(low as f64, high as f64, is_log)?;
        Ok(Self(Values::Integer { low, high, is_log }))
    }

    /// The value at `t` on the range's axis, from 0 to 1: of a uniform `t` the value has the range's distribution.
    pub fn at(&self, t: f64) -> Value {
        let (from, to) = self.axis();
        let on_axis = from + (to - from) * t;
        match &self.0 {
            Values::Number { low, high, is_log } => {
                let value = if *is_log { libm::exp(on_axis) } else { on_axis };
                Value::Number(value.clamp(*low, *high))
            }
            Values::Integer { low, high, is_log } => {
                let value = if *is_log { libm::exp(on_axis) } else { on_axis };
                Value::Integer((value.round() as i64).clamp(*low, *high))
            }
            Values::Choice(labels) => {
                let index = (on_axis as usize).min(labels.len() - 1);
                Value::Choice(labels[index].clone())
            }
        }
    }

    /// Ends of the axis on which values are drawn uniformly. A whole number takes half a unit on either side of it.
    fn axis(&self) -> (f64, f64) {
        let scaled = |is_log: bool, low: f64, high: f64| {
            if is_log { (libm::log(low), libm::log(high)) } else { (low, high) }
        };
        match &self.0 {
            Values::Number { low, high, is_log } => scaled(*is_log, *low, *high),
            Values::Integer { low, high, is_log } => scaled(*is_log, *low as f64 - 0.5, *high as f64 + 0.5),
            Values::Choice(labels) => (0.0, labels.len() as f64),
        }
    }

    /// Where a value lies; `None` for one that is not of this range.
    pub(super) fn place(&self, value: &Value) -> Option<Place> {
        let (from, to) = self.axis();
        let place = |value: f64, is_log: bool| {
            let on_axis = if is_log { libm::log(value) } else { value };
            ((on_axis - from) / (to - from)).clamp(0.0, 1.0)
        };
        match (&self.0, value) {
            (Values::Number { low, high, is_log }, Value::Number(value)) => {
                (low..=high).contains(&value).then(|| Place::Point(place(*value, *is_log)))
            }
            (Values::Integer { low, high, is_log }, Value::Integer(value)) => {
                let ends = || (place(*value as f64 - 0.5, *is_log), place(*value as f64 + 0.5, *is_log));
                (low..=high).contains(&value).then(ends).map(|(a, b)| Place::Cell(a, b))
            }
            (Values::Choice(labels), Value::Choice(label)) => labels.iter().position(|l| l == label).map(Place::Label),
            _ => None,
        }
    }

    /// Whether a value is one of this range.
    pub fn contains(&self, value: &Value) -> bool {
        self.place(value).is_some()
    }

    /// The labels of a choice; none of numbers.
    pub fn labels(&self) -> Option<&[String]> {
        if let Values::Choice(labels) = &self.0 { Some(labels) } else { None }
    }

    /// The ends of a range of numbers or whole numbers; none of a choice.
    pub fn ends(&self) -> Option<(f64, f64)> {
        match self.0 {
            Values::Number { low, high, .. } => Some((low, high)),
            Values::Integer { low, high, .. } => Some((low as f64, high as f64)),
            Values::Choice(_) => None,
        }
    }

    /// Whether orders of magnitude are alike.
    pub fn is_logarithmic(&self) -> bool {
        matches!(self.0, Values::Number { is_log: true, .. } | Values::Integer { is_log: true, .. })
    }

    /// Whether all values are whole numbers.
    pub fn is_integer(&self) -> bool {
        matches!(self.0, Values::Integer { .. })
    }
}

fn check_ends(low: f64, high: f64, is_log: bool) -> Result<(), RangeError> {
    if low >= high {
        return Err(RangeError::Order { low, high });
    }
    if is_log && low <= 0.0 {
        return Err(RangeError::Logarithm { low });
    }
    Ok(())
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let Some((low, rest)) = text.split_once("..") else {
            return Self::choice(text.split('|').map(str::trim));
        };
        let mut parts = rest.split(',').map(str::trim);
        let high = parts.next().unwrap_or_default();
        let (mut is_log, mut is_int) = (false, false);
        for word in parts {
            let flag = match word {
                "log" => &mut is_log,
                "int" => &mut is_int,
                _ => return Err(RangeError::Word { word: word.to_owned() }),
            };
            if std::mem::replace(flag, true) {
                return Err(RangeError::Word { word: word.to_owned() });
            }
        }
        let bad = |text: &str| RangeError::Number { text: text.to_owned() };
        if is_int {
            let whole = |text: &str| text.parse().map_err(|_| RangeError::Integer { text: text.to_owned() });
            return Self::whole(whole(low.trim())?, whole(high)?, is_log);
        }
        let number = |text: &str| text.parse().map_err(|_| bad(text));
        Self::number(number(low.trim())?, number(high)?, is_log)
    }
}

/// The text that parses to the same range.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = if self.is_logarithmic() { ",log" } else { "" };
        match &self.0 {
            Values::Number { low, high, .. } => write!(f, "{low:?}..{high:?}{log}"),
            Values::Integer { low, high, .. } => write!(f, "{low}..{high},int{log}"),
            Values::Choice(labels) => f.write_str(&labels.join("|")),
        }
    }
}
