//! Least squares where the features do not tell everything apart: fewer steps than features, columns twice, smooth drives.
//!
//! The judge is the singular value decomposition of `faer` on the features themselves, never on their Gram matrix.

use faer::Mat;
use forebay::conductor::{Base, Conductor, HeadKind, Layout};
use forebay::drift::{Action, DriftMonitor, Ladder, Policy, Refit, View};
use forebay::evolve::Window;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::ridge::{Penalties, RidgeSolution, solve};
use forebay::train::{Gram, Ridge, Selection, Series, TrainError, Training};
use forebay::{Error, HybridEsn, Precision, metrics};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use proptest::prelude::*;

/// Ridge regression with intercept by singular values; those below `keep` times the largest count as zero, so that
/// ridge 0 gives the least squares solution of smallest norm.
struct Judge {
    /// `[features, outputs]`.
    weights: Array2<f64>,
    bias: Array1<f64>,
    /// Squared distances of the targets from their means, and squared errors, over all outputs.
    energy: f64,
    error: f64,
}

impl Judge {
    fn of(x: &Array2<f64>, y: &Array2<f64>, ridge: f64, keep: f64) -> Self {
        let (x_mean, y_mean) = (x.mean_axis(Axis(0)).expect("rows"), y.mean_axis(Axis(0)).expect("rows"));
        let (centred, targets) = (x - &x_mean, y - &y_mean);
        let svd = Mat::from_fn(x.nrows(), x.ncols(), |i, j| centred[[i, j]]).thin_svd().expect("it converges");
        let (u, s, v) = (svd.U(), svd.S().column_vector(), svd.V());
        let mut weights = Array2::zeros((x.ncols(), y.ncols()));
        for k in (0..s.nrows()).filter(|&k| s[k] > keep * s[0]) {
            for o in 0..y.ncols() {
                let along: f64 = (0..x.nrows()).map(|t| u[(t, k)] * targets[[t, o]]).sum();
                let factor = along * s[k] / (s[k] * s[k] + ridge);
                (0..x.ncols()).for_each(|i| weights[[i, o]] += factor * v[(i, k)]);
            }
        }
        let residuals = &targets - &centred.dot(&weights);
        let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
        let bias = &y_mean - &x_mean.dot(&weights);
        Self { energy: squares(&targets), error: squares(&residuals), weights, bias }
    }

    fn predict(&self, x: &Array2<f64>) -> Array2<f64> {
        x.dot(&self.weights) + &self.bias
    }

    /// Real squared error no more than 1e-6 of the target's energy above the judge's.
    fn assert_as_good(&self, found: &Array2<f64>, y: &Array2<f64>, what: &str) {
        assert_eq!(found.dim(), y.dim());
        let error: f64 = found.iter().zip(y).map(|(f, y)| (f - y).powi(2)).sum();
        let above = (error - self.error) / self.energy;
        assert!(
            above <= 1e-6,
            "{what}: squared error {error:e} against {:e}, {above:e} of the energy above",
            self.error
        );
    }
}

/// What a Gram matrix of so many features cannot tell from zero: eigenvalues below a few roundings of the largest per
/// feature, as a share of the largest singular value.
fn lost(features: usize) -> f64 {
    (10.0 * features as f64 * f64::EPSILON).sqrt()
}

fn gram(x: &Array2<f64>, y: &Array2<f64>) -> Gram {
    let mut gram = Gram::new(x.ncols(), y.ncols());
    for (x, y) in x.rows().into_iter().zip(y.rows()) {
        gram.push(|features, targets| {
            features.iter_mut().zip(x).for_each(|(to, from)| *to = *from);
            targets.iter_mut().zip(y).for_each(|(to, from)| *to = *from);
        });
    }
    gram
}

fn predict(solution: &RidgeSolution, x: &Array2<f64>) -> Array2<f64> {
    x.dot(&solution.weights.t()) + &solution.bias
}

fn sine(steps: usize) -> Array2<f64> {
    Array2::from_shape_fn((steps + 1, 1), |(t, _)| libm::sin(0.2 * t as f64))
}

/// An echo state network whose head reads input and state.
fn network(units: usize, outputs: usize) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(units).density(0.5));
    g.readout("y", [u, x], outputs);
    Model::generate(g.build()?, 1)
}

