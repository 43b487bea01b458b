//! Searches of settings: what is drawn and who goes on, and the log that a search is resumed from.

mod log;
mod sampling;
