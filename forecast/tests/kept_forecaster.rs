//! A forecaster that was written and read goes on with the same bits.

use forebay::random::Seed;
use forebay_forecast::ensemble::{Ensemble, Forecast, Forecaster, Inputs, KeptForecaster};
use ndarray::{Array2, s};
use proptest::prelude::*;

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut stream = Seed(seed).stream("noise");
    (0..count).map(|_| stream.normal()).collect()
}

/// An autoregression on a season of 12 rows, a tenth of it missing, that shifts by 40 at row 900.
fn series(rows: usize) -> Vec<f64> {
    let mut value = 0.0;
    let next = |(t, noise): (usize, f64)| {
        value = 0.8 * value + noise;
        let level = if t < 900 { 0.0 } else { 40.0 };
        if t * 7 % 10 == 3 { f64::NAN } else { value + level + [3.0, -2.0, 0.5, 1.0][t % 12 / 3] }
    };
    normals(rows, 1).into_iter().enumerate().map(next).collect()
}

fn written_and_read(forecaster: &Forecaster) -> Forecaster {
    let bytes = postcard::to_stdvec(forecaster).expect("it is written");
    let kept: KeptForecaster = postcard::from_bytes(&bytes).expect("it is read");
    let later = Forecaster::try_from(kept).expect("it is a forecaster");
    assert!(postcard::to_stdvec(&later).expect("it is written again") == bytes, "equal things have equal bytes");
    later
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

type Bits = (usize, u64, Option<u64>, usize, Option<(usize, u64)>, bool);

fn bits_of(forecast: Forecast) -> Bits {
    let Forecast { row, value, clipped_from, members_moved, shift, refitted } = forecast;
    let shift = shift.map(|shift| (shift.row, shift.by.to_bits()));
    (row, value.to_bits(), clipped_from.map(f64::to_bits), members_moved, shift, refitted)
}

/// That two tell the same of themselves in every bit.
fn assert_same(a: &Forecaster, b: &Forecaster) {
    assert_eq!(bits_of(a.forecast()), bits_of(b.forecast()));
    let pending = |of: &Forecaster| of.pending().into_iter().map(bits_of).collect::<Vec<_>>();
    assert_eq!(pending(a), pending(b));
    assert_eq!(bits(a.weights().to_vec()), bits(b.weights().to_vec()));
    assert_eq!(bits(a.forecasts_of_members()), bits(b.forecasts_of_members()));
    assert_eq!((a.told(), a.served(), a.rows(), a.horizon()), (b.told(), b.served(), b.rows(), b.horizon()));
    let calibration = |of: &Forecaster| bits(of.calibration().iter().flat_map(|(forecast, truth)| [*forecast, *truth]));
    assert_eq!(calibration(a), calibration(b));
}

/// Goes on with both, and looks at all that can be told after every row.
fn go_on(mut a: Forecaster, values: &[f64]) -> Forecaster {
    let mut b = written_and_read(&a);
    assert_same(&a, &b);
    for value in values {
        assert_eq!(bits_of(a.step(*value).expect("a row")), bits_of(b.step(*value).expect("a row")));
        assert_same(&a, &b);
    }
    a
}

#[test]
fn at_every_age_it_goes_on_with_the_same_bits() {
    let series = series(2200);
    for (horizon, season) in [(1, None), (1, Some(12)), (24, Some(12)), (24, None)] {
        let mut settings = Ensemble::new(horizon).limits(-8.0, f64::INFINITY).seed(3);
        if let Some(season) = season {
            settings = settings.season(season);
        }
        let mut forecaster = settings.fit(&series[3..700]).expect("a fit");
        let mut row = 700;
        for age in [0, 1, 7, 500] {
            forecaster.run(&series[row..700 + age]).expect("rows");
            row = 700 + age;
            let later = go_on(forecaster.clone(), &series[row..row + 1000]);
            assert!(later.served().refits > 10 && later.served().missing > 90, "{:?}", later.served());
        }
        assert_eq!(forecaster.served().shifts.len(), 1, "the level shifts");
    }
}

/// Rows of a streak are not in the engine that would be gone back to, and were seen by the one that goes on.
#[test]
fn in_a_half_seen_streak_it_goes_on_with_the_same_bits() {
    let mut series = normals(700, 2);
    series[500..].iter_mut().for_each(|value| *value += 30.0);
    (series[501], series[503]) = (f64::NAN, f64::NAN);
    for horizon in [1, 24] {
        let fitted = Ensemble::new(horizon).season(12).fit(&series[..440]).expect("a fit");
        for rows in 500..508 {
            let mut forecaster = fitted.clone();
            forecaster.run(&series[440..rows]).expect("rows");
            let later = go_on(forecaster, &series[rows..]);
            assert_eq!(later.served().shifts.len(), 1);
        }
        // One row that is far away, and back.
        let mut forecaster = fitted.clone();
        forecaster.run(&[30.0]).expect("a row");
        assert!(go_on(forecaster, &series[440..500]).served().shifts.is_empty());
    }
}

/// Of a short series readouts are learnt anew with every row, also with those of a streak.
#[test]
fn readouts_that_were_learnt_anew_in_a_streak_are_those() {
    let mut series = normals(200, 3);
    series[75..].iter_mut().for_each(|value| *value -= 25.0);
    let fitted = Ensemble::new(1).fit(&series[..70]).expect("a fit");
    for rows in 74..80 {
        let mut forecaster = fitted.clone();
        let forecasts = forecaster.run(&series[70..rows]).expect("rows");
        assert!(forecasts.iter().all(|forecast| forecast.refitted));
        assert!(!go_on(forecaster, &series[rows..]).served().shifts.is_empty());
    }
    // One row that is far away, and one on the other side: the readouts that have seen the first are those that go on.
    let mut forecaster = fitted.clone();
    forecaster.run(&[-25.0]).expect("a row");
    assert!(go_on(forecaster, &[60.0]).served().shifts.is_empty());
}

#[test]
fn with_inputs_beside_it_goes_on_with_the_same_bits() {
    let (rows, first) = (900, 400);
    let (x, noise) = (normals(rows + 5, 4), normals(rows, 5));
    let mut series: Vec<f64> = (0..rows).map(|t| 3.0 * x[t] + 0.1 * noise[t]).collect();
    series[600..].iter_mut().for_each(|value| *value += 90.0);
    let ahead = Array2::from_shape_fn((rows + 5, 1), |(t, _)| if t % 9 == 4 { f64::NAN } else { 7.0 + x[t] });
    let past = Array2::from_shape_fn((rows, 2), |(t, column)| if column == 1 { noise[t] } else { f64::NAN });
    for horizon in [1, 5] {
        let inputs = Inputs { past: past.slice(s![..first, ..]), ahead: ahead.slice(s![..first + horizon, ..]) };
        let mut a = Ensemble::new(horizon).fit_with(&series[..first], &inputs).expect("a fit");
        let mut b = written_and_read(&a);
        for (t, value) in series.iter().copied().enumerate().skip(first) {
            let (past, ahead) = (past.row(t).to_vec(), ahead.row(t + horizon).to_vec());
            let own = a.step_with(value, &past, &ahead).expect("a row");
            assert_eq!(bits_of(own), bits_of(b.step_with(value, &past, &ahead).expect("a row")));
            // Again and again, also in the streak at row 600.
            if t % 97 == 0 || (599..604).contains(&t) {
                b = written_and_read(&b);
                assert_same(&a, &b);
            }
        }
        assert_eq!(a.served().shifts.len(), 1, "the level shifts");
    }
}

#[test]
fn what_has_few_members_is_kept_too() {
    let walk: Vec<f64> = normals(1500, 6).iter().scan(0.0, |sum, noise| (*sum += noise, Some(*sum)).1).collect();
    for settings in [Ensemble::new(1), Ensemble::new(3).networks(0), Ensemble::new(2).networks(1).season(7)] {
        for rows in [4, 9, 30, 60, 400] {
            let forecaster = settings.fit(&walk[..rows]).expect("a fit");
            go_on(forecaster, &walk[rows..rows + 150]);
        }
    }
    go_on(Ensemble::new(1).fit(&[5.0; 90]).expect("a fit"), &[5.0; 40]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_series_is_kept_at_any_age(
        values in prop::collection::vec(
            prop_oneof![
                6 => -5.0_f64..5.0,
                1 => Just(f64::NAN),
                1 => Just(-0.0),
                1 => -1e9_f64..1e9,
                1 => Just(1e-310),
                1 => Just(300.0),
            ],
            2..120,
        ),
        horizon in 1_usize..6,
        season in 2_usize..20,
        age in 0_usize..12,
    ) {
        let (known, later) = values.split_at(values.len() * 3 / 5);
        if let Ok(mut forecaster) = Ensemble::new(horizon).season(season).networks(2).fit(known) {
            let age = age.min(later.len());
            forecaster.run(&later[..age]).expect("rows");
            go_on(forecaster, &later[age..]);
        }
    }
}
