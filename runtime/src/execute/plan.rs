//! What a step does: the nodes of a graph with their places in the buffers, and the programs that some are on.

use std::sync::Arc;

use forebay_kernels::Real;

use super::custom::CustomNode;
use crate::graph::{NodeId, Op};
use crate::model::Model;
use crate::placement::{ChainRunner, Placement, ProductRunner, Region};
use crate::reservoir::Activation;

/// What to do for every node, in order, and with what.
#[derive(Clone, Debug)]
pub(super) struct Plan<T> {
    pub(super) steps: Vec<Step>,
    /// The readouts' places, in the order of the outputs.
    pub(super) outputs: Vec<Block>,
    /// Features of all nodes together.
    pub(super) width: usize,
    pub(super) delays: Vec<DelayLine<T>>,
    pub(super) customs: Vec<CustomNode<T>>,
    pub(super) runners: Runners<T>,
}

/// One node's place in the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) offset: usize,
    pub(super) width: usize,
}

impl Block {
    /// Where its values for so many streams lie.
    pub(super) fn range(self, streams: usize) -> std::ops::Range<usize> {
        self.offset * streams..(self.offset + self.width) * streams
    }
}

/// What to do for one node.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) node: usize,
    pub(super) out: Block,
    pub(super) kind: StepKind,
}

impl Step {
    pub(super) fn is_head(&self) -> bool {
        matches!(self.kind, StepKind::Linear { head: true, .. })
    }
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
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
    Softmax {
        source: Block,
    },
    Concat {
        sources: Vec<Block>,
    },
    Delay {
        line: usize,
    },
    Custom {
        custom: usize,
    },
    Products {
        source: Block,
        factors: Vec<u32>,
        ends: Vec<u32>,
    },
}

/// A reservoir's product on the processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedProduct {
    pub(super) runner: usize,
    pub(super) with_input: bool,
}

/// The last `steps` values of a node, oldest at `oldest`.
#[derive(Clone, Debug)]
pub(super) struct DelayLine<T> {
    pub(super) source: Block,
    pub(super) steps: usize,
    pub(super) oldest: usize,
    pub(super) values: Vec<T>,
}

/// Streams of jobs on the programs of a compiled model.
#[derive(Clone, Debug)]
pub(super) struct Runners<T> {
    pub(super) products: Vec<ProductRunner<T>>,
    pub(super) chains: Vec<ChainRunner<T>>,
}

impl<T: Real> Plan<T> {
    pub(super) fn new(model: &Model<T>, streams: usize) -> Self {
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
        let (mut delays, mut customs) = (Vec::new(), Vec::new());
        let mut steps = Vec::with_capacity(blocks.len());
        for (node, definition) in graph.nodes().iter().enumerate() {
            let block = |id: &NodeId| blocks[id.0];
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
                Op::Softmax { source } => StepKind::Softmax { source: block(source) },
                Op::Concat { sources } => StepKind::Concat { sources: sources.iter().map(block).collect() },
                Op::Delay { source, steps } => {
                    let source = block(source);
                    let values = vec![T::ZERO; streams * steps * source.width];
                    delays.push(DelayLine { source, steps: *steps, oldest: 0, values });
                    StepKind::Delay { line: delays.len() - 1 }
                }
                Op::Custom { source, function } => {
                    let (function, source) = (function.clone(), block(source));
                    let (width, len) = (definition.width(), definition.state_len());
                    customs.push(CustomNode::new(function, source, width, len, streams));
                    StepKind::Custom { custom: customs.len() - 1 }
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
            steps.push(Step { node, out: blocks[node], kind });
        }
        let runners = Runners::place(model.placement().map(|placement| &**placement), &mut steps, &blocks);
        let outputs = graph.heads().map(|head| blocks[head.node.0]).collect();
        Self { steps, outputs, width: offset, delays, customs, runners }
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

impl<T: Real> DelayLine<T> {
    /// `[streams, width]`, as many steps ago as the line has.
    pub(super) fn oldest(&self, streams: usize) -> &[T] {
        let width = self.source.width * streams;
        &self.values[self.oldest * width..(self.oldest + 1) * width]
    }

    /// Puts the values of a step in the place of the oldest.
    pub(super) fn push(&mut self, streams: usize, nodes: &[T]) {
        let slot = self.oldest;
        self.oldest = (self.oldest + 1) % self.steps;
        self.put(slot, streams, nodes);
    }

    /// Puts other values of the last step in the place of those it has.
    pub(super) fn replace_last(&mut self, streams: usize, nodes: &[T]) {
        self.put((self.oldest + self.steps - 1) % self.steps, streams, nodes);
    }

    /// Where the values of each step lie, from the oldest on.
    pub(super) fn slots(&self, streams: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<T> {
        let (steps, oldest, width) = (self.steps, self.oldest, self.source.width * streams);
        (0..steps).map(move |age| (oldest + age) % steps * width).map(move |start| start..start + width)
    }

    fn put(&mut self, slot: usize, streams: usize, nodes: &[T]) {
        let width = self.source.width * streams;
        let start = self.source.offset * streams;
        self.values[slot * width..(slot + 1) * width].copy_from_slice(&nodes[start..start + width]);
    }
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
    pub(super) fn takes(self, node: usize, kind: &StepKind) -> bool {
        match self {
            Self::Whole => true,
            Self::WithoutReadouts => !matches!(kind, StepKind::Linear { head: true, .. }),
            Self::Without(nodes) => !nodes.contains(&node),
            Self::Following(marked) => marked[node],
        }
    }

    pub(super) fn leave_out<T: Real>(self, values: &mut [T]) {
        if !matches!(self, Self::Following(_)) {
            values.fill(T::ZERO);
        }
    }
}
