//! The elementwise functions that reservoirs and activation nodes apply.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{ReservoirError, check_range};

/// An elementwise function f.
///
/// Every function gives the same bits in every kernel form. Errors are in units in the last place of the exact value,
/// for `f32` and `f64` alike; see [`forebay_kernels::Activation`]. In JSON a function is its name in snake case, with its
/// parameter if it has one: `"sigmoid"`, `{"leaky_relu": {"slope": 0.01}}`.
///
/// | function | `f(z)` | range | error |
/// |---|---|---|---|
/// | `Tanh` | `tanh z` | [-1, 1] | 1.3 ulp |
/// | `Identity` | `z` | all | exact |
/// | `BoundedRelu` | `min(max(z, 0), max)` | [0, max] | exact |
/// | `Sigmoid` | `1 / (1 + e^-z)` | [0, 1] | 2.5 ulp |
/// | `Relu` | `max(z, 0)` | at least 0 | exact |
/// | `LeakyRelu` | `z` if `z >= 0`, else `slope z` | all | one rounding |
/// | `Softplus` | `ln(1 + e^z)` | at least 0 | 3 ulp |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// `f(z) = z`: a linear reservoir.
    Identity,
    /// `f(z) = min(max(z, 0), max)`.
    BoundedRelu {
        /// The upper bound, above 0 and finite.
        max: f64,
    },
    /// The logistic function `f(z) = 1 / (1 + e^-z)`.
    Sigmoid,
    /// `f(z) = max(z, 0)`.
    Relu,
    /// `f(z) = z` where z is not negative, else `slope z`.
    LeakyRelu {
        /// From 0 to 1.
        slope: f64,
    },
    /// `f(z) = ln(1 + e^z)`.
    Softplus,
}

impl Activation {
    /// The values that f can take, if both ends are bounded: where integers may stand for them without any data.
    ///
    /// States of a leaky reservoir that begins at rest stay within, as 0 is in every range.
    pub fn bounds(self) -> Option<(f64, f64)> {
        match self {
            Self::Tanh => Some((-1.0, 1.0)),
            Self::BoundedRelu { max } => Some((0.0, max)),
            Self::Sigmoid => Some((0.0, 1.0)),
            Self::Identity | Self::Relu | Self::LeakyRelu { .. } | Self::Softplus => None,
        }
    }

    /// Checks the parameter, if there is one.
    ///
    /// # Errors
    /// [`ReservoirError::Range`] names it, its value and what is allowed.
    pub fn check(self) -> Result<(), ReservoirError> {
        match self {
            Self::BoundedRelu { max } => {
                check_range("max of bounded_relu", max, max > 0.0 && max.is_finite(), "above 0 and finite")
            }
            Self::LeakyRelu { slope } => {
                check_range("slope of leaky_relu", slope, (0.0..=1.0).contains(&slope), "from 0 to 1")
            }
            Self::Tanh | Self::Identity | Self::Sigmoid | Self::Relu | Self::Softplus => Ok(()),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tanh => f.write_str("tanh"),
            Self::Identity => f.write_str("identity"),
            Self::BoundedRelu { max } => write!(f, "relu bounded by {max}"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Relu => f.write_str("relu"),
            Self::LeakyRelu { slope } => write!(f, "leaky relu of slope {slope}"),
            Self::Softplus => f.write_str("softplus"),
        }
    }
}
