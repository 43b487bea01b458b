//! Sixty and more calls that cannot be answered: each gets an error of its kind in one line that tells what is wrong, and
//! leaves the network as it was, in every byte of what would be kept.

use std::fmt::Write as _;

use forebay::execute::ClosedLoop;
use forebay::keep::Keep;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Activation, Reservoir, Topology};
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::sequence::SequenceRegression;
use forebay::train::{Noise, Ridge, Selection, Series, Training};
use forebay::weights::Csr;
use forebay::{Compiler, Error, Esn, HybridEsn, Precision};
use ndarray::{Array1, Array2, Array3, s};

use crate::series;

type Call = Box<dyn Fn(&mut HybridEsn<f64>) -> Result<(), Error>>;

/// What is called, on a network with 2 inputs, 12 units and 2 outputs, and a part of the answer.
struct Refusal {
    call: Call,
    tells: &'static str,
}

fn refusal<T>(tells: &'static str, call: impl Fn(&mut HybridEsn<f64>) -> Result<T, Error> + 'static) -> Refusal {
    Refusal { call: Box::new(move |esn| call(esn).map(drop)), tells }
}

/// Makes all calls on one network, which learns online and is in the middle of a series.
fn check(refusals: &[Refusal]) {
    let (inputs, targets) = (series(1, 200, 2), series(2, 200, 2));
    let mut esn = Esn::new(12).seed(3).fit(inputs.view(), targets.view()).expect("it trains");
    esn.partial_fit(inputs.view(), targets.view()).expect("it learns");
    let before = esn.to_bytes().expect("it is kept");
    let mut wrong = String::new();
    for (index, Refusal { call, tells }) in refusals.iter().enumerate() {
        match call(&mut esn) {
            Ok(()) => writeln!(wrong, "{index}, {tells:?}: accepted"),
            Err(error) => {
                let text = error.to_string();
                let good = text.contains(tells) && !text.contains('\n') && text.len() < 400;
                if good { Ok(()) } else { writeln!(wrong, "{index}: expected {tells:?}, found {text:?}") }
            }
        }
        .expect("a string takes all");
        if esn.to_bytes().expect("it is kept") != before {
            writeln!(wrong, "{index}, {tells:?}: something has changed").expect("a string takes all");
            break;
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Trains a network of these settings on a series that has nothing wrong.
fn made(change: impl Fn(Esn) -> Esn + 'static) -> impl Fn(&mut HybridEsn<f64>) -> Result<HybridEsn<f64>, Error> {
    move |_| change(Esn::new(10)).fit(series(1, 200, 2).view(), series(2, 200, 2).view())
}

fn with(mut array: Array2<f64>, place: [usize; 2], value: f64) -> Array2<f64> {
    array[place] = value;
    array
}

#[test]
fn settings() {
    let given = |recipe: Reservoir| move |_: &mut HybridEsn<f64>| Esn::of(recipe.clone()).untrained::<f64>(2, 1);
    check(&[
        refusal("units is 0", |_| Esn::new(0).untrained::<f64>(1, 1)),
        refusal("spectral_radius is 0", made(|esn| esn.spectral_radius(0.0))),
        refusal("spectral_radius is NaN", made(|esn| esn.spectral_radius(f64::NAN))),
        refusal("leak_rate is 1.5", made(|esn| esn.leak_rate(1.5))),
        refusal("leak_rate is 0", made(|esn| esn.leak_rate(0.0))),
        refusal("input_scaling is inf", made(|esn| esn.input_scaling(f64::INFINITY))),
        refusal("bias_scaling is -1", made(|esn| esn.bias_scaling(-1.0))),
        refusal("density is 2", made(|esn| esn.density(2.0))),
        refusal("per_row is 11", made(|esn| esn.topology(Topology::FixedDegree { per_row: 11 }))),
        refusal("max of bounded_relu is 0", made(|esn| esn.activation(Activation::BoundedRelu { max: 0.0 }))),
        refusal("slope of leaky_relu is 1.5", made(|esn| esn.activation(Activation::LeakyRelu { slope: 1.5 }))),
        refusal("input_scaling has 3 values for 2", given(Reservoir::new(5).input_scalings(vec![1.0; 3]))),
        refusal("leak_rate has 4 values for 5", given(Reservoir::new(5).leak_rates(vec![0.5; 4]))),
        refusal("ridge", made(|esn| esn.ridge(-1.0))),
        refusal("ridge", made(|esn| esn.ridge(f64::NAN))),
        refusal("ridge", made(|esn| esn.ridge(Ridge::Grid { values: vec![], selection: Selection::Gcv }))),
        refusal("2 outputs need a ridge each, found 3", made(|esn| esn.ridge(Ridge::PerOutput(vec![1.0; 3])))),
        refusal("fold", made(|esn| esn.ridge(Ridge::Grid { values: vec![1.0], selection: Selection::KFold(1) }))),
        refusal("washout", made(|esn| esn.washout(200))),
        refusal("noise", made(|esn| esn.noise(Noise::new(Seed(1)).states(-0.1)))),
        refusal("noise", made(|esn| esn.noise(Noise::new(Seed(1)).inputs(f64::NAN)))),
        refusal("noise", made(|esn| esn.noise(Noise::new(Seed(1)).feedback(f64::INFINITY)))),
    ]);
}

#[test]
fn series_to_train_on() {
    let fit = |inputs: Array2<f64>, targets: Array2<f64>| {
        move |_: &mut HybridEsn<f64>| Esn::new(10).fit(inputs.view(), targets.view())
    };
    let weighted = |weights: Array1<f64>| {
        move |_: &mut HybridEsn<f64>| {
            let (inputs, targets) = (series(1, 200, 2), series(2, 200, 1));
            Esn::new(10).fit_series(&[Series::new(inputs.view(), targets.view()).weights(weights.view())])
        }
    };
    let u = || series(1, 200, 2);
    let y = || series(2, 200, 1);
    check(&[
        refusal("at least one series", |_| Esn::new(10).fit_series::<f64>(&[])),
        refusal("[200, 1], found [199, 1]", fit(u(), series(2, 199, 1))),
        refusal("input", fit(Array2::zeros((200, 0)), y())),
        refusal("outputs must be 1", fit(u(), Array2::zeros((200, 0)))),
        refusal("series 0, step 7, column 1 holds NaN", fit(with(u(), [7, 1], f64::NAN), y())),
        refusal("series 0, step 9, column 0 holds inf", fit(u(), with(y(), [9, 0], f64::INFINITY))),
        refusal("masked_targets", fit(u(), with(y(), [9, 0], f64::NAN))),
        refusal("output 0 has targets at 0 steps", |_| {
            let (u, y) = (series(1, 200, 2), Array2::from_elem((200, 1), f64::NAN));
            Esn::new(10).masked_targets(true).fit(u.view(), y.view())
        }),
        refusal("199", weighted(Array1::ones(199))),
        refusal("weight", weighted(Array1::from_elem(200, -1.0))),
        refusal("weight", weighted(Array1::from_elem(200, f64::NAN))),
        refusal("weight", weighted(Array1::from_elem(200, 1e-200))),
        refusal("found 0", weighted(Array1::zeros(200))),
        refusal("2", |_| {
            let [a, b] = [(series(1, 200, 2), series(2, 200, 1)), (series(3, 200, 3), series(4, 200, 1))];
            Esn::new(10).fit_series(&[Series::new(a.0.view(), a.1.view()), Series::new(b.0.view(), b.1.view())])
        }),
        refusal("step", |_| Esn::new(10).fit_next(series(1, 1, 1).view())),
        refusal("overflow", |_| {
            let u = Array2::from_elem((200, 2), 1e308);
            Esn::new(10).activation(Activation::Identity).input_scaling(10.0).fit(u.view(), series(2, 200, 1).view())
        }),
        refusal("classes", |_| classified(&[0, 1, 2, 5], 3)),
        refusal("labels", |_| classified(&[0, 1, 2], 3)),
        refusal("pooling", |_| {
            let (model, u) = (trained().model().clone(), series(1, 20, 2));
            Classifier::fit(&model, "output", &[], &Ridge::Fixed(1.0), &[u.view()], &[0], 2)
        }),
        refusal("at least 2 steps", |_| {
            let (model, u) = (trained().model().clone(), series(1, 20, 2));
            let y = series(2, 1, 1);
            SequenceRegression::fit(&model, "output", &[Pooling::Mean], &Ridge::Fixed(1.0), &[u.view()], y.view())
        }),
    ]);
}

fn trained() -> HybridEsn<f64> {
    Esn::new(10).fit(series(1, 200, 2).view(), series(2, 200, 2).view()).expect("it trains")
}

fn classified(labels: &[usize], classes: usize) -> Result<Classifier<f64>, Error> {
    let sequences: Vec<Array2<f64>> = (0..4).map(|seed| series(seed, 20, 2)).collect();
    let views: Vec<_> = sequences.iter().map(|sequence| sequence.view()).collect();
    Classifier::fit(trained().model(), "output", &[Pooling::Last], &Ridge::Fixed(1.0), &views, labels, classes)
}

#[test]
fn weights_that_are_given() {
    let weights = |w_in: usize, w_res: usize, w_out: usize, leak: f64| {
        move |_: &mut HybridEsn<f64>| {
            HybridEsn::from_weights(&vec![0.5; w_in], &vec![0.1; w_res], &vec![1.0; w_out], leak)
        }
    };
    check(&[
        refusal("w_res", weights(3, 8, 3, 0.5)),
        refusal("w_in", weights(4, 9, 3, 0.5)),
        refusal("w_out", weights(3, 9, 4, 0.5)),
        refusal("w_res", weights(3, 0, 3, 0.5)),
        refusal("leak", weights(3, 9, 3, 0.0)),
        refusal("leak", weights(3, 9, 3, f64::NAN)),
        refusal("leak", weights(3, 9, 3, 1.01)),
        refusal("w_in holds NaN at index 0", |_| HybridEsn::from_weights(&[f64::NAN], &[0.5], &[1.0], 1.0)),
        refusal("w_in", |_| HybridEsn::<f64>::builder().w_res(Array2::eye(2)).build()),
        refusal("w_feedback", |_| {
            let (w_in, w_out) = (Array2::ones((2, 1)), Array2::ones((1, 2)));
            HybridEsn::<f64>::builder()
                .w_in(w_in)
                .w_res(Array2::eye(2))
                .w_out(w_out)
                .w_feedback(Array2::ones((2, 3)))
                .build()
        }),
        refusal("w_res holds NaN", |_| {
            let w_res = Csr::new(2, 2, vec![0, 1, 2], vec![0, 1], vec![f64::NAN, 1.0]).expect("a matrix");
            HybridEsn::builder().w_in(Array2::ones((2, 1))).w_res(w_res).w_out(Array2::ones((1, 2))).build()
        }),
    ]);
}

#[test]
fn calls_on_a_network_that_runs() {
    let closed = |pairs: &'static [(usize, usize)], outside: usize| {
        move |esn: &mut HybridEsn<f64>| {
            esn.forecast_with(&ClosedLoop::new(pairs.iter().copied()), Array2::zeros((5, outside)).view())
        }
    };
    check(&[
        refusal("input", |esn| esn.step(&[0.1]).map(drop)),
        refusal("input", |esn| esn.step(&[0.1, f64::NAN]).map(drop)),
        refusal("input", |esn| esn.step(&[f64::NEG_INFINITY, 0.0]).map(drop)),
        refusal("3", |esn| esn.run(series(1, 10, 3).view())),
        refusal("NaN at index 8", |esn| esn.run(with(series(1, 10, 2), [4, 0], f64::NAN).view())),
        refusal("9", |esn| esn.run_into(series(1, 10, 2).view(), Array2::zeros((9, 2)).view_mut())),
        refusal("NaN at index 19", |esn| esn.states(with(series(1, 10, 2), [9, 1], f64::NAN).view())),
        refusal("below 2, found 2", closed(&[(2, 0)], 1)),
        refusal("below 2, found 2", closed(&[(0, 2)], 2)),
        refusal("both become input 0", closed(&[(0, 0), (1, 0)], 1)),
        refusal("outside", closed(&[(0, 0)], 2)),
        refusal("11", |esn| esn.set_state(&[0.0; 11])),
        refusal("state holds inf", |esn| esn.set_state(&[f64::INFINITY; 12])),
        refusal("graph", |esn| esn.set_model(trained().model().clone())),
        refusal("readout", |esn| esn.session().head("speed").map(drop)),
        refusal("node", |esn| esn.session().node("speed").map(drop)),
        refusal("teacher", |esn| esn.session().step_forced(&[0.1, 0.1], &[0.1]).map(drop)),
        refusal("own model", |esn| {
            let other = trained().session().snapshot();
            esn.session().restore(&other)
        }),
        refusal("model", |esn| {
            let other = trained().session().checkpoint();
            esn.session().resume(&other)
        }),
        refusal("no substrate named", |esn| esn.fork().with_substrate(forebay::open("software:akd9000")?)),
        refusal("digits", |esn| esn.fork().with_precision(9, 2)?.with_substrate(forebay::open("software")?)),
    ]);
}

#[test]
fn calls_that_train_on() {
    check(&[
        refusal("59", |esn| esn.partial_fit(series(1, 60, 2).view(), series(2, 59, 2).view())),
        refusal("1", |esn| esn.partial_fit(series(1, 60, 2).view(), series(2, 60, 1).view())),
        refusal("NaN at index 61", |esn| {
            esn.partial_fit(series(1, 60, 2).view(), with(series(2, 60, 2), [30, 1], f64::NAN).view())
        }),
        refusal("found 1.797", |esn| {
            esn.partial_fit(series(1, 60, 2).view(), Array2::from_elem((60, 2), f64::MAX).view())
        }),
        refusal("forgetting", |esn| esn.learn_online(1.5, 1.0)),
        refusal("forgetting", |esn| esn.learn_online(f64::NAN, 1.0)),
        refusal("ridge", |esn| esn.learn_online(0.9, 0.0)),
        refusal("found 0", |esn| esn.fit(&Training::new(), &[])),
        refusal("3", |esn| {
            let (u, y) = (series(1, 200, 3), series(2, 200, 2));
            esn.fit(&Training::new(), &[Series::new(u.view(), y.view())])
        }),
        refusal("washout", |esn| {
            let (u, y) = (series(1, 50, 2), series(2, 50, 2));
            esn.fit(&Training::new().washout(50), &[Series::new(u.view(), y.view())])
        }),
    ]);
}

#[test]
fn streams_of_a_batch() {
    let batch = |esn: &HybridEsn<f64>| esn.model().batch(3);
    check(&[
        refusal("0", |esn| esn.model().batch(0)),
        refusal("stream", move |esn| batch(esn)?.reset_stream(3)),
        refusal("stream", move |esn| batch(esn)?.snapshot(3)),
        refusal("stream", move |esn| batch(esn)?.steps(7)),
        refusal("input", move |esn| batch(esn)?.step(&[0.0; 5]).map(drop)),
        refusal("teacher", move |esn| batch(esn)?.step_forced(&[0.0; 6], &[0.0; 5]).map(drop)),
        refusal("2", move |esn| batch(esn)?.run(Array3::zeros((3, 10, 1)).view())),
        refusal("there is none", move |esn| batch(esn)?.forecast(5)),
        refusal("own model", move |esn| {
            let other = trained().session().snapshot();
            batch(esn)?.restore(0, &other)
        }),
    ]);
}

#[test]
fn bytes_that_are_something_else() {
    check(&[
        refusal("", |_| HybridEsn::<f64>::from_bytes(b"")),
        refusal("", |_| HybridEsn::<f64>::from_bytes(b"FBKEPT\0\0")),
        refusal("f32", |esn| {
            let bytes = esn.to_bytes()?;
            HybridEsn::<f32>::from_bytes(&bytes)
        }),
        refusal("network", |esn| {
            let bytes = esn.to_bytes()?;
            Classifier::<f64>::from_bytes(&bytes)
        }),
        refusal("", |esn| {
            let mut bytes = esn.to_bytes()?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            HybridEsn::<f64>::from_bytes(&bytes)
        }),
        refusal("", |esn| Model::<f64>::from_bytes(&esn.to_bytes()?)),
        refusal("", |esn| Model::<f64>::from_bytes(&esn.model().to_bytes()?[1..])),
        refusal("[steps, 2], found [50, 3]", |esn| {
            let features = series(1, 50, 3);
            Compiler::new(forebay::open("software")?)
                .precision(Precision::default())
                .calibrate(features.slice(s![.., ..]))
                .compile(esn.model())
        }),
    ]);
}
