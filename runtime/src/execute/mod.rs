//! Running a model: one stream ([`Session`]) or many side by side ([`Batch`]).
//!
//! Both use the same executor. A step computes every node into a second buffer, checks that all values are finite
//! and only then swaps the buffers: a failed step leaves the state as it was.

mod batch;
mod executor;
mod gather;
mod session;

pub use batch::Batch;
pub use session::{Session, Snapshot};
