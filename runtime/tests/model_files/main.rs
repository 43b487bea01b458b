//! Models on disk and from elsewhere: what is read is what was written, and nothing else.

mod damage;
mod disk;
mod json;
mod npy;
mod npz;
mod own;

use forebay::graph::{Graph, Products, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, Provenance, ReservoirParameters};
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{HeadReport, Noise, TrainingReport};
use forebay::weights::Csr;
use forebay::{Error, Real};
use ndarray::{Array1, Array2, array};
use serde_json::json;

/// Numbers without a pattern, the same in every run.
pub(crate) fn noise(seed: usize) -> impl FnMut() -> f64 {
    let mut state = seed as u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }
}

/// Sparse and dense reservoirs, feedback, delay, products, several inputs and heads.
pub(crate) fn deep<T: Real>() -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let v = g.input("v", 1);
    let past = g.delay("past", u, 3);
    let both = g.concat("both", [u, past, v]);
    let sparse = Reservoir::new(60).density(0.05).leak_rate(0.3);
    let first = g.reservoir_with_feedback("first/layer", both, sparse, "y");
    let rates = (1..=20).map(|i| 0.05 * f64::from(i)).collect();
    let dense = Reservoir::new(20).density(1.0).leak_rates(rates).activation(Activation::BoundedRelu { max: 3.0 });
    let second = g.reservoir("second", first, dense);
    let hidden = g.dense("hidden", second, 7, 0.7);
    let bent = g.activation("bent", hidden, Activation::Tanh);
    let pairs = g.products("pairs", bent, Products::Unique { degree: 2 });
    g.readout("y", [first, pairs], 2);
    g.readout("z", [u, second], 1);
    let mut model = Model::<T>::generate(g.build()?, 11)?;
    let mut next = noise(3);
    for (name, features) in [("y", 60 + 28), ("z", 22)] {
        let outputs = model.head(name)?.width;
        let weights = Array2::from_shape_simple_fn((outputs, features), || T::from_f64(0.1 * next()));
        let bias = Array1::from_shape_simple_fn(outputs, || T::from_f64(next()));
        model = model.with_readout(name, weights.view(), bias.view())?;
    }
    let mut notes = serde_json::Map::new();
    notes.insert("columns".to_owned(), json!(["temperature", "Druck \u{1f4a7} \"\n"]));
    notes.insert("scaling".to_owned(), json!({"mean": 0.1 + 0.2, "deviation": 1e-300}));
    let head = HeadReport {
        name: "y".to_owned(),
        features: 88,
        ridge: 1e-7 / 3.0,
        ridges: vec![1e-7 / 3.0, 0.1],
        rank: Some(87),
        unlabelled: vec![0, 11],
        train_nrmse: vec![Some(0.1 / 3.0), None],
    };
    let noise = Some(Noise::new(Seed(u64::MAX - 1)).states(1.0 / 3.0));
    let (weight, heads) = (Some(4999.0 / 7.0), vec![head]);
    let training = TrainingReport { washout: 100, steps: 5000, weight, noise, skipped: vec![3], heads };
    Ok(model.with_provenance(Provenance { seed: Some(u64::MAX), training: Some(training), notes }))
}

/// Two inputs, four sparse units, one output of input and state.
pub(crate) fn small() -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, ReservoirSource::Given { units: 4, activation: Activation::Tanh });
    g.readout("y", [u, x], 1);
    let w_in = array![[0.5, -0.25], [1.0, 0.0], [0.0, 0.75], [-0.5, 0.125]];
    let w_res = Csr::new(4, 4, vec![0, 2, 3, 3, 5], vec![1, 3, 0, 0, 2], vec![0.5, -0.5, 0.25, 1.0, -0.75])
        .expect("a valid sparse matrix");
    let reservoir = ReservoirParameters {
        w_in: Matrix::from_dense("w_in", w_in.view())?,
        w_res: Matrix::from_csr("w_res", &w_res)?,
        w_feedback: None,
        bias: vec![0.0, 0.125, -0.25, 0.5],
        leak: LeakRates::uniform(0.5)?,
    };
    let w_out = array![[1.0, 2.0, 0.5, -1.5, 0.25, 3.0]];
    ModelBuilder::new(g.build()?).reservoir("x", reservoir)?.linear("y", w_out.view(), array![0.0625].view())?.build()
}

/// Bits of the outputs over 30 steps.
pub(crate) fn run<T: Real>(model: &Model<T>) -> Result<Vec<u64>, Error> {
    let mut next = noise(5);
    let inputs = Array2::from_shape_simple_fn((30, model.graph().inputs()), || T::from_f64(next()));
    Ok(model.session().run(inputs.view())?.iter().map(|y| y.bits()).collect())
}

/// Fails unless the error is of the kind expected and one line that says `text`.
#[track_caller]
pub(crate) fn refused<R: std::fmt::Debug>(case: &str, result: Result<R, Error>, kind: fn(&Error) -> bool, text: &str) {
    let error = result.expect_err(case);
    let message = error.to_string();
    assert!(kind(&error), "{case}: {error:?}");
    assert!(message.contains(text), "{case}: {message}");
    assert!(!message.contains('\n') && message.len() < 300, "{case}: {message}");
}

macro_rules! kind {
    ($($pattern:tt)+) => { |error: &Error| matches!(error, $($pattern)+) };
}
pub(crate) use kind;

/// Input, reservoir and readout of the layout given.
pub(crate) fn plain<T: Real>(
    inputs: usize,
    reads_input: bool,
    intercept: f64,
    leak: &[f64],
) -> Result<Model<T>, Error> {
    let (units, outputs) = (5, 2);
    let mut next = noise(inputs);
    let mut draw = |shape: (usize, usize)| Array2::from_shape_simple_fn(shape, || T::from_f64(next()));
    let mut g = Graph::builder();
    let u = g.input("input", inputs);
    let x = g.reservoir("reservoir", u, ReservoirSource::Given { units, activation: Activation::Tanh });
    let sources = if reads_input { vec![u, x] } else { vec![x] };
    g.readout("output", sources, outputs);
    let parameters = ReservoirParameters {
        w_in: Matrix::from_dense("w_in", draw((units, inputs)).view())?,
        w_res: Matrix::from_dense("w_res", draw((units, units)).view())?,
        w_feedback: None,
        bias: draw((1, units)).into_iter().collect(),
        leak: LeakRates::new(leak.iter().map(|a| T::from_f64(*a)).collect())?,
    };
    let w_out = draw((outputs, units + if reads_input { inputs } else { 0 }));
    let bias = Array1::from_elem(outputs, T::from_f64(intercept));
    ModelBuilder::new(g.build()?)
        .reservoir("reservoir", parameters)?
        .linear("output", w_out.view(), bias.view())?
        .build()
}
