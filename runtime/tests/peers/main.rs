//! Networks of other libraries, rebuilt from their weights by the public API, against what their own code computed.
//!
//! The arrays are those of `make.py`. One test per network, named after it; `coverage` lists those that have none and why,
//! and fails if a network of the archives is in neither list.
//!
//! # Bounds
//! States and outputs of given weights: 1e-12, in f64. Trained ones see what rounding does to a linear system: see
//! [`compare::Bounds`].

mod arrays;
mod build;
mod compare;
mod coverage;
mod deep;
mod feedback;
mod nvar;
mod online;
mod plain;
mod pyrcn;
mod runs;
mod training;
