//! What goes on after training: drift and alarms, trust in heads, evolution.

mod conductor;
mod drift;
mod drift_hostile;
mod evolve;
mod ladder;
mod repeatability;
mod trust;
mod warnings;
