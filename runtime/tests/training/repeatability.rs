//! One fixed job, hashed: the same under every kernel form and with any number of threads.

use std::sync::Arc;

use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::online::{OnlineLearner, Rls};
use forebay::train::{Ridge, Selection, Series, Training};
use forebay::{Compiler, Error, Form, Precision, Real};
use forebay_akida::{Device, Program};
use forebay_software::Software;
use ndarray::{Array2, Axis, s};

/// A series that needs no random numbers: the logistic map and a slow rotation of it.
fn series(steps: usize) -> Array2<f64> {
    let (mut x, mut rows) = (0.3, Vec::with_capacity(2 * steps));
    for t in 0..steps {
        x = 3.9 * x * (1.0 - x);
        rows.extend([x, 0.5 * x + 0.25 * ((t % 32) as f64 / 16.0 - 1.0)]);
    }
    Array2::from_shape_vec((steps, 2), rows).expect("two values per step")
}

struct Hashes {
    states: String,
    weights: String,
    forecast: String,
}

fn hash<T: Real>(values: impl IntoIterator<Item = T>) -> String {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        hasher.update(&value.bits().to_le_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn job<T: Real>(form: Form) -> Result<Hashes, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let a = g.reservoir("a", u, Reservoir::new(150).density(1.0).leak_rate(0.7));
    let b = g.reservoir("b", a, Reservoir::new(120).density(0.1).spectral_radius(1.1));
    g.readout("y", [u, a, b], 2);
    let model = Model::<T>::generate(g.build()?, 11)?.with_form(form);
    let series = series(1500).mapv(T::from_f64);
    let mut states = Vec::new();
    model.session().run_with(series.view(), |session| {
        states.extend(session.node("a").into_iter().chain(session.node("b")).flatten().copied());
    })?;
    let pair = Series::new(series.slice(s![..1499, ..]), series.slice(s![1.., ..]));
    let training = Training::new().washout(50).ridge(Ridge::decades(-3, 1));
    let (trained, _) = training.fit(&model, &[pair])?;
    let (weights, bias) = trained.readout("y")?;
    let mut session = trained.session();
    let driven = session.run(series.view())?;
    let free = session.predict_free(20)?;
    Ok(Hashes {
        states: hash(states),
        weights: hash(weights.iter().chain(&bias).copied()),
        forecast: hash(driven.iter().chain(&free).copied()),
    })
}

fn in_pool<T: Real>(threads: usize, form: Form) -> Result<Hashes, Box<dyn std::error::Error>> {
    let pool = forebay::threads::Pool::new(threads)?;
    Ok(pool.install(|| job::<T>(form))?)
}

fn same_everywhere<T: Real>(states: &str) -> Result<(), Box<dyn std::error::Error>> {
    let expected = in_pool::<T>(1, Form::SCALAR)?;
    // No library whose bits depend on the processor is used, so these are the bits everywhere.
    assert_eq!(expected.states, states, "{}", T::NAME);
    for form in Form::available() {
        for threads in [1, 2] {
            let found = in_pool::<T>(threads, form)?;
            assert_eq!(found.states, expected.states, "states, {form}, {threads} thread(s)");
            assert_eq!(found.weights, expected.weights, "weights, {form}, {threads} thread(s)");
            assert_eq!(found.forecast, expected.forecast, "forecast, {form}, {threads} thread(s)");
        }
    }
    Ok(())
}

/// Ranges, integers, programs and states of a hybrid network, hashed.
fn hybrid(form: Form) -> Result<String, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(130).density(0.3).leak_rate(0.7));
    let a = g.dense("a", u, 40, 1.0);
    let a = g.bounded_relu("a_relu", a, 1.0);
    g.readout("y", [x, a], 1);
    let model = Model::<f32>::generate(g.build()?, 11)?.with_form(form);
    let series = series(400).mapv(|v| v as f32);
    let mut values = Vec::new();
    for (state, weight) in [(1, 1), (2, 2), (3, 3)] {
        let substrate = Arc::new(Software::with_form(Device::Akd1000, form));
        let precision = Precision::new(state, weight).expect("allowed");
        let hybrid = Compiler::new(substrate).precision(precision).calibrate(series.view()).compile(&model)?;
        values.extend(hybrid.programs().iter().flat_map(Program::bytes).map(|&byte| f32::from(byte)));
        hybrid.session().run_with(series.view(), |session| {
            values.extend(session.node("x").into_iter().chain(session.node("a_relu")).flatten().copied());
        })?;
    }
    Ok(hash(values))
}

