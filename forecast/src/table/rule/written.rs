//! A rule in a file, and what is checked when it is read.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::instant::{Tick, civil};
use super::super::label::Label;
use super::super::steps::Step;
use super::{ClockRule, Line};

/// The version of this form.
const VERSION: u32 = 1;

/// A rule as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    version: u32,
    name: String,
    rows: usize,
    first: Tick,
    last: Tick,
    step: Step,
    day: i8,
    label: Label,
    line: Line,
    daylight_saving: bool,
}

impl Serialize for ClockRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, rows, first, last, step, day, label, line, is_daylight } = self.clone();
        let daylight_saving = is_daylight;
        let written = Written { version: VERSION, name, rows, first, last, step, day, label, line, daylight_saving };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClockRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl TryFrom<Written> for ClockRule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { version, name, rows, first, last, step, day, label, line, daylight_saving } = written;
        if version != VERSION {
            return Err(format!("the clock is of version {version}, this program reads version {VERSION}"));
        }
        let is_calendar = label.check()?;
        let is_one_kind = match (first, last) {
            (Tick::Calendar(first), Tick::Calendar(last)) => is_calendar && first <= last,
            (Tick::Number(first), Tick::Number(last)) => !is_calendar && first <= last,
            _ => false,
        };
        let is_step = match (step, last) {
            (Step::Uneven, _) => true,
            (Step::Seconds(step), Tick::Calendar(_)) => (1e-9..1e12).contains(&step),
            (Step::Months(months), Tick::Calendar(_)) => (1..=120_000).contains(&months),
            (Step::BusinessDays(days), Tick::Calendar(last)) => {
                let is_weekday = civil(last).is_some_and(|time| time.weekday().to_monday_zero_offset() < 5);
                (1..=4_000_000).contains(&days) && is_weekday
            }
            (Step::Numbers(step), Tick::Number(_)) => step.is_finite() && step > 0.0,
            _ => false,
        };
        let is_line = line.shift.is_finite() && line.spread.is_finite() && line.spread >= 0.0;
        let checks = [
            (rows >= 2, "a clock of fewer than two rows"),
            (is_one_kind, "times that are of two kinds, or run backwards"),
            (is_step, "a step that does not fit its times"),
            ((1..=31).contains(&day), "a day that no month has"),
            (is_line, "a line that is no number"),
        ];
        if let Some((_, what)) = checks.iter().find(|(is_good, _)| !is_good) {
            return Err(format!("the clock has {what}"));
        }
        Ok(Self { name, rows, first, last, step, day, label, line, is_daylight: daylight_saving })
    }
}
