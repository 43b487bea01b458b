//! How a clock goes on: steps to the rows of another file, times for a plot, and what is kept of it.

use forebay_forecast::table::{Clock, ClockChoice, ClockRule, Gaps, Reading, RuleError, Step};
use jiff::Span;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

use crate::support::with;

/// How a clock is written, and what its times are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Minutes,
    Hours,
    Offset,
    /// Hours of central Europe with their difference to UTC, which changes in March and October.
    Europe,
    Days,
    Compact,
    Weeks,
    BusinessDays,
    Months,
    /// The last days of months.
    MonthEnds,
    Quarters,
    YearEnds,
    Epoch,
    Years,
    Counter,
    Simulation,
    /// Milliseconds that are off by up to a twentieth of the step.
    Jitter,
    /// One and a half seconds, cut to whole ones.
    Cut,
}

const KINDS: [Kind; 18] = [
    Kind::Minutes,
    Kind::Hours,
    Kind::Offset,
    Kind::Europe,
    Kind::Days,
    Kind::Compact,
    Kind::Weeks,
    Kind::BusinessDays,
    Kind::Months,
    Kind::MonthEnds,
    Kind::Quarters,
    Kind::YearEnds,
    Kind::Epoch,
    Kind::Years,
    Kind::Counter,
    Kind::Simulation,
    Kind::Jitter,
    Kind::Cut,
];

impl Kind {
    fn is_exact(self) -> bool {
        !matches!(self, Self::Jitter | Self::Cut)
    }

    fn time(self, row: i64) -> String {
        let after = |start: DateTime, span: Span, pattern: &str| (start + span).strftime(pattern).to_string();
        let start = date(2021, 2, 20).at(5, 0, 0, 0);
        match self {
            Self::Minutes => after(start, Span::new().minutes(15 * row), "%Y-%m-%d %H:%M"),
            Self::Hours => after(start, Span::new().hours(row), "%d.%m.%Y %H:%M"),
            Self::Offset => after(start, Span::new().hours(row), "%Y-%m-%dT%H:%M:%S-03:30"),
            Self::Europe => {
                // From row 45 on it is summer.
                let utc = date(2021, 3, 26).at(4, 0, 0, 0) + Span::new().hours(row);
                let is_summer = utc >= date(2021, 3, 28).at(1, 0, 0, 0) && utc < date(2021, 10, 31).at(1, 0, 0, 0);
                let ahead = if is_summer { 2 } else { 1 };
                after(utc, Span::new().hours(ahead), &format!("%Y-%m-%dT%H:%M:%S+0{ahead}:00"))
            }
            Self::Days => after(start, Span::new().days(row), "%Y-%m-%d"),
            Self::Compact => after(start, Span::new().days(row), "%Y%m%d"),
            Self::Weeks => after(start, Span::new().weeks(row), "%m/%d/%Y"),
            Self::BusinessDays => {
                after(date(2021, 2, 22).at(0, 0, 0, 0), Span::new().days(row / 5 * 7 + row % 5), "%Y-%m-%d")
            }
            Self::Months => after(start, Span::new().months(row), "%Y-%m"),
            Self::MonthEnds => {
                let first = date(2021, 2, 1) + Span::new().months(row);
                first.last_of_month().to_string()
            }
            Self::Quarters => {
                let first = date(2021, 1, 1) + Span::new().months(3 * row);
                format!("{}Q{}", first.year(), (first.month() + 2) / 3)
            }
            Self::YearEnds => format!("{}-12-31", 1900 + row),
            Self::Epoch => (1_700_000_000 + 900 * row).to_string(),
            Self::Years => (1700 + row).to_string(),
            Self::Counter => (100 * row).to_string(),
            Self::Simulation => format!("{:.3}", 0.125 * row as f64),
            Self::Jitter => (1_700_000_000_000 + 1000 * row + [0, 40, -30, 10][row as usize % 4]).to_string(),
            Self::Cut => after(start, Span::new().seconds(row * 3 / 2), "%Y-%m-%d %H:%M:%S"),
        }
    }

    /// The clock of these rows.
    fn clock(self, rows: std::ops::Range<i64>) -> Clock {
        let name = match self {
            Self::Years => "year",
            Self::Counter => "step",
            Self::Epoch | Self::Jitter => "unix",
            _ => "time",
        };
        clock(name, rows.map(|row| self.time(row)), &Reading { day_first: Some(false), ..Reading::default() })
    }
}

