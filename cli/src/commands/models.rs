//! Reading a model of any kind, in the precision asked for.

use std::path::Path;

use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use forebay::model::Model;
use forebay::model::file::ModelHeader;
use forebay::model::import::{ImportOptions, RowsOfWout};
use forebay::reservoir::Activation;
use forebay::{ReadoutOn, Real};

/// Float type to compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

/// Takes a name of columns.
fn columns() -> impl TypedValueParser<Value = ReadoutOn> {
    let named = |name: String| ReadoutOn::ALL.into_iter().find(|on| on.name() == name).expect("one of the names");
    PossibleValuesParser::new(ReadoutOn::ALL.map(ReadoutOn::name)).map(named)
}

/// What the rows of the readout's array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Rows {
    /// Outputs: `W_out` x.
    Outputs,
    /// Features: x `W_out`.
    Features,
}

/// The units' function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Function {
    /// The hyperbolic tangent.
    Tanh,
    /// None: a linear reservoir.
    Identity,
    /// 1 / (1 + exp(-z)).
    Sigmoid,
    /// The larger of z and 0.
    Relu,
    /// log(1 + exp(z)).
    Softplus,
}

/// Names and layout of arrays in a .npz file.
#[derive(Args, Debug)]
#[command(next_help_heading = "What a .npz or JSON file holds")]
pub(super) struct NpzNames {
    /// Recurrent weights [N, N]
    #[arg(long, default_value = "W", value_name = "NAME")]
    w: String,
    /// Input weights [N, inputs]
    #[arg(long, default_value = "Win", value_name = "NAME")]
    w_in: String,
    /// Readout weights [outputs, columns] or transposed
    #[arg(long, default_value = "Wout", value_name = "NAME")]
    w_out: String,
    /// Bias of the units [N]
    #[arg(long, default_value = "bias", value_name = "NAME")]
    bias: String,
    /// Leak rate, one or [N]
    #[arg(long, default_value = "lr", value_name = "NAME")]
    lr: String,
    /// Intercept of the readout [outputs]
    #[arg(long, value_name = "NAME")]
    output_bias: Option<String>,
    /// Feedback weights [N, outputs]
    #[arg(long, default_value = "Wfb", value_name = "NAME")]
    w_feedback: String,
    /// The first column of the input weights is the bias
    #[arg(long)]
    bias_in_w_in: bool,
    /// The last columns of the input weights, one per output, are the feedback weights
    #[arg(long)]
    feedback_in_w_in: bool,
    /// States are rows: W and Win are meant for x W + u Win
    #[arg(long)]
    row_vectors: bool,
    /// What the rows of the readout's array are, if its shape does not tell
    #[arg(long, value_enum)]
    rows_of_w_out: Option<Rows>,
    /// What the readout's columns are, if their number does not tell
    #[arg(long, value_parser = columns(), value_name = "COLUMNS")]
    readout_on: Option<ReadoutOn>,
    /// The units' function, if the file does not say [default: tanh]
    #[arg(long, value_enum, value_name = "FUNCTION")]
    activation: Option<Function>,
    /// An array or JSON key that the model does not need; may be given more than once
    #[arg(long = "ignore", value_name = "NAME")]
    ignored: Vec<String>,
}

impl NpzNames {
    /// The same for the library.
    pub(super) fn options(&self) -> ImportOptions {
        ImportOptions {
            w: self.w.clone(),
            w_in: self.w_in.clone(),
            w_out: self.w_out.clone(),
            bias: self.bias.clone(),
            leak: self.lr.clone(),
            output_bias: self.output_bias.clone(),
            w_feedback: self.w_feedback.clone(),
            bias_in_w_in: self.bias_in_w_in,
            feedback_in_w_in: self.feedback_in_w_in,
            row_vectors: self.row_vectors,
            rows_of_w_out: self.rows_of_w_out.map(|rows| match rows {
                Rows::Outputs => RowsOfWout::Outputs,
                Rows::Features => RowsOfWout::Features,
            }),
            readout_on: self.readout_on,
            activation: self.activation.map(|function| match function {
                Function::Tanh => Activation::Tanh,
                Function::Identity => Activation::Identity,
                Function::Sigmoid => Activation::Sigmoid,
                Function::Relu => Activation::Relu,
                Function::Softplus => Activation::Softplus,
            }),
            ignored: self.ignored.clone(),
        }
    }
}

/// Reads a model file of any kind; what was taken from a foreign one is told.
pub(super) fn load<T: Real>(path: &Path, names: &NpzNames) -> Result<Model<T>> {
    let model = Model::<T>::import(path, &names.options()).with_context(|| format!("cannot use {}", path.display()))?;
    let is_own = ModelHeader::read(path).is_ok();
    if let (false, Some(taken)) = (is_own, model.provenance().notes.get("import").and_then(|note| note.as_str())) {
        crate::output::tell(format!("{}: {taken}", path.display()));
    }
    Ok(model)
}
