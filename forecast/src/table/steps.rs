//! The step of a clock, and where it does not keep it.

use jiff::civil::{Date, Weekday};

use serde::{Deserialize, Serialize};

use super::instant::{DAY, SECOND, Tick, civil, nanoseconds};

/// The time between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// So many seconds, whatever the calendar says: hours, days and weeks too.
    Seconds(f64),
    /// So many days from Monday to Friday; other days are none.
    BusinessDays(i64),
    /// So many months: 3 for quarters, 12 for years.
    Months(i64),
    /// So much of a number that counts rows, years, or times of a simulation.
    Numbers(f64),
    /// None that holds.
    Uneven,
}

/// The times of rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ticks {
    /// Nanoseconds since 1970.
    Calendar(Vec<i128>),
    /// Numbers, with so many decimals at most.
    Numbers(Vec<f64>, usize),
}

impl Ticks {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Calendar(ticks) => ticks.len(),
            Self::Numbers(ticks, _) => ticks.len(),
        }
    }

    /// The time of a row.
    pub(super) fn at(&self, row: usize) -> Tick {
        match self {
            Self::Calendar(ticks) => Tick::Calendar(ticks[row]),
            Self::Numbers(ticks, _) => Tick::Number(ticks[row]),
        }
    }

    /// The rows in this order.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Calendar(ticks) => Self::Calendar(rows.iter().map(|&row| ticks[row]).collect()),
            Self::Numbers(ticks, decimals) => Self::Numbers(rows.iter().map(|&row| ticks[row]).collect(), *decimals),
        }
    }

    /// Which of two rows is later.
    pub(super) fn compare(&self, a: usize, b: usize) -> std::cmp::Ordering {
        match self {
            Self::Calendar(ticks) => ticks[a].cmp(&ticks[b]),
            // -0 is 0 here.
            Self::Numbers(ticks, _) => (ticks[a] + 0.0).total_cmp(&(ticks[b] + 0.0)),
        }
    }

    /// From each row to the next, in seconds or in the unit of the numbers.
    pub(super) fn differences(&self) -> Vec<f64> {
        match self {
            Self::Calendar(ticks) => ticks.windows(2).map(|w| (w[1] - w[0]) as f64 / SECOND as f64).collect(),
            Self::Numbers(ticks, _) => ticks.windows(2).map(|w| w[1] - w[0]).collect(),
        }
    }

    /// The unit that times are written in, at most: a common divisor of all steps, or the last decimal.
    fn unit(&self) -> f64 {
        match self {
            Self::Calendar(ticks) => {
                let divisor = ticks.windows(2).map(|w| (w[1] - w[0]).unsigned_abs()).fold(0, divisor);
                divisor as f64 / SECOND as f64
            }
            Self::Numbers(_, decimals) => (0..*decimals).fold(1.0, |unit, _| unit / 10.0),
        }
    }
}

fn divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A step and how many of them lie between a row and the next, none if it does not hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rhythm {
    pub(super) step: Step,
    pub(super) counts: Option<Vec<u64>>,
    /// Whether times are that of an even clock that was rounded to a coarser unit.
    pub(super) is_rounded: bool,
}

/// A clock may be off by this share of its step.
const JITTER: f64 = 0.1;

/// Times are cut to seconds or minutes, in seconds. Dates are not cut: Mondays, Wednesdays and Fridays are no step of two days and eight hours.
const COARSEST: f64 = 60.0;

/// The step of times that rise strictly, at least two of them.
pub(super) fn rhythm(ticks: &Ticks) -> Rhythm {
    let differences = ticks.differences();
    let median = median(&differences);
    if let Ticks::Calendar(ticks) = ticks {
        let by_calendar = if median >= 27.0 * 86_400.0 { months(ticks) } else { business_days(ticks, median) };
        if let Some((step, counts)) = by_calendar {
            return Rhythm { step, counts: Some(counts), is_rounded: false };
        }
    }
    let step = |step: f64| match ticks {
        Ticks::Calendar(_) => Step::Seconds(step),
        Ticks::Numbers(..) => Step::Numbers(step),
    };
    let unit = ticks.unit();
    let are_dates = matches!(ticks, Ticks::Calendar(_)) && unit >= 86_400.0;
    if (matches!(ticks, Ticks::Numbers(..)) || unit <= COARSEST)
        && let Some(mean) = rounded(&differences, unit)
    {
        return Rhythm { step: step(mean), counts: Some(vec![1; differences.len()]), is_rounded: true };
    }
    let usual = if are_dates { median } else { usual(&differences, median) };
    let jitter = if are_dates { 1e-9 } else { JITTER };
    let count = |difference: &f64| {
        let (steps, whole) = (difference / usual, (difference / usual).round());
        ((steps - whole).abs() <= jitter && (1.0..9e15).contains(&whole)).then_some(whole as u64)
    };
    let counts: Option<Vec<u64>> = differences.iter().map(count).collect();
    Rhythm { step: if counts.is_some() { step(usual) } else { Step::Uneven }, counts, is_rounded: false }
}

