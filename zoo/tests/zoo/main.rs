//! Tasks, systems and lattices: against published values, closed forms and independent code.

mod drift;
mod lattice;
mod parallel;
mod surrogates;
mod systems;
mod tasks;
