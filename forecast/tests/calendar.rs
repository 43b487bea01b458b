//! Features of the calendar beside what jiff says of the same times.

use std::f64::consts::TAU;

use forebay_forecast::calendar::{Calendar, features};
use forebay_forecast::ensemble::{Ensemble, Inputs};
use forebay_forecast::table::{Clock, ClockChoice, Gaps, Reading, read};
use jiff::civil::{DateTime, date};
use jiff::{Span, ToSpan};
use ndarray::{Array2, s};
use proptest::prelude::*;

fn clock(times: impl Iterator<Item = String>) -> Clock {
    let line = |(row, time): (usize, String)| format!("{time};{}.5\n", [3, 1, 4, 1, 5, 9, 2, 6][row % 8]);
    let text = "time;v\n".to_owned() + &times.enumerate().map(line).collect::<String>();
    let reading = Reading { clock: ClockChoice::Column("time".into()), gaps: Gaps::Ignore, ..Reading::default() };
    read(text.as_bytes(), &reading).unwrap_or_else(|error| panic!("{error}")).clock.expect("the times")
}

fn even(start: DateTime, step: Span, count: usize, pattern: &str) -> Clock {
    clock((0..count).map(|row| (start + row as i64 * step).strftime(pattern).to_string()))
}

const START: DateTime = date(2019, 11, 23).at(7, 30, 0, 0);

fn names(clock: &Clock) -> Vec<String> {
    features(clock, 0..0).0
}

const DAY: [&str; 2] = ["hour of day, sine", "hour of day, cosine"];
const WEEK: [&str; 3] = ["day of week, sine", "day of week, cosine", "weekend"];
const YEAR: [&str; 2] = ["day of year, sine", "day of year, cosine"];

#[test]
fn what_varies_and_was_seen_twice_is_taken() {
    let minutes = "%Y-%m-%d %H:%M";
    let of = |step: Span, count: usize| names(&even(START, step, count, minutes));
    assert_eq!(of(1.hour(), 47), [""; 0]);
    assert_eq!(of(1.hour(), 48), DAY);
    assert_eq!(of(15.minutes(), 14 * 96), [&DAY[..], &WEEK].concat());
    assert_eq!(of(1.hour(), 24 * 365), [&DAY[..], &WEEK].concat());
    assert_eq!(of(6.hours(), 4 * 730), [&DAY[..], &WEEK, &YEAR].concat());
    assert_eq!(of(12.hours(), 2 * 730), [&WEEK[..], &YEAR].concat());
    assert_eq!((of(1.day(), 13), of(1.day(), 14)), (vec![], WEEK.map(str::to_owned).to_vec()));
    assert_eq!(of(1.week(), 105), YEAR);
    // Saturdays alone are no weekend, and four seasons are a year.
    let weekdays = clock((0..600).map(|day| (date(2021, 2, 22) + Span::new().days(day / 5 * 7 + day % 5)).to_string()));
    assert_eq!(names(&weekdays), [&WEEK[..2], &YEAR].concat());
    let months = |count: usize| names(&even(START, 1.month(), count, "%Y-%m"));
    assert_eq!(
        (months(23), months(24)),
        (vec![], ["month of year, sine", "month of year, cosine"].map(str::to_owned).to_vec())
    );
    assert_eq!(names(&even(START, 3.months(), 9, "%Y-%m")), ["month of year, sine", "month of year, cosine"]);
    assert_eq!(names(&even(START, 1.year(), 60, "%Y-%m-%d")), [""; 0]);
    // Numbers, times of day alone, and uneven steps.
    assert_eq!(names(&clock((1900..1990).map(|year: i32| year.to_string()))), [""; 0]);
    assert_eq!(names(&clock((0..100).map(|hour: i32| format!("{:02}:00", hour % 24)))), DAY);
    let uneven = clock((0..100).map(|row: i64| (START + Span::new().hours(row * row)).strftime(minutes).to_string()));
    assert_eq!(names(&uneven), [""; 0]);
}

