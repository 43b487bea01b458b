//! Streams of a batch that begin, are put back, are taught and run free apart from each other: each is a session.

use std::sync::Arc;

use forebay::Error;
use forebay::checkpoint::Checkpoint;
use forebay::execute::{ClosedLoop, Session, Snapshot};
use forebay::graph::{Graph, NodeFunction, Products};
use forebay::model::Model;
use forebay::random::{Seed, Stream};
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use ndarray::{Array2, Array3, s};

/// Remembers the last two steps.
#[derive(Debug)]
struct Lag;

impl NodeFunction for Lag {
    fn name(&self) -> &'static str {
        "lag"
    }
    fn state_len(&self, features: usize) -> usize {
        2 * features
    }
    fn step(&self, input: &[f64], state: &mut [f64], output: &mut [f64]) {
        state.rotate_left(input.len());
        output.copy_from_slice(&state[..input.len()]);
        let last = state.len() - input.len();
        state[last..].copy_from_slice(input);
    }
}

/// Everything that remembers: two reservoirs, feedback, delays, a node of one's own; random readouts.
fn model() -> Model<f64> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let late = g.delay("late", u, 3);
    let lag = g.custom("lag", u, Arc::new(Lag));
    let all = g.concat("all", [u, late, lag]);
    let x = g.reservoir_with_feedback("x", all, Reservoir::new(17).leak_rate(0.7), "y");
    let z = g.reservoir("z", x, Reservoir::new(5));
    let before = g.delay("before", z, 2);
    g.readout("y", [x, before], 2);
    g.readout("w", [u, z], 1);
    let mut model = Model::generate(g.build().unwrap(), 3).unwrap();
    let mut numbers = Seed(8).stream("readouts");
    for head in ["y", "w"] {
        let (weights, bias) = model.readout(head).unwrap();
        let mut number = |_| 0.3 * numbers.normal();
        let (weights, bias) = (weights.mapv(&mut number), bias.mapv(&mut number));
        model = model.with_readout(head, weights.view(), bias.view()).unwrap();
    }
    model
}

fn values(numbers: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| numbers.normal()).collect()
}

fn all_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

const STREAMS: usize = 5;

#[test]
fn every_stream_is_a_session() {
    let model = model();
    let nodes = ["u", "late", "lag", "all", "x", "z", "before", "y", "w"];
    for seed in 0..12 {
        let mut numbers = Seed(seed).stream("moves");
        let mut batch = model.batch(STREAMS).unwrap();
        let mut sessions: Vec<Session<f64>> = (0..STREAMS).map(|_| model.session()).collect();
        let mut kept: Vec<Snapshot<f64>> = Vec::new();
        for _ in 0..60 {
            let mut pick = |most: usize| (numbers.uniform_in(0.0, most as f64) as usize).min(most - 1);
            let (stream, other) = (pick(STREAMS), pick(STREAMS));
            match pick(8) {
                0 => {
                    batch.reset_stream(stream).unwrap();
                    sessions[stream].reset();
                }
                1 => {
                    let [ours, its] = [batch.snapshot(stream).unwrap(), sessions[stream].snapshot()];
                    assert_eq!(ours, its);
                    kept.push(ours);
                }
                2 if !kept.is_empty() => {
                    let snapshot = &kept[pick(kept.len())];
                    batch.restore(stream, snapshot).unwrap();
                    sessions[stream].restore(snapshot).unwrap();
                }
                3 => {
                    let snapshot = sessions[other].snapshot();
                    batch.restore(stream, &snapshot).unwrap();
                    sessions[stream].restore(&snapshot).unwrap();
                }
                4 => {
                    let (features, teacher) = (values(&mut numbers, 3 * STREAMS), values(&mut numbers, 3 * STREAMS));
                    batch.step_forced(&features, &teacher).unwrap();
                    let rows = features.chunks(3).zip(teacher.chunks(3));
                    rows.zip(&mut sessions).for_each(|((u, y), session)| {
                        session.step_forced(u, y).unwrap();
                    });
                }
                5 if sessions.iter().all(|session| session.outputs().iter().any(|y| *y != 0.0)) => {
                    let closed = ClosedLoop::new([(2, 0), (0, 2)]);
                    let outside = values(&mut numbers, STREAMS * 4);
                    let outside = Array3::from_shape_vec((STREAMS, 4, 1), outside).unwrap();
                    let forecast = batch.forecast_with(&closed, outside.view()).unwrap();
                    for (stream, session) in sessions.iter_mut().enumerate() {
                        let alone = session.forecast_with(&closed, outside.slice(s![stream, .., ..])).unwrap();
                        assert_eq!(forecast.slice(s![stream, .., ..]), alone);
                    }
                }
                _ => {
                    let features = values(&mut numbers, 3 * STREAMS);
                    batch.step(&features).unwrap();
                    features.chunks(3).zip(&mut sessions).for_each(|(u, session)| {
                        session.step(u).unwrap();
                    });
                }
            }
            for (stream, session) in sessions.iter().enumerate() {
                assert_eq!(batch.steps(stream).unwrap(), session.steps());
                for node in nodes {
                    let ours = batch.node(node).unwrap();
                    let width = ours.len() / STREAMS;
                    let ours = &ours[stream * width..(stream + 1) * width];
                    assert_eq!(all_bits(ours), all_bits(session.node(node).unwrap()), "{node} of {stream}");
                }
            }
        }
        for (stream, session) in sessions.iter().enumerate() {
            assert_eq!(batch.snapshot(stream).unwrap(), session.snapshot());
        }
    }
}

