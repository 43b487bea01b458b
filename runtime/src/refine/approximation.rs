//! What the host's loops need of an approximate inverse.

use std::fmt::Debug;

use super::tiles::Cost;
use crate::error::Error;

/// Something near `A^-1`.
pub(super) trait Approximation: Debug + Send + Sync {
    /// `z ~ A^-1 r`; both `[unknowns]`.
    fn apply(&mut self, r: &[f64], z: &mut [f64]) -> Result<(), Error>;

    /// What it has run on its substrate since it was made.
    fn cost(&self) -> Cost;
}
