//! Gaps in targets, weights of steps and penalties per output, against training on the rows that are left, on rows that are
//! repeated, and on each output alone.

use forebay::Error;
use forebay::conductor::{Base, Conductor, ConductorSettings, HeadKind, Layout};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::ridge::{self, Penalties};
use forebay::train::sequence::SequenceRegression;
use forebay::train::{Gram, Ridge, Selection, Series, TrainError, Training, TrainingReport};
use ndarray::{Array1, Array2, Axis, s};
use proptest::prelude::*;

const GRID: [f64; 7] = [1e-4, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e4];

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

fn assert_close(found: impl IntoIterator<Item = f64>, expected: impl IntoIterator<Item = f64>, tolerance: f64) {
    let (found, expected): (Vec<f64>, Vec<f64>) = (found.into_iter().collect(), expected.into_iter().collect());
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(&expected) {
        assert!((f - e).abs() <= tolerance * scale, "{f} against {e}");
    }
}

/// A model whose features are its inputs: training it is plain ridge regression.
fn linear_model(inputs: usize, outputs: usize) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", inputs);
    g.readout("y", [u], outputs);
    Model::generate(g.build()?, 0)
}

/// Two sets of sources, one of them read by two heads; the last head, of one output, is fed back if asked for.
fn reservoir_model(feedback: bool) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let recipe = Reservoir::new(12);
    let x = if feedback { g.reservoir_with_feedback("x", u, recipe, "c") } else { g.reservoir("x", u, recipe) };
    g.readout("a", [u, x], 2);
    g.readout("b", [x], 2);
    g.readout("c", [u, x], 1);
    Model::generate(g.build()?, 3)
}

fn noisy(seed: u64, steps: usize, features: usize, outputs: usize) -> (Array2<f64>, Array2<f64>) {
    let mut stream = Seed(seed).stream("partial");
    let x = Array2::from_shape_simple_fn((steps, features), || 2.0 + stream.normal());
    let y = Array2::from_shape_fn((steps, outputs), |(t, o)| {
        3.0 + x[[t, o % features]] * x[[t, (o + 1) % features]] + (0.2 + o as f64) * stream.normal()
    });
    (x, y)
}

/// What each output of the model learns from the rows that have a target and weight, by a Gram matrix of its own.
fn each_alone(
    model: &Model<f64>,
    u: &Array2<f64>,
    y: &Array2<f64>,
    washout: usize,
    ridge: f64,
) -> Result<Vec<u64>, Error> {
    let sources: &[(&str, usize, &[&str])] = &[("a", 2, &["u", "x"]), ("b", 2, &["x"]), ("c", 1, &["u", "x"])];
    let (mut column, mut all) = (0, Vec::new());
    for (head, width, sources) in sources {
        assert_eq!(model.head(head)?.offset, column);
        for column in column..column + width {
            let mut session = model.session();
            let mut gram = Gram::new(12 + 2 * (sources.len() - 1), 1);
            for t in 0..u.nrows() {
                let teacher: Vec<f64> = y.row(t).iter().map(|y| if y.is_nan() { 0.0 } else { *y }).collect();
                session.step_forced(&u.row(t).to_vec(), &teacher)?;
                if t < washout || y[[t, column]].is_nan() {
                    continue;
                }
                let features = sources.iter().flat_map(|node| session.node(node).expect("a node").to_vec());
                let features: Vec<f64> = features.collect();
                gram.push(|to, target| {
                    to.copy_from_slice(&features);
                    target[0] = y[[t, column]];
                });
            }
            let solution = ridge::solve(gram, ridge)?;
            all.extend(bits(solution.weights.iter().chain(&solution.bias).copied()));
        }
        column += width;
    }
    Ok(all)
}

