//! How many steps lie between a clock's last row and the first row of another file.

use jiff::civil::{DateTime, Weekday};
use thiserror::Error;

use super::super::instant::{DAY, SECOND, Tick, civil};
use super::super::steps::{Step, Ticks, business_day};
use super::ClockRule;

/// Why the rows of another file cannot be counted from a clock.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The clock has no step.
    #[error("the clock {name:?} keeps no step, so that rows after it cannot be counted: bring it to even steps first")]
    Uneven {
        /// The clock.
        name: String,
    },
    /// One clock is of a calendar, the other one of numbers.
    #[error(
        "the clock {name:?} has {ours} (as {our_label}), that of the other file {theirs} (as {label}): write them alike"
    )]
    Kind {
        /// The clock.
        name: String,
        /// What it has.
        ours: &'static str,
        /// What the other one has.
        theirs: &'static str,
        /// The last time of the clock.
        our_label: String,
        /// The first time of the other one.
        label: String,
    },
    /// Times of day without a date begin anew in every file.
    #[error(
        "the clock {name:?} has times of day without a date ({label}): write the date beside them to count steps from file to file"
    )]
    NoDate {
        /// The clock.
        name: String,
        /// The first time of the other one.
        label: String,
    },
    /// One clock says how far it is from UTC, the other one does not.
    #[error(
        "one file says how far its times are from UTC and the other one does not ({our_label} and {label}): write them alike"
    )]
    Zone {
        /// The last time of the clock.
        our_label: String,
        /// The first time of the other one.
        label: String,
    },
    /// The other file has another step.
    #[error(
        "the clock {name:?} has steps of {ours}, the other file has steps of {theirs}: bring them to the same step"
    )]
    Step {
        /// The clock.
        name: String,
        /// Its step.
        ours: String,
        /// The step of the other one.
        theirs: String,
    },
    /// The first row of the other file lies between two steps.
    #[error("{label} is no whole number of steps of {step} from {our_label}, where the clock {name:?} ends")]
    OffGrid {
        /// The clock.
        name: String,
        /// Its step.
        step: String,
        /// Its last time.
        our_label: String,
        /// The first time of the other one.
        label: String,
    },
    /// The times are not even enough to count so many steps.
    #[error(
        "{label} is about {steps:.0} steps of {step} from {our_label}, where the clock {name:?} ends: its times are not even enough to count them"
    )]
    TooFar {
        /// The clock.
        name: String,
        /// Its step.
        step: String,
        /// Its last time.
        our_label: String,
        /// The first time of the other one.
        label: String,
        /// How many steps it may be.
        steps: f64,
    },
    /// An hour may be left out or doubled in between.
    #[error(
        "from {our_label} to {label} local time may have left out or doubled an hour: write the times of both files in UTC to count the steps"
    )]
    DaylightSaving {
        /// The last time of the clock.
        our_label: String,
        /// The first time of the other one.
        label: String,
    },
}

/// A time may be off by this share of a step.
const JITTER: f64 = 0.1;

/// The longest stretch that may be free of a change to or from daylight saving, in days.
const LONGEST: i128 = 35 * 7;

