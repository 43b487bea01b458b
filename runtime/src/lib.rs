//! Host-hybrid reservoir computing: echo state networks that are defined once, trained by ridge regression, and stepped
//! inside simulation codes with the same bits on every machine.
//!
//! | module | what it holds |
//! |---|---|
//! | [`esn`] | [`Esn`] and [`HybridEsn`]: one reservoir and its readout, from settings to a network that runs |
//! | [`graph`] | what a network computes: typed nodes, checked once, immutable |
//! | [`reservoir`] | recipes for reservoirs, drawing their weights, spectral radius |
//! | [`model`] | a graph with its weights: immutable, shared, saved to and read from files |
//! | [`compile`] | putting a model's products on a processor's substrate, in integers |
//! | [`execute`] | running a model: one stream or many |
//! | [`checkpoint`] | a running state on disk, tied to its model |
//! | [`keep`] | all else that was learnt, on disk: online learners, monitors, classifiers, conductors |
//! | [`parallel`] | forecasts of spatiotemporal systems by many local reservoirs, on threads and over MPI |
//! | [`train`] | ridge, online and classification readouts |
//! | [`conductor`] | many named heads on one pass: values, classes, probabilities, each with its trust |
//! | [`drift`] | noticing that data have changed, and recovering from it |
//! | [`refine`] | Poisson and heat equations to f64 accuracy with 4-bit products |
//! | [`evolve`] | evolution of weights on a running substrate |
//! | [`search`] | settings from ranges: random or model-based, on threads and machines, resumable |
//! | [`metrics`] | errors and scores, with their definitions |
//! | [`fingerprint`] | hashes of models and of what devices compute |
//! | [`threads`] | pools of threads that the caller owns |
//! | [`random`], [`weights`] | seeds with named streams; dense and sparse matrices |
//!
//! Arrays are time-major: `[steps, features]`; batches add a leading axis.
//!
//! # Features
//! All are on by default; with none of them the crate makes, trains, compiles and steps networks on 38 crates instead of 71 (`cargo xtask features`
//! counts them).
//!
//! | feature | what it brings |
//! |---|---|
//! | `files` | model files, kept models, `.npz`, `.npy`, JSON, checkpoints by path, search |
//! | `driver` | boards over VFIO or the maker's kernel module |
//! | `emulator` | emulated chips |
//! | `threads` | pools of threads; no result depends on them |
//! | `mpi` (off) | parallel reservoirs over the ranks of an MPI job |
//!
//! The crate computes on the host. It has not been run on silicon, and nothing in it is a device measurement.

// What is kept is written where it is defined; without files nobody asks for some of it.
#![cfg_attr(not(feature = "files"), allow(dead_code, unused_imports, unreachable_pub))]

pub mod checkpoint;
pub mod compile;
pub mod conductor;
#[cfg(feature = "files")]
pub mod disk;
pub mod drift;
pub mod error;
pub mod esn;
pub mod evolve;
pub mod execute;
pub mod fingerprint;
pub mod graph;
mod hash;
pub mod keep;
pub mod metrics;
pub mod model;
mod open;
pub mod parallel;
mod placement;
pub mod random;
pub mod refine;
mod report;
pub mod reservoir;
mod seal;
#[cfg(feature = "files")]
pub mod search;
pub mod threads;
pub mod train;
pub mod weights;

pub use compile::Compiler;
pub use conductor::Conductor;
pub use drift::DriftMonitor;
pub use error::Error;
pub use esn::{Esn, HybridEsn, HybridEsnBuilder};
pub use evolve::NpuEvolver;
#[cfg(feature = "driver")]
pub use forebay_akida::{Board, Tenancy, driver::Options as DriverOptions};
pub use forebay_kernels::{Form, FormError, Real};
pub use forebay_substrate::{Precision, Refusal, Substrate, SubstrateError};
pub use model::ReadoutOn;
pub use open::open;
#[cfg(feature = "driver")]
pub use open::{Choice, choose, open_board, open_bus};
pub use parallel::ParallelReservoirs;

/// The README's code is compiled and run with the doc examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
