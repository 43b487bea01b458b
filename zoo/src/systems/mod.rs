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

/// Steps to generate, bounded so that the series fits into memory: 2 GiB.
fn length(steps: usize, columns: usize) -> Result<(), SystemError> {
    const VALUES: usize = 1 << 28;
    if (1..=VALUES / columns).contains(&steps) {
        Ok(())
    } else {
        let expected = "at least 1 and at most 2^28 values in all";
        Err(SystemError::Range { what: "the number of steps", expected, found: steps as f64 })
    }
}

/// The steps of length `dt` in a transient, bounded so that the run ends.
fn transient_steps(transient: f64, dt: f64) -> Result<f64, SystemError> {
    let steps = transient / dt;
    if (0.0..=1e9).contains(&steps) {
        Ok(steps)
    } else {
        let expected = "at least 0 and at most 1e9 steps";
        Err(SystemError::Range { what: "the transient", expected, found: transient })
    }
}

fn solver_steps(substeps: usize) -> Result<(), SystemError> {
    if (1..=1 << 20).contains(&substeps) {
        Ok(())
    } else {
        let expected = "from 1 to 2^20";
        Err(SystemError::Range { what: "the number of substeps", expected, found: substeps as f64 })
    }
}