impl ClockRule {
    /// Steps from the last row to the first of these times, which have this rule of their own.
    pub(in super::super) fn steps_to_ticks(&self, theirs: &Self, ticks: &Ticks) -> Result<i64, RuleError> {
        let labels = || {
            let text = |rule: &Self, tick| rule.write(tick).unwrap_or_default();
            (text(self, self.last), text(theirs, theirs.first))
        };
        let off_grid = || {
            let (our_label, label) = labels();
            RuleError::OffGrid { name: self.name.clone(), step: self.step.words(), our_label, label }
        };
        if self.step == Step::Uneven {
            return Err(RuleError::Uneven { name: self.name.clone() });
        }
        let kind = |tick: Tick| if matches!(tick, Tick::Calendar(_)) { "times of a calendar" } else { "numbers" };
        if kind(self.last) != kind(theirs.first) {
            let ((our_label, label), name) = (labels(), self.name.clone());
            let (ours, theirs) = (kind(self.last), kind(theirs.first));
            return Err(RuleError::Kind { name, ours, theirs, our_label, label });
        }
        if self.label.is_time_of_day() || theirs.label.is_time_of_day() {
            return Err(RuleError::NoDate { name: self.name.clone(), label: labels().1 });
        }
        let is_wall = matches!(self.step, Step::Months(_) | Step::BusinessDays(_));
        let shift = match (self.label.offset(), theirs.label.offset()) {
            _ if is_wall => 0,
            (Some(ours), Some(theirs)) => ours - theirs,
            (None, None) => 0,
            _ => {
                let (our_label, label) = labels();
                return Err(RuleError::Zone { our_label, label });
            }
        };
        // Theirs in our time zone.
        let here = |tick: Tick| match tick {
            Tick::Calendar(tick) => Tick::Calendar(tick + i128::from(shift) * SECOND),
            number @ Tick::Number(_) => number,
        };
        let first = here(theirs.first);
        if (self.is_daylight || theirs.is_daylight) && self.may_change(first) {
            let (our_label, label) = labels();
            return Err(RuleError::DaylightSaving { our_label, label });
        }
        let place = self.place(first).ok_or_else(off_grid)?;
        let places: Vec<Option<f64>> = (0..ticks.len()).map(|row| self.place(here(ticks.at(row)))).collect();
        if !self.keeps_pace(&places) {
            let (ours, theirs) = (self.step.words(), theirs.step.words());
            return Err(RuleError::Step { name: self.name.clone(), ours, theirs });
        }
        let whole = place.round();
        // The step is known up to the spread of the times that it was told from: outside of them the line may go elsewhere.
        let length = (self.rows - 1).max(1) as f64;
        let doubt = self.line.spread * (1.0 + 2.0 * whole.max(-whole - length).max(0.0) / length);
        if doubt >= 0.5 || !(-9e15..9e15).contains(&whole) {
            let ((our_label, label), name, step) = (labels(), self.name.clone(), self.step.words());
            return Err(RuleError::TooFar { name, step, our_label, label, steps: whole });
        }
        if (place - whole).abs() > doubt.max(JITTER) + 1e-6 { Err(off_grid()) } else { Ok(whole as i64) }
    }

    /// Whether rows at these places are a step apart: most of them, as gaps may have been ignored, or all on average, as times may have
    /// been rounded. A row on no step at all, as a Sunday between business days, is of another clock.
    fn keeps_pace(&self, places: &[Option<f64>]) -> bool {
        let steps: Option<Vec<f64>> = places.windows(2).map(|pair| Some(pair[1]? - pair[0]?)).collect();
        let Some(mut steps) = steps else { return false };
        steps.sort_by(f64::total_cmp);
        let Some(median) = steps.get(steps.len() / 2) else { return false };
        let count = steps.len() as f64;
        let mean = steps.iter().sum::<f64>() / count;
        (median - 1.0).abs() <= 0.25 || (mean - 1.0).abs() <= 0.25 + 2.0 * self.line.spread / count
    }

    /// Steps from the last row to a time, none where it is on no step of months or business days.
    fn place(&self, tick: Tick) -> Option<f64> {
        if let Some(steps) = self.even_steps(tick) {
            return Some(steps - self.line.shift);
        }
        let (Tick::Calendar(last), Tick::Calendar(tick)) = (self.last, tick) else { return None };
        let (from, to) = (civil(last)?, civil(tick)?);
        if from.time() != to.time() {
            return None;
        }
        let (steps, step) = match self.step {
            Step::Months(step) => (self.months(from, to)?, step),
            Step::BusinessDays(step) => (business_day(to.date())? - business_day(from.date())?, step),
            _ => return None,
        };
        (steps % step == 0).then_some((steps / step) as f64)
    }

    fn months(&self, from: DateTime, to: DateTime) -> Option<i64> {
        let is_last = |time: DateTime| time.day() == time.date().days_in_month();
        let is_day = to.day() == self.day.min(to.date().days_in_month()) || (is_last(from) && is_last(to));
        let month = |time: DateTime| i64::from(time.year()) * 12 + i64::from(time.month());
        is_day.then(|| month(to) - month(from))
    }

    /// Whether a Sunday on which clocks may be changed lies between the last row and a time.
    fn may_change(&self, tick: Tick) -> bool {
        let (Tick::Calendar(last), Tick::Calendar(tick)) = (self.last, tick) else { return false };
        let (from, to) = (last.min(tick), last.max(tick));
        let days = to.div_euclid(DAY) - from.div_euclid(DAY);
        let is_change = |day: i128| {
            let time = civil(from + day * DAY);
            time.is_some_and(|time| time.weekday() == Weekday::Sunday && matches!(time.month(), 3 | 4 | 9..=11))
        };
        days > LONGEST || (0..=days).any(is_change)
    }
}
