//! `forebay convert`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::Real;
use forebay::model::file::ModelHeader;

use super::models::{self, NpzNames, Precision};

/// Convert between .forebay, .json and .npz; the extensions tell which.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay convert weights.npz model.forebay --precision f32
  forebay convert weights.npz model.forebay --w w_res --w-in w_in --readout-on bias-input-state
  forebay convert model.forebay weights.npz

JSON and .npz hold one reservoir and one readout; .forebay holds every model.")]
pub(crate) struct Convert {
    /// A .forebay, .json or .npz file
    from: PathBuf,
    /// The file to write
    to: PathBuf,
    /// Float type of the weights written [default: that of a .forebay file, f64 for others]
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    #[command(flatten)]
    names: NpzNames,
}

const KINDS: [&str; 3] = ["forebay", "json", "npz"];

impl Convert {
    pub(super) fn run(self) -> Result<()> {
        let kind = self.to.extension().map(|kind| kind.to_string_lossy().to_lowercase());
        ensure!(
            kind.is_some_and(|kind| KINDS.contains(&kind.as_str())),
            "cannot tell what {} is to be: end its name in .forebay, .json or .npz",
            self.to.display()
        );
        match self.precision.unwrap_or_else(|| self.stored_precision()) {
            Precision::F32 => self.convert::<f32>(),
            Precision::F64 => self.convert::<f64>(),
        }
    }

    fn stored_precision(&self) -> Precision {
        match ModelHeader::read(&self.from) {
            Ok((header, _)) if header.precision == "f32" => Precision::F32,
            // What is no model file is found out when it is read.
            _ => Precision::F64,
        }
    }

    fn convert<T: Real>(&self) -> Result<()> {
        let model = models::load::<T>(&self.from, &self.names)?;
        model.export(&self.to).with_context(|| format!("cannot convert to {}", self.to.display()))
    }
}
