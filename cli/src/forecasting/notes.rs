//! What a saved model says of the forecasts it was made for.

use anyhow::{Context, Result};
use forebay::model::Provenance;
use forebay_zoo::scalers::Scaler;
use serde::{Deserialize, Serialize};

/// What `predict` needs to know of a saved model; kept in its notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notes {
    /// Columns of the series, in order.
    pub columns: Vec<String>,
    /// Steps ahead.
    pub horizon: usize,
    /// From the series to the model and back.
    pub scaler: Scaler,
}

/// Key of [`Notes`] in a model's provenance.
pub(super) const NOTES: &str = "forecast";

impl Notes {
    /// Reads the notes of a model.
    pub(crate) fn of(provenance: &Provenance) -> Result<Self> {
        let notes = provenance.notes.get(NOTES);
        let notes = notes.context("the model was not made by `forebay train`: use `forebay run` for raw features")?;
        serde_json::from_value(notes.clone()).context("the model's forecast notes are damaged")
    }
}
