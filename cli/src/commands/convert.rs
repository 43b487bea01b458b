//! `forebay convert`.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::Real;
use forebay::model::{Model, Provenance};

use super::models::{self, NpzNames, Precision};

/// Convert between .forebay, .json and .npz; the extensions tell which.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay convert weights.npz model.forebay --precision f32
  forebay convert weights.npz model.forebay --w w_res --w-in w_in --readout-on bias-input-state --ignore seed
  forebay convert model.forebay weights.npz

.npz holds the weights of one reservoir and one readout; JSON and .forebay hold all of every model.")]
pub(crate) struct Convert {
    /// A .forebay, .json or .npz file
    from: PathBuf,
    /// The file to write
    to: PathBuf,
    /// Float type of the weights written [default: the one the file says, else f64]
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
        match Model::<f64>::precision_of(&self.from) {
            Ok(Some(precision)) if precision == "f32" => Precision::F32,
            // What is no model file is found out when it is read.
            _ => Precision::F64,
        }
    }

    fn convert<T: Real>(&self) -> Result<()> {
        let model = models::load::<T>(&self.from, &self.names)?;
        model.export(&self.to).with_context(|| format!("cannot convert to {}", self.to.display()))?;
        let is_npz = self.to.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("npz"));
        if is_npz && *model.provenance() != Provenance::default() {
            eprintln!("{}: left out, as .npz has no place for it: seed, training report and notes", self.to.display());
        }
        Ok(())
    }
}
