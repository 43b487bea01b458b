//! Times as nanoseconds since 1970, and back; what a calendar says of them.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// Nanoseconds of a second.
pub(super) const SECOND: i128 = 1_000_000_000;

/// Nanoseconds of a day.
pub(super) const DAY: i128 = 86_400 * SECOND;

/// Nanoseconds since 1970, as if the time were UTC.
pub(super) fn nanoseconds(time: DateTime) -> Option<i128> {
    Some(Offset::UTC.to_timestamp(time).ok()?.as_nanosecond())
}

/// The other way.
pub(super) fn civil(nanoseconds: i128) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(jiff::Timestamp::from_nanosecond(nanoseconds).ok()?))
}

/// The time of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(super) enum Tick {
    /// Nanoseconds since 1970.
    Calendar(i128),
    /// A number, as of a simulation, or a year.
    Number(f64),
}

/// The same in a file.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Calendar { seconds: i64, nanoseconds: u32 },
    Number(f64),
}

impl From<Tick> for Written {
    fn from(tick: Tick) -> Self {
        match tick {
            Tick::Calendar(tick) => {
                Self::Calendar { seconds: tick.div_euclid(SECOND) as i64, nanoseconds: tick.rem_euclid(SECOND) as u32 }
            }
            Tick::Number(number) => Self::Number(number),
        }
    }
}

impl TryFrom<Written> for Tick {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Calendar { seconds, nanoseconds } => {
                let tick = i128::from(seconds) * SECOND + i128::from(nanoseconds);
                let is_one = i128::from(nanoseconds) < SECOND && civil(tick).is_some();
                is_one.then_some(Self::Calendar(tick)).ok_or_else(|| format!("{seconds} s are no time of a calendar"))
            }
            Written::Number(number) if number.is_finite() => Ok(Self::Number(number)),
            Written::Number(number) => Err(format!("{number} is no time")),
        }
    }
}

/// What the calendar and the clock on the wall say of a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fields {
    /// The year.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
    /// 1 to 366.
    pub day_of_year: i16,
    /// 365 or 366.
    pub days_in_year: i16,
    /// 0 for Monday to 6 for Sunday.
    pub weekday: i8,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// 0 up to 60, with the fraction.
    pub second: f64,
}

impl Fields {
    pub(super) fn of(nanoseconds: i128) -> Option<Self> {
        let time = civil(nanoseconds)?;
        let date = time.date();
        Some(Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
            day_of_year: date.day_of_year(),
            days_in_year: date.days_in_year(),
            weekday: date.weekday().to_monday_zero_offset(),
            hour: time.hour(),
            minute: time.minute(),
            second: f64::from(time.second()) + f64::from(time.subsec_nanosecond()) / 1e9,
        })
    }
}
