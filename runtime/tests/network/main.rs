//! Networks: how they are made, what they compute, on what, and what a call leaves behind that fails.

mod activations;
mod batch_streams;
mod checkpoint;
mod custom_nodes;
mod failed_calls;
mod fingerprint;
mod generation;
mod graph;
mod hybrid;
mod parallel;
mod refine;
mod step;
