//! What reservoirs are tried on: dynamical systems, real data sets, baselines, benchmark tasks with stored settings,
//! and the search that chose those.
//!
//! | module | what it holds |
//! |---|---|
//! | [`systems`] | generators with their published definition and solver |
//! | [`data`] | real series with source and licence |
//! | [`lattice`] | SU(3) lattice gauge theory by hybrid Monte Carlo |
//! | [`steering`] | what may be predicted of a Markov chain, and used, without breaking it |
//! | [`scalers`] | standardising, min-max |
//! | [`baselines`] | persistence, seasonal naive, linear autoregression |
//! | [`tasks`] | benchmark protocols, settings, scores |
//! | [`search`] | a task as the objective of a search on validation data |
//! | [`autocorrelation`] | means of correlated series with their errors |
//! | [`surrogates`] | four small surrogates side by side on one device, each beside its baseline |
//! | [`stats`] | means, medians, confidence intervals |

pub mod autocorrelation;
pub mod baselines;
pub mod data;
mod fourier;
pub mod ladder;
pub mod lattice;
pub mod scalers;
pub mod search;
pub mod stats;
pub mod steering;
pub mod surrogates;
pub mod systems;
pub mod tasks;