/// What the network's head reads at every step of a series from rest.
fn features(model: &Model<f64>, inputs: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
    let mut rows = Vec::new();
    model.session().run_with(inputs, |session| {
        rows.extend(session.node("u").into_iter().chain(session.node("x")).flatten().copied());
    })?;
    let width = rows.len() / inputs.nrows();
    Ok(Array2::from_shape_vec((inputs.nrows(), width), rows).expect("as many values per step"))
}

/// 31 features of 25 steps: the weights are not determined, the forecast of these steps is.
#[test]
fn fewer_steps_than_features_are_fitted_without_a_penalty() -> Result<(), Error> {
    for (units, steps) in [(30, 25), (50, 40), (100, 80)] {
        let (wave, model) = (sine(steps), network(units, 1)?);
        let (inputs, targets) = (wave.slice(s![..steps, ..]), wave.slice(s![1.., ..]).to_owned());
        let training = Training::new().washout(0).ridge(0.0);
        let (trained, report) = training.fit(&model, &[Series::new(inputs, targets.view())])?;
        let found = trained.session().run(inputs)?;
        let real = metrics::nrmse(targets.view(), found.view()).expect("a sine varies");
        let reported = report.heads[0].train_nrmse[0].expect("a sine varies");
        assert!((reported - real).abs() <= 1e-6 * real, "{units} units: reported {reported:e}, real {real:e}");
        assert!(report.heads[0].ridge == 0.0, "no penalty was asked for: {:e}", report.heads[0].ridge);
        let x = features(&model, inputs)?;
        Judge::of(&x, &targets, 0.0, lost(x.ncols())).assert_as_good(&found, &targets, "sine");
    }
    Ok(())
}

/// Every column twice: forecasts as with each column once, and the weights of both copies alike.
#[test]
fn columns_twice_change_no_forecast() -> Result<(), Error> {
    let mut stream = Seed(6).stream("twice");
    let x = Array2::from_shape_simple_fn((200, 10), || 3.0 + stream.normal());
    let y = Array2::from_shape_fn((200, 2), |(t, o)| x[[t, o]] - 2.0 * x[[t, 5]] + stream.normal());
    let twice = ndarray::concatenate(Axis(1), &[x.view(), x.view()]).expect("as many rows");
    let judge = Judge::of(&x, &y, 0.0, 1e-12);
    let direct = solve(gram(&twice, &y), 0.0)?;
    assert!(direct.ridge == 0.0, "{:e}", direct.ridge);
    for solution in [direct, Penalties::new(gram(&twice, &y))?.gcv(0.0)?.1] {
        let found = predict(&solution, &twice);
        judge.assert_as_good(&found, &y, "twice");
        for (a, b) in found.iter().zip(judge.predict(&x)) {
            assert!((a - b).abs() < 1e-6, "{a} against {b}");
        }
        for (row, once) in solution.weights.rows().into_iter().zip(judge.weights.columns()) {
            for i in 0..10 {
                assert!((row[i] - 0.5 * once[i]).abs() < 1e-6 && (row[10 + i] - row[i]).abs() < 1e-6, "{row}, {once}");
            }
        }
    }
    Ok(())
}

/// As many sequences as features, or fewer: all can be classified, as the least squares solution of smallest norm does.
#[test]
fn few_sequences_are_classified_without_a_penalty() -> Result<(), Error> {
    let model = network(20, 2)?;
    let mut stream = Seed(7).stream("sequences");
    let labels: Vec<usize> = (0..16).map(|i| i % 2).collect();
    let draw = |&label: &usize| Array2::from_shape_simple_fn((12, 1), || 0.5 * label as f64 + stream.normal());
    let sequences: Vec<Array2<f64>> = labels.iter().map(draw).collect();
    let views: Vec<ArrayView2<'_, f64>> = sequences.iter().map(|s| s.view()).collect();
    for pooling in [Pooling::Mean, Pooling::Last] {
        let classifier = Classifier::fit(&model, "y", &[pooling], &Ridge::Fixed(0.0), &views, &labels, 2)?;
        let mut x = Array2::zeros((16, 21));
        for (mut row, view) in x.rows_mut().into_iter().zip(&views) {
            let states = features(&model, *view)?;
            match pooling {
                Pooling::Last => row.assign(&states.row(11)),
                _ => row.assign(&states.mean_axis(Axis(0)).expect("steps")),
            }
        }
        let y = Array2::from_shape_fn((16, 2), |(i, class)| f64::from(u8::from(labels[i] == class)));
        let judge = Judge::of(&x, &y, 0.0, lost(21));
        let expected = judge.predict(&x);
        let mut scores = Array2::zeros((16, 2));
        for (i, view) in views.iter().enumerate() {
            scores.row_mut(i).assign(&Array1::from(classifier.scores(*view)?));
            let right = (expected[[i, 1]] > expected[[i, 0]]) == (labels[i] == 1);
            assert!(
                !right || classifier.classify(*view)? == labels[i],
                "{pooling:?}, sequence {i}: {:?}",
                scores.row(i)
            );
        }
        judge.assert_as_good(&scores, &y, "classifier");
        assert_eq!(classifier.training_errors(), 0, "{pooling:?}");
    }
    Ok(())
}