fn clock(name: &str, times: impl Iterator<Item = String>, reading: &Reading) -> Clock {
    let line = |(row, time): (usize, String)| format!("{time};{}.5\n", [3, 1, 4, 1, 5, 9, 2, 6][row % 8]);
    let text = format!("{name};v\n{}", times.enumerate().map(line).collect::<String>());
    with(&text, reading).clock.unwrap_or_else(|| panic!("no clock: {text}"))
}

fn hours(start: DateTime, count: i64, pattern: &str) -> Vec<String> {
    (0..count).map(|hour| (start + Span::new().hours(hour)).strftime(pattern).to_string()).collect()
}

/// What is written and read again.
fn kept(clock: &Clock) -> ClockRule {
    let text = serde_json::to_string(clock.rule()).expect("plain values");
    let rule: ClockRule = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(&rule, clock.rule());
    rule
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_of_a_later_file_are_counted(
        kind in prop::sample::select(KINDS.to_vec()), known in 14_i64..90, more in 3_i64..30, shift in -90_i64..200,
    ) {
        let rule = kept(&kind.clock(0..known));
        let first = (known - 1 + shift).max(0);
        let steps = first - (known - 1);
        // Of a few rows nobody can tell that they were cut.
        let more = if kind == Kind::Cut { more + 12 } else { more };
        let other = kind.clock(first..first + more);
        match rule.steps_to(&other) {
            Ok(found) => prop_assert_eq!(found, steps, "{:?} {:?}", kind, rule),
            Err(RuleError::TooFar { .. }) => prop_assert!(!kind.is_exact() && steps.abs() > known / 20, "{steps} of {known}, {rule:?}"),
            Err(error) => return Err(TestCaseError::fail(format!("{kind:?}, {steps} steps from {known}: {error}"))),
        }
        if kind.is_exact() && kind != Kind::Europe {
            prop_assert_eq!(rule.label(steps), Some(kind.time(first)), "{:?}", rule);
            prop_assert_eq!(rule.seconds(steps), other.seconds(0));
            prop_assert_eq!((rule.number(steps), rule.fields(steps)), (other.number(0), other.fields(0)));
        }
    }

    #[test]
    fn a_damaged_rule_is_refused_or_harmless(
        kind in prop::sample::select(KINDS.to_vec()),
        place in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["0", "-1", "9", "99999999999999999999", "1e308", "null", "\"\"", "{}", "[", "x", "e5", "."]),
        ahead in prop::sample::select(vec![i64::MIN, -1_000_000_000_000, -1, 0, 1, 40_000_000, i64::MAX]),
    ) {
        let clock = kind.clock(0..20);
        let mut text = serde_json::to_string(clock.rule()).expect("plain values");
        let at = place.index(text.len());
        text.replace_range(at..=at, with);
        if let Ok(rule) = serde_json::from_str::<ClockRule>(&text) {
            let _ = (rule.label(ahead), rule.seconds(ahead), rule.number(ahead), rule.fields(ahead), rule.span());
            let _ = (rule.steps_to(&clock), rule.step_words());
        }
    }
}

