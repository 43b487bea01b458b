//! In which numbers a task's network computes.

use std::fmt;
use std::sync::Arc;

use forebay::model::Model;
use forebay::{Compiler, Precision, Real, Substrate};
use ndarray::ArrayView2;

use super::Settings;

/// The numbers a network computes in.
#[derive(Clone, Debug)]
pub enum Arithmetic {
    /// 64-bit floats on the host.
    F64,
    /// 32-bit floats on the host.
    F32,
    /// 32-bit floats on the host, and the recurrent product in integers on a substrate, with ranges fitted to the
    /// training inputs.
    Hybrid {
        /// What forms the product.
        substrate: Arc<dyn Substrate>,
        /// Digits of states and weights.
        precision: Precision,
        /// Whether readouts are trained on the hybrid's states; if not, on those of floats, and then kept.
        refit: bool,
    },
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F64 => f.write_str("f64 on the host"),
            Self::F32 => f.write_str("f32 on the host"),
            Self::Hybrid { substrate, precision, refit } => {
                let (on, states, weights) =
                    (substrate.capabilities(), precision.state_digits(), precision.weight_digits());
                write!(f, "{states} x {weights} digits on {}", on.name)?;
                if !on.device.is_empty() {
                    write!(f, " ({})", on.device)?;
                }
                write!(
                    f,
                    ", f32 on the host, readout trained on {}",
                    if *refit { "these states" } else { "those of floats" }
                )
            }
        }
    }
}

impl Arithmetic {
    /// Draws the settings' network, and compiles it for inputs like these.
    pub(super) fn network<T: Real>(
        &self,
        settings: &Settings,
        (inputs, outputs): (usize, usize),
        seed: u64,
        training: ArrayView2<'_, T>,
    ) -> Result<Model<T>, forebay::Error> {
        self.compile(Model::generate(settings.network(inputs, outputs)?, seed)?, training)
    }

    /// Puts a network where this arithmetic computes, with ranges for inputs like these.
    pub(super) fn compile<T: Real>(
        &self,
        model: Model<T>,
        training: ArrayView2<'_, T>,
    ) -> Result<Model<T>, forebay::Error> {
        match self {
            Self::F64 | Self::F32 | Self::Hybrid { refit: false, .. } => Ok(model),
            Self::Hybrid { substrate, precision, refit: true } => {
                Compiler::new(Arc::clone(substrate)).precision(*precision).calibrate(training).compile(&model)
            }
        }
    }

    /// Puts a network that was trained in floats where this arithmetic computes, if it was not there already.
    pub(super) fn deploy<T: Real>(
        &self,
        trained: Model<T>,
        training: ArrayView2<'_, T>,
    ) -> Result<Model<T>, forebay::Error> {
        match self {
            Self::Hybrid { substrate, precision, refit: false } => {
                Compiler::new(Arc::clone(substrate)).precision(*precision).calibrate(training).compile(&trained)
            }
            _ => Ok(trained),
        }
    }
}
