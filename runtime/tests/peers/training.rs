//! Ridge regression: which sums are penalised, what is centred, where the washout is cut.

use forebay::Error;
use forebay::model::Model;
use forebay::reservoir::Activation;
use forebay::train::ridge::{self, RidgeSolution};
use forebay::train::{Gram, Series, Training};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::arrays::Network;
use crate::build::{Reads, untrained, walk};
use crate::compare::{Bounds, GIVEN, assert_close, assert_differs, column, norm};
use crate::runs::UNEQUAL;

/// Sums over rows, solved for one penalty.
pub(crate) fn regress(x: ArrayView2<'_, f64>, t: ArrayView2<'_, f64>, ridge: f64) -> Result<RidgeSolution, Error> {
    let mut gram = Gram::new(x.ncols(), t.ncols());
    for (x, t) in x.rows().into_iter().zip(t.rows()) {
        gram.push(|features, targets| {
            features.iter_mut().zip(x).for_each(|(to, from)| *to = *from);
            targets.iter_mut().zip(t).for_each(|(to, from)| *to = *from);
        });
    }
    Ok(ridge::solve(gram, ridge)?)
}

/// The same without an intercept. Regression here takes the means off; rows together with their negatives have none, and
/// all sums are twice as large, so twice the penalty is the same one.
pub(crate) fn regress_through_zero(
    x: ArrayView2<'_, f64>,
    t: ArrayView2<'_, f64>,
    ridge: f64,
) -> Result<Array2<f64>, Error> {
    let both = |rows: ArrayView2<'_, f64>| concatenate![Axis(0), rows, rows.mapv(|v| -v)];
    let solution = regress(both(x).view(), both(t).view(), 2.0 * ridge)?;
    assert_eq!(solution.bias.iter().filter(|b| b.abs() > 1e-14).count(), 0, "no intercept");
    Ok(solution.weights)
}

/// ReservoirPy's Ridge on 60 steps, then a run over all of them.
fn assert_trains_alike(name: &str) -> Result<(), Error> {
    let network = Network::of_reservoirpy(name);
    let (u, t, warmup) = (network.array("u"), network.array("t"), network.count("warmup"));
    let training = Training::new().washout(warmup).ridge(network.number("ridge"));
    let model = untrained(&network, Activation::Tanh, Reads::State, false)?.build()?;
    let series = Series::new(u.slice(s![..60, ..]), t.slice(s![..60, ..]));
    let (model, report) = training.fit(&model, &[series])?;
    assert_eq!(report.steps, 60 - warmup, "{name}: the washout is not learned from");
    let x = network.array("x");
    let bounds = Bounds::new(x.slice(s![warmup..60, ..]), network.array("Wout"), network.number("condition"));
    assert_learned_alike(&network, &model, &bounds)?;
    let found = walk(&mut model.session(), u, &["x"])?;
    assert_close(&network, "x", found["x"].view(), x, GIVEN);
    assert_close(&network, "y", found["y"].view(), network.array("y"), bounds.outputs);
    // There, a run after `fit` goes on from the state at the end of the training; here a session begins at rest.
    assert_close(&network, "after", found["y"].slice(s![60.., ..]), network.array("after"), bounds.outputs);
    let from_rest = model.session().run(u.slice(s![60.., ..]))?;
    assert_differs(&network, "after", from_rest.view(), network.array("after"));
    Ok(())
}

/// Weights and intercept.
fn assert_learned_alike(network: &Network, model: &Model<f64>, bounds: &Bounds) -> Result<(), Error> {
    let (weights, bias) = model.readout("y")?;
    bounds.assert_weights(network, weights.t(), network.array("Wout"));
    let theirs = column(&network.values("Wout_bias"));
    assert_close(network, "Wout_bias", column(&bias.to_vec()).view(), theirs.view(), bounds.outputs);
    Ok(())
}

#[test]
fn ridge_small() -> Result<(), Error> {
    assert_trains_alike("ridge_small")
}

/// The penalty is added to the sums as it is: not scaled by the number of steps, and not on the intercept.
#[test]
fn ridge_large() -> Result<(), Error> {
    assert_trains_alike("ridge_large")?;
    let network = Network::of_reservoirpy("ridge_large");
    let x = network.array("x");
    let (x, t) = (x.slice(s![..60, ..]), network.array("t"));
    let t = t.slice(s![..60, ..]);
    let scaled = regress(x, t, network.number("ridge") / 60.0)?;
    assert_differs(&network, "Wout", scaled.weights.t(), network.array("Wout"));
    let with_one = concatenate![Axis(1), x, Array2::ones((60, 1))];
    let penalised = regress_through_zero(with_one.view(), t, network.number("ridge"))?;
    assert_differs(&network, "Wout", penalised.slice(s![.., ..x.ncols()]).t(), network.array("Wout"));
    Ok(())
}

#[test]
fn ridge_two_outputs() -> Result<(), Error> {
    assert_trains_alike("ridge_two_outputs")
}

/// Least squares, where the features tell it well enough.
#[test]
fn ridge_zero() -> Result<(), Error> {
    assert_trains_alike("ridge_zero")
}

