//! Collecting nodes, then checking them all at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CustomFunction, Graph, GraphError, Node, NodeFunction, NodeId, Op, Products, ReservoirSource};
use crate::error::Error;
use crate::reservoir::{Activation, ReservoirError};

/// Widest node a graph accepts, and most values all nodes may hold together: far above real reservoirs, and low
/// enough that a hostile model file cannot ask for the machine's memory.
const MAX_WIDTH: usize = 1 << 20;
const MAX_VALUES: usize = 1 << 22;
/// Most nodes; checks of names and sources grow with the square of their number.
const MAX_NODES: usize = 4096;

/// Collects nodes by name; nothing is checked before [`build`](Self::build).
///
/// Its serialised form is the list of `[name, op]` pairs; reading one back checks nothing until `build`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraphBuilder {
    nodes: Vec<(String, Op)>,
}

impl GraphBuilder {
    /// Adds external features.
    pub fn input(&mut self, name: &str, features: usize) -> NodeId {
        self.push(name, Op::Input { features })
    }

    /// Adds a leaky reservoir driven by `source`, from a [`Reservoir`](crate::reservoir::Reservoir) recipe or
    /// [`ReservoirSource::Given`] weights.
    pub fn reservoir(&mut self, name: &str, source: NodeId, weights: impl Into<ReservoirSource>) -> NodeId {
        self.push(name, Op::Reservoir { source, weights: weights.into(), feedback: None })
    }

    /// Adds a reservoir that also sees the previous output of the readout named `feedback` (which may be added
    /// later).
    pub fn reservoir_with_feedback(
        &mut self,
        name: &str,
        source: NodeId,
        weights: impl Into<ReservoirSource>,
        feedback: &str,
    ) -> NodeId {
        self.push(name, Op::Reservoir { source, weights: weights.into(), feedback: Some(feedback.to_owned()) })
    }

    /// Adds a fixed linear map `W s + b`, entries uniform in `[-scaling, scaling]` unless given with the model.
    pub fn dense(&mut self, name: &str, source: NodeId, units: usize, scaling: f64) -> NodeId {
        self.push(name, Op::Dense { source, units, scaling })
    }

    /// Adds an elementwise function.
    pub fn activation(&mut self, name: &str, source: NodeId, function: Activation) -> NodeId {
        self.push(name, Op::Activation { source, function })
    }

    /// Adds `min(max(s, 0), max)`: the function that a processor can apply itself, so that dense layers with it between
    /// them stay there from end to end.
    pub fn bounded_relu(&mut self, name: &str, source: NodeId, max: f64) -> NodeId {
        self.activation(name, source, Activation::BoundedRelu { max })
    }

    /// Adds `e^s_i / (sum over j of e^s_j)` over the features of `source`: positive numbers that sum to 1.
    ///
    /// For a feature of its own, such as a gate. Readouts are trained as linear maps and end a graph, so none comes after them;
    /// to show outputs of a step as shares, use [`forebay_kernels::softmax`].
    pub fn softmax(&mut self, name: &str, source: NodeId) -> NodeId {
        self.push(name, Op::Softmax { source })
    }

    /// Adds the concatenation of several nodes.
    pub fn concat(&mut self, name: &str, sources: impl IntoIterator<Item = NodeId>) -> NodeId {
        self.push(name, Op::Concat { sources: sources.into_iter().collect() })
    }

    /// Adds `source` as it was `steps` steps ago (zero before the first).
    pub fn delay(&mut self, name: &str, source: NodeId, steps: usize) -> NodeId {
        self.push(name, Op::Delay { source, steps })
    }

    /// Adds products of features.
    pub fn products(&mut self, name: &str, source: NodeId, products: Products) -> NodeId {
        self.push(name, Op::Products { source, products })
    }

    /// Adds a function of one's own; [`Elementwise`](super::Elementwise) makes one of a closure.
    pub fn custom(&mut self, name: &str, source: NodeId, function: Arc<dyn NodeFunction>) -> NodeId {
        self.push(name, Op::Custom { source, function: CustomFunction::new(function) })
    }

    /// Adds a head: a trained linear map of `sources` with an intercept. Heads may share sources.
    pub fn readout(&mut self, name: &str, sources: impl IntoIterator<Item = NodeId>, outputs: usize) -> NodeId {
        self.push(name, Op::Readout { sources: sources.into_iter().collect(), outputs })
    }

    pub(super) fn from_definition(nodes: impl Iterator<Item = (String, Op)>) -> Self {
        Self { nodes: nodes.collect() }
    }

    fn push(&mut self, name: &str, op: Op) -> NodeId {
        self.nodes.push((name.to_owned(), op));
        NodeId(self.nodes.len() - 1)
    }

