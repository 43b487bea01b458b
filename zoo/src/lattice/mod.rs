//! SU(3) lattice gauge theory: configurations, hybrid Monte Carlo, observables.
//!
//! Links `U_m(x)` in SU(3) on a periodic 4-D lattice of V sites; the Wilson action of the plaquettes
//! `U_mn(x) = U_m(x) U_n(x+m) U_m(x+n)^+ U_n(x)^+`:
//!
//! ```text
//! S = beta sum over x, m < n of (1 - Re tr U_mn(x) / 3) = 6 V beta (1 - P),   beta = 6 / g^2
//! ```
//!
//! Momenta are `i sum_a p_a lambda_a / 2` with normal `p_a` and the kinetic energy `T = -tr P^2 = sum p_a^2 / 2`; then
//!
//! ```text
//! dU/dt = P U,   dP/dt = -(beta / 6) TA(U V),   TA(W) = (W - W^+)/2 - tr(W - W^+)/6
//! ```
//!
//! with V the sum of the six staples of a link. (Where `T = -tr P^2 / 2` is used, times are longer by sqrt 2 and the force is
//! `beta / 3`.)
//!
//! | module | what it holds |
//! |---|---|
//! | [`Lattice`] | a configuration: plaquette, Polyakov loop, gauge transformations |
//! | [`Hmc`] | trajectories with leapfrog or the second-order scheme of Omelyan, Mryglod and Folk |
//! | [`screened`] | trajectories that a screen may end at half time: exact, and the naive counter-example |
//!
//! Numbers are the same bits on every machine and for any number of threads.

mod configuration;
mod geometry;
mod hmc;
pub mod screened;
mod su3;
mod sweep;

pub use configuration::{Lattice, Su3};
pub use hmc::{Energy, Hmc, Integrator, Settings, Trajectory};
pub use sweep::Instructions;

/// What can be wrong with a lattice or its settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LatticeError {
    /// Extents below 2 or too many sites.
    #[error(
        "a lattice of {extents:?}: every extent must be at least 2, and the sites at most 2^22 (2^19 if no extent is even)"
    )]
    Extents {
        /// The extents given.
        extents: [usize; 4],
    },
    /// A number out of its range.
    #[error("{what} must be {expected}, found {found}")]
    Range {
        /// Which number.
        what: &'static str,
        /// The allowed range.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
    /// A site or direction that is not on the lattice.
    #[error("there is no link {direction} at site {site}: the lattice has {sites} sites and 4 directions")]
    Link {
        /// The site given.
        site: usize,
        /// The direction given.
        direction: usize,
        /// Sites of the lattice.
        sites: usize,
    },
    /// A matrix that is not in SU(3).
    #[error("a matrix differs from SU(3) by {deviation:e}")]
    NotUnitary {
        /// Largest entry of `U U^+ - 1` or of `det U - 1`.
        deviation: f64,
    },
}

/// The number, if it is finite and in this range.
fn check(what: &'static str, expected: &'static str, found: f64, good: bool) -> Result<(), LatticeError> {
    if found.is_finite() && good { Ok(()) } else { Err(LatticeError::Range { what, expected, found }) }
}
