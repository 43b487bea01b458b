//! The clock of a table: its step, and the time of every row.

use super::instant::{Fields, Tick};
use super::label::Label;
use super::rule::{ClockRule, RuleError};
use super::steps::{Step, Ticks, plain};

/// The clock of a table: what time each row is of, and the rows to come.
///
/// Times are those of the file, in its own time zone where it names one; where offsets to UTC differ, of UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// The name of its column, or of the first of several columns that make it.
    pub name: String,
    /// The number of that column, from 1.
    pub number: usize,
    /// From each row to the next.
    pub step: Step,
    /// Steps that are missing in the file, over all gaps.
    pub missing: usize,
    /// What was found about gaps, order and doubled times, and what was done about it.
    pub state: String,
    pub(super) ticks: Ticks,
    pub(super) rule: ClockRule,
}

impl Clock {
    /// The time of a row, counted from 0, as the file writes it; of rows beyond the last one as the step says, none if it is uneven.
    ///
    /// # Examples
    ///
    /// ```
    /// use forebay_forecast::table::{Reading, read};
    ///
    /// let table = read(b"month,sales\n2020-01-31,5\n2020-02-29,7\n2020-03-31,6\n", &Reading::default())?;
    /// let clock = table.clock.expect("the months");
    /// assert_eq!(clock.label(3).as_deref(), Some("2020-04-30"));
    /// # Ok::<(), forebay_forecast::table::TableError>(())
    /// ```
    pub fn label(&self, row: usize) -> Option<String> {
        self.rule.write(self.tick(row)?)
    }

    /// The time of a row, counted from 0, on the wall: seconds since 1970-01-01T00:00, for the axis of a plot. Years are their first
    /// of January; none for other numbers, and where [`label`](Self::label) has none.
    pub fn seconds(&self, row: usize) -> Option<f64> {
        self.rule.seconds_of(self.tick(row)?)
    }

    /// The time of a row, counted from 0, where times are numbers, as of years and of simulations; none for calendars, and where
    /// [`label`](Self::label) has none.
    pub fn number(&self, row: usize) -> Option<f64> {
        match self.tick(row)? {
            Tick::Number(number) => Some(number),
            Tick::Calendar(_) => None,
        }
    }

    /// What the calendar says of a row, counted from 0, as [`seconds`](Self::seconds) has it.
    pub fn fields(&self, row: usize) -> Option<Fields> {
        self.rule.fields_of(self.tick(row)?)
    }

    /// What is left of the clock without its rows: how it goes on, to be kept in a file.
    pub fn rule(&self) -> &ClockRule {
        &self.rule
    }

    /// The step in words: `hour`, `15 minutes`, `business day (Monday to Friday)`, `0.2`.
    pub fn step_words(&self) -> String {
        self.step.words()
    }

    /// The times of all rows where they are numbers, as of years and of simulations.
    pub fn numbers(&self) -> Option<&[f64]> {
        match &self.ticks {
            Ticks::Numbers(ticks, _) => Some(ticks),
            Ticks::Calendar(_) => None,
        }
    }

    fn tick(&self, row: usize) -> Option<Tick> {
        match row.checked_sub(self.ticks.len()) {
            None => Some(self.ticks.at(row)),
            Some(beyond) => self.rule.tick(i64::try_from(beyond).ok()?.checked_add(1)?),
        }
    }

    /// The clock in a line: step, first and last time, gaps.
    pub(super) fn words(&self) -> String {
        let last = self.ticks.len() - 1;
        let ends = |row| self.label(row).unwrap_or_default();
        let step = match (self.step, self.rule.label_kind()) {
            (Step::Numbers(1.0), Label::Years) => "every year".to_owned(),
            (Step::Numbers(step), Label::Years) => format!("every {} years", plain(step)),
            (Step::Numbers(step), _) => format!("steps of {}", plain(step)),
            (Step::Uneven, _) => "uneven steps".to_owned(),
            (step, _) => format!("every {}", step.words()),
        };
        format!("{step} from {} to {}, {}", ends(0), ends(last), self.state)
    }
}

impl ClockRule {
    /// Steps from this clock's last row to the first row of another file: 1 if that goes on right behind it, 0 if it is the same row, less
    /// if the files overlap.
    ///
    /// Differences to UTC count where both files have them; months and business days are those on the wall. Times without a difference to
    /// UTC are taken as even: where neither file shows daylight saving, an hour that was left out between them is not seen.
    ///
    /// # Errors
    /// [`RuleError`] if the first row is not on the grid, or the other clock goes by other steps.
    pub fn steps_to(&self, other: &Clock) -> Result<i64, RuleError> {
        self.steps_to_ticks(&other.rule, &other.ticks)
    }
}
