//! The service beside what it is by definition: sums written out, rows one by one, files and damage.

mod data;
mod judged;
mod kept;
mod known;
mod refused;
mod scores;
