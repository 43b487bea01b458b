//! Nodes of users' functions: stepped, batched, kept, trained on and refused like the built-in ones.

use std::sync::Arc;

use forebay::checkpoint::Checkpoint;
use forebay::fingerprint::Fingerprint;
use forebay::graph::{Elementwise, Graph, GraphError, NodeFunction};
use forebay::model::Model;
use forebay::model::file::FileError;
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{Series, Training};
use forebay::{Compiler, Error, HybridEsn, Real};
use ndarray::{Array2, Array3, s};

/// `z(t) = keep z(t-1) + s(t)` for every feature, and puts out the state and the last feature's square root.
#[derive(Debug)]
struct Decay {
    keep: f64,
}

impl NodeFunction for Decay {
    fn name(&self) -> &'static str {
        "decay"
    }
    fn parameters(&self) -> Vec<u8> {
        self.keep.to_le_bytes().to_vec()
    }
    fn width(&self, features: usize) -> Result<usize, String> {
        if features <= 64 { Ok(features + 1) } else { Err("at most 64".to_owned()) }
    }
    fn state_len(&self, features: usize) -> usize {
        features
    }
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
        assert!(input.iter().all(|x| x.is_finite()), "only finite numbers come in");
        state.iter_mut().zip(input).for_each(|(z, x)| *z = self.keep * *z + x);
        output[..state.len()].copy_from_slice(state);
        output[state.len()] = input[input.len() - 1].abs().sqrt();
    }
}

fn decay(keep: f64) -> Arc<dyn NodeFunction> {
    Arc::new(Decay { keep })
}

/// The node behind a reservoir and before one, with feedback, so that all later values hang on its state.
fn model<T: Real>(keep: f64) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let first = g.reservoir_with_feedback("first", u, Reservoir::new(7).density(1.0).leak_rate(0.5), "y");
    let memory = g.custom("memory", first, decay(keep));
    let past = g.delay("past", memory, 2);
    let second = g.reservoir("second", past, Reservoir::new(9).density(0.5));
    g.readout("y", [memory, second], 1);
    let model = Model::generate(g.build()?, 3)?;
    let weights = Array2::from_shape_fn((1, 17), |(_, j)| T::from_f64(0.02 * j as f64 - 0.1));
    model.with_readout("y", weights.view(), ndarray::arr1(&[T::from_f64(0.1)]).view())
}

fn drive<T: Real>(t: usize) -> [T; 2] {
    [0.37, 0.71].map(|rate| T::from_f64((t as f64 * rate).sin()))
}

fn bits<T: Real>(values: &[T]) -> Vec<u64> {
    values.iter().map(|v| v.bits()).collect()
}

#[test]
fn a_step_is_the_function() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let d = g.custom("d", u, decay(0.5));
    let e = g.custom("e", d, Arc::new(Elementwise::new("cube", &[], |z| z * z * z)));
    g.readout("y", [e], 1);
    let graph = g.build()?;
    assert_eq!(graph.to_string().lines().nth(1), Some("d  custom (decay) <- u -> 3"));
    for (t, expected) in [[4.0_f32, -1.0], [4.0, -1.5], [4.0, -1.75]].iter().enumerate() {
        let mut session = Model::<f32>::generate(graph.clone(), 1)?.session();
        for k in 0..=t {
            session.step(if k == 0 { &[4.0, -1.0] } else { &[2.0, -1.0] })?;
        }
        assert_eq!(session.node("d")?, [expected[0], expected[1], 1.0]);
        assert_eq!(session.node("e")?, [expected[0].powi(3), expected[1].powi(3), 1.0]);
    }
    Ok(())
}

