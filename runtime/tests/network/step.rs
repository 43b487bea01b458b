//! What a step computes, against the formulas written out in plain loops.

use forebay::execute::Session;
use forebay::graph::{Graph, Products, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::{Error, Form, HybridEsn, ReadoutOn, Real};
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

/// Given weights were stored dense whatever they held: ten times the time of a step and eight times the memory.
#[test]
fn given_weights_with_few_entries_are_stored_sparse_and_step_the_same() -> Result<(), Error> {
    fn check<T: Real>() -> Result<(), Error> {
        let units = 120;
        let mut stream = Seed(3).stream("weights");
        let mut draw =
            |share: f64| T::from_f64(if stream.uniform_in(0.0, 1.0) < share { 0.3 * stream.normal() } else { 0.0 });
        let w_in: Vec<T> = (0..2 * units).map(|_| draw(1.0)).collect();
        let w_res: Vec<T> = (0..units * units).map(|_| draw(0.1)).collect();
        let w_out: Vec<T> = (0..units).map(|_| draw(1.0)).collect();
        let leak = T::from_f64(0.5);
        let mut sparse = HybridEsn::from_weights(&w_in, &w_res, &w_out, leak)?;
        assert!(matches!(sparse.model().reservoir("reservoir")?.w_res, Matrix::Sparse(_)));

        let view = |rows: usize, values: &[T]| {
            Array2::from_shape_vec((rows, values.len() / rows), values.to_vec()).expect("the lengths above")
        };
        let parameters = ReservoirParameters {
            w_in: Matrix::from_dense("w_in", view(units, &w_in).view())?,
            w_res: Matrix::from_dense("w_res", view(units, &w_res).view())?,
            w_feedback: None,
            bias: vec![T::ZERO; units],
            leak: LeakRates::uniform(leak)?,
        };
        let dense = ModelBuilder::new(sparse.model().graph().clone())
            .reservoir("reservoir", parameters)?
            .linear("output", view(1, &w_out).view(), Array1::from_elem(1, T::ZERO).view())?
            .build()?;
        assert!(sparse.model().bytes() < dense.bytes() / 3);
        let mut dense = HybridEsn::from_model(dense)?;
        for t in 0..300 {
            let u = [0.1, 0.37].map(|w| T::from_f64((w * f64::from(t)).sin()));
            assert_eq!(sparse.step(&u)?, dense.step(&u)?);
            assert!(sparse.state().iter().zip(dense.state()).all(|(a, b)| a.bits() == b.bits()), "step {t}");
        }
        Ok(())
    }
    check::<f32>()?;
    check::<f64>()
}

#[test]
fn readouts_see_bias_input_and_state() -> Result<(), Error> {
    let (w_in, w_res) = (array![[0.5], [-0.25]], array![[0.0, 0.5], [-0.5, 0.1]]);
    let layouts = [
        (ReadoutOn::State, array![[2.0, 3.0]]),
        (ReadoutOn::BiasState, array![[7.0, 2.0, 3.0]]),
        (ReadoutOn::InputState, array![[5.0, 2.0, 3.0]]),
        (ReadoutOn::BiasInputState, array![[7.0, 5.0, 2.0, 3.0]]),
        (ReadoutOn::StateInputBias, array![[7.0, 5.0, 2.0, 3.0]]),
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
            _ => vec![x[0], x[1], 0.25, 1.0],
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
    assert!(matches!(fresh.restore(&other), Err(Error::Misuse { .. })));
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
    refuse(&[1.0; 2], &[1.0; 4], &[1.0, f32::NEG_INFINITY], 1.0, "w_out");
    for leak in [0.0, -0.1, 1.1, f32::NAN, f32::INFINITY] {
        refuse(&[1.0; 2], &[1.0; 4], &[1.0; 2], leak, "leak rate");
    }
}

/// Regression: a square matrix in Fortran's order was used transposed, and nothing offered another order.
#[test]
fn column_major_weights_are_the_same_network() -> Result<(), Error> {
    for (units, inputs, outputs) in [(3, 3, 3), (5, 2, 4), (1, 1, 1)] {
        let w_in = uniform(2, "w_in", units * inputs, 1.0);
        let w_res = uniform(2, "w_res", units * units, 0.5);
        let w_out = uniform(2, "w_out", outputs * units, 1.0);
        let by_columns = |values: &[f64], rows: usize| -> Vec<f64> {
            let columns = values.len() / rows;
            (0..columns).flat_map(|j| (0..rows).map(move |i| values[i * columns + j])).collect()
        };
        let (f_in, f_res, f_out) = (by_columns(&w_in, units), by_columns(&w_res, units), by_columns(&w_out, outputs));
        let mut rows = HybridEsn::from_weights(&w_in, &w_res, &w_out, 0.6)?;
        let mut columns = HybridEsn::from_weights_column_major(&f_in, &f_res, &f_out, 0.6)?;
        let mut mixed_up = HybridEsn::from_weights(&f_in, &f_res, &f_out, 0.6)?;
        let mut differ = false;
        for u in uniform(2, "drive", 20 * inputs, 1.0).chunks_exact(inputs) {
            let y = rows.step(u)?.to_vec();
            assert_eq!(columns.step(u)?, y);
            assert_eq!(columns.state(), rows.state());
            differ |= mixed_up.step(u)? != y;
        }
        assert_eq!(differ, units > 1, "what the order is for");
    }
    // An index counts in the order that was given.
    let bad = HybridEsn::from_weights_column_major(&[1.0_f32; 2], &[1.0, f32::NAN, 1.0, 1.0], &[1.0; 2], 1.0);
    assert!(matches!(bad, Err(Error::NonFinite { what, index: 1, .. }) if what == "w_res"));
    assert!(HybridEsn::from_weights_column_major(&[1.0_f32; 2], &[1.0; 5], &[1.0; 2], 1.0).is_err());
    Ok(())
}

/// Regression: a closed loop from a state that was set was refused, or started from the output of another state.
#[test]
fn a_closed_loop_goes_on_from_a_state_that_was_set() -> Result<(), Error> {
    let (units, leak) = (4, 0.8);
    let (w_in, w_res) = (uniform(3, "w_in", units, 1.0), uniform(3, "w_res", units * units, 0.4));
    let w_out = uniform(3, "w_out", units, 1.0);
    let state = uniform(3, "state", units, 0.9);
    for steps_before in [0, 1, 5] {
        let mut esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, leak)?;
        for t in 0..steps_before {
            esn.step(&[0.1 * f64::from(t)])?;
        }
        esn.set_state(&state)?;
        let bias = vec![0.0; units];
        let (w_in, w_res) = (w_in.clone(), w_res.clone());
        let mut plain = Plain { inputs: 1, units, w_in, w_res, bias, leak, state: state.clone() };
        let readout = |plain: &Plain| w_out.iter().zip(&plain.state).map(|(w, x)| w * x).sum::<f64>();
        let mut y = readout(&plain);
        assert!((esn.session().outputs()[0] - y).abs() < 1e-14);
        assert!((esn.session().node("output")?[0] - y).abs() < 1e-14);
        for found in esn.predict_free(30)? {
            plain.step(&[y]);
            y = readout(&plain);
            assert!((found - y).abs() < 1e-12, "{found} against {y}");
        }
    }
    Ok(())
}

#[test]
fn setting_a_state_sets_all_that_follows_from_it() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(3).density(1.0), "y");
    let past = g.delay("past", x, 2);
    let squares = g.products("squares", x, Products::Squares);
    g.readout("y", [squares, u], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let weights = array![[1.0, -2.0, 0.5, 3.0]];
    let model = model.with_readout("y", weights.view(), array![0.25].view())?;
    let _ = past;
    let mut esn = HybridEsn::from_model(model.clone())?;
    // At rest no input was seen: the readout cannot be known, so a closed loop is refused and not guessed.
    esn.set_state(&[0.1, 0.2, 0.3])?;
    assert_eq!(esn.state(), [0.1, 0.2, 0.3]);
    assert!(matches!(esn.predict_free(1), Err(Error::Misuse { .. })));
    assert_eq!(esn.session().outputs(), [0.0]);

    esn.reset();
    for u in [0.3, -0.4, 0.5] {
        esn.step(&[u])?;
    }
    // Setting what is there changes nothing, also where a teacher was at work.
    let (x, before) = (esn.state().to_vec(), esn.session().snapshot());
    esn.set_state(&x)?;
    assert_eq!(esn.session().snapshot(), before);
    esn.session().step_forced(&[0.2], &[0.75])?;
    let (x, before) = (esn.state().to_vec(), esn.session().snapshot());
    esn.set_state(&x)?;
    assert_eq!(esn.session().snapshot(), before);

    esn.step(&[0.5])?;
    let old = esn.state().to_vec();
    let set = [0.1, -0.2, 0.4];
    esn.set_state(&set)?;
    let y = 0.25 + 0.1 * 0.1 - 2.0 * 0.04 + 0.5 * 0.16 + 3.0 * 0.5;
    let session = esn.session();
    assert!((session.outputs()[0] - y).abs() < 1e-15);
    assert_eq!(session.node("squares")?, set.map(|x| x * x));
    // Two steps later the delay gives the state that was set, and before that the one that was there two steps before.
    session.step(&[0.1])?;
    assert_ne!(session.node("past")?, old);
    session.step(&[0.1])?;
    assert_eq!(session.node("past")?, set);

    // Feedback sees the output of the state that was set: the same as a network that came there by a teacher.
    let mut forced = model.session();
    let mut esn = HybridEsn::from_model(model)?;
    for session in [&mut forced, esn.session()] {
        session.step(&[0.5])?;
    }
    esn.set_state(&set)?;
    let y = esn.session().outputs()[0];
    let with_output = |value: f64| -> Result<Vec<f64>, Error> {
        let mut other = HybridEsn::from_model(esn.model().clone())?;
        other.session().step_forced(&[0.5], &[value])?;
        other.set_state(&set)?;
        other.step(&[0.2])?;
        Ok(other.state().to_vec())
    };
    let (right, wrong) = (with_output(y)?, with_output(forced.outputs()[0] + 1.0)?);
    esn.step(&[0.2])?;
    assert_eq!(esn.state(), right);
    assert_ne!(esn.state(), wrong);
    Ok(())
}

