//! Ticks at round places of the calendar: seconds, minutes, hours, days, weeks, months, quarters, years.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::scale::Scale;
use super::tick::Tick;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// A Monday: 1970-01-05.
const MONDAY: i64 = 4 * DAY;
/// Places finer than a millionth of a second are not told apart by the floats that hold them.
const DIGITS: u32 = 6;

/// The time between two ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many units of this share of a second: `(5, 10)` is half a second.
    Share(i64, i64),
    Seconds(i64),
    Months(i64),
}

/// The steps in seconds from one second on.
const SECONDS: [i64; 22] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    WEEK,
    2 * WEEK,
];

const MONTHS: [i64; 3] = [1, 3, 6];
const YEARS: [i64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// All steps, rising.
fn steps() -> impl Iterator<Item = Step> {
    let shares = (1..=DIGITS).rev().flat_map(|digits| {
        let unit = (0..digits).fold(1, |unit, _| unit * 10);
        [1, 2, 5].map(|units| Step::Share(units, unit))
    });
    let months = MONTHS.into_iter().chain(YEARS.map(|years| 12 * years));
    shares.chain(SECONDS.map(Step::Seconds)).chain(months.map(Step::Months))
}

/// At most `most` ticks (2 at least are asked for), inside of a range of seconds since 1970; none for times that the calendar
/// does not reach (its years are -9999 to 9999), or that lie too close together.
pub(super) fn ticks(scale: Scale, most: usize) -> Option<Vec<Tick>> {
    let ends = [civil(scale.low)?, civil(scale.high)?];
    let (step, places) = round_places(scale, ends, most.max(2))?;
    let mut last = None;
    let tick = |(second, rest): (i64, i64)| {
        let (label, context) = label(step, second, rest)?;
        let is_new = last.as_ref() != Some(&context);
        last = Some(context.clone());
        Some(Tick { at: place(step, second, rest), label, context: context.filter(|_| is_new) })
    };
    places.into_iter().map(tick).collect()
}

/// Whole seconds since 1970, and what is left in the step's share of a second.
type Place = (i64, i64);

/// The places of the finest step that has no more than so many. If it has none in the range, some of the next finer one.
fn round_places(scale: Scale, ends: [DateTime; 2], most: usize) -> Option<(Step, Vec<Place>)> {
    let mut finer = None;
    // No step is more than five times as long as the one before.
    let is_near = |step: &Step| (scale.high - scale.low) / longest(*step) <= 6.0 * most as f64;
    for step in steps().filter(is_near) {
        let places = places(step, scale, ends);
        if places.is_empty() {
            break;
        }
        if places.len() <= most {
            return Some((step, places));
        }
        finer = Some((step, places));
    }
    let (step, places) = finer?;
    let every = places.len().div_ceil(most);
    Some((step, places.into_iter().step_by(every).collect()))
}

/// A step's length in seconds; of months the longest there are.
fn longest(step: Step) -> f64 {
    match step {
        Step::Share(units, unit) => units as f64 / unit as f64,
        Step::Seconds(seconds) => seconds as f64,
        Step::Months(months) => (31 * DAY * months) as f64,
    }
}

/// The round places in the range.
fn places(step: Step, scale: Scale, ends: [DateTime; 2]) -> Vec<Place> {
    let inside = |&(second, rest): &Place| (scale.low..=scale.high).contains(&place(step, second, rest));
    let multiples = |length: f64, from: f64| {
        let at = |seconds: f64| (seconds - from) / length;
        // One more on both sides: a place on an end must not be lost by rounding.
        at(scale.low).floor() as i64 - 1..=at(scale.high).ceil() as i64 + 1
    };
    match step {
        Step::Share(units, unit) => {
            let all =
                multiples(longest(step), 0.0).map(|k| ((k * units).div_euclid(unit), (k * units).rem_euclid(unit)));
            all.filter(inside).collect()
        }
        Step::Seconds(seconds) => {
            let from = if seconds % WEEK == 0 { MONDAY } else { 0 };
            multiples(seconds as f64, from as f64).map(|k| (from + k * seconds, 0)).filter(inside).collect()
        }
        Step::Months(months) => {
            let [first, last] = ends.map(|end| month(end).div_euclid(months));
            // Months that the calendar does not have lie outside of the range.
            let starts = (first..=last + 1).filter_map(|k| start_of_month(k * months));
            starts.map(|second| (second, 0)).filter(inside).collect()
        }
    }
}

fn place(step: Step, second: i64, rest: i64) -> f64 {
    match step {
        Step::Share(_, unit) => second as f64 + rest as f64 / unit as f64,
        Step::Seconds(_) | Step::Months(_) => second as f64,
    }
}

/// The time so many seconds after 1970, to the second.
fn civil(seconds: f64) -> Option<DateTime> {
    if seconds.is_nan() {
        return None;
    }
    Some(Offset::UTC.to_datetime(Timestamp::from_second(seconds.floor() as i64).ok()?))
}

/// Months since year 0.
fn month(time: DateTime) -> i64 {
    i64::from(time.year()) * 12 + i64::from(time.month()) - 1
}

/// Seconds from 1970 to the first day of a month.
fn start_of_month(month: i64) -> Option<i64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let first = Date::new(year, month.rem_euclid(12) as i8 + 1, 1).ok()?;
    Some(Offset::UTC.to_timestamp(first.to_datetime(Time::midnight())).ok()?.as_second())
}