/// Snapshots, checkpoints, reset and streams of a batch, in both precisions.
fn is_kept<T: Real>() -> Result<(), Error> {
    let model = model::<T>(0.9)?;
    let mut session = model.session();
    let mut batch = model.batch(3)?;
    for t in 0..25 {
        let row: Vec<T> = [0, 5, 11].iter().flat_map(|lag| drive::<T>(t + lag)).collect();
        let expected = bits(session.step(&drive::<T>(t + 5))?);
        assert_eq!(bits(&batch.step(&row)?[1..2]), expected, "step {t}");
    }
    let (snapshot, checkpoint) = (session.snapshot(), session.checkpoint());
    let go_on = |session: &mut forebay::execute::Session<T>| -> Result<Vec<u64>, Error> {
        (25..50).map(|t| Ok(bits(session.step(&drive::<T>(t))?)[0])).collect()
    };
    let expected = go_on(&mut session)?;
    let mut restored = model.session();
    restored.restore(&snapshot)?;
    assert_eq!(go_on(&mut restored)?, expected, "snapshot");
    let mut resumed = model.session();
    resumed.resume(&Checkpoint::from_bytes(&checkpoint.to_bytes())?)?;
    assert!(matches!(resumed.node("memory"), Err(Error::Misuse { .. })), "a checkpoint has states only");
    assert_eq!(go_on(&mut resumed)?, expected, "checkpoint");
    resumed.reset();
    let mut fresh = model.session();
    assert_eq!(resumed.snapshot(), fresh.snapshot());
    assert_eq!(go_on(&mut resumed)?, go_on(&mut fresh)?, "reset");
    assert!(model.session().restore(&snapshot).is_ok());
    assert!(self::model::<T>(0.8)?.session().restore(&snapshot).is_err(), "another parameter, another model");
    Ok(())
}

#[test]
fn the_state_is_kept_with_all_others() -> Result<(), Error> {
    is_kept::<f32>()?;
    is_kept::<f64>()
}

#[test]
fn a_failed_call_leaves_the_state() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let wide = g.products("wide", u, forebay::graph::Products::Squares);
    let d = g.custom("d", wide, decay(3.0));
    g.readout("y", [d], 1);
    let mut session = Model::<f64>::generate(g.build()?, 1)?.session();
    session.step(&[2.0])?;
    let before = session.snapshot();
    // The node before it overflows: the function is not asked.
    assert!(matches!(session.step(&[1e200]), Err(Error::Overflow { node, .. }) if node == "wide"));
    assert_eq!(session.snapshot(), before);
    // Its own state overflows on the way.
    let rows = Array2::from_elem((9, 1), 1.2e154);
    assert!(matches!(session.run(rows.view()), Err(Error::Overflow { node, .. }) if node == "d"));
    assert_eq!(session.snapshot(), before);
    session.step(&[1.0])?;
    assert_eq!(session.node("d")?, [13.0, 1.0]);
    Ok(())
}

/// Setting a reservoir's state leaves what other nodes remember, and outputs follow from both.
#[test]
fn a_state_that_is_set_leaves_it() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(2).density(1.0));
    let d = g.custom("d", u, decay(0.5));
    let c = g.custom("c", x, Arc::new(Elementwise::new("double", &[], |z| 2.0 * z)));
    g.readout("y", [d, c], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let weights = ndarray::arr2(&[[1.0, 0.0, 10.0, 100.0]]);
    let mut esn = HybridEsn::from_model(model.with_readout("y", weights.view(), ndarray::arr1(&[0.0]).view())?)?;
    esn.step(&[3.0])?;
    esn.step(&[1.0])?;
    esn.set_state(&[0.25, -0.5])?;
    assert_eq!(esn.session().outputs(), [2.5 + 5.0 - 100.0]);
    Ok(())
}

