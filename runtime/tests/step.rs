//! What a step computes, against the formulas written out in plain loops.

use forebay::execute::Session;
use forebay::graph::{Graph, Products, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::{Error, Form, HybridEsn, ReadoutOn};
use ndarray::{Array1, Array2, Array3, Axis, array, s};
use proptest::prelude::*;

fn uniform(seed: u64, name: &str, values: usize, bound: f64) -> Vec<f64> {
    let mut stream = Seed(seed).stream(name);
    (0..values).map(|_| stream.uniform_in(-bound, bound)).collect()
}

/// The formula of the facade's documentation, in the order it is written: b + `W_in` u + `W_res` x.
struct Plain {
    inputs: usize,
    units: usize,
    w_in: Vec<f64>,
    w_res: Vec<f64>,
    bias: Vec<f64>,
    leak: f64,
    state: Vec<f64>,
}

impl Plain {
    fn step(&mut self, u: &[f64]) {
        let sums: Vec<f64> = (0..self.units)
            .map(|i| {
                let input: f64 = (0..self.inputs).map(|j| self.w_in[i * self.inputs + j] * u[j]).sum();
                let recurrent: f64 = (0..self.units).map(|j| self.w_res[i * self.units + j] * self.state[j]).sum();
                self.bias[i] + input + recurrent
            })
            .collect();
        for (x, sum) in self.state.iter_mut().zip(sums) {
            *x = (1.0 - self.leak) * *x + self.leak * libm::tanh(sum);
        }
    }
}

#[test]
fn from_weights_is_the_plain_formula() -> Result<(), Error> {
    for (units, inputs, outputs) in [(1, 1, 1), (2, 3, 1), (17, 1, 4), (64, 2, 2), (101, 5, 3)] {
        let bound = 0.9 / (units as f64).sqrt();
        let w_in = uniform(1, "w_in", units * inputs, 1.0);
        let w_res = uniform(1, "w_res", units * units, bound);
        let w_out = uniform(1, "w_out", outputs * units, 1.0);
        let drive = uniform(1, "drive", 1000 * inputs, 1.0);
        let leak = 0.3;
        let mut esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, leak)?;
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let mut esn32 = HybridEsn::from_weights(&single(&w_in), &single(&w_res), &single(&w_out), leak as f32)?;
        let bias = vec![0.0; units];
        let mut plain = Plain { inputs, units, w_in, w_res, bias, leak, state: vec![0.0; units] };
        let (mut worst, mut worst32) = (0.0_f64, 0.0_f64);
        for u in drive.chunks_exact(inputs) {
            plain.step(u);
            let y = esn.step(u)?.to_vec();
            esn32.step(&single(u))?;
            for (row, y) in w_out.chunks_exact(units).zip(y) {
                let expected: f64 = row.iter().zip(&plain.state).map(|(w, x)| w * x).sum();
                assert!((y - expected).abs() < 1e-12 * units as f64, "output {y} against {expected}");
            }
            for ((x, x32), expected) in esn.state().iter().zip(esn32.state()).zip(&plain.state) {
                worst = worst.max((x - expected).abs());
                worst32 = worst32.max((f64::from(*x32) - expected).abs());
            }
        }
        assert!(worst < 1e-12, "f64, {units} units: {worst:e}");
        assert!(worst32 < 1e-5, "f32, {units} units: {worst32:e}");
    }
    Ok(())
}