fn learnt(trained: &Model<f64>) -> Result<Vec<u64>, Error> {
    let mut all = Vec::new();
    for head in ["a", "b", "c"] {
        let (weights, bias) = trained.readout(head)?;
        for (row, bias) in weights.rows().into_iter().zip(&bias) {
            all.extend(bits(row.iter().chain([bias]).copied()));
        }
    }
    Ok(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Gaps drawn for each output, some the same for several: in every bit what the steps with a target alone teach.
    #[test]
    fn a_gap_is_a_row_that_is_not_there(seed in 0_u64..10_000, steps in 60_usize..300, gaps in 0.0..0.6, feedback: bool) {
        let model = reservoir_model(feedback)?;
        let (u, mut y) = noisy(seed, steps, 2, 5);
        let mut stream = Seed(seed).stream("gaps");
        // Outputs 0 and 1 share a pattern, 2 has none, 3 one of its own, and 4 another, unless it is fed back.
        for t in 0..steps {
            let is_gap = [(); 3].map(|()| stream.uniform() < gaps);
            for (columns, gap) in [(&[0, 1][..], is_gap[0]), (&[3], is_gap[1]), (&[4], is_gap[2] && !feedback)] {
                columns.iter().filter(|_| gap).for_each(|&column| y[[t, column]] = f64::NAN);
            }
        }
        let training = Training::new().washout(20).ridge(1e-3).masked_targets(true);
        let (trained, report) = training.fit(&model, &[Series::new(u.view(), y.view())])?;
        prop_assert_eq!(learnt(&trained)?, each_alone(&model, &u, &y, 20, 1e-3)?);
        prop_assert_eq!(report.steps, steps - 20);
        let expected: Vec<usize> = (0..5).map(|o| y.slice(s![20.., o]).iter().filter(|y| y.is_nan()).count()).collect();
        prop_assert_eq!(report.unlabelled(), expected.iter().sum::<usize>());
        for head in &report.heads {
            let place = model.head(&head.name)?;
            let counts = &expected[place.offset..place.offset + place.width];
            prop_assert_eq!(&head.unlabelled[..], if counts.iter().all(|&c| c == 0) { &[][..] } else { counts });
        }
        // The errors are those of the returned model at the steps with a target.
        let mut session = trained.session();
        let (mut truth, mut found) = (vec![Vec::new(); 5], vec![Vec::new(); 5]);
        for t in 0..steps {
            let teacher: Vec<f64> = y.row(t).iter().map(|y| if y.is_nan() { 0.0 } else { *y }).collect();
            let outputs = session.step_forced(&u.row(t).to_vec(), &teacher)?;
            for o in (0..5).filter(|&o| t >= 20 && !y[[t, o]].is_nan()) {
                found[o].push(outputs[o]);
                truth[o].push(y[[t, o]]);
            }
        }
        for head in &report.heads {
            for (o, nrmse) in (model.head(&head.name)?.offset..).zip(&head.train_nrmse) {
                let (mean, n) = (truth[o].iter().sum::<f64>() / truth[o].len() as f64, truth[o].len());
                let squares = |values: &[f64]| (0..n).map(|i| (truth[o][i] - values[i]).powi(2)).sum::<f64>();
                let expected = (squares(&found[o]) / squares(&vec![mean; n])).sqrt();
                prop_assert!((nrmse.expect("it varies") - expected).abs() < 1e-10, "{nrmse:?} {expected}");
            }
        }
    }

    /// Choices and scores, too: by either selection, with gaps or with weights of zero.
    #[test]
    fn choices_and_scores_are_those_of_the_rows_that_are_left(seed in 0_u64..10_000, steps in 60_usize..400, folds in 2_usize..6) {
        let model = linear_model(4, 2)?;
        let (x, y) = noisy(seed, steps, 4, 2);
        let mut stream = Seed(seed).stream("gaps");
        let left: Vec<usize> = (0..steps).filter(|_| stream.uniform() < 0.7).collect();
        let (mut gaps, mut weights) = (Array2::from_elem((steps, 2), f64::NAN), Array1::zeros(steps));
        for &t in &left {
            gaps.row_mut(t).assign(&y.row(t));
            weights[t] = 1.0;
        }
        let (x_left, y_left) = (x.select(Axis(0), &left), y.select(Axis(0), &left));
        let parts = |x: &'_ Array2<f64>, cuts: &[usize]| -> Vec<Array2<f64>> {
            cuts.windows(2).map(|ends| x.slice(s![ends[0]..ends[1], ..]).to_owned()).collect()
        };
        // One series in every bit; of several, run side by side, the rows are added up in another order.
        for cuts in [vec![0, steps], vec![0, steps / 3, steps]] {
            let left_cuts: Vec<usize> = cuts.iter().map(|&cut| left.iter().filter(|&&t| t < cut).count()).collect();
            let (x, gaps, y) = (parts(&x, &cuts), parts(&gaps, &cuts), parts(&y, &cuts));
            let (x_left, y_left) = (parts(&x_left, &left_cuts), parts(&y_left, &left_cuts));
            for selection in [Selection::Gcv, Selection::KFold(folds)] {
                let training = Training::new().washout(0).ridge(Ridge::Grid { values: GRID.to_vec(), selection });
                let pairs = |x: &'_ [Array2<f64>], y: &'_ [Array2<f64>]| -> Vec<(Array2<f64>, Array2<f64>)> {
                    x.iter().cloned().zip(y.iter().cloned()).collect()
                };
                let fit = |training: &Training, pairs: &[(Array2<f64>, Array2<f64>)], weights: Option<&Array1<f64>>| {
                    let series: Vec<Series<'_, f64>> = pairs.iter().zip(cuts.windows(2)).map(|((x, y), ends)| {
                        let series = Series::new(x.view(), y.view());
                        match weights {
                            Some(weights) => series.weights(weights.slice(s![ends[0]..ends[1]])),
                            None => series,
                        }
                    }).collect();
                    training.fit(&model, &series)
                };
                let (expected, wanted) = fit(&training, &pairs(&x_left, &y_left), None)?;
                let masked = fit(&training.clone().masked_targets(true), &pairs(&x, &gaps), None)?;
                let weighted = fit(&training, &pairs(&x, &y), Some(&weights))?;
                for (trained, report) in [&masked, &weighted] {
                    let all = |model: &Model<f64>| {
                        let (weights, bias) = model.readout("y").expect("a head");
                        weights.iter().chain(&bias).copied().collect::<Vec<f64>>()
                    };
                    if cuts.len() == 2 {
                        prop_assert_eq!(bits(all(trained)), bits(all(&expected)));
                    } else {
                        assert_close(all(trained), all(&expected), 1e-9);
                    }
                    prop_assert_eq!(report.heads[0].ridge, wanted.heads[0].ridge);
                    let errors = |report: &TrainingReport| report.heads[0].train_nrmse.iter().flatten().copied().collect::<Vec<_>>();
                    assert_close(errors(report), errors(&wanted), 1e-9);
                }
                prop_assert_eq!((weighted.1.steps, weighted.1.weight), (left.len(), Some(left.len() as f64)));
            }
        }
    }

    /// A step of weight w is w steps, in weights, errors and the score that generalised cross-validation gives.
    #[test]
    fn an_integer_weight_repeats_the_row(seed in 0_u64..10_000, steps in 40_usize..400, power in 0_i32..3) {
        let (x, y) = noisy(seed, steps, 5, 2);
        let mut stream = Seed(seed).stream("weights");
        let weights: Vec<u64> = (0..steps).map(|_| stream.below(5) * 10_u64.pow(power as u32 * stream.below(2) as u32)).collect();
        let mut weighted = Gram::new(5, 2);
        let mut repeated = weighted.clone();
        for (t, &weight) in weights.iter().enumerate() {
            let fill = |features: &mut [f64], targets: &mut [f64]| {
                features.iter_mut().zip(x.row(t)).for_each(|(to, from)| *to = *from);
                targets.iter_mut().zip(y.row(t)).for_each(|(to, from)| *to = *from);
            };
            weighted.push_weighted(weight as f64, fill)?;
            (0..weight).for_each(|_| repeated.push(fill));
        }
        prop_assert_eq!(weighted.weight(), repeated.count() as f64);
        let (mut weighted, mut repeated) = (Penalties::new(weighted)?, Penalties::new(repeated)?);
        for ridge in [1e-3, 1.0, 1e3] {
            let ((a, found), (b, expected)) = (weighted.gcv(ridge)?, repeated.gcv(ridge)?);
            assert_close(found.weights, expected.weights, 1e-11);
            assert_close(found.bias, expected.bias, 1e-11);
            assert_close(found.train_nrmse, expected.train_nrmse, 1e-11);
            assert_close([a.score], [b.score], 1e-11);
        }
        // Through training, over two series, with choice and scores.
        let rows: Vec<usize> = (0..steps).flat_map(|t| vec![t; weights[t] as usize]).collect();
        let (x_all, y_all) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
        let weights = Array1::from_iter(weights.iter().map(|&w| w as f64));
        let training = Training::new().washout(0).ridge(Ridge::Grid { values: GRID.to_vec(), selection: Selection::Gcv });
        let model = linear_model(5, 2)?;
        let (half, part) = (weights.mapv(|w| w / 2.0), |a: usize, b: usize| Series::new(x.slice(s![a..b, ..]), y.slice(s![a..b, ..])));
        let series = [
            part(0, 30).weights(weights.slice(s![..30])),
            part(30, steps).weights(half.slice(s![30..])).weight(2.0),
        ];
        let (a, found) = training.fit(&model, &series)?;
        let (b, expected) = training.fit(&model, &[Series::new(x_all.view(), y_all.view())])?;
        prop_assert_eq!(found.heads[0].ridge, expected.heads[0].ridge);
        assert_close(a.readout("y")?.0, b.readout("y")?.0, 1e-11);
        let errors = |report: TrainingReport| report.heads[0].train_nrmse.iter().flatten().copied().collect::<Vec<_>>();
        assert_close(errors(found), errors(expected), 1e-11);
    }
}

