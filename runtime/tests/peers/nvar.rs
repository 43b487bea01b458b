//! Next-generation reservoirs: ReservoirPy's `NVAR(delay, order, strides)` as delays and products.

use forebay::Error;
use forebay::graph::{Graph, Products};
use forebay::model::{Model, ModelBuilder};
use forebay::train::{Series, Training};
use ndarray::{Array2, Axis, concatenate, s};

use crate::arrays::Network;
use crate::build::{walk, with_readout};
use crate::compare::{Bounds, GIVEN, assert_close, assert_differs};

/// `delay` copies of the input, `strides` apart, the present one included, then all monomials of degree `order`.
fn builder(network: &Network) -> Result<ModelBuilder<f64>, Error> {
    let (delay, order, strides) = (network.count("delay"), network.count("order"), network.count("strides"));
    let mut g = Graph::builder();
    let u = g.input("u", network.array("u").ncols());
    let mut line = vec![u];
    line.extend((1..delay).map(|k| g.delay(&format!("u-{}", k * strides), u, k * strides)));
    let linear = g.concat("linear", line);
    let products = g.products("products", linear, Products::Unique { degree: order });
    let outputs = if network.has("Wout") { network.array("Wout").ncols() } else { 1 };
    g.readout("y", [linear, products], outputs);
    Ok(ModelBuilder::new(g.build()?))
}

/// All features, a row per step.
fn features(model: &Model<f64>, u: ndarray::ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
    let found = walk(&mut model.session(), u, &["linear", "products"])?;
    Ok(concatenate![Axis(1), found["linear"], found["products"]])
}

fn assert_alike(name: &str) -> Result<(), Error> {
    let network = Network::of_reservoirpy(name);
    let model = with_readout(builder(&network)?, &network)?.build()?;
    assert_close(&network, "x", features(&model, network.array("u"))?.view(), network.array("x"), GIVEN);
    assert_close(&network, "y", model.session().run(network.array("u"))?.view(), network.array("y"), GIVEN);
    Ok(())
}

#[test]
fn nvar_order_2() -> Result<(), Error> {
    assert_alike("nvar_order_2")
}

#[test]
fn nvar_strides() -> Result<(), Error> {
    assert_alike("nvar_strides")
}

#[test]
fn nvar_order_3() -> Result<(), Error> {
    assert_alike("nvar_order_3")
}

/// The difference to the next step, by ridge regression.
#[test]
fn nvar_ridge() -> Result<(), Error> {
    let network = Network::of_reservoirpy("nvar_ridge");
    let (u, warmup) = (network.array("u"), network.count("warmup"));
    let known = u.slice(s![..u.nrows() - 1, ..]);
    let training = Training::new().washout(warmup).ridge(network.number("ridge"));
    let (model, _) = training.fit(&builder(&network)?.build()?, &[Series::new(known, network.array("t"))])?;
    assert_close(&network, "x", features(&model, u)?.view(), network.array("x"), GIVEN);
    let learned = network.array("x");
    let learned = learned.slice(s![warmup..known.nrows(), ..]);
    let bounds = Bounds::new(learned, network.array("Wout"), network.number("condition"));
    bounds.assert_weights(&network, model.readout("y")?.0.t(), network.array("Wout"));
    assert_close(&network, "y", model.session().run(u)?.view(), network.array("y"), bounds.outputs);
    Ok(())
}

/// ReservoirPy's delay line is not part of the state: neither `reset` nor a new series clears it. Here both do.
#[test]
fn nvar_second_series() -> Result<(), Error> {
    let network = Network::of_reservoirpy("nvar_second_series");
    let model = builder(&network)?.build()?;
    let (before, after) = network.array("u").split_at(Axis(0), 40);
    assert_close(&network, "first", features(&model, before)?.view(), network.array("first"), GIVEN);
    // Without a reset in between, it is theirs.
    let whole = features(&model, network.array("u"))?;
    assert_close(&network, "second", whole.slice(s![40.., ..]), network.array("second"), GIVEN);
    // After one, the first steps differ: as many as the line is long.
    let mut session = model.session();
    session.run(before)?;
    session.reset();
    let fresh = walk(&mut session, after, &["linear", "products"])?;
    let fresh = concatenate![Axis(1), fresh["linear"], fresh["products"]];
    assert_eq!(fresh, features(&model, after)?, "{}: reset is rest", network.name);
    let line = (network.count("delay") - 1) * network.count("strides");
    let theirs = network.array("second");
    assert_differs(&network, "second", fresh.slice(s![..line, ..]), theirs.slice(s![..line, ..]));
    assert_close(&network, "second", fresh.slice(s![line.., ..]), theirs.slice(s![line.., ..]), GIVEN);
    Ok(())
}
