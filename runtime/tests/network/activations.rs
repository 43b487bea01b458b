//! Activation functions: in a step against the formulas as written, on a substrate against their own float models, and
//! told apart by files and fingerprints.

use forebay::fingerprint::Fingerprint;
use forebay::graph::{Graph, NodeId};
use forebay::model::Model;
use forebay::reservoir::{Activation, Reservoir};
use forebay::{Compiler, Error, Form, Precision, Real};
use ndarray::Array2;

const ALL: [Activation; 8] = [
    Activation::Tanh,
    Activation::Identity,
    Activation::BoundedRelu { max: 0.4 },
    Activation::Sigmoid,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.2 },
    Activation::LeakyRelu { slope: 0.25 },
    Activation::Softplus,
];

/// The function as a reader would write it.
fn plain(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Tanh => libm::tanh(z),
        Activation::Identity => z,
        Activation::BoundedRelu { max } => z.clamp(0.0, max),
        Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-z)),
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu { slope } => {
            if z < 0.0 {
                slope * z
            } else {
                z
            }
        }
        Activation::Softplus => libm::log(1.0 + libm::exp(z)),
        other => panic!("no formula for {other}"),
    }
}

/// Three slow waves, `[steps, 3]`.
fn waves(steps: usize) -> Array2<f64> {
    Array2::from_shape_fn((steps, 3), |(t, k)| 2.0 * (t as f64 * [0.11, 0.173, 0.031][k]).sin())
}

/// A reservoir, and a node of the function on the input; both are read.
fn model<T: Real>(activation: Activation, units: usize) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let recipe = Reservoir::new(units).density(0.2).leak_rate(0.6).spectral_radius(0.5).activation(activation);
    let x = g.reservoir("x", u, recipe);
    let a = g.activation("a", u, activation);
    g.readout("y", [x, a], 1);
    Model::generate(g.build()?, 5)
}

#[test]
fn a_step_is_the_formula() -> Result<(), Error> {
    for activation in ALL {
        let model = model::<f64>(activation, 23)?;
        let weights = model.reservoir("x")?;
        let (w_in, w_res) = (weights.w_in.to_dense(), weights.w_res.to_dense());
        let mut session = model.session();
        let mut state = vec![0.0; 23];
        for u in waves(60).rows() {
            session.step(&u.to_vec())?;
            let sums = w_in.dot(&u) + w_res.dot(&ndarray::aview1(&state));
            for ((x, sum), bias) in state.iter_mut().zip(&sums).zip(&weights.bias) {
                *x = 0.4 * *x + 0.6 * plain(activation, sum + bias);
            }
            for (found, expected) in session.node("x")?.iter().zip(&state) {
                assert!((found - expected).abs() < 1e-13, "{activation}: {found} is not {expected}");
            }
            for (found, u) in session.node("a")?.iter().zip(&u) {
                let expected = plain(activation, *u);
                assert!((found - expected).abs() < 1e-15, "{activation} of {u}: {found} is not {expected}");
            }
        }
    }
    Ok(())
}

#[test]
fn every_kernel_form_gives_the_same_bits() -> Result<(), Error> {
    for activation in ALL {
        let model = model::<f32>(activation, 37)?;
        let run = |form| -> Result<Vec<u32>, Error> {
            let mut session = model.clone().with_form(form).session();
            session.run(waves(50).mapv(|v| v as f32).view())?;
            let values = [session.node("x")?, session.node("a")?].concat();
            Ok(values.into_iter().map(f32::to_bits).collect())
        };
        let expected = run(Form::SCALAR)?;
        for form in Form::available() {
            assert_eq!(run(form)?, expected, "{activation}, {form}");
        }
    }
    Ok(())
}

#[test]
fn a_softmax_node_gives_shares() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let gate = g.softmax("gate", u);
    g.readout("y", [gate], 1);
    let model = Model::<f64>::generate(g.build()?, 5)?;
    let mut batch = model.batch(2)?;
    batch.step(&[0.0, 1.0, 2.0, 800.0, 800.0, -800.0])?;
    let powers = [0.0, 1.0, 2.0].map(libm::exp);
    for (found, power) in batch.node("gate")?.iter().zip(powers) {
        assert!((found - power / powers.iter().sum::<f64>()).abs() < 1e-15);
    }
    assert_eq!(batch.node("gate")?[3..], [0.5, 0.5, 0.0]);
    assert_eq!(model.graph().to_string().lines().nth(1), Some("gate  softmax <- u -> 3"));
    Ok(())
}

fn compiler<'a>(digits: (u8, u8)) -> Result<Compiler<'a, f64>, Error> {
    let precision = Precision::new(digits.0, digits.1).expect("allowed");
    Ok(Compiler::new(forebay::open("software:akd1000")?).precision(precision))
}

