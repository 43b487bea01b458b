//! Clocks that do not say what time each row is of.

/// Clocks that do not say what time each row is of.
///
/// Lines count from 1, as an editor counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// Dates that can be of two calendars' orders.
    #[error(
        "column {column:?}: in {cell:?} on line {line} day and month can be either, and no other cell tells: use --day-first yes or no"
    )]
    DayFirst {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// The cell.
        cell: String,
    },
    /// A cell of the clock that is no time.
    #[error(
        "line {line}: {cell:?} in the clock {column:?} is no time like the others ({like}): mend it, or use --clock none"
    )]
    ClockCell {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// The cell.
        cell: String,
        /// A cell that is.
        like: String,
    },
    /// A column that was named as the clock and is none.
    #[error("column {column:?} is no clock: {reason}")]
    NoClock {
        /// The column.
        column: String,
        /// Why.
        reason: String,
    },
    /// A column that rises from line to line, unevenly, and is named like no clock.
    #[error(
        "column {column:?} rises on every line, by steps from {least} to {most}: say --clock {column:?} if it is a clock, --clock none \
         if it is a series like the others"
    )]
    ClockOrSeries {
        /// The column.
        column: String,
        /// The smallest step.
        least: String,
        /// The largest step.
        most: String,
    },
    /// A column that is named as a clock, in a way of writing that is not known.
    #[error(
        "column {column:?}: {cell:?} on line {line} is no time that is known: write it as 2024-01-31 12:00 or the like, or use --clock none to take the rows as evenly spaced"
    )]
    UnknownTimes {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// The cell.
        cell: String,
    },
    /// Steps that are missing.
    #[error(
        "the clock {column:?} has {gaps} gap(s), {missing} step(s) of {step} in all: the first, of {first}, before line {line} ({between}); use \
         --gaps fill with --fill, --gaps mark, or --gaps ignore to take the rows as evenly spaced{hint}"
    )]
    Gaps {
        /// The column.
        column: String,
        /// Places where steps are missing.
        gaps: usize,
        /// Steps that are missing.
        missing: usize,
        /// The step.
        step: String,
        /// Missing steps of the first gap.
        first: usize,
        /// The line after the first gap.
        line: usize,
        /// The times before and after it.
        between: String,
        /// What the gaps may come from, or what to do if the column is no clock.
        hint: &'static str,
    },
    /// More rows would be put in than a table takes.
    #[error(
        "the clock {column:?} misses {missing} steps of {step}, too many to put in: use --gaps ignore, or cut the file"
    )]
    TooManyMissing {
        /// The column.
        column: String,
        /// How many.
        missing: usize,
        /// The step.
        step: String,
    },
    /// Steps of different lengths.
    #[error(
        "the clock {column:?} is uneven: {what}; bring it to even steps, or use --gaps ignore to take the rows as evenly spaced"
    )]
    Uneven {
        /// The column.
        column: String,
        /// How, with lines.
        what: String,
    },
    /// Rows are to be put in and nobody says with what.
    #[error("--gaps fill needs --fill hold, --fill linear or --fill mark")]
    GapsWithoutFill,
    /// Two rows of one time.
    #[error(
        "the clock {column:?} has {count} time(s) more than once, first {time} on lines {first} and {second}{why}: use --duplicates first, last or \
         mean"
    )]
    Duplicates {
        /// The column.
        column: String,
        /// Rows that repeat a time.
        count: usize,
        /// The first such time.
        time: String,
        /// Its first line.
        first: usize,
        /// Its second line.
        second: usize,
        /// What it may come from, if something fits.
        why: String,
    },
    /// The clock steps back to times that were there, as after a restart.
    #[error(
        "the clock {column:?} steps back {count} time(s), first on line {line} ({from} to {to}), over times that are there already, as a restart \
         does: use --duplicates last to keep the later rows, or first"
    )]
    Restart {
        /// The column.
        column: String,
        /// How often.
        count: usize,
        /// The first line after such a step.
        line: usize,
        /// The time before it.
        from: String,
        /// The time after it.
        to: String,
    },
    /// The clock starts again and again.
    #[error(
        "the clock {column:?} starts again {count} time(s), first on line {line} ({from} to {to}): if these are several series, give each a file or a column to tell them apart by (--id); if the rows are evenly spaced steps of one, use --clock none"
    )]
    StartsAgain {
        /// The column.
        column: String,
        /// How often.
        count: usize,
        /// The first line after such a step.
        line: usize,
        /// The time before it.
        from: String,
        /// The time after it.
        to: String,
    },
    /// Rows in another order than the clock.
    #[error(
        "the clock {column:?} steps back {count} time(s), first on line {line} ({from} to {to}): use --sort to put the rows in its order, or \
         --clock none if it is none"
    )]
    Order {
        /// The column.
        column: String,
        /// How often.
        count: usize,
        /// The first line after such a step.
        line: usize,
        /// The time before it.
        from: String,
        /// The time after it.
        to: String,
    },
    /// Local times that follow daylight saving.
    #[error(
        "the clock {column:?} is local time with daylight saving: {what}; the rows are evenly spaced in time, which --gaps ignore takes them \
         as (or write the times in UTC)"
    )]
    DaylightSaving {
        /// The column.
        column: String,
        /// The hours that are missing and doubled.
        what: String,
    },
}
