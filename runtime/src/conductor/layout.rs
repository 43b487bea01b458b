//! Heads as data.

use serde::{Deserialize, Serialize};

use super::trust::BLOCKS;
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer};

/// Most rows all heads of a conductor may have together, most heads, and most steps of a window and of all windows of a
/// layout: low enough that a hostile layout cannot ask for the machine's memory.
const MOST_ROWS: usize = 1 << 16;
pub(super) const MOST_HEADS: usize = 1024;
const MOST_STEPS: usize = 1 << 16;
const MOST_STEPS_OF_ALL: usize = 1 << 22;

/// What a conductor's heads are called and what they predict, in the order of their outputs.
///
/// ```
/// use forebay::conductor::{HeadKind, Layout};
///
/// let layout: Layout = serde_json::from_str(r#"{"heads": [
///     {"name": "level",  "kind": {"regression": {"outputs": 2}}},
///     {"name": "next",   "kind": {"regression": {"outputs": 1, "base": "persistence"}}, "trust": {"horizon": 1}},
///     {"name": "regime", "kind": {"classification": {"classes": 3}}},
///     {"name": "alarm",  "kind": "probability", "trust": {"window": 400, "minimum": 100, "threshold": 0.05}}
/// ]}"#)?;
/// assert_eq!((layout.rows(), layout.columns()), (2 + 1 + 3 + 1, 2 + 1 + 1 + 1));
/// assert_eq!(layout.heads[3].kind, HeadKind::Probability);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The heads; names differ.
    pub heads: Vec<Definition>,
}

/// One head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name; not empty.
    pub name: String,
    /// What it predicts.
    pub kind: HeadKind,
    /// When it is trusted.
    #[serde(default)]
    pub trust: Rule,
}

/// What a head predicts, and so what its truth looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HeadKind {
    /// Numbers. Truth: the same numbers. Loss: squared errors over the training variance, summed over outputs.
    Regression {
        /// How many, at least 1.
        outputs: usize,
        /// The forecast to beat.
        #[serde(default)]
        base: Base,
    },
    /// One of several classes: the largest of as many scores, each by ridge regression of one class against the rest.
    /// Truth: the class's number from 0. Loss: 1 for a wrong class. To beat: the most frequent class in training.
    Classification {
        /// How many, at least 2.
        classes: usize,
    },
    /// The probability of an event: a score by ridge regression, calibrated on steps held back. Truth: 1 or 0. Loss:
    /// the Brier score. To beat: how often the event happened in training.
    Probability,
}

/// The forecast that a regression head has to beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The mean of the training steps.
    #[default]
    Mean,
    /// The last truth of a time no later than the prediction's step: with [`Rule::horizon`](field@Rule::horizon) `h`, that of the prediction `h`
    /// steps before, or the newest known one before that. Predictions for which there is none do not count. Truths have to be
    /// told in the order of their steps.
    Persistence,
}

/// When a head is trusted: if the lower bound of its skill over the window is above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Predictions with known truth that count, the newest; 16 to 65,536. Default 256.
    ///
    /// An eighth of it should be longer than errors stay alike, which may be longer than the [`horizon`](field@Self::horizon); see
    /// [`Trust`](super::Trust).
    pub window: usize,
    /// How many there must be at least; 16 to the window. Default 64.
    pub minimum: usize,
    /// Steps from a prediction to the time that its truth belongs to, at least 1; persistence needs it, others are judged
    /// as with 1 where it is not given. An eighth of the window must be at least as long: over longer horizons, errors stay
    /// alike for longer.
    pub horizon: Option<usize>,
    /// What the skill must exceed, below 1. Default 0: as good as the base rate.
    pub threshold: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { window: 256, minimum: 64, horizon: None, threshold: 0.0 }
    }
}

impl Rule {
    pub(super) fn horizon(&self) -> usize {
        self.horizon.unwrap_or(1)
    }
}

impl HeadKind {
    /// Rows of the product: what a head puts out per step.
    pub fn rows(self) -> usize {
        match self {
            Self::Regression { outputs, .. } => outputs,
            Self::Classification { classes } => classes,
            Self::Probability => 1,
        }
    }

    /// Numbers that make up its truth.
    pub fn columns(self) -> usize {
        match self {
            Self::Regression { outputs, .. } => outputs,
            Self::Classification { .. } | Self::Probability => 1,
        }
    }
}

