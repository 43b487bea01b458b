//! Running a model: one stream ([`Session`]) or many side by side ([`Batch`]).
//!
//! Both use the same executor. A step computes every node into a second buffer, checks that all values are finite
//! and only then swaps the buffers: a failed step leaves the state as it was.

mod batch;
mod custom;
mod executor;
mod gather;
mod lanes;
mod memory;
mod plan;
mod session;

pub use batch::Batch;
pub(crate) use lanes::Lanes;
pub use session::{Session, Snapshot};
