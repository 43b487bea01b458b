//! The step itself, for any number of streams.

use std::sync::Arc;

use forebay_kernels::{self as kernels, BatchScratch, Form, Leak, Real, all_finite, leaky_update};

use super::gather::{gather, gathered_width};
use crate::compile::{ChainRunner, Placement, ProductRunner, Region};
use crate::error::Error;
use crate::graph::Op;
use crate::model::{LinearParameters, Model, Parameters, ReservoirParameters};
use crate::reservoir::Activation;

/// State and buffers of `streams` streams of one model.
///
/// Node values live in one buffer, node after node, each node's block `[streams, width]`. `current` holds the last
/// completed step, `next` the one being computed.
#[derive(Clone, Debug)]
pub(super) struct Executor<T: Real> {
    model: Model<T>,
    streams: usize,
    plan: Vec<Step>,
    outputs: Vec<Block>,
    current: Vec<T>,
    next: Vec<T>,
    /// What the next step sees as the previous output, `[streams, outputs]`: the outputs, or the teacher's targets.
    feedback: Vec<T>,
    delays: Vec<DelayLine<T>>,
    /// Pre-activations of the widest reservoir.
    sums: Vec<T>,
    /// The outputs of the last step, `[streams, outputs]`.
    heads: Vec<T>,
    /// One head's feedback, gathered for the product.
    fed_back: Vec<T>,
    /// A readout's features from several nodes, for the product.
    together: Vec<T>,
    scratch: BatchScratch<T>,
    runners: Runners<T>,
    steps: u64,
}

/// Streams of jobs on the programs of a compiled model.
#[derive(Clone, Debug)]
struct Runners<T> {
    products: Vec<ProductRunner<T>>,
    chains: Vec<ChainRunner<T>>,
}

/// One node's place in the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) offset: usize,
    pub(super) width: usize,
}

/// What to do for one node.
#[derive(Clone, Debug)]
struct Step {
    node: usize,
    out: Block,
    kind: StepKind,
}

#[derive(Clone, Debug)]
enum StepKind {
    Input {
        first: usize,
    },
    Reservoir {
        source: Block,
        activation: Activation,
        feedback: Option<Block>,
        product: Option<PlacedProduct>,
    },
    Linear {
        sources: Vec<Block>,
        head: bool,
        product: Option<usize>,
    },
    /// The last node of a chain on the processor.
    Chain {
        source: Block,
        runner: usize,
    },
    /// A node that exists on the processor only; reads zero.
    Inside,
    Activation {
        source: Block,
        function: Activation,
    },
    Concat {
        sources: Vec<Block>,
    },
    Delay {
        line: usize,
    },
    Products {
        source: Block,
        factors: Vec<u32>,
        ends: Vec<u32>,
    },
}

/// A reservoir's product on the processor.
#[derive(Clone, Copy, Debug)]
struct PlacedProduct {
    runner: usize,
    with_input: bool,
}

/// The last `steps` values of a node, oldest at `oldest`.
#[derive(Clone, Debug)]
struct DelayLine<T> {
    source: Block,
    steps: usize,
    oldest: usize,
    values: Vec<T>,
}

