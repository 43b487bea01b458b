//! What is remembered between two steps: taking it out, putting it back, and putting another state in its place.

use forebay_kernels::Real;

use super::executor::Executor;
use super::plan::StepKind;
use crate::error::Error;
use crate::graph::Op;

/// A copy of all that an executor holds between two steps.
#[derive(Clone, Debug)]
pub(super) struct Memory<T> {
    steps: u64,
    is_whole: bool,
    has_outputs: bool,
    /// What later steps depend on.
    state: Vec<T>,
    /// The values of all nodes after the last step.
    nodes: Vec<T>,
}

impl<T> Memory<T> {
    pub(super) fn empty() -> Self {
        Self { steps: 0, is_whole: true, has_outputs: false, state: Vec::new(), nodes: Vec::new() }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn state(&self) -> &[T] {
        &self.state
    }

    pub(super) fn flags(&self) -> Flags {
        Flags { steps: self.steps, has_outputs: self.has_outputs }
    }
}

/// What streams that begin apart from each other do not share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// Completed steps.
    pub(super) steps: u64,
    /// Whether the outputs are those of the state.
    pub(super) has_outputs: bool,
}

/// Two are equal if the same steps follow from both.
impl<T: PartialEq> PartialEq for Memory<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.steps, self.has_outputs, &self.state) == (other.steps, other.has_outputs, &other.state)
    }
}

impl<T: Real> Executor<T> {
    /// Everything a later step depends on, in a fixed order.
    fn state(&self) -> impl Iterator<Item = &[T]> {
        let reservoirs = self.plan.iter().filter(|s| matches!(s.kind, StepKind::Reservoir { .. }));
        reservoirs
            .map(|s| self.values(s.node))
            .chain(self.delays.iter().flat_map(|line| {
                let (young, old) = line.values.split_at(line.oldest * line.source.width * self.streams);
                [old, young]
            }))
            .chain(self.customs.iter().map(|custom| &custom.state[..]))
            .chain([&self.feedback[..], &self.heads[..]])
    }

    /// How many values a [state](Self::state) has.
    pub(super) fn state_width(&self) -> usize {
        self.state().map(<[T]>::len).sum()
    }

    /// Copies all into a memory; allocates nothing if that was of this executor before.
    pub(super) fn remember(&self, memory: &mut Memory<T>) {
        (memory.steps, memory.is_whole, memory.has_outputs) = (self.steps, self.is_whole, self.has_outputs);
        memory.state.clear();
        memory.state.extend(self.state().flatten().copied());
        memory.nodes.clear();
        memory.nodes.extend_from_slice(&self.current);
    }

    /// Takes up the memory of an executor of the same graph and number of streams.
    pub(super) fn recall(&mut self, memory: &Memory<T>) {
        self.put_state(&memory.state);
        self.current.copy_from_slice(&memory.nodes);
        (self.steps, self.is_whole, self.has_outputs) = (memory.steps, memory.is_whole, memory.has_outputs);
    }

    /// Takes up a state alone, as a checkpoint has it. The values of other nodes are not known until the next step.
    pub(super) fn resume(&mut self, steps: u64, state: &[T], has_outputs: bool) {
        self.current.fill(T::ZERO);
        self.put_state(state);
        self.scatter_outputs();
        self.steps = steps;
        // At rest all is zero.
        let is_rest = steps == 0 && state.iter().all(|value| *value == T::ZERO);
        (self.is_whole, self.has_outputs) = (is_rest, has_outputs && !is_rest);
    }

    fn put_state(&mut self, mut values: &[T]) {
        fn take<T: Copy>(values: &mut &[T], to: &mut [T]) {
            let (head, tail) = values.split_at(to.len());
            to.copy_from_slice(head);
            *values = tail;
        }
        for index in 0..self.plan.len() {
            if matches!(self.plan[index].kind, StepKind::Reservoir { .. }) {
                let range = self.plan[index].out.range(self.streams);
                take(&mut values, &mut self.current[range]);
            }
        }
        for line in &mut self.delays {
            line.oldest = 0;
            take(&mut values, &mut line.values);
        }
        for custom in &mut self.customs {
            take(&mut values, &mut custom.state);
        }
        take(&mut values, &mut self.feedback);
        take(&mut values, &mut self.heads);
    }

    /// Copies out what one stream remembers, as an executor of one stream has it.
    pub(super) fn remember_stream(&self, stream: usize, flags: Flags, memory: &mut Memory<T>) {
        let row = |width: usize| stream * width..(stream + 1) * width;
        (memory.steps, memory.is_whole, memory.has_outputs) = (flags.steps, self.is_whole, flags.has_outputs);
        let Memory { state, nodes, .. } = memory;
        state.clear();
        for step in self.plan.iter().filter(|step| matches!(step.kind, StepKind::Reservoir { .. })) {
            state.extend_from_slice(&self.values(step.node)[row(step.out.width)]);
        }
        for line in &self.delays {
            for slot in line.slots(self.streams) {
                state.extend_from_slice(&line.values[slot][row(line.source.width)]);
            }
        }
        for custom in &self.customs {
            state.extend_from_slice(&custom.state[row(custom.len)]);
        }
        let outputs = self.model().graph().outputs();
        state.extend_from_slice(&self.feedback[row(outputs)]);
        state.extend_from_slice(&self.heads[row(outputs)]);
        nodes.clear();
        for step in &self.plan {
            nodes.extend_from_slice(&self.values(step.node)[row(step.out.width)]);
        }
    }