/// A sine excites few directions of a reservoir; the others are rounding.
#[test]
fn a_smooth_drive_and_a_tiny_penalty_are_no_obstacle() -> Result<(), Error> {
    let wave = sine(1600);
    for units in [100, 200] {
        let model = network(units, 1)?;
        let pair = Series::new(wave.slice(s![..1000, ..]), wave.slice(s![1..1001, ..]));
        let (trained, report) = Training::new().washout(200).ridge(1e-12).fit(&model, &[pair])?;
        assert!(report.heads[0].ridge == 1e-12, "{units} units: {:e}", report.heads[0].ridge);
        let found = trained.session().run(wave.slice(s![..1600, ..]))?;
        let test = metrics::nrmse(wave.slice(s![1001.., ..]), found.slice(s![1000.., ..])).expect("a sine varies");
        assert!(test < 1e-6, "{units} units: test NRMSE {test:e}");
    }
    Ok(())
}

/// `GCV` by singular values, as it is defined.
fn gcv(x: &Array2<f64>, y: &Array2<f64>, ridge: f64) -> f64 {
    let (steps, judge) = (x.nrows() as f64, Judge::of(x, y, ridge, 0.0));
    let centred = x - &x.mean_axis(Axis(0)).expect("rows");
    let svd = Mat::from_fn(x.nrows(), x.ncols(), |i, j| centred[[i, j]]).thin_svd().expect("it converges");
    let parameters: f64 = svd.S().column_vector().iter().map(|s| s * s / (s * s + ridge)).sum();
    let freedom = 1.0 - (parameters + 1.0) / steps;
    judge.error / judge.energy / (freedom * freedom)
}

/// Where features depended on others, the score counted as many parameters as features, whatever the penalty: with a
/// large sensor given twice, a grid took 1e-3 where 30 is right.
#[test]
fn a_penalty_is_scored_alike_whether_features_depend_on_others_or_not() -> Result<(), Error> {
    for (large, twice) in [(1.0, true), (1e3, true), (1e5, true), (1e6, true), (1e6, false)] {
        let mut stream = Seed(3).stream("sensor");
        let mut x = Array2::from_shape_simple_fn((130, 102), || stream.normal());
        for t in 0..130 {
            x[[t, 100]] *= large;
            x[[t, 101]] = if twice { x[[t, 100]] } else { 0.0 };
        }
        let y = Array2::from_shape_fn((130, 1), |(t, _)| 0.3 * x[[t, 0]] + x[[t, 100]] / large + 0.5 * stream.normal());
        let mut penalties = Penalties::new(gram(&x, &y))?;
        for ridge in [1e-3, 0.1, 1.0, 10.0, 30.0, 1000.0] {
            let (found, expected) = (penalties.gcv(ridge)?.0.score, gcv(&x, &y, ridge));
            // A penalty near the rounding of the sensor's own sum is one that rounding has a share in.
            assert!((found / expected - 1.0).abs() < 1e-3, "{large}, {twice}, {ridge}: {found}, {expected}");
        }
    }
    Ok(())
}

