//! Reading a model of any kind, in the precision asked for.

use std::path::Path;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use forebay::model::Model;
use forebay::model::import::NpzOptions;
use forebay::{ReadoutOn, Real};

/// Float type to compute in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
}

/// Columns of the readout in a .npz file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Columns {
    /// The state.
    State,
    /// One, then the state.
    BiasState,
    /// The input, then the state.
    InputState,
    /// One, the input, then the state.
    BiasInputState,
}

/// Names and layout of arrays in a .npz file.
#[derive(Args, Debug)]
#[command(next_help_heading = "Arrays of a .npz file")]
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
    /// The first column of the input weights is the bias
    #[arg(long)]
    bias_in_w_in: bool,
    /// What the readout's columns are, if their number does not tell
    #[arg(long, value_enum, value_name = "COLUMNS")]
    readout_on: Option<Columns>,
}

impl NpzNames {
    /// The same for the library.
    pub(super) fn options(&self) -> NpzOptions {
        NpzOptions {
            w: self.w.clone(),
            w_in: self.w_in.clone(),
            w_out: self.w_out.clone(),
            bias: self.bias.clone(),
            leak: self.lr.clone(),
            output_bias: self.output_bias.clone(),
            bias_in_w_in: self.bias_in_w_in,
            readout_on: self.readout_on.map(|columns| match columns {
                Columns::State => ReadoutOn::State,
                Columns::BiasState => ReadoutOn::BiasState,
                Columns::InputState => ReadoutOn::InputState,
                Columns::BiasInputState => ReadoutOn::BiasInputState,
            }),
        }
    }
}

/// Reads a model file of any kind.
pub(super) fn load<T: Real>(path: &Path, names: &NpzNames) -> Result<Model<T>> {
    Model::import(path, &names.options()).with_context(|| format!("cannot use {}", path.display()))
}
