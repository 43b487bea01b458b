//! Evolution of weights on a running substrate.
//!
//! ```text
//! strategy -> candidates -> smallest patches -> one batch over a window -> costs -> strategy;   best genome patched back
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `strategy` | [`Strategy`], and the shipped ones behind [`Search`] |
//! | `plus`, `separable`, `antithetic` | (1+lambda) on integers, sep-CMA-ES, OpenAI-ES |
//! | `weights` | the genome: weights of a program, patched where they differ |
//! | `window` | states as digits, and what ridge regression gives on them |
//! | `objective`, `fitness` | what a genome costs |
//! | `evolver` | [`NpuEvolver`]: generations, rollback, state, times |
//!
//! For a linear readout and a squared error, ridge regression gives the best real weights at once: [`Window::baseline`]
//! says what it reaches, to be shown beside every evolved cost. Evolution is for what has no closed form: the best
//! integers, outputs of few levels, shares of wrong answers, or weights inside the reservoir
//! ([`LiveWeights::of_region`]).
//!
//! Same seed and same fitness, same genomes, on every substrate and every machine. What was measured:
//! specs/evolution.md. Not run on silicon.

mod antithetic;
mod evolver;
mod fitness;
mod objective;
mod plus;
mod separable;
mod strategy;
mod weights;
mod window;

pub use self::antithetic::Antithetic;
pub use self::evolver::{NpuEvolver, Report, State};
pub use self::fitness::{Fitness, ReadoutFitness};
pub use self::objective::{Cost, Objective};
pub use self::plus::Plus;
pub use self::separable::Separable;
pub use self::strategy::{Search, Strategy};
pub use self::weights::LiveWeights;
pub use self::window::{Baseline, Window};
