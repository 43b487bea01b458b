//! What patches pass to their neighbours, when all are in one process.

use crate::error::Error;

/// The ring of ranks that share a grid, each with the same number of neighbouring patches.
///
/// Rank r has the points `r n .. (r+1) n`; its left neighbour is rank `r - 1`, its right one `r + 1`, modulo their
/// number. Every rank makes the same calls in the same order, so a rank that fails must end the others' job too.
///
/// Nothing is summed over ranks: every number of a forecast is computed by one rank, with the same operations however many
/// there are. That is why the forecast's bits do not depend on their number.
pub trait Halo {
    /// This rank's number, from 0.
    fn rank(&self) -> usize;

    /// Number of ranks, at least 1.
    fn size(&self) -> usize;

    /// Sends the values at the ends of the own points to both neighbours, and receives theirs: `from_left` becomes the left
    /// neighbour's `right_edge`, `from_right` the right neighbour's `left_edge`.
    ///
    /// # Shapes
    /// All four: `[overlap]`.
    ///
    /// # Errors
    /// Whatever the way between the ranks meets.
    fn exchange(
        &mut self,
        left_edge: &[f64],
        right_edge: &[f64],
        from_left: &mut [f64],
        from_right: &mut [f64],
    ) -> Result<(), Error>;

    /// Gives every rank the values of all ranks, one rank after the other.
    ///
    /// # Shapes
    /// `own`: `[n]`, the same n on all ranks; `all`: `[size, n]`.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    fn gather(&mut self, own: &[f64], all: &mut [f64]) -> Result<(), Error>;
}

/// One rank that has all patches: its own neighbour on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Local;

impl Halo for Local {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn exchange(
        &mut self,
        left_edge: &[f64],
        right_edge: &[f64],
        from_left: &mut [f64],
        from_right: &mut [f64],
    ) -> Result<(), Error> {
        from_left.copy_from_slice(right_edge);
        from_right.copy_from_slice(left_edge);
        Ok(())
    }

    fn gather(&mut self, own: &[f64], all: &mut [f64]) -> Result<(), Error> {
        all.copy_from_slice(own);
        Ok(())
    }
}
