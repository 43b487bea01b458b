//! Ridge, cross-validation and online learners against independent solutions of the same equations.

use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::online::{Lms, OnlineFeedback, OnlineLearner, OnlineTrainer, Rls};
use forebay::train::ridge::{Penalties, solve};
use forebay::train::{Gram, Ridge, Selection, Series, TrainError, Training};
use forebay::{Error, metrics};
use ndarray::{Array2, ArrayView2, array, s};
use proptest::prelude::*;

/// Rows of features with correlated columns and large means, and targets that are noisy linear maps of them.
fn data(seed: u64, rows: usize, features: usize, outputs: usize) -> (Array2<f64>, Array2<f64>) {
    let mut stream = Seed(seed).stream("data");
    let base = Array2::from_shape_simple_fn((rows, features), || stream.normal());
    let mixing = Array2::from_shape_simple_fn((features, features), || stream.normal());
    let x = base.dot(&mixing) + 3.0;
    let map = Array2::from_shape_simple_fn((features, outputs), || stream.normal());
    let noise = Array2::from_shape_simple_fn((rows, outputs), || 0.5 * stream.normal());
    (x.clone(), x.dot(&map) + noise - 7.0)
}

fn gram(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Gram {
    let mut gram = Gram::new(x.ncols(), y.ncols());
    for (x, y) in x.rows().into_iter().zip(y.rows()) {
        gram.push(|features, targets| {
            features.iter_mut().zip(x).for_each(|(to, from)| *to = *from);
            targets.iter_mut().zip(y).for_each(|(to, from)| *to = *from);
        });
    }
    gram
}

/// Gaussian elimination with partial pivoting: `a x = b`.
fn eliminate(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs())).expect("k < n");
        for j in 0..n {
            a.swap([k, j], [pivot, j]);
        }
        for j in 0..b.ncols() {
            b.swap([k, j], [pivot, j]);
        }
        for i in k + 1..n {
            let factor = a[[i, k]] / a[[k, k]];
            for j in k..n {
                a[[i, j]] -= factor * a[[k, j]];
            }
            for j in 0..b.ncols() {
                b[[i, j]] -= factor * b[[k, j]];
            }
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

/// `[1, x]` and its penalised normal matrix; the intercept is not penalised.
fn normal(x: ArrayView2<'_, f64>, ridge: f64) -> (Array2<f64>, Array2<f64>) {
    let mut design = Array2::ones((x.nrows(), x.ncols() + 1));
    design.slice_mut(s![.., 1..]).assign(&x);
    let mut matrix = design.t().dot(&design);
    matrix.diag_mut().slice_mut(s![1..]).mapv_inplace(|d| d + ridge);
    (design, matrix)
}

/// Intercept first, then the weights: `[1 + features, outputs]`.
fn literal_ridge(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, ridge: f64) -> Array2<f64> {
    let (design, matrix) = normal(x, ridge);
    eliminate(matrix, design.t().dot(&y))
}

fn assert_close(found: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
    assert_eq!(found.dim(), expected.dim());
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance * scale, "{f} against {e}");
    }
}

fn stacked(solution: &forebay::train::ridge::RidgeSolution) -> Array2<f64> {
    let mut all = Array2::zeros((solution.weights.ncols() + 1, solution.weights.nrows()));
    all.row_mut(0).assign(&solution.bias);
    all.slice_mut(s![1.., ..]).assign(&solution.weights.t());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn ridge_solves_the_penalised_normal_equations(
        seed in 0_u64..1000, rows in 20_usize..1300, features in 1_usize..18, outputs in 1_usize..4, exponent in -6_i32..3,
    ) {
        let ridge = 10_f64.powi(exponent);
        let (x, y) = data(seed, rows, features, outputs);
        let expected = literal_ridge(x.view(), y.view(), ridge);
        let direct = solve(gram(x.view(), y.view()), ridge)?;
        let factored = Penalties::new(gram(x.view(), y.view()))?.solution(ridge)?;
        // More features than rows leave the comparison to the penalty; its conditioning sets the tolerance.
        assert_close(&stacked(&direct), &expected, 1e-7);
        assert_close(&stacked(&factored), &expected, 1e-7);
        prop_assert_eq!(direct.ridge, ridge);
        for (o, nrmse) in direct.train_nrmse.iter().enumerate() {
            let forecast = x.dot(&direct.weights.t()) + &direct.bias;
            let column = |a: &Array2<f64>| a.slice(s![.., o..=o]).to_owned();
            let measured = metrics::nrmse(column(&y).view(), column(&forecast).view())?;
            prop_assert!((measured - nrmse).abs() < 1e-6, "{} against {}", nrmse, measured);
        }
    }
}

