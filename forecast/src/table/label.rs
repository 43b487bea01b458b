//! How the times of a clock are written.

use serde::{Deserialize, Serialize};

use super::format::Format;
use super::instant::{SECOND, Tick, civil, nanoseconds};

/// How the times of a clock are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Label {
    /// Text, in the file's own way.
    Times(Format),
    /// `20150131`
    Days,
    /// `201501`
    Months,
    /// So many nanoseconds since 1970, with so many decimals.
    Epoch { unit: i64, decimals: usize },
    /// Years.
    Years,
    /// Numbers with so many decimals.
    Numbers { decimals: usize },
}

/// Most decimals that are written.
const DECIMALS: usize = 12;

impl Label {
    /// The text of a time, none if this is the way of another kind of time.
    pub(super) fn write(&self, tick: Tick) -> Option<String> {
        match (self, tick) {
            (Self::Times(format), Tick::Calendar(tick)) => format.write(tick),
            (Self::Days, Tick::Calendar(tick)) => {
                civil(tick).map(|time| format!("{:04}{:02}{:02}", time.year(), time.month(), time.day()))
            }
            (Self::Months, Tick::Calendar(tick)) => {
                civil(tick).map(|time| format!("{:04}{:02}", time.year(), time.month()))
            }
            (Self::Epoch { unit, decimals }, Tick::Calendar(tick)) => {
                let unit = i128::from(*unit);
                let (whole, rest) = (tick.div_euclid(unit), tick.rem_euclid(unit));
                let decimals = *decimals;
                if decimals == 0 {
                    Some(whole.to_string())
                } else {
                    Some(format!("{:.decimals$}", whole as f64 + rest as f64 / unit as f64))
                }
            }
            (Self::Years, Tick::Number(number)) => Some(format!("{number:.0}")),
            (Self::Numbers { decimals }, Tick::Number(number)) => {
                let decimals = *decimals;
                Some(format!("{number:.decimals$}"))
            }
            _ => None,
        }
    }

    /// Seconds that the times are ahead of UTC; none where nothing says so.
    pub(super) fn offset(&self) -> Option<i32> {
        match self {
            Self::Times(format) => format.offset(),
            Self::Epoch { .. } => Some(0),
            _ => None,
        }
    }

    /// Whether these are times of day without a date.
    pub(super) fn is_time_of_day(&self) -> bool {
        matches!(self, Self::Times(format) if format.is_time_of_day())
    }

    /// Whether times have dates.
    pub(super) fn has_dates(&self) -> bool {
        !self.is_time_of_day() && !matches!(self, Self::Numbers { .. })
    }

    /// The time on the wall that a tick is, in nanoseconds since 1970: of a year its start, of other numbers none.
    pub(super) fn civil(&self, tick: Tick) -> Option<i128> {
        match (self, tick) {
            (Self::Years, Tick::Number(year)) if year.fract() == 0.0 && (1.0..=9999.0).contains(&year) => {
                nanoseconds(jiff::civil::Date::new(year as i16, 1, 1).ok()?.at(0, 0, 0, 0))
            }
            (_, Tick::Calendar(tick)) => Some(tick),
            _ => None,
        }
    }

    /// Whether it writes times of a calendar, or an error if it can write none.
    pub(super) fn check(&self) -> Result<bool, String> {
        match self {
            Self::Times(_) | Self::Days | Self::Months => Ok(true),
            Self::Years => Ok(false),
            Self::Numbers { decimals } if *decimals <= DECIMALS => Ok(false),
            Self::Epoch { unit, decimals }
                if *decimals <= DECIMALS
                    && [SECOND, SECOND / 1000, SECOND / 1_000_000, 1].contains(&(*unit).into()) =>
            {
                Ok(true)
            }
            Self::Numbers { .. } | Self::Epoch { .. } => {
                Err("no times are written in this unit and number of decimals".into())
            }
        }
    }
}
