//! The state of any number of streams, and the step that changes it or leaves it as it was.

use std::sync::Arc;

use forebay_kernels::{BatchScratch, Form, Real, all_finite};

use super::custom::CustomNode;
use super::gather::{copy_columns, gathered_width, paste_columns};
use super::plan::{Block, DelayLine, Part, Plan, Runners, Step, StepKind};
use crate::error::Error;
use crate::graph::Node;
use crate::model::Model;

/// State and buffers of `streams` streams of one model.
///
/// Node values live in one buffer, node after node, each node's block `[streams, width]`. `current` holds the last
/// completed step, `next` the one being computed.
#[derive(Clone, Debug)]
pub(super) struct Executor<T: Real> {
    pub(super) model: Model<T>,
    pub(super) streams: usize,
    pub(super) plan: Vec<Step>,
    pub(super) outputs: Vec<Block>,
    pub(super) current: Vec<T>,
    pub(super) next: Vec<T>,
    /// What the next step sees as the previous output, `[streams, outputs]`: the outputs, or the teacher's targets.
    pub(super) feedback: Vec<T>,
    pub(super) delays: Vec<DelayLine<T>>,
    pub(super) customs: Vec<CustomNode<T>>,
    /// Pre-activations of the widest reservoir.
    pub(super) sums: Vec<T>,
    /// The outputs of the last step, `[streams, outputs]`.
    pub(super) heads: Vec<T>,
    /// One head's feedback, gathered for the product.
    pub(super) fed_back: Vec<T>,
    /// A readout's features from several nodes, for the product.
    pub(super) together: Vec<T>,
    pub(super) scratch: BatchScratch<T>,
    pub(super) runners: Runners<T>,
    pub(super) steps: u64,
    /// Whether `current` has the values of all nodes; a checkpoint has those of reservoirs and readouts only.
    pub(super) is_whole: bool,
    /// Whether the outputs are those of the state: not at rest, where there are none.
    pub(super) has_outputs: bool,
}

impl<T: Real> Executor<T> {
    pub(super) fn new(model: Model<T>, streams: usize) -> Self {
        let Plan { steps: plan, outputs, width, delays, customs, runners } = Plan::new(&model, streams);
        let widest = plan.iter().filter(|s| matches!(s.kind, StepKind::Reservoir { .. })).map(|s| s.out.width).max();
        let gathered = plan.iter().map(|step| match &step.kind {
            StepKind::Linear { sources, .. } => gathered_width(streams, sources),
            _ => 0,
        });
        let gathered = gathered.max().unwrap_or(0);
        let output_width = model.graph().outputs();
        let zeros = |values: usize| vec![T::ZERO; streams * values];
        Self {
            streams,
            plan,
            outputs,
            current: zeros(width),
            next: zeros(width),
            feedback: zeros(output_width),
            delays,
            customs,
            sums: zeros(widest.unwrap_or(0)),
            heads: zeros(output_width),
            fed_back: zeros(output_width),
            together: zeros(gathered),
            scratch: BatchScratch::default(),
            runners,
            steps: 0,
            is_whole: true,
            has_outputs: false,
            model,
        }
    }

    pub(super) fn model(&self) -> &Model<T> {
        &self.model
    }