/// What a place is called, and what that leaves out.
fn label(step: Step, second: i64, rest: i64) -> Option<(String, Option<String>)> {
    let time = civil(second as f64)?;
    let day = || Some(time.strftime("%-d %b %Y").to_string());
    Some(match step {
        Step::Share(_, unit) => {
            let digits = unit.to_string().len() - 1;
            (format!("{}.{rest:0digits$}", time.strftime("%H:%M:%S")), day())
        }
        Step::Seconds(seconds) if seconds < MINUTE => (time.strftime("%H:%M:%S").to_string(), day()),
        Step::Seconds(seconds) if seconds < DAY => (time.strftime("%H:%M").to_string(), day()),
        Step::Seconds(_) => (time.strftime("%-d %b").to_string(), Some(time.year().to_string())),
        Step::Months(months) if months < 12 => (time.strftime("%b").to_string(), Some(time.year().to_string())),
        Step::Months(_) => (time.year().to_string(), None),
    })
}

/// Times in words, as exact as all of them need it: months, days, or the time of day as well.
pub(super) fn words(times: [f64; 2]) -> Option<Vec<String>> {
    let times = times.into_iter().map(civil).collect::<Option<Vec<_>>>()?;
    let all = |is: fn(&DateTime) -> bool| times.iter().all(is);
    let pattern = if all(|time| time.day() == 1 && time.time() == Time::midnight()) {
        "%b %Y"
    } else if all(|time| time.time() == Time::midnight()) {
        "%-d %b %Y"
    } else if all(|time| time.second() == 0) {
        "%-d %b %Y %H:%M"
    } else {
        "%-d %b %Y %H:%M:%S"
    };
    Some(times.iter().map(|time| time.strftime(pattern).to_string()).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::{Scale, steps, ticks};

    fn seconds(time: &str) -> f64 {
        let time: DateTime = time.parse().unwrap();
        Offset::UTC.to_timestamp(time).unwrap().as_second() as f64
    }

    /// Labels between two times, a context after a bar.
    fn labels(from: &str, to: &str, most: usize) -> Vec<String> {
        let found = ticks(Scale { low: seconds(from), high: seconds(to) }, most).unwrap();
        let told = |tick: super::Tick| match tick.context {
            Some(context) => format!("{}|{context}", tick.label),
            None => tick.label,
        };
        found.into_iter().map(told).collect()
    }

    #[test]
    fn ticks_are_at_round_places_of_the_calendar() {
        let of = labels;
        assert_eq!(of("2024-02-27", "2024-03-03", 8), ["27 Feb|2024", "28 Feb", "29 Feb", "1 Mar", "2 Mar", "3 Mar"]);
        assert_eq!(of("2023-02-27", "2023-03-03", 8), ["27 Feb|2023", "28 Feb", "1 Mar", "2 Mar", "3 Mar"]);
        assert_eq!(of("1900-02-27", "1900-03-02", 6), ["27 Feb|1900", "28 Feb", "1 Mar", "2 Mar"]);
        assert_eq!(
            of("2023-10-15", "2024-04-20", 8),
            ["Nov|2023", "Dec", "Jan|2024", "Feb", "Mar", "Apr"],
            "months of 28 to 31 days"
        );
        assert_eq!(
            of("2022-11-30", "2024-08-01", 8),
            ["Jan|2023", "Apr", "Jul", "Oct", "Jan|2024", "Apr", "Jul"],
            "quarters"
        );
        assert_eq!(of("2016-05-01", "2024-01-01", 8), ["2017", "2018", "2019", "2020", "2021", "2022", "2023", "2024"]);
        assert_eq!(of("1724-01-01", "2024-01-01", 8), ["1750", "1800", "1850", "1900", "1950", "2000"], "300 years");
        assert_eq!(
            of("2024-12-31T17:30:00", "2025-01-01T14:00:00", 8),
            ["18:00|31 Dec 2024", "21:00", "00:00|1 Jan 2025", "03:00", "06:00", "09:00", "12:00"]
        );
        assert_eq!(of("2024-03-12T06:00:10", "2024-03-12T06:06:00", 5), ["06:02|12 Mar 2024", "06:04", "06:06"]);
        assert_eq!(
            of("2024-03-12T06:00:00", "2024-03-12T06:00:01", 3),
            ["06:00:00.0|12 Mar 2024", "06:00:00.5", "06:00:01.0"]
        );
        assert_eq!(of("2024-06-28", "2024-07-26", 5), ["1 Jul|2024", "8 Jul", "15 Jul", "22 Jul"], "Mondays");
        assert_eq!(of("1969-12-31T23:59:58", "1970-01-01T00:00:02", 5).len(), 5, "around zero");
    }

    #[test]
    fn ticks_are_where_their_labels_say() {
        let first = |from: &str, to: &str| ticks(Scale { low: seconds(from), high: seconds(to) }, 8).unwrap()[0].at;
        assert_eq!(first("2023-10-15", "2024-04-20"), seconds("2023-11-01"));
        assert_eq!(first("1895-10-15", "1911-04-20"), seconds("1896-01-01"));
        assert_eq!(first("2024-02-28T13:00:00", "2024-03-03"), seconds("2024-02-29"));
        assert_eq!(first("1969-12-31T20:10:00", "1970-01-01T02:00:00"), seconds("1969-12-31T21:00:00"));
    }

    #[test]
    fn what_the_calendar_does_not_reach_has_no_ticks() {
        assert_eq!(ticks(Scale { low: -1e13, high: 1e13 }, 8), None);
        assert_eq!(ticks(Scale { low: f64::NAN, high: 1.0 }, 8), None);
    }

    #[test]
    fn times_are_told_as_exactly_as_needed() {
        let told = |from: &str, to: &str| super::words([seconds(from), seconds(to)]).unwrap().join(" to ");
        assert_eq!(told("2024-02-01", "2025-01-01"), "Feb 2024 to Jan 2025");
        assert_eq!(told("2024-02-01", "2024-02-29"), "1 Feb 2024 to 29 Feb 2024");
        assert_eq!(told("2024-02-01T06:00:00", "2024-02-02"), "1 Feb 2024 06:00 to 2 Feb 2024 00:00");
        assert_eq!(told("2024-02-01T06:00:07", "2024-02-01T06:00:08"), "1 Feb 2024 06:00:07 to 1 Feb 2024 06:00:08");
        assert_eq!(super::words([f64::NAN, 0.0]), None);
    }

    #[test]
    fn steps_rise() {
        let lengths: Vec<f64> = steps().map(super::longest).collect();
        assert!(lengths.windows(2).all(|two| two[0] < two[1]), "{lengths:?}");
    }

    proptest! {
        #[test]
        fn ticks_rise_lie_inside_and_are_few(low in -3e11..2.4e11_f64, magnitude in -3.0..11.0_f64, most in 2_usize..10) {
            let scale = Scale { low, high: low + 10.0_f64.powf(magnitude) };
            if let Some(found) = ticks(scale, most) {
                prop_assert!((1..=most).contains(&found.len()), "{} of {most}", found.len());
                prop_assert!(found.windows(2).all(|two| two[0].at < two[1].at), "{found:?}");
                prop_assert!(found.iter().all(|tick| scale.low <= tick.at && tick.at <= scale.high), "{found:?}");
                prop_assert!(found[0].context.is_some() || found[0].label.parse::<i32>().is_ok());
            }
        }

        /// From one second to 300 years there are always ticks.
        #[test]
        fn spans_of_series_have_ticks(low in -1e10..4e9_f64, magnitude in 0.0..9.97_f64, most in 4_usize..9) {
            let found = ticks(Scale { low, high: low + 10.0_f64.powf(magnitude) }, most);
            prop_assert!(found.is_some_and(|ticks| !ticks.is_empty()));
        }
    }
}