    /// Gives one stream the memory of an executor of one stream, or rest; the others stay as they are.
    pub(super) fn set_stream(&mut self, stream: usize, from: Option<&Memory<T>>) {
        /// The next `to.len()` values, or zeros.
        fn take<T: Real>(state: &mut Option<&[T]>, to: &mut [T]) {
            match state {
                None => to.fill(T::ZERO),
                Some(values) => {
                    let (head, tail) = values.split_at(to.len());
                    to.copy_from_slice(head);
                    *values = tail;
                }
            }
        }
        let row = |width: usize| stream * width..(stream + 1) * width;
        let (mut state, mut nodes) = (from.map(|from| &from.state[..]), from.map(|from| &from.nodes[..]));
        for step in &self.plan {
            let values = &mut self.current[step.out.range(self.streams)][row(step.out.width)];
            take(&mut nodes, values);
            if matches!(step.kind, StepKind::Reservoir { .. }) {
                take(&mut state, values);
            }
        }
        for line in &mut self.delays {
            // Streams share the place of the oldest value; a state lists a line's values from the oldest on.
            for slot in line.slots(self.streams) {
                take(&mut state, &mut line.values[slot][row(line.source.width)]);
            }
        }
        for custom in &mut self.customs {
            take(&mut state, &mut custom.state[row(custom.len)]);
        }
        let outputs = self.model().graph().outputs();
        take(&mut state, &mut self.feedback[row(outputs)]);
        take(&mut state, &mut self.heads[row(outputs)]);
        // A stream whose other values are not known makes those of all unknown, until the next step.
        self.is_whole &= from.is_none_or(|from| from.is_whole);
    }

    /// Puts a state in the place of a reservoir's after the last step, `[streams, units]`, and all that follows from it in
    /// that step: nodes that read it, delays of them, outputs, and what is fed back unless a teacher gave that.
    ///
    /// Outputs follow from states and from inputs that were seen. If one needs an input and none was, all outputs and the
    /// feedback stay as they are, and [`has_outputs`](Self::has_outputs) is false.
    pub(super) fn set_reservoir(&mut self, node: usize, values: &[T]) -> Result<(), Error> {
        let known = self.known();
        let follows: Vec<bool> = known
            .iter()
            .zip(self.model().graph().nodes())
            .map(|(known, node)| {
                let keeps = matches!(node.op(), Op::Input { .. } | Op::Reservoir { .. } | Op::Delay { .. });
                *known && !keeps && node.state_len() == 0
            })
            .collect();
        self.next.copy_from_slice(&self.current);
        self.attempted_mut(node).copy_from_slice(values);
        self.follow(&follows)?;
        std::mem::swap(&mut self.current, &mut self.next);
        let sources: Vec<bool> = self.delays_in_order().map(|source| known[source]).collect();
        for (line, known) in self.delays.iter_mut().zip(sources) {
            if known {
                line.replace_last(self.streams, &self.current);
            }
        }
        self.has_outputs = self.plan.iter().zip(&known).all(|(step, known)| *known || !step.is_head());
        if self.has_outputs {
            let is_taught = self.feedback != self.heads;
            self.gather_outputs();
            if !is_taught {
                self.feedback.copy_from_slice(&self.heads);
            }
        }
        Ok(())
    }

    /// Computes the readouts of the last step again, after the weights were replaced; where what they read is not known, there
    /// are no outputs until the next step, which sees the old ones fed back.
    pub(super) fn refresh_outputs(&mut self) -> Result<(), Error> {
        if !self.has_outputs {
            return Ok(());
        }
        let known = self.known();
        if self.plan.iter().zip(&known).any(|(step, known)| step.is_head() && !known) {
            self.has_outputs = false;
            self.heads.fill(T::ZERO);
            self.scatter_outputs();
            return Ok(());
        }
        let is_taught = self.feedback != self.heads;
        self.renew_outputs()?;
        if !is_taught {
            self.feedback.copy_from_slice(&self.heads);
        }
        Ok(())
    }

    /// The nodes that delay lines read, in the order of the lines.
    fn delays_in_order(&self) -> impl Iterator<Item = usize> {
        self.model().graph().nodes().iter().filter_map(|node| match node.op() {
            Op::Delay { source, .. } => Some(source.0),
            _ => None,
        })
    }

    /// Per node whether its values after the last step are known, or follow from such.
    fn known(&self) -> Vec<bool> {
        let mut known: Vec<bool> = Vec::with_capacity(self.plan.len());
        for node in self.model().graph().nodes() {
            known.push(match node.op() {
                Op::Input { .. } => self.is_whole && self.steps > 0,
                Op::Reservoir { .. } => true,
                Op::Delay { .. } => self.is_whole,
                // What remembers is as it was after the last step, as another reservoir is.
                Op::Custom { .. } if node.state_len() > 0 => self.is_whole && self.steps > 0,
                op => op.sources().iter().all(|source| known[source.0]),
            });
        }
        known
    }
}
