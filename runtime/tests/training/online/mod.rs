//! Readouts that learn while they run, against the textbook's recursion in more digits and networks in plain loops.

mod forgetting;
mod heads;
mod recursion;
mod textbook;