    pub(super) fn streams(&self) -> usize {
        self.streams
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The values of a node after the last step, `[streams, width]`.
    pub(super) fn values(&self, node: usize) -> &[T] {
        &self.current[self.plan[node].out.range(self.streams)]
    }

    /// The values of a node in the step that was attempted and is not committed, `[streams, width]`.
    pub(super) fn attempted(&self, node: usize) -> &[T] {
        &self.next[self.plan[node].out.range(self.streams)]
    }

    pub(super) fn attempted_mut(&mut self, node: usize) -> &mut [T] {
        let range = self.plan[node].out.range(self.streams);
        &mut self.next[range]
    }

    /// A node by its name, if it exists outside of programs.
    pub(super) fn find(&self, name: &str) -> Result<usize, Error> {
        let graph = self.model.graph();
        let id = graph.find(name).ok_or_else(|| Error::Unknown {
            kind: "node",
            name: name.to_owned(),
            available: graph.nodes().iter().map(Node::name).collect::<Vec<_>>().join(", "),
        })?;
        self.check_outside(id.0)?;
        Ok(id.0)
    }

    /// The values of a node after the last step, `[streams, width]`.
    pub(super) fn named(&self, name: &str) -> Result<&[T], Error> {
        let node = self.find(name)?;
        self.check_node(node)?;
        Ok(self.values(node))
    }

    /// An error if a node's values of the last step are not here.
    fn check_node(&self, node: usize) -> Result<(), Error> {
        match self.plan[node].kind {
            StepKind::Reservoir { .. } | StepKind::Linear { head: true, .. } => Ok(()),
            _ if self.is_whole => Ok(()),
            _ => Err(Error::Misuse {
                what: "a checkpoint holds states and outputs, not the values of this node",
                instead: format!("read {:?} after the next step", self.model.graph().nodes()[node].name()),
            }),
        }
    }

    /// An error if a node's values are never here.
    fn check_outside(&self, node: usize) -> Result<(), Error> {
        match self.plan[node].kind {
            StepKind::Inside => Err(Error::Misuse {
                what: "this node exists inside a program only",
                instead: format!("read {:?} from the model without placement", self.model.graph().nodes()[node].name()),
            }),
            _ => Ok(()),
        }
    }

    /// The outputs of the last step, `[streams, outputs]`.
    pub(super) fn outputs(&self) -> &[T] {
        &self.heads
    }

    /// Whether the outputs are those of the state.
    pub(super) fn has_outputs(&self) -> bool {
        self.has_outputs
    }

    /// Back to rest: every state, delay and output zero.
    pub(super) fn reset(&mut self) {
        for values in [&mut self.current, &mut self.feedback, &mut self.heads] {
            values.fill(T::ZERO);
        }
        for line in &mut self.delays {
            line.values.fill(T::ZERO);
            line.oldest = 0;
        }
        for custom in &mut self.customs {
            custom.state.fill(T::ZERO);
        }
        (self.steps, self.is_whole, self.has_outputs) = (0, true, false);
    }

    /// Puts another model of the same graph under the running state.
    pub(super) fn replace_model(&mut self, model: Model<T>) {
        debug_assert_eq!(model.graph(), self.model.graph());
        let same = match (model.placement(), self.model.placement()) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (None, None) => true,
            _ => false,
        };
        if same {
            self.model = model;
        } else {
            let Self { model, plan, runners, .. } = Self::new(model, self.streams);
            (self.model, self.plan, self.runners) = (model, plan, runners);
            // A step that failed may have left anything in it, and inside a chain nothing is computed anew.
            self.next.fill(T::ZERO);
        }
    }

    /// Advances every stream by one step, or none.
    ///
    /// `features` is `[streams, inputs]`. With `teacher`, `[streams, outputs]`, the next step sees those values as
    /// the previous output instead of the readouts'.
    pub(super) fn step(&mut self, features: &[T], teacher: Option<&[T]>) -> Result<(), Error> {
        self.check_teacher(teacher)?;
        self.attempt(features, Part::Whole)?;
        self.commit(teacher);
        Ok(())
    }

    /// Like [`step`](Self::step) with a teacher, but the readouts are left out: their outputs read zero.
    pub(super) fn drive(&mut self, features: &[T], teacher: &[T]) -> Result<(), Error> {
        self.drive_disturbed(features, teacher, &mut |_, _| ())
    }

    /// The same; `disturb` may change the new state of every reservoir, `[streams, units]`, before anything reads it.
    pub(super) fn drive_disturbed(
        &mut self,
        features: &[T],
        teacher: &[T],
        disturb: &mut dyn FnMut(usize, &mut [T]),
    ) -> Result<(), Error> {
        self.check_teacher(Some(teacher))?;
        self.check_features(features)?;
        self.compute(features, Part::WithoutReadouts, disturb)?;
        self.check_attempt()?;
        self.commit(Some(teacher));
        Ok(())
    }

    fn check_teacher(&self, teacher: Option<&[T]>) -> Result<(), Error> {
        match teacher {
            Some(teacher) => {
                check_slice("teacher", teacher, self.streams, self.model.graph().outputs(), self.model.form())
            }
            None => Ok(()),
        }
    }

