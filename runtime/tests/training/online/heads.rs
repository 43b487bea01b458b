//! Training heads of a running network: what every reservoir sees of every head, against a network in plain loops.

use forebay::graph::{Graph, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::online::{OnlineFeedback, OnlineLearner, OnlineTrainer, Rls};
use forebay::train::{Series, Training};
use forebay::{Error, Real};
use ndarray::{Array1, Array2, ArrayView2, s};
use proptest::prelude::*;

const UNITS: usize = 6;
const LEAK: f64 = 0.5;

/// One reservoir of 6 units per head, fed back that head; every head reads all of them.
struct Plain {
    w_in: Vec<Array2<f64>>,
    w_res: Vec<Array2<f64>>,
    w_feedback: Vec<Array2<f64>>,
    w_out: Vec<Array2<f64>>,
    bias_out: Vec<f64>,
    states: Vec<Vec<f64>>,
    fed_back: Vec<f64>,
}

impl Plain {
    fn new(heads: usize, seed: u64) -> Self {
        let mut stream = Seed(seed).stream("network");
        let mut draw = |rows, cols, bound: f64| {
            // Exact in f32 as well, so that both precisions run the same network.
            Array2::from_shape_simple_fn((rows, cols), || f64::from(stream.uniform_in(-bound, bound) as f32))
        };
        let mut all = |rows, cols, bound| (0..heads).map(|_| draw(rows, cols, bound)).collect::<Vec<_>>();
        Self {
            w_in: all(UNITS, 1, 1.0),
            w_res: all(UNITS, UNITS, 0.3),
            w_feedback: all(UNITS, 1, 0.6),
            w_out: all(1, heads * UNITS, 0.2),
            bias_out: all(1, 1, 0.5).iter().map(|b| b[[0, 0]]).collect(),
            states: vec![vec![0.0; UNITS]; heads],
            fed_back: vec![0.0; heads],
        }
    }

    fn model<T: Real>(&self) -> Result<Model<T>, Error> {
        let heads = self.w_in.len();
        let of = |m: &Array2<f64>| m.mapv(T::from_f64);
        let mut g = Graph::builder();
        let u = g.input("u", 1);
        let given = || ReservoirSource::Given { units: UNITS, activation: Activation::Tanh };
        let nodes: Vec<_> =
            (0..heads).map(|k| g.reservoir_with_feedback(&format!("x{k}"), u, given(), &format!("y{k}"))).collect();
        for k in 0..heads {
            g.readout(&format!("y{k}"), nodes.clone(), 1);
        }
        let mut builder = ModelBuilder::new(g.build()?);
        for k in 0..heads {
            let pack = |m: &Array2<f64>| Matrix::from_dense("w", of(m).view());
            let reservoir = ReservoirParameters {
                w_in: pack(&self.w_in[k])?,
                w_res: pack(&self.w_res[k])?,
                w_feedback: Some(pack(&self.w_feedback[k])?),
                bias: vec![T::ZERO; UNITS],
                leak: LeakRates::uniform(T::from_f64(LEAK))?,
            };
            let bias = Array1::from_elem(1, T::from_f64(self.bias_out[k]));
            builder = builder.reservoir(&format!("x{k}"), reservoir)?;
            builder = builder.linear(&format!("y{k}"), of(&self.w_out[k]).view(), bias.view())?;
        }
        builder.build()
    }

    fn step(&mut self, u: f64) {
        for k in 0..self.states.len() {
            let old = self.states[k].clone();
            for i in 0..UNITS {
                let mut sum = self.w_in[k][[i, 0]] * u + self.w_feedback[k][[i, 0]] * self.fed_back[k];
                for (j, old) in old.iter().enumerate() {
                    sum += self.w_res[k][[i, j]] * old;
                }
                self.states[k][i] = (1.0 - LEAK) * old[i] + LEAK * libm::tanh(sum);
            }
        }
    }

    fn all_states(&self) -> Vec<f64> {
        self.states.concat()
    }

    fn readout(&self, k: usize) -> f64 {
        let states = self.all_states();
        let mut y = self.bias_out[k];
        for (w, x) in self.w_out[k].row(0).iter().zip(&states) {
            y += w * x;
        }
        y
    }

    fn features(&self) -> Vec<f64> {
        std::iter::once(1.0).chain(self.all_states()).collect()
    }
}

/// Where the values of the heads that are not trained come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Others {
    Own,
    Given,
}