/// Regression: the snapshot of another model was taken up if it had as many values.
#[test]
fn a_snapshot_is_of_one_model() -> Result<(), Error> {
    let esn = |w: f32| HybridEsn::from_weights(&[0.5, -0.3], &[0.0, w, -0.4, 0.0], &[1.0, -1.0], 0.7);
    let (mut one, mut other, mut twin) = (esn(0.4)?, esn(0.5)?, esn(0.4)?);
    one.step(&[0.5])?;
    other.step(&[0.25])?;
    let snapshot = one.session().snapshot();
    let before = other.session().snapshot();
    let error = other.session().restore(&snapshot).expect_err("it is of another model");
    assert!(error.to_string().contains("set_model"), "{error}");
    assert_eq!(other.session().snapshot(), before);
    // Other readouts are another model too; the same weights, drawn or read again, are not.
    let weights = Array2::from_elem((1, 2), 2.0);
    let trained = one.model().with_readout("output", weights.view(), array![0.0].view())?;
    assert!(matches!(trained.session().restore(&snapshot), Err(Error::Misuse { .. })));
    assert_ne!(trained.session().snapshot(), one.model().session().snapshot());
    twin.session().restore(&snapshot)?;
    assert_eq!(twin.step(&[0.1])?, one.step(&[0.1])?);
    Model::from_bytes(&one.model().to_bytes()?)?.with_form(Form::SCALAR).session().restore(&snapshot)?;
    // The way to other weights of the same graph.
    let state = one.state().to_vec();
    one.session().set_model(trained)?;
    assert_eq!(one.state(), state);
    assert!((one.step(&[0.0])?[0] - 2.0 * one.state().iter().sum::<f32>()).abs() < 1e-6);
    Ok(())
}

