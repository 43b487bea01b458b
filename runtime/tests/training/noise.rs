//! Noise in training, against the equations in plain loops with numbers from the streams that are documented.

use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::{Seed, Stream};
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{Gram, Noise, Ridge, Selection, Series, Training, ridge};
use forebay::{Error, metrics};
use ndarray::{Array1, Array2, Axis, s};

const WASHOUT: usize = 15;
const RIDGE: f64 = 1e-2;

/// A reservoir that is fed back to and computes sums alone, so that plain loops give its states.
fn model() -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let recipe = Reservoir::new(8).activation(Activation::Identity).leak_rate(0.6).spectral_radius(0.8);
    let x = g.reservoir_with_feedback("x", u, recipe, "y");
    g.readout("y", [u, x], 2);
    Model::generate(g.build()?, 2)
}

fn series(steps: usize) -> (Array2<f64>, Array2<f64>) {
    let mut stream = Seed(3).stream("series");
    let u = Array2::from_shape_simple_fn((steps, 2), || stream.uniform_in(-1.0, 1.0));
    let y = Array2::from_shape_fn((steps, 2), |(t, o)| u[[t, o]] * u[[t.saturating_sub(1), 0]] + 0.3);
    (u, y)
}

/// W of `x' = 0.4 x + 0.6 (W [x; u; y; 1])`, read off the model by stepping it from states of one unit each.
fn matrix(model: &Model<f64>) -> Result<Array2<f64>, Error> {
    // The model is linear: the state after two steps from rest tells W_in and W_fb, longer runs W_res, by least squares.
    let mut stream = Seed(9).stream("probe");
    let (mut session, mut rows, mut next) = (model.session(), Vec::new(), Vec::new());
    let (mut x, mut y) = (vec![0.0; 8], vec![0.0; 2]);
    for _ in 0..200 {
        let u = [stream.normal(), stream.normal()];
        let taught = [stream.normal(), stream.normal()];
        session.step_forced(&u, &taught)?;
        let found = session.node("x")?.to_vec();
        rows.push(x.iter().chain(&u).chain(&y).copied().collect::<Vec<f64>>());
        next.push(found.clone());
        (x, y) = (found, taught.to_vec());
    }
    let mut gram = Gram::new(12, 8);
    for (row, next) in rows.iter().zip(&next) {
        gram.push(|features, targets| {
            features.copy_from_slice(row);
            targets.copy_from_slice(next);
        });
    }
    let solution = ridge::solve(gram, 0.0)?;
    let mut all = Array2::zeros((8, 13));
    all.slice_mut(s![.., ..12]).assign(&solution.weights);
    all.column_mut(12).assign(&solution.bias);
    Ok(all)
}

fn draw(stream: &mut Stream, deviation: f64, count: usize) -> Array1<f64> {
    Array1::from_shape_simple_fn(count, || if deviation > 0.0 { deviation * stream.normal() } else { 0.0 })
}

/// The weights by the documented equations.
fn by_hand(u: &[Array2<f64>], y: &[Array2<f64>], noise: &Noise) -> Result<Array2<f64>, Error> {
    let map = matrix(&model()?)?;
    let stream = |name: &str| noise.seed.stream(&format!("training noise: {name}"));
    let mut gram = Gram::new(10, 2);
    for (line, (u, y)) in u.iter().zip(y).enumerate() {
        let [mut inputs, mut fed_back, mut states] =
            ["inputs", "feedback", "states of x"].map(|name| stream(name).at(line as u64, 0));
        let (mut x, mut seen) = (Array1::zeros(8), Array1::zeros(2));
        for t in 0..u.nrows() {
            let u = &u.row(t) + &draw(&mut inputs, noise.inputs, 2);
            let row = ndarray::concatenate![Axis(0), x, u, seen, Array1::ones(1)];
            x = map.dot(&row) + draw(&mut states, noise.states, 8);
            seen = &y.row(t) + &draw(&mut fed_back, noise.feedback, 2);
            if t >= WASHOUT {
                gram.push(|features, targets| {
                    features.iter_mut().zip(u.iter().chain(&x)).for_each(|(to, from)| *to = *from);
                    targets.iter_mut().zip(y.row(t)).for_each(|(to, from)| *to = *from);
                });
            }
        }
    }
    Ok(ridge::solve(gram, RIDGE)?.weights)
}

fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0_f64, |m, d| m.max(d.abs())) / b.iter().fold(0.0_f64, |m, v| m.max(v.abs()))
}