#[test]
fn a_hybrid_has_the_same_bits_under_every_form() -> Result<(), Error> {
    for form in Form::available() {
        assert_eq!(hybrid(form)?, "fd069e9a26be7e19", "{form}");
    }
    Ok(())
}

#[test]
fn a_job_has_the_same_bits_under_every_form_and_thread_count() -> Result<(), Box<dyn std::error::Error>> {
    same_everywhere::<f32>("8fadfe3a3ac07154")?;
    same_everywhere::<f64>("ebaffc27c7247624")
}

/// Weights, penalties and scores of every way to train, hashed.
fn trained(form: Form) -> Result<String, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(100).density(0.2), "y");
    g.readout("y", [u, x], 2);
    g.readout("z", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 5)?.with_form(form);
    let series = series(9000);
    let targets = |from: usize, to: usize| {
        let next = series.slice(s![from + 1..=to, ..]);
        ndarray::concatenate(Axis(1), &[next, next.slice(s![.., ..1])]).expect("as many rows")
    };
    let (early, late) = (targets(0, 8500), targets(8500, 8999));
    let pairs = [
        Series::new(series.slice(s![..8500, ..]), early.view()),
        Series::new(series.slice(s![8500..8999, ..]), late.view()),
    ];
    let mut values = Vec::new();
    let folds = Ridge::Grid { values: vec![1e-6, 1e-2, 1.0], selection: Selection::KFold(4) };
    // The second without a penalty: inputs that follow from one another leave dependent features.
    for ridge in [Ridge::Fixed(1e-4), Ridge::Fixed(0.0), Ridge::decades(-8, 1), folds] {
        let (trained, report) = Training::new().washout(50).ridge(ridge).fit(&model, &pairs)?;
        for head in report.heads {
            let (weights, bias) = trained.readout(&head.name)?;
            values.extend(weights.iter().chain(&bias).copied());
            values.extend(head.train_nrmse.into_iter().flatten().chain([head.ridge]));
        }
    }
    let sequences: Vec<_> = (0..30).map(|i| series.slice(s![40 * i..40 * i + 10 + i, ..])).collect();
    let labels: Vec<usize> = (0..30).map(|i| usize::from(series[[40 * i + 9 + i, 0]] > 0.5)).collect();
    let pooling = [Pooling::Mean, Pooling::Last];
    let classifier = Classifier::fit(&model, "z", &pooling, &Ridge::decades(-6, 0), &sequences, &labels, 2)?;
    for sequence in &sequences {
        values.extend(classifier.scores(*sequence)?);
    }
    let mut rls = Rls::new(101, 1, 0.999, 1e-3)?;
    let mut session = model.session();
    for (input, target) in series.rows().into_iter().zip(series.rows().into_iter().skip(1)).take(600) {
        session.step(input.as_slice().expect("one piece"))?;
        let features: Vec<f64> = [1.0].into_iter().chain(session.node("x")?.iter().copied()).collect();
        rls.update(&features, &[target[0]])?;
    }
    values.extend(rls.weights().iter().copied());
    Ok(hash(values))
}

/// On every processor.
const TRAINED: &str = "f88c57d45962b986";

#[test]
fn training_has_its_hash() -> Result<(), Error> {
    // Outside of a pool.
    assert_eq!(trained(Form::best())?, TRAINED);
    Ok(())
}

#[test]
fn training_has_the_same_bits_under_every_form_and_thread_count() -> Result<(), Box<dyn std::error::Error>> {
    for form in Form::available() {
        for threads in [1, 2, 4] {
            let found = forebay::threads::Pool::new(threads)?.install(|| trained(form))?;
            assert_eq!(found, TRAINED, "{form}, {threads} thread(s)");
        }
    }
    Ok(())
}
