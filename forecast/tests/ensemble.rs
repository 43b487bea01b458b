//! The combined forecast on series whose best forecast is known.

use forebay::random::Seed;
use forebay_forecast::ensemble::{Ensemble, Forecaster, Member};

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut stream = Seed(seed).stream("noise");
    (0..count).map(|_| stream.normal()).collect()
}

fn autoregression(count: usize, phi: f64) -> Vec<f64> {
    let mut value = 0.0;
    let next = |noise: f64| {
        value = phi * value + noise;
        value
    };
    normals(count, 1).into_iter().map(next).collect()
}

/// Root mean square errors of the last fifth: of the forecasts, and of what a rule makes of the series up to a row.
fn compare(series: &[f64], settings: Ensemble, horizon: usize, rule: impl Fn(&[f64]) -> f64) -> (f64, f64, Forecaster) {
    let first = series.len() / 5 * 4;
    let mut forecaster = settings.fit(&series[..first]).expect("a fit");
    let (mut ours, mut theirs, mut count) = (0.0, 0.0, 0.0);
    for t in first..series.len() - horizon {
        let forecast = forecaster.step(series[t]).expect("a step");
        assert_eq!(forecast.row, t + horizon);
        let truth = series[t + horizon];
        ours += (truth - forecast.value).powi(2);
        theirs += (truth - rule(&series[..=t])).powi(2);
        count += 1.0;
    }
    ((ours / count).sqrt(), (theirs / count).sqrt(), forecaster)
}

fn weight(forecaster: &Forecaster, member: Member) -> f64 {
    forecaster.told().members.iter().find(|told| told.member == member).map_or(0.0, |told| told.weight)
}

#[test]
fn an_autoregression_is_forecast_as_by_its_own_rule() {
    let series = autoregression(2500, 0.8);
    for horizon in [1, 4] {
        let rule = |past: &[f64]| past[past.len() - 1] * 0.8_f64.powi(horizon as i32);
        let (ours, best, _) = compare(&series, Ensemble::new(horizon), horizon, rule);
        assert!(ours < 1.02 * best, "{horizon}: {ours} {best}");
    }
}

#[test]
fn a_pure_season_is_forecast_exactly() {
    let season: Vec<f64> = normals(12, 3);
    let series: Vec<f64> = (0..600).map(|t| season[t % 12]).collect();
    for horizon in [1, 5, 12] {
        let (ours, spread, _) = compare(&series, Ensemble::new(horizon).season(12), horizon, |_| 0.0);
        assert!(ours < 1e-4 * spread, "{horizon}: {ours} {spread}");
    }
}

#[test]
fn a_random_walk_is_forecast_by_its_last_value() {
    let series = autoregression(2500, 1.0);
    let (ours, last, forecaster) = compare(&series, Ensemble::new(1), 1, |past| past[past.len() - 1]);
    assert!(ours < 1.01 * last, "{ours} {last}");
    assert!(weight(&forecaster, Member::Mean) < 0.01 && forecaster.told().level_wanders);
}

#[test]
fn noise_is_forecast_by_its_mean() {
    let series = normals(2500, 4);
    for horizon in [1, 10] {
        let (ours, zero, forecaster) = compare(&series, Ensemble::new(horizon), horizon, |_| 0.0);
        assert!(ours < 1.02 * zero, "{horizon}: {ours} {zero}");
        assert!(weight(&forecaster, Member::Persistence) < 0.1);
    }
}

/// x(t+1) = 1 - 1.4 x(t)^2 + 0.3 x(t-1): no linear forecast explains half of it, a reservoir nearly all.
#[test]
fn what_only_a_reservoir_can_forecast_is_left_to_it() {
    let mut series = vec![0.1, 0.1];
    (2..1200).for_each(|t| series.push(1.0 - 1.4 * series[t - 1] * series[t - 1] + 0.3 * series[t - 2]));
    let (ours, spread, forecaster) = compare(&series, Ensemble::new(1), 1, |_| 0.26);
    assert!(ours < 0.05 * spread, "{ours} {spread}");
    assert!(weight(&forecaster, Member::Reservoir) + weight(&forecaster, Member::Esn) > 0.95);
}

#[test]
fn a_shift_of_level_is_found_told_and_followed() {
    let mut series = normals(900, 6);
    series[700..].iter_mut().for_each(|value| *value += 50.0);
    let mut forecaster = Ensemble::new(1).fit(&series[..600]).expect("a fit");
    let forecasts = forecaster.run(&series[600..]).expect("rows");
    let [shift] = forecaster.served().shifts[..] else { panic!("{:?}", forecaster.served()) };
    assert!(shift.row == 700 && (shift.by - 50.0).abs() < 2.0, "{shift:?}");
    assert_eq!(forecasts[101].shift, Some(shift));
    assert!(forecasts[102..].iter().all(|forecast| (forecast.value - 50.0).abs() < 3.0));
}

#[test]
fn missing_values_are_passed_over() {
    let full = autoregression(800, 0.9);
    let mut series = full.clone();
    (0..800).filter(|t| t * 7 % 10 == 3 || (300..320).contains(t)).for_each(|t| series[t] = f64::NAN);
    let mut forecaster = Ensemble::new(1).fit(&series[..600]).expect("a fit");
    let told = forecaster.told();
    assert_eq!((told.rows, told.known), (600, series[..600].iter().filter(|value| !value.is_nan()).count()));
    let (mut ours, mut last, mut held) = (0.0, 0.0, 0.0);
    for t in 600..799 {
        let forecast = forecaster.step(series[t]).expect("a row");
        held = if series[t].is_nan() { held } else { series[t] };
        if t > 602 {
            ours += (full[t + 1] - forecast.value).powi(2);
            last += (full[t + 1] - held).powi(2);
        }
    }
    assert!(ours < last, "{ours} {last}");
    assert!(forecaster.served().missing > 10);
}