/// `Ridge(fit_bias=False)`: no setting of `Training`, but the sums can do it.
#[test]
fn ridge_without_bias() -> Result<(), Error> {
    let network = Network::of_reservoirpy("ridge_without_bias");
    let (x, t, warmup) = (network.array("x"), network.array("t"), network.count("warmup"));
    let (x, t) = (x.slice(s![warmup..60, ..]), t.slice(s![warmup..60, ..]));
    let weights = regress_through_zero(x, t, network.number("ridge"))?;
    let bounds = Bounds::new(x, network.array("Wout"), network.number("condition"));
    bounds.assert_weights(&network, weights.t(), network.array("Wout"));
    assert_differs(&network, "Wout", regress(x, t, network.number("ridge"))?.weights.t(), network.array("Wout"));
    let y = network.array("x").dot(&weights.t());
    assert_close(&network, "y", y.view(), network.array("y"), bounds.outputs);
    Ok(())
}

/// The rows of Wout are those of `[x; u]`.
#[test]
fn ridge_input_to_readout() -> Result<(), Error> {
    let network = Network::of_reservoirpy("ridge_input_to_readout");
    let (u, t, warmup) = (network.array("u"), network.array("t"), network.count("warmup"));
    let model = untrained(&network, Activation::Tanh, Reads::StateInput, false)?.build()?;
    let training = Training::new().washout(warmup).ridge(network.number("ridge"));
    let (model, _) = training.fit(&model, &[Series::new(u, t)])?;
    let learned = concatenate![Axis(1), network.array("x"), u];
    let learned = learned.slice(s![warmup.., ..]);
    let bounds = Bounds::new(learned, network.array("Wout"), network.number("condition"));
    assert_learned_alike(&network, &model, &bounds)?;
    let found = walk(&mut model.session(), u, &["x"])?;
    assert_close(&network, "x", found["x"].view(), network.array("x"), GIVEN);
    assert_close(&network, "y", found["y"].view(), network.array("y"), bounds.outputs);
    Ok(())
}

/// Several series: each from rest, the washout cut off each.
#[test]
fn ridge_of_series() -> Result<(), Error> {
    let network = Network::of_reservoirpy("ridge_of_series");
    let (u, t, warmup) = (network.array("u"), network.array("t"), network.count("warmup"));
    let part = |(begin, end)| Series::new(u.slice_move(s![begin..end, ..]), t.slice_move(s![begin..end, ..]));
    let model = untrained(&network, Activation::Tanh, Reads::State, false)?.build()?;
    let training = Training::new().washout(warmup).ridge(network.number("ridge"));
    let (model, report) = training.fit(&model, &UNEQUAL.map(part))?;
    assert_eq!(report.steps, u.nrows() - 3 * warmup);
    let bounds = Bounds::new(network.array("x"), network.array("Wout"), network.number("condition"));
    assert_learned_alike(&network, &model, &bounds)?;
    for (begin, end) in UNEQUAL {
        let found = walk(&mut model.session(), u.slice(s![begin..end, ..]), &["x"])?;
        assert_close(&network, "x", found["x"].view(), network.array("x").slice(s![begin..end, ..]), GIVEN);
    }
    Ok(())
}

/// ReservoirPy sums first and takes the means off the sums; here they are taken off the rows, which keeps the digits of
/// features far from zero. `exact` is the same regression in numpy, centred first.
#[test]
fn ridge_far_from_zero() -> Result<(), Error> {
    let network = Network::of_reservoirpy("ridge_far_from_zero");
    let solution = regress(network.array("u"), network.array("t"), network.number("ridge"))?;
    let exact = network.array("exact");
    let far = |weights: ArrayView2<'_, f64>| norm((&weights - &exact).view()) / norm(exact);
    let (ours, theirs) = (far(solution.weights.t()), far(network.array("Wout")));
    assert!(ours < 1e-9, "{}: {ours:e} from the exact weights", network.name);
    assert!(theirs > 1e-4, "{}: the peer is {theirs:e} from them, no worse: the page says it is", network.name);
    Ok(())
}

/// Targets that are NaN are left out; the states run over their steps.
#[test]
fn ridge_of_masked_targets() -> Result<(), Error> {
    let network = Network::of_reservoirpy("ridge_of_masked_targets");
    let model = untrained(&network, Activation::Tanh, Reads::State, false)?.build()?;
    let (u, masked, mut t) = (network.array("u"), network.array("masked"), network.array("t").to_owned());
    t.zip_mut_with(&masked, |t, &masked| *t = if masked == 0.0 { *t } else { f64::NAN });
    let labelled: Vec<usize> = (0..t.nrows()).filter(|&row| !t[[row, 0]].is_nan()).collect();
    assert!(labelled.len() < t.nrows(), "{}: some are masked", network.name);
    let training = Training::new().washout(0).ridge(network.number("ridge")).masked_targets(true);
    let (trained, report) = training.fit(&model, &[Series::new(u, t.view())])?;
    assert_eq!(report.unlabelled(), t.nrows() - labelled.len());
    let x = walk(&mut model.session(), u, &["x"])?["x"].select(Axis(0), &labelled);
    // No condition was kept: it is below that of the largest sum over the penalty.
    let condition = 1.0 + norm(x.view()).powi(2) / network.number("ridge");
    assert_learned_alike(&network, &trained, &Bounds::new(x.view(), network.array("Wout"), condition))
}
