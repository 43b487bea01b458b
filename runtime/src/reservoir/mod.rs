//! Reservoirs: what they are made of, and drawing their weights from a seed.
//!
//! A leaky echo state network updates its state `x` from the input `u` and the fed-back output `y` by
//!
//! ```text
//! x' = (1 - a) x + a f(W_in u + W_res x + W_fb y + b)
//! ```
//!
//! [`Reservoir`] is the recipe for the weights, [`Reservoir::generate`] draws them as [`ReservoirWeights`], and
//! [`spectral_radius`] measures the recurrent matrix. The same recipe and seed give the same bits on every machine.

mod activation;
mod arnoldi;
mod blocks;
mod cyclic;
mod error;
mod generate;
mod hessenberg;
mod recipe;
mod scaling;
mod spectral;
mod topology;

pub use activation::Activation;
pub use error::ReservoirError;
pub use generate::ReservoirWeights;
pub use recipe::Reservoir;
pub use spectral::{RadiusMethod, SpectralError, SpectralRadius, spectral_radius};
pub use topology::{Distribution, OneOrEach, Topology};