#[test]
fn readouts_see_bias_input_and_state() -> Result<(), Error> {
    let (w_in, w_res) = (array![[0.5], [-0.25]], array![[0.0, 0.5], [-0.5, 0.1]]);
    let layouts = [
        (ReadoutOn::State, array![[2.0, 3.0]]),
        (ReadoutOn::BiasState, array![[7.0, 2.0, 3.0]]),
        (ReadoutOn::InputState, array![[5.0, 2.0, 3.0]]),
        (ReadoutOn::BiasInputState, array![[7.0, 5.0, 2.0, 3.0]]),
    ];
    for (on, w_out) in layouts {
        let mut esn =
            HybridEsn::builder().w_in(w_in.clone()).w_res(w_res.clone()).w_out(w_out.clone()).readout_on(on).build()?;
        let y = esn.step(&[0.25])?[0];
        let x = esn.state();
        let full = match on {
            ReadoutOn::State => vec![x[0], x[1]],
            ReadoutOn::BiasState => vec![1.0, x[0], x[1]],
            ReadoutOn::InputState => vec![0.25, x[0], x[1]],
            ReadoutOn::BiasInputState => vec![1.0, 0.25, x[0], x[1]],
        };
        let expected: f64 = w_out.row(0).iter().zip(&full).map(|(w, f)| w * f).sum();
        assert!((y - expected).abs() < 1e-15, "{on:?}: {y} against {expected}");
    }
    Ok(())
}

#[test]
fn every_kind_of_node_computes_what_it_says() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let v = g.input("v", 1);
    let past = g.delay("past", u, 2);
    let both = g.concat("both", [past, v]);
    let pairs = g.products("pairs", both, Products::Unique { degree: 2 });
    let squares = g.products("squares", u, Products::AlternateSquares);
    let dense = g.dense("dense", both, 2, 1.0);
    let bounded = g.activation("bounded", dense, Activation::BoundedRelu { max: 0.5 });
    g.readout("y", [bounded, v], 1);
    let w = array![[1.0, 0.0, 0.0], [0.0, -1.0, 2.0]];
    let model = ModelBuilder::new(g.build()?)
        .linear("dense", w.view(), array![0.1, 0.2].view())?
        .linear("y", array![[1.0, 10.0, 100.0]].view(), array![1000.0].view())?
        .build()?;
    let _ = (pairs, squares);
    let mut session = model.session();
    let inputs: [[f64; 3]; 4] = [[0.25, 0.5, 1.0], [2.0, 3.0, -1.0], [4.0, 5.0, 0.5], [6.0, 7.0, 0.25]];
    for (t, input) in inputs.iter().enumerate() {
        let y = session.step(input)?[0];
        let delayed = if t >= 2 { [inputs[t - 2][0], inputs[t - 2][1]] } else { [0.0, 0.0] };
        let [a, b, c] = [delayed[0], delayed[1], input[2]];
        assert_eq!(session.node("past")?, delayed);
        assert_eq!(session.node("both")?, [a, b, c]);
        assert_eq!(session.node("pairs")?, [a * a, a * b, a * c, b * b, b * c, c * c]);
        assert_eq!(session.node("squares")?, [input[0], input[1] * input[1]]);
        let h = [(0.1 + a).clamp(0.0, 0.5), (0.2 - b + 2.0 * c).clamp(0.0, 0.5)];
        assert!(
            (session.node("bounded")?[0] - h[0]).abs() < 1e-15 && (session.node("bounded")?[1] - h[1]).abs() < 1e-15
        );
        assert!((y - (1000.0 + h[0] + 10.0 * h[1] + 100.0 * c)).abs() < 1e-12);
    }
    Ok(())
}

