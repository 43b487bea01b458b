//! Poisson and heat equations on 4-bit products, to the accuracy of f64.
//!
//! A substrate forms exact products of few-digit integers; the host keeps the solution and its residual in f64 and asks
//! the substrate only for corrections, so that their roundings cost turns and not accuracy.
//!
//! ```text
//! x = 0;   r = b - A x  (f64, host);   x += s * B round(r / s)  (integers, substrate);   again until |r| <= tolerance |b|
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `operator` | grids, and `A = shift I + tau K` without a matrix |
//! | `green` | the inverse of an operator in closed form |
//! | `inverse`, `multigrid` | two approximate inverses that a substrate runs |
//! | `tiles`, `stencil` | their products as programs |
//! | `iterate` | refinement and conjugate gradients |
//! | `solver` | all of it behind one call |
//!
//! What converges, how fast, what does not, and what it would cost on a board: specs/pde-refinement.md. The integers are
//! the same on every substrate, and so is every bit of a solution. Not run on silicon.

mod approximation;
mod green;
mod inverse;
mod iterate;
mod multigrid;
mod operator;
mod solver;
mod stencil;
mod tiles;

pub use self::operator::{Boundary, Grid, MOST_UNKNOWNS, Operator};
pub use self::solver::{Solution, Solver, SolverMethod, SolverSettings, Stage, Status};