#[test]
fn what_a_season_brings_is_left_out() {
    let hours = even(START, 1.hour(), 24 * 800, "%Y-%m-%d %H:%M");
    let beside = |clock: &Clock, season| Calendar::of(clock.rule()).beside_season(season).names();
    assert_eq!(beside(&hours, 24), [&WEEK[..], &YEAR].concat());
    assert_eq!(beside(&hours, 168), YEAR);
    assert_eq!(beside(&hours, 100), [&DAY[..], &WEEK, &YEAR].concat());
    let days = even(START, 1.day(), 800, "%Y-%m-%d");
    assert_eq!(
        (beside(&days, 7), beside(&days, 365)),
        (YEAR.map(str::to_owned).to_vec(), WEEK.map(str::to_owned).to_vec())
    );
    assert_eq!(beside(&even(START, 1.month(), 60, "%Y-%m"), 12), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn features_are_those_of_the_dates(
        minutes in prop::sample::select(vec![15_i64, 20, 30, 60, 180, 360, 480, 720, 1440, 10_080]),
        offset in 0..2_000_000_i64,
        count in 900..1200_usize,
        from in 0..1100_usize,
    ) {
        let start = START + Span::new().minutes(offset);
        let clock = even(start, Span::new().minutes(minutes), count, "%Y-%m-%dT%H:%M");
        let (names, values) = features(&clock, from..from + 300);
        prop_assert_eq!(values.dim(), (300, names.len()));
        prop_assert!(!names.is_empty());
        for (row, features) in values.rows().into_iter().enumerate() {
            let time = start + Span::new().minutes(minutes * (from + row) as i64);
            let day = (f64::from(time.hour()) + f64::from(time.minute()) / 60.0) / 24.0;
            let weekday = f64::from(time.weekday().to_monday_zero_offset());
            let days = f64::from(time.date().day_of_year()) - 1.0 + day;
            for (name, value) in names.iter().zip(features) {
                let expected = match name.as_str() {
                    "hour of day, sine" => (TAU * day).sin(),
                    "hour of day, cosine" => (TAU * day).cos(),
                    "day of week, sine" => (TAU * (weekday + day) / 7.0).sin(),
                    "day of week, cosine" => (TAU * (weekday + day) / 7.0).cos(),
                    "day of year, sine" => (TAU * days / f64::from(time.date().days_in_year())).sin(),
                    "day of year, cosine" => (TAU * days / f64::from(time.date().days_in_year())).cos(),
                    "weekend" => f64::from(u8::from(weekday > 4.5)),
                    other => return Err(TestCaseError::fail(other.to_owned())),
                };
                prop_assert!((value - expected).abs() < 1e-12, "{name} of {time}: {value}, not {expected}");
            }
        }
        // Counted from the last row, and of a rule that was kept, they are the same bits.
        let kept = serde_json::to_string(clock.rule()).expect("plain values");
        let rule = serde_json::from_str(&kept).expect("what was written");
        let first = from as i64 - (count as i64 - 1);
        prop_assert_eq!(Calendar::of(&rule).ahead(&rule, first..first + 300), values);
    }
}

/// Months go by their number, so that they repeat after twelve in every bit.
#[test]
fn months_are_twelfths_of_a_year() {
    let (_, values) = features(&even(START, 1.month(), 40, "%Y-%m"), 0..60);
    for (row, pair) in values.rows().into_iter().enumerate() {
        let phase = ((10 + row) % 12) as f64 / 12.0;
        assert_eq!((pair[0], pair[1]), (libm::sin(TAU * phase), libm::cos(TAU * phase)));
    }
    let beyond = features(&even(date(9990, 1, 1).at(0, 0, 0, 0), 1.month(), 40, "%Y-%m"), 100..140).1;
    assert!(beyond[[0, 0]].is_finite() && beyond[[39, 0]].is_nan());
}

/// Weekends that are half as high: a forecast that knows them ahead is better than one that has only the days before.
#[test]
fn a_forecast_takes_them_as_inputs() {
    let hours = even(START, 6.hours(), 500, "%Y-%m-%d %H:%M");
    let (names, ahead) = features(&hours, 0..601);
    let weekend = names.iter().position(|name| name == "weekend").expect("two weeks and more");
    // From a generator that linear forecasts do not see through.
    let mut state = 1_u64;
    let noise: Vec<f64> = (0..601)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24)
        })
        .collect();
    let value = |t: usize| 2.0 - ahead[[t, weekend]] + 0.5 * noise[t];
    let series: Vec<f64> = (0..500).map(value).collect();
    let error = |ahead: &Array2<f64>| -> f64 {
        let past = Array2::zeros((500, 0));
        let inputs = Inputs { past: past.view(), ahead: ahead.slice(s![..501, ..]) };
        let mut forecaster = Ensemble::new(1).fit_with(&series, &inputs).expect("a forecast");
        let mut forecast = forecaster.forecast().value;
        let mut sum = 0.0;
        for t in 500..600 {
            sum += (forecast - value(t)).powi(2);
            let next: Vec<f64> = ahead.row(t + 1).to_vec();
            forecast = forecaster.step_with(value(t), &[], &next).expect("a forecast").value;
        }
        sum
    };
    let (with, without) = (error(&ahead), error(&Array2::zeros((601, 0))));
    assert!(with < 0.8 * without, "{with} with the calendar, {without} without");
}
