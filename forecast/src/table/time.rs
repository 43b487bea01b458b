//! Times as people and programs write them: dates, times of day, offsets, months, quarters.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::Offset;

/// Nanoseconds of a second.
pub(super) const SECOND: i128 = 1_000_000_000;

/// Nanoseconds of a day.
pub(super) const DAY: i128 = 86_400 * SECOND;

/// Which of day and month stands first, where both are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Plain,
    DayFirst,
    MonthFirst,
}

/// Ways to write a date.
const DATES: [(&str, Order); 26] = [
    ("%Y-%m-%d", Order::Plain),
    ("%Y/%m/%d", Order::Plain),
    ("%Y.%m.%d", Order::Plain),
    ("%d.%m.%Y", Order::Plain),
    ("%d.%m.%y", Order::Plain),
    ("%d/%m/%Y", Order::DayFirst),
    ("%m/%d/%Y", Order::MonthFirst),
    ("%d/%m/%y", Order::DayFirst),
    ("%m/%d/%y", Order::MonthFirst),
    ("%d-%m-%Y", Order::DayFirst),
    ("%m-%d-%Y", Order::MonthFirst),
    ("%d-%b-%Y", Order::Plain),
    ("%d %b %Y", Order::Plain),
    ("%d %B %Y", Order::Plain),
    ("%b %d, %Y", Order::Plain),
    ("%B %d, %Y", Order::Plain),
    ("%d-%b-%y", Order::Plain),
    ("%Y%m%d", Order::Plain),
    ("%Y-%m", Order::Plain),
    ("%Y/%m", Order::Plain),
    ("%m/%Y", Order::Plain),
    ("%b %Y", Order::Plain),
    ("%b-%Y", Order::Plain),
    (QUARTER, Order::Plain),
    (QUARTER_FIRST, Order::Plain),
    (WEEK, Order::Plain),
];

/// `2020Q1`, `2020-Q1`
const QUARTER: &str = "%YQ%q";
/// `Q1 2020`
const QUARTER_FIRST: &str = "Q%q %Y";
/// `2020-W05`
const WEEK: &str = "%G-W%V";
/// A time of day alone.
const NO_DATE: &str = "";

/// Ways to write a time of day; fractions of seconds are looked after apart.
const TIMES: [&str; 7] = ["%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H%M%S", "%H%M", "%H"];

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

/// Text that is no difference to UTC.
struct NoOffset;

/// Seconds ahead of UTC, if they are written: `Z`, `+01:00`, `-0500`, `+01`.
fn offset(suffix: &str) -> Result<Option<i32>, NoOffset> {
    let suffix = suffix.trim();
    if suffix.is_empty() {
        return Ok(None);
    }
    if ["Z", "z", "UTC", "GMT"].contains(&suffix) {
        return Ok(Some(0));
    }
    let sign = if suffix.starts_with('-') { -1 } else { 1 };
    let digits: String = suffix.chars().skip(1).filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return Err(NoOffset);
    }
    let number = |text: &str| if text.is_empty() { Ok(0) } else { text.parse::<i32>().map_err(|_| NoOffset) };
    let (hours, minutes) = (number(&digits[..2])?, number(&digits[2..])?);
    if hours > 15 || minutes > 59 { Err(NoOffset) } else { Ok(Some(sign * (hours * 3600 + minutes * 60))) }
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

/// Nanoseconds since 1970, as if the time were UTC.
pub(super) fn nanoseconds(time: DateTime) -> Option<i128> {
    Some(Offset::UTC.to_timestamp(time).ok()?.as_nanosecond())
}

/// The other way.
pub(super) fn civil(nanoseconds: i128) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(jiff::Timestamp::from_nanosecond(nanoseconds).ok()?))
}

/// Whether a cell is a time in some way of writing.
pub(super) fn is_time(cell: &str) -> bool {
    cell.bytes().any(|b| b.is_ascii_digit()) && patterns(None).any(|pattern| moment(pattern, cell).is_some())
}