/// Weighted ridge regression and its validation errors in plain loops.
fn literal_score(x: &Array2<f64>, y: &Array2<f64>, w: &Array1<f64>, folds: usize, ridge: f64) -> f64 {
    let (steps, features) = x.dim();
    let (mut errors, total) = (0.0, w.sum());
    for fold in 0..folds {
        let (from, to) = (fold * steps / folds, (fold + 1) * steps / folds);
        let rest: Vec<usize> = (0..steps).filter(|t| !(from..to).contains(t)).collect();
        // Features and a column of ones; the intercept is not penalised.
        let mut matrix = Array2::<f64>::zeros((features + 1, features + 2));
        for &t in &rest {
            let row: Vec<f64> = x.row(t).iter().copied().chain([1.0, y[[t, 0]]]).collect();
            for i in 0..=features {
                (0..features + 2).for_each(|j| matrix[[i, j]] += w[t] * row[i] * row[j]);
            }
        }
        (0..features).for_each(|i| matrix[[i, i]] += ridge);
        let n = features + 1;
        for k in 0..n {
            for i in (0..n).filter(|&i| i != k) {
                let factor = matrix[[i, k]] / matrix[[k, k]];
                (k..=n).for_each(|j| matrix[[i, j]] -= factor * matrix[[k, j]]);
            }
        }
        let weight = |i: usize| matrix[[i, n]] / matrix[[i, i]];
        for t in from..to {
            let found = (0..features).map(|i| weight(i) * x[[t, i]]).sum::<f64>() + weight(features);
            errors += w[t] * (found - y[[t, 0]]).powi(2);
        }
    }
    let mean = (0..steps).map(|t| w[t] * y[[t, 0]]).sum::<f64>() / total;
    errors / (0..steps).map(|t| w[t] * (y[[t, 0]] - mean).powi(2)).sum::<f64>()
}

