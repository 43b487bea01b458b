//! The `forebay` binary as a user meets it: arguments in, text, files and exit codes out.

mod backtest;
mod choices;
mod devices;
mod evolve;
mod fingerprint;
mod forecast;
mod guide;
mod models;
mod predict;
mod programs;
mod refusals;
mod results;
mod search;
mod solve;
mod steer;
mod support;
mod train;
mod watch;
