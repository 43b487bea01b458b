//! Which nodes of a graph go to the processor together, before anything is asked or rounded.

use crate::graph::{Graph, NodeId, Op};
use crate::reservoir::Activation;

/// Nodes that one program computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// The recurrent product of a reservoir.
    Reservoir { node: usize },
    /// The product of a dense node whose sum the host needs.
    Dense { node: usize },
    /// Dense nodes, each but perhaps the last followed by its bounded rectifier.
    Chain { layers: Vec<ChainLayer> },
}

/// A dense node and the rectifier behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ChainLayer {
    pub(super) dense: usize,
    pub(super) rectifier: Option<(usize, f64)>,
}

impl Eq for ChainLayer {}

/// All candidates of a graph, in the order of their first nodes.
pub(super) fn candidates(graph: &Graph) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut taken = vec![false; graph.nodes().len()];
    for (node, definition) in graph.nodes().iter().enumerate() {
        match definition.op() {
            Op::Reservoir { .. } => candidates.push(Candidate::Reservoir { node }),
            Op::Dense { .. } if !taken[node] => {
                let layers = chain_from(graph, node);
                for layer in &layers {
                    taken[layer.dense] = true;
                }
                candidates.push(match layers[0].rectifier {
                    Some(_) => Candidate::Chain { layers },
                    None => Candidate::Dense { node },
                });
            }
            _ => {}
        }
    }
    candidates
}

/// The longest chain that begins with this dense node; what is inside it has no other reader.
fn chain_from(graph: &Graph, first: usize) -> Vec<ChainLayer> {
    let mut layers = Vec::new();
    let mut dense = Some(first);
    while let Some(node) = dense.take() {
        let rectifier = only_reader(graph, node).and_then(|reader| match graph.nodes()[reader].op() {
            Op::Activation { function: Activation::BoundedRelu { max }, .. } => Some((reader, *max)),
            _ => None,
        });
        layers.push(ChainLayer { dense: node, rectifier });
        if let Some((rectifier, _)) = rectifier {
            dense =
                only_reader(graph, rectifier).filter(|&reader| matches!(graph.nodes()[reader].op(), Op::Dense { .. }));
        }
    }
    layers
}

/// The node that reads this one, if it is the only one.
fn only_reader(graph: &Graph, node: usize) -> Option<usize> {
    let reads = |op: &Op| op.sources().contains(&NodeId(node));
    let mut readers = (0..graph.nodes().len()).filter(|&reader| reads(graph.nodes()[reader].op()));
    readers.next().filter(|_| readers.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reservoir::Reservoir;

    #[test]
    fn chains_end_where_somebody_else_reads() {
        let mut g = Graph::builder();
        let u = g.input("u", 4);
        let a = g.dense("a", u, 8, 1.0);
        let a_relu = g.bounded_relu("a_relu", a, 1.0);
        let b = g.dense("b", a_relu, 6, 1.0);
        let b_relu = g.bounded_relu("b_relu", b, 1.0);
        let c = g.dense("c", b_relu, 3, 1.0);
        let x = g.reservoir("x", b_relu, Reservoir::new(10));
        g.readout("y", [c, x], 1);
        let graph = g.build().expect("a valid graph");
        let layer = |dense, rectifier| ChainLayer { dense, rectifier: Some((rectifier, 1.0)) };
        assert_eq!(
            candidates(&graph),
            [
                Candidate::Chain { layers: vec![layer(1, 2), layer(3, 4)] },
                Candidate::Dense { node: 5 },
                Candidate::Reservoir { node: 6 },
            ]
        );
    }
}
