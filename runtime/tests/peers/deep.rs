//! Several reservoirs, and delays on edges.

use forebay::Error;
use forebay::graph::Graph;
use forebay::model::ModelBuilder;
use forebay::reservoir::Activation;

use crate::arrays::Network;
use crate::build::{assert_runs_alike, given, parameters, several, with_readout};

/// `a >> b >> readout`.
#[test]
fn deep_two() -> Result<(), Error> {
    let network = Network::of_reservoirpy("deep_two");
    let model = several(&network, 2, 0, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let b = g.reservoir("x2", a, given[1].clone());
        g.readout("y", [b], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2"])
}

#[test]
fn deep_three() -> Result<(), Error> {
    let network = Network::of_reservoirpy("deep_three");
    let model = several(&network, 3, 0, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let b = g.reservoir("x2", a, given[1].clone());
        let c = g.reservoir("x3", b, given[2].clone());
        g.readout("y", [c], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2", "x3"])
}

/// `(a >> b >> c) & ([a, b, c] >> readout)`.
#[test]
fn deep_readout_of_all() -> Result<(), Error> {
    let network = Network::of_reservoirpy("deep_readout_of_all");
    let model = several(&network, 3, 0, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let b = g.reservoir("x2", a, given[1].clone());
        let c = g.reservoir("x3", b, given[2].clone());
        g.readout("y", [a, b, c], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2", "x3"])
}

/// `[input, input >> a] >> b >> readout`: the second reservoir reads `[u; x1]`.
#[test]
fn deep_with_inputs() -> Result<(), Error> {
    let network = Network::of_reservoirpy("deep_with_inputs");
    let model = several(&network, 2, 0, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let both = g.concat("both", [u, a]);
        let b = g.reservoir("x2", both, given[1].clone());
        g.readout("y", [b], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2"])
}

/// `input >> [a, b] >> readout`.
#[test]
fn side_by_side() -> Result<(), Error> {
    let network = Network::of_reservoirpy("side_by_side");
    let model = several(&network, 2, 0, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let b = g.reservoir("x2", u, given[1].clone());
        g.readout("y", [a, b], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2"])
}

/// `input >> 3 >> reservoir` is a delay of three steps, zero before the first.
#[test]
fn delay_on_an_edge() -> Result<(), Error> {
    let network = Network::of_reservoirpy("delay_on_an_edge");
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 3);
    let both = g.concat("both", [u, past]);
    let x = g.reservoir("x", both, given(&network, "", Activation::Tanh));
    g.readout("y", [x], 1);
    let builder = ModelBuilder::new(g.build()?).reservoir("x", parameters(&network, "", 0)?)?;
    assert_runs_alike(&network, &with_readout(builder, &network)?.build()?, &["x"])
}