    /// Computes a step aside; it counts once it is [committed](Self::commit), and until then nothing has changed.
    pub(super) fn attempt(&mut self, features: &[T], part: Part<'_>) -> Result<(), Error> {
        self.check_features(features)?;
        self.compute(features, part, &mut |_, _| ())?;
        self.check_attempt()
    }

    fn check_features(&self, features: &[T]) -> Result<(), Error> {
        check_slice("input", features, self.streams, self.model.graph().inputs(), self.model.form())
    }

    pub(super) fn check_attempt(&self) -> Result<(), Error> {
        if all_finite(self.model.form(), &self.next) { Ok(()) } else { Err(self.overflow()) }
    }

    /// Computes nodes from what `next` holds.
    pub(super) fn follow(&mut self, marked: &[bool]) -> Result<(), Error> {
        self.compute(&[], Part::Following(marked), &mut |_, _| ())?;
        self.check_attempt()
    }

    /// Computes the readouts of the last step again.
    pub(super) fn renew_outputs(&mut self) -> Result<(), Error> {
        let is_head: Vec<bool> = self.plan.iter().map(Step::is_head).collect();
        self.next.copy_from_slice(&self.current);
        self.follow(&is_head)?;
        std::mem::swap(&mut self.current, &mut self.next);
        self.gather_outputs();
        Ok(())
    }

    pub(super) fn feed_back_own(&mut self, of: impl Fn(usize) -> bool) {
        let width = self.heads.len() / self.streams;
        for (place, (fed_back, own)) in self.feedback.iter_mut().zip(&self.heads).enumerate() {
            if of(place % width) {
                *fed_back = *own;
            }
        }
    }

    /// Takes over the step that was attempted: delays, outputs, feedback.
    pub(super) fn commit(&mut self, teacher: Option<&[T]>) {
        std::mem::swap(&mut self.current, &mut self.next);
        for line in &mut self.delays {
            line.push(self.streams, &self.current);
        }
        self.customs.iter_mut().for_each(CustomNode::commit);
        self.gather_outputs();
        self.feedback.copy_from_slice(teacher.unwrap_or(&self.heads));
        self.steps += 1;
        (self.is_whole, self.has_outputs) = (true, true);
    }

    /// The readouts' values, one after the other for each stream.
    pub(super) fn gather_outputs(&mut self) {
        let total = self.heads.len() / self.streams;
        let mut column = 0;
        for block in &self.outputs {
            paste_columns(&self.current[block.range(self.streams)], block.width, &mut self.heads, total, column);
            column += block.width;
        }
    }

    /// The other way round: puts the outputs to the readouts.
    pub(super) fn scatter_outputs(&mut self) {
        let total = self.heads.len() / self.streams;
        let mut column = 0;
        for block in &self.outputs {
            copy_columns(&self.heads, total, column, &mut self.current[block.range(self.streams)], block.width);
            column += block.width;
        }
    }

    fn overflow(&self) -> Error {
        self.overflow_of(self.overflowed().0)
    }

    /// Node and stream of the first value that the step which was tried left not finite.
    fn overflowed(&self) -> (usize, usize) {
        let at = self.next.iter().position(|v| !v.is_finite()).unwrap_or(0);
        let found = self.plan.iter().rfind(|step| step.out.offset <= at / self.streams);
        found.map_or((0, 0), |step| (step.node, (at - step.out.offset * self.streams) / step.out.width.max(1)))
    }

    /// An error of the step that was just tried, in the steps of the stream that it is of.
    pub(super) fn in_steps_of(&self, error: Error, steps: impl Fn(usize) -> u64) -> Error {
        match error {
            Error::Overflow { node, .. } => Error::Overflow { node, step: steps(self.overflowed().1) },
            other => other,
        }
    }

    pub(super) fn overflow_of(&self, node: usize) -> Error {
        Error::Overflow { node: self.model.graph().nodes()[node].name().to_owned(), step: self.steps }
    }
}

fn check_slice<T: Real>(what: &str, values: &[T], streams: usize, width: usize, form: Form) -> Result<(), Error> {
    if values.len() != streams * width {
        let expected = if streams == 1 { width.to_string() } else { format!("{streams} x {width} values") };
        return Err(Error::shape(what, expected, values.len()));
    }
    if all_finite(form, values) { Ok(()) } else { Error::check_finite(what, values) }
}
