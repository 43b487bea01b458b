//! Nodes of users' functions: their memory, and their step.

use forebay_kernels::Real;

use super::plan::Block;
use crate::graph::CustomFunction;

/// What a node of a user's function remembers, `[streams, len]` each.
#[derive(Clone, Debug)]
pub(super) struct CustomNode<T> {
    function: CustomFunction,
    source: Block,
    width: usize,
    pub(super) len: usize,
    /// After the last step.
    pub(super) state: Vec<T>,
    /// In the step that is being computed.
    next: Vec<T>,
    /// Input, state and output of one stream.
    wide: Vec<f64>,
}

impl<T: Real> CustomNode<T> {
    pub(super) fn new(function: CustomFunction, source: Block, width: usize, len: usize, streams: usize) -> Self {
        let state = vec![T::ZERO; streams * len];
        let wide = vec![0.0; source.width + len + width];
        Self { function, source, width, len, next: state.clone(), state, wide }
    }

    /// Computes `result`, `[streams, width]`, from the values before the node, and the state aside.
    ///
    /// What is not finite goes no further: of an input that is not, or a state that becomes so, the result is NaN, which
    /// the check of the whole step finds.
    pub(super) fn compute(&mut self, streams: usize, before: &[T], result: &mut [T]) {
        let Self { function, source, width, len, state, next, wide } = self;
        let (input, rest) = wide.split_at_mut(source.width);
        let (memory, output) = rest.split_at_mut(*len);
        let source_values = &before[source.range(streams)];
        for stream in 0..streams {
            let row = |width: usize| stream * width..(stream + 1) * width;
            let (values, result) = (&source_values[row(source.width)], &mut result[row(*width)]);
            if !values.iter().all(|v| v.is_finite()) {
                result.fill(T::NAN);
                continue;
            }
            widen(values, input);
            widen(&state[row(*len)], memory);
            output.fill(0.0);
            function.step(input, memory, output);
            let next = &mut next[row(*len)];
            narrow(memory, next);
            narrow(output, result);
            if !next.iter().all(|v| v.is_finite()) {
                result.fill(T::NAN);
            }
        }
    }

    /// Takes over the state that was computed.
    pub(super) fn commit(&mut self) {
        std::mem::swap(&mut self.state, &mut self.next);
    }
}

fn widen<T: Real>(from: &[T], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f64());
}

fn narrow<T: Real>(from: &[f64], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = T::from_f64(from));
}