/// The same for a smooth reservoir, on both sides of the penalty from which on all its directions count.
#[test]
fn the_score_of_a_smooth_reservoir_has_no_step() -> Result<(), Error> {
    let steps = 460;
    let wave = Array2::from_shape_fn((steps + 1, 1), |(t, _)| {
        let t = t as f64;
        (0.21 * t).sin() + 0.6 * (0.37 * t).sin() + 0.4 * (0.113 * t).sin()
    });
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("reservoir", u, Reservoir::new(200).spectral_radius(0.7).input_scaling(0.3));
    g.readout("y", [x], 1);
    for seed in 0..3 {
        let model = Model::<f64>::generate(g.clone().build()?, seed)?;
        let mut session = model.session();
        let mut x = Array2::zeros((steps, 200));
        for t in 0..steps {
            session.step(&[wave[[t, 0]]])?;
            x.row_mut(t).iter_mut().zip(session.node("reservoir")?).for_each(|(to, from)| *to = *from);
        }
        let (x, y) = (x.slice(s![200.., ..]).to_owned(), wave.slice(s![201.., ..]).to_owned());
        let mut penalties = Penalties::new(gram(&x, &y))?;
        for ridge in [1e-11, 1e-10, 1e-9, 1e-8, 1e-6] {
            let (found, expected) = (penalties.gcv(ridge)?.0.score, gcv(&x, &y, ridge));
            assert!((found / expected - 1.0).abs() < 0.05, "seed {seed}, {ridge:e}: {found:e}, {expected:e}");
        }
    }
    Ok(())
}

/// With no more steps than features, the score of a small penalty was one rounding over the square of another: zero or anything,
/// and the smallest of them won. Of 20 steps and 60 features 1e-8 was taken, where 10 is right.
#[test]
fn no_penalty_is_chosen_by_rounding() -> Result<(), Error> {
    let grid: Vec<f64> = (-11..4).map(|decade| 10_f64.powi(decade)).collect();
    for (steps, features) in [(20, 60), (40, 60), (60, 60), (61, 60), (62, 60), (66, 60), (100, 200)] {
        for seed in 0..8 {
            let mut stream = Seed(seed).stream("wide");
            // Alike, of many sizes, and one far above all others.
            let mut scales = vec![1.0; features];
            match seed % 8 {
                0 | 1 => {}
                6 | 7 => scales[features / 2] = 1e5,
                _ => scales.iter_mut().for_each(|scale| *scale = 10_f64.powf(stream.uniform_in(-3.0, 1.0))),
            }
            let x = Array2::from_shape_fn((steps, features), |(_, j)| scales[j] * (0.3 * stream.normal()).tanh());
            // One without anything to tell, and one that a few features tell but for noise.
            let y = Array2::from_shape_fn((steps, 1), |(t, _)| {
                if seed % 2 == 0 { stream.normal() } else { x[[t, 0]] / scales[0] + 0.05 * stream.normal() }
            });
            let what = format!("{steps} x {features}, seed {seed}");
            let mut penalties = Penalties::new(gram(&x, &y))?;
            let (mut scores, mut least) = (Vec::new(), f64::INFINITY);
            for &ridge in &grid {
                let (found, expected) = (penalties.gcv(ridge)?.0.score, gcv(&x, &y, ridge));
                // What is told at all is told to a tenth, or to what is nothing beside the variance.
                let near = (found / expected - 1.0).abs() < 0.1 || (found - expected).abs() < 1e-7;
                assert!(found.is_infinite() || near, "{what}, {ridge:e}: {found:e}, {expected:e}");
                scores.push((found, expected));
                least = least.min(expected);
            }
            let (_, chosen) = scores.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("a grid");
            assert!(chosen < 1.1 * least + 1e-7, "{what}: {chosen:e}, {least:e}");
            let of_grid =
                Training::new().washout(0).ridge(Ridge::Grid { values: grid.clone(), selection: Selection::Gcv });
            let mut g = Graph::builder();
            let u = g.input("u", features);
            g.readout("y", [u], 1);
            let model = Model::<f64>::generate(g.build()?, 1)?;
            let (_, report) = of_grid.fit(&model, &[Series::new(x.view(), y.view())])?;
            assert!(gcv(&x, &y, report.heads[0].ridge) < 1.1 * least + 1e-7, "{what}: {:e}", report.heads[0].ridge);
        }
    }
    Ok(())
}

/// An infinite sum passed for a constant, since no rounding is larger: a feature of 1e200 had a weight of zero, and a target of
/// 1e200 was called constant.
#[test]
fn sums_beyond_all_numbers_are_no_constants() {
    for (steps, feature, target) in
        [(3, 1e200, 1.0), (3, 1.0, 1e200), (1000, 1e160, 1.0), (1000, 1.0, 1e160), (9000, 1e157, 1.0)]
    {
        let line = |scale: f64| Array2::from_shape_fn((steps, 1), |(t, _)| scale * t as f64);
        let found = solve(gram(&line(feature), &line(target)), 0.0);
        assert!(matches!(found, Err(TrainError::TooLarge)), "{steps}, {feature:e}, {target:e}: {found:?}");
    }
}

