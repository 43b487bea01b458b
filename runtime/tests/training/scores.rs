//! Reported training scores against the returned models, run again in plain loops.

use forebay::conductor::{Base, Conductor, ConductorSettings, HeadKind, Layout};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::{Ridge, Selection, Series, Training};
use forebay::{Error, Precision, Real};
use forebay_akida::Device;
use forebay_software::Software;
use ndarray::{Array2, ArrayView2, s};
use proptest::prelude::*;

/// Root mean square error over the standard deviation; none for a constant, as far as f64 can tell.
fn nrmse(truth: &[f64], found: &[f64]) -> Option<f64> {
    let (n, first) = (truth.len() as f64, truth[0]);
    let mean = truth.iter().map(|y| y - first).sum::<f64>() / n;
    let variance = truth.iter().map(|y| (y - first - mean).powi(2)).sum::<f64>() / n;
    let error = truth.iter().zip(found).map(|(y, f)| (f - y).powi(2)).sum::<f64>() / n;
    (variance.sqrt() > 4.0 * f64::EPSILON * first.abs()).then(|| (error / variance).sqrt())
}

fn assert_same(reported: Option<f64>, rerun: Option<f64>, what: &str) {
    match (reported, rerun) {
        (None, None) => {}
        (Some(a), Some(b)) => {
            assert!((a - b).abs() <= 1e-6 * b || a.max(b) < 1e-13, "{what}: reported {a:e}, rerun {b:e}");
        }
        _ => panic!("{what}: reported {reported:?}, rerun {rerun:?}"),
    }
}

/// What a drawn problem looks like.
#[derive(Clone, Debug)]
struct Shape {
    seed: u64,
    units: usize,
    lengths: Vec<usize>,
    washout: usize,
    heads: usize,
    feedback: bool,
    twice: bool,
    offset: f64,
    scale: f64,
    ridge: f64,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let sizes = (0_u64..10_000, 1_usize..28, prop::collection::vec(9_usize..60, 1..4), 0_usize..8, 1_usize..6);
    let kinds = (any::<bool>(), any::<bool>(), prop::sample::select(vec![0.0, 3.0, 1e8]), -9_i32..=12, -9_i32..=6);
    (sizes, kinds, any::<bool>()).prop_map(|((seed, units, lengths, washout, heads), kinds, none)| {
        let (feedback, twice, offset, scale, ridge) = kinds;
        let ridge = if none { 0.0 } else { 10_f64.powi(ridge) };
        Shape { seed, units, lengths, washout, heads, feedback, twice, offset, scale: 10_f64.powi(scale), ridge }
    })
}

impl Shape {
    /// Inputs: noise, a constant, and perhaps the noise twice. Heads read the reservoir, every second one the inputs too.
    fn model<T: Real>(&self) -> Result<Model<T>, Error> {
        let mut g = Graph::builder();
        let u = g.input("u", 3);
        let recipe = Reservoir::new(self.units).density(1.0).unscaled();
        let x =
            if self.feedback { g.reservoir_with_feedback("x", u, recipe, "h0") } else { g.reservoir("x", u, recipe) };
        for head in 0..self.heads {
            if head % 2 == 0 {
                g.readout(&format!("h{head}"), [x], 1)
            } else {
                g.readout(&format!("h{head}"), [u, x], 2)
            };
        }
        Model::generate(g.build()?, self.seed)
    }

    fn data<T: Real>(&self, outputs: usize) -> Vec<(Array2<T>, Array2<T>)> {
        let mut noise = Seed(self.seed).stream("scores");
        let pair = |&steps: &usize| {
            let mut inputs = Array2::from_shape_fn((steps, 3), |_| noise.uniform_in(-1.0, 1.0));
            inputs.column_mut(1).fill(self.offset);
            if self.twice {
                let first = inputs.column(0).to_owned();
                inputs.column_mut(2).assign(&first);
            }
            let mut targets = Array2::from_shape_fn((steps, outputs), |(t, o)| {
                self.offset + self.scale * (inputs[[t, 0]] * inputs[[t.saturating_sub(o), 2]] + 0.01 * noise.normal())
            });
            // The last output is a constant that has no exact binary form.
            targets.column_mut(outputs - 1).fill(self.offset + 0.1);
            (inputs.mapv(T::from_f64), targets.mapv(T::from_f64))
        };
        self.lengths.iter().map(pair).collect()
    }
}

