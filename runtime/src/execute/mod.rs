//! Running a model: one stream ([`Session`]) or many side by side ([`Batch`]).
//!
//! Both use the same executor. A step computes every node into a second buffer, checks that all values are finite
//! and only then swaps the buffers: a failed step leaves the state as it was.

mod batch;
mod closed;
mod compute;
mod custom;
mod executor;
mod gather;
mod lanes;
mod memory;
mod plan;
mod session;
mod snapshot;

pub use batch::Batch;
pub use closed::ClosedLoop;
pub(crate) use lanes::Lanes;
pub use session::Session;
pub use snapshot::Snapshot;

use forebay_kernels::Real;

use crate::error::Error;
use crate::model::Model;

impl<T: Real> Model<T> {
    /// A session at rest: all states zero.
    pub fn session(&self) -> Session<T> {
        Session::new(self.clone())
    }

    /// `streams` independent streams stepped together through matrix-matrix products.
    ///
    /// # Errors
    /// [`Error::Range`] if `streams` is zero.
    pub fn batch(&self, streams: usize) -> Result<Batch<T>, Error> {
        Batch::new(self.clone(), streams)
    }
}
