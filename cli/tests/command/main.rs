//! The `forebay` binary as a user meets it: arguments in, text, files and exit codes out.

mod devices;
mod evolve;
mod forecast;
mod models;
mod programs;
mod refusals;
mod solve;
mod support;
