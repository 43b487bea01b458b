//! Ways to write a time, and how times that go on from those of a file are written.

use jiff::fmt::strtime;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::instant::civil;

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
pub(super) const QUARTER: &str = "%YQ%q";
/// `Q1 2020`
pub(super) const QUARTER_FIRST: &str = "Q%q %Y";
/// `2020-W05`
pub(super) const WEEK: &str = "%G-W%V";
/// A time of day alone.
pub(super) const NO_DATE: &str = "";

/// Ways to write a time of day; fractions of seconds are looked after apart.
pub(super) const TIMES: [&str; 7] = ["%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H%M%S", "%H%M", "%H"];

/// Dates without zeros in front.
const SHORT: [&str; 18] = [
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
    "%-d %B %Y",
    "%B %-d, %Y",
    "%-d-%b-%y",
    "%-m/%Y",
];

/// The same way of writing without zeros in front, where there is one.
pub(super) fn short(pattern: &'static str) -> &'static str {
    let wanted = pattern.replace("%d", "%-d").replace("%m", "%-m");
    SHORT.into_iter().find(|other| *other == wanted).unwrap_or(pattern)
}

/// The hours of a time of day without zeros in front.
pub(super) fn short_hour(pattern: &str) -> String {
    pattern.replace("%H", "%-H").replace("%I", "%-I")
}

/// Text that is no difference to UTC.
pub(super) struct NoOffset;

/// Seconds ahead of UTC, if they are written: `Z`, `+01:00`, `-0500`, `+01`.
pub(super) fn offset(suffix: &str) -> Result<Option<i32>, NoOffset> {
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

/// All ways to write a date, of those with days and months as numbers only these.
pub(super) fn patterns(day_first: Option<bool>) -> impl Iterator<Item = &'static str> {
    let unwanted = match day_first {
        Some(true) => Order::MonthFirst,
        Some(false) => Order::DayFirst,
        None => return DATES.map(|(pattern, _)| pattern).into_iter().chain([NO_DATE]).collect::<Vec<_>>().into_iter(),
    };
    let wanted = DATES.into_iter().filter(|(_, order)| *order != unwanted).map(|(pattern, _)| pattern);
    wanted.chain([NO_DATE]).collect::<Vec<_>>().into_iter()
}

/// How the times of a column are written, for times that go on from them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Written")]
pub(super) struct Format {
    pub(super) date: &'static str,
    /// Pattern of the time of day; empty for dates alone.
    pub(super) time: String,
    /// Digits of fractions of seconds.
    pub(super) fraction: usize,
    pub(super) between: String,
    /// What is written behind the time: the difference to UTC.
    pub(super) suffix: String,
}

/// The same in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    date: String,
    time: String,
    fraction: usize,
    between: String,
    suffix: String,
}

impl From<Format> for Written {
    fn from(format: Format) -> Self {
        let Format { date, time, fraction, between, suffix } = format;
        Self { date: date.to_owned(), time, fraction, between, suffix }
    }
}

// By hand: serde would ask for a text that lives as long as the pattern.
impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Written::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl TryFrom<Written> for Format {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let dates = DATES.into_iter().map(|(pattern, _)| pattern).chain(SHORT).chain([NO_DATE]);
        let date = dates.into_iter().find(|pattern| *pattern == written.date);
        let date = date.ok_or_else(|| format!("dates written as {:?} are not known", written.date))?;
        let Written { time, fraction, between, suffix, .. } = written;
        let is_time = time.is_empty() || TIMES.iter().any(|known| *known == time || short_hour(known) == time);
        if !is_time || (time.is_empty() && date == NO_DATE) {
            return Err(format!("times of day written as {time:?} are not known"));
        }
        if fraction > 9 || !["", " ", "T", "t"].contains(&between.as_str()) || offset(&suffix).is_err() {
            return Err(format!("no time has {fraction} decimals, {between:?} before it and {suffix:?} behind it"));
        }
        Ok(Self { date, time, fraction, between, suffix })
    }
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

    /// Seconds ahead of UTC, if they are written.
    pub(super) fn offset(&self) -> Option<i32> {
        offset(&self.suffix).ok().flatten()
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