#[test]
fn noise_is_added_where_the_equations_say() -> Result<(), Error> {
    let (u, y) = series(500);
    let split = |a: &Array2<f64>| [a.slice(s![..200, ..]).to_owned(), a.slice(s![200.., ..]).to_owned()];
    let (u, y) = (split(&u), split(&y));
    let pairs = [0, 1].map(|i| Series::new(u[i].view(), y[i].view()));
    let training = Training::new().washout(WASHOUT).ridge(RIDGE);
    let none = Noise::new(Seed(7));
    let without = training.fit(&model()?, &pairs)?.0.readout("y")?.0;
    assert!(distance(&without, &by_hand(&u, &y, &none)?) < 1e-8);
    for noise in [
        none.inputs(0.2),
        none.states(0.1),
        none.feedback(0.3),
        none.inputs(0.1).states(0.05).feedback(0.2),
        Noise::new(Seed(8)).states(0.1),
    ] {
        let (trained, report) = training.clone().noise(noise).fit(&model()?, &pairs)?;
        let (found, expected) = (trained.readout("y")?.0, by_hand(&u, &y, &noise)?);
        assert!(distance(&found, &expected) < 1e-8, "{noise:?}: {}", distance(&found, &expected));
        assert!(distance(&found, &without) > 1e-4, "{noise:?}");
        assert_eq!(report.noise, Some(noise));
        assert_eq!(trained.provenance().training.as_ref(), Some(&report));
    }
    Ok(())
}

/// The report is of the model as it is returned: without noise, from states without noise, by a hand-written run.
#[test]
fn scores_have_no_noise_in_them() -> Result<(), Error> {
    let (u, y) = series(600);
    let folds = Ridge::Grid { values: vec![1e-3, 1.0], selection: Selection::KFold(3) };
    for ridge in [Ridge::Fixed(RIDGE), folds] {
        let training =
            Training::new().washout(WASHOUT).ridge(ridge).noise(Noise::new(Seed(1)).states(0.5).feedback(0.5));
        let (trained, report) = training.fit(&model()?, &[Series::new(u.view(), y.view())])?;
        let (mut session, mut found) = (trained.session(), Array2::zeros((600, 2)));
        for t in 0..600 {
            let outputs = session.step_forced(&u.row(t).to_vec(), &y.row(t).to_vec())?;
            found.row_mut(t).iter_mut().zip(outputs).for_each(|(to, from)| *to = *from);
        }
        for (o, nrmse) in report.heads[0].train_nrmse.iter().enumerate() {
            let used = |a: &Array2<f64>| a.slice(s![WASHOUT.., o..=o]).to_owned();
            let expected = metrics::nrmse(used(&y).view(), used(&found).view()).expect("it varies");
            assert!((nrmse.expect("it varies") - expected).abs() < 1e-12 * expected, "{nrmse:?} {expected}");
        }
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
    let (u, y) = series(400);
    let bits = |training: &Training, threads: usize| -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        let pool = forebay::threads::Pool::new(threads)?;
        let (trained, report) = pool.install(|| training.fit(&model()?, &[Series::new(u.view(), y.view())]))?;
        let (weights, bias) = trained.readout("y")?;
        let errors = report.heads[0].train_nrmse.iter().flatten();
        Ok(weights.iter().chain(&bias).chain(errors).map(|v| v.to_bits()).collect())
    };
    let plain = Training::new().washout(WASHOUT).ridge(RIDGE);
    let noisy = |seed| plain.clone().noise(Noise::new(Seed(seed)).states(0.01).inputs(0.02).feedback(0.03));
    let first = bits(&noisy(1), 1)?;
    for threads in [2, 3] {
        assert_eq!(bits(&noisy(1), threads)?, first);
    }
    assert_ne!(bits(&noisy(2), 1)?, first);
    // Noise of no size is none.
    assert_eq!(bits(&plain.clone().noise(Noise::new(Seed(1))), 1)?, bits(&plain, 1)?);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        for noise in
            [Noise::new(Seed(1)).states(bad), Noise::new(Seed(1)).inputs(bad), Noise::new(Seed(1)).feedback(bad)]
        {
            let error =
                plain.clone().noise(noise).fit(&model()?, &[Series::new(u.view(), y.view())]).expect_err("refused");
            assert!(matches!(error, Error::Range { .. }), "{error}");
        }
    }
    Ok(())
}