#[test]
fn generalised_cross_validation_is_the_formula_with_the_hat_matrix() -> Result<(), Error> {
    let (x, y) = data(1, 60, 7, 2);
    let mut factored = Penalties::new(gram(x.view(), y.view()))?;
    for ridge in [1e-3, 1.0, 50.0] {
        let (design, matrix) = normal(x.view(), ridge);
        let hat = design.dot(&eliminate(matrix, design.t().to_owned()));
        let n = x.nrows() as f64;
        let residuals = &y - &hat.dot(&y);
        let share = |o: usize| {
            let column = y.column(o);
            let mean = column.sum() / n;
            let total: f64 = column.iter().map(|v| (v - mean).powi(2)).sum();
            residuals.column(o).iter().map(|r| r * r).sum::<f64>() / total
        };
        let expected = f64::midpoint(share(0), share(1)) / (1.0 - hat.diag().sum() / n).powi(2);
        let found = factored.gcv(ridge)?.0.score;
        assert!((found / expected - 1.0).abs() < 1e-9, "ridge {ridge}: {found} against {expected}");
    }
    Ok(())
}

/// A model whose features are its inputs: training it is plain ridge regression.
fn linear_model(inputs: usize, outputs: usize) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", inputs);
    g.readout("y", [u], outputs);
    Model::generate(g.build()?, 0)
}

#[test]
fn washout_and_several_series_select_the_rows() -> Result<(), Error> {
    let (x, y) = data(3, 90, 4, 2);
    let model = linear_model(4, 2)?;
    let part = |a: usize, b: usize| Series::new(x.slice(s![a..b, ..]), y.slice(s![a..b, ..]));
    let training = Training::new().washout(10).ridge(0.1).skip_short_series(true);
    let (trained, report) = training.fit(&model, &[part(0, 40), part(0, 5), part(40, 90)])?;
    assert_eq!((report.steps, &report.skipped[..]), (30 + 40, &[1][..]));
    let rows: Vec<usize> = (10..40).chain(50..90).collect();
    let (x, y) = (x.select(ndarray::Axis(0), &rows), y.select(ndarray::Axis(0), &rows));
    let expected = literal_ridge(x.view(), y.view(), 0.1);
    let (weights, bias) = trained.readout("y")?;
    assert_close(&weights.reversed_axes(), &expected.slice(s![1.., ..]).to_owned(), 1e-9);
    assert_close(&bias.insert_axis(ndarray::Axis(0)), &expected.slice(s![..1, ..]).to_owned(), 1e-9);
    assert_eq!(trained.provenance().training.as_ref(), Some(&report));
    Ok(())
}