/// A readout of the node is trained as one of the same numbers given as features.
#[test]
fn training_reads_it() -> Result<(), Error> {
    let data = Array2::from_shape_fn((301, 2), |(t, k)| drive::<f64>(t)[k]);
    let (inputs, targets) = (data.slice(s![..300, ..]), data.slice(s![1.., ..1]));
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let d = g.custom("d", u, decay(0.7));
    g.readout("y", [d], 1);
    let custom = Model::<f64>::generate(g.build()?, 1)?;
    let mut features = Vec::new();
    custom.session().run_with(inputs, |session| features.extend_from_slice(session.node("d").expect("a node")))?;
    let features = Array2::from_shape_vec((300, 3), features).expect("3 features");
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    g.readout("y", [u], 1);
    let plain = Model::<f64>::generate(g.build()?, 1)?;
    let training = Training::new().washout(10).ridge(1e-6);
    let (by_node, _) = training.fit(&custom, &[Series::new(inputs, targets)])?;
    let (by_features, _) = training.fit(&plain, &[Series::new(features.view(), targets)])?;
    assert_eq!(by_node.readout("y")?, by_features.readout("y")?);
    let together = by_node.batch(1)?.run(inputs.to_owned().into_shape_with_order((1, 300, 2)).expect("one").view())?;
    let alone: Array3<f64> = by_node.session().run(inputs)?.into_shape_with_order((1, 300, 1)).expect("one");
    assert_eq!(together, alone);
    Ok(())
}

#[test]
fn a_function_is_code_and_no_file_holds_it() -> Result<(), Error> {
    match model::<f32>(0.5)?.to_bytes() {
        Err(Error::File(FileError::NotExpressible { why, .. })) => {
            assert!(why.contains("\"memory\"") && why.contains("\"decay\""), "{why}");
        }
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a.forebay", "a.json", "a.npz"] {
        let path = folder.path().join(name);
        assert!(model::<f32>(0.5)?.export(&path).is_err(), "{name}");
        assert!(!path.exists(), "{name}");
    }
    Ok(())
}

#[test]
fn fingerprints_know_name_and_parameters() -> Result<(), Error> {
    let of = |function: Arc<dyn NodeFunction>| -> Result<Fingerprint, Error> {
        let mut g = Graph::builder();
        let u = g.input("u", 2);
        let c = g.custom("c", u, function);
        g.readout("y", [c], 1);
        Ok(Fingerprint::of_model(&Model::<f64>::generate(g.build()?, 1)?))
    };
    let scaled = |name: &str, by: f64| Arc::new(Elementwise::new(name, &[by], move |z| by * z));
    assert_eq!(of(scaled("scaled", 2.0))?, of(scaled("scaled", 2.0))?);
    let all = [
        of(scaled("scaled", 2.0))?,
        of(scaled("scaled", 2.5))?,
        of(scaled("other", 2.0))?,
        of(Arc::new(Elementwise::new("scaled", &[], |z| 2.0 * z)))?,
        of(decay(2.0))?,
    ];
    for (i, a) in all.iter().enumerate() {
        assert!(all[i + 1..].iter().all(|b| a != b), "case {i}");
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut g = Graph::builder();
    let u = g.input("u", 65);
    let d = g.custom("wide", u, decay(0.5));
    g.readout("y", [d], 1);
    match g.build() {
        Err(Error::Graph(GraphError::Range { node, field, expected, found })) => {
            assert_eq!(
                (node.as_str(), field, expected.as_str(), found.as_str()),
                ("wide", "source width", "at most 64", "65")
            );
        }
        other => panic!("{other:?}"),
    }
}

/// The node stays on the host; a reservoir behind it is placed as ever.
#[test]
fn a_substrate_takes_what_is_around_it() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let d = g.custom("d", u, decay(0.5));
    let x = g.reservoir("x", d, Reservoir::new(40).activation(Activation::Sigmoid));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let placed = Compiler::new(forebay::open("software:akd1000")?).compile(&model)?;
    let (mut float, mut mixed) = (model.session(), placed.session());
    for t in 0..30 {
        float.step(&drive::<f64>(t))?;
        mixed.step(&drive::<f64>(t))?;
        assert_eq!(bits(float.node("d")?), bits(mixed.node("d")?));
        assert!(float.node("x")?.iter().zip(mixed.node("x")?).all(|(a, b)| (a - b).abs() < 0.05));
    }
    Ok(())
}
