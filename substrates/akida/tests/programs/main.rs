//! Programs: fixtures first, then properties, then everything that is wrong.

mod corrupt;
mod fixtures;
mod properties;
mod refusals;
