//! Streams of one model that begin and end apart from each other.

use forebay_kernels::Real;

use super::Snapshot;
use super::executor::Executor;
use super::memory::{Flags, Memory};
use crate::error::Error;
use crate::model::Model;

/// Like a [`Batch`](super::Batch), but every lane is put into a state of its own while the others go on.
#[derive(Clone, Debug)]
pub(crate) struct Lanes<T: Real> {
    executor: Executor<T>,
}

impl<T: Real> Lanes<T> {
    /// All at rest; at least one.
    pub(crate) fn new(model: &Model<T>, lanes: usize) -> Self {
        Self { executor: Executor::new(model.clone(), lanes) }
    }

    /// Puts a lane into the state of a session of a model of the same shape, or to rest.
    pub(crate) fn start(&mut self, lane: usize, from: Option<&Snapshot<T>>) {
        self.executor.set_stream(lane, from.map(Snapshot::memory));
    }

    /// The state of a lane; lanes do not count their steps.
    pub(crate) fn snapshot(&self, lane: usize) -> Snapshot<T> {
        let mut memory = Memory::empty();
        self.executor.remember_stream(lane, Flags::default(), &mut memory);
        Snapshot::new(self.executor.model().fingerprint(), memory)
    }

    /// Advances all lanes; output feedback sees `teacher`, `[lanes, outputs]`, at the next step, or the outputs.
    pub(crate) fn step(&mut self, features: &[T], teacher: Option<&[T]>) -> Result<(), Error> {
        self.executor.step(features, teacher)
    }

    /// Like [`step`](Self::step) with a teacher, without computing the readouts.
    pub(crate) fn drive(&mut self, features: &[T], teacher: &[T]) -> Result<(), Error> {
        self.executor.drive(features, teacher)
    }

    /// An error of the step that was just tried, in the steps of the lane that it is of.
    pub(crate) fn in_steps_of(&self, error: Error, steps: impl Fn(usize) -> u64) -> Error {
        self.executor.in_steps_of(error, steps)
    }

    /// A node's values in one lane.
    pub(crate) fn values(&self, lane: usize, node: usize) -> &[T] {
        row(self.executor.values(node), lane, self.executor.streams())
    }

    /// The outputs of the last step in one lane.
    pub(crate) fn outputs(&self, lane: usize) -> &[T] {
        row(self.executor.outputs(), lane, self.executor.streams())
    }
}

/// Row `lane` of `[lanes, width]`.
fn row<T>(values: &[T], lane: usize, lanes: usize) -> &[T] {
    let width = values.len() / lanes;
    &values[lane * width..(lane + 1) * width]
}