fn reported_is_rerun<T: Real>(shape: &Shape) -> Result<(), Error> {
    let model = shape.model::<T>()?;
    let outputs = model.graph().outputs();
    let data = shape.data::<T>(outputs);
    let series: Vec<_> = data.iter().map(|(u, y)| Series::new(u.view(), y.view())).collect();
    let (trained, report) = Training::new().washout(shape.washout).ridge(shape.ridge).fit(&model, &series)?;
    let mut session = trained.session();
    let (mut truth, mut found) = (vec![Vec::new(); outputs], vec![Vec::new(); outputs]);
    for (inputs, targets) in &data {
        session.reset();
        for t in 0..inputs.nrows() {
            let y = session.step_forced(&inputs.row(t).to_vec(), &targets.row(t).to_vec())?;
            for o in (0..outputs).filter(|_| t >= shape.washout) {
                found[o].push(y[o].to_f64());
                truth[o].push(targets[[t, o]].to_f64());
            }
        }
    }
    assert_eq!(report.steps, truth[0].len());
    for head in &report.heads {
        let place = trained.head(&head.name)?;
        for (o, &reported) in (place.offset..).zip(&head.train_nrmse) {
            assert_same(reported, nrmse(&truth[o], &found[o]), &format!("{} of {shape:?}", head.name));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_reported_error_is_that_of_the_returned_model(shape in shapes()) {
        reported_is_rerun::<f32>(&shape)?;
        reported_is_rerun::<f64>(&shape)?;
    }
}

/// Every bit of the report, on any number of threads.
#[test]
fn reports_do_not_depend_on_threads() -> Result<(), Box<dyn std::error::Error>> {
    let shape = Shape {
        seed: 1,
        units: 27,
        lengths: vec![700, 41, 300],
        washout: 5,
        heads: 3,
        feedback: true,
        twice: false,
        offset: 3.0,
        scale: 1.0,
        ridge: 1e-3,
    };
    let model = shape.model::<f32>()?;
    let data = shape.data::<f32>(model.graph().outputs());
    let series: Vec<_> = data.iter().map(|(u, y)| Series::new(u.view(), y.view())).collect();
    let values = vec![1e-4, 1e-2, 1.0];
    for ridge in [Ridge::Fixed(1e-3), Ridge::Grid { values, selection: Selection::KFold(4) }] {
        let report = |threads| -> Result<_, Box<dyn std::error::Error>> {
            let pool = forebay::threads::Pool::new(threads)?;
            Ok(pool.install(|| Training::new().washout(5).ridge(ridge.clone()).fit(&model, &series))?.1)
        };
        assert_eq!(report(1)?, report(2)?);
        assert_eq!(report(1)?, report(3)?);
    }
    Ok(())
}

/// Delay lines and a compiled product: what a second run starts from in the middle of a series is the whole state.
#[test]
fn delays_and_compiled_models_are_measured_from_where_they_were() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let late = g.delay("late", u, 7);
    let x = g.reservoir("x", late, Reservoir::new(30).leak_rate(0.1));
    let later = g.delay("later", x, 3);
    g.readout("y", [u, late, later], 1);
    let model = Model::<f32>::generate(g.build()?, 3)?;
    let mut noise = Seed(3).stream("delays");
    let inputs = Array2::from_shape_simple_fn((500, 2), || noise.uniform_in(-1.0, 1.0) as f32);
    let targets = Array2::from_shape_fn((500, 1), |(t, _)| inputs[[t.saturating_sub(9), 0]] * inputs[[t, 1]]);
    let substrate = std::sync::Arc::new(Software::new(Device::Akd1000)?);
    let precision = Precision::new(2, 2).expect("allowed");
    let hybrid = forebay::Compiler::new(substrate).precision(precision).calibrate(inputs.view()).compile(&model)?;
    for model in [model, hybrid] {
        let training = Training::new().washout(20).ridge(1e-4);
        let (trained, report) = training.fit(&model, &[Series::new(inputs.view(), targets.view())])?;
        let found = trained.session().run(inputs.view())?;
        let of = |a: &Array2<f32>| a.slice(s![20.., 0]).iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        assert_same(report.heads[0].train_nrmse[0], nrmse(&of(&targets), &of(&found)), "delays");
    }
    Ok(())
}

/// Numbers, classes and events, some of them hard to learn from so few steps.
fn conducted<T: Real>(feedback: bool, ridge: f64) -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let recipe = Reservoir::new(40).density(1.0);
    let x = if feedback { g.reservoir_with_feedback("x", u, recipe, "own") } else { g.reservoir("x", u, recipe) };
    g.readout("own", [x], 1);
    let model = Model::<T>::generate(g.build()?, 4)?;
    let mut noise = Seed(4).stream("conducted");
    let inputs = Array2::from_shape_simple_fn((300, 1), || T::from_f64(noise.uniform_in(-1.0, 1.0)));
    let targets = Array2::from_shape_fn((300, 5), |(t, k)| {
        let (now, before) = (inputs[[t, 0]].to_f64(), inputs[[t.saturating_sub(1), 0]].to_f64());
        T::from_f64(match k {
            0 => 1e-4 * now * before + 5.0,
            1 => 0.1,
            2 => f64::from(u8::from(now > 0.0) + u8::from(before > 0.0)),
            3 => f64::from(u8::from(now > before)),
            _ => before,
        })
    });
    let mut layout = Layout::new([
        ("number", HeadKind::Regression { outputs: 2, base: Base::Mean }),
        ("class", HeadKind::Classification { classes: 3 }),
        ("event", HeadKind::Probability),
        ("last", HeadKind::Regression { outputs: 1, base: Base::Persistence }),
    ]);
    layout.heads[3].trust.horizon = Some(1);
    let settings = ConductorSettings { washout: 30, ridge: Ridge::Fixed(ridge), ..ConductorSettings::default() };
    let series = Series::new(inputs.view(), targets.view());
    let (mut conductor, fits) = Conductor::fit(&model, &["x", "u"], &layout, &series, &settings)?;
    let (weights, bias) = conductor.weights("event")?;
    let (weights, bias) = (weights.row(0).mapv(Real::to_f64), bias[0].to_f64());
    let mut session = model.session();
    let (mut truth, mut found) = (vec![Vec::new(); 7], vec![Vec::new(); 7]);
    for t in 0..300 {
        let outputs = conductor.step(&[inputs[[t, 0]]])?;
        session.step(&[inputs[[t, 0]]])?;
        if t < 30 {
            continue;
        }
        let features = session.node("x")?.iter().chain(session.node("u")?).map(|v| v.to_f64());
        let score = bias + weights.iter().zip(features).map(|(w, x)| w * x).sum::<f64>();
        let row = targets.row(t).mapv(Real::to_f64);
        let class = |class: f64| f64::from(u8::from(row[2] == class));
        let wanted = [row[0], row[1], class(0.0), class(1.0), class(2.0), row[3], row[4]];
        for (o, (y, wanted)) in outputs.iter().zip(wanted).enumerate() {
            // The event's output is a probability, not the score that was trained, and its last quarter was held back.
            if o != 5 || t < 300 - 68 {
                found[o].push(if o == 5 { score } else { y.to_f64() });
                truth[o].push(wanted);
            }
        }
    }
    let reported: Vec<Option<f64>> = fits.iter().flat_map(|fit| fit.train_nrmse.clone()).collect();
    assert_eq!(fits.iter().map(|fit| fit.steps).collect::<Vec<_>>(), [270, 270, 202, 270]);
    for o in 0..7 {
        assert_same(reported[o], nrmse(&truth[o], &found[o]), &format!("output {o}, {}, ridge {ridge:e}", T::NAME));
    }
    Ok(())
}

