//! The clock of a table: its step, and times as the file writes them.

use super::steps::{Step, Ticks};
use super::time::{Format, civil};

/// How the times of a clock are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    /// Text, in the file's own way.
    Times(Format),
    /// `20150131`
    Days,
    /// `201501`
    Months,
    /// So many nanoseconds since 1970, with so many decimals.
    Epoch { unit: i128, decimals: usize },
    /// Years.
    Years,
    /// Numbers with so many decimals.
    Numbers { decimals: usize },
}

/// The clock of a table: what time each row is of, and the rows to come.
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
    pub(super) label: Label,
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
        let rows = self.ticks.len();
        let (known, ahead) = if row < rows { (row, 0) } else { (rows - 1, (row - rows) as i64 + 1) };
        match &self.ticks {
            Ticks::Calendar(ticks) => {
                let day = ticks.iter().rev().take(12).filter_map(|&tick| Some(civil(tick)?.day())).max().unwrap_or(1);
                let tick = if ahead == 0 { ticks[known] } else { self.step.after(ticks[known], day, ahead)? };
                self.write(tick)
            }
            Ticks::Numbers(ticks, _) => {
                let step = match self.step {
                    Step::Numbers(step) => step,
                    _ if ahead == 0 => 0.0,
                    _ => return None,
                };
                let decimals = if let Label::Numbers { decimals } = self.label { decimals } else { 0 };
                Some(format!("{:.decimals$}", ticks[known] + step * ahead as f64))
            }
        }
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

    /// A tick of a calendar as the file writes it.
    pub(super) fn write(&self, tick: i128) -> Option<String> {
        write(&self.label, tick)
    }

    /// The clock in a line: step, first and last time, gaps.
    pub(super) fn words(&self) -> String {
        let last = self.ticks.len() - 1;
        let ends = |row| self.label(row).unwrap_or_default();
        let step = match (self.step, &self.label) {
            (Step::Numbers(1.0), Label::Years) => "every year".to_owned(),
            (Step::Numbers(step), Label::Years) => format!("every {} years", super::steps::plain(step)),
            (Step::Numbers(step), _) => format!("steps of {}", super::steps::plain(step)),
            (Step::Uneven, _) => "uneven steps".to_owned(),
            (step, _) => format!("every {}", step.words()),
        };
        format!("{step} from {} to {}, {}", ends(0), ends(last), self.state)
    }
}

pub(super) fn write(label: &Label, tick: i128) -> Option<String> {
    match label {
        Label::Times(format) => format.write(tick),
        Label::Days => civil(tick).map(|time| format!("{:04}{:02}{:02}", time.year(), time.month(), time.day())),
        Label::Months => civil(tick).map(|time| format!("{:04}{:02}", time.year(), time.month())),
        Label::Epoch { unit, decimals } => {
            let (whole, rest) = (tick.div_euclid(*unit), tick.rem_euclid(*unit));
            let fraction = rest as f64 / *unit as f64;
            let decimals = *decimals;
            if decimals == 0 {
                Some(whole.to_string())
            } else {
                Some(format!("{:.decimals$}", whole as f64 + fraction))
            }
        }
        Label::Years | Label::Numbers { .. } => None,
    }
}
