//! Everything that was learnt, on disk: it goes on with the same bits, and nothing damaged, foreign or forged is taken up.

mod bits;
mod bytes;
mod compiled;
mod fixtures;
mod hostile;
mod memory;
mod things;
