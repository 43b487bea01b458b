//! The last steps of a stream.

use forebay_kernels::Real;
use ndarray::ArrayView2;

use crate::keep::{KeepError, Reader, Writer};

/// Inputs and truths of at most so many steps; the oldest make room.
#[derive(Debug)]
pub(super) struct Kept<T> {
    most: usize,
    steps: usize,
    inputs: Vec<T>,
    targets: Vec<T>,
}

impl<T: Real> Kept<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, steps: 0, inputs: Vec::new(), targets: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.steps = 0;
        self.inputs.clear();
        self.targets.clear();
    }

    pub(super) fn push(&mut self, input: &[T], target: &[T]) {
        if self.steps == self.most {
            self.inputs.drain(..input.len());
            self.targets.drain(..target.len());
            self.steps -= 1;
        }
        self.inputs.extend_from_slice(input);
        self.targets.extend_from_slice(target);
        self.steps += 1;
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// `[steps, inputs]` and `[steps, outputs]`.
    pub(super) fn views(&self, inputs: usize, outputs: usize) -> (ArrayView2<'_, T>, ArrayView2<'_, T>) {
        let view =
            |values, width| ArrayView2::from_shape((self.steps, width), values).expect("every step has its width");
        (view(&self.inputs, inputs), view(&self.targets, outputs))
    }
}

impl<T: Real> Kept<T> {
    pub(super) fn write(&self, to: &mut Writer) {
        to.count(self.steps);
        to.values(&self.inputs);
        to.values(&self.targets);
    }

    /// Of at most `most` steps with so many inputs and outputs.
    pub(super) fn read(most: usize, inputs: usize, outputs: usize, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let steps = from.count("number of gathered steps", 0, most)?;
        let inputs = from.values("gathered inputs", steps.saturating_mul(inputs))?;
        let targets = from.values("gathered truths", steps.saturating_mul(outputs))?;
        Ok(Self { most, steps, inputs, targets })
    }
}