/// Trains some heads of a network and checks states, outputs and weights after every step.
fn assert_trains_as_in_plain_loops<T: Real>(
    heads: usize,
    trained: &[usize],
    feedback: OnlineFeedback,
    others: Others,
    seed: u64,
    tolerance: f64,
) -> Result<(), Error> {
    let case = format!("{} heads, trained {trained:?}, {feedback:?}, {others:?}, {}", heads, T::NAME);
    let mut plain = Plain::new(heads, seed);
    let model = plain.model::<T>()?;
    // A large penalty: with the learner's own feedback, small differences then stay small.
    let rls = || Rls::new(1 + heads * UNITS, 1, 0.98, 10.0);
    let mut trainer = OnlineTrainer::new(&model, &format!("y{}", trained[0]), rls()?, feedback)?;
    for k in &trained[1..] {
        trainer = trainer.with_head(&format!("y{k}"), rls()?)?;
    }
    // Learners are tested on their own; here each stands in for the weights of its head.
    let mut learners = trained.iter().map(|_| rls()).collect::<Result<Vec<_>, _>>()?;
    let mut stream = Seed(seed).stream("series");
    for t in 0..60 {
        let single = |x: f64| f64::from(x as f32);
        let u = single(stream.uniform_in(-1.0, 1.0));
        let truth: Vec<f64> =
            (0..heads).map(|k| single(0.8 * libm::sin(0.1 * (t * (k + 1)) as f64) + 0.1 * u)).collect();
        plain.step(u);
        let features = plain.features();
        let mut given: Vec<f64> = (0..heads).map(|k| plain.readout(k)).collect();
        if others == Others::Given {
            given.copy_from_slice(&truth);
        }
        let mut expected = Vec::new();
        for (learner, &k) in learners.iter_mut().zip(trained) {
            let mut y = [0.0];
            learner.predict(&features, &mut y)?;
            learner.update(&features, &[truth[k]])?;
            expected.push(y[0]);
            given[k] = if feedback == OnlineFeedback::Own { y[0] } else { truth[k] };
        }
        plain.fed_back = given;

        let target: Vec<T> = trained.iter().map(|&k| T::from_f64(truth[k])).collect();
        let found = match others {
            Others::Own => trainer.step(&[T::from_f64(u)], &target)?.to_vec(),
            Others::Given => {
                let rest: Vec<T> = (0..heads).filter(|k| !trained.contains(k)).map(|k| T::from_f64(truth[k])).collect();
                trainer.step_with(&[T::from_f64(u)], &target, &rest)?.to_vec()
            }
        };
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < tolerance, "{case}, step {t}: output {found} against {expected}");
        }
        for (k, states) in plain.states.iter().enumerate() {
            for (x, expected) in trainer.session().node(&format!("x{k}"))?.iter().zip(states) {
                assert!((x.to_f64() - expected).abs() < tolerance, "{case}, step {t}: state {x} against {expected}");
            }
        }
        // The running session says what the trainer says.
        for (&k, y) in trained.iter().zip(&found) {
            assert_eq!(trainer.session().head(&format!("y{k}"))?, [T::from_f64(*y)], "{case}");
            assert_eq!(trainer.session().node(&format!("y{k}"))?, [T::from_f64(*y)], "{case}");
        }
    }
    // It goes on with what was learnt, from where it is.
    let names: Vec<String> = trainer.learners().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, trained.iter().map(|k| format!("y{k}")).collect::<Vec<_>>());
    let mut session = trainer.into_session()?;
    plain.step(0.25);
    let features = plain.features();
    session.step(&[T::from_f64(0.25)])?;
    for k in 0..heads {
        let mut expected = [plain.readout(k)];
        if let Some(place) = trained.iter().position(|&other| other == k) {
            learners[place].predict(&features, &mut expected)?;
        }
        let y = session.head(&format!("y{k}"))?[0].to_f64();
        assert!((y - expected[0]).abs() < tolerance, "{case}: {y} against {}", expected[0]);
    }
    Ok(())
}