impl<T: Real> Executor<T> {
    pub(super) fn new(model: Model<T>, streams: usize) -> Self {
        let graph = model.graph();
        let mut offset = 0;
        let blocks: Vec<Block> = graph
            .nodes()
            .iter()
            .map(|node| {
                let block = Block { offset, width: node.width() };
                offset += block.width;
                block
            })
            .collect();
        let mut first_input = 0;
        let mut delays = Vec::new();
        let mut plan = Vec::with_capacity(blocks.len());
        for (node, definition) in graph.nodes().iter().enumerate() {
            let block = |id: &crate::graph::NodeId| blocks[id.0];
            let kind = match definition.op() {
                Op::Input { features } => {
                    first_input += features;
                    StepKind::Input { first: first_input - features }
                }
                Op::Reservoir { source, weights, feedback } => StepKind::Reservoir {
                    source: block(source),
                    activation: weights.activation(),
                    feedback: feedback
                        .as_deref()
                        .and_then(|name| graph.head(name))
                        .map(|head| Block { offset: head.offset, width: head.width }),
                    product: None,
                },
                Op::Dense { source, .. } => {
                    StepKind::Linear { sources: vec![block(source)], head: false, product: None }
                }
                Op::Readout { sources, .. } => {
                    StepKind::Linear { sources: sources.iter().map(block).collect(), head: true, product: None }
                }
                Op::Activation { source, function } => {
                    StepKind::Activation { source: block(source), function: *function }
                }
                Op::Concat { sources } => StepKind::Concat { sources: sources.iter().map(block).collect() },
                Op::Delay { source, steps } => {
                    let source = block(source);
                    let values = vec![T::ZERO; streams * steps * source.width];
                    delays.push(DelayLine { source, steps: *steps, oldest: 0, values });
                    StepKind::Delay { line: delays.len() - 1 }
                }
                Op::Products { source, products } => {
                    let (mut factors, mut ends) = (Vec::new(), Vec::new());
                    products.for_each(blocks[source.0].width, |product| {
                        factors.extend_from_slice(product);
                        ends.push(factors.len() as u32);
                    });
                    StepKind::Products { source: block(source), factors, ends }
                }
            };
            plan.push(Step { node, out: blocks[node], kind });
        }
        let runners = Runners::place(model.placement().map(|placement| &**placement), &mut plan, &blocks);
        let widest = plan.iter().filter(|s| matches!(s.kind, StepKind::Reservoir { .. })).map(|s| s.out.width).max();
        let outputs: Vec<Block> = graph.heads().map(|head| blocks[head.node.0]).collect();
        let gathered = plan.iter().map(|step| match &step.kind {
            StepKind::Linear { sources, .. } => gathered_width(streams, sources),
            _ => 0,
        });
        let gathered = gathered.max().unwrap_or(0);
        let output_width = graph.outputs();
        let zeros = |values: usize| vec![T::ZERO; streams * values];
        Self {
            streams,
            plan,
            outputs,
            current: zeros(offset),
            next: zeros(offset),
            feedback: zeros(output_width),
            delays,
            sums: zeros(widest.unwrap_or(0)),
            heads: zeros(output_width),
            fed_back: zeros(output_width),
            together: zeros(gathered),
            scratch: BatchScratch::default(),
            runners,
            steps: 0,
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
        let Block { offset, width } = self.plan[node].out;
        &self.current[offset * self.streams..(offset + width) * self.streams]
    }

    /// An error if a node's values never come to the host.
    pub(super) fn check_on_host(&self, node: usize) -> Result<(), Error> {
        match self.plan[node].kind {
            StepKind::Inside => Err(Error::Misuse {
                what: "this node exists inside a program only",
                instead: format!("read {:?} from the model without placement", self.model.graph().nodes()[node].name()),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn values_mut(&mut self, node: usize) -> &mut [T] {
        let Block { offset, width } = self.plan[node].out;
        &mut self.current[offset * self.streams..(offset + width) * self.streams]
    }

    /// The outputs of the last step, `[streams, outputs]`.
    pub(super) fn outputs(&self) -> &[T] {
        &self.heads
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
        self.steps = 0;
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
        self.advance(features, teacher, true)
    }

    /// Like [`step`](Self::step) with a teacher, but the readouts are left out: their outputs read zero.
    pub(super) fn drive(&mut self, features: &[T], teacher: &[T]) -> Result<(), Error> {
        self.advance(features, Some(teacher), false)
    }

    pub(super) fn set_feedback(&mut self, values: &[T]) {
        self.feedback.copy_from_slice(values);
    }

    fn advance(&mut self, features: &[T], teacher: Option<&[T]>, readouts: bool) -> Result<(), Error> {
        let inputs = self.model.graph().inputs();
        check_slice("input", features, self.streams, inputs, self.model.form())?;
        if let Some(teacher) = teacher {
            check_slice("teacher", teacher, self.streams, self.model.graph().outputs(), self.model.form())?;
        }
        self.compute(features, inputs, readouts)?;
        if !all_finite(self.model.form(), &self.next) {
            return Err(self.overflow());
        }
        std::mem::swap(&mut self.current, &mut self.next);
        self.commit(teacher);
        Ok(())
    }

    fn compute(&mut self, features: &[T], inputs: usize, readouts: bool) -> Result<(), Error> {
        let Self {
            model,
            streams,
            plan,
            current,
            next,
            feedback,
            delays,
            sums,
            fed_back: gathered,
            together,
            scratch,
            runners,
            ..
        } = self;
        let (streams, form) = (*streams, model.form());
        let outputs = model.graph().outputs();
        for Step { node, out, kind } in plan.iter() {
            // Sources come before the node in the buffer, so one split gives both.
            let (before, rest) = next.split_at_mut(out.offset * streams);
            let result = &mut rest[..out.width * streams];
            let values = |block: &Block| &before[block.offset * streams..(block.offset + block.width) * streams];
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
                }
                StepKind::Linear { head: true, .. } if !readouts => result.fill(T::ZERO),
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
                StepKind::Concat { sources } => {
                    let mut column = 0;
                    for source in sources {
                        paste_columns(values(source), source.width, result, out.width, column);
                        column += source.width;
                    }
                }
                StepKind::Delay { line } => result.copy_from_slice(delays[*line].oldest(streams)),
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

    /// Takes over what the step computed: delays, outputs, feedback.
    fn commit(&mut self, teacher: Option<&[T]>) {
        let streams = self.streams;
        for line in &mut self.delays {
            let width = line.source.width * streams;
            let slot = line.oldest * width;
            let start = line.source.offset * streams;
            line.values[slot..slot + width].copy_from_slice(&self.current[start..start + width]);
            line.oldest = (line.oldest + 1) % line.steps;
        }
        let total = self.heads.len() / streams;
        let mut column = 0;
        for block in &self.outputs {
            let values = &self.current[block.offset * streams..(block.offset + block.width) * streams];
            paste_columns(values, block.width, &mut self.heads, total, column);
            column += block.width;
        }
        self.feedback.copy_from_slice(teacher.unwrap_or(&self.heads));
        self.steps += 1;
    }

    fn overflow(&self) -> Error {
        let bad = self.next.iter().position(|v| !v.is_finite()).unwrap_or(0) / self.streams;
        let node = self.plan.iter().rfind(|step| step.out.offset <= bad).map_or(0, |step| step.node);
        Error::Overflow { node: self.model.graph().nodes()[node].name().to_owned(), step: self.steps }
    }

    /// Everything a later step depends on, in a fixed order.
    pub(super) fn state(&self) -> impl Iterator<Item = &[T]> {
        let reservoirs = self.plan.iter().filter(|s| matches!(s.kind, StepKind::Reservoir { .. }));
        reservoirs
            .map(|s| self.values(s.node))
            .chain(self.delays.iter().flat_map(|line| {
                let (young, old) = line.values.split_at(line.oldest * line.source.width * self.streams);
                [old, young]
            }))
            .chain([&self.feedback[..], &self.heads[..]])
    }

    /// Takes over a state written by [`state`](Self::state) of an executor of the same shape.
    pub(super) fn set_state(&mut self, steps: u64, mut values: &[T]) {
        fn take<T: Copy>(values: &mut &[T], to: &mut [T]) {
            let (head, tail) = values.split_at(to.len());
            to.copy_from_slice(head);
            *values = tail;
        }
        for index in 0..self.plan.len() {
            if matches!(self.plan[index].kind, StepKind::Reservoir { .. }) {
                take(&mut values, self.values_mut(index));
            }
        }
        for line in &mut self.delays {
            line.oldest = 0;
            take(&mut values, &mut line.values);
        }
        take(&mut values, &mut self.feedback);
        take(&mut values, &mut self.heads);
        self.steps = steps;
    }
}

impl<T: Real> DelayLine<T> {
    fn oldest(&self, streams: usize) -> &[T] {
        let width = self.source.width * streams;
        &self.values[self.oldest * width..(self.oldest + 1) * width]
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

impl<T: Real> Runners<T> {
    /// Hands the nodes that a placement names to its programs.
    fn place(placement: Option<&Placement<T>>, plan: &mut [Step], blocks: &[Block]) -> Self {
        let mut runners = Self { products: Vec::new(), chains: Vec::new() };
        for region in placement.into_iter().flat_map(|placement| &placement.regions) {
            let runner = runners.products.len();
            match region {
                Region::Reservoir { node, with_input, product: shared } => {
                    runners.products.push(ProductRunner::new(Arc::clone(shared)));
                    if let StepKind::Reservoir { product, .. } = &mut plan[*node].kind {
                        *product = Some(PlacedProduct { runner, with_input: *with_input });
                    }
                }
                Region::Dense { node, product: shared } => {
                    runners.products.push(ProductRunner::new(Arc::clone(shared)));
                    if let StepKind::Linear { product, .. } = &mut plan[*node].kind {
                        *product = Some(runner);
                    }
                }
                Region::Chain { source, nodes, chain } => {
                    for &node in nodes {
                        plan[node].kind = StepKind::Inside;
                    }
                    let last = nodes[nodes.len() - 1];
                    plan[last].kind = StepKind::Chain { source: blocks[*source], runner: runners.chains.len() };
                    runners.chains.push(ChainRunner::new(Arc::clone(chain)));
                }
            }
        }
        runners
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
    }
}
