//! Readouts that learn step by step.

use forebay::Error;
use forebay::reservoir::Activation;
use forebay::train::online::{Lms, OnlineFeedback, OnlineLearner, OnlineTrainer, Rls};
use ndarray::{Array2, ArrayView2, s};

use crate::arrays::Network;
use crate::build::{Reads, untrained, walk};
use crate::compare::{Bounds, GIVEN, assert_close, assert_differs, column, norm};

/// The states that the learner saw.
fn states(network: &Network) -> Result<Array2<f64>, Error> {
    let model = untrained(network, Activation::Tanh, Reads::State, false)?.build()?;
    let x = walk(&mut model.session(), network.array("u"), &["x"])?.remove("x").expect("walked");
    assert_close(network, "x", x.view(), network.array("x"), GIVEN);
    Ok(x)
}

/// Trains on the states, without an intercept; gives the output after each correction, which is ReservoirPy's, and the one
/// before it, which an [`OnlineTrainer`] gives.
fn learn(
    learner: &mut impl OnlineLearner,
    x: ArrayView2<'_, f64>,
    t: ArrayView2<'_, f64>,
) -> Result<[Array2<f64>; 2], Error> {
    let (mut after, mut before, mut y) = (Vec::new(), Vec::new(), vec![0.0]);
    for (x, t) in x.rows().into_iter().zip(t.rows()) {
        let (x, t) = (x.to_vec(), t.to_vec());
        learner.predict(&x, &mut y)?;
        before.push(y[0]);
        learner.update(&x, &t)?;
        learner.predict(&x, &mut y)?;
        after.push(y[0]);
    }
    Ok([column(&after), column(&before)])
}

/// The recursion's condition: that of `sum_i lambda^(t-i) x x' + lambda^t alpha I`, whose inverse both keep.
fn bounds(network: &Network, x: ArrayView2<'_, f64>, alpha: f64, forgetting: f64) -> Bounds {
    let condition = (norm(x).powi(2) + alpha) / (alpha * forgetting.powi(x.nrows() as i32));
    Bounds::new(x, network.array("Wout"), condition)
}

fn assert_rls_alike(name: &str) -> Result<(), Error> {
    let network = Network::of_reservoirpy(name);
    let (alpha, forgetting) = (network.number("alpha"), network.number("forgetting"));
    let (x, t) = (states(&network)?, network.array("t"));
    // P starts as I / alpha, there and here.
    let mut rls = Rls::new(x.ncols(), 1, forgetting, alpha)?;
    let [after, before] = learn(&mut rls, x.view(), t)?;
    let bounds = bounds(&network, x.view(), alpha, forgetting);
    bounds.assert_weights(&network, rls.weights().t(), network.array("Wout"));
    assert_close(&network, "y", after.view(), network.array("y"), bounds.outputs);
    assert_differs(&network, "y", before.view(), network.array("y"));
    assert_eq!(rls.held().updates, 0, "{name}: nothing is held back");
    Ok(())
}

/// The outputs of `partial_fit` are those after the correction.
#[test]
fn rls() -> Result<(), Error> {
    assert_rls_alike("rls")
}

#[test]
fn rls_forgetting() -> Result<(), Error> {
    assert_rls_alike("rls_forgetting")
}

/// ReservoirPy's RLS with a bias: the weights are those of RLS on what the bias leaves, and the bias follows the (forgetting)
/// mean of the errors. Here the intercept is a feature like the others, which is ridge regression in every step.
struct BiasFollows {
    rls: Rls,
    bias: f64,
    next: f64,
    count: f64,
    forgetting: f64,
}

impl OnlineLearner for BiasFollows {
    fn features(&self) -> usize {
        self.rls.features()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.rls.weights()
    }

    fn prepare(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        let mut y = [0.0];
        self.rls.predict(features, &mut y)?;
        self.rls.prepare(features, &[target[0] - self.bias])?;
        self.next = self.bias + (target[0] - y[0] - self.bias) / (self.forgetting * self.count + 1.0);
        Ok(())
    }

    fn commit(&mut self) {
        self.rls.commit();
        self.bias = self.next;
        self.count = self.forgetting * self.count + 1.0;
    }
}

#[test]
fn rls_bias() -> Result<(), Error> {
    let network = Network::of_reservoirpy("rls_bias");
    let (alpha, forgetting) = (network.number("alpha"), network.number("forgetting"));
    let (x, t) = (states(&network)?, network.array("t"));
    let rls = Rls::new(x.ncols(), 1, forgetting, alpha)?;
    let mut learner = BiasFollows { rls, bias: 0.0, next: 0.0, count: 0.0, forgetting };
    let (mut found, mut y) = (Vec::new(), [0.0]);
    for (x, t) in x.rows().into_iter().zip(t.rows()) {
        let bias = learner.bias;
        learner.update(&x.to_vec(), &t.to_vec())?;
        learner.predict(&x.to_vec(), &mut y)?;
        found.push(y[0] + bias);
    }
    let bounds = bounds(&network, x.view(), alpha, forgetting);
    bounds.assert_weights(&network, learner.weights().t(), network.array("Wout"));
    assert_close(&network, "y", column(&found).view(), network.array("y"), bounds.outputs);
    assert_close(&network, "Wout_bias", column(&[learner.bias]).view(), network.array("Wout_bias"), bounds.outputs);

    // The trainer's intercept is a feature: another bias.
    let model = untrained(&network, Activation::Tanh, Reads::State, false)?.build()?;
    let rls = Rls::new(1 + x.ncols(), 1, forgetting, alpha)?;
    let mut trainer = OnlineTrainer::new(&model, "y", rls, OnlineFeedback::Teacher)?;
    for (u, t) in network.array("u").rows().into_iter().zip(t.rows()) {
        trainer.step(&u.to_vec(), &t.to_vec())?;
    }
    let weights = trainer.learner().weights();
    assert_differs(&network, "Wout_bias", weights.slice(s![.., ..1]), network.array("Wout_bias"));
    Ok(())
}

