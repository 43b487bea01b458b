//! Arguments that say where a model's products are formed.

use anyhow::{Context, Result, ensure};
use clap::Args;
use forebay::compile::last_precision;
use forebay::model::Model;
use forebay::{Compiler, Precision, Real};
use forebay_zoo::tasks::Arithmetic;
use ndarray::ArrayView2;

use crate::forecasting::Hybrid;

/// Where products are formed, and in how many digits.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Processor")]
pub(super) struct Placement {
    /// Form products on this substrate: software:akd1000 or software:akd1500
    #[arg(long, value_name = "ADDRESS")]
    pub(super) substrate: Option<String>,
    /// Digits of 4 bits that states (1 to 4) and weights (1 to 3) are written with
    /// [default: those the model was compiled with, or 2,2]
    #[arg(long, value_name = "STATES,WEIGHTS", value_parser = digits)]
    pub(super) digits: Option<Precision>,
}

fn digits(text: &str) -> Result<Precision, String> {
    let parsed = text
        .split_once(',')
        .and_then(|(states, weights)| Precision::new(states.trim().parse().ok()?, weights.trim().parse().ok()?));
    parsed.ok_or_else(|| "give two numbers such as 2,2: 1 to 4 for states, 1 to 3 for weights".to_owned())
}

impl Placement {
    /// What a task's networks compute in: 64-bit floats on the host if no substrate was named.
    pub(super) fn arithmetic(&self) -> Result<Arithmetic> {
        match &self.substrate {
            None => {
                ensure!(self.digits.is_none(), "--digits need a --substrate: floats on the host have none");
                Ok(Arithmetic::F64)
            }
            Some(address) => {
                let substrate = super::substrates::open(address)?;
                Ok(Arithmetic::Hybrid { substrate, precision: self.digits.unwrap_or_default(), refit: true })
            }
        }
    }

    /// Substrate and digits for a second run beside the float one: the software substrate if none was named.
    pub(super) fn hybrid(&self) -> Hybrid {
        let precision = self.digits.unwrap_or_default();
        Hybrid {
            address: self.substrate.clone().unwrap_or_else(|| "software:akd1000".to_owned()),
            precision,
            digits: format!("{} x {}", precision.state_digits(), precision.weight_digits()),
        }
    }

    /// The model where the user wants it: on the host if no substrate was named. Ranges are those that it was compiled with
    /// in these digits before, else they are fitted to the features.
    pub(super) fn apply<T: Real>(&self, model: Model<T>, features: ArrayView2<'_, T>) -> Result<Model<T>> {
        let last = last_precision(&model)?;
        let is_known = last.is_some() && self.digits.is_none_or(|digits| Some(digits) == last);
        match &self.substrate {
            None => Ok(model),
            Some(_) => self.compile_or_default(&model, (!is_known).then_some(features)),
        }
    }

    /// The model compiled, for the software substrate if none was named. Without features, ranges that were kept for other nodes are
    /// refused: bounds in their place would be other integers.
    pub(super) fn compile_or_default<T: Real>(
        &self,
        model: &Model<T>,
        features: Option<ArrayView2<'_, T>>,
    ) -> Result<Model<T>> {
        let address = self.substrate.as_deref().unwrap_or("software");
        let last = last_precision(model)?;
        let precision = self.digits.or(last).unwrap_or_default();
        let mut compiler = Compiler::new(super::substrates::open(address)?).precision(precision);
        if let Some(features) = features {
            compiler = compiler.calibrate(features);
        }
        let compiled = compiler.compile(model).with_context(|| format!("cannot compile for {address}"))?;
        ensure!(
            features.is_some() || last != Some(precision) || keeps(model, &compiled),
            "the ranges kept with this model are not those of its nodes: calibrate it anew, with forebay compile MODEL \
             --calibrate u.npy"
        );
        Ok(compiled)
    }
}

/// Whether the notes of a model have all the ranges that it was compiled with.
fn keeps<T: Real>(model: &Model<T>, compiled: &Model<T>) -> bool {
    let [kept, used] =
        [model, compiled].map(|model| model.provenance().notes.get("compiled")?.get("ranges")?.as_object());
    used.is_none_or(|used| used.keys().all(|node| kept.is_some_and(|kept| kept.contains_key(node))))
}
