//! What a caller can say of foreign files.

use crate::model::columns::ReadoutOn;
use crate::reservoir::Activation;

/// What the rows of the readout's array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOfWout {
    /// `[outputs, columns]`, as in `W_out x`.
    Outputs,
    /// `[columns, outputs]`, as in `x W_out`.
    Features,
}

/// Names and layout of what foreign files hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// Recurrent weights; `W`.
    pub w: String,
    /// Input weights; `Win`.
    pub w_in: String,
    /// Feedback weights; `Wfb`.
    pub w_feedback: String,
    /// Readout weights; `Wout`.
    pub w_out: String,
    /// Bias of the units; `bias`.
    pub bias: String,
    /// Leak rate; `lr`.
    pub leak: String,
    /// Intercept of the readout, if it has an array of its own; `Wout_bias` if there is one.
    pub output_bias: Option<String>,
    /// Whether the first column of the input weights is the bias.
    pub bias_in_w_in: bool,
    /// Whether the last columns of the input weights, one per output, are the feedback weights.
    pub feedback_in_w_in: bool,
    /// Whether states are rows, `x W + u Win`: both arrays are transposed.
    pub row_vectors: bool,
    /// What the rows of the readout's array are; by default told from its shape.
    pub rows_of_w_out: Option<RowsOfWout>,
    /// What the columns of the readout stand for; by default told from their number.
    pub readout_on: Option<ReadoutOn>,
    /// The units' function, if the file does not say; tanh by default.
    pub activation: Option<Activation>,
    /// Arrays and keys that may be left out of the model; what else is not used is refused.
    pub ignored: Vec<String>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            w: "W".to_owned(),
            w_in: "Win".to_owned(),
            w_feedback: "Wfb".to_owned(),
            w_out: "Wout".to_owned(),
            bias: "bias".to_owned(),
            leak: "lr".to_owned(),
            output_bias: None,
            bias_in_w_in: false,
            feedback_in_w_in: false,
            row_vectors: false,
            rows_of_w_out: None,
            readout_on: None,
            activation: None,
            ignored: Vec::new(),
        }
    }
}