#[test]
fn folds_with_weights_choose_what_plain_loops_choose() -> Result<(), Error> {
    let mut choices = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let (x, mut y) = noisy(seed, 50, 4, 1);
        let mut stream = Seed(seed).stream("weights");
        let weights = Array1::from_shape_simple_fn(50, || libm::exp(2.0 * stream.normal()));
        y.mapv_inplace(|y| y + 10.0 * stream.normal());
        let ridge = Ridge::Grid { values: GRID.to_vec(), selection: Selection::KFold(3) };
        let series = Series::new(x.view(), y.view()).weights(weights.view());
        let (_, report) = Training::new().washout(0).ridge(ridge.clone()).fit(&linear_model(4, 1)?, &[series])?;
        let scores = GRID.map(|ridge| literal_score(&x, &y, &weights, 3, ridge));
        let best = (1..GRID.len()).fold(0, |best, i| if scores[i] < scores[best] { i } else { best });
        assert_eq!(report.heads[0].ridge, GRID[best], "{scores:?}");
        let plain =
            Training::new().washout(0).ridge(ridge).fit(&linear_model(4, 1)?, &[Series::new(x.view(), y.view())])?.1;
        choices.insert((best, GRID.iter().position(|&r| r == plain.heads[0].ridge)));
    }
    assert!(choices.iter().any(|(with, without)| Some(*with) != *without), "weights must matter: {choices:?}");
    Ok(())
}

