//! Steering a Markov chain without breaking it: what can be predicted before it happens, what may be done with that, and what
//! it is worth beside simple rules.
//!
//! The rule: at fixed parameters every kernel leaves the distribution as it is. A reservoir may choose what is decided before
//! production and then frozen, or what is corrected for in the acceptance; it may not skip trajectories that it expects to be
//! rejected.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rejection`] | predicting rejection from what is known before, with base rate and ceiling |
//! | [`thermalisation`] | when to begin to measure: rules, their bias and what they save |
//! | [`tuning`] | the step size by dual averaging, then frozen |
//! | [`logistic`], [`scores`] | the predictor without memory; accuracy, AUC, Brier score with intervals |
//! | [`screen`] | a frozen reservoir as the screen of delayed acceptance |
//! | [`protocol`] | the experiment that `forebay steer` runs |

pub mod logistic;
pub mod protocol;
pub mod rejection;
mod reservoir;
pub mod scores;
pub mod screen;
pub mod thermalisation;
pub mod tuning;

use crate::lattice::LatticeError;

/// Why an experiment could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SteeringError {
    /// The lattice.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// The reservoir, or its substrate.
    #[error(transparent)]
    Reservoir(#[from] forebay::Error),
    /// A regression whose equations have no solution in floats.
    #[error("the logistic regression with a ridge of {ridge:e} has no solution in floats: use a larger ridge")]
    Singular {
        /// The penalty.
        ridge: f64,
    },
    /// Not enough data for what is asked.
    #[error("{what} needs {expected}, found {found}")]
    TooShort {
        /// What is computed.
        what: &'static str,
        /// What it needs.
        expected: String,
        /// What there is.
        found: usize,
    },
}
