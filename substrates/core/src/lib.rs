//! What a substrate is: something that runs programs of a neural processor, in software, emulated, or on a board.
//!
//! Control and data path are apart, and state belongs to who runs:
//!
//! ```text
//! Substrate --load(bytes)--> Loaded (shared, patchable) --runner()-----> Runner     (one stream, samples in, integers out)
//!     |                                                 --multiplier()-> Multiplier (exact products of several digits)
//!     '--supports(op)--> Support, or a Refusal with the numbers
//! ```
//!
//! * [`substrate`]: the traits.
//! * [`op`]: what a partitioner may ask for, and the answers.
//! * [`refusal`], [`error`]: why not, and what went wrong.
//! * [`precision`]: signed integers as 4-bit digits, and the exact product that any substrate can form from them.
//! * [`queue`]: one job at a time, shared by many streams.
//! * [`mod@reference`]: what a chain computes, written to be read; [`conformance`]: cases that every substrate must pass.
//!
//! Nothing here knows a chip's program format, and nothing here has been run on silicon.

pub mod conformance;
pub mod error;
pub mod op;
pub mod precision;
pub mod queue;
pub mod reference;
pub mod refusal;
pub mod substrate;

pub use crate::{
    error::SubstrateError,
    op::{Op, Support},
    precision::Precision,
    queue::Queued,
    refusal::Refusal,
    substrate::{Capabilities, Loaded, Multiplier, OutputKind, ProgramShape, Runner, Substrate, WeightPatch},
};

/// Smallest potential: a signed 20-bit number.
pub const POTENTIAL_MIN: i32 = -(1 << 19);
/// Largest potential: a signed 20-bit number.
pub const POTENTIAL_MAX: i32 = (1 << 19) - 1;
/// Largest input value: 4 bits, unsigned.
pub const INPUT_MAX: u8 = 15;
/// Largest magnitude of a 4-bit weight; -8 is not a weight.
pub const WEIGHT_MAX: i8 = 7;
