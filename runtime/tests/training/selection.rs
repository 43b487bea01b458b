//! How penalties are chosen, against cross-validation in plain loops, and what is refused on the way.

use forebay::conductor::{Base, Conductor, ConductorSettings, HeadKind, Layout};
use forebay::drift::{self, DriftMonitor, Ladder, Policy, Refit};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::ridge::{Penalties, solve};
use forebay::train::{Gram, Ridge, Selection, Series, TrainError, Training, TrainingReport};
use forebay::{Error, Real};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use proptest::prelude::*;

/// A model whose features are its inputs: training it is plain ridge regression.
fn linear_model(inputs: usize, outputs: usize) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", inputs);
    g.readout("y", [u], outputs);
    Model::generate(g.build()?, 0)
}

/// Gaussian elimination with partial pivoting: `a x = b`.
fn eliminate(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs())).expect("k < n");
        (0..n).for_each(|j| a.swap([k, j], [pivot, j]));
        (0..b.ncols()).for_each(|j| b.swap([k, j], [pivot, j]));
        for i in k + 1..n {
            let factor = a[[i, k]] / a[[k, k]];
            (k..n).for_each(|j| a[[i, j]] -= factor * a[[k, j]]);
            (0..b.ncols()).for_each(|j| b[[i, j]] -= factor * b[[k, j]]);
        }
    }
    for i in (0..n).rev() {
        for j in 0..b.ncols() {
            let known: f64 = (i + 1..n).map(|k| a[[i, k]] * b[[k, j]]).sum();
            b[[i, j]] = (b[[i, j]] - known) / a[[i, i]];
        }
    }
    b
}

/// Weights `[features, outputs]` and intercepts of ridge regression on these rows.
fn literal_ridge(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, ridge: f64) -> (Array2<f64>, Array1<f64>) {
    let (x_mean, y_mean) = (x.mean_axis(Axis(0)).expect("rows"), y.mean_axis(Axis(0)).expect("rows"));
    let (x, y) = (&x - &x_mean, &y - &y_mean);
    let mut matrix = x.t().dot(&x);
    matrix.diag_mut().mapv_inplace(|d| d + ridge);
    let weights = eliminate(matrix, x.t().dot(&y));
    let bias = y_mean - x_mean.dot(&weights);
    (weights, bias)
}

