//! What can go wrong on a substrate, grouped by what the caller can do.

use std::error::Error;

use crate::refusal::Refusal;

/// Any failure of a substrate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubstrateError {
    /// The substrate cannot run this: change the network or take another device.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The bytes are no program: build or fetch them again.
    #[error("these bytes are not a program")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// A slice of the wrong length.
    #[error("{what} needs {expected} values, found {found}")]
    Shape {
        /// Which slice.
        what: &'static str,
        /// The length it must have.
        expected: String,
        /// The length it has.
        found: usize,
    },
    /// A value outside its range.
    #[error("{what} must be in {min}..={max}, found {found} at index {index}")]
    Range {
        /// Which value.
        what: &'static str,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
        /// The value given.
        found: i64,
        /// Its place in the slice.
        index: usize,
    },
    /// Something that does not exist in the program.
    #[error("there is no {what} {index}: the program has {count}")]
    Index {
        /// Layer, input, unit or word.
        what: &'static str,
        /// The index given.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A call that this program cannot serve.
    #[error("{what}: {instead}")]
    Misuse {
        /// What was asked.
        what: &'static str,
        /// What the program is, or what to do instead.
        instead: String,
    },
    /// The memory does not hold what was written.
    #[error("layer {layer}, word {word}: expected {expected:#010x}, found {found:#010x}")]
    Mismatch {
        /// Layer, counted from 0.
        layer: usize,
        /// Word of its neuron memory.
        word: usize,
        /// What should be there.
        expected: u32,
        /// What is there.
        found: u32,
    },
    /// The program was taken off the substrate.
    #[error("the program is not loaded any more: load it again")]
    Unloaded,
    /// The device failed.
    #[error("device failure")]
    Device(#[source] Box<dyn Error + Send + Sync>),
}
