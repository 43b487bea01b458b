//! What a trial came to, and what a search is of.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::space::Candidate;

/// Whether small or large scores are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Errors.
    Smaller,
    /// Times and capacities.
    Larger,
}

impl Better {
    /// The score turned so that smaller is better: itself, or its negative.
    pub fn loss(self, score: f64) -> f64 {
        match self {
            Self::Smaller => score,
            Self::Larger => -score,
        }
    }
}

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smaller => "smaller is better",
            Self::Larger => "larger is better",
        })
    }
}

/// What the scores of a search are of: all that determines them, beside the values tried. Two logs of different subjects
/// never mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Name of the task or series.
    pub task: String,
    /// Name of the score, with its unit.
    pub score: String,
    /// Its direction.
    pub better: Better,
    /// What the networks compute in: precision, substrate, digits.
    pub arithmetic: String,
    /// A [hash](super::data_hash) of the user's data, if there are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Whatever else a score depends on, by name: number of seeds, lengths, settings that stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Subject {
    /// A subject in 64-bit floats, without data of the user or details.
    pub fn new(task: impl Into<String>, score: impl Into<String>, better: Better) -> Self {
        let (task, score, arithmetic) = (task.into(), score.into(), "f64".to_owned());
        Self { task, score, better, arithmetic, data: None, details: BTreeMap::new() }
    }

    /// What the networks compute in.
    #[must_use]
    pub fn arithmetic(self, arithmetic: impl Into<String>) -> Self {
        Self { arithmetic: arithmetic.into(), ..self }
    }

    /// The [hash](super::data_hash) of the data.
    #[must_use]
    pub fn data(self, hash: impl Into<String>) -> Self {
        Self { data: Some(hash.into()), ..self }
    }

    /// Something else that a score depends on.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.details.insert(name.into(), value.to_string());
        self
    }
}

/// Every `of`-th trial, beginning with number `index`: trial k is of shard `k mod of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// This shard, from 0.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// All trials.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A finished trial with one budget: a line of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Trial {
    /// Number of the trial, from 0.
    pub trial: u64,
    /// The budget that it was scored with.
    pub budget: u64,
    /// The values tried.
    pub values: Candidate,
    /// The score, finite; or why there is none.
    pub outcome: Result<f64, String>,
}

impl Trial {
    /// The score, if there is one.
    pub fn score(&self) -> Option<f64> {
        self.outcome.as_ref().ok().copied()
    }
}

/// A trial as JSON: a score, or the reason of its failure.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    trial: u64,
    budget: u64,
    values: Candidate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

impl TryFrom<Line> for Trial {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, &'static str> {
        let Line { trial, budget, values, score, failed } = line;
        let outcome = match (score, failed) {
            (Some(score), None) if score.is_finite() => Ok(score),
            (None, Some(reason)) => Err(reason),
            _ => return Err("a trial has a finite score, or a reason why it failed"),
        };
        Ok(Self { trial, budget, values, outcome })
    }
}

impl From<Trial> for Line {
    fn from(trial: Trial) -> Self {
        let (score, failed) = match trial.outcome {
            Ok(score) => (Some(score), None),
            Err(reason) => (None, Some(reason)),
        };
        Self { trial: trial.trial, budget: trial.budget, values: trial.values, score, failed }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The trials, each with the largest budget that it got. Best first: those with a score by budget, then by score, equals
    /// by number; then those that failed.
    pub ranked: Vec<Trial>,
    /// How many lines were in the log already.
    pub resumed: usize,
    /// How many lines of the log are of trials beyond those asked for, and left out.
    pub beyond: usize,
    /// Bytes of a line that was not finished when an earlier run ended: dropped, its trial was run again.
    pub torn: u64,
}

impl Found {
    /// The best trial; none if all failed.
    pub fn best(&self) -> Option<&Trial> {
        self.ranked.first().filter(|trial| trial.outcome.is_ok())
    }
}

/// Every trial with its largest budget, best first. Trials with the same number come with rising budgets.
pub(super) fn ranked(trials: impl IntoIterator<Item = Trial>, better: Better) -> Vec<Trial> {
    let last: BTreeMap<u64, Trial> = trials.into_iter().map(|trial| (trial.trial, trial)).collect();
    let mut ranked: Vec<Trial> = last.into_values().collect();
    let loss = |trial: &Trial| trial.score().map_or(f64::INFINITY, |score| better.loss(score));
    ranked.sort_by(|a, b| {
        let by_budget = || b.budget.cmp(&a.budget).then(loss(a).total_cmp(&loss(b)));
        a.outcome.is_err().cmp(&b.outcome.is_err()).then_with(by_budget).then(a.trial.cmp(&b.trial))
    });
    ranked
}