/// A column that is the sum of all others once counted as one of its own in one trial of eight, and the weights along it
/// were rounding over rounding.
#[test]
fn a_sum_of_others_is_found() -> Result<(), Error> {
    for (steps, features) in [(100, 5), (200, 12), (2000, 12), (20_000, 12), (500, 40), (600, 150)] {
        for seed in 0..if steps > 5000 { 4 } else { 40 } {
            let mut stream = Seed(seed).stream("sum");
            let mut x = Array2::from_shape_simple_fn((steps, features), || stream.uniform_in(-1.0, 1.0));
            for mut row in x.rows_mut() {
                row[features - 1] = row.iter().take(features - 1).sum();
            }
            let y = Array2::from_shape_fn((steps, 1), |(t, _)| x[[t, 0]] + 0.1 * stream.normal());
            let solution = solve(gram(&x, &y), 0.0)?;
            assert_eq!(solution.rank, features - 1, "{steps} x {features}, seed {seed}");
            // Of smallest norm: nothing along (1, .., 1, -1).
            let w = solution.weights.row(0);
            let along = w.iter().take(features - 1).sum::<f64>() - w[features - 1];
            assert!(along.abs() < 1e-9, "{steps} x {features}, seed {seed}: {along:e}");
        }
    }
    Ok(())
}

/// Weights of small features were moved into what rounding had left between them and a large one that came twice.
#[test]
fn a_large_feature_twice_leaves_small_ones_alone() -> Result<(), Error> {
    for exponent in [0, 6, 9, 12, 15, 16, 17, 18, 21] {
        let large = (0..exponent).fold(1.0, |large, _| 10.0 * large);
        let mut stream = Seed(5).stream("ratio");
        let x = Array2::from_shape_simple_fn((300, 4), || stream.normal());
        let x = Array2::from_shape_fn((300, 5), |(t, j)| if j < 3 { x[[t, j]] } else { large * x[[t, 3]] });
        let y = Array2::from_shape_fn((300, 1), |(t, _)| {
            x[[t, 0]] - 2.0 * x[[t, 1]] + x[[t, 3]] / large + 0.2 * stream.normal()
        });
        let (once, twice) = (x.slice(s![.., ..4]).to_owned(), x);
        let (single, doubled) = (solve(gram(&once, &y), 0.0)?, solve(gram(&twice, &y), 0.0)?);
        assert_eq!((single.rank, doubled.rank), (4, 4), "1e{exponent}");
        let error = |solution: &RidgeSolution, x: &Array2<f64>| {
            metrics::nrmse(y.view(), predict(solution, x).view()).expect("the target varies")
        };
        let (expected, found) = (error(&single, &once), error(&doubled, &twice));
        assert!((found / expected - 1.0).abs() < 1e-6, "1e{exponent}: {found} {expected}");
        let halves = [doubled.weights[[0, 3]], doubled.weights[[0, 4]]];
        assert!((halves[0] / halves[1] - 1.0).abs() < 1e-6, "1e{exponent}: {halves:?}");
        for j in 0..3 {
            let (found, expected) = (doubled.weights[[0, j]], single.weights[[0, j]]);
            assert!((found - expected).abs() < 1e-9, "1e{exponent}: {found} {expected}");
        }
    }
    Ok(())
}

/// A network with every unit twice, and a target that is no sum of its units: `[steps]`.
struct Doubled {
    esn: HybridEsn<f64>,
    inputs: Array2<f64>,
    targets: Array2<f64>,
    /// State of every step.
    x: Array2<f64>,
}

