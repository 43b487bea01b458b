//! `forebay convert`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use forebay::Real;

use super::models::{self, NpzNames, Precision};

/// Convert between .forebay, .json and .npz; the extensions tell which.
#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// A .forebay, .json or .npz file
    from: PathBuf,
    /// The file to write
    to: PathBuf,
    /// Float type of the weights written
    #[arg(long, value_enum, default_value = "f64")]
    precision: Precision,
    #[command(flatten)]
    names: NpzNames,
}

impl Convert {
    pub(super) fn run(self) -> Result<()> {
        match self.precision {
            Precision::F32 => self.convert::<f32>(),
            Precision::F64 => self.convert::<f64>(),
        }
    }

    fn convert<T: Real>(&self) -> Result<()> {
        let model = models::load::<T>(&self.from, &self.names)?;
        model.export(&self.to).with_context(|| format!("cannot convert to {}", self.to.display()))
    }
}
