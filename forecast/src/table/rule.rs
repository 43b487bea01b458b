//! How a clock goes on: times of rows to come, and the steps to another file's rows, without the rows themselves.

mod steps_to;
mod written;

use serde::{Deserialize, Serialize};

use super::instant::{Fields, SECOND, Tick, civil};
use super::label::Label;
use super::steps::{Step, Ticks, month_day};

pub use self::steps_to::RuleError;

/// How a clock goes on after its last row: what a forecast keeps of the clock it was fitted on.
///
/// Rows are counted from the last one, which is row 0; negative ones are before it, where the step says that they are. It is written and
/// read by serde; what is read is checked, and the form has a version.
///
/// # Examples
///
/// ```
/// use forebay_forecast::table::{ClockRule, Reading, read};
///
/// let table = read(b"time,v\n2024-02-27,5\n2024-02-28,7\n2024-02-29,6\n", &Reading::default())?;
/// let kept = serde_json::to_string(table.clock.expect("the days").rule()).expect("plain values");
///
/// let rule: ClockRule = serde_json::from_str(&kept).expect("what was written");
/// assert_eq!(rule.label(1).as_deref(), Some("2024-03-01"));
/// let later = read(b"time,v\n2024-03-02,5\n2024-03-03,7\n", &Reading::default())?;
/// assert_eq!(rule.steps_to(&later.clock.expect("the days")), Ok(2));
/// # Ok::<(), forebay_forecast::table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClockRule {
    name: String,
    rows: usize,
    first: Tick,
    last: Tick,
    step: Step,
    /// The day of the month that months keep to; 31 for last days.
    day: i8,
    label: Label,
    line: Line,
    /// Whether local time with daylight saving was taken as even.
    is_daylight: bool,
}

/// The even line through times that are off it, in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Line {
    /// How far the line passes behind the last time.
    shift: f64,
    /// How far times are from the line at most.
    spread: f64,
}

impl ClockRule {
    /// The rule of times at these places, which count steps.
    pub(super) fn of(name: String, ticks: &Ticks, places: &[i64], step: Step, label: Label, is_daylight: bool) -> Self {
        let (first, last) = (ticks.at(0), ticks.at(ticks.len() - 1));
        let day = if let Ticks::Calendar(ticks) = ticks { month_day(ticks) } else { 1 };
        let mut rule =
            Self { name, rows: ticks.len(), first, last, step, day, label, line: Line::default(), is_daylight };
        if !is_daylight {
            rule.line = rule.through(ticks, places);
        }
        rule
    }

    fn through(&self, ticks: &Ticks, places: &[i64]) -> Line {
        let end = places[places.len() - 1];
        let off = |(row, place): (usize, &i64)| Some(self.even_steps(ticks.at(row))? - (place - end) as f64);
        let off: Option<Vec<f64>> = places.iter().enumerate().map(off).collect();
        let range = off.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        let (low, high) = if range.0 <= range.1 { range } else { (0.0, 0.0) };
        Line { shift: f64::midpoint(low, high), spread: (high - low) / 2.0 }
    }

    /// The name of the clock's column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows the clock had.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// From each row to the next.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The step in words, as [`Clock::step_words`](super::Clock::step_words).
    pub fn step_words(&self) -> String {
        self.step.words()
    }

    /// Seconds that the calendar says lie between the first row and the last one; none for numbers but years.
    pub fn span(&self) -> Option<f64> {
        Some((self.label.civil(self.last)? - self.label.civil(self.first)?) as f64 / SECOND as f64)
    }

    /// The time so many rows after the last one, as the file writes it; none if steps are uneven, or after the year 9999.
    pub fn label(&self, ahead: i64) -> Option<String> {
        self.write(self.tick(ahead)?)
    }

    /// The time so many rows after the last one on the wall, as [`Clock::seconds`](super::Clock::seconds).
    pub fn seconds(&self, ahead: i64) -> Option<f64> {
        self.seconds_of(self.tick(ahead)?)
    }

    /// The time so many rows after the last one where times are numbers, as [`Clock::number`](super::Clock::number).
    pub fn number(&self, ahead: i64) -> Option<f64> {
        match self.tick(ahead)? {
            Tick::Number(number) => Some(number),
            Tick::Calendar(_) => None,
        }
    }

    /// What the calendar says of the time so many rows after the last one, as [`Clock::fields`](super::Clock::fields).
    pub fn fields(&self, ahead: i64) -> Option<Fields> {
        self.fields_of(self.tick(ahead)?)
    }

    /// Whether the times have dates, as times of day alone and numbers other than years have not.
    pub(crate) fn has_dates(&self) -> bool {
        self.label.has_dates()
    }

    pub(super) fn label_kind(&self) -> &Label {
        &self.label
    }

    pub(super) fn write(&self, tick: Tick) -> Option<String> {
        self.label.write(tick)
    }

    pub(super) fn seconds_of(&self, tick: Tick) -> Option<f64> {
        let time = self.label.civil(tick)?;
        civil(time)?;
        Some(time.div_euclid(SECOND) as f64 + time.rem_euclid(SECOND) as f64 / SECOND as f64)
    }

    pub(super) fn fields_of(&self, tick: Tick) -> Option<Fields> {
        Fields::of(self.label.civil(tick)?)
    }

    pub(super) fn tick(&self, ahead: i64) -> Option<Tick> {
        match self.last {
            last if ahead == 0 => Some(last),
            Tick::Calendar(last) => self.step.after(last, self.day, ahead).map(Tick::Calendar),
            Tick::Number(last) => match self.step {
                Step::Numbers(step) => Some(last + step * ahead as f64).filter(|n| n.is_finite()).map(Tick::Number),
                _ => None,
            },
        }
    }

    /// Steps from the last time to this one where steps are of one length; they need not be whole.
    fn even_steps(&self, tick: Tick) -> Option<f64> {
        match (self.last, tick, self.step) {
            (Tick::Calendar(last), Tick::Calendar(tick), Step::Seconds(step)) => {
                Some((tick - last) as f64 / SECOND as f64 / step)
            }
            (Tick::Number(last), Tick::Number(tick), Step::Numbers(step)) => Some((tick - last) / step),
            _ => None,
        }
    }
}
