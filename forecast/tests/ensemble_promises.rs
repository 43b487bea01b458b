//! What the combined forecast promises of any series.

use forebay::random::Seed;
use forebay::threads::Pool;
use forebay_forecast::ensemble::{Ensemble, EnsembleError, Forecaster, Member};
use proptest::prelude::*;

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

#[test]
fn weights_are_on_the_simplex_and_all_members_are_told() {
    let forecaster = Ensemble::new(2).season(7).fit(&autoregression(400, 0.5)).expect("a fit");
    let members = &forecaster.told().members;
    assert!((members.iter().map(|told| told.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(members.iter().all(|told| told.weight >= 0.0 && told.rmse.is_some_and(|rmse| rmse > 0.0)));
    assert_eq!(members.len() + forecaster.told().left_out.len(), 7);
    assert_eq!(forecaster.forecasts_of_members().count(), members.len());
    // Seven rows before what is forecast is the newest row.
    let whole = Ensemble::new(7).season(7).fit(&autoregression(400, 0.5)).expect("a fit");
    let told = whole.told();
    assert_eq!((told.left_out.len(), told.left_out[0].member), (1, Member::SeasonalNaive));
    assert_eq!(told.members.len(), 6);
}

/// What comes after a row changes no forecast made at it.
#[test]
fn nothing_is_seen_before_it_happens() {
    let series = autoregression(700, 0.9);
    let mut scrambled = series.clone();
    scrambled[600..].reverse();
    scrambled[620] = 1e6;
    let run = |series: &[f64]| {
        let mut forecaster = Ensemble::new(3).fit(&series[..500]).expect("a fit");
        let mut values: Vec<f64> = forecaster.pending().iter().map(|forecast| forecast.value).collect();
        values.extend(forecaster.run(&series[500..]).expect("rows").iter().map(|forecast| forecast.value));
        values
    };
    let (a, b) = (run(&series), run(&scrambled));
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    // Three pending ones, and one for each row from 500 to 599.
    assert_eq!(same, 103);
}

#[test]
fn rows_one_by_one_are_rows_at_once_on_any_number_of_threads() {
    let series = autoregression(900, 0.7);
    let fit = || Ensemble::new(2).season(10).seed(5).fit(&series[..700]).expect("a fit");
    let alone = fit();
    let mut beside = Pool::new(3).expect("threads").install(fit);
    assert_eq!(alone.told(), beside.told());
    assert_eq!(alone.pending(), beside.pending());
    let (mut alone, mut forked) = (alone.clone(), alone);
    let at_once = alone.run(&series[700..]).expect("rows");
    let by_steps: Vec<_> = series[700..].iter().map(|value| forked.step(*value).expect("a row")).collect();
    let threaded = Pool::new(2).expect("threads").install(|| beside.run(&series[700..]).expect("rows"));
    assert_eq!((&at_once, &at_once), (&by_steps, &threaded));
    assert!(alone.served().refits > 5);
}

#[test]
fn rows_before_the_first_value_change_nothing() {
    let series = autoregression(300, 0.9);
    let mut later = vec![f64::NAN; 17];
    later.extend(&series);
    let (a, b) = (Ensemble::new(2).fit(&series).expect("a fit"), Ensemble::new(2).fit(&later).expect("a fit"));
    assert_eq!(a.forecast().value, b.forecast().value);
    assert_eq!((b.told().leading, b.forecast().row), (17, a.forecast().row + 17));
}

#[test]
fn short_series_get_a_plain_answer_or_a_refusal() {
    let series = autoregression(64, 1.0);
    for rows in 0..64 {
        for (horizon, season) in [(1, None), (3, Some(4)), (5, Some(50)), (60, None)] {
            let mut settings = Ensemble::new(horizon);
            if let Some(season) = season {
                settings = settings.season(season);
            }
            match settings.fit(&series[..rows]) {
                Ok(mut forecaster) => {
                    assert!(rows > horizon);
                    assert_eq!(forecaster.pending().len(), horizon);
                    assert!(forecaster.pending().iter().all(|forecast| forecast.value.is_finite()));
                    for value in [0.5, f64::NAN, -3.0, 2.0] {
                        assert!(forecaster.step(value).expect("a row").value.is_finite());
                    }
                }
                Err(EnsembleError::TooShort { .. }) => assert!(rows <= horizon.max(1)),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_constant_stays_one() {
    for value in [0.0, -7.25, 1e12] {
        for rows in [5, 40, 400] {
            let mut forecaster = Ensemble::new(1).season(4).fit(&vec![value; rows]).expect("a fit");
            assert_eq!(forecaster.forecast().value, value);
            assert_eq!(forecaster.step(value).expect("a row").value, value);
            assert!(forecaster.step(value + 1.0).expect("a row").value.is_finite());
        }
    }
}

fn run(series: &[f64]) -> Vec<f64> {
    let mut forecaster = Ensemble::new(2).season(6).fit(&series[..240]).expect("a fit");
    forecaster.run(&series[240..]).expect("rows").iter().map(|forecast| forecast.value).collect()
}

fn seasonal() -> Vec<f64> {
    autoregression(300, 0.6).iter().enumerate().map(|(t, noise)| noise + 2.0 * f64::from((t % 6) as u32)).collect()
}

#[test]
fn units_change_forecasts_with_them() {
    let series = seasonal();
    let plain = run(&series);
    for factor in [1024.0, 2.0_f64.powi(-40)] {
        let scaled: Vec<f64> = series.iter().map(|value| value * factor).collect();
        let expected: Vec<f64> = plain.iter().map(|value| value * factor).collect();
        assert_eq!(run(&scaled), expected, "{factor}");
    }
    for factor in [1e-9, 4.1, 1e12] {
        let scaled: Vec<f64> = series.iter().map(|value| value * factor).collect();
        for (ours, plain) in run(&scaled).iter().zip(&plain) {
            assert!((ours / factor - plain).abs() < 0.05, "{factor}: {ours} {plain}");
        }
    }
}

#[test]
fn an_offset_changes_forecasts_by_itself() {
    let series = seasonal();
    let far: Vec<f64> = series.iter().map(|value| value + 1e8).collect();
    for (ours, plain) in run(&far).iter().zip(run(&series)) {
        assert!((ours - 1e8 - plain).abs() < 1e-5, "{ours} {plain}");
    }
}

#[test]
fn forecasts_stay_within_limits_and_say_so() {
    let series: Vec<f64> = normals(300, 8).iter().map(|value| value.max(0.0)).collect();
    let mut forecaster = Ensemble::new(1).limits(0.38, 0.4).fit(&series[..200]).expect("a fit");
    let forecasts = forecaster.run(&series[200..]).expect("rows");
    assert!(forecasts.iter().all(|forecast| (0.38..=0.4).contains(&forecast.value)));
    let clipped = forecasts.iter().filter(|forecast| forecast.clipped_from.is_some()).count();
    assert!(clipped > 0 && clipped == forecaster.served().clipped);
    let moved = |from: f64| !(0.38..=0.4).contains(&from);
    assert!(forecasts.iter().filter_map(|forecast| forecast.clipped_from).all(moved));
}

/// Each alone as they are together: a table may score them beside the combination.
#[test]
fn members_tell_their_forecasts_within_the_limits() {
    let series = seasonal();
    let (lower, upper) = (1.0, 6.0);
    let mut forecaster = Ensemble::new(2).season(6).limits(lower, upper).fit(&series[..240]).expect("a fit");
    let mut clipped = 0;
    for (t, value) in series.iter().enumerate().skip(240) {
        let forecast = forecaster.step(*value).expect("a row");
        let own: Vec<f64> = forecaster.forecasts_of_members().collect();
        assert_eq!(own.len(), forecaster.told().members.len());
        assert!((own[0] - value.clamp(lower, upper)).abs() < 1e-12, "row {t}: {} {value}", own[0]);
        // The value six rows before what is forecast.
        let seasonal = forecaster.told().members.iter().position(|told| told.member == Member::SeasonalNaive);
        let own_seasonal = own[seasonal.expect("there is a season")];
        assert!((own_seasonal - series[t - 4].clamp(lower, upper)).abs() < 1e-12, "row {t}: {own_seasonal}");
        assert!(own.iter().all(|own| (lower..=upper).contains(own)), "{own:?}");
        clipped += usize::from(own[0] == lower || own[0] == upper);
        if forecast.clipped_from.is_none() && own.iter().all(|own| *own > lower && *own < upper) {
            let together: f64 = own.iter().zip(forecaster.weights()).map(|(own, weight)| own * weight).sum();
            // Readouts are learnt anew after members have spoken, and so are weights.
            assert!((together - forecast.value).abs() < 1e-9, "{together} {}", forecast.value);
        }
    }
    assert!(clipped > 5, "{clipped}");
}

/// One network was taken in silence where none was asked for.
#[test]
fn without_networks_there_are_none_and_it_is_told() {
    let series = seasonal();
    let forecaster = Ensemble::new(2).season(6).networks(0).fit(&series).expect("a fit");
    let told = forecaster.told();
    let members: Vec<Member> = told.members.iter().map(|told| told.member).collect();
    let plain = [Member::Persistence, Member::Mean, Member::SeasonalNaive, Member::Smoothing, Member::Linear];
    assert_eq!(members, plain);
    let why: Vec<(Member, &str)> = told.left_out.iter().map(|left| (left.member, &left.why[..])).collect();
    let asked = "no networks were asked for";
    assert_eq!(why, [(Member::Esn, asked), (Member::Reservoir, asked)]);
    // The linear member is the one that stands beside networks.
    let with = Ensemble::new(2).season(6).networks(1).fit(&series).expect("a fit");
    let linear = |of: &Forecaster| of.forecasts_of_members().nth(4).map(f64::to_bits);
    assert_eq!(linear(&forecaster), linear(&with));
}

#[test]
fn settings_and_series_out_of_range_are_refused() {
    let series = normals(50, 9);
    let fit = |settings: Ensemble, series: &[f64]| settings.fit(series).map(|_| ()).expect_err("refused");
    assert!(matches!(fit(Ensemble::new(0), &series), EnsembleError::Horizon));
    assert!(matches!(fit(Ensemble::new(1).season(1), &series), EnsembleError::Season { season: 1 }));
    assert!(matches!(fit(Ensemble::new(1).limits(2.0, 1.0), &series), EnsembleError::Limits { .. }));
    assert!(matches!(fit(Ensemble::new(1), &[1.0, f64::INFINITY]), EnsembleError::Infinite { row: 1 }));
    assert!(matches!(fit(Ensemble::new(1), &[f64::NAN; 9]), EnsembleError::TooShort { rows: 0, known: 0, .. }));
    assert!(matches!(fit(Ensemble::new(usize::MAX), &series), EnsembleError::TooShort { .. }));
    assert!(matches!(fit(Ensemble::new(1), &[-1e308, 1e308, 0.0]), EnsembleError::Spread { .. }));
    let mut forecaster = Ensemble::new(1).fit(&series).expect("a fit");
    let before = forecaster.forecast();
    assert!(matches!(forecaster.step(f64::INFINITY), Err(EnsembleError::Infinite { row: 50 })));
    assert!(matches!(forecaster.step(1e300), Err(EnsembleError::Spread { .. })));
    assert_eq!((forecaster.forecast(), forecaster.rows()), (before, 50));
    assert!(forecaster.step(1e9).expect("far, but a number").value.is_finite());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever a series is like, there is a number or a refusal.
    #[test]
    fn any_series_gets_numbers(
        values in prop::collection::vec(
            prop_oneof![4 => -5.0_f64..5.0, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => -1e9_f64..1e9],
            2..90,
        ),
        horizon in 1_usize..6,
        season in 2_usize..20,
    ) {
        let (known, later) = values.split_at(values.len() * 4 / 5);
        if let Ok(mut forecaster) = Ensemble::new(horizon).season(season).fit(known) {
            for value in later {
                prop_assert!(forecaster.step(*value).expect("a number").value.is_finite());
            }
        }
    }
}

/// A value that was held through an outage was a level that never was: the season before it was forgotten, and forecasts after it
/// had errors of a fifth to nine tenths of the series' spread.
#[test]
fn an_outage_leaves_the_season_as_it_was() {
    let mut noise = Seed(3).stream("outage");
    let errors: Vec<f64> = (0..1100).map(|_| 0.1 * noise.normal()).collect();
    let value = |t: usize| 3.0 * libm::sin(t as f64 * std::f64::consts::TAU / 24.0) + errors[t];
    let series: Vec<f64> = (0..1000).map(value).collect();
    for (horizon, length) in [(1, 12), (1, 30), (5, 24)] {
        let fitted = Ensemble::new(horizon).season(24).networks(1).fit(&series).expect("it fits");
        let error = |outage: bool| {
            let mut forecaster = fitted.clone();
            let mut sum = 0.0;
            for t in 1000..1099 - horizon {
                let is_out = outage && (1020..1020 + length).contains(&t);
                let forecast = forecaster.step(if is_out { f64::NAN } else { value(t) }).expect("a usual value");
                if t >= 1020 + length {
                    sum += (forecast.value - value(forecast.row)).powi(2);
                }
            }
            assert!(forecaster.served().shifts.is_empty(), "{:?}", forecaster.served().shifts);
            (sum / (1099 - horizon - 1020 - length) as f64).sqrt()
        };
        let (with, without) = (error(true), error(false));
        assert!(with < 1.5 * without, "{horizon}, {length}: {with} {without}");
    }
}
