//! Scores against closed forms.

use forebay::metrics::{
    MetricError, ValidTime, accuracy, label_errors, mae, memory_capacity, mse, nmse, nrmse, r2, rmse, spread,
};
use ndarray::{Array2, array};

#[test]
fn errors_follow_their_definitions() -> Result<(), MetricError> {
    let truth = array![[1.0, 10.0], [3.0, 30.0]];
    let forecast = array![[2.0, 10.0], [3.0, 20.0]];
    assert_eq!(mse(truth.view(), forecast.view())?, (1.0 + 0.0 + 0.0 + 100.0) / 4.0);
    assert_eq!(rmse(truth.view(), forecast.view())?, 25.25_f64.sqrt());
    assert_eq!(mae(truth.view(), forecast.view())?, 11.0 / 4.0);
    // Variances 1 and 100, mean squared errors 1/2 and 50.
    assert_eq!(nmse(truth.view(), forecast.view())?, 0.5);
    assert_eq!(nrmse(truth.view(), forecast.view())?, 0.5_f64.sqrt());
    assert_eq!(r2(truth.view(), forecast.view())?, 0.5);
    assert_eq!(spread(truth.view()), 101.0_f64.sqrt());
    assert_eq!(label_errors(&[1, 2, 3], &[1, 0, 3])?, 1);
    assert_eq!(accuracy(&[1, 2, 3, 4], &[1, 0, 3, 4])?, 0.75);
    Ok(())
}

#[test]
fn what_has_no_value_is_an_error() {
    let (a, b) = (array![[1.0], [2.0]], array![[1.0], [2.0], [3.0]]);
    assert!(matches!(mse(a.view(), b.view()), Err(MetricError::Shape { .. })));
    let empty = Array2::<f64>::zeros((0, 1));
    assert_eq!(mse(empty.view(), empty.view()), Err(MetricError::Empty));
    let flat = array![[1.0], [1.0]];
    assert_eq!(nrmse(flat.view(), a.view()), Err(MetricError::Constant { column: 0 }));
    let bad = array![[1.0], [f64::NAN]];
    assert!(matches!(mse(a.view(), bad.view()), Err(MetricError::NonFinite { what: "forecast", row: 1, .. })));
    assert_eq!(label_errors(&[], &[]), Err(MetricError::Empty));
}

#[test]
fn a_forecast_is_valid_until_its_error_passes_the_threshold() -> Result<(), MetricError> {
    let truth = Array2::from_shape_fn((100, 2), |(t, j)| if (t + j) % 2 == 0 { 1.0 } else { -1.0 });
    let valid = ValidTime { threshold: 0.4, dt: 0.02, lyapunov_exponent: 0.9, spread: None };
    assert_eq!(spread(truth.view()), 2.0_f64.sqrt());
    let mut forecast = truth.clone();
    assert_eq!(valid.of(truth.view(), forecast.view())?, 100.0 * 0.02 * 0.9, "a perfect forecast counts all steps");
    forecast[[40, 0]] += 0.4 * 2.0_f64.sqrt() * 0.999;
    forecast[[70, 1]] += 0.4 * 2.0_f64.sqrt() * 1.001;
    assert_eq!(valid.of(truth.view(), forecast.view())?, 70.0 * 0.02 * 0.9);
    forecast[[30, 1]] = f64::NAN;
    assert_eq!(valid.of(truth.view(), forecast.view())?, 30.0 * 0.02 * 0.9, "a forecast that is not finite ends there");
    let bad = ValidTime { threshold: -1.0, ..valid };
    assert!(matches!(bad.of(truth.view(), forecast.view()), Err(MetricError::Range { what: "threshold", .. })));
    Ok(())
}

#[test]
fn memory_capacity_counts_perfectly_recalled_delays() -> Result<(), MetricError> {
    let u = |t: usize| ((t * 7919) % 101) as f64 - 50.0;
    let delayed = Array2::from_shape_fn((500, 3), |(t, k)| u(t + 10 - k));
    // Scale and sign do not matter; a constant recalls nothing.
    let mut recalled = delayed.mapv(|v| -0.5 * v);
    recalled.column_mut(2).fill(1.0);
    assert!((memory_capacity(delayed.view(), recalled.view())? - 2.0).abs() < 1e-12);
    Ok(())
}