/// A stream at rest has no outputs to go on from, whatever the others have.
/// Kept on disk, a stream is a session, and a session a stream; the other streams do not notice.
#[test]
fn checkpoints_go_from_streams_to_sessions_and_back() {
    let model = model();
    let mut numbers = Seed(4).stream("checkpoints");
    let (mut batch, mut session) = (model.batch(3).unwrap(), model.session());
    for _ in 0..9 {
        batch.step(&values(&mut numbers, 9)).unwrap();
        session.step(&values(&mut numbers, 3)).unwrap();
    }
    batch.reset_stream(2).unwrap();
    let mut twin = batch.clone();
    for (stream, steps) in [(1, 9), (2, 0)] {
        let kept = Checkpoint::from_bytes(&batch.checkpoint(stream).unwrap().to_bytes()).unwrap();
        assert_eq!(kept.steps(), steps);
        let mut resumed = model.session();
        resumed.resume(&kept).unwrap();
        assert_eq!(resumed.checkpoint(), kept);
        twin.resume(stream, &kept).unwrap();
    }
    for _ in 0..7 {
        let features = values(&mut numbers, 9);
        assert_eq!(all_bits(twin.step(&features).unwrap()), all_bits(batch.step(&features).unwrap()));
    }
    // A session's state in the middle of them.
    batch.resume(1, &session.checkpoint()).unwrap();
    assert_eq!(batch.steps(1).unwrap(), 9);
    assert!(batch.node("late").is_err(), "no checkpoint has it");
    for _ in 0..7 {
        let features = values(&mut numbers, 9);
        let (found, others) = (batch.step(&features).unwrap().to_vec(), twin.step(&features).unwrap());
        assert_eq!(all_bits(&found[3..6]), all_bits(session.step(&features[3..6]).unwrap()));
        assert_eq!(all_bits(&found[..3]), all_bits(&others[..3]));
    }
    let before = batch.clone();
    assert!(matches!(batch.resume(3, &session.checkpoint()), Err(Error::Range { .. })));
    assert!(matches!(batch.checkpoint(3), Err(Error::Range { .. })));
    let other = Model::<f64>::generate(model.graph().clone(), 4).unwrap().session().checkpoint();
    assert!(matches!(batch.resume(0, &other), Err(Error::Checkpoint(_))));
    for stream in 0..3 {
        assert_eq!(batch.snapshot(stream).unwrap(), before.snapshot(stream).unwrap());
    }
}

/// Streams begin apart: an overflow once told the steps of the batch, at which nothing was wrong in any series.
#[test]
fn an_overflow_is_told_in_the_steps_of_its_stream() {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let squares = g.products("squares", u, Products::Unique { degree: 2 });
    g.readout("y", [squares], 1);
    let mut batch = Model::<f64>::generate(g.build().unwrap(), 1).unwrap().batch(3).unwrap();
    for step in 0..8 {
        if step == 5 {
            batch.reset_stream(1).unwrap();
        }
        batch.step(&[0.1; 3]).unwrap();
    }
    for (stream, steps) in [(0, 8), (1, 3), (2, 8)] {
        let mut features = [0.1; 3];
        features[stream] = 1e200;
        match batch.step(&features) {
            Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("squares", steps)),
            other => panic!("{other:?}"),
        }
    }
    // In training it is the step of the series, whichever lane it ran in.
    let long = Array2::from_elem((40, 1), 0.1);
    let mut short = Array2::from_elem((15, 1), 0.1);
    short[[11, 0]] = 1e200;
    let series: Vec<_> = [&long, &long, &short].map(|inputs| Series::new(inputs.view(), inputs.view())).into();
    match Training::new().washout(2).fit(batch.model(), &series) {
        Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("squares", 11)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_batch_refuses_changes_no_stream() {
    let model = model();
    let mut batch = model.batch(STREAMS).unwrap();
    let features = values(&mut Seed(1).stream("features"), 3 * STREAMS);
    let nothing = Array3::zeros((STREAMS, 3, 0));
    let all = ClosedLoop::all(3);
    batch.forecast_with(&all, nothing.view()).unwrap_err();
    batch.step(&features).unwrap();
    batch.forecast_with(&all, nothing.view()).unwrap();
    batch.reset_stream(2).unwrap();
    let before: Vec<_> = (0..STREAMS).map(|stream| batch.snapshot(stream).unwrap()).collect();
    let other = Model::generate(model.graph().clone(), 4).unwrap().session().snapshot();
    let wide = Array3::zeros((STREAMS, 3, 1));
    let few = Array3::zeros((STREAMS - 1, 3, 0));
    let texts = [
        batch.forecast_with(&all, nothing.view()).unwrap_err(),
        batch.forecast_with(&all, wide.view()).unwrap_err(),
        batch.forecast_with(&all, few.view()).unwrap_err(),
        batch.restore(STREAMS, &before[0]).unwrap_err(),
        batch.restore(0, &other).unwrap_err(),
        batch.reset_stream(STREAMS).unwrap_err(),
        batch.snapshot(STREAMS).unwrap_err(),
        batch.steps(STREAMS).unwrap_err(),
        batch.step_forced(&features, &features[1..]).unwrap_err(),
        batch.step(&features[1..]).unwrap_err(),
    ];
    assert!(texts[0].to_string().contains("there is none"), "{}", texts[0]);
    assert_eq!(texts[3].to_string(), "the stream must be below 5, found 5");
    assert!(texts[4].to_string().contains("own model only"));
    for (stream, before) in before.iter().enumerate() {
        assert_eq!(&batch.snapshot(stream).unwrap(), before);
    }
}
