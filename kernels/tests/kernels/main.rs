//! Tests of the kernels through their public interface.

mod activation_accuracy;
mod elementwise;
mod integer;
mod products;
mod readouts;
mod selection;
mod solver;
mod support;
mod tanh_accuracy;
