//! Many named heads on one reservoir pass: values, classes and calibrated probabilities, each trusted only as far as it
//! has earned it.
//!
//! ```text
//! features -> model, once -> x = chosen nodes, one after the other -> y = W x + b, all heads stacked in one product
//!                                                                  -> values | scores, class | probability
//! truth, when it is known -> loss of the head and of its base rate -> skill over a window, with a lower bound -> trust
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `layout` | heads as data: names, kinds, rules of trust |
//! | `pass` | one stream through the model |
//! | `fit` | training heads together, or new ones later |
//! | `probability` | calibration of scores, Brier score, reliability |
//! | `head` | one head: what it says, and what it loses against its base rate |
//! | `past` | the truths that persistence knows |
//! | `stack` | the product of all heads |
//! | `trust` | skill over a window, with its uncertainty |
//! | `live` | [`Conductor`]: stepping, truth, trust |
//! | `place` | a head's product as a program on a processor |
//!
//! Definitions and measurements: specs/conductor.md.

mod fit;
mod head;
mod layout;
mod live;
mod pass;
mod past;
mod place;
mod probability;
mod stack;
mod trust;

pub use self::fit::{ConductorSettings, HeadFit};
pub use self::head::Prediction;
pub use self::layout::{Base, Definition, HeadKind, Layout, Rule};
pub use self::live::Conductor;
pub use self::place::PlacedHead;
pub use self::probability::{Bin, Calibration, Reliability};
pub use self::trust::Trust;
