//! Dynamical systems with their published definitions and solvers. Series are time-major, `[steps, dimensions]`.
//!
//! A seed draws the initial condition; a transient is discarded. Only `+ - * /` and the portable functions of `libm` are
//! used, so a chaotic series has the same bits on every machine; the exception is Kuramoto-Sivashinsky, whose Fourier
//! factors come from the platform's sine and cosine.
//!
//! ```
//! use forebay::random::Seed;
//! use forebay_zoo::systems::Lorenz63;
//!
//! let series = Lorenz63::default().generate(1000, Seed(1))?;
//! assert_eq!(series.dim(), (1000, 3));
//! # Ok::<(), forebay_zoo::systems::SystemError>(())
//! ```

mod flows;
mod henon;
mod kuramoto;
mod lyapunov;
mod mackey_glass;
mod narma;
mod sines;

pub use flows::{Lorenz63, Rossler, runge_kutta};
pub use henon::Henon;
pub use kuramoto::{KuramotoSivashinsky, KuramotoSolver};
pub use lyapunov::largest_exponent;
pub use mackey_glass::MackeyGlass;
pub use narma::narma10;
pub use sines::MultipleSine;

/// Why a series cannot be generated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// A parameter that makes no sense.
    #[error("{what} must be {expected}, found {found}")]
    Range {
        /// The parameter.
        what: &'static str,
        /// The allowed range.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
    /// The system left the range of numbers with these parameters.
    #[error("{system} diverged at step {step}: try parameters nearer to the published ones")]
    Diverged {
        /// The system.
        system: &'static str,
        /// The step.
        step: usize,
    },
}

fn positive(what: &'static str, found: f64) -> Result<(), SystemError> {
    if found > 0.0 && found.is_finite() {
        Ok(())
    } else {
        Err(SystemError::Range { what, expected: "finite and above 0", found })
    }
}

fn at_least_one(what: &'static str, found: usize) -> Result<(), SystemError> {
    if found >= 1 { Ok(()) } else { Err(SystemError::Range { what, expected: "at least 1", found: 0.0 }) }
}