/// Heads that read different nodes are solved apart, those that share sources together; feedback sees the targets.
#[test]
fn heads_are_trained_on_their_own_features_under_teacher_forcing() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(20), "b");
    g.readout("a", [u, x], 1);
    g.readout("b", [x], 2);
    g.readout("c", [u, x], 1);
    let model = Model::<f64>::generate(g.build()?, 5)?;
    let mut stream = Seed(5).stream("series");
    let inputs = Array2::from_shape_simple_fn((200, 1), || stream.uniform_in(-1.0, 1.0));
    let targets = Array2::from_shape_simple_fn((200, 4), || stream.uniform_in(-1.0, 1.0));
    let (trained, report) =
        Training::new().washout(20).ridge(1e-2).fit(&model, &[Series::new(inputs.view(), targets.view())])?;
    let order: Vec<(&str, usize)> = report.heads.iter().map(|h| (h.name.as_str(), h.features)).collect();
    assert_eq!(order, [("a", 21), ("b", 20), ("c", 21)]);

    let mut session = model.session();
    let mut states = Array2::zeros((200, 21));
    for t in 0..200 {
        session.step_forced(&[inputs[[t, 0]]], targets.row(t).as_slice().expect("rows are contiguous"))?;
        states[[t, 0]] = inputs[[t, 0]];
        states.slice_mut(s![t, 1..]).iter_mut().zip(session.node("x")?).for_each(|(to, from)| *to = *from);
    }
    for (head, features, columns) in [("a", 0..21, 0..1), ("b", 1..21, 1..3), ("c", 0..21, 3..4)] {
        let expected = literal_ridge(states.slice(s![20.., features]), targets.slice(s![20.., columns]), 1e-2);
        let (weights, _) = trained.readout(head)?;
        assert_close(&weights.reversed_axes(), &expected.slice(s![1.., ..]).to_owned(), 1e-8);
    }
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() -> Result<(), Box<dyn std::error::Error>> {
    let (x, y) = data(4, 700, 300, 2);
    let weights = |threads| -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        let pool = forebay::threads::Pool::new(threads)?;
        let solution = pool.install(|| solve(gram(x.view(), y.view()), 1e-3))?;
        Ok(solution.weights.iter().map(|w| w.to_bits()).collect())
    };
    assert_eq!(weights(1)?, weights(2)?);
    assert_eq!(weights(1)?, weights(3)?);
    Ok(())
}

#[test]
fn what_cannot_be_trained_says_why() -> Result<(), Error> {
    let model = linear_model(2, 1)?;
    let (x, y) = (Array2::<f64>::zeros((20, 2)), Array2::<f64>::zeros((20, 1)));
    let fit = |training: Training, x: &Array2<f64>, y: &Array2<f64>| {
        training.fit(&model, &[Series::new(x.view(), y.view())]).expect_err("it cannot be trained")
    };
    let error = fit(Training::new(), &x, &y);
    assert!(matches!(error, Error::Train(TrainError::TooShort { steps: 0, .. })), "{error}");
    let error = fit(Training::new().washout(0).ridge(-1.0), &x, &y);
    assert!(matches!(error, Error::Train(TrainError::Ridge { .. })), "{error}");
    let error = fit(Training::new().washout(0).ridge(f64::NAN), &x, &y);
    assert!(matches!(error, Error::Train(TrainError::Ridge { .. })), "{error}");
    let error = fit(Training::new().washout(0), &Array2::zeros((20, 3)), &y);
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let error = fit(Training::new().washout(0), &x, &Array2::zeros((19, 1)));
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    let mut bad = y.clone();
    bad[[7, 0]] = f64::NAN;
    let error = fit(Training::new().washout(0), &x, &bad);
    assert!(matches!(error, Error::NonFinite { index: 7, .. }), "{error}");
    let grid = |values: Vec<f64>, selection| Training::new().washout(0).ridge(Ridge::Grid { values, selection });
    let error = fit(grid(vec![], Selection::Gcv), &x, &y);
    assert!(matches!(error, Error::Train(TrainError::EmptyGrid)), "{error}");
    let error = fit(grid(vec![1.0], Selection::KFold(15)), &x, &y);
    assert!(matches!(error, Error::Train(TrainError::Folds { folds: 15, steps: 20 })), "{error}");
    // All zero features and targets: solvable with a penalty, and the error has no value.
    let (_, report) = Training::new().washout(0).fit(&model, &[Series::new(x.view(), y.view())])?;
    assert_eq!(report.heads[0].train_nrmse, [None]);
    Ok(())
}

#[test]
fn recursive_least_squares_is_ridge_on_all_steps_so_far() -> Result<(), Error> {
    let (x, y) = data(7, 150, 6, 2);
    let mut rls = Rls::new(6, 2, 1.0, 0.3)?;
    for (t, (row, target)) in x.rows().into_iter().zip(y.rows()).enumerate() {
        rls.update(&row.to_vec(), &target.to_vec())?;
        if t % 37 == 5 {
            let seen = x.slice(s![..=t, ..]);
            let mut matrix = seen.t().dot(&seen);
            matrix.diag_mut().mapv_inplace(|d| d + 0.3);
            let expected = eliminate(matrix, seen.t().dot(&y.slice(s![..=t, ..])));
            assert_close(&rls.weights().t().to_owned(), &expected, 1e-8);
        }
    }
    Ok(())
}