/// Regression: the reservoirs saw zeros of every head but the trained one; states were off by more than 1.
#[test]
fn heads_that_are_not_trained_feed_back_what_they_give() -> Result<(), Error> {
    for feedback in [OnlineFeedback::Teacher, OnlineFeedback::Own] {
        for (heads, trained) in [(2, &[0][..]), (2, &[1]), (3, &[1]), (3, &[2, 0])] {
            for others in [Others::Own, Others::Given] {
                assert_trains_as_in_plain_loops::<f64>(heads, trained, feedback, others, 41, 1e-10)?;
                assert_trains_as_in_plain_loops::<f32>(heads, trained, feedback, others, 41, 1e-4)?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_heads_of_up_to_five_are_trained_as_in_plain_loops(
        order in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle(),
        heads in 1_usize..=5,
        share in 0.0..1.0_f64,
        own in any::<bool>(),
        given in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let order: Vec<usize> = order.into_iter().filter(|&k| k < heads).collect();
        let trained = &order[..=(share * heads as f64) as usize % heads];
        let feedback = if own { OnlineFeedback::Own } else { OnlineFeedback::Teacher };
        let others = if given { Others::Given } else { Others::Own };
        assert_trains_as_in_plain_loops::<f64>(heads, trained, feedback, others, seed, 1e-9)?;
        assert_trains_as_in_plain_loops::<f32>(heads, trained, feedback, others, seed, 1e-3)?;
    }
}

/// Regression: two heads trained one after the other, each with zeros of the other fed back, ended far from ridge regression.
#[test]
fn two_heads_trained_at_once_end_at_the_ridge_solution() -> Result<(), Error> {
    const WASHOUT: usize = 50;
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let a = g.reservoir_with_feedback("a", u, Reservoir::new(15), "y");
    let b = g.reservoir_with_feedback("b", u, Reservoir::new(12), "z");
    g.readout("y", [a, b], 1);
    g.readout("z", [u, b], 2);
    let model = Model::<f64>::generate(g.build()?, 3)?;
    let mut stream = Seed(3).stream("series");
    let u = Array2::from_shape_simple_fn((600, 1), || stream.uniform_in(-1.0, 1.0));
    let y = Array2::from_shape_fn((600, 3), |(t, k)| {
        let past = |back: usize| if t >= back { u[[t - back, 0]] } else { 0.0 };
        past(k) * past(1) + 0.5 * past(2) - 0.3 + 0.05 * stream.normal()
    });
    let ridge = 1e-7;
    let (rls_y, rls_z) = (Rls::new(28, 1, 1.0, ridge)?, Rls::new(14, 2, 1.0, ridge)?);
    // Not in the graph's order, so that a mix-up of columns shows.
    let mut trainer = OnlineTrainer::new(&model, "z", rls_z, OnlineFeedback::Teacher)?.with_head("y", rls_y)?;
    for t in 0..600 {
        let target = [y[[t, 1]], y[[t, 2]], y[[t, 0]]];
        if t < WASHOUT {
            trainer.warm_up(&[u[[t, 0]]], &target)?;
        } else {
            trainer.step(&[u[[t, 0]]], &target)?;
        }
    }
    let online = trainer.into_model()?;
    let series = [Series::new(u.view(), y.view())];
    let (expected, _) = Training::new().washout(WASHOUT).ridge(ridge).fit(&model, &series)?;
    let forced = |model: &Model<f64>| -> Result<Array2<f64>, Error> {
        let mut session = model.session();
        let mut outputs = Array2::zeros((600, 3));
        for t in 0..600 {
            let row = session.step_forced(&[u[[t, 0]]], y.row(t).as_slice().expect("rows lie together"))?;
            outputs.row_mut(t).iter_mut().zip(row).for_each(|(to, from)| *to = *from);
        }
        Ok(outputs)
    };
    let late = |outputs: Array2<f64>| outputs.slice_move(s![WASHOUT.., ..]);
    let (found, expected) = (late(forced(&online)?), late(forced(&expected)?));
    let worst = (&found - &expected).iter().fold(0.0_f64, |most, e| most.max(e.abs()));
    // RLS also penalises the intercept.
    assert!(worst < 1e-5, "{worst:e}");
    let error = forebay::metrics::nrmse(y.slice(s![WASHOUT.., ..]), found.view()).expect("the targets vary");
    assert!(error < 0.9, "{error}");
    Ok(())
}

/// A learner whose weights are given, and which may refuse.
struct Fixed {
    weights: Array2<f64>,
    refuses: bool,
    commits: usize,
}

impl OnlineLearner for Fixed {
    fn features(&self) -> usize {
        self.weights.ncols()
    }
    fn outputs(&self) -> usize {
        self.weights.nrows()
    }
    fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }
    fn prepare(&mut self, _: &[f64], _: &[f64]) -> Result<(), Error> {
        let refusal = || Error::Misuse { what: "it was told to refuse", instead: "-".to_owned() };
        if self.refuses { Err(refusal()) } else { Ok(()) }
    }
    fn commit(&mut self) {
        self.commits += 1;
    }
}

/// Regression: an output beyond f32 was fed back as infinity without a word; tanh made units of 1 of it.
#[test]
fn an_output_that_does_not_fit_is_an_error_before_anything_has_changed() -> Result<(), Error> {
    let model = Plain::new(2, 7).model::<f32>()?;
    let fixed = |first: f64, refuses| {
        let mut weights = Array2::zeros((1, 1 + 2 * UNITS));
        weights[[0, 0]] = first;
        Fixed { weights, refuses, commits: 0 }
    };
    for feedback in [OnlineFeedback::Own, OnlineFeedback::Teacher] {
        let mut trainer =
            OnlineTrainer::new(&model, "y0", fixed(0.5, false), feedback)?.with_head("y1", fixed(1e39, false))?;
        let before = trainer.session().snapshot();
        match trainer.step(&[0.5], &[0.1, 0.2]) {
            Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("y1", 0)),
            other => panic!("{other:?}"),
        }
        assert_eq!(trainer.session().snapshot(), before);
        assert!(trainer.learners().all(|(_, learner)| learner.commits == 0));

        // The second learner refuses: the first has learnt nothing, the network has not moved.
        let mut trainer =
            OnlineTrainer::new(&model, "y0", fixed(0.5, false), feedback)?.with_head("y1", fixed(0.5, true))?;
        assert!(matches!(trainer.step(&[0.5], &[0.1, 0.2]), Err(Error::Misuse { .. })));
        assert_eq!(trainer.session().snapshot(), before);
        assert!(trainer.learners().all(|(_, learner)| learner.commits == 0));
    }
    Ok(())
}

#[test]
fn heads_and_shapes_that_do_not_fit_are_refused() -> Result<(), Error> {
    let model = Plain::new(2, 8).model::<f64>()?;
    let rls = |features| Rls::new(features, 1, 1.0, 1.0);
    let new = |head: &str, learner| OnlineTrainer::new(&model, head, learner, OnlineFeedback::Teacher);
    assert!(matches!(new("no", rls(13)?), Err(Error::Unknown { .. })));
    assert!(matches!(new("y0", rls(12)?), Err(Error::Shape { .. })));
    assert!(matches!(new("y0", rls(13)?)?.with_head("y0", rls(13)?), Err(Error::Misuse { .. })));
    let mut trainer = new("y0", rls(13)?)?;
    assert!(matches!(trainer.step(&[0.1], &[0.1, 0.2]), Err(Error::Shape { .. })));
    assert!(matches!(trainer.step(&[0.1, 0.2], &[0.1]), Err(Error::Shape { .. })));
    assert!(matches!(trainer.step_with(&[0.1], &[0.1], &[]), Err(Error::Shape { .. })));
    assert!(matches!(trainer.step_with(&[0.1], &[0.1], &[f64::NAN]), Err(Error::NonFinite { .. })));
    assert!(matches!(trainer.step(&[0.1], &[f64::NAN]), Err(Error::NonFinite { .. })));
    assert_eq!(trainer.session().steps(), 0);
    trainer.step(&[0.1], &[0.2])?;
    assert!(matches!(trainer.with_head("y1", rls(13)?), Err(Error::Misuse { .. })));
    let (mut short, mut right) = ([0.0; 2], [0.5]);
    assert!(matches!(rls(13)?.predict(&[0.0; 13], &mut short), Err(Error::Shape { .. })));
    assert!(matches!(rls(13)?.predict(&[0.0; 12], &mut right), Err(Error::Shape { .. })));
    assert_eq!(right, [0.5]);
    Ok(())
}