fn doubled(steps: usize) -> Result<Doubled, Error> {
    let units = 12;
    let mut stream = Seed(8).stream("doubled");
    let (w_in, w_out) = ((0..units).map(|_| stream.normal()).collect::<Vec<f64>>(), vec![0.0; 2 * units]);
    let w_in = w_in.repeat(2);
    let mut w_res = vec![0.0; 4 * units * units];
    for i in 0..2 * units {
        w_res[i * 2 * units + (i + 1) % units] = 0.8;
    }
    let mut esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, 0.7)?;
    let inputs = Array2::from_shape_simple_fn((steps, 1), || stream.uniform_in(-1.0, 1.0));
    let targets = Array2::from_shape_fn((steps, 1), |(t, _)| {
        inputs[[t, 0]] * inputs[[t.saturating_sub(2), 0]] + 0.1 * stream.normal()
    });
    let mut x = Array2::zeros((steps, 2 * units));
    for t in 0..steps {
        esn.step(&[inputs[[t, 0]]])?;
        x.row_mut(t).iter_mut().zip(esn.session().node("reservoir")?).for_each(|(to, from)| *to = *from);
    }
    for i in 0..units {
        assert_eq!(x.column(i), x.column(units + i), "units come twice");
    }
    esn.reset();
    Ok(Doubled { esn, inputs, targets, x })
}

#[test]
fn training_with_units_twice_is_least_squares() -> Result<(), Error> {
    let Doubled { esn, inputs, targets, x } = doubled(400)?;
    let judge = Judge::of(&x.slice(s![50.., ..]).to_owned(), &targets.slice(s![50.., ..]).to_owned(), 0.0, 1e-7);
    let grid = |selection| Ridge::Grid { values: vec![0.0, 1e-9], selection };
    for ridge in [Ridge::Fixed(0.0), Ridge::Fixed(1e-12), grid(Selection::Gcv), grid(Selection::KFold(4))] {
        let training = Training::new().washout(50).ridge(ridge.clone());
        let (trained, _) = training.fit(esn.model(), &[Series::new(inputs.view(), targets.view())])?;
        let found = trained.session().run(inputs.view())?.slice(s![50.., ..]).to_owned();
        judge.assert_as_good(&found, &targets.slice(s![50.., ..]).to_owned(), &format!("{ridge:?}"));
    }
    Ok(())
}

#[test]
fn a_conductor_with_units_twice_is_least_squares() -> Result<(), Error> {
    let Doubled { esn, inputs, targets, x } = doubled(400)?;
    let (x, y) = (x.slice(s![50.., ..]).to_owned(), targets.slice(s![50.., ..]).to_owned());
    let judge = Judge::of(&x, &y, 0.0, 1e-7);
    let layout = Layout::new([("product", HeadKind::Regression { outputs: 1, base: Base::Mean })]);
    for ridge in [Ridge::Fixed(0.0), Ridge::Grid { values: vec![0.0, 1e-9], selection: Selection::Gcv }] {
        let settings = forebay::conductor::ConductorSettings { washout: 50, ridge, ..Default::default() };
        let series = Series::new(inputs.view(), targets.view());
        let (mut conductor, _) = Conductor::fit(esn.model(), &["reservoir"], &layout, &series, &settings)?;
        let mut found = Vec::new();
        for t in 0..400 {
            found.push(conductor.step(&[inputs[[t, 0]]])?[0]);
        }
        let found = Array2::from_shape_vec((350, 1), found.split_off(50)).expect("350 steps");
        judge.assert_as_good(&found, &y, &format!("{:?}", settings.ridge));
    }
    Ok(())
}

