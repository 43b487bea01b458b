//! The step itself, for any number of streams.

use std::sync::Arc;

use forebay_kernels::{self as kernels, BatchScratch, Form, Leak, Real, all_finite, leaky_update, softmax};

use super::custom::CustomNode;
use super::gather::{gather, gathered_width};
use super::plan::{Block, DelayLine, PlacedProduct, Plan, Runners, Step, StepKind};
use crate::error::Error;
use crate::graph::Node;
use crate::model::{LinearParameters, Model, Parameters, ReservoirParameters};
use crate::reservoir::Activation;

/// State and buffers of `streams` streams of one model.
///
/// Node values live in one buffer, node after node, each node's block `[streams, width]`. `current` holds the last
/// completed step, `next` the one being computed.
#[derive(Clone, Debug)]
pub(super) struct Executor<T: Real> {
    model: Model<T>,
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
    sums: Vec<T>,
    /// The outputs of the last step, `[streams, outputs]`.
    pub(super) heads: Vec<T>,
    /// One head's feedback, gathered for the product.
    fed_back: Vec<T>,
    /// A readout's features from several nodes, for the product.
    together: Vec<T>,
    scratch: BatchScratch<T>,
    runners: Runners<T>,
    pub(super) steps: u64,
    /// Whether `current` has the values of all nodes; a checkpoint has those of reservoirs and readouts only.
    pub(super) is_whole: bool,
    /// Whether the outputs are those of the state: not at rest, where there are none.
    pub(super) has_outputs: bool,
}