#[test]
fn deep_and_fed_back_reservoirs_follow_their_recurrence() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let first = g.reservoir("first", u, ReservoirSource::Given { units: 2, activation: Activation::Identity });
    let given = ReservoirSource::Given { units: 1, activation: Activation::Identity };
    let second = g.reservoir_with_feedback("second", first, given, "y");
    g.readout("other", [first], 1);
    g.readout("y", [second], 2);
    let pack = |values: Array2<f64>| Matrix::from_dense("w", values.view());
    let parameters = |w_in, w_res, w_feedback: Option<Array2<f64>>, units: usize, leak| {
        Ok::<_, Error>(ReservoirParameters {
            w_in: pack(w_in)?,
            w_res: pack(w_res)?,
            w_feedback: w_feedback.map(pack).transpose()?,
            bias: vec![0.0; units],
            leak: LeakRates::uniform(leak)?,
        })
    };
    let model = ModelBuilder::new(g.build()?)
        .reservoir("first", parameters(array![[1.0], [2.0]], array![[0.0, 0.5], [0.25, 0.0]], None, 2, 0.5)?)?
        .reservoir("second", parameters(array![[1.0, -1.0]], array![[0.5]], Some(array![[0.125, 2.0]]), 1, 1.0)?)?
        .linear("other", array![[1.0, 1.0]].view(), array![0.0].view())?
        .linear("y", array![[1.0], [-0.5]].view(), array![0.5, 0.25].view())?
        .build()?;
    for forced in [false, true] {
        let mut session = model.session();
        let (mut x, mut z, mut y) = ([0.0_f64; 2], 0.0, [0.0_f64; 2]);
        for t in 0..20 {
            let (u, teacher) = (f64::from(t % 5) - 2.0, [f64::from(t), -1.0, 3.0]);
            let out = if forced { session.step_forced(&[u], &teacher)? } else { session.step(&[u])? }.to_vec();
            x = [0.5 * x[0] + 0.5 * (u + 0.5 * x[1]), 0.5 * x[1] + 0.5 * (2.0 * u + 0.25 * x[0])];
            z = x[0] - x[1] + 0.5 * z + 0.125 * y[0] + 2.0 * y[1];
            y = [z + 0.5, -0.5 * z + 0.25];
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
            assert!(close(out[0], x[0] + x[1]) && close(out[1], y[0]) && close(out[2], y[1]), "step {t}: {out:?}");
            if forced {
                y = [teacher[1], teacher[2]];
            }
        }
    }
    Ok(())
}

fn rich_model(seed: u64) -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 3);
    let dense = Reservoir::new(37).density(1.0).leak_rate(0.4);
    let a = g.reservoir_with_feedback("a", u, dense, "y");
    let b = g.reservoir("b", a, Reservoir::new(53).density(0.2).activation(Activation::BoundedRelu { max: 1.5 }));
    let c = g.concat("c", [a, past]);
    let p = g.products("p", c, Products::Squares);
    g.readout("y", [p, b], 2);
    g.readout("z", [u, b], 1);
    let model = Model::generate(g.build()?, seed)?;
    let weights = |name: &str, outputs: usize, features: usize| {
        let values = uniform(seed, name, outputs * features, 0.1).iter().map(|&v| v as f32).collect();
        Array2::from_shape_vec((outputs, features), values).expect("the length fits")
    };
    model.with_readout("y", weights("y", 2, 39 + 53).view(), Array1::from_elem(2, 0.1).view())?.with_readout(
        "z",
        weights("z", 1, 55).view(),
        Array1::from_elem(1, 0.2).view(),
    )
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn every_kernel_form_gives_the_same_bits() -> Result<(), Error> {
    let model = rich_model(3)?;
    let drive = uniform(3, "drive", 400, 1.0).iter().map(|&v| v as f32).collect();
    let drive = Array2::from_shape_vec((200, 2), drive).expect("the length fits");
    let run = |form| -> Result<Vec<u32>, Error> {
        let mut session = model.clone().with_form(form).session();
        let outputs = session.run(drive.view())?;
        Ok([bits(session.node("a")?), bits(session.node("b")?), outputs.iter().map(|v| v.to_bits()).collect()].concat())
    };
    let expected = run(Form::SCALAR)?;
    for form in Form::available() {
        assert_eq!(run(form)?, expected, "{form}");
    }
    Ok(())
}

