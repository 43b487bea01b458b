//! `forebay compile`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use forebay::model::Model;
use forebay::model::import::read_npy;
use serde_json::json;

use super::models::{self, NpzNames};
use super::placement::Placement;
use crate::output;

/// Put a model's products on a processor: print the plan, write the programs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay compile model.forebay --substrate software:akd1000
  forebay compile model.forebay --digits 3,2 --calibrate u.npy --out programs/
  forebay run programs/model.forebay --substrate software --input u.npy

Where weights do not fit, the processor's own reason is given with exit code 3. Tested on silicon: no.")]
pub(crate) struct Compile {
    /// A .forebay, .json or .npz file
    model: PathBuf,
    #[command(flatten)]
    placement: Placement,
    /// Features like those it will see, a .npy array [steps, inputs]: ranges are fitted to them
    #[arg(long, value_name = "U.npy")]
    calibrate: Option<PathBuf>,
    /// Write program-0.bin, program-1.bin, .., plan.json, and the model with its ranges into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    names: NpzNames,
}

impl Compile {
    pub(super) fn run(self) -> Result<()> {
        let model: Model<f32> = models::load(&self.model, &self.names)?;
        let features = match &self.calibrate {
            None => None,
            Some(path) => {
                let features = read_npy(path).with_context(|| format!("cannot use {}", path.display()))?;
                Some(features.mapv(|v| v as f32))
            }
        };
        let placed = self.placement.compile_or_default(&model, features.as_ref().map(|f| f.view()))?;
        let plan = placed.plan().context("a compiled model has a plan")?;
        if let Some(folder) = &self.out {
            output::make_folder(folder)?;
            for (index, program) in placed.programs().iter().enumerate() {
                output::write_file(&folder.join(format!("program-{index}.bin")), program.bytes())?;
            }
            placed.save(&folder.join("model.forebay"))?;
            output::write_file(&folder.join("plan.json"), serde_json::to_string_pretty(plan)?.as_bytes())?;
        }
        if self.json {
            return output::print_json(&json!({"plan": plan, "tested_on_silicon": false}));
        }
        output::print(&plan.to_string())
    }
}