/// Which nodes to compute.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// All.
    Whole,
    /// All but the readouts, which read zero.
    WithoutReadouts,
    /// All but these readouts, which read zero.
    Without(&'a [usize]),
    /// Those marked, from what `next` holds; the others keep their values.
    Following(&'a [bool]),
}

impl Part<'_> {
    fn takes(self, node: usize, kind: &StepKind) -> bool {
        match self {
            Self::Whole => true,
            Self::WithoutReadouts => !matches!(kind, StepKind::Linear { head: true, .. }),
            Self::Without(nodes) => !nodes.contains(&node),
            Self::Following(marked) => marked[node],
        }
    }

    fn leave_out<T: Real>(self, values: &mut [T]) {
        if !matches!(self, Self::Following(_)) {
            values.fill(T::ZERO);
        }
    }
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

    /// The nodes of a part of the graph, into `next`; `disturb` is shown the new state of every reservoir.
    fn compute(
        &mut self,
        features: &[T],
        part: Part<'_>,
        disturb: &mut dyn FnMut(usize, &mut [T]),
    ) -> Result<(), Error> {
        let Self {
            model,
            streams,
            plan,
            current,
            next,
            feedback,
            delays,
            customs,
            sums,
            fed_back: gathered,
            together,
            scratch,
            runners,
            ..
        } = self;
        let (streams, form) = (*streams, model.form());
        let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
        for Step { node, out, kind } in plan.iter() {
            // Sources come before the node in the buffer, so one split gives both.
            let (before, rest) = next.split_at_mut(out.offset * streams);
            let result = &mut rest[..out.width * streams];
            let values = |block: &Block| &before[block.offset * streams..(block.offset + block.width) * streams];
            if !part.takes(*node, kind) {
                part.leave_out(result);
                continue;
            }
            match kind {
                StepKind::Input { first } => copy_columns(features, inputs, *first, result, out.width),
                StepKind::Reservoir { source, activation, feedback: fed_back, product } => {
                    let Parameters::Reservoir(weights) = model.parameters(*node) else {
                        unreachable!("the model holds a reservoir's weights for a reservoir node");
                    };
                    let old = &current[out.offset * streams..(out.offset + out.width) * streams];
                    let sums = &mut sums[..out.width * streams];
                    fill_rows(sums, &weights.bias);
                    if !product.is_some_and(|product| product.with_input) {
                        weights.w_in.accumulate(form, streams, values(source), sums, scratch);
                    }
                    match product {
                        None => weights.w_res.accumulate(form, streams, old, sums, scratch),
                        Some(PlacedProduct { runner, with_input: false }) => {
                            runners.products[*runner].accumulate(form, streams, &[old], sums)?;
                        }
                        Some(PlacedProduct { runner, with_input: true }) => {
                            runners.products[*runner].accumulate(form, streams, &[values(source), old], sums)?;
                        }
                    }
                    if let (Some(block), Some(w)) = (fed_back, &weights.w_feedback) {
                        let gathered = &mut gathered[..block.width * streams];
                        copy_columns(feedback, outputs, block.offset, gathered, block.width);
                        w.accumulate(form, streams, gathered, sums, scratch);
                    }
                    leak(form, *activation, weights, sums, old, result);
                    disturb(*node, result);
                }
                StepKind::Linear { sources, product, .. } => {
                    let Parameters::Linear(LinearParameters { weights, bias }) = model.parameters(*node) else {
                        unreachable!("the model holds linear weights for a linear node");
                    };
                    fill_rows(result, bias);
                    if let Some(runner) = product {
                        runners.products[*runner].accumulate(form, streams, &[values(&sources[0])], result)?;
                        continue;
                    }
                    weights.accumulate(form, streams, gather(before, streams, sources, together), result, scratch);
                }
                StepKind::Chain { source, runner } => runners.chains[*runner].run(values(source), result)?,
                StepKind::Inside => {}
                StepKind::Activation { source, function } => {
                    // Nothing leaks: the whole result is the new activation.
                    let source = values(source);
                    leaky_update(form, of_kernel(*function), source, Leak::uniform(T::ONE), source, result);
                }
                StepKind::Softmax { source } => {
                    let rows = values(source).chunks_exact(source.width).zip(result.chunks_exact_mut(out.width));
                    rows.for_each(|(row, shares)| softmax(form, row, shares));
                }
                StepKind::Concat { sources } => {
                    let mut column = 0;
                    for source in sources {
                        paste_columns(values(source), source.width, result, out.width, column);
                        column += source.width;
                    }
                }
                StepKind::Delay { line } => result.copy_from_slice(delays[*line].oldest(streams)),
                StepKind::Custom { custom } => customs[*custom].compute(streams, before, result),
                StepKind::Products { source, factors, ends } => {
                    let rows = values(source).chunks_exact(source.width).zip(result.chunks_exact_mut(out.width));
                    for (row, products) in rows {
                        let mut start = 0;
                        for (product, &end) in products.iter_mut().zip(ends) {
                            let terms = &factors[start..end as usize];
                            *product = terms[1..].iter().fold(row[terms[0] as usize], |p, &i| p * row[i as usize]);
                            start = end as usize;
                        }
                    }
                }
            }
        }
        Ok(())
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
        let bad = self.next.iter().position(|v| !v.is_finite()).unwrap_or(0) / self.streams;
        let node = self.plan.iter().rfind(|step| step.out.offset <= bad).map_or(0, |step| step.node);
        self.overflow_of(node)
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

/// Every row of `to` becomes `row`.
fn fill_rows<T: Copy>(to: &mut [T], row: &[T]) {
    for out in to.chunks_exact_mut(row.len()) {
        out.copy_from_slice(row);
    }
}

/// `to[s, :] = from[s, first..first + width]` for rows of `from_width` and `width`.
fn copy_columns<T: Copy>(from: &[T], from_width: usize, first: usize, to: &mut [T], width: usize) {
    for (row, out) in from.chunks_exact(from_width).zip(to.chunks_exact_mut(width)) {
        out.copy_from_slice(&row[first..first + width]);
    }
}

/// `to[s, first..first + width] = from[s, :]` for rows of `width` and `to_width`.
pub(super) fn paste_columns<T: Copy>(from: &[T], width: usize, to: &mut [T], to_width: usize, first: usize) {
    for (row, out) in from.chunks_exact(width).zip(to.chunks_exact_mut(to_width)) {
        out[first..first + width].copy_from_slice(row);
    }
}

/// `new = (1-a) old + a f(sums)` for each stream.
fn leak<T: Real>(
    form: Form,
    activation: Activation,
    weights: &ReservoirParameters<T>,
    sums: &[T],
    old: &[T],
    new: &mut [T],
) {
    let units = weights.bias.len();
    let rows = sums.chunks_exact(units).zip(old.chunks_exact(units)).zip(new.chunks_exact_mut(units));
    for ((sums, old), new) in rows {
        leaky_update(form, of_kernel(activation), sums, weights.leak.of_kernel(), old, new);
    }
}

fn of_kernel<T: Real>(activation: Activation) -> kernels::Activation<T> {
    match activation {
        Activation::Tanh => kernels::Activation::Tanh,
        Activation::Identity => kernels::Activation::Identity,
        Activation::BoundedRelu { max } => kernels::Activation::BoundedRelu { max: T::from_f64(max) },
        Activation::Sigmoid => kernels::Activation::Sigmoid,
        Activation::Relu => kernels::Activation::Relu,
        Activation::LeakyRelu { slope } => kernels::Activation::LeakyRelu { slope: T::from_f64(slope) },
        Activation::Softplus => kernels::Activation::Softplus,
    }
}
