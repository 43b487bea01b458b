//! A call that fails has changed nothing: whatever fails, and wherever in a series.

use std::sync::Arc;

use forebay::conductor::{Base, ConductorSettings, HeadKind, Layout};
use forebay::execute::Session;
use forebay::graph::{Graph, Products};
use forebay::model::{Model, ModelBuilder};
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::Series;
use forebay::train::online::{OnlineFeedback, OnlineLearner, OnlineTrainer, Rls};
use forebay::{Compiler, Conductor, Error, Form, HybridEsn};
use forebay_akida::Device;
use forebay_software::Software;
use ndarray::{Array1, Array2, Array3, array};
use proptest::prelude::*;

/// Two inputs, feedback, a delay, and squares that overflow in f32 from 1e20 on; as many outputs as inputs.
fn model(seed: u64) -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 2);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(12).density(1.0).leak_rate(0.4), "y");
    let squares = g.products("squares", past, Products::Squares);
    g.readout("y", [x, squares], 1);
    g.readout("z", [x], 1);
    let model = Model::generate(g.build()?, seed)?;
    let weights = Array2::from_shape_fn((1, 14), |(_, j)| 0.1 * (j as f32 - 5.0));
    let bias = Array1::from_elem(1, 0.3);
    model.with_readout("y", weights.view(), bias.view())?.with_readout(
        "z",
        Array2::from_elem((1, 12), 0.2).view(),
        bias.view(),
    )
}

const NODES: [&str; 6] = ["u", "past", "x", "squares", "y", "z"];

/// All that can be seen of a session.
fn seen(session: &Session<f32>) -> Result<Vec<Vec<f32>>, Error> {
    let mut all = vec![session.outputs().to_vec(), vec![session.steps() as f32]];
    for name in NODES {
        all.push(session.node(name)?.to_vec());
    }
    Ok(all)
}

/// What may go wrong, with where in a series of 8 steps.
#[derive(Clone, Copy, Debug)]
enum Call {
    StepNan,
    StepShape,
    StepForced,
    RunNan(usize),
    RunOverflow(usize),
    RunShape,
    RunIntoShape,
    RunWithOverflow(usize),
    Restore,
    Resume,
    SetModel,
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        Just(Call::StepNan),
        Just(Call::StepShape),
        Just(Call::StepForced),
        (0..8_usize).prop_map(Call::RunNan),
        (0..6_usize).prop_map(Call::RunOverflow),
        Just(Call::RunShape),
        Just(Call::RunIntoShape),
        (0..6_usize).prop_map(Call::RunWithOverflow),
        Just(Call::Restore),
        Just(Call::Resume),
        Just(Call::SetModel),
    ]
}

/// A series whose value at `at` is `bad`; the squares see it two steps later.
fn series(at: usize, bad: f32) -> Array2<f32> {
    let mut series = Array2::from_shape_fn((8, 2), |(t, k)| 0.1 * (t + k) as f32);
    series[[at, 1]] = bad;
    series
}