#[test]
fn a_conductor_reports_the_errors_of_its_heads() -> Result<(), Error> {
    for feedback in [false, true] {
        for ridge in [0.0, 1e-6, 10.0] {
            conducted::<f32>(feedback, ridge)?;
            conducted::<f64>(feedback, ridge)?;
        }
    }
    Ok(())
}

#[test]
fn a_classifier_reports_how_many_sequences_it_gets_wrong() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(12), "class");
    g.readout("class", [u, x], 3);
    let model = Model::<f32>::generate(g.build()?, 1)?;
    let mut noise = Seed(1).stream("sequences");
    let labels: Vec<usize> = (0..45).map(|_| noise.below(3) as usize).collect();
    // Lengths from 1 to 45; noise as large as what tells the classes apart.
    let draw = |(i, &label): (usize, &usize)| {
        Array2::from_shape_simple_fn((1 + i, 1), || (0.1 * label as f64 + 0.5 * noise.normal()) as f32)
    };
    let sequences: Vec<Array2<f32>> = labels.iter().enumerate().map(draw).collect();
    let views: Vec<ArrayView2<'_, f32>> = sequences.iter().map(|s| s.view()).collect();
    for pooling in [vec![Pooling::Mean], vec![Pooling::Last, Pooling::Samples(3)]] {
        let classifier = Classifier::fit(&model, "class", &pooling, &Ridge::Fixed(0.1), &views, &labels, 3)?;
        let found: Vec<usize> = views.iter().map(|s| classifier.classify(*s)).collect::<Result<_, _>>()?;
        let wrong = found.iter().zip(&labels).filter(|(a, b)| a != b).count();
        assert!(wrong > 0, "some must be wrong for the count to be tested");
        assert_eq!(classifier.training_errors(), wrong, "{pooling:?}");
    }
    Ok(())
}
