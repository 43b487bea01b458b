//! Exact products of small integers: weights of 1, 2, 4 or 8 bits with inputs of at most 8, sums of 32 bits.
//!
//! ```text
//! y[s][u] = sum over i of x[s][i] * w[u][i]
//! ```
//!
//! Sizes are bounded so that no sum leaves 32 bits; integer sums do not depend on their order, so every form, tile and
//! batch gives the same numbers.
//!
//! # Layout
//! Weights are unsigned fields `w + offset`, packed so that reading them takes no more memory than they have bits. A
//! panel holds 16 units; a block of a panel is one vector of 64 bytes, four for each unit, and every byte holds `F`
//! fields. Field `f` of byte `k` of block `b` belongs to input `4 F b + 4 f + k`:
//!
//! ```text
//! block b       unit 0           unit 1     ..  unit 15
//!            k = 0 1 2 3        0 1 2 3         0 1 2 3      bits 0..8/F: f = 0, then f = 1, ..
//! ```
//!
//! A vector lane of 32 bits is a unit, four inputs are one broadcast, and nothing is summed across lanes. What the offset
//! adds, `offset * sum of x`, is subtracted once per sample.

mod bytes;
mod convert;
mod packed;
mod panels;
mod sparse;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
mod neon;

pub use self::convert::{add_scaled, clamp, decode_add, digits, encode, lowest_bytes};
pub use self::{bytes::ByteMatrix, packed::PackedMatrix, panels::IntegerScratch, sparse::SparseMatrix};

/// Bits per weight of a [`PackedMatrix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightBits {
    /// 0 and 1.
    One,
    /// -1 to 1.
    Two,
    /// -7 to 7.
    Four,
}

/// Why a matrix cannot be made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntegerError {
    /// No units, no inputs, or another number of weights than both give.
    #[error("{units} units with {inputs} inputs do not take {found} weights")]
    Shape {
        /// Rows.
        units: usize,
        /// Columns.
        inputs: usize,
        /// Weights given.
        found: usize,
    },
    /// So many inputs that a sum could leave 32 bits.
    #[error("{inputs} inputs could sum to more than 32 bits: at most {limit}")]
    TooWide {
        /// Columns.
        inputs: usize,
        /// Largest number of columns.
        limit: usize,
    },
    /// A weight outside its bits.
    #[error("weight {value} at index {index} is outside {min} to {max}")]
    Weight {
        /// Flat index.
        index: usize,
        /// The weight.
        value: i8,
        /// Smallest.
        min: i8,
        /// Largest.
        max: i8,
    },
    /// A weight that does not exist.
    #[error("there is no weight of unit {unit} and input {input} in {units} x {inputs}")]
    Index {
        /// Row asked for.
        unit: usize,
        /// Column asked for.
        input: usize,
        /// Rows.
        units: usize,
        /// Columns.
        inputs: usize,
    },
}

/// Checks sizes and weights of a matrix whose sums have terms of at most `largest_term`.
fn check(
    units: usize,
    inputs: usize,
    weights: &[i8],
    (min, max): (i8, i8),
    largest_term: i32,
) -> Result<(), IntegerError> {
    let limit = (i32::MAX / largest_term) as usize;
    if inputs > limit {
        return Err(IntegerError::TooWide { inputs, limit });
    }
    if units == 0 || inputs == 0 || units.checked_mul(inputs) != Some(weights.len()) {
        return Err(IntegerError::Shape { units, inputs, found: weights.len() });
    }
    match weights.iter().position(|w| !(min..=max).contains(w)) {
        None => Ok(()),
        Some(index) => Err(IntegerError::Weight { index, value: weights[index], min, max }),
    }
}
