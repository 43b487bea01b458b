//! Streams of a batch that begin, are put back, are taught and run free apart from each other: each is a session.

use std::sync::Arc;

use forebay::execute::{ClosedLoop, Session, Snapshot};
use forebay::graph::{Graph, NodeFunction};
use forebay::model::Model;
use forebay::random::{Seed, Stream};
use forebay::reservoir::Reservoir;
use ndarray::{Array3, s};

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