/// The mean of the steps that are about the median; that one itself, without the noise of its last bits, where they are all the same.
fn usual(differences: &[f64], median: f64) -> f64 {
    let near: Vec<f64> = differences.iter().copied().filter(|d| (d / median - 1.0).abs() < 0.25).collect();
    if near.iter().all(|d| (d / median - 1.0).abs() < 1e-6) {
        return plain(median).parse().unwrap_or(median);
    }
    // From the first, as a plain sum far from zero would lose digits.
    median + near.iter().map(|d| d - median).sum::<f64>() / near.len().max(1) as f64
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().max(1) - 1) / 2).copied().unwrap_or(0.0)
}

/// The step of a clock that was even before it was rounded to a unit: steps are of two lengths a unit apart, both often, and no
/// time is off by more than the unit. A row that is missing here or there makes no such pattern.
fn rounded(differences: &[f64], unit: f64) -> Option<f64> {
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let short = (mean / unit + 1e-9).floor();
    if !(1.0..1e9).contains(&short) {
        return None;
    }
    let is = |difference: &f64, steps: f64| (difference / unit - steps).abs() < 1e-3;
    let (of_short, of_long) = (
        differences.iter().filter(|d| is(d, short)).count(),
        differences.iter().filter(|d| is(d, short + 1.0)).count(),
    );
    let often = 5.max(differences.len() / 10);
    if of_short + of_long < differences.len() || of_short < often || of_long < often {
        return None;
    }
    let mut off = 0.0_f64;
    let is_near = differences.iter().all(|difference| {
        off += difference - mean;
        off.abs() <= 1.01 * unit
    });
    is_near.then_some(mean)
}

/// Months between dates of the same day of the month and time of day, or of the last days of months.
fn months(ticks: &[i128]) -> Option<(Step, Vec<u64>)> {
    let times = ticks.iter().map(|&tick| civil(tick)).collect::<Option<Vec<_>>>()?;
    let day = times.iter().map(|time| time.day()).max()?;
    let is_regular = |time: &jiff::civil::DateTime| {
        time.day() == day.min(time.date().days_in_month()) && time.time() == times[0].time()
    };
    if !times.iter().all(is_regular) {
        return None;
    }
    let months: Vec<i64> = times.iter().map(|time| i64::from(time.year()) * 12 + i64::from(time.month())).collect();
    let steps: Vec<i64> = months.windows(2).map(|w| w[1] - w[0]).collect();
    let mut sorted = steps.clone();
    sorted.sort_unstable();
    let step = sorted[(sorted.len() - 1) / 2];
    let counts = steps.iter().map(|&s| (step > 0 && s > 0 && s % step == 0).then(|| (s / step) as u64));
    Some((Step::Months(step), counts.collect::<Option<Vec<_>>>()?))
}

/// The day of the month that dates keep to; 31 where all are last days of months, as later ones are then, too. Those of a year tell it.
pub(super) fn month_day(ticks: &[i128]) -> i8 {
    let dates = || ticks.iter().rev().take(12).filter_map(|&tick| Some(civil(tick)?.date()));
    if dates().all(|date| date.day() == date.days_in_month()) { 31 } else { dates().map(Date::day).max().unwrap_or(1) }
}

/// Number of days from Monday to Friday before a date, since 1969-12-29.
pub(super) fn business_day(date: Date) -> Option<i64> {
    let monday = i64::from(date.weekday().to_monday_zero_offset());
    let days = i64::try_from(nanoseconds(date.to_datetime(jiff::civil::Time::midnight()))? / DAY).ok()?;
    (monday < 5).then(|| (days - monday + 3).div_euclid(7) * 5 + monday)
}

/// Days without Saturdays and Sundays, over one weekend at least.
fn business_days(ticks: &[i128], median: f64) -> Option<(Step, Vec<u64>)> {
    if median != 86_400.0 {
        return None;
    }
    let times = ticks.iter().map(|&tick| civil(tick)).collect::<Option<Vec<_>>>()?;
    let is_weekend = times.windows(2).any(|w| w[0].weekday() == Weekday::Friday && w[1].weekday() == Weekday::Monday);
    let is_same = times.iter().all(|time| time.time() == times[0].time());
    if !is_weekend || !is_same {
        return None;
    }
    let days = times.iter().map(|time| business_day(time.date())).collect::<Option<Vec<i64>>>()?;
    Some((Step::BusinessDays(1), days.windows(2).map(|w| (w[1] - w[0]) as u64).collect()))
}

