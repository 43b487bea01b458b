//! Scores against closed forms.

use forebay::metrics::{
    self, MetricError, ValidTime, accuracy, label_errors, mae, memory_capacity, mse, nmse, nrmse, r2, rmse, spread,
};
use forebay::random::Seed;
use ndarray::{Array2, array};
use proptest::prelude::*;

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

/// Equal values whose mean is off by a rounding had a variance of 1e-34, and a score of 5e31 or of 1.
#[test]
fn a_constant_truth_has_no_relative_error() -> Result<(), MetricError> {
    for (value, steps) in [(0.1, 3), (0.1, 100_003), (1e8 + 0.3, 1000), (1e-310, 5), (0.0, 5), (1e300, 7)] {
        let truth = Array2::from_elem((steps, 1), value);
        let forecast = truth.mapv(|v| v + 1.0);
        let constant = Err(MetricError::Constant { column: 0 });
        assert_eq!(nmse(truth.view(), forecast.view()), constant, "{steps} times {value}");
        assert_eq!(nrmse(truth.view(), truth.view()), constant);
        assert_eq!(r2(truth.view(), truth.view()), constant);
        assert_eq!(memory_capacity(truth.view(), forecast.view()), constant);
        let valid = ValidTime { threshold: 0.4, dt: 1.0, lyapunov_exponent: 1.0, spread: None };
        assert_eq!(valid.of(truth.view(), forecast.view()), constant);
        assert!(valid.of(truth.view(), truth.view()).is_err());
        assert_eq!(spread(truth.view()), 0.0);
        // Errors that need no spread are as ever.
        assert!((mse(truth.view(), forecast.view())? - 1.0).abs() < 1e-7 || value == 1e300);
        // A readout that gives a constant recalls nothing.
        let varying = Array2::from_shape_fn((steps, 1), |(t, _)| (t % 2) as f64);
        assert_eq!(memory_capacity(varying.view(), truth.view())?, 0.0);
    }
    // One unit in the last place to and fro is a constant, too; in single precision it is a larger unit.
    let rounded =
        Array2::from_shape_fn((100, 2), |(t, j)| if j == 0 { t as f64 } else { 1e8 + 1.5e-8 * (t % 2) as f64 });
    assert_eq!(nmse(rounded.view(), rounded.view()), Err(MetricError::Constant { column: 1 }));
    let single = Array2::from_shape_fn((100, 1), |(t, _)| if t % 2 == 0 { 1.0 } else { 1.0 + f32::EPSILON });
    assert_eq!(nmse(single.view(), single.view()), Err(MetricError::Constant { column: 0 }));
    let in_double = single.mapv(f64::from);
    assert_eq!(nmse(in_double.view(), in_double.view())?, 0.0);
    let one_step = array![[1.0, 2.0]];
    assert_eq!(nmse(one_step.view(), one_step.view()), Err(MetricError::Constant { column: 0 }));
    Ok(())
}

/// A given spread that is not above 0 is the caller's, and no constant.
/// A plain sum of many values far from zero loses more digits than they vary by.
#[test]
fn an_offset_changes_no_score() -> Result<(), MetricError> {
    let mut noise = Seed(1).stream("noise");
    for (offset, scale, count) in [(123_456_789.123, 1e-5, 10_000), (1.7e12 + 0.3, 1.0, 100_000)] {
        let truth = Array2::from_shape_simple_fn((count, 1), || offset + scale * noise.normal());
        let forecast = Array2::from_shape_simple_fn((count, 1), || offset + scale * noise.normal());
        // Distances from an offset are exact.
        let (t, f) = (truth.mapv(|v| (v - offset) / scale), forecast.mapv(|v| (v - offset) / scale));
        for score in [metrics::nmse, metrics::nrmse, metrics::r2, metrics::memory_capacity] {
            let (found, expected) = (score(truth.view(), forecast.view())?, score(t.view(), f.view())?);
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{offset}: {found} {expected}");
        }
        let (found, expected) = (metrics::spread(truth.view()) / scale, metrics::spread(t.view()));
        assert!((found / expected - 1.0).abs() < 1e-6, "{offset}: {found} {expected}");
        let mean = metrics::mean(truth.iter().copied());
        assert!((mean - offset - metrics::mean(t.iter().copied()) * scale).abs() <= 2.0 * offset * f64::EPSILON);
    }
    Ok(())
}

#[test]
fn a_spread_that_is_given_is_checked() {
    let truth = array![[1.0], [2.0]];
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let valid = ValidTime { threshold: 0.4, dt: 1.0, lyapunov_exponent: 1.0, spread: Some(bad) };
        assert!(matches!(valid.of(truth.view(), truth.view()), Err(MetricError::Range { what: "spread", .. })));
    }
}