/// Squared validation errors over all folds and steps, over the squared distances of the whole target from its mean; the
/// mean over the outputs that `count`.
fn literal_score(x: &Array2<f64>, y: &Array2<f64>, folds: usize, ridge: f64, count: &[usize]) -> f64 {
    let steps = x.nrows();
    let mut errors = Array1::<f64>::zeros(y.ncols());
    for fold in 0..folds {
        let (from, to) = (fold * steps / folds, (fold + 1) * steps / folds);
        let rest: Vec<usize> = (0..steps).filter(|t| !(from..to).contains(t)).collect();
        let (weights, bias) = literal_ridge(x.select(Axis(0), &rest).view(), y.select(Axis(0), &rest).view(), ridge);
        for t in from..to {
            for o in 0..y.ncols() {
                let found = bias[o] + (0..x.ncols()).map(|i| weights[[i, o]] * x[[t, i]]).sum::<f64>();
                errors[o] += (found - y[[t, o]]).powi(2);
            }
        }
    }
    let share = |&o: &usize| {
        let mean = y.column(o).sum() / steps as f64;
        errors[o] / y.column(o).iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    count.iter().map(share).sum::<f64>() / count.len() as f64
}

fn fit(x: &Array2<f64>, y: &Array2<f64>, values: &[f64], selection: Selection) -> Result<TrainingReport, Error> {
    let model = linear_model(x.ncols(), y.ncols())?;
    let ridge = Ridge::Grid { values: values.to_vec(), selection };
    Ok(Training::new().washout(0).ridge(ridge).fit(&model, &[Series::new(x.view(), y.view())])?.1)
}

const GRID: [f64; 9] = [1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e5];

/// The score of the choice is the best of the grid's, and the first that is as good is the choice.
fn assert_chosen(x: &Array2<f64>, y: &Array2<f64>, folds: usize, count: &[usize]) -> Result<f64, Error> {
    let chosen = fit(x, y, &GRID, Selection::KFold(folds))?.heads[0].ridge;
    let scores: Vec<f64> = GRID.iter().map(|&ridge| literal_score(x, y, folds, ridge, count)).collect();
    let best = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let place = GRID.iter().position(|&ridge| ridge == chosen).expect("a penalty of the grid");
    assert!(scores[place] <= best * (1.0 + 1e-6), "{chosen:e} has {}, best {best}: {scores:?}", scores[place]);
    Ok(chosen)
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Noisy,
    /// One value per fold.
    Steps,
    /// A constant in the first half.
    Late,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn folds_choose_what_cross_validation_in_plain_loops_chooses(
        seed in 0_u64..10_000, steps in 24_usize..120, features in 1_usize..10, outputs in 1_usize..4, folds in 2_usize..7,
        target in prop::sample::select(vec![Target::Noisy, Target::Steps, Target::Late]),
        offset in prop::sample::select(vec![0.0, 100.0]), noise in prop::sample::select(vec![0.1, 3.0]),
    ) {
        let mut stream = Seed(seed).stream("folds");
        let x = Array2::from_shape_simple_fn((steps, features), || offset + stream.normal());
        let levels: Vec<f64> = (0..folds).map(|_| stream.normal()).collect();
        let y = Array2::from_shape_fn((steps, outputs), |(t, o)| {
            let noisy = x[[t, o % features]] - offset + noise * stream.normal();
            offset + match target {
                Target::Steps => levels[(0..folds).filter(|k| k * steps / folds <= t).count() - 1] * (1.0 + o as f64),
                Target::Late if 2 * t < steps => 0.0,
                Target::Late | Target::Noisy => noisy,
            }
        });
        let all: Vec<usize> = (0..outputs).collect();
        assert_chosen(&x, &y, folds, &all)?;
    }
}

/// Each fold's target is a constant of its own: nothing can be divided by the variance inside a fold.
#[test]
fn a_target_that_is_constant_inside_every_fold_is_no_obstacle() -> Result<(), Error> {
    let mut stream = Seed(1).stream("steps");
    let x = Array2::from_shape_simple_fn((80, 5), || stream.normal());
    let y = Array2::from_shape_fn((80, 1), |(t, _)| [0.1, -0.7, 1.3, 0.4][t / 20] + 1e-17 * t as f64);
    assert_chosen(&x, &y, 4, &[0])?;
    Ok(())
}

/// The rest of a fold with nearly all of the energy, taken as whole minus fold, would keep no digit of its own.
#[test]
fn a_fold_with_nearly_all_of_the_energy_costs_the_others_no_digits() -> Result<(), Error> {
    let mut stream = Seed(2).stream("energy");
    for loud in 0..4 {
        let mut x = Array2::from_shape_simple_fn((80, 4), || stream.normal());
        let mut y = Array2::from_shape_fn((80, 1), |(t, _)| x[[t, 0]] - 0.5 * x[[t, 2]] + 0.3 * stream.normal());
        x.slice_mut(s![20 * loud..20 * loud + 20, ..]).mapv_inplace(|v| 1e9 * v + 3e9);
        y.slice_mut(s![20 * loud..20 * loud + 20, ..]).mapv_inplace(|v| 1e9 * v + 3e9);
        assert_chosen(&x, &y, 4, &[0])?;
    }
    Ok(())
}

/// 0.1 has no exact binary form, so the variance of this constant in plain sums is above 0: about 1e-34, all rounding.
#[test]
fn constant_outputs_do_not_choose() -> Result<(), Error> {
    let mut stream = Seed(3).stream("constants");
    let x = Array2::from_shape_simple_fn((90, 6), || stream.normal());
    let y = Array2::from_shape_fn((90, 1), |(t, _)| x[[t, 1]] + 2.0 * stream.normal());
    let mut both = Array2::from_elem((90, 3), 0.1);
    both.column_mut(1).assign(&y.column(0));
    let expected = assert_chosen(&x, &y, 3, &[0])?;
    assert!(expected > GRID[0] && expected < GRID[8], "the choice lies inside the grid: {expected}");
    assert_eq!(assert_chosen(&x, &both, 3, &[1])?, expected);
    let gcv = |y: &Array2<f64>| Ok::<f64, Error>(fit(&x, y, &GRID, Selection::Gcv)?.heads[0].ridge);
    assert_eq!(gcv(&both)?, gcv(&y)?);

    // Nothing to choose by: the first of equals, and no score.
    let constants = Array2::from_elem((90, 2), 0.1);
    for selection in [Selection::Gcv, Selection::KFold(3)] {
        let report = fit(&x, &constants, &[0.3, 0.1, 1.0], selection)?;
        assert_eq!(
            (report.heads[0].ridge, &report.heads[0].train_nrmse[..]),
            (0.3, &[None, None][..]),
            "{selection:?}"
        );
    }
    Ok(())
}

/// Folds run over several series, each without its washout.
#[test]
fn folds_are_cut_after_the_washouts() -> Result<(), Error> {
    let mut stream = Seed(4).stream("series");
    let x = Array2::from_shape_simple_fn((130, 6), || stream.normal());
    let y = Array2::from_shape_fn((130, 1), |(t, _)| x[[t, 0]] + 2.0 * stream.normal());
    let part = |a: usize, b: usize| Series::new(x.slice(s![a..b, ..]), y.slice(s![a..b, ..]));
    let series = [part(0, 23), part(23, 90), part(90, 101), part(101, 130)];
    let kept: Vec<usize> = (10..23).chain(33..90).chain(100..101).chain(111..130).collect();
    let (x, y) = (x.select(Axis(0), &kept), y.select(Axis(0), &kept));
    for folds in [2, 3, 5, 9, 30] {
        let scores = GRID.map(|ridge| literal_score(&x, &y, folds, ridge, &[0]));
        let best = (1..GRID.len()).fold(0, |best, i| if scores[i] < scores[best] { i } else { best });
        let ridge = Ridge::Grid { values: GRID.to_vec(), selection: Selection::KFold(folds) };
        let (_, report) = Training::new().washout(10).ridge(ridge).fit(&linear_model(6, 1)?, &series)?;
        assert_eq!((report.steps, report.heads[0].ridge), (90, GRID[best]), "{folds} folds: {scores:?}");
    }
    Ok(())
}

/// Series at levels of their own, as long as the folds: sums of folds are moved from one level to another.
#[test]
fn folds_that_end_with_their_series_lie_apart() -> Result<(), Error> {
    for (seed, level) in [(1, 0.0), (2, 3.0), (3, 40.0), (4, 1000.0)] {
        let mut stream = Seed(seed).stream("levels");
        let x = Array2::from_shape_fn((120, 4), |(t, j)| stream.normal() + level * ((t / 30 * (j + 1)) % 5) as f64);
        let y = Array2::from_shape_fn((120, 2), |(t, o)| {
            x[[t, o]] - 0.5 * x[[t, 2]] + level * (t / 30 % 3) as f64 + 2.0 * stream.normal()
        });
        let part = |k: usize| Series::new(x.slice(s![30 * k..30 * (k + 1), ..]), y.slice(s![30 * k..30 * (k + 1), ..]));
        for folds in [2, 3, 4, 8] {
            let scores = GRID.map(|ridge| literal_score(&x, &y, folds, ridge, &[0, 1]));
            let best = (1..GRID.len()).fold(0, |best, i| if scores[i] < scores[best] { i } else { best });
            let ridge = Ridge::Grid { values: GRID.to_vec(), selection: Selection::KFold(folds) };
            let (_, report) =
                Training::new().washout(0).ridge(ridge).fit(&linear_model(4, 2)?, &[0, 1, 2, 3].map(part))?;
            let chosen = GRID.iter().position(|&ridge| ridge == report.heads[0].ridge).expect("one of the grid");
            // Scores that differ by rounding alone are equal.
            assert!(
                scores[chosen] <= scores[best] * (1.0 + 1e-9),
                "level {level}, {folds} folds: {chosen}, {scores:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_series_that_trains_nothing_is_refused_or_listed() -> Result<(), Error> {
    let mut stream = Seed(5).stream("short");
    let x = Array2::from_shape_simple_fn((400, 2), || stream.normal());
    let y = x.slice(s![.., ..1]).to_owned();
    let part = |a: usize, b: usize| Series::new(x.slice(s![a..b, ..]), y.slice(s![a..b, ..]));
    let model = linear_model(2, 1)?;
    let series = [part(0, 150), part(150, 206), part(206, 306), part(306, 306)];
    let error = Training::new().fit(&model, &series).expect_err("56 steps are fewer than the washout");
    let expected = TrainError::ShortSeries { series: 1, steps: 56, washout: 100 };
    assert!(matches!(&error, Error::Train(found) if *found == expected), "{error}");
    assert!(error.to_string().contains("skip_short_series"), "{error}");
    let (trained, report) = Training::new().skip_short_series(true).fit(&model, &series)?;
    assert_eq!((report.skipped, report.steps), (vec![1, 2, 3], 50));
    let (alone, report) = Training::new().fit(&model, &series[..1])?;
    assert_eq!(report.skipped, Vec::<usize>::new());
    assert_eq!(trained.readout("y")?, alone.readout("y")?);
    // Nothing is left: that is too little data, whatever is skipped.
    for skip in [false, true] {
        let error = Training::new().skip_short_series(skip).fit(&model, &series[1..]).expect_err("no step is left");
        assert!(matches!(error, Error::Train(TrainError::TooShort { steps: 0, needed: 2 })), "{error}");
    }
    Ok(())
}

/// Reports that were stored before series could be left out have no list of them.
#[test]
fn reports_without_a_list_of_skipped_series_are_read() -> Result<(), serde_json::Error> {
    let report: TrainingReport = serde_json::from_str(r#"{"washout": 100, "steps": 5, "heads": []}"#)?;
    assert_eq!((report.steps, report.skipped.len()), (5, 0));
    Ok(())
}

#[test]
fn no_features_leave_the_intercept() -> Result<(), Error> {
    let mut gram = Gram::new(0, 2);
    assert!(matches!(solve(gram.clone(), 0.0), Err(TrainError::TooShort { steps: 0, .. })));
    for t in 0..600 {
        gram.push(|_, y| y.copy_from_slice(&[f64::from(t), 5.0]));
    }
    let direct = solve(gram.clone(), 0.0)?;
    let (candidate, of_grid) = Penalties::new(gram)?.gcv(1.0)?;
    assert!(candidate.score.is_finite());
    for solution in [direct, of_grid] {
        assert_eq!(solution.weights.dim(), (2, 0));
        assert!((solution.bias[0] - 299.5).abs() < 1e-9 && (solution.bias[1] - 5.0).abs() < 1e-12, "{solution:?}");
        assert!((solution.train_nrmse[0] - 1.0).abs() < 1e-9, "{solution:?}");
    }
    Ok(())
}

/// Stands for a ladder that was made, which is no value that can be shown.
const NO_ERROR: Error = Error::Misuse { what: "the ladder took it", instead: String::new() };

/// Every place where a penalty is given, with the same answers.
#[test]
fn penalties_are_checked_alike_everywhere() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(10));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let wave = Array2::from_shape_fn((201, 1), |(t, _)| libm::sin(0.3 * t as f64));
    let series = Series::new(wave.slice(s![..200, ..]), wave.slice(s![1.., ..]));
    let sequences: Vec<_> = (0..8).map(|i| wave.slice(s![10 * i..10 * i + 20, ..])).collect();
    let layout = Layout::new([("next", HeadKind::Regression { outputs: 1, base: Base::default() })]);
    let errors = Array2::from_shape_fn((500, 1), |(t, _)| libm::sin(1.3 * (t * t) as f64));
    let monitor = DriftMonitor::calibrate(drift::DriftSettings::default(), errors.view())?;
    let answers = |ridge: &Ridge| -> [Error; 4] {
        let settings = ConductorSettings { ridge: ridge.clone(), ..ConductorSettings::default() };
        let policy = Policy { refit: Refit::Ridge(ridge.clone()), ..Policy::default() };
        let labels = [0, 1, 0, 1, 0, 1, 0, 1];
        [
            Training::new().ridge(ridge.clone()).fit(&model, &[series]).expect_err("refused"),
            Ladder::<f64>::new(monitor.clone(), policy, 1.0).err().unwrap_or(NO_ERROR),
            Classifier::fit(&model, "y", &[Pooling::Mean], ridge, &sequences, &labels, 2).expect_err("refused"),
            Conductor::fit(&model, &["x"], &layout, &series, &settings).expect_err("refused"),
        ]
    };
    let grid = |values: Vec<f64>, selection| Ridge::Grid { values, selection };
    for selection in [Selection::Gcv, Selection::KFold(3)] {
        for error in answers(&grid(vec![], selection)) {
            assert!(matches!(error, Error::Train(TrainError::EmptyGrid)), "{selection:?}: {error}");
        }
    }
    for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut tried = vec![Ridge::Fixed(bad)];
        tried.extend([Selection::Gcv, Selection::KFold(3)].map(|selection| grid(vec![1.0, bad], selection)));
        for ridge in tried {
            for error in answers(&ridge) {
                let Error::Train(TrainError::Ridge { ridge: found }) = error else { panic!("{ridge:?}: {error}") };
                assert_eq!(found.bits(), bad.bits(), "{ridge:?}");
            }
        }
    }
    // Folds of steps apply to steps of one series only.
    let [training, _, classifier, conductor] = answers(&grid(vec![1.0], Selection::KFold(60)));
    assert!(matches!(training, Error::Train(TrainError::Folds { folds: 60, steps: 100 })), "{training}");
    for error in [classifier, conductor] {
        assert!(matches!(error, Error::Misuse { .. }), "{error}");
    }
    Ok(())
}