/// Times of rows to come would have counted from 1970 in UTC, whatever the file's zone.
#[test]
fn seconds_are_those_on_the_wall() {
    let of = |kind: Kind| kind.clock(0..20);
    let start = 1_613_797_200.0; // 2021-02-20T05:00
    assert_eq!((of(Kind::Hours).seconds(0), of(Kind::Offset).seconds(21)), (Some(start), Some(start + 21.0 * 3600.0)));
    assert_eq!(of(Kind::Years).seconds(0), Some(-8_520_336_000.0)); // 1700-01-01
    assert_eq!((of(Kind::Simulation).seconds(1), of(Kind::Simulation).number(40)), (None, Some(5.0)));
    let fields = of(Kind::Hours).fields(24 + 2).expect("a time");
    assert_eq!((fields.year, fields.month, fields.day, fields.hour), (2021, 2, 21, 7));
    assert_eq!((fields.weekday, fields.day_of_year, fields.days_in_year, fields.minute), (6, 52, 365, 0));
    assert_eq!(of(Kind::Hours).rule().seconds(-19), Some(start));
    assert_eq!(of(Kind::MonthEnds).rule().step(), Step::Months(1));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let known = Kind::Hours.clock(0..40);
    let rule = known.rule();
    let error = |rule: &ClockRule, other: &Clock| {
        let error = rule.steps_to(other).expect_err("no whole number of steps");
        assert_eq!(error.to_string().lines().count(), 1);
        error
    };
    let plain = Reading::default();
    let of = |times: Vec<String>| clock("time", times.into_iter(), &plain);
    let half = hours(date(2021, 3, 1).at(0, 30, 0, 0), 9, "%Y-%m-%d %H:%M");
    assert!(matches!(error(rule, &of(half)), RuleError::OffGrid { .. }));
    assert!(matches!(error(rule, &Kind::Days.clock(30..50)), RuleError::Step { .. }));
    assert!(matches!(error(rule, &Kind::Minutes.clock(400..440)), RuleError::Step { .. }));
    assert!(matches!(error(rule, &Kind::Counter.clock(0..9)), RuleError::Kind { .. }));
    assert!(matches!(error(rule, &Kind::Offset.clock(50..60)), RuleError::Zone { .. }));
    let weekdays = Kind::BusinessDays.clock(0..20);
    assert!(matches!(error(weekdays.rule(), &Kind::Days.clock(100..120)), RuleError::Step { .. }));
    assert!(matches!(error(weekdays.rule(), &Kind::Days.clock(98..120)), RuleError::OffGrid { .. }));
    assert!(matches!(
        error(Kind::MonthEnds.clock(0..20).rule(), &Kind::Months.clock(20..40)),
        RuleError::OffGrid { .. }
    ));
    let ignored = Reading { gaps: Gaps::Ignore, clock: ClockChoice::Column("time".into()), ..Reading::default() };
    let uneven = clock("time", [0, 5, 6, 19, 20, 33].map(|t: i32| t.to_string()).into_iter(), &ignored);
    assert!(matches!(error(uneven.rule(), &Kind::Counter.clock(0..9)), RuleError::Uneven { .. }));
    let day_times = |from: i32| clock("x", (from..from + 9).map(|hour| format!("{:02}:30", hour % 24)), &plain);
    assert!(matches!(error(day_times(4).rule(), &day_times(13)), RuleError::NoDate { .. }));
}

/// Local time whose clocks were changed once may have been changed again before the next file.
#[test]
fn local_time_is_counted_while_it_is_even() {
    let spring = hours(date(2024, 3, 30).at(20, 0, 0, 0), 6, "%Y-%m-%d %H:%M").into_iter();
    let spring = spring.chain(hours(date(2024, 3, 31).at(3, 0, 0, 0), 30, "%Y-%m-%d %H:%M"));
    let local = clock("time", spring, &Reading { gaps: Gaps::Ignore, ..Reading::default() });
    let later = |month, day| {
        clock(
            "time",
            hours(date(2024, month, day).at(9, 0, 0, 0), 9, "%Y-%m-%d %H:%M").into_iter(),
            &Reading::default(),
        )
    };
    assert_eq!(local.rule().steps_to(&later(4, 3)), Ok(49));
    assert!(matches!(local.rule().steps_to(&later(11, 20)), Err(RuleError::DaylightSaving { .. })));
}

/// Ends of months went on by the day of the last row: 29 February to 29 March, in files with a gap behind it.
#[test]
fn ends_of_months_stay_ends_over_a_gap() {
    let times = [0, 1, 2, 4, 5, 6].map(|month| Kind::MonthEnds.time(month));
    let marked = clock("time", times.into_iter(), &Reading { gaps: Gaps::Mark, ..Reading::default() });
    assert_eq!(marked.label(3), Some(Kind::MonthEnds.time(3)));
    let short = clock("time", ["2021-04-30", "2021-06-30"].map(str::to_owned).into_iter(), &Reading::default());
    assert_eq!(short.label(2).as_deref(), Some("2021-08-31"));
}

#[test]
fn a_rule_of_another_version_or_of_two_minds_is_refused() {
    let text = serde_json::to_string(Kind::Hours.clock(0..20).rule()).expect("plain values");
    for (from, to, told) in [
        ("\"version\":1", "\"version\":2", "version 2"),
        ("\"rows\":20", "\"rows\":1", "fewer than two rows"),
        ("{\"seconds\":3600.0}", "{\"numbers\":1.0}", "a step that does not fit"),
        ("{\"seconds\":3600.0}", "{\"seconds\":0.0}", "a step that does not fit"),
        ("\"day\":21", "\"day\":0", "a day that no month has"),
        ("%d.%m.%Y", "%c", "dates written as \"%c\""),
        ("%H:%M", "%s", "times of day written as \"%s\""),
        ("\"fraction\":0", "\"fraction\":99", "99 decimals"),
        ("\"nanoseconds\":0", "\"nanoseconds\":1000000000", "no time of a calendar"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let error = serde_json::from_str::<ClockRule>(&text.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains(told), "{error}");
    }
}