/// ReservoirPy's LMS: the rate is not divided by the power of the features. A learner of one's own is this long.
struct PlainLms {
    weights: Array2<f64>,
    step: Vec<f64>,
    rate: f64,
}

impl OnlineLearner for PlainLms {
    fn features(&self) -> usize {
        self.weights.ncols()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    fn prepare(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        let mut y = [0.0];
        self.predict(features, &mut y)?;
        self.step = features.iter().map(|x| self.rate * (target[0] - y[0]) * x).collect();
        Ok(())
    }

    fn commit(&mut self) {
        self.weights.iter_mut().zip(self.step.drain(..)).for_each(|(weight, step)| *weight += step);
    }
}

impl PlainLms {
    fn new(features: usize, rate: f64) -> Self {
        Self { weights: Array2::zeros((1, features)), step: Vec::new(), rate }
    }
}

#[test]
fn lms() -> Result<(), Error> {
    let network = Network::of_reservoirpy("lms");
    let (x, t) = (states(&network)?, network.array("t"));
    let mut lms = PlainLms::new(x.ncols(), network.number("rate"));
    let [after, _] = learn(&mut lms, x.view(), t)?;
    assert_close(&network, "y", after.view(), network.array("y"), GIVEN);
    assert_close(&network, "Wout", lms.weights().t(), network.array("Wout"), GIVEN);
    // The one that is built in is normalised.
    let mut normalised = Lms::new(x.ncols(), 1, network.number("rate"))?;
    let [after, _] = learn(&mut normalised, x.view(), t)?;
    assert_differs(&network, "y", after.view(), network.array("y"));
    Ok(())
}

/// LMS with a bias is LMS on `[1; x]`, which is what a trainer gives its learner.
#[test]
fn lms_bias() -> Result<(), Error> {
    let network = Network::of_reservoirpy("lms_bias");
    let model = untrained(&network, Activation::Tanh, Reads::State, false)?.build()?;
    let lms = PlainLms::new(1 + network.array("W").nrows(), network.number("rate"));
    let mut trainer = OnlineTrainer::new(&model, "y", lms, OnlineFeedback::Teacher)?;
    for (u, t) in network.array("u").rows().into_iter().zip(network.array("t").rows()) {
        trainer.step(&u.to_vec(), &t.to_vec())?;
    }
    let weights = trainer.learner().weights();
    assert_close(&network, "Wout_bias", weights.slice(s![.., ..1]), network.array("Wout_bias"), GIVEN);
    assert_close(&network, "Wout", weights.slice(s![.., 1..]).t(), network.array("Wout"), GIVEN);
    Ok(())
}

/// RLS with feedback. ReservoirPy's `partial_fit` feeds back the output after the correction, neither the target nor the
/// output before it (which are [`OnlineFeedback`]'s two): here the caller's loop does.
#[test]
fn force() -> Result<(), Error> {
    let network = Network::of_reservoirpy("force");
    let (u, t, alpha) = (network.array("u"), network.array("t"), network.number("alpha"));
    let mut session = crate::feedback::by_hand(&network)?.session();
    let mut rls = Rls::new(network.array("W").nrows(), 1, 1.0, alpha)?;
    let (mut found, mut y) = (Vec::new(), [0.0]);
    let mut seen = Array2::zeros((0, rls.features()));
    for (u, t) in u.rows().into_iter().zip(t.rows()) {
        session.step(&[u[0], y[0]])?;
        let x = session.node("x")?;
        rls.update(x, &[t[0]])?;
        rls.predict(x, &mut y)?;
        found.push(y[0]);
        seen.push_row(ndarray::aview1(x)).expect("a row per step");
    }
    let bounds = bounds(&network, seen.view(), alpha, 1.0);
    bounds.assert_weights(&network, rls.weights().t(), network.array("Wout"));
    assert_close(&network, "y", column(&found).view(), network.array("y"), bounds.outputs);
    let last = column(session.node("x")?);
    assert_close(&network, "last", last.view(), network.array("last"), bounds.outputs);

    let model = untrained(&network, Activation::Tanh, Reads::State, true)?.build()?;
    for feedback in [OnlineFeedback::Teacher, OnlineFeedback::Own] {
        let rls = Rls::new(1 + rls.features(), 1, 1.0, alpha)?;
        let mut trainer = OnlineTrainer::new(&model, "y", rls, feedback)?;
        for (u, t) in u.rows().into_iter().zip(t.rows()) {
            trainer.step(&u.to_vec(), &t.to_vec())?;
        }
        let last = column(trainer.session().node("x")?);
        assert_differs(&network, "last", last.view(), network.array("last"));
    }
    Ok(())
}
