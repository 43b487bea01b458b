//! Times as people and programs write them: dates, times of day, offsets, months, quarters.

use std::borrow::Cow;

use jiff::civil::{Date, ISOWeekDate, Time, Weekday};
use jiff::fmt::strtime::BrokenDownTime;

use super::format::{Format, NO_DATE, QUARTER, QUARTER_FIRST, TIMES, WEEK, offset, patterns, short, short_hour};
use super::instant::{SECOND, nanoseconds};

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    /// Nanoseconds since 1970 of its own time zone.
    local: i128,
    /// Seconds that its time zone is ahead of UTC.
    offset: Option<i32>,
}

/// A cell cut into its parts.
#[derive(Clone, Copy, Debug)]
struct Parts<'c> {
    date: &'c str,
    between: &'c str,
    time: &'c str,
    suffix: &'c str,
}

/// Where date, time of day and offset stand in a cell.
fn parts(cell: &str) -> Parts<'_> {
    let digit = |place: usize| cell.as_bytes().get(place).is_some_and(u8::is_ascii_digit);
    let compact = || cell.match_indices('T').map(|(at, _)| at).find(|&at| at > 0 && digit(at - 1) && digit(at + 1));
    let cut = match cell.find(':') {
        Some(colon) => cell[..colon].rfind([' ', 'T', 't']).map(|at| (at, at + 1)).or(Some((0, 0))),
        None => compact().map(|at| (at, at + 1)),
    };
    let Some((end, start)) = cut else { return Parts { date: cell, between: "", time: "", suffix: "" } };
    let rest = &cell[start..];
    let zones = ["Z", "z", " UTC", " GMT", "UTC"];
    let at = match zones.iter().find(|zone| rest.ends_with(*zone)) {
        Some(zone) => rest.len() - zone.len(),
        None => rest.rfind(['+', '-']).unwrap_or(rest.len()),
    };
    let time = rest[..at].trim_end();
    Parts { date: cell[..end].trim_end(), between: &cell[end..start], time, suffix: &rest[time.len()..] }
}

fn date(pattern: &str, text: &str) -> Option<Date> {
    let digits =
        |text: &str| text.parse::<i16>().ok().filter(|_| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()));
    let quarter = |text: &str| matches!(text, "1" | "2" | "3" | "4").then(|| text.parse::<i8>().unwrap_or(1) * 3 - 2);
    if pattern == QUARTER {
        let (year, number) = text.split_once(['Q', 'q'])?;
        return Date::new(digits(year.trim_end_matches(['-', ' ']))?, quarter(number)?, 1).ok();
    }
    if pattern == QUARTER_FIRST {
        let rest = text.strip_prefix(['Q', 'q'])?;
        let (number, year) = (rest.get(..1)?, rest.get(1..)?);
        return Date::new(digits(year.trim_start_matches(['-', ' ', '/']))?, quarter(number)?, 1).ok();
    }
    if pattern == WEEK {
        let (year, week) = text.split_once("-W").or_else(|| text.split_once('W'))?;
        let week = week.parse::<i8>().ok().filter(|_| week.len() == 2)?;
        return Some(ISOWeekDate::new(digits(year)?, week, Weekday::Monday).ok()?.date());
    }
    let parsed = BrokenDownTime::parse(pattern, text).ok()?;
    let year = parsed.year().filter(|year| *year >= 1000)?;
    // 8 digits of a compact date and no others.
    if pattern == "%Y%m%d" && text.len() != 8 {
        return None;
    }
    Date::new(year, parsed.month()?, parsed.day().unwrap_or(1)).ok()
}

/// The time of day and the pattern it is written in, by its place.
fn time(text: &str) -> Option<(Time, usize)> {
    let text: Cow<'_, str> = if text.contains(',') { text.replace(',', ".").into() } else { text.into() };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text.as_ref(), None),
    };
    let nanoseconds = match fraction {
        Some(digits) if !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<9}").parse::<i32>().ok()?
        }
        Some(_) => return None,
        None => 0,
    };
    let place = TIMES.iter().position(|pattern| {
        let width = match *pattern {
            "%H%M%S" => Some(6),
            "%H%M" => Some(4),
            "%H" => Some(2),
            _ => None,
        };
        width.is_none_or(|width| whole.len() == width) && Time::strptime(pattern, whole).is_ok()
    })?;
    let time = Time::strptime(TIMES[place], whole).ok()?;
    Some((time.with().subsec_nanosecond(nanoseconds).build().ok()?, place))
}

fn moment(pattern: &str, cell: &str) -> Option<Moment> {
    let parts = parts(cell);
    let day = if pattern == NO_DATE {
        if !parts.date.is_empty() || parts.time.is_empty() {
            return None;
        }
        Date::new(1970, 1, 1).ok()?
    } else {
        date(pattern, parts.date)?
    };
    let time = if parts.time.is_empty() { Time::midnight() } else { time(parts.time)?.0 };
    let offset = offset(parts.suffix).ok()?;
    Some(Moment { local: nanoseconds(day.to_datetime(time))?, offset })
}

