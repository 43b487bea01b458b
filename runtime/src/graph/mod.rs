//! The dataflow graph: what the user defines, checked once and immutable afterwards.
//!
//! A [`GraphBuilder`] collects named nodes; [`GraphBuilder::build`] checks every shape and range and gives a
//! [`Graph`]. The graph holds recipes and shapes, no weights: [`Model`](crate::model::Model) adds those.
//!
//! ```
//! use forebay::graph::Graph;
//! use forebay::reservoir::Reservoir;
//!
//! let mut g = Graph::builder();
//! let u = g.input("u", 3);
//! let x = g.reservoir("x", u, Reservoir::new(100).spectral_radius(0.9).leak_rate(0.5));
//! g.readout("position", [u, x], 3);
//! g.readout("energy", [x], 1);
//! let graph = g.build()?;
//! assert_eq!(graph.inputs(), 3);
//! assert_eq!(graph.outputs(), 4);
//! println!("{graph}");
//! # Ok::<(), forebay::Error>(())
//! ```

mod builder;
mod custom;
mod print;
mod products;

pub use builder::GraphBuilder;
pub use custom::{CustomFunction, Elementwise, NodeFunction};
pub use products::Products;

pub use crate::error::GraphError;

use serde::{Deserialize, Serialize};

use crate::reservoir::{Activation, Reservoir};

/// Handle of a node inside the builder (and later the graph) that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub(crate) usize);

/// How a reservoir node gets its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReservoirSource {
    /// Drawn from a recipe and the model's seed.
    Generated(Box<Reservoir>),
    /// Supplied when the model is built.
    Given {
        /// Number of units N.
        units: usize,
        /// The node's nonlinearity.
        activation: Activation,
    },
}

impl ReservoirSource {
    /// Number of units N.
    pub fn units(&self) -> usize {
        match self {
            Self::Generated(recipe) => recipe.units,
            Self::Given { units, .. } => *units,
        }
    }

    /// The nonlinearity f in `x' = (1-a) x + a f(..)`.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Generated(recipe) => recipe.activation,
            Self::Given { activation, .. } => *activation,
        }
    }
}

impl From<Reservoir> for ReservoirSource {
    fn from(recipe: Reservoir) -> Self {
        Self::Generated(Box::new(recipe))
    }
}

/// What a node computes from its sources. Time index t is the current step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// External features u(t).
    Input {
        /// Number of features.
        features: usize,
    },
    /// Leaky reservoir: `x(t) = (1-a) x(t-1) + a f(W_in s(t) + W_res x(t-1) + W_fb y(t-1) + b)`.
    Reservoir {
        /// The node s that drives it.
        source: NodeId,
        /// Weights: a recipe, or given with the model.
        weights: ReservoirSource,
        /// Name of the readout y that is fed back, if any.
        feedback: Option<String>,
    },
    /// `W s + b` with fixed weights (random from the seed, or given).
    Dense {
        /// The node s.
        source: NodeId,
        /// Rows of W.
        units: usize,
        /// Weights are uniform in `[-scaling, scaling]` when they are drawn from the seed.
        scaling: f64,
    },
    /// An elementwise function.
    Activation {
        /// The node it is applied to.
        source: NodeId,
        /// Which function.
        function: Activation,
    },
    /// `e^s_i / (sum over j of e^s_j)`.
    Softmax {
        /// The node s, over all its features.
        source: NodeId,
    },
    /// The sources' features one after the other.
    Concat {
        /// At least one node.
        sources: Vec<NodeId>,
    },
    /// `s(t - steps)`, zero for the first steps.
    Delay {
        /// The node s.
        source: NodeId,
        /// At least 1.
        steps: usize,
    },
    /// Products of features.
    Products {
        /// The node whose features are multiplied.
        source: NodeId,
        /// Which products.
        products: Products,
    },
    /// A function written outside of this crate; not in files.
    #[serde(skip)]
    Custom {
        /// The node it reads.
        source: NodeId,
        /// What it computes.
        function: CustomFunction,
    },
    /// A trained linear head: `W [s1; s2; ..] + b`.
    Readout {
        /// The nodes it reads, in this order.
        sources: Vec<NodeId>,
        /// Rows of W.
        outputs: usize,
    },
}

impl Op {
    /// The nodes this one reads in the same step.
    pub fn sources(&self) -> &[NodeId] {
        match self {
            Self::Input { .. } => &[],
            Self::Reservoir { source, .. }
            | Self::Dense { source, .. }
            | Self::Activation { source, .. }
            | Self::Softmax { source }
            | Self::Delay { source, .. }
            | Self::Products { source, .. }
            | Self::Custom { source, .. } => std::slice::from_ref(source),
            Self::Concat { sources } | Self::Readout { sources, .. } => sources,
        }
    }
}

/// A named node with its checked width.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    name: String,
    op: Op,
    width: usize,
    /// Numbers that a user's function remembers.
    state_len: usize,
}

impl Node {
    /// The name given by the user, unique in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the node computes.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// Number of features it puts out per step.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers that the function of an [`Op::Custom`] remembers; 0 for every other node.
    pub fn state_len(&self) -> usize {
        self.state_len
    }
}

/// A checked, immutable dataflow graph in definition order, which is also an order of execution.
///
/// Features enter as one slice: all inputs one after the other, in definition order. Outputs leave as one slice:
/// all readouts (heads) one after the other, in definition order.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
}

/// Where one head's values lie in the outputs of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The readout's name.
    pub name: &'a str,
    /// The node.
    pub node: NodeId,
    /// First index in the outputs.
    pub offset: usize,
    /// Number of outputs.
    pub width: usize,
}

impl Graph {
    /// Starts an empty graph.
    pub fn builder() -> GraphBuilder {
        GraphBuilder::default()
    }

    /// The definition this graph was built from.
    pub fn to_builder(&self) -> GraphBuilder {
        GraphBuilder::from_definition(self.nodes.iter().map(|node| (node.name.clone(), node.op.clone())))
    }

    /// The nodes in definition order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node behind a handle of this graph; `None` for a handle of another graph.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// Looks a node up by name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// Number of input features per step, over all input nodes.
    pub fn inputs(&self) -> usize {
        self.nodes.iter().filter(|n| matches!(n.op, Op::Input { .. })).map(|n| n.width).sum()
    }

    /// Number of outputs per step, over all heads.
    pub fn outputs(&self) -> usize {
        self.heads().map(|head| head.width).sum()
    }

    /// Number of reservoir units, over all reservoirs.
    pub fn units(&self) -> usize {
        self.nodes.iter().filter(|n| matches!(n.op, Op::Reservoir { .. })).map(|n| n.width).sum()
    }

    /// The heads in the order of their outputs.
    pub fn heads(&self) -> impl Iterator<Item = Head<'_>> {
        let readouts = self.nodes.iter().enumerate().filter(|(_, n)| matches!(n.op, Op::Readout { .. }));
        readouts.scan(0, |offset, (index, node)| {
            let head = Head { name: &node.name, node: NodeId(index), offset: *offset, width: node.width };
            *offset += node.width;
            Some(head)
        })
    }

    /// The head of this name.
    pub fn head(&self, name: &str) -> Option<Head<'_>> {
        self.heads().find(|head| head.name == name)
    }
}