/// A variance below the normal numbers would never be learnt from again; the step that would make it is refused.
#[test]
fn a_variance_that_underflows_is_refused() -> Result<(), Error> {
    let mut rls = Rls::new(1, 1, 1.0, 1.0)?;
    assert!(matches!(rls.update(&[1e154], &[1.0]), Err(Error::Range { .. })), "1 / 1e308 is not normal");
    assert!(matches!(rls.update(&[1e155], &[1.0]), Err(Error::Range { .. })), "1e310 is not finite");
    rls.update(&[2.0], &[1.0])?;
    assert_eq!(rls.weights()[[0, 0]], 0.4, "as if nothing had been refused");
    Ok(())
}

#[test]
fn penalties_outside_of_the_range_are_refused() {
    let (x, y) = data(5, 20, 3, 1);
    for ridge in [-1.0, f64::INFINITY, f64::NAN] {
        let refused = solve(gram(x.view(), y.view()), ridge);
        assert!(matches!(refused, Err(TrainError::Ridge { .. })), "{ridge}: {refused:?}");
    }
    assert!(solve(gram(x.view(), y.view()), 0.0).is_ok());
}

/// Without the shift by the first rows' means, rounding of a constant column's products turns into weights.
#[test]
fn constant_columns_get_no_weight_whatever_the_penalty() -> Result<(), Error> {
    for rows in (5..400).step_by(7) {
        let (x, y) = data(6, rows, 3, 1);
        for constant in [0.1, 1.0 / 3.0, 1e8 / 3.0] {
            let mut with = Array2::from_elem((rows, 4), constant);
            with.slice_mut(s![.., ..2]).assign(&x.slice(s![.., ..2]));
            with.column_mut(3).assign(&x.column(2));
            for ridge in [0.0, 1e-200, 1e-60, 1e-18, 1.0] {
                let found = solve(gram(with.view(), y.view()), ridge)?;
                assert_eq!(found.weights[[0, 2]], 0.0, "{rows} of {constant}, ridge {ridge}");
                let expected = solve(gram(x.view(), y.view()), ridge)?;
                for (found, expected) in [0, 1, 3].map(|k| found.weights[[0, k]]).iter().zip(&expected.weights) {
                    assert!((found - expected).abs() < 1e-9, "{constant}, ridge {ridge}: {found} {expected}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn training_keeps_what_the_model_knew() -> Result<(), Error> {
    let (x, y) = data(7, 30, 2, 1);
    let mut before = linear_model(2, 1)?.provenance().clone();
    before.notes.insert("columns".to_owned(), "a, b".into());
    let model = linear_model(2, 1)?.with_provenance(before.clone());
    let (trained, _) = Training::new().washout(0).ridge(0.5).fit(&model, &[Series::new(x.view(), y.view())])?;
    assert_eq!((trained.provenance().seed, &trained.provenance().notes), (before.seed, &before.notes));
    Ok(())
}

#[test]
fn forgetting_weights_the_past_exponentially() -> Result<(), Error> {
    let (x, y) = data(8, 120, 5, 1);
    let (forgetting, ridge) = (0.97_f64, 0.1);
    let mut rls = Rls::new(5, 1, forgetting, ridge)?;
    for (row, target) in x.rows().into_iter().zip(y.rows()) {
        rls.update(&row.to_vec(), &target.to_vec())?;
    }
    // Minimises sum lambda^(T-t) e_t^2 + lambda^T ridge |w|^2.
    let mut weighted = x.clone();
    for (t, mut row) in weighted.rows_mut().into_iter().enumerate() {
        row.mapv_inplace(|v| v * forgetting.powi(119 - t as i32));
    }
    let mut matrix = weighted.t().dot(&x);
    matrix.diag_mut().mapv_inplace(|d| d + ridge * forgetting.powi(120));
    let expected = eliminate(matrix, weighted.t().dot(&y));
    assert_close(&rls.weights().t().to_owned(), &expected, 1e-7);
    Ok(())
}

/// Without excitation in one direction plain forgetting multiplies its variance by 1/lambda each step, for ever.
#[test]
fn forgetting_does_not_wind_up() -> Result<(), Error> {
    let mut rls = Rls::new(2, 1, 0.9, 1.0)?;
    for _ in 0..100_000 {
        rls.update(&[1.0, 0.0], &[2.0])?;
    }
    rls.update(&[0.0, 1.0], &[-1.0])?;
    assert!((rls.weights()[[0, 0]] - 2.0).abs() < 1e-3, "{}", rls.weights());
    assert!(rls.weights()[[0, 1]].abs() <= 1.0, "{}", rls.weights());
    Ok(())
}

#[test]
fn least_mean_squares_converges_to_the_map() -> Result<(), Error> {
    let mut stream = Seed(9).stream("lms");
    let mut lms = Lms::new(3, 1, 0.5)?;
    for _ in 0..2000 {
        let x = [stream.normal(), stream.normal(), stream.normal()];
        lms.update(&x, &[2.0 * x[0] - x[1] + 0.5 * x[2]])?;
    }
    assert_close(&lms.weights().to_owned(), &array![[2.0, -1.0, 0.5]], 1e-9);
    Ok(())
}

#[test]
fn online_learners_tell_their_sizes() -> Result<(), Error> {
    let (lms, rls) = (Lms::new(3, 2, 0.5)?, Rls::new(3, 2, 1.0, 1.0)?);
    assert_eq!((lms.features(), lms.outputs(), lms.weights().dim()), (3, 2, (2, 3)));
    assert_eq!((rls.features(), rls.outputs(), rls.weights().dim()), (3, 2, (2, 3)));
    Ok(())
}

#[test]
fn online_learners_refuse_what_they_cannot_use() -> Result<(), Error> {
    assert!(
        Rls::new(0, 1, 1.0, 1.0).is_err() && Rls::new(1, 1, 1.1, 1.0).is_err() && Rls::new(1, 1, 1.0, 0.0).is_err()
    );
    assert!(Lms::new(1, 0, 0.5).is_err() && Lms::new(1, 1, 2.0).is_err());
    refuses(Rls::new(2, 1, 1.0, 1.0)?)?;
    refuses(Lms::new(2, 1, 0.5)?)
}

/// Nothing changes, neither by the call that fails nor by what it had prepared.
fn refuses(mut learner: impl OnlineLearner) -> Result<(), Error> {
    learner.update(&[1.0, 2.0], &[3.0])?;
    let before = learner.weights().to_owned();
    assert!(before.iter().all(|w| *w != 0.0), "{before}");
    for (x, y) in [
        (vec![1.0], vec![1.0]),
        (vec![1.0, 1.0], vec![1.0, 1.0]),
        (vec![1.0, f64::NAN], vec![1.0]),
        (vec![1.0, 1.0], vec![f64::INFINITY]),
        // Its power is beyond f64.
        (vec![1e200, 1e200], vec![1.0]),
    ] {
        assert!(learner.update(&x, &y).is_err(), "{x:?} {y:?}");
        learner.prepare(&[1.0, 1.0], &[1.0])?;
        assert!(learner.prepare(&x, &y).is_err(), "{x:?} {y:?}");
        learner.commit();
        assert_eq!(learner.weights(), before, "{x:?} {y:?}");
    }
    Ok(())
}

#[test]
fn teacher_forced_online_training_ends_at_the_ridge_solution() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(15));
    g.readout("y", [u, x], 1);
    let model = Model::<f64>::generate(g.build()?, 3)?;
    let mut stream = Seed(3).stream("series");
    let u = Array2::from_shape_simple_fn((400, 1), || stream.uniform_in(-1.0, 1.0));
    let y = u.mapv(|v| v * v * v - 0.2);
    let mut trainer = OnlineTrainer::new(&model, "y", Rls::new(17, 1, 1.0, 1e-6)?, OnlineFeedback::Teacher)?;
    for t in 0..400 {
        trainer.step(&[u[[t, 0]]], &[y[[t, 0]]])?;
    }
    let online = trainer.into_model()?.session().run(u.view())?;
    let series = Series::new(u.view(), y.view());
    let ridge = Training::new().washout(0).ridge(1e-6).fit(&model, &[series])?.0.session().run(u.view())?;
    // Not the same to the last digit: RLS also penalises the intercept.
    assert_close(&online, &ridge, 1e-4);
    let error = metrics::nrmse(y.view(), online.view()).expect("the target varies");
    assert!(error < 0.3, "{error}");
    Ok(())
}

/// FORCE: a chaotic network with its own output fed back learns a wave, and goes on with it alone.
#[test]
fn force_learning_leaves_a_network_that_makes_the_wave_itself() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let recipe = Reservoir::new(300).spectral_radius(1.5).leak_rate(0.1);
    let x = g.reservoir_with_feedback("x", u, recipe, "y");
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let mut trainer = OnlineTrainer::new(&model, "y", Rls::new(301, 1, 1.0, 0.1)?, OnlineFeedback::Own)?;
    let wave = |t: usize| libm::sin(0.1 * t as f64);
    for t in 0..3000 {
        trainer.step(&[0.0], &[wave(t)])?;
    }
    let mut alone = trainer.into_session()?;
    for t in 3000..3200 {
        let y = alone.step(&[0.0])?[0];
        assert!((y - wave(t)).abs() < 0.02, "step {t}: {y} against {}", wave(t));
    }
    Ok(())
}

#[test]
fn sequences_are_classified_by_what_tells_them_apart() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(40).leak_rate(0.5));
    g.readout("class", [u, x], 3);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let mut stream = Seed(1).stream("waves");
    let mut draw = |class: usize| {
        let (phase, steps) = (stream.uniform_in(0.0, 6.0), 20 + stream.below(15) as usize);
        let frequency = [0.3, 0.5, 0.9][class];
        let noise = &mut stream;
        Array2::from_shape_fn((steps, 1), |(t, _)| libm::sin(frequency * t as f64 + phase) + 0.1 * noise.normal())
    };
    let labels: Vec<usize> = (0..120).map(|i| i % 3).collect();
    let sequences: Vec<Array2<f64>> = labels.iter().map(|&class| draw(class)).collect();
    let views: Vec<ArrayView2<'_, f64>> = sequences.iter().map(|s| s.view()).collect();
    for pooling in [vec![Pooling::Mean], vec![Pooling::Last], vec![Pooling::Samples(3), Pooling::Mean]] {
        let ridge = Ridge::decades(-4, 1);
        let classifier = Classifier::fit(&model, "class", &pooling, &ridge, &views[..90], &labels[..90], 3)?;
        assert!(matches!(&ridge, Ridge::Grid { values, .. } if values.contains(&classifier.ridge())), "{ridge:?}");
        let found: Vec<usize> = views[90..].iter().map(|s| classifier.classify(*s)).collect::<Result<_, _>>()?;
        let share = metrics::accuracy(&labels[90..], &found).expect("labels are not empty");
        // By chance it would be a third.
        assert!(share > 0.6, "{pooling:?}: {share}");
        assert!(matches!(classifier.classify(views[0].slice(s![..0, ..])), Err(Error::Shape { .. })));
    }
    // A vote is the largest sum of scores: neither voter's own class decides where they disagree.
    let voter =
        |pooling| Classifier::fit(&model, "class", &[pooling], &Ridge::Fixed(1.0), &views[..90], &labels[..90], 3);
    let voters = [voter(Pooling::Mean)?, voter(Pooling::Last)?];
    let (mut first, mut second) = (0, 0);
    for view in &views[90..] {
        let (a, b) = (voters[0].scores(*view)?, voters[1].scores(*view)?);
        let sums: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
        let class = Classifier::vote(&voters, *view)?;
        assert!(sums.iter().all(|sum| *sum <= sums[class]), "{class} of {sums:?}");
        first += usize::from(class != voters[0].classify(*view)?);
        second += usize::from(class != voters[1].classify(*view)?);
    }
    assert!(first > 0 && second > 0, "each is outvoted somewhere: {first} and {second}");
    let bad = Classifier::fit(&model, "class", &[Pooling::Last], &Ridge::Fixed(1.0), &views[..3], &[0, 1, 3], 3);
    assert!(matches!(bad, Err(Error::Train(TrainError::Class { sequence: 2, class: 3, classes: 3 }))));
    let none = Classifier::fit(&model, "class", &[], &Ridge::Fixed(1.0), &views[..3], &labels[..3], 3);
    assert!(matches!(none, Err(Error::Shape { .. })));
    Ok(())
}