fn fails(session: &mut Session<f32>, call: Call) -> Result<bool, Error> {
    Ok(match call {
        Call::StepNan => session.step(&[0.5, f32::NAN]).is_err(),
        Call::StepShape => session.step(&[0.5]).is_err(),
        Call::StepForced => session.step_forced(&[0.5, 0.5], &[f32::INFINITY, 0.0]).is_err(),
        Call::RunNan(at) => session.run(series(at, f32::NAN).view()).is_err(),
        Call::RunOverflow(at) => session.run(series(at, 1e30).view()).is_err(),
        Call::RunShape => session.run(Array2::zeros((3, 1)).view()).is_err(),
        Call::RunIntoShape => session.run_into(series(0, 0.0).view(), Array2::zeros((8, 3)).view_mut()).is_err(),
        Call::RunWithOverflow(at) => {
            let mut steps = 0;
            let failed = session.run_with(series(at, 1e30).view(), |_| steps += 1).is_err();
            assert_eq!(steps, at + 2, "it has seen the steps before");
            failed
        }
        Call::Restore => session.restore(&model(1001)?.session().snapshot()).is_err(),
        Call::Resume => session.resume(&model(1001)?.session().checkpoint()).is_err(),
        Call::SetModel => {
            session.set_model(HybridEsn::from_weights(&[1.0], &[0.5], &[1.0], 1.0)?.model().clone()).is_err()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Regression: a series that overflowed left the session in its middle.
    #[test]
    fn sessions_are_as_before(
        plan in prop::collection::vec((0..5_usize, calls()), 1..8),
        seed in 0..1000_u64,
    ) {
        let model = model(seed)?;
        let (mut session, mut twin) = (model.session(), model.session());
        let mut stream = Seed(seed).stream("features");
        for (steps, call) in plan {
            for _ in 0..steps {
                let features = [stream.normal() as f32, stream.normal() as f32];
                let outputs = session.step(&features)?.to_vec();
                prop_assert_eq!(&outputs[..], twin.step(&features)?);
            }
            let (before, all) = (session.snapshot(), seen(&session)?);
            prop_assert!(fails(&mut session, call)?, "{:?}", call);
            prop_assert_eq!(session.snapshot(), before, "{:?}", call);
            prop_assert_eq!(seen(&session)?, all, "{:?}", call);
        }
        let good = series(0, 0.25);
        prop_assert_eq!(session.run(good.view())?, twin.run(good.view())?);
        prop_assert_eq!(session.snapshot(), twin.snapshot());
    }
}

/// Doubles its state in each step of a closed loop: over 128 steps it leaves f32.
#[test]
fn a_closed_loop_that_overflows_is_as_before() -> Result<(), Error> {
    let growing = || {
        let linear = HybridEsn::builder().w_in(array![[2.0_f32]]).w_res(array![[0.0_f32]]).w_out(array![[1.0_f32]]);
        linear.activation(forebay::reservoir::Activation::Identity).build()
    };
    let (mut esn, mut twin) = (growing()?, growing()?);
    esn.step(&[1.0])?;
    twin.step(&[1.0])?;
    let before = esn.session().snapshot();
    assert!(matches!(esn.predict_free(200), Err(Error::Overflow { .. })));
    assert_eq!(esn.session().snapshot(), before);
    assert_eq!(esn.session().steps(), 1);
    assert_eq!(esn.state(), [2.0]);
    assert!(matches!(esn.set_state(&[f32::NAN]), Err(Error::NonFinite { .. })));
    assert!(matches!(esn.set_state(&[1.0, 2.0]), Err(Error::Shape { .. })));
    assert_eq!(esn.session().snapshot(), before);
    assert_eq!(esn.predict_free(20)?, twin.predict_free(20)?);
    Ok(())
}

/// What a failing run leaves in the caller's array: the rows before the step that failed, and nothing else.
#[test]
fn a_run_into_an_array_writes_the_rows_before_the_failure() -> Result<(), Error> {
    let model = model(4)?;
    let mut outputs = Array2::from_elem((8, 2), -7.0);
    let mut session = model.session();
    assert!(session.run_into(series(3, 1e30).view(), outputs.view_mut()).is_err());
    assert_eq!(session.steps(), 0);
    let expected = model.session().run(series(3, 1.0).view())?;
    // The input at step 3 reaches the reservoir at once, so only what comes before it is the same.
    assert_eq!(outputs.slice(ndarray::s![..3, ..]), expected.slice(ndarray::s![..3, ..]));
    assert!(outputs.slice(ndarray::s![5.., ..]).iter().all(|y| *y == -7.0), "{outputs}");
    // Refused before it is run: nothing is written.
    let mut outputs = Array2::from_elem((8, 2), -7.0);
    assert!(session.run_into(series(5, f32::NAN).view(), outputs.view_mut()).is_err());
    assert!(outputs.iter().all(|y| *y == -7.0));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Regression: the network had stepped when the learner refused.
    #[test]
    fn trainers_are_as_before(
        at in prop::collection::vec(0..40_usize, 1..6),
        own in any::<bool>(),
        kind in 0..5_usize,
    ) {
        let model = model(11)?;
        let feedback = if own { OnlineFeedback::Own } else { OnlineFeedback::Teacher };
        let new = || OnlineTrainer::new(&model, "z", Rls::new(13, 1, 0.95, 1.0)?, feedback)?.with_head("y", Rls::new(15, 1, 0.95, 1.0)?);
        let (mut trainer, mut twin) = (new()?, new()?);
        let mut stream = Seed(11).stream("features");
        for t in 0..40 {
            let input = [stream.normal() as f32, stream.normal() as f32];
            let target = [stream.normal() as f32, stream.normal() as f32];
            if at.contains(&t) {
                let (before, all) = (trainer.session().snapshot(), seen(trainer.session())?);
                let weights: Vec<_> = trainer.learners().map(|(_, rls)| rls.weights().to_owned()).collect();
                let failed = match kind {
                    0 => trainer.step(&[input[0], f32::NAN], &target).is_err(),
                    1 => trainer.step(&input, &target[..1]).is_err(),
                    2 => trainer.step(&input, &[0.5, f32::INFINITY]).is_err(),
                    3 => trainer.warm_up(&input[..1], &target).is_err(),
                    _ => trainer.step_with(&input, &target, &[1.0]).is_err(),
                };
                prop_assert!(failed);
                prop_assert_eq!(trainer.session().snapshot(), before);
                prop_assert_eq!(seen(trainer.session())?, all);
                let after: Vec<_> = trainer.learners().map(|(_, rls)| rls.weights().to_owned()).collect();
                prop_assert_eq!(after, weights);
            }
            let found = trainer.step(&input, &target)?.to_vec();
            prop_assert_eq!(&found[..], twin.step(&input, &target)?);
        }
    }
}

#[test]
fn batches_are_as_before_and_name_the_same_failure_on_any_number_of_threads() -> Result<(), Error> {
    let model = model(6)?;
    let (mut batch, mut twin) = (model.batch(3)?, model.batch(3)?);
    for t in 0..6 {
        let good = [0.1 * t as f32; 6];
        assert!(batch.step(&[f32::NAN; 6]).is_err() && batch.step(&good[..5]).is_err());
        let outputs = batch.step(&good)?.to_vec();
        assert_eq!(outputs, twin.step(&good)?);
        assert_eq!(batch.node("squares")?, twin.node("squares")?);
    }
    // Streams 90 and 7 overflow in step 5 and 6; a value that is no number is found before anything runs.
    let mut features = Array3::from_elem((100, 10, 2), 0.5_f32);
    features[[90, 3, 0]] = 1e30;
    features[[7, 4, 1]] = 1e30;
    for threads in [1, 2, 7] {
        let pool = forebay::threads::Pool::new(threads).expect("threads can be had");
        match pool.install(|| model.batch(3)?.run(features.view())) {
            Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("squares", 5), "{threads}"),
            other => panic!("{other:?}"),
        }
        let mut features = features.clone();
        features[[50, 9, 1]] = f32::NAN;
        match pool.install(|| model.batch(3)?.run(features.view())) {
            Err(Error::NonFinite { index, .. }) => assert_eq!(index, 50 * 20 + 19),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(batch.node("squares")?, twin.node("squares")?);
    Ok(())
}

#[test]
fn conductors_are_as_before() -> Result<(), Error> {
    let model = model(3)?;
    let layout =
        Layout::new([("a", HeadKind::Regression { outputs: 2, base: Base::Mean }), ("b", HeadKind::Probability)]);
    let mut stream = Seed(3).stream("series");
    let inputs = Array2::from_shape_simple_fn((300, 2), || stream.normal() as f32);
    let targets = Array2::from_shape_fn((300, 3), |(t, k)| if k < 2 { inputs[[t, k]] } else { (t % 2) as f32 });
    let data = Series::new(inputs.view(), targets.view());
    // The squares make a head of large weights overflow where the network does not.
    let fit = || Conductor::fit(&model, &["x", "squares"], &layout, &data, &ConductorSettings::default());
    let ((mut conductor, _), (mut twin, _)) = (fit()?, fit()?);
    let mut failed = 0;
    for t in 0..40 {
        // Two steps later it reaches the squares: 1e19 leaves the heads' sums in range, 1e30 does not.
        let bad = [if t % 7 == 3 { f32::NAN } else { 0.1 }, 0.2];
        let before = (conductor.steps(), conductor.outputs().to_vec());
        if conductor.step(&bad[..=usize::from(t % 7 == 3)]).is_err() {
            failed += 1;
            assert_eq!((conductor.steps(), conductor.outputs().to_vec()), before);
        }
        let good = [stream.normal() as f32, stream.normal() as f32];
        assert_eq!(conductor.step(&good)?.to_vec(), twin.step(&good)?.to_vec());
    }
    assert_eq!(failed, 40);
    // An overflow on the way, twice: the network is where it was, so it fails in the same step again.
    for conductor in [&mut conductor, &mut twin] {
        conductor.step(&[1e30, 0.0])?;
        conductor.step(&[0.0, 0.0])?;
    }
    let before = (conductor.steps(), conductor.outputs().to_vec());
    for _ in 0..2 {
        match conductor.step(&[0.0, 0.0]) {
            Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("squares", before.0)),
            other => panic!("{other:?}"),
        }
        assert_eq!((conductor.steps(), conductor.outputs().to_vec()), before);
    }
    Ok(())
}

/// What a failed step had computed of a node stayed where a chain on a processor computes nothing, and every later step found it.
#[test]
fn a_chain_under_a_session_whose_step_failed_runs() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let a = g.dense("a", u, 3, 1.0);
    let a = g.bounded_relu("a_relu", a, 1.0);
    g.readout("y", [a], 1);
    let weights = Array2::from_elem((3, 2), 1.0);
    let model = ModelBuilder::<f64>::new(g.build()?).linear("a", weights.view(), Array1::zeros(3).view())?;
    let model = model.linear("y", Array2::from_elem((1, 3), 0.5).view(), Array1::zeros(1).view())?.build()?;
    let data = Array2::from_shape_fn((50, 2), |(t, k)| 0.3 * libm::sin((t + k) as f64));
    let compiler = Compiler::new(Arc::new(Software::with_form(Device::Akd1000, Form::best()))).calibrate(data.view());
    let compiled = compiler.compile(&model)?;
    let (mut session, mut fresh) = (model.session(), compiled.session());
    assert!(matches!(session.step(&[1.7e308, 1.7e308]), Err(Error::Overflow { .. })));
    session.set_model(compiled.clone())?;
    for row in data.rows() {
        assert_eq!(session.step(&row.to_vec())?, fresh.step(&row.to_vec())?);
    }
    Ok(())
}
