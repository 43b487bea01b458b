//! The solver's work on the threads of the pool that it is called in.

use forebay_kernels::solver::Spread;

use crate::threads;

/// Splits work as [`threads::each`] does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads;

impl Spread for Threads {
    fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync) {
        threads::each(items, work);
    }
}