/// The largest distance of a placed model's values from those of the model itself, over the spread of the latter.
fn distance(float: &Model<f64>, placed: &Model<f64>, node: &str) -> Result<f64, Error> {
    let of = |model: &Model<f64>| -> Result<Vec<f64>, Error> {
        let mut values = Vec::new();
        model.session().run_with(waves(300).view(), |session| {
            values.extend_from_slice(session.node(node).expect("a node"));
        })?;
        Ok(values)
    };
    let (float, placed) = (of(float)?, of(placed)?);
    let (low, high) = float.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    Ok(float.iter().zip(&placed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / (high - low))
}

/// The recurrent product in integers, whose range is that of the function or of data. A range of a sigmoid's data alone
/// once left out the state at rest, and the first states were off by a sixtieth of their spread.
#[test]
fn a_placed_reservoir_is_near_its_float_model() -> Result<(), Error> {
    let data = waves(400);
    for activation in ALL {
        let model = model::<f64>(activation, 60)?;
        match (activation.bounds(), compiler((4, 3))?.compile(&model)) {
            (Some(_), placed) => {
                let found = distance(&model, &placed?, "x")?;
                assert!(found < 3e-3, "{activation}, bounds: {found}");
            }
            (None, placed) => {
                let error = placed.expect_err("nothing bounds it").to_string();
                assert!(error.contains("calibrate") && error.contains("\"x\""), "{activation}: {error}");
            }
        }
        let mut last = f64::INFINITY;
        for (digits, bound) in [((2, 2), 0.1), ((4, 3), 3e-3)] {
            let placed = compiler(digits)?.calibrate(data.view()).compile(&model)?;
            let found = distance(&model, &placed, "x")?;
            assert!(found < bound && found < last, "{activation}, data, {digits:?}: {found}");
            assert!(found > 0.0, "{activation}: nothing was placed");
            last = found;
            let plan = placed.plan().expect("compiled");
            let place = |operation: &str| plan.operations.iter().find(|op| op.node == "x" && op.operation == operation);
            assert!(place("recurrent product").expect("noted").region.is_some(), "{activation}");
            if activation != Activation::Identity {
                let on_host = place(&activation.to_string()).expect("noted");
                assert!(on_host.region.is_none(), "{activation}");
            }
        }
    }
    Ok(())
}

/// A dense node in integers that reads the function's values, and stands before a function itself.
#[test]
fn a_placed_dense_node_behind_each_function_is_near_its_float_model() -> Result<(), Error> {
    let data = waves(400);
    let build = |make: &dyn Fn(&mut forebay::graph::GraphBuilder, NodeId) -> NodeId| {
        let mut g = Graph::builder();
        let u = g.input("u", 3);
        let a = make(&mut g, u);
        let d = g.dense("d", a, 20, 1.0);
        g.readout("y", [d], 1);
        Model::<f64>::generate(g.build()?, 8)
    };
    let check = |name: &str, model: Model<f64>, is_bounded: bool| -> Result<(), Error> {
        let without_data = compiler((4, 3))?.compile(&model);
        assert_eq!(without_data.is_ok(), is_bounded, "{name}");
        let with_data = compiler((4, 3))?.calibrate(data.view()).compile(&model)?;
        for placed in without_data.into_iter().chain([with_data]) {
            let found = distance(&model, &placed, "d")?;
            assert!(found > 0.0 && found < 2e-3, "{name}: {found}");
        }
        Ok(())
    };
    for activation in ALL {
        let model = build(&|g, u| g.activation("a", u, activation))?;
        check(&activation.to_string(), model, activation.bounds().is_some())?;
    }
    check("softmax", build(&|g, u| g.softmax("a", u))?, true)?;
    // Chains stay on the processor from end to end with bounded rectifiers only.
    let rectified = build(&|g, u| {
        let d = g.dense("first", u, 10, 1.0);
        g.activation("a", d, Activation::Relu)
    })?;
    let placed = compiler((4, 3))?.calibrate(data.view()).compile(&rectified)?;
    let plan = placed.plan().expect("compiled");
    assert!(plan.operations.iter().filter(|op| op.node == "a").all(|op| op.region.is_none()), "{plan}");
    let found = distance(&rectified, &placed, "d")?;
    assert!(found > 0.0 && found < 3e-3, "relu between products: {found}");
    Ok(())
}

#[test]
fn files_keep_each_function_and_fingerprints_tell_them_apart() -> Result<(), Error> {
    let mut seen: Vec<(Fingerprint, String)> = Vec::new();
    let mut models = Vec::new();
    for activation in ALL {
        models.push((activation.to_string(), model::<f32>(activation, 11)?));
    }
    for (name, softmax) in [("softmax node", true), ("tanh node", false)] {
        let mut g = Graph::builder();
        let u = g.input("u", 3);
        let a = if softmax { g.softmax("a", u) } else { g.activation("a", u, Activation::Tanh) };
        g.readout("y", [a], 1);
        models.push((name.to_owned(), Model::generate(g.build()?, 5)?));
    }
    for (name, model) in models {
        let read = Model::<f32>::from_bytes(&model.to_bytes()?)?;
        assert_eq!(read.graph(), model.graph(), "{name}");
        let data = waves(20).mapv(|v| v as f32);
        assert_eq!(read.session().run(data.view())?, model.session().run(data.view())?, "{name}");
        let fingerprint = Fingerprint::of_model(&model);
        assert_eq!(Fingerprint::of_model(&read), fingerprint, "{name}");
        if let Some((_, other)) = seen.iter().find(|(other, _)| *other == fingerprint) {
            panic!("{name} and {other} have one fingerprint");
        }
        seen.push((fingerprint, name));
    }
    Ok(())
}

#[test]
fn a_file_with_another_parameter_is_refused() -> Result<(), Error> {
    let bytes = model::<f32>(Activation::LeakyRelu { slope: 0.25 }, 11)?.to_bytes()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("leaky_relu"), "the header is readable");
    let at = bytes.windows(4).position(|window| window == b"0.25").expect("the slope");
    let mut changed = bytes.clone();
    changed[at..at + 4].copy_from_slice(b"2.25");
    assert!(Model::<f32>::from_bytes(&changed).is_err(), "a slope above 1");
    Ok(())
}