/// All ways to write a date, of those with days and months as numbers only these.
fn patterns(day_first: Option<bool>) -> impl Iterator<Item = &'static str> {
    let unwanted = match day_first {
        Some(true) => Order::MonthFirst,
        Some(false) => Order::DayFirst,
        None => return DATES.map(|(pattern, _)| pattern).into_iter().chain([NO_DATE]).collect::<Vec<_>>().into_iter(),
    };
    let wanted = DATES.into_iter().filter(|(_, order)| *order != unwanted).map(|(pattern, _)| pattern);
    wanted.chain([NO_DATE]).collect::<Vec<_>>().into_iter()
}

/// How the times of a column are written, for times that go on from them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Format {
    date: &'static str,
    /// Pattern of the time of day, with digits of fractions of seconds; empty for dates alone.
    time: String,
    fraction: usize,
    between: String,
    suffix: String,
}

impl Format {
    /// A date as ISO 8601 has it, with hours if wanted.
    pub(super) fn iso(has_time: bool) -> Self {
        let time = if has_time { "%H:%M" } else { "" };
        Self { date: "%Y-%m-%d", time: time.into(), fraction: 0, between: " ".into(), suffix: String::new() }
    }

    /// Whether a time of day alone is written, which starts anew every day.
    pub(super) fn is_time_of_day(&self) -> bool {
        self.date == NO_DATE
    }

    /// Whether dates are written without a time of day.
    pub(super) fn is_date(&self) -> bool {
        self.time.is_empty()
    }

    /// Whether the difference to UTC is written.
    pub(super) fn has_offset(&self) -> bool {
        !self.suffix.is_empty()
    }

    /// Whether the order of the date says that decimals have a comma: countries that write `31.12.2024` have one.
    pub(super) fn suggests_comma(&self) -> bool {
        self.date.starts_with("%d.%m") || self.date.starts_with("%-d.%-m")
    }

    /// A time of day in another column is added to this date.
    pub(super) fn with_time(&self, other: &Self) -> Self {
        let time = other.time.clone();
        Self { time, fraction: other.fraction, between: " ".into(), suffix: other.suffix.clone(), date: self.date }
    }

    /// The text of a time.
    pub(super) fn write(&self, nanoseconds: i128) -> Option<String> {
        let time = civil(nanoseconds)?;
        let mut text = match self.date {
            QUARTER => format!("{}Q{}", time.year(), (time.month() + 2) / 3),
            QUARTER_FIRST => format!("Q{} {}", (time.month() + 2) / 3, time.year()),
            pattern => strtime::format(pattern, time).ok()?,
        };
        if !self.time.is_empty() {
            text += if self.is_time_of_day() { "" } else { &self.between };
            text += &strtime::format(&self.time, time).ok()?;
            if self.fraction > 0 {
                let digits = format!("{:09}", time.subsec_nanosecond());
                text += &format!(".{}", &digits[..self.fraction]);
            }
            text += &self.suffix;
        }
        Some(text)
    }
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
        format.time =
            if is_short_hour { TIMES[place].replace("%H", "%-H").replace("%I", "%-I") } else { TIMES[place].into() };
    }
    if is_short_date {
        let short = |long: &str| long.replace("%d", "%-d").replace("%m", "%-m");
        format.date = SHORT.iter().copied().find(|other| *other == short(pattern)).unwrap_or(pattern);
    }
    format
}

/// Dates without zeros in front.
const SHORT: [&str; 15] = [
    "%Y-%-m-%-d",
    "%Y/%-m/%-d",
    "%Y.%-m.%-d",
    "%-d.%-m.%Y",
    "%-d.%-m.%y",
    "%-d/%-m/%Y",
    "%-m/%-d/%Y",
    "%-d/%-m/%y",
    "%-m/%-d/%y",
    "%-d-%-m-%Y",
    "%-m-%-d-%Y",
    "%-d-%b-%Y",
    "%-d %b %Y",
    "%b %-d, %Y",
    "%-m/%Y",
];