impl Step {
    /// The time so many steps after a tick of a calendar.
    pub(super) fn after(self, tick: i128, day: i8, steps: i64) -> Option<i128> {
        match self {
            Self::Seconds(seconds) => tick
                .checked_add((seconds * SECOND as f64 * steps as f64).round() as i128)
                .filter(|tick| civil(*tick).is_some()),
            Self::Months(months) => {
                let time = civil(tick)?;
                let month = i64::from(time.year()) * 12 + i64::from(time.month()) - 1;
                let month = month.checked_add(months.checked_mul(steps)?)?;
                let year = i16::try_from(month.div_euclid(12)).ok()?;
                let first = Date::new(year, month.rem_euclid(12) as i8 + 1, 1).ok()?;
                let date = first.with().day(day.min(first.days_in_month())).build().ok()?;
                nanoseconds(date.to_datetime(time.time()))
            }
            Self::BusinessDays(days) => {
                let time = civil(tick)?;
                let place = business_day(time.date())?.checked_add(days.checked_mul(steps)?)?;
                let days = i128::from(place.div_euclid(5)) * 7 + i128::from(place.rem_euclid(5)) - 3;
                Some(days * DAY + tick.rem_euclid(DAY)).filter(|tick| civil(*tick).is_some())
            }
            Self::Numbers(_) | Self::Uneven => None,
        }
    }

    /// The step in words: `hour`, `15 minutes`, `business day`.
    pub(super) fn words(self) -> String {
        let many = |count: f64, unit: &str| {
            if count == 1.0 { unit.to_owned() } else { format!("{} {unit}s", plain(count)) }
        };
        match self {
            Self::Seconds(seconds) => {
                let units = [(604_800.0, "week"), (86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")];
                let whole = units.iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0.0);
                whole.map_or_else(|| many(seconds, "second"), |(unit, name)| many(seconds / unit, name))
            }
            Self::BusinessDays(days) => many(days as f64, "business day (Monday to Friday)"),
            Self::Months(months) if months % 12 == 0 => many((months / 12) as f64, "year"),
            Self::Months(months) if months % 3 == 0 => many((months / 3) as f64, "quarter"),
            Self::Months(months) => many(months as f64, "month"),
            Self::Numbers(step) => plain(step),
            Self::Uneven => "uneven steps".to_owned(),
        }
    }
}

/// A number without the noise of its last bits.
pub(super) fn plain(value: f64) -> String {
    let short = format!("{value:.6}").parse().unwrap_or(value);
    let is_same = (short - value).abs() <= 1e-9 * value.abs();
    if is_same {
        format!("{short}")
    } else {
        format!("{value:.6e}").parse().map_or(String::new(), |v: f64| v.to_string())
    }
}

/// Rows after which local time leaves an hour out, and at which it has one twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Daylight {
    pub(super) springs: Vec<usize>,
    pub(super) autumns: Vec<usize>,
}

/// Whether all that is uneven in times without offset is daylight saving: an hour that is missing in spring, one that is there
/// twice in autumn, on Sundays before 5 o'clock, in turns. Rows are given by the place of the later one.
pub(super) fn daylight(ticks: &[i128]) -> Option<Daylight> {
    const HOUR: i128 = 3600 * SECOND;
    let steps: Vec<f64> = ticks.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let step = median(&steps) as i128;
    if step <= 0 || HOUR % step != 0 {
        return None;
    }
    let mut found = Daylight::default();
    // Summer time lasts 35 weeks at most, and the rest of the year no longer.
    let (mut last, longest) = (None, 35 * 7 * DAY);
    let mut since = ticks[0];
    for row in 1..ticks.len() {
        let difference = ticks[row] - ticks[row - 1];
        let is_spring = difference == step + HOUR;
        if difference == step {
            continue;
        }
        let time = civil(ticks[row])?;
        let is_sunday = time.weekday() == Weekday::Sunday && time.hour() < 5 && matches!(time.month(), 3 | 4 | 9..=11);
        if !is_sunday
            || (!is_spring && difference != step - HOUR)
            || last == Some(is_spring)
            || ticks[row] - since > longest
        {
            return None;
        }
        if is_spring {
            found.springs.push(row);
        } else {
            found.autumns.push(row);
        }
        (last, since) = (Some(is_spring), ticks[row]);
    }
    (last.is_some() && ticks[ticks.len() - 1] - since <= longest).then_some(found)
}