impl Definition {
    /// A head with the default rule of trust.
    pub fn new(name: impl Into<String>, kind: HeadKind) -> Self {
        Self { name: name.into(), kind, trust: Rule::default() }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let Rule { window, minimum, horizon, threshold } = self.trust;
        let (what, found, low, high) = match self.kind {
            HeadKind::Regression { outputs, .. } => ("outputs of a head", outputs, 1, MOST_ROWS),
            HeadKind::Classification { classes } => ("classes of a head", classes, 2, MOST_ROWS),
            HeadKind::Probability => ("outputs of a head", 1, 1, 1),
        };
        within(what, found, low, high)?;
        within("the window of trust", window, 2 * BLOCKS, MOST_STEPS)?;
        within("the minimum of trust", minimum, 2 * BLOCKS, window)?;
        within("the horizon of trust, at most an eighth of its window", self.trust.horizon(), 1, window / BLOCKS)?;
        if horizon.is_none() && matches!(self.kind, HeadKind::Regression { base: Base::Persistence, .. }) {
            return Err(Error::Misuse {
                what: "persistence is the last truth of a time no later than the prediction",
                instead: format!("say in trust.horizon how many steps ahead head {:?} predicts", self.name),
            });
        }
        if threshold.is_finite() && threshold < 1.0 {
            return Ok(());
        }
        let (expected, found) = ("finite and below 1".to_owned(), threshold.to_string());
        Err(Error::Range { what: "the threshold of trust", expected, found })
    }
}

impl Layout {
    /// Heads with default rules of trust.
    pub fn new<'a>(heads: impl IntoIterator<Item = (&'a str, HeadKind)>) -> Self {
        Self { heads: heads.into_iter().map(|(name, kind)| Definition::new(name, kind)).collect() }
    }

    /// Outputs of all heads per step.
    pub fn rows(&self) -> usize {
        self.heads.iter().fold(0, |rows, head| rows.saturating_add(head.kind.rows()))
    }

    /// Columns of targets: the truth of all heads, one after the other.
    pub fn columns(&self) -> usize {
        self.heads.iter().fold(0, |columns, head| columns.saturating_add(head.kind.columns()))
    }

    /// That every head is in range, and that its name is new beside `others`, which have `rows` rows.
    pub(super) fn check<'a>(&self, others: impl Iterator<Item = &'a str>, rows: usize) -> Result<(), Error> {
        let mut names: Vec<&str> = others.collect();
        within("the number of heads", names.len().saturating_add(self.heads.len()), 1, MOST_HEADS)?;
        within("the number of new heads", self.heads.len(), 1, MOST_HEADS)?;
        for head in &self.heads {
            head.check()?;
            if head.name.is_empty() || names.contains(&&head.name[..]) {
                let instead = format!("{:?} is empty or there already: give each head a name of its own", head.name);
                return Err(Error::Misuse { what: "heads are told apart by their names", instead });
            }
            names.push(&head.name);
        }
        let windows = self.heads.iter().map(|head| head.trust.window).sum::<usize>();
        within("the windows of all heads", windows, 1, MOST_STEPS_OF_ALL)?;
        within("the outputs of all heads", self.rows().saturating_add(rows), 1, MOST_ROWS)
    }
}

pub(super) fn within(what: &'static str, found: usize, low: usize, high: usize) -> Result<(), Error> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(Error::Range { what, expected: format!("{low} to {high}"), found: found.to_string() })
}

impl Definition {
    pub(super) fn write(&self, to: &mut Writer) {
        to.text(&self.name);
        match self.kind {
            HeadKind::Regression { outputs, base } => {
                to.tag(0);
                to.count(outputs);
                to.flag(base == Base::Persistence);
            }
            HeadKind::Classification { classes } => {
                to.tag(1);
                to.count(classes);
            }
            HeadKind::Probability => to.tag(2),
        }
        let Rule { window, minimum, horizon, threshold } = self.trust;
        to.count(window);
        to.count(minimum);
        to.count(horizon.unwrap_or(0));
        to.float(threshold);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let name = from.text("name of a head")?.to_owned();
        let kind = match from.tag("kind of a head", 3)? {
            0 => {
                let outputs = from.count("outputs of a head", 1, MOST_ROWS)?;
                let base = if from.flag("base of a head")? { Base::Persistence } else { Base::Mean };
                HeadKind::Regression { outputs, base }
            }
            1 => HeadKind::Classification { classes: from.count("classes of a head", 2, MOST_ROWS)? },
            _ => HeadKind::Probability,
        };
        let window = from.count("window of trust", 1, MOST_STEPS)?;
        let minimum = from.count("minimum of trust", 1, MOST_STEPS)?;
        // A horizon is at least 1: none is written as 0.
        let horizon = Some(from.count("horizon of trust", 0, MOST_STEPS)?).filter(|&steps| steps > 0);
        let threshold = from.float("threshold of trust")?;
        let definition = Self { name, kind, trust: Rule { window, minimum, horizon, threshold } };
        definition.check().map_err(|why| KeepError::content("head", format!("does not fit: {why}")))?;
        Ok(definition)
    }
}