    /// Checks every node and gives the immutable graph.
    ///
    /// # Errors
    /// [`Error::Graph`] names the first node that does not fit, what it needs and what it has;
    /// [`Error::Reservoir`] for a recipe out of range.
    pub fn build(self) -> Result<Graph, Error> {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        if self.nodes.len() > MAX_NODES {
            let (node, expected) = (self.nodes[MAX_NODES].0.clone(), format!("at most {MAX_NODES}"));
            let found = self.nodes.len().to_string();
            return Err(GraphError::Range { node, field: "number of nodes", expected, found }.into());
        }
        let mut values = 0;
        let heads: Vec<String> = self
            .nodes
            .iter()
            .filter(|(_, op)| matches!(op, Op::Readout { .. }))
            .map(|(name, _)| name.clone())
            .collect();
        for (name, op) in self.nodes {
            check_name(&name, &nodes)?;
            check_sources(&name, &op, &nodes)?;
            if let Op::Reservoir { feedback: Some(head), .. } = &op
                && !heads.contains(head)
            {
                let expected = if heads.is_empty() { "none is defined".to_owned() } else { heads.join(", ") };
                return Err(GraphError::Feedback { node: name, expected, found: head.clone() }.into());
            }
            let width = check_op(&name, &op, &nodes)?;
            // What a session holds for the node: its values, a delay's past, the factors of products.
            let state_len = state_len(&name, &op, &nodes)?;
            values += state_len
                + width
                    * match op {
                        Op::Delay { steps, .. } => steps + 1,
                        Op::Products { products: Products::Unique { degree }, .. } => degree + 1,
                        _ => 1,
                    };
            if values > MAX_VALUES {
                let expected = format!("small enough that all nodes hold at most {MAX_VALUES} values");
                let found = values.to_string();
                return Err(GraphError::Range { node: name, field: "width", expected, found }.into());
            }
            nodes.push(Node { name, op, width, state_len });
        }
        let has_input = nodes.iter().any(|n| matches!(n.op, Op::Input { .. }));
        if !has_input {
            return Err(GraphError::Missing { what: "input" }.into());
        }
        if heads.is_empty() {
            return Err(GraphError::Missing { what: "readout" }.into());
        }
        Ok(Graph { nodes })
    }
}

fn check_name(name: &str, earlier: &[Node]) -> Result<(), GraphError> {
    let problem = if name.is_empty() {
        "empty"
    } else if earlier.iter().any(|node| node.name == name) {
        "used twice"
    } else {
        return Ok(());
    };
    Err(GraphError::Name { name: name.to_owned(), problem })
}

fn check_sources(name: &str, op: &Op, earlier: &[Node]) -> Result<(), GraphError> {
    let fail = |expected, found: String| Err(GraphError::Source { node: name.to_owned(), expected, found });
    if op.sources().is_empty() && !matches!(op, Op::Input { .. }) {
        return fail("at least one node", "none".to_owned());
    }
    for &NodeId(id) in op.sources() {
        match earlier.get(id) {
            None => return fail("a node defined before this one", format!("node number {id}")),
            Some(source) if matches!(source.op, Op::Readout { .. }) => {
                return fail("not a readout (use output feedback for recurrence)", format!("{:?}", source.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Checks the parameters of one node and gives its width.
fn check_op(name: &str, op: &Op, earlier: &[Node]) -> Result<usize, Error> {
    let range = |field, expected: String, found: String| -> Error {
        GraphError::Range { node: name.to_owned(), field, expected, found }.into()
    };
    let width_of = |source: &NodeId| earlier[source.0].width;
    let bounded = |field, width: usize| match width {
        1..=MAX_WIDTH => Ok(width),
        _ => Err(range(field, format!("1 to {MAX_WIDTH}"), width.to_string())),
    };
    match op {
        Op::Input { features } => bounded("features", *features),
        Op::Reservoir { source, weights, .. } => {
            if let ReservoirSource::Generated(recipe) = weights {
                recipe
                    .check_for(width_of(source))
                    .map_err(|source| Error::Reservoir { node: name.to_owned(), source })?;
            }
            check_activation(name, weights.activation())?;
            bounded("units", weights.units())
        }
        Op::Dense { units, scaling, .. } => {
            if !(scaling.is_finite() && *scaling >= 0.0) {
                return Err(range("scaling", "finite and at least 0".to_owned(), scaling.to_string()));
            }
            bounded("units", *units)
        }
        Op::Activation { source, function } => {
            check_activation(name, *function)?;
            Ok(width_of(source))
        }
        Op::Softmax { source } => Ok(width_of(source)),
        Op::Concat { sources } => bounded("features", sources.iter().map(width_of).sum()),
        Op::Delay { source, steps } => {
            let width = width_of(source);
            let fits = *steps >= 1 && steps.checked_mul(width).is_some_and(|values| values <= MAX_WIDTH);
            if fits { Ok(width) } else { Err(range("steps", format!("1 to {}", MAX_WIDTH / width), steps.to_string())) }
        }
        Op::Products { source, products } => {
            let n = width_of(source);
            let width =
                products.width(n).ok_or_else(|| range("degree", "2 to 4".to_owned(), format!("{products:?}")))?;
            bounded("products", width)
        }
        Op::Custom { source, function } => {
            let features = width_of(source);
            let width =
                function.width(features).map_err(|expected| range("source width", expected, features.to_string()));
            bounded("width", width?)
        }
        Op::Readout { outputs, .. } => bounded("outputs", *outputs),
    }
}

/// Numbers that the function of a node remembers.
fn state_len(name: &str, op: &Op, earlier: &[Node]) -> Result<usize, GraphError> {
    let Op::Custom { source, function } = op else { return Ok(0) };
    let found = function.state_len(earlier[source.0].width);
    if found <= MAX_WIDTH {
        return Ok(found);
    }
    let (node, expected) = (name.to_owned(), format!("at most {MAX_WIDTH}"));
    Err(GraphError::Range { node, field: "state length", expected, found: found.to_string() })
}

/// Which parameter of a function is out of range.
fn check_activation(name: &str, function: Activation) -> Result<(), GraphError> {
    match function.check() {
        Err(ReservoirError::Range { field, found, allowed }) => {
            let (node, expected, found) = (name.to_owned(), allowed.to_owned(), found.to_string());
            Err(GraphError::Range { node, field, expected, found })
        }
        _ => Ok(()),
    }
}