/// `specs/numerics.md`: eight chains over the concatenation of the sources, which lie apart here, and a fixed tree.
#[test]
fn a_readout_is_the_sum_of_eight_chains() -> Result<(), Error> {
    let model = rich_model(4)?;
    let mut session = model.session();
    for t in 0..50 {
        let outputs = session.step(&[0.1 * t as f32, -0.2])?.to_vec();
        for (name, sources, found) in [("y", ["p", "b"], &outputs[..2]), ("z", ["u", "b"], &outputs[2..])] {
            let (weights, bias) = model.readout(name)?;
            let features = sources.map(|source| session.node(source).map(<[f32]>::to_vec)).into_iter();
            let features = features.collect::<Result<Vec<_>, _>>()?.concat();
            for ((row, bias), found) in weights.rows().into_iter().zip(&bias).zip(found) {
                let mut p = [0.0_f32; 8];
                for (j, (w, x)) in row.iter().zip(&features).enumerate() {
                    p[j % 8] = w.mul_add(*x, p[j % 8]);
                }
                let sum = bias + (((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7])));
                assert_eq!(sum.to_bits(), found.to_bits(), "{name}, step {t}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_batch_equals_its_streams(streams in 1_usize..20, steps in 1_usize..12, seed in 0_u64..1000) {
        let model = rich_model(seed)?;
        let drive: Vec<f32> = uniform(seed, "drive", streams * steps * 2, 1.0).iter().map(|&v| v as f32).collect();
        let drive = Array3::from_shape_vec((streams, steps, 2), drive).expect("the length fits");
        let whole = model.batch(streams)?.run(drive.view())?;
        let mut batch = model.batch(streams)?;
        let mut singles: Vec<Session<f32>> = (0..streams).map(|_| model.session()).collect();
        for t in 0..steps {
            let row: Vec<f32> = drive.slice(s![.., t, ..]).iter().copied().collect();
            let outputs = bits(batch.step(&row)?);
            for (k, session) in singles.iter_mut().enumerate() {
                let single = bits(session.step(&row[2 * k..2 * k + 2])?);
                prop_assert_eq!(&outputs[3 * k..3 * k + 3], &single[..]);
                let of_run: Vec<u32> = whole.slice(s![k, t, ..]).iter().map(|v| v.to_bits()).collect();
                prop_assert_eq!(&single, &of_run);
            }
        }
        prop_assert_eq!(whole.len_of(Axis(2)), 3);
    }
}

#[test]
fn a_failed_step_leaves_everything_as_it_was() -> Result<(), Error> {
    let mut session = rich_model(5)?.session();
    for t in 0..10 {
        session.step(&[0.1 * t as f32, -0.2])?;
    }
    let before = session.snapshot();
    let outputs = session.outputs().to_vec();
    assert!(matches!(session.step(&[1.0]), Err(Error::Shape { .. })));
    assert!(matches!(session.step(&[1.0, f32::NAN]), Err(Error::NonFinite { index: 1, .. })));
    assert!(matches!(session.step(&[f32::INFINITY, 0.0]), Err(Error::NonFinite { index: 0, .. })));
    assert!(matches!(session.step_forced(&[0.0, 0.0], &[0.0; 2]), Err(Error::Shape { .. })));
    assert!(matches!(session.step_forced(&[0.0, 0.0], &[0.0, 0.0, f32::NAN]), Err(Error::NonFinite { .. })));
    assert_eq!(session.snapshot(), before);
    assert_eq!(session.outputs(), outputs);

    // Three steps later the delayed value reaches the squares.
    for input in [f32::MAX, 0.0, 0.0] {
        session.step(&[input, 0.0])?;
    }
    let before = session.snapshot();
    match session.step(&[0.0, 0.0]) {
        Err(Error::Overflow { node, step }) => assert_eq!((node.as_str(), step), ("p", 13)),
        other => panic!("{other:?}"),
    }
    assert_eq!(session.snapshot(), before);
    Ok(())
}

#[test]
fn an_overflow_names_its_node() -> Result<(), Error> {
    let w_res = array![[0.0_f32]];
    let linear = HybridEsn::builder().w_in(array![[1e38_f32]]).w_res(w_res).w_out(array![[1.0_f32]]);
    let mut esn = linear.activation(Activation::Identity).build()?;
    match esn.step(&[1e10]) {
        Err(Error::Overflow { node, .. }) => assert_eq!(node, "reservoir"),
        other => panic!("{other:?}"),
    }
    assert_eq!(esn.state(), [0.0]);
    Ok(())
}

#[test]
fn snapshots_resume_bit_for_bit() -> Result<(), Error> {
    let model = rich_model(9)?;
    let mut session = model.session();
    let drive = |t: usize| [(t as f32 * 0.7).fract() - 0.5, (t as f32 * 0.3).fract()];
    for t in 0..25 {
        session.step(&drive(t))?;
    }
    let snapshot = session.snapshot();
    let expected: Vec<Vec<u32>> = (25..50).map(|t| Ok(bits(session.step(&drive(t))?))).collect::<Result<_, Error>>()?;
    let mut resumed = model.session();
    resumed.restore(&snapshot)?;
    assert_eq!(resumed.steps(), 25);
    for (t, expected) in (25..50).zip(expected) {
        assert_eq!(bits(resumed.step(&drive(t))?), expected, "step {t}");
    }
    session.reset();
    let mut fresh = model.session();
    assert_eq!(bits(session.step(&drive(0))?), bits(fresh.step(&drive(0))?));
    let other = HybridEsn::from_weights(&[1.0_f32], &[0.5], &[1.0], 1.0)?.model().session().snapshot();
    assert!(matches!(fresh.restore(&other), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn a_closed_loop_feeds_outputs_back_as_features() -> Result<(), Error> {
    let model = HybridEsn::from_weights(&[0.5_f64, -1.0], &[0.2, 0.3, -0.4, 0.1], &[1.5, -0.5], 0.8)?;
    let mut free = model.fork();
    assert!(matches!(free.predict_free(3), Err(Error::Misuse { .. })), "nothing to start from");
    let mut y = free.step(&[0.7])?[0];
    let mut by_hand = free.clone();
    let forecast = free.predict_free(20)?;
    for row in forecast.rows() {
        y = by_hand.step(&[y])?[0];
        assert_eq!(row[0].to_bits(), y.to_bits());
    }
    let mut two_outputs = HybridEsn::from_weights(&[0.5_f64], &[0.2], &[1.5, -0.5], 0.8)?;
    two_outputs.step(&[0.1])?;
    assert!(matches!(two_outputs.predict_free(1), Err(Error::Misuse { .. })));
    Ok(())
}

#[test]
fn bad_weights_are_refused_by_name() {
    let refuse = |w_in: &[f32], w_res: &[f32], w_out: &[f32], leak: f32, what: &str| {
        let error = HybridEsn::from_weights(w_in, w_res, w_out, leak).expect_err(what);
        assert!(error.to_string().contains(what), "{error}");
    };
    refuse(&[1.0], &[], &[1.0], 1.0, "w_res");
    refuse(&[1.0; 2], &[1.0; 3], &[1.0; 2], 1.0, "w_res");
    refuse(&[], &[1.0; 4], &[1.0; 2], 1.0, "w_in");
    refuse(&[1.0; 3], &[1.0; 4], &[1.0; 2], 1.0, "w_in");
    refuse(&[1.0; 2], &[1.0; 4], &[], 1.0, "w_out");
    refuse(&[1.0; 2], &[1.0; 4], &[1.0; 3], 1.0, "w_out");
    refuse(&[f32::NAN, 1.0], &[1.0; 4], &[1.0; 2], 1.0, "w_in");
    refuse(&[1.0; 2], &[1.0, 1.0, f32::INFINITY, 1.0], &[1.0; 2], 1.0, "w_res");
    refuse(&[1.0; 2], &[1.0; 4], &[1.0, f32::NEG_INFINITY], 1.0, "output");
    for leak in [0.0, -0.1, 1.1, f32::NAN, f32::INFINITY] {
        refuse(&[1.0; 2], &[1.0; 4], &[1.0; 2], leak, "leak rate");
    }
}
