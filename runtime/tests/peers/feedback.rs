//! Outputs fed back: ReservoirPy's `reservoir << readout`, whose columns are the last ones of Win.

use forebay::Error;
use forebay::graph::Graph;
use forebay::model::{Model, ModelBuilder};
use forebay::reservoir::Activation;
use forebay::train::{Series, Training};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::arrays::Network;
use crate::build::{Reads, assert_runs_alike, given, parameters, several, single, untrained, walk, with_readout};
use crate::compare::{Bounds, GIVEN, assert_close, assert_differs};

/// At step t the reservoir sees the output of step t - 1, zero at first.
#[test]
fn feedback() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback");
    assert_runs_alike(&network, &single(&network, Activation::Tanh, Reads::State, true)?, &["x"])
}

#[test]
fn feedback_of_two() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_of_two");
    assert_runs_alike(&network, &single(&network, Activation::Tanh, Reads::State, true)?, &["x"])
}

#[test]
fn feedback_and_input_to_readout() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_and_input_to_readout");
    assert_runs_alike(&network, &single(&network, Activation::Tanh, Reads::StateInput, true)?, &["x"])
}

/// Win of the second reservoir reads `[x1; y]`.
#[test]
fn feedback_to_the_second() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_to_the_second");
    let model = several(&network, 2, 1, |g, given| {
        let u = g.input("u", 1);
        let a = g.reservoir("x1", u, given[0].clone());
        let b = g.reservoir_with_feedback("x2", a, given[1].clone(), "y");
        g.readout("y", [b], 1);
    })?;
    assert_runs_alike(&network, &model, &["x1", "x2"])
}

/// The network with the fed-back values as more inputs: the caller says what comes back, and when.
pub(crate) fn by_hand(network: &Network) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", network.array("u").ncols());
    let back = g.input("back", network.array("Win").ncols() - network.array("u").ncols());
    let both = g.concat("both", [u, back]);
    let x = g.reservoir("x", both, given(network, "", Activation::Tanh));
    g.readout("y", [x], network.array("Wout").ncols());
    let builder = ModelBuilder::new(g.build()?).reservoir("x", parameters(network, "", 0)?)?;
    with_readout(builder, network)?.build()
}

/// `readout >> 2 >> reservoir`: feedback here is of one step; of two, the caller keeps the line.
#[test]
fn feedback_two_steps_ago() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_two_steps_ago");
    let mut session = by_hand(&network)?.session();
    let (mut line, mut found, mut states) = (vec![0.0, 0.0], Vec::new(), Vec::new());
    for u in network.array("u").rows() {
        let y = session.step(&[u[0], line.remove(0)])?[0];
        line.push(y);
        found.push(y);
        states.extend_from_slice(session.node("x")?);
    }
    let states = Array2::from_shape_vec(network.array("x").dim(), states).expect("a row per step");
    assert_close(&network, "x", states.view(), network.array("x"), GIVEN);
    assert_close(&network, "y", crate::compare::column(&found).view(), network.array("y"), GIVEN);
    let wrong = single(&network, Activation::Tanh, Reads::State, true)?.session().run(network.array("u"))?;
    assert_differs(&network, "y", wrong.view(), network.array("y"));
    Ok(())
}

/// Teacher forcing: the previous target is fed back, zero at first, as in ReservoirPy's `fit`.
#[test]
fn feedback_forced() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_forced");
    let (u, t, warmup) = (network.array("u"), network.array("t"), network.count("warmup"));
    let model = untrained(&network, Activation::Tanh, Reads::State, true)?.build()?;
    let mut session = model.session();
    let mut states = Array2::zeros((0, network.array("W").nrows()));
    for (u, t) in u.rows().into_iter().zip(t.rows()) {
        session.step_forced(&u.to_vec(), &t.to_vec())?;
        states
            .push_row(ArrayView2::from_shape((1, states.ncols()), session.node("x")?).expect("a row").row(0))
            .expect("fits");
    }
    assert_close(&network, "forced", states.view(), network.array("forced"), GIVEN);

    let training = Training::new().washout(warmup).ridge(network.number("ridge"));
    let (trained, _) = training.fit(&model, &[Series::new(u, t)])?;
    let forced = network.array("forced");
    let bounds = Bounds::new(forced.slice(s![warmup.., ..]), network.array("Wout"), network.number("condition"));
    bounds.assert_weights(&network, trained.readout("y")?.0.t(), network.array("Wout"));
    // On its own outputs, with the peer's weights, from rest.
    assert_runs_alike(&network, &single(&network, Activation::Tanh, Reads::State, true)?, &["x"])
}

/// A session goes on where it stood. ReservoirPy 0.4.2 keeps the fed-back output after a run with feedback, but puts the
/// reservoir back to where it was before it.
#[test]
fn feedback_after_a_run() -> Result<(), Error> {
    let network = Network::of_reservoirpy("feedback_after_a_run");
    let u = network.array("u");
    let (before, after) = u.split_at(Axis(0), 40);
    let model = single(&network, Activation::Tanh, Reads::State, true)?;
    let mut session = model.session();
    let first = session.run(before)?;
    assert_close(&network, "first", first.view(), network.array("first"), GIVEN);
    let second = session.run(after)?;
    assert_eq!(concatenate![Axis(0), first, second], model.session().run(u)?, "two runs are one");
    assert_differs(&network, "second", second.view(), network.array("second"));

    // The same as there: from rest, with the last output fed back.
    assert!(network.values("between").iter().all(|&x| x == 0.0), "{}: the state is that before the run", network.name);
    let mut session = by_hand(&network)?.session();
    let mut back = first[[first.nrows() - 1, 0]];
    let mut found = Vec::new();
    for u in after.rows() {
        back = session.step(&[u[0], back])?[0];
        found.push(back);
    }
    assert_close(&network, "second", crate::compare::column(&found).view(), network.array("second"), GIVEN);
    Ok(())
}

/// A model whose outputs are its next inputs.
#[test]
fn closed_loop() -> Result<(), Error> {
    let network = Network::of_reservoirpy("closed_loop");
    let model = single(&network, Activation::Tanh, Reads::State, false)?;
    let mut session = model.session();
    walk(&mut session, network.array("u"), &[])?;
    let forecast = session.predict_free(network.array("y").nrows())?;
    assert_close(&network, "y", forecast.view(), network.array("y"), GIVEN);
    Ok(())
}