/// Heads on the same nodes and more: they are summed up in one matrix, which must not show in any bit.
#[test]
fn heads_that_share_a_matrix_learn_what_each_learns_alone() {
    let sources: [&[&str]; 6] = [&["u", "past", "x"], &["u", "x"], &["x", "past"], &["x"], &["z"], &["x", "u", "z"]];
    let model = |heads: std::ops::Range<usize>| {
        let mut g = Graph::builder();
        let u = g.input("u", 2);
        let past = g.delay("past", u, 1);
        let x = g.reservoir("x", u, Reservoir::new(40));
        let z = g.reservoir("z", x, Reservoir::new(30));
        for head in heads {
            let node =
                |name: &&str| [("u", u), ("past", past), ("x", x), ("z", z)].iter().find(|n| n.0 == *name).unwrap().1;
            g.readout(&format!("y{head}"), sources[head].iter().map(node), 2);
        }
        Model::<f64>::generate(g.build().unwrap(), 3).unwrap()
    };
    let mut numbers = forebay::random::Seed(4).stream("numbers");
    let inputs = Array2::from_shape_simple_fn((700, 2), || numbers.normal());
    let targets = Array2::from_shape_simple_fn((700, 12), || numbers.normal());
    let grid = |selection| Ridge::Grid { values: vec![1e-2, 1.0, 30.0], selection };
    for cut in [0, 300] {
        for ridge in [Ridge::Fixed(1e-3), grid(Selection::Gcv), grid(Selection::KFold(4))] {
            let training = Training::new().washout(20).ridge(ridge);
            let fit = |model: &Model<f64>, columns: std::ops::Range<usize>| {
                let ends = if cut == 0 { vec![0, 700] } else { vec![0, cut, 700] };
                let series: Vec<Series<'_, f64>> = ends
                    .windows(2)
                    .map(|ends| {
                        let rows = ends[0]..ends[1];
                        Series::new(inputs.slice(s![rows.clone(), ..]), targets.slice(s![rows, columns.clone()]))
                    })
                    .collect();
                training.fit(model, &series).unwrap()
            };
            let (together, report) = fit(&model(0..6), 0..12);
            for head in 0..6 {
                let (alone, of_one) = fit(&model(head..head + 1), 2 * head..2 * head + 2);
                let name = format!("y{head}");
                assert_eq!(together.readout(&name).unwrap(), alone.readout(&name).unwrap(), "{name}");
                let found = report.heads.iter().find(|head| head.name == name).unwrap();
                assert_eq!(found, &of_one.heads[0]);
            }
        }
    }
}

/// Heads that read the same nodes are trained together, and were told together: the second report was the third head's.
#[test]
fn reports_of_heads_come_in_the_order_of_the_graph() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(8));
    for (name, sources) in [("a", vec![x]), ("b", vec![u, x]), ("c", vec![x]), ("d", vec![u, x])] {
        g.readout(name, sources, 1);
    }
    let model = Model::<f64>::generate(g.build()?, 3)?;
    let mut numbers = Seed(4).stream("heads");
    let (inputs, targets) = (
        Array2::from_shape_simple_fn((200, 1), || numbers.normal()),
        Array2::from_shape_fn((200, 4), |(t, head)| (0.1 * (head + 1) as f64 * t as f64).sin()),
    );
    let (trained, report) = Training::new().fit(&model, &[Series::new(inputs.view(), targets.view())])?;
    assert_eq!(report.heads.iter().map(|head| head.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    let made = trained.session().run(inputs.view())?;
    for (column, head) in report.heads.iter().enumerate() {
        let from = s![report.washout.., column..=column];
        let error = metrics::nrmse(targets.slice(from), made.slice(from)).expect("targets vary");
        assert!((head.train_nrmse[0].expect("targets vary") - error).abs() < 1e-9, "{}", head.name);
    }
    Ok(())
}