/// Whether a cell is a time in some way of writing.
pub(super) fn is_time(cell: &str) -> bool {
    cell.bytes().any(|b| b.is_ascii_digit()) && patterns(None).any(|pattern| moment(pattern, cell).is_some())
}

/// A column of times.
#[derive(Clone, Debug)]
pub(super) struct Times {
    /// Nanoseconds since 1970 by row: of UTC where offsets differ, else of the zone it is written in; none for missing cells.
    pub(super) ticks: Vec<Option<i128>>,
    pub(super) format: Format,
}

/// What a column of cells that are no numbers is.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Times(Times),
    /// Times, but day and month may be either, as in this row.
    DayFirst(usize),
    /// Times but for this row and few others; the other row is one.
    Bad(usize, usize),
    /// Something else.
    Other,
}

/// Cells that do not fit a way of writing, the first one, that way, and what it makes of the cells.
type Attempt = (usize, Option<usize>, &'static str, Vec<Option<Moment>>);

/// Cells that a way of writing is told from.
const SAMPLE: usize = 60;

/// Reads a column; missing cells are none.
pub(super) fn column<'c>(cells: &[Option<&'c str>], day_first: Option<bool>) -> Told {
    let there: Vec<(usize, &'c str)> =
        cells.iter().enumerate().filter_map(|(row, cell)| Some((row, (*cell)?))).collect();
    let sample = &there[..there.len().min(SAMPLE)];
    let fits = |pattern: &&'static str| {
        let fit = sample.iter().filter(|(_, cell)| moment(pattern, cell).is_some()).count();
        fit > 0 && 5 * fit >= 4 * sample.len()
    };
    let mut viable: Vec<&'static str> = patterns(day_first).filter(fits).collect();
    let is_against = viable.is_empty() && day_first.is_some();
    if is_against {
        viable = patterns(None).filter(fits).collect();
    }
    let mut read: Vec<Attempt> = Vec::new();
    for pattern in viable {
        let moments: Vec<Option<Moment>> =
            cells.iter().map(|cell| cell.and_then(|cell| moment(pattern, cell))).collect();
        let has_offset = moments.iter().flatten().next().is_some_and(|moment| moment.offset.is_some());
        let is_bad = |row: usize| moments[row].is_none_or(|moment| moment.offset.is_some() != has_offset);
        let bad = || there.iter().map(|(row, _)| *row).filter(|row| is_bad(*row));
        read.push((bad().count(), bad().next(), pattern, moments));
    }
    let Some(least) = read.iter().map(|read| read.0).min() else { return Told::Other };
    read.retain(|read| read.0 == least);
    let good = |moments: &[Option<Moment>]| moments.iter().position(Option::is_some).unwrap_or(0);
    if is_against {
        return Told::Bad(there[0].0, there[0].0);
    }
    if least > 0 {
        let (_, bad, _, moments) = &read[0];
        return if 5 * least <= there.len() { Told::Bad(bad.unwrap_or(0), good(moments)) } else { Told::Other };
    }
    if let Some(other) = read.get(1).filter(|other| other.3 != read[0].3) {
        let differs = (0..cells.len()).find(|&row| other.3[row] != read[0].3[row]);
        return Told::DayFirst(differs.unwrap_or(0));
    }
    let (_, _, pattern, moments) = read.swap_remove(0);
    let format = format(pattern, &there, &moments);
    let differ =
        moments.iter().flatten().any(|moment| moment.offset != moments.iter().flatten().next().and_then(|m| m.offset));
    let tick = |moment: Moment| moment.local - if differ { i128::from(moment.offset.unwrap_or(0)) * SECOND } else { 0 };
    let ticks = moments.into_iter().map(|moment| moment.map(tick)).collect();
    let format = if differ { Format { suffix: "Z".into(), ..format } } else { format };
    Told::Times(Times { ticks, format })
}

/// The way of writing that has all that these cells have.
fn format(pattern: &'static str, cells: &[(usize, &str)], moments: &[Option<Moment>]) -> Format {
    let mut format =
        Format { date: pattern, time: String::new(), fraction: 0, between: " ".into(), suffix: String::new() };
    let (mut finest, mut is_short_date, mut is_short_hour) = (None, false, false);
    let is_short = |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 1);
    for (row, cell) in cells {
        let parts = parts(cell);
        is_short_date |= is_short(parts.date);
        if !parts.time.is_empty() && moments[*row].is_some() {
            // The order of the patterns is from fine to coarse.
            let place = time(parts.time).map(|(_, place)| place);
            finest = finest.min(place).or(finest).or(place);
            is_short_hour |= parts.time.find(':') == Some(1);
            let digits = parts.time.split_once(['.', ',']).map_or(0, |(_, fraction)| fraction.len());
            format.fraction = format.fraction.max(digits);
            if !parts.between.is_empty() {
                parts.between.clone_into(&mut format.between);
            }
            parts.suffix.clone_into(&mut format.suffix);
        }
    }
    if let Some(place) = finest {
        format.time = if is_short_hour { short_hour(TIMES[place]) } else { TIMES[place].into() };
    }
    if is_short_date {
        format.date = short(pattern);
    }
    format
}
