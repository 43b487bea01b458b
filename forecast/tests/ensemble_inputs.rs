//! Inputs beside a series.

use forebay::random::Seed;
use forebay_forecast::ensemble::{Ensemble, EnsembleError, Inputs};
use ndarray::{Array2, s};

const ROWS: usize = 800;
const FIRST: usize = 600;

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut stream = Seed(seed).stream("noise");
    (0..count).map(|_| stream.normal()).collect()
}

/// Root mean square errors of the last rows with inputs and without.
fn compare(series: &[f64], horizon: usize, past: &Array2<f64>, ahead: &Array2<f64>) -> (f64, f64) {
    let inputs = Inputs { past: past.slice(s![..FIRST, ..]), ahead: ahead.slice(s![..FIRST + horizon, ..]) };
    let mut with = Ensemble::new(horizon).fit_with(&series[..FIRST], &inputs).expect("a fit");
    let mut without = Ensemble::new(horizon).fit(&series[..FIRST]).expect("a fit");
    assert_eq!((with.told().inputs, without.told().inputs), ((past.ncols(), ahead.ncols()), (0, 0)));
    let (mut ours, mut theirs) = (0.0, 0.0);
    for t in FIRST..ROWS - horizon {
        let (past, ahead) = (past.row(t).to_vec(), ahead.row(t + horizon).to_vec());
        let forecast = with.step_with(series[t], &past, &ahead).expect("a row");
        let plain = without.step(series[t]).expect("a row");
        ours += (series[t + horizon] - forecast.value).powi(2);
        theirs += (series[t + horizon] - plain.value).powi(2);
    }
    let count = (ROWS - horizon - FIRST) as f64;
    ((ours / count).sqrt(), (theirs / count).sqrt())
}

/// y(t) = 3 x(t) + noise of a tenth: what is known ahead leaves the noise alone.
#[test]
fn what_is_known_ahead_is_used() {
    let (x, noise) = (normals(ROWS + 5, 1), normals(ROWS, 2));
    let series: Vec<f64> = (0..ROWS).map(|t| 3.0 * x[t] + 0.1 * noise[t]).collect();
    let ahead = Array2::from_shape_fn((ROWS + 5, 1), |(t, _)| 1e6 + 250.0 * x[t]);
    for horizon in [1, 5] {
        let (ours, theirs) = compare(&series, horizon, &Array2::zeros((ROWS, 0)), &ahead);
        assert!(ours < 0.15 && theirs > 2.0, "{horizon}: {ours} {theirs}");
    }
}

/// y(t) = 2 x(t-3) + noise of a tenth: inputs up to now say what comes in up to three rows.
#[test]
fn inputs_that_lead_are_used() {
    let (x, noise) = (normals(ROWS, 3), normals(ROWS, 4));
    let series: Vec<f64> = (0..ROWS).map(|t| 2.0 * x[t.saturating_sub(3)] + 0.1 * noise[t]).collect();
    let past = Array2::from_shape_fn((ROWS, 2), |(t, column)| if column == 1 { x[t] } else { 7.0 });
    for horizon in [1, 3] {
        let (ours, theirs) = compare(&series, horizon, &past, &Array2::zeros((ROWS + 5, 0)));
        assert!(ours < 0.15 && theirs > 1.5, "{horizon}: {ours} {theirs}");
    }
    let (ours, theirs) = compare(&series, 4, &past, &Array2::zeros((ROWS + 5, 0)));
    assert!(ours < 1.05 * theirs, "{ours} {theirs}");
}

#[test]
fn missing_inputs_are_held() {
    let x = normals(ROWS + 1, 5);
    let series: Vec<f64> = x[..ROWS].iter().map(|x| 3.0 * x).collect();
    let mut ahead = Array2::from_shape_fn((ROWS + 1, 1), |(t, _)| x[t]);
    (0..ROWS).filter(|t| t % 10 == 0).for_each(|t| ahead[[t, 0]] = f64::NAN);
    let (ours, theirs) = compare(&series, 1, &Array2::zeros((ROWS, 0)), &ahead);
    assert!(ours < 0.7 * theirs, "{ours} {theirs}");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let series = normals(100, 6);
    let (none, ten) = (Array2::zeros((0, 0)), Array2::zeros((100, 1)));
    let fit = |past: &Array2<f64>, ahead: &Array2<f64>| {
        Ensemble::new(2).fit_with(&series, &Inputs { past: past.view(), ahead: ahead.view() })
    };
    let why = fit(&none, &ten).map(|_| ()).expect_err("rows of the horizon are missing");
    assert!(matches!(why, EnsembleError::Inputs { what: "ahead", rows: 100, expected: 102 }));
    let mut infinite = ten.clone();
    infinite[[7, 0]] = f64::NEG_INFINITY;
    let why = fit(&infinite, &none).map(|_| ()).expect_err("infinite");
    assert!(matches!(why, EnsembleError::InfiniteInput { what: "past", row: 7, column: 0 }));
    let mut forecaster = fit(&ten, &none).expect("a fit");
    let before = forecaster.forecast();
    assert!(matches!(forecaster.step(1.0), Err(EnsembleError::Columns { expected_past: 1, .. })));
    assert!(matches!(forecaster.step_with(1.0, &[f64::INFINITY], &[]), Err(EnsembleError::InfiniteInput { .. })));
    assert_eq!((forecaster.forecast(), forecaster.rows()), (before, 100));
    assert!(forecaster.step_with(1.0, &[f64::NAN], &[]).expect("held").value.is_finite());
}