/// Scores of a series and of the same series in units a power of two larger or smaller: the same bits where they are
/// relative, even where squares would overflow or vanish.
#[test]
fn scores_do_not_depend_on_the_unit() -> Result<(), MetricError> {
    let mut stream = Seed(3).stream("series");
    let truth = Array2::from_shape_simple_fn((50, 2), || stream.normal());
    let forecast = truth.mapv(|v| v + 0.1 * stream.normal());
    let valid = |truth: &Array2<f64>, forecast: &Array2<f64>| {
        ValidTime { threshold: 0.2, dt: 1.0, lyapunov_exponent: 1.0, spread: None }.of(truth.view(), forecast.view())
    };
    for exponent in [-1000, -600, -60, 60, 600, 1015] {
        let unit = libm::ldexp(1.0, exponent);
        let (t, f) = (&truth * unit, &forecast * unit);
        assert_eq!(nmse(t.view(), f.view())?, nmse(truth.view(), forecast.view())?, "2^{exponent}");
        assert_eq!(memory_capacity(t.view(), f.view())?, memory_capacity(truth.view(), forecast.view())?);
        assert_eq!(valid(&t, &f)?, valid(&truth, &forecast)?);
        assert_eq!(rmse(t.view(), f.view())?, rmse(truth.view(), forecast.view())? * unit);
        assert_eq!(mae(t.view(), f.view())?, mae(truth.view(), forecast.view())? * unit);
        assert_eq!(spread(t.view()), spread(truth.view()) * unit);
    }
    let huge = &truth * 1e200;
    assert_eq!(mse(huge.view(), (&huge * 2.0).view()), Err(MetricError::Overflow));
    let largest = array![[f64::MAX], [-f64::MAX]];
    assert_eq!(rmse(largest.view(), (-&largest).view()), Err(MetricError::Overflow));
    assert_eq!(mae(largest.view(), (-&largest).view()), Err(MetricError::Overflow));
    assert_eq!(nmse(largest.view(), array![[0.0], [0.0]].view()), Ok(1.0));
    Ok(())
}

#[test]
fn the_spread_of_what_is_no_number_is_none() {
    assert!(spread(Array2::<f64>::zeros((0, 2)).view()).is_nan());
    assert!(spread(array![[1.0], [f64::INFINITY]].view()).is_nan());
    assert!(spread(array![[1.0], [f64::NAN]].view()).is_nan());
}

/// The second pass once made 0 of the mean of nothing; the mean of values whose sum is beyond the largest number is a number.
#[test]
fn means_of_nothing_and_of_the_largest() {
    let mean = |values: &[f64]| metrics::mean(values.iter().copied());
    assert!(mean(&[]).is_nan());
    assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
    assert_eq!(mean(&[1.0, f64::INFINITY]), f64::INFINITY);
    assert!(mean(&[f64::NEG_INFINITY, f64::INFINITY]).is_nan());
    assert_eq!(mean(&[3.0]), 3.0);
}

/// Values of every kind: ordinary, huge, tiny, denormal, at an offset, not finite.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let kinds = prop_oneof![
        Just((0.0, 1.0)),
        Just((0.0, 1e300)),
        Just((0.0, 1e-300)),
        Just((0.0, 1e-318)),
        Just((1e8, 1.0)),
        Just((1e8, 1e-8)),
        Just((-3.7, 0.0)),
        Just((f64::MAX, 0.0)),
    ];
    (kinds, proptest::collection::vec(-1.0_f64..1.0, 1..40), 0..400_usize).prop_map(|((offset, size), values, bad)| {
        let mut values: Vec<f64> = values.into_iter().map(|v| offset + size * v).collect();
        if let Some(value) = values.get_mut(bad) {
            *value = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][bad % 3];
        }
        values
    })
}

proptest! {
    /// Whatever comes in, a score is finite and in its range, or an error; nothing panics.
    #[test]
    fn scores_are_in_their_range_or_errors(truth in values(), forecast in values()) {
        let steps = truth.len().min(forecast.len());
        let column = |values: &[f64]| Array2::from_shape_vec((steps, 1), values[..steps].to_vec()).expect("one column");
        let (truth, forecast) = (column(&truth), column(&forecast));
        let (t, f) = (truth.view(), forecast.view());
        let all_finite = truth.iter().chain(&forecast).all(|v| v.is_finite());
        for score in [mse(t, f), rmse(t, f), mae(t, f), nmse(t, f), nrmse(t, f), memory_capacity(t, f)] {
            match score {
                Ok(score) => prop_assert!(all_finite && score.is_finite() && score >= 0.0, "{score}"),
                Err(MetricError::NonFinite { .. }) => prop_assert!(!all_finite),
                Err(error) => prop_assert!(matches!(error, MetricError::Constant { .. } | MetricError::Overflow), "{error}"),
            }
        }
        prop_assert!(r2(t, f).is_err() || r2(t, f)? <= 1.0);
        prop_assert!(memory_capacity(t, f).is_err() || memory_capacity(t, f)? <= 1.0);
        if all_finite {
            // A perfect forecast, and the mean as forecast.
            prop_assert_eq!(rmse(t, t)?, 0.0);
            prop_assert!(nmse(t, t).is_err() || nmse(t, t)? == 0.0);
            prop_assert!(memory_capacity(t, t).is_err() || (memory_capacity(t, t)? - 1.0).abs() < 1e-9);
            let largest = truth.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
            let middle = truth.iter().map(|v| v / steps as f64).sum::<f64>();
            let mean = Array2::from_elem((steps, 1), middle);
            if let Ok(score) = nmse(t, mean.view()) && largest < 1e7 && largest > 1e-290 {
                prop_assert!((score - 1.0).abs() < 1e-6, "{score}");
            }
        }
        let valid = ValidTime { threshold: 0.4, dt: 0.5, lyapunov_exponent: 2.0, spread: None }.of(t, f);
        prop_assert!(valid.is_err() || (0.0..=steps as f64).contains(&valid?));
    }
}
