//! What a stream remembers, to be put back.

use super::memory::Memory;
use crate::error::Error;
use crate::hash::Fingerprint;

/// All a session, or a stream of a [`Batch`](crate::execute::Batch), remembers between two steps, tied to its model: reservoir states, delay lines, outputs, feedback, the
/// values of all nodes, step count.
///
/// Two are equal if they are of the same model and the same steps follow from both.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<T> {
    model: Fingerprint,
    memory: Memory<T>,
}

impl<T> Snapshot<T> {
    pub(super) fn new(model: Fingerprint, memory: Memory<T>) -> Self {
        Self { model, memory }
    }

    pub(super) fn memory(&self) -> &Memory<T> {
        &self.memory
    }

    /// The memory, to be written anew from a state of this model.
    pub(super) fn renewed(&mut self, model: Fingerprint) -> &mut Memory<T> {
        self.model = model;
        &mut self.memory
    }

    /// That it is of this model.
    pub(super) fn check(&self, own: Fingerprint) -> Result<(), Error> {
        if self.model == own {
            return Ok(());
        }
        Err(Error::Misuse {
            what: "a snapshot continues on its own model only",
            instead: format!(
                "this one is of model {}, the session runs {own}; other weights of the same graph are given to the \
                 session that has the state, with `set_model`",
                self.model
            ),
        })
    }
}
