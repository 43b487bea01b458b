//! PyRCN: `u @ Win`, `x @ W`, scalings kept beside the weights, a function of the input in front of the reservoir.

use forebay::Error;
use forebay::graph::{Graph, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::reservoir::Activation;
use forebay::train::{Series, Training};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use crate::arrays::Network;
use crate::build::walk;
use crate::compare::{Bounds, GIVEN, assert_close, assert_differs, column};
use crate::runs::UNEQUAL;
use crate::training::regress_through_zero;

/// Input weights as a linear map: `u @ Win * input_scaling + input_shift + bias * bias_scaling + bias_shift`.
fn input_map(network: &Network) -> (Array2<f64>, Array1<f64>) {
    let number = |name| network.number(name);
    let weights = network.array("Win").t().mapv(|weight| weight * number("input_scaling"));
    let shift = number("input_shift") + number("bias_shift");
    let bias = network.values("bias").iter().map(|b| b * number("bias_scaling") + shift).collect();
    (weights, bias)
}

/// `x @ W * spectral_radius` as `W x`: the radius is a factor, whatever that of the weights is.
fn recurrent(network: &Network) -> Array2<f64> {
    network.array("W").t().mapv(|weight| weight * network.number("spectral_radius"))
}

/// Input, its map (`map`) and function (`into`), reservoir (`x`, driven by the identity), readout `y`.
fn builder(network: &Network, into: Activation, activation: Activation) -> Result<ModelBuilder<f64>, Error> {
    let (weights, bias) = input_map(network);
    let w = recurrent(network);
    let units = w.nrows();
    let mut g = Graph::builder();
    let u = g.input("u", network.array("u").ncols());
    let map = g.dense("map", u, units, 1.0);
    let into = g.activation("into", map, into);
    let x = g.reservoir("x", into, ReservoirSource::Given { units, activation });
    g.readout("y", [x], outputs(network));
    let reservoir = ReservoirParameters {
        w_in: Matrix::from_dense("the identity", Array2::eye(units).view())?,
        w_res: Matrix::from_dense("W", w.view())?,
        w_feedback: None,
        bias: vec![0.0; units],
        leak: LeakRates::uniform(network.number("leakage"))?,
    };
    ModelBuilder::new(g.build()?).linear("map", weights.view(), bias.view())?.reservoir("x", reservoir)
}

fn outputs(network: &Network) -> usize {
    let of = ["t", "Wout"].into_iter().find(|array| network.has(array));
    of.map_or(1, |array| network.array(array).ncols())
}

/// PyRCN's ridge is over `[x; 1]`: the intercept is penalised like the weights.
fn assert_learns_alike(network: &Network, x: ArrayView2<'_, f64>, t: ArrayView2<'_, f64>) -> Result<Bounds, Error> {
    let x = concatenate![Axis(1), x, Array2::ones((x.nrows(), 1))];
    let weights = regress_through_zero(x.view(), t, network.number("alpha"))?;
    let bounds = Bounds::new(x.view(), network.array("Wout"), network.number("condition"));
    bounds.assert_weights(network, weights.t(), network.array("Wout"));
    Ok(bounds)
}

/// Their weights in the readout: the last row is the intercept.
fn with_their_readout(model: &Model<f64>, network: &Network) -> Result<Model<f64>, Error> {
    let w_out = network.array("Wout");
    let units = w_out.nrows() - 1;
    model.with_readout("y", w_out.slice(s![..units, ..]).t(), w_out.row(units))
}

/// States, what is learned from them, and outputs.
fn assert_alike(name: &str, into: Activation, activation: Activation) -> Result<(Network, Model<f64>), Error> {
    let network = Network::of_pyrcn(name);
    let model = with_their_readout(&builder(&network, into, activation)?.build()?, &network)?;
    let found = walk(&mut model.session(), network.array("u"), &["x"])?;
    assert_close(&network, "x", found["x"].view(), network.array("x"), GIVEN);
    assert_close(&network, "y", found["y"].view(), network.array("y"), GIVEN);
    assert_learns_alike(&network, found["x"].view(), network.array("t"))?;
    Ok((network, model))
}

#[test]
fn esn() -> Result<(), Error> {
    let (network, model) = assert_alike("esn", Activation::Tanh, Activation::Tanh)?;
    // With W as it stands instead of transposed.
    let untransposed = ReservoirParameters {
        w_res: Matrix::from_dense("W", recurrent(&network).t())?,
        ..model.reservoir("x")?.clone()
    };
    let wrong = builder(&network, Activation::Tanh, Activation::Tanh)?.reservoir("x", untransposed)?.build()?;
    let found = walk(&mut wrong.session(), network.array("u"), &["x"])?;
    assert_differs(&network, "x", found["x"].view(), network.array("x"));
    // Ridge regression here does not penalise the intercept.
    let training = Training::new().washout(0).ridge(network.number("alpha"));
    let (trained, _) = training.fit(&model, &[Series::new(network.array("u"), network.array("t"))])?;
    let w_out = network.array("Wout");
    assert_differs(&network, "Wout", trained.readout("y")?.0.t(), w_out.slice(s![..w_out.nrows() - 1, ..]));
    Ok(())
}

#[test]
fn esn_many() -> Result<(), Error> {
    assert_alike("esn_many", Activation::Tanh, Activation::Tanh).map(|_| ())
}

#[test]
fn esn_identity_input() -> Result<(), Error> {
    assert_alike("esn_identity_input", Activation::Identity, Activation::Tanh).map(|_| ())
}

#[test]
fn esn_relu_input() -> Result<(), Error> {
    assert_alike("esn_relu_input", Activation::Relu, Activation::Tanh).map(|_| ())
}

/// Bounded by 1.
#[test]
fn esn_bounded_relu() -> Result<(), Error> {
    let bounded = Activation::BoundedRelu { max: 1.0 };
    let (network, _) = assert_alike("esn_bounded_relu", Activation::Identity, bounded)?;
    let reached = network.values("x").iter().any(|x| *x > 1.0 - 1e-9);
    assert!(reached, "{}: a unit leaks up to its bound", network.name);
    Ok(())
}

#[test]
fn esn_logistic() -> Result<(), Error> {
    assert_alike("esn_logistic", Activation::Tanh, Activation::Sigmoid).map(|_| ())
}

#[test]
fn esn_drawn_by_recipe() -> Result<(), Error> {
    assert_alike("esn_drawn_by_recipe", Activation::Identity, Activation::Tanh).map(|_| ())
}

/// `fit_intercept=False`.
#[test]
fn esn_without_intercept() -> Result<(), Error> {
    let network = Network::of_pyrcn("esn_without_intercept");
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let model = model.with_readout("y", network.array("Wout").t(), Array1::zeros(1).view())?;
    let found = walk(&mut model.session(), network.array("u"), &["x"])?;
    assert_close(&network, "x", found["x"].view(), network.array("x"), GIVEN);
    assert_close(&network, "y", found["y"].view(), network.array("y"), GIVEN);
    let weights = regress_through_zero(found["x"].view(), network.array("t"), network.number("alpha"))?;
    let bounds = Bounds::new(found["x"].view(), network.array("Wout"), network.number("condition"));
    bounds.assert_weights(&network, weights.t(), network.array("Wout"));
    Ok(())
}

/// scikit-learn's `Ridge(alpha)` takes the means off and leaves the intercept alone: `Training`'s ridge is its alpha.
#[test]
fn esn_sklearn_ridge() -> Result<(), Error> {
    let network = Network::of_pyrcn("esn_sklearn_ridge");
    let (u, t) = (network.array("u"), network.array("t"));
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let training = Training::new().washout(0).ridge(network.number("alpha"));
    let (model, _) = training.fit(&model, &[Series::new(u, t)])?;
    let found = walk(&mut model.session(), u, &["x"])?;
    assert_close(&network, "x", found["x"].view(), network.array("x"), GIVEN);
    let bounds = Bounds::new(network.array("x"), network.array("Wout"), network.number("condition"));
    let (weights, bias) = model.readout("y")?;
    // Its weights are [outputs, features].
    bounds.assert_weights(&network, weights.view(), network.array("Wout"));
    assert_close(&network, "y", found["y"].view(), network.array("y"), bounds.outputs);
    assert_close(&network, "Wout_bias", column(&bias.to_vec()).view(), network.array("Wout_bias"), bounds.outputs);
    Ok(())
}

/// Every sequence from rest, the washout cut off each when learning.
#[test]
fn esn_sequences() -> Result<(), Error> {
    let network = Network::of_pyrcn("esn_sequences");
    let (u, t, washout) = (network.array("u"), network.array("t"), network.count("washout"));
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let model = with_their_readout(&model, &network)?;
    let mut kept = Array2::zeros((0, network.array("x").ncols()));
    let mut targets = Array2::zeros((0, 1));
    for (begin, end) in UNEQUAL {
        let found = walk(&mut model.session(), u.slice(s![begin..end, ..]), &["x"])?;
        assert_close(&network, "x", found["x"].view(), network.array("x").slice(s![begin..end, ..]), GIVEN);
        assert_close(&network, "y", found["y"].view(), network.array("y").slice(s![begin..end, ..]), GIVEN);
        kept = concatenate![Axis(0), kept, found["x"].slice(s![washout.., ..])];
        targets = concatenate![Axis(0), targets, t.slice(s![begin + washout..end, ..])];
    }
    assert_learns_alike(&network, kept.view(), targets.view()).map(|_| ())
}

/// Two calls of `partial_fit` are one regression over both, each from rest.
#[test]
fn esn_partial_fit() -> Result<(), Error> {
    let network = Network::of_pyrcn("esn_partial_fit");
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let (before, after) = network.array("u").split_at(Axis(0), 30);
    let states = |u| Ok::<_, Error>(walk(&mut model.session(), u, &["x"])?.remove("x").expect("walked"));
    let x = concatenate![Axis(0), states(before)?, states(after)?];
    assert_close(&network, "x", x.view(), network.array("x"), GIVEN);
    assert_learns_alike(&network, x.view(), network.array("t")).map(|_| ())
}

/// A label per sequence: the label is the target of every step, and the outputs are added up over the steps. A
/// [`Classifier`](forebay::train::classify::Classifier) here learns from one row per sequence instead, the mean of its
/// states.
#[test]
fn esn_classifier() -> Result<(), Error> {
    let network = Network::of_pyrcn("esn_classifier");
    let (u, labels) = (network.array("u"), network.values("labels"));
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let model = with_their_readout(&model, &network)?;
    let (mut start, mut targets) = (0, Array2::zeros((u.nrows(), 3)));
    let mut x = Array2::zeros((0, network.array("x").ncols()));
    for (sequence, steps) in network.values("lengths").into_iter().enumerate() {
        let end = start + steps as usize;
        let found = walk(&mut model.session(), u.slice(s![start..end, ..]), &["x"])?;
        let scores = found["y"].sum_axis(Axis(0)).mapv(|score| score.max(1e-5)).insert_axis(Axis(0));
        let theirs = network.array("scores");
        assert_close(&network, "scores", scores.view(), theirs.slice(s![sequence..=sequence, ..]), steps * GIVEN);
        let best = (0..3).max_by(|&a, &b| scores[[0, a]].total_cmp(&scores[[0, b]])).expect("three");
        assert_eq!(best as f64, network.values("predicted")[sequence], "{}: sequence {sequence}", network.name);
        targets.slice_mut(s![start..end, labels[sequence] as usize]).fill(1.0);
        x = concatenate![Axis(0), x, found["x"]];
        start = end;
    }
    assert_close(&network, "x", x.view(), network.array("x"), GIVEN);
    assert_learns_alike(&network, x.view(), targets.view()).map(|_| ())
}

/// An extreme learning machine: the input's map and function, and a readout.
#[test]
fn elm() -> Result<(), Error> {
    let network = Network::of_pyrcn("elm");
    let (weights, bias) = input_map(&network);
    let mut g = Graph::builder();
    let u = g.input("u", network.array("u").ncols());
    let map = g.dense("map", u, weights.nrows(), 1.0);
    let x = g.activation("x", map, Activation::Tanh);
    g.readout("y", [x], 1);
    let model = ModelBuilder::new(g.build()?).linear("map", weights.view(), bias.view())?.build()?;
    let model = with_their_readout(&model, &network)?;
    let found = walk(&mut model.session(), network.array("u"), &["x"])?;
    assert_close(&network, "x", found["x"].view(), network.array("x"), GIVEN);
    assert_close(&network, "y", found["y"].view(), network.array("y"), GIVEN);
    assert_learns_alike(&network, found["x"].view(), network.array("t")).map(|_| ())
}

/// Two passes of the same reservoir, one over the series backwards; their states lie side by side.
#[test]
fn bidirectional() -> Result<(), Error> {
    let network = Network::of_pyrcn("bidirectional");
    let model = builder(&network, Activation::Tanh, Activation::Tanh)?.build()?;
    let u = network.array("u");
    let states = |u| Ok::<_, Error>(walk(&mut model.session(), u, &["x"])?.remove("x").expect("walked"));
    let backwards = states(u.slice(s![..;-1, ..]))?;
    let both = concatenate![Axis(1), states(u)?, backwards.slice(s![..;-1, ..])];
    assert_close(&network, "x", both.view(), network.array("x"), GIVEN);
    Ok(())
}
