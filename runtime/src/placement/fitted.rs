//! Ranges and levels that a compilation used, kept with the model: compiled again without data, it has the same integers.

use std::collections::BTreeMap;

use forebay_substrate::Precision;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ranges::Ranges;
use crate::error::Error;

/// Key of [`Fitted`] in a model's notes.
const NOTE: &str = "compiled";

/// What a compilation read from data or from bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    state_digits: u8,
    weight_digits: u8,
    /// By node and number of levels.
    ranges: BTreeMap<String, Ranges>,
    /// Heights of the levels of rectifiers, by node.
    heights: BTreeMap<String, Vec<f64>>,
}

impl Fitted {
    pub(crate) fn new(precision: Precision) -> Self {
        let (state_digits, weight_digits) = (precision.state_digits() as u8, precision.weight_digits() as u8);
        Self { state_digits, weight_digits, ranges: BTreeMap::new(), heights: BTreeMap::new() }
    }

    /// What is kept with a model, if it was compiled before.
    pub(crate) fn of(notes: &Map<String, Value>) -> Result<Option<Self>, Error> {
        let Some(note) = notes.get(NOTE) else { return Ok(None) };
        serde_json::from_value(note.clone()).map(Some).map_err(|_| damaged())
    }

    /// Puts it to a model's notes.
    pub(crate) fn keep(&self, notes: &mut Map<String, Value>) {
        let note = serde_json::to_value(self).expect("numbers and names are JSON");
        notes.insert(NOTE.to_owned(), note);
    }

    pub(crate) fn precision(&self) -> Option<Precision> {
        Precision::new(self.state_digits, self.weight_digits)
    }

    pub(crate) fn ranges(&self, node: &str, levels: u32, width: usize) -> Result<Option<Ranges>, Error> {
        let Some(ranges) = self.ranges.get(&key(node, levels)) else { return Ok(None) };
        let whole = ranges.low.len() == width && ranges.step.len() == width;
        let usable = ranges.low.iter().all(|v| v.is_finite()) && ranges.step.iter().all(|v| is_positive(*v));
        if whole && usable { Ok(Some(ranges.clone())) } else { Err(damaged()) }
    }

    pub(crate) fn heights(&self, node: &str, width: usize) -> Result<Option<Vec<f64>>, Error> {
        let Some(heights) = self.heights.get(node) else { return Ok(None) };
        let usable = heights.len() == width && heights.iter().all(|v| is_positive(*v));
        if usable { Ok(Some(heights.clone())) } else { Err(damaged()) }
    }

    pub(crate) fn keep_ranges(&mut self, node: &str, levels: u32, ranges: &Ranges) {
        self.ranges.insert(key(node, levels), ranges.clone());
    }

    pub(crate) fn keep_heights(&mut self, node: &str, heights: &[f64]) {
        self.heights.insert(node.to_owned(), heights.to_vec());
    }
}

fn key(node: &str, levels: u32) -> String {
    format!("{node}, {levels} levels")
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0 && value.recip().is_finite()
}

fn damaged() -> Error {
    Error::Misuse {
        what: "the ranges kept with this model are damaged",
        instead: "compile it with calibration data".to_owned(),
    }
}
