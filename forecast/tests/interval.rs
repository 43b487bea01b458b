//! Intervals of errors whose quantiles are known.

use forebay::random::Seed;
use forebay_forecast::interval::{Calibrator, IntervalError};

/// Share of truths inside, and the mean half width, of the rows after the first 300.
fn covered(coverage: f64, horizon: usize, errors: &[f64]) -> (f64, f64) {
    let mut calibrator = Calibrator::new(coverage, horizon).expect("settings");
    let mut given: Vec<Result<f64, IntervalError>> = Vec::new();
    let (mut inside, mut widths, mut count) = (0.0, 0.0, 0.0);
    for (row, error) in errors.iter().enumerate() {
        if row >= 300 {
            let width = given[row - horizon].expect("enough errors");
            inside += f64::from(u8::from(error.abs() <= width));
            widths += width;
            count += 1.0;
        }
        calibrator.push(1.0, 1.0 + error);
        given.push(calibrator.half_width());
    }
    (inside / count, widths / count)
}

fn normals(count: usize) -> Vec<f64> {
    let mut stream = Seed(11).stream("errors");
    (0..count).map(|_| stream.normal()).collect()
}

/// Quantiles of the normal distribution.
#[test]
fn normal_errors_are_covered_at_their_quantile() {
    let errors = normals(6000);
    for (coverage, quantile) in [(0.5, 0.6745), (0.8, 1.2816), (0.9, 1.6449), (0.95, 1.96)] {
        for horizon in [1, 12] {
            let (inside, width) = covered(coverage, horizon, &errors);
            assert!((inside - coverage).abs() < 0.015, "{coverage} {horizon}: {inside}");
            assert!((width / quantile - 1.0).abs() < 0.08, "{coverage} {horizon}: {width}");
        }
    }
}

#[test]
fn uniform_errors_are_covered_at_their_quantile() {
    let mut stream = Seed(12).stream("errors");
    let errors: Vec<f64> = (0..6000).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
    let (inside, width) = covered(0.9, 1, &errors);
    assert!((inside - 0.9).abs() < 0.01 && (width - 0.9).abs() < 0.02, "{inside} {width}");
}

/// Errors that grow fourfold: quantiles of the first ones would miss half of the last.
#[test]
fn errors_that_grow_are_followed() {
    let errors: Vec<f64> = normals(3000).iter().enumerate().map(|(t, e)| e * (1.0 + t as f64 / 1000.0)).collect();
    for horizon in [1, 12] {
        let (inside, _) = covered(0.9, horizon, &errors);
        assert!((inside - 0.9).abs() < 0.02, "{horizon}: {inside}");
    }
}

#[test]
fn too_few_errors_are_told() {
    for (coverage, needed) in [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99), (0.8, 4)] {
        let mut calibrator = Calibrator::new(coverage, 1).expect("settings");
        for known in 0..needed {
            let why = calibrator.half_width().expect_err("too few");
            let is_told = matches!(why, IntervalError::TooFew { known: k, needed: n, .. } if k == known && n == needed);
            assert!(is_told, "{why}");
            calibrator.push(0.0, known as f64);
        }
        let (lower, upper) = calibrator.interval(5.0).expect("enough");
        assert_eq!((lower, upper), (5.0 - (needed - 1) as f64, 5.0 + (needed - 1) as f64));
    }
}

#[test]
fn rows_without_truth_or_forecast_are_passed_over() {
    let mut calibrator = Calibrator::new(0.9, 1).expect("settings");
    for error in normals(50) {
        calibrator.push(0.0, error);
    }
    let before = calibrator.half_width();
    calibrator.push(0.0, f64::NAN);
    calibrator.push(f64::NAN, 1e9);
    calibrator.push(0.0, f64::INFINITY);
    assert_eq!(calibrator.half_width(), before);
}

#[test]
fn settings_out_of_range_are_refused() {
    for coverage in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(Calibrator::new(coverage, 1), Err(IntervalError::Coverage { .. })));
    }
    assert_eq!(Calibrator::new(0.9, 0).map(|_| ()), Err(IntervalError::Horizon));
}