/// Weights of one are no weights; and what is reported with others is what the returned model does.
#[test]
fn weighted_scores_are_of_the_returned_model() -> Result<(), Error> {
    let model = reservoir_model(true)?;
    let (u, y) = noisy(5, 700, 2, 5);
    let ones = Array1::ones(700);
    let training = Training::new().washout(30).ridge(Ridge::decades(-4, 2));
    let plain = Series::new(u.view(), y.view());
    let (a, of_none) = training.fit(&model, &[plain])?;
    let (b, of_ones) = training.fit(&model, &[plain.weights(ones.view())])?;
    assert_eq!(learnt(&a)?, learnt(&b)?);
    assert_eq!((of_ones.heads, of_ones.weight, of_none.weight), (of_none.heads, Some(670.0), None));

    let mut stream = Seed(6).stream("weights");
    let weights =
        Array1::from_shape_simple_fn(700, || if stream.uniform() < 0.3 { 0.0 } else { 3.0 * stream.uniform() });
    let (trained, report) = training.fit(&model, &[plain.weights(weights.view())])?;
    let (mut session, mut found) = (trained.session(), Array2::zeros((700, 5)));
    for t in 0..700 {
        let outputs = session.step_forced(&u.row(t).to_vec(), &y.row(t).to_vec())?;
        found.row_mut(t).iter_mut().zip(outputs).for_each(|(to, from)| *to = *from);
    }
    for head in &report.heads {
        for (o, nrmse) in (model.head(&head.name)?.offset..).zip(&head.train_nrmse) {
            let sum = |of: &dyn Fn(usize) -> f64| (30..700).map(|t| weights[t] * of(t)).sum::<f64>();
            let mean = sum(&|t| y[[t, o]]) / sum(&|_| 1.0);
            let expected =
                (sum(&|t| (found[[t, o]] - y[[t, o]]).powi(2)) / sum(&|t| (y[[t, o]] - mean).powi(2))).sqrt();
            assert!((nrmse.expect("it varies") - expected).abs() < 1e-12, "{nrmse:?} {expected}");
        }
    }
    Ok(())
}