/// The ladder refits on the steps after an alarm; what it installs is least squares on those.
#[test]
fn a_ladder_refit_with_units_twice_is_least_squares() -> Result<(), Error> {
    let Doubled { mut esn, inputs, targets, .. } = doubled(3000)?;
    let mut stream = Seed(9).stream("errors");
    // The untrained network puts out zero, so that its errors are the truth; the truth grows tenfold at step 1000.
    let errors = Array2::from_shape_simple_fn((2000, 1), || 0.3 * stream.normal());
    let settings = forebay::drift::DriftSettings { view: View::Magnitude, rate: 0.05, ..Default::default() };
    let monitor = DriftMonitor::calibrate(settings, errors.view())?;
    let washout = 40;
    let policy = Policy {
        refit_after: 300,
        retrain_after: 600,
        trial: 50,
        washout,
        refit: Refit::Ridge(Ridge::Fixed(0.0)),
        ..Policy::default()
    };
    let mut ladder = Ladder::new(monitor, policy, 0.3)?;
    for t in 0..inputs.nrows() {
        esn.step(&[inputs[[t, 0]]])?;
        let truth = if t < 1000 { 0.3 * stream.normal() } else { 10.0 * targets[[t, 0]] };
        ladder.observe(&mut esn, &[inputs[[t, 0]]], &[truth])?;
        let Some(entry) = ladder.log().iter().find(|entry| matches!(entry.action, Action::Refit { .. })) else {
            continue;
        };
        assert!(
            matches!(entry.action, Action::Refit { steps: 300 }) && entry.step == t as u64 && t > 1300,
            "{entry:?}"
        );
        let kept = s![t + 1 - 300..=t, ..];
        let (inputs, targets) = (inputs.slice(kept), 10.0 * &targets.slice(kept));
        let mut x = Array2::zeros((300, 24));
        let mut rows = x.rows_mut().into_iter();
        esn.model().session().run_with(inputs, |session| {
            let state = session.node("reservoir").into_iter().flatten();
            rows.next().expect("a row per step").iter_mut().zip(state).for_each(|(to, from)| *to = *from);
        })?;
        let (x, y) = (x.slice(s![washout.., ..]).to_owned(), targets.slice(s![washout.., ..]).to_owned());
        let (weights, bias) = esn.model().readout("output")?;
        let found = x.dot(&weights.t()) + &bias;
        Judge::of(&x, &y, 0.0, 1e-7).assert_as_good(&found, &y, "refit");
        return Ok(());
    }
    panic!("no refit: {:?}", ladder.log());
}

#[test]
fn the_baseline_of_a_window_with_states_twice_is_least_squares() -> Result<(), Error> {
    let Doubled { targets, x, .. } = doubled(300)?;
    let precision = Precision::new(2, 1).expect("allowed");
    let window = Window::new(x.view(), targets.view(), precision)?;
    let baseline = window.baseline(0.0)?;
    let cost = window.cost_of(
        &baseline.ridge.weights.iter().copied().collect::<Vec<f64>>(),
        &forebay::evolve::Objective::MeanSquare,
    )?;
    let judge = Judge::of(&x, &targets, 0.0, 1e-7);
    // Rounding states to two digits costs little; a wrong solution of the integers' equations costs everything.
    let best = judge.error / 300.0;
    assert!(cost <= best + 0.01 * judge.energy / 300.0, "{cost} against {best}");
    let reported = baseline.ridge.train_nrmse[0];
    let real = (cost * 300.0 / judge.energy).sqrt();
    assert!((reported - real).abs() <= 1e-6 * real, "reported {reported}, real {real}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_shape_is_solved_as_well_as_its_gram_matrix_allows(
        seed in 0_u64..10_000, rows in 2_usize..90, features in 1_usize..40, outputs in 1_usize..4,
        twice in any::<bool>(), constant in any::<bool>(), offset in prop::sample::select(vec![0.0, 3.0, 1e4]),
        scale in -9_i32..=12, penalty in -9_i32..=6, none in any::<bool>(),
    ) {
        let mut stream = Seed(seed).stream("shapes");
        let scale = 10_f64.powi(scale);
        let mut x = Array2::from_shape_simple_fn((rows, features), || offset + stream.normal());
        if constant {
            x.column_mut(features / 2).fill(offset + 0.1);
        }
        if twice {
            x = ndarray::concatenate(Axis(1), &[x.view(), x.view()])?;
        }
        let mut y = Array2::from_shape_fn((rows, outputs), |(t, o)| x[[t, o % features]] + stream.normal());
        y *= scale;
        x *= scale;
        // In the units of the features' squares.
        let ridge = if none { 0.0 } else { 10_f64.powi(penalty) * scale * scale };
        let judge = Judge::of(&x, &y, ridge, lost(x.ncols()));
        let direct = solve(gram(&x, &y), ridge)?;
        let of_grid = Penalties::new(gram(&x, &y))?.gcv(ridge)?.1;
        for (name, solution) in [("direct", direct), ("of a grid", of_grid)] {
            prop_assert_eq!(solution.ridge, ridge);
            judge.assert_as_good(&predict(&solution, &x), &y, name);
            if !none && penalty >= -6 {
                // With such a penalty the weights themselves are determined. They are of about 1, but of constants.
                let largest = judge.weights.iter().fold(1e-3_f64, |m, w| m.max(w.abs()));
                for (a, b) in solution.weights.iter().zip(judge.weights.t()) {
                    prop_assert!((a - b).abs() <= 1e-4 * largest, "{name}: {a} against {b}");
                }
            }
        }
    }
}
