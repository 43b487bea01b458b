//! What can go wrong, grouped by what the caller can do about it: a type for each part of the crate, and [`Error`], which is
//! any of them.

mod checkpoint;
mod file;
mod graph;
mod keep;
mod train;

pub use checkpoint::{CheckpointError, Patches};
pub use file::FileError;
pub use graph::GraphError;
pub use keep::KeepError;
pub use train::TrainError;

pub(crate) use file::shortened_name;

use crate::reservoir::ReservoirError;

/// Any failure of this crate.
///
/// A call that fails has changed nothing: sessions keep their state, models and files stay as they were. One exception:
/// a [`ParallelRun`](crate::parallel::ParallelRun) whose step fails on the way is back at rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A graph that does not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A reservoir recipe that is out of range or cannot be drawn.
    #[error("reservoir {node:?}: {source}")]
    Reservoir {
        /// The node's name.
        node: String,
        /// What is wrong.
        source: ReservoirError,
    },
    /// An array of the wrong length or shape.
    #[error("{what} needs {expected}, found {found}")]
    Shape {
        /// Which array.
        what: String,
        /// The shape it must have.
        expected: String,
        /// The shape it has.
        found: String,
    },
    /// NaN or infinity where a number is needed.
    #[error("{what} holds {value} at index {index}: every value must be finite")]
    NonFinite {
        /// Which array.
        what: String,
        /// Flat index of the first such value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The values of a step left the range of the float type; the state is as before the step.
    #[error("node {node:?} overflowed in step {step}: scale the inputs or the weights down")]
    Overflow {
        /// The node's name.
        node: String,
        /// Number of completed steps of this session, of the stream of a batch, or of the series that is trained on.
        step: u64,
    },
    /// A parameter out of its range.
    #[error("{what} must be {expected}, found {found}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// The allowed range.
        expected: String,
        /// The value given.
        found: String,
    },
    /// A name that is not in the graph.
    #[error("no {kind} named {name:?}; there is {available}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// A call that needs something done first.
    #[error("{what}: {instead}")]
    Misuse {
        /// What was asked.
        what: &'static str,
        /// What to do instead.
        instead: String,
    },
    /// Threads that the system did not give.
    #[error("{threads} threads could not be started ({why}): ask for fewer")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        why: String,
    },
    /// A kernel form that this machine does not have.
    #[error(transparent)]
    Kernel(#[from] forebay_kernels::FormError),
    /// The solver cannot find weights.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The processor does not take a network; the text has the limit.
    #[error(transparent)]
    Refused(#[from] forebay_substrate::Refusal),
    /// A program that could not be built.
    #[error(transparent)]
    Program(forebay_akida::BuildError),
    /// A substrate that failed; the state is as before the step.
    #[error(transparent)]
    Substrate(forebay_substrate::SubstrateError),
    /// A model file, or one to import, that cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A checkpoint that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Something that cannot be kept, or kept bytes that cannot be used.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

impl Error {
    pub(crate) fn shape(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// `Err` naming the first value that is not finite; raises no floating-point exception.
    pub(crate) fn check_finite<T: forebay_kernels::Real>(what: &str, values: &[T]) -> Result<(), Self> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(Self::non_finite(what, index, values[index])),
        }
    }

    /// Of a value that is not finite.
    pub(crate) fn non_finite<T: forebay_kernels::Real>(what: &str, index: usize, value: T) -> Self {
        // Converting a signalling NaN would raise the exception that a refusal must not.
        let value = if value.is_nan() { f64::NAN } else { value.to_f64() };
        Self::NonFinite { what: what.to_owned(), index, value }
    }
}

/// A number as people write it: not with three hundred zeros.
pub(crate) fn written(number: f64) -> String {
    let is_long = number.is_finite() && number.abs() >= 1e16;
    if is_long { format!("{number:e}") } else { number.to_string() }
}

impl From<forebay_substrate::SubstrateError> for Error {
    fn from(error: forebay_substrate::SubstrateError) -> Self {
        match error {
            forebay_substrate::SubstrateError::Refused(refusal) => Self::Refused(refusal),
            other => Self::Substrate(other),
        }
    }
}

impl From<forebay_akida::BuildError> for Error {
    fn from(error: forebay_akida::BuildError) -> Self {
        match error {
            forebay_akida::BuildError::Refused(refusal) => Self::Refused(refusal),
            other => Self::Program(other),
        }
    }
}