/// As if each output were the only one, bit for bit; heads with other sources come along in the same run.
#[test]
fn penalties_per_output_are_those_of_each_output_alone() -> Result<(), Error> {
    let (x, y) = noisy(7, 240, 5, 4);
    let (together, alone) = (linear_model(5, 4)?, linear_model(5, 1)?);
    let training = |ridge: Ridge| Training::new().washout(10).ridge(ridge);
    let grid = |selection| Ridge::GridPerOutput { values: GRID.to_vec(), selection };
    let single = |selection| Ridge::Grid { values: GRID.to_vec(), selection };
    let list = vec![0.5, 1e3, 0.5, 0.0];
    let cases: [(Ridge, [Ridge; 4]); 3] = [
        (Ridge::PerOutput(list.clone()), [0, 1, 2, 3].map(|o| Ridge::Fixed(list[o]))),
        (grid(Selection::Gcv), [(); 4].map(|()| single(Selection::Gcv))),
        (grid(Selection::KFold(4)), [(); 4].map(|()| single(Selection::KFold(4)))),
    ];
    for (ridge, each) in cases {
        let (trained, report) = training(ridge.clone()).fit(&together, &[Series::new(x.view(), y.view())])?;
        let head = &report.heads[0];
        assert!(head.ridges.iter().any(|ridge| *ridge != head.ridge), "{ridge:?}: {head:?}");
        let (weights, bias) = trained.readout("y")?;
        for (o, ridge) in each.into_iter().enumerate() {
            let (one, of_one) = training(ridge).fit(&alone, &[Series::new(x.view(), y.slice(s![.., o..=o]))])?;
            let (expected, intercept) = one.readout("y")?;
            assert_eq!(bits(weights.row(o).to_vec()), bits(expected.row(0).to_vec()));
            assert_eq!((bias[o], head.ridges[o]), (intercept[0], of_one.heads[0].ridge));
            assert_eq!(head.train_nrmse[o], of_one.heads[0].train_nrmse[0]);
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_weighted_or_masked_is_refused() -> Result<(), Error> {
    let (model, fed_back) = (linear_model(2, 2)?, reservoir_model(true)?);
    let (x, y) = noisy(8, 40, 2, 2);
    let mut gap = y.clone();
    gap[[20, 1]] = f64::NAN;
    let training = || Training::new().washout(10);
    let refusal = |training: Training, series: Series<'_, f64>| training.fit(&model, &[series]).expect_err("refused");
    let error = refusal(training(), Series::new(x.view(), gap.view()));
    assert!(matches!(error, Error::NonFinite { index: 41, .. }), "{error}");
    // A gap in the targets is told of the way beside it; one in the inputs has none.
    assert!(error.to_string().contains("`masked_targets` trains beside gaps"), "{error}");
    let mut hole = x.clone();
    hole[[20, 1]] = f64::NAN;
    let error = refusal(training(), Series::new(hole.view(), y.view()));
    assert!(matches!(error, Error::NonFinite { .. }) && !error.to_string().contains("masked_targets"), "{error}");
    // What is collected follows the same rule.
    let gapped = [Series::new(x.view(), gap.view())];
    let error = training().collect(&model, &gapped, "y").expect_err("refused");
    assert!(matches!(error, Error::NonFinite { index: 41, .. }), "{error}");
    let rows = training().masked_targets(true).collect(&model, &gapped, "y")?;
    let missing: Vec<_> = rows.targets.indexed_iter().filter(|(_, y)| y.is_nan()).map(|(place, _)| place).collect();
    assert_eq!((rows.targets.nrows(), missing), (30, vec![(10, 1)]));
    gap[[21, 0]] = f64::INFINITY;
    let error = refusal(training().masked_targets(true), Series::new(x.view(), gap.view()));
    assert!(matches!(error, Error::NonFinite { index: 42, value: f64::INFINITY, .. }), "{error}");
    gap.column_mut(0).fill(f64::NAN);
    gap[[11, 0]] = 1.0;
    gap[[9, 0]] = 1.0;
    let error = refusal(training().masked_targets(true), Series::new(x.view(), gap.view()));
    assert!(matches!(error, Error::Train(TrainError::Unlabelled { output: 0, labelled: 1, needed: 2 })), "{error}");

    let mut taught = noisy(8, 40, 2, 5).1;
    taught[[39, 4]] = f64::NAN;
    let masked = training().masked_targets(true);
    masked.fit(&fed_back, &[Series::new(x.view(), taught.view())])?;
    taught[[3, 4]] = f64::NAN;
    let error = masked.fit(&fed_back, &[Series::new(x.view(), taught.view())]).expect_err("the next step sees it");
    let expected = TrainError::UnlabelledFeedback { series: 0, step: 3, output: 4 };
    assert!(matches!(&error, Error::Train(found) if *found == expected), "{error}");

    let series = || Series::new(x.view(), y.view());
    for bad in [-1.0, f64::NAN, f64::INFINITY, 1e-101, 1e101] {
        let mut weights = Array1::ones(40);
        weights[7] = bad;
        let is_weight = |error: &Error| matches!(error, Error::Train(TrainError::Weight { .. }));
        let weighted = Series::new(x.view(), y.view()).weights(weights.view());
        let error = refusal(training(), weighted);
        assert!(is_weight(&error), "{error}");
        assert!(is_weight(&refusal(training(), series().weight(bad))));
        assert!(Gram::new(1, 1).push_weighted(bad, |_, _| ()).is_err());
    }
    let short = Array1::ones(39);
    assert!(matches!(refusal(training(), series().weights(short.view())), Error::Shape { .. }));
    let error = refusal(training(), series().weight(0.0));
    assert!(matches!(error, Error::Train(TrainError::TooShort { steps: 0, needed: 2 })), "{error}");
    let error = refusal(training().ridge(Ridge::decades(-2, 2)), series().weight(0.03));
    assert!(matches!(error, Error::Train(TrainError::LightWeights { .. })), "{error}");
    let error = refusal(training().ridge(Ridge::PerOutput(vec![1.0])), series());
    assert!(matches!(error, Error::Train(TrainError::Penalties { penalties: 1, outputs: 2 })), "{error}");
    let error = refusal(training().ridge(Ridge::PerOutput(vec![1.0, -1.0])), series());
    assert!(matches!(error, Error::Train(TrainError::Ridge { .. })), "{error}");
    let empty = Ridge::GridPerOutput { values: vec![], selection: Selection::Gcv };
    assert!(matches!(refusal(training().ridge(empty), series()), Error::Train(TrainError::EmptyGrid)));

    let each = Ridge::PerOutput(vec![1.0, 1.0]);
    let sequences: Vec<_> = (0..4).map(|i| x.slice(s![10 * i..10 * i + 10, ..])).collect();
    let error =
        Classifier::fit(&model, "y", &[Pooling::Mean], &each, &sequences, &[0, 1, 0, 1], 2).expect_err("refused");
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
    let layout = Layout::new([("next", HeadKind::Regression { outputs: 2, base: Base::default() })]);
    let settings = ConductorSettings { washout: 10, ..ConductorSettings::default() };
    let error = Conductor::fit(&model, &["u"], &layout, &series().weight(2.0), &settings).expect_err("refused");
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
    Ok(())
}

/// Reports of trainings without any of this are written as before there was any.
#[test]
fn plain_reports_have_no_new_fields() -> Result<(), Box<dyn std::error::Error>> {
    let (x, y) = noisy(9, 40, 2, 2);
    let (model, report) = Training::new().washout(10).fit(&linear_model(2, 2)?, &[Series::new(x.view(), y.view())])?;
    assert_eq!(model.provenance().training.as_ref(), Some(&report), "a model tells how it was trained");
    let text = serde_json::to_string(&report)?;
    for field in ["weight", "ridges", "unlabelled"] {
        assert!(!text.contains(field), "{text}");
    }
    assert_eq!(serde_json::from_str::<TrainingReport>(&text)?, report);
    Ok(())
}

/// Pooled by hand, and solved by the ridge that is tested elsewhere; errors are those of predictions.
#[test]
fn sequences_of_any_length_give_vectors() -> Result<(), Error> {
    let model = reservoir_model(false)?;
    let mut stream = Seed(11).stream("sequences");
    let sequences: Vec<Array2<f64>> =
        (0..60).map(|i| Array2::from_shape_simple_fn((1 + i % 17, 2), || stream.uniform_in(-1.0, 1.0))).collect();
    let views: Vec<_> = sequences.iter().map(|sequence| sequence.view()).collect();
    let mut targets = Array2::from_shape_fn((60, 3), |(i, o)| sequences[i].mean().expect("numbers") + 0.1 * o as f64);
    targets.mapv_inplace(|y| y + 0.05 * stream.normal());
    targets.column_mut(2).fill(0.1);
    let pooling = [Pooling::Mean, Pooling::Last, Pooling::Samples(2)];
    let fit = |targets: &Array2<f64>| {
        SequenceRegression::fit(&model, "a", &pooling, &Ridge::Fixed(0.01), &views, targets.view())
    };
    let trained = fit(&targets)?;
    let mut gram = Gram::new(4 * 14, 3);
    for (i, sequence) in sequences.iter().enumerate() {
        let mut session = model.session();
        let mut states = Vec::new();
        session.run_with(sequence.view(), |session| {
            let nodes = ["u", "x"].map(|node| session.node(node).expect("a node").to_vec());
            states.push(nodes.concat());
        })?;
        let steps = states.len();
        let mean = (0..14).map(|f| states.iter().map(|state| state[f]).sum::<f64>() / steps as f64);
        let (half, last) = (states[steps.div_ceil(2) - 1].clone(), states[steps - 1].clone());
        let features: Vec<f64> = mean.chain(last.clone()).chain(half).chain(last).collect();
        gram.push(|to, target| {
            to.copy_from_slice(&features);
            target.iter_mut().zip(targets.row(i)).for_each(|(to, from)| *to = *from);
        });
    }
    let solution = ridge::solve(gram, 0.01)?;
    let mut errors = [0.0; 3];
    for (i, view) in views.iter().enumerate() {
        let found = trained.predict(*view)?;
        (0..3).for_each(|o| errors[o] += (found[o] - targets[[i, o]]).powi(2));
    }
    for (o, error) in errors.iter().enumerate().take(2) {
        let mean = targets.column(o).mean().expect("numbers");
        let expected = (error / targets.column(o).iter().map(|y| (y - mean).powi(2)).sum::<f64>()).sqrt();
        assert!((trained.train_nrmse()[o].expect("it varies") - expected).abs() < 1e-12);
        // Means may be summed in another order.
        assert!((solution.train_nrmse[o] - expected).abs() < 1e-9, "{} {expected}", solution.train_nrmse[o]);
        assert!(expected < 0.9, "{expected}");
    }
    assert_eq!((trained.train_nrmse()[2], trained.outputs(), trained.ridge()), (None, 3, 0.01));
    targets[[5, 1]] = f64::NAN;
    assert!(matches!(fit(&targets), Err(Error::NonFinite { index: 16, .. })));
    assert!(matches!(fit(&Array2::zeros((59, 1))), Err(Error::Shape { .. })));
    assert!(matches!(fit(&Array2::zeros((60, 0))), Err(Error::Shape { .. })));
    Ok(())
}
