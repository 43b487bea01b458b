//! Forebay's networks from the weights of ReservoirPy.

use std::collections::BTreeMap;

use forebay::Error;
use forebay::execute::Session;
use forebay::graph::{Graph, GraphBuilder, NodeId, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::reservoir::Activation;
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::arrays::Network;
use crate::compare::{GIVEN, assert_close};

/// A reservoir node with the units of the array `{prefix}W`.
pub(crate) fn given(network: &Network, prefix: &str, activation: Activation) -> ReservoirSource {
    ReservoirSource::Given { units: network.array(&format!("{prefix}W")).nrows(), activation }
}

/// ReservoirPy's weights of a reservoir: a scalar bias is that of every unit, and the last `fed_back` columns of Win are
/// those of the previous output.
pub(crate) fn parameters(network: &Network, prefix: &str, fed_back: usize) -> Result<ReservoirParameters<f64>, Error> {
    let array = |name: &str| network.array(&format!("{prefix}{name}"));
    let (w_res, w_in) = (array("W"), array("Win"));
    let inputs = w_in.ncols() - fed_back;
    let mut bias = network.values(&format!("{prefix}bias"));
    if bias.len() == 1 {
        bias = vec![bias[0]; w_res.nrows()];
    }
    let w_feedback = match fed_back {
        0 => None,
        _ => Some(Matrix::from_dense("Win of the feedback", w_in.slice(s![.., inputs..]))?),
    };
    Ok(ReservoirParameters {
        w_in: Matrix::from_dense("Win", w_in.slice(s![.., ..inputs]))?,
        w_res: Matrix::from_dense("W", w_res)?,
        w_feedback,
        bias,
        leak: LeakRates::new(network.values(&format!("{prefix}lr")))?,
    })
}

/// Gives a readout ReservoirPy's weights: `x @ Wout + bias` is `W_out x + b` with `W_out` its transpose.
pub(crate) fn with_readout(builder: ModelBuilder<f64>, network: &Network) -> Result<ModelBuilder<f64>, Error> {
    let bias = Array1::from(network.values("Wout_bias"));
    builder.linear("y", network.array("Wout").t(), bias.view())
}

/// What a readout reads, in this order.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reads {
    State,
    StateInput,
    InputState,
}

impl Reads {
    pub(crate) fn nodes(self, u: NodeId, x: NodeId) -> Vec<NodeId> {
        match self {
            Self::State => vec![x],
            Self::StateInput => vec![x, u],
            Self::InputState => vec![u, x],
        }
    }
}

/// Input `u`, reservoir `x`, readout `y`, with the reservoir's weights; the readout's are zero.
pub(crate) fn untrained(
    network: &Network,
    activation: Activation,
    reads: Reads,
    fed_back: bool,
) -> Result<ModelBuilder<f64>, Error> {
    let outputs = network.array(if network.has("Wout") { "Wout" } else { "t" }).ncols();
    let fed_back = if fed_back { outputs } else { 0 };
    let mut g = Graph::builder();
    let u = g.input("u", network.array("Win").ncols() - fed_back);
    let x = match fed_back {
        0 => g.reservoir("x", u, given(network, "", activation)),
        _ => g.reservoir_with_feedback("x", u, given(network, "", activation), "y"),
    };
    g.readout("y", reads.nodes(u, x), outputs);
    ModelBuilder::new(g.build()?).reservoir("x", parameters(network, "", fed_back)?)
}

/// The same with the readout's weights.
pub(crate) fn single(
    network: &Network,
    activation: Activation,
    reads: Reads,
    fed_back: bool,
) -> Result<Model<f64>, Error> {
    with_readout(untrained(network, activation, reads, fed_back)?, network)?.build()
}

/// A graph of several reservoirs, `x1`, `x2`, .. with the weights `1/W`, ..; the last `fed_back` columns of the last one's
/// Win are the feedback's.
pub(crate) fn several(
    network: &Network,
    reservoirs: usize,
    fed_back: usize,
    wire: impl FnOnce(&mut GraphBuilder, &[ReservoirSource]),
) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let sources: Vec<_> = (1..=reservoirs).map(|k| given(network, &format!("{k}/"), Activation::Tanh)).collect();
    wire(&mut g, &sources);
    let mut builder = ModelBuilder::new(g.build()?);
    for k in 1..=reservoirs {
        let fed_back = if k == reservoirs { fed_back } else { 0 };
        builder = builder.reservoir(&format!("x{k}"), parameters(network, &format!("{k}/"), fed_back)?)?;
    }
    with_readout(builder, network)?.build()
}

/// Outputs (`y`) and the values of nodes, a row per step.
pub(crate) fn walk(
    session: &mut Session<f64>,
    u: ArrayView2<'_, f64>,
    nodes: &[&str],
) -> Result<BTreeMap<String, Array2<f64>>, Error> {
    let mut rows: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    session.run_with(u, |session| {
        rows.entry("y".to_owned()).or_default().extend_from_slice(session.outputs());
        for node in nodes {
            let values = session.node(node).expect("a node of the graph");
            rows.entry((*node).to_owned()).or_default().extend_from_slice(values);
        }
    })?;
    let matrix = |values: Vec<f64>| {
        let width = values.len() / u.nrows();
        Array2::from_shape_vec((u.nrows(), width), values).expect("a row per step")
    };
    Ok(rows.into_iter().map(|(name, values)| (name, matrix(values))).collect())
}

/// Runs a model over the network's inputs from rest and compares its outputs and the nodes that the network has.
pub(crate) fn assert_runs_alike(network: &Network, model: &Model<f64>, nodes: &[&str]) -> Result<(), Error> {
    for (name, found) in walk(&mut model.session(), network.array("u"), nodes)? {
        assert_close(network, &name, found.view(), network.array(&name), GIVEN);
    }
    Ok(())
}
