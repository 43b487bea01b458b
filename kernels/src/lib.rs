//! Kernels of a reservoir step that return the same bits in every form: scalar, AVX2 with FMA, AVX-512 and NEON.
//!
//! # The definition of float products
//! A matrix-vector product adds to what its output holds. For each row `i`, on its own:
//!
//! ```text
//! for j ascending over the columns (sparse: over the stored columns)
//!     y[i] = fma(w[i][j], x[j], y[i])          one rounding
//! y[i] = y[i] + 0                              -0 becomes +0; any NaN becomes the one quiet NaN
//! ```
//!
//! A vector lane is a row. So nothing is summed across lanes, there is no rule for tails, and the order of additions
//! does not depend on how wide a vector is. With finite inputs a sparse matrix equals the dense one with zeros, and a
//! batch of streams equals single products, all in every bit. A reservoir's weighted sum is one chain
//! `[bias | input | state]`: put the bias into `y`, accumulate the input weights, then the recurrent ones.
//!
//! # The definition of a readout
//! A readout has few rows and many columns, so that one chain per row would wait for itself. Its sum ([`RowMatrix`],
//! [`dot`]) is that of eight chains over interleaved columns, joined by a fixed tree:
//!
//! ```text
//! p[k] = fma chain over the columns j with j mod 8 = k, ascending, from +0        k in 0..8
//! y[i] = y[i] + (((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])))
//! y[i] = y[i] + 0                              -0 becomes +0; any NaN becomes the one quiet NaN
//! ```
//!
//! A vector lane is a chain; a batch of streams equals single products in every bit here, too.
//!
//! # Elementwise kernels
//! Elementwise kernels ([`tanh()`], [`leaky_update`], [`softmax`]) use `+ - * /`, fused multiply-add and comparisons alone, each of
//! which IEEE 754 defines to the bit. The scalar form is the definition in code; the others are compared with it.
//!
//! # Modules
//! * `form`: which instruction set computes; forced by the environment variable [`FORM_VARIABLE`].
//! * `dense`, `sparse`, `readout`: [`PanelMatrix`], [`SlicedMatrix`], [`RowMatrix`].
//! * `tanh`, `exponential`, `update`: elementwise kernels, and the softmax.
//! * [`solver`]: sums of products, Cholesky factors, triangular systems.
//! * [`integer`]: exact products of small integers.
//! * [`limits`]: what this machine can do at most, to judge measured times by.
//! * `lanes`: vectors of each instruction set; all unsafe code about instructions is there.

#![expect(
    clippy::inline_always,
    reason = "vector code must be inlined into the function that enables the instructions, else it is compiled without"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over registers run over several arrays of one constant length; iterators hide that they unroll"
)]

mod aligned;
mod dense;
mod error;
mod exponential;
mod form;
pub mod integer;
mod lanes;
pub mod limits;
mod readout;
mod real;
pub mod solver;
mod sparse;
mod tanh;
mod update;

pub use crate::{
    dense::PanelMatrix,
    error::ShapeError,
    exponential::softmax,
    form::{FORM_VARIABLE, Form, FormError},
    readout::{RowMatrix, dot},
    real::Real,
    sparse::{BatchScratch, SlicedMatrix},
    tanh::tanh,
    update::{Activation, Leak, all_finite, leaky_update},
};