/// Regression: after a snapshot was taken up, nodes other than reservoirs had the values of another step.
#[test]
fn a_restored_session_has_the_values_of_all_nodes() -> Result<(), Error> {
    let model = rich_model(9)?;
    let names = ["u", "past", "a", "b", "c", "p", "y", "z"];
    let all = |session: &Session<f32>| {
        names.iter().map(|name| Ok(bits(session.node(name)?))).collect::<Result<Vec<_>, Error>>()
    };
    let mut session = model.session();
    for t in 0..7 {
        session.step(&[0.1 * t as f32, 0.3])?;
    }
    let (snapshot, checkpoint, then) = (session.snapshot(), session.checkpoint(), all(&session)?);
    session.step(&[0.9, -0.9])?;
    assert_ne!(all(&session)?, then);
    session.restore(&snapshot)?;
    assert_eq!(all(&session)?, then);
    // A checkpoint does not have them, and says so until the next step.
    session.step(&[0.9, -0.9])?;
    session.resume(&checkpoint)?;
    assert_eq!(session.snapshot(), snapshot);
    for (name, then) in names.iter().zip(&then) {
        match session.node(name) {
            Ok(values) => assert_eq!(&bits(values), then, "{name}"),
            Err(error) => assert!(matches!(error, Error::Misuse { .. }) && !"ab yz".contains(name), "{name}: {error}"),
        }
    }
    session.step(&[0.9, -0.9])?;
    let after = all(&session)?;
    session.restore(&snapshot)?;
    session.step(&[0.9, -0.9])?;
    assert_eq!(all(&session)?, after);
    Ok(())
}
