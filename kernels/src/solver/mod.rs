//! Sums of products, Cholesky factors and triangular solves in `f64`, with one order of operations for every entry.
//!
//! # The definition
//! Matrices are column-major, with the lower triangle in use; the strict upper triangle is never read or written, so that
//! it may hold something else. All products are fused multiply-adds, rounded once:
//!
//! ```text
//! add_products        c = 0;     c = fma(x[t][i], y[t][j], c) for t ascending;      C[i][j] += c
//! factor              c = A[i][j];  c = fma(-L[i][k], L[j][k], c) for k ascending below j
//!                     L[j][j] = sqrt(c);   L[i][j] = c / L[j][j] for i > j
//! solve_lower         c = B[i];  c = fma(-L[i][k], X[k], c) for k ascending below i;   X[i] = c / L[i][i]
//! solve_upper         c = B[i];  c = fma(-L[k][i], X[k], c) for k descending above i;  X[i] = c / L[i][i]
//! ```
//!
//! A vector lane is an entry of its own, blocks only choose which entries are worked on together, and a chain that is
//! stored and taken up again has the same bits. So nothing depends on the form, the block sizes or the number of threads.
//! The scalar forms are these loops as they stand.
//!
//! # Threads
//! Work that can be done side by side is handed to a [`Spread`]; [`Alone`] does it on the calling thread.

mod cholesky;
mod panels;
mod pivoted;
mod products;
mod tile;
mod triangular;

pub use self::{
    cholesky::factor,
    panels::Panels,
    pivoted::factor_pivoted,
    products::{add_cross_products, add_products},
    triangular::{inverse_diagonal, solve_lower, solve_upper},
};

/// Does independent pieces of work, on one thread or several, in any order.
pub trait Spread {
    /// Calls `work` once with each item.
    fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync);
}

/// The calling thread does everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Spread for Alone {
    fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync) {
        items.into_iter().for_each(work);
    }
}
