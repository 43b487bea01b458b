//! Why a file is no table of series.

/// Why a file cannot be read as series; each says in one line what to do.
///
/// Lines count from 1, as an editor counts them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The bytes are another format's.
    #[error("the file is {what}: {next}")]
    OtherFormat {
        /// The format.
        what: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The bytes are no UTF-8.
    #[error(
        "the file is not UTF-8 text from byte {byte} on: if it is Latin-1, convert it with iconv -f latin1 -t utf-8"
    )]
    Encoding {
        /// The first byte that is none.
        byte: usize,
    },
    /// A compressed file is damaged.
    #[error("the gzip file cannot be expanded: {reason}")]
    Gzip {
        /// What the decoder says.
        reason: String,
    },
    /// More bytes than are read.
    #[error("the file has more than {most} bytes of text: cut out the columns or rows that are wanted")]
    TooLong {
        /// Most bytes.
        most: usize,
    },
    /// More columns than are taken together.
    #[error(
        "the file has {columns} columns and about {rows} lines; all of them together would need {megabytes} MB in training for each \
         thread, and more than {most} columns are not taken unless they are named: choose some with --columns"
    )]
    TooWide {
        /// Columns of the first line.
        columns: usize,
        /// Lines of the file.
        rows: usize,
        /// Size of the sums of one training, `8 (2 columns)^2` bytes.
        megabytes: usize,
        /// Most columns.
        most: usize,
    },
    /// More cells than are kept.
    #[error("the file has about {cells} cells, more than {most}: cut out the columns or rows that are wanted")]
    TooManyCells {
        /// Cells of the first line times lines.
        cells: usize,
        /// Most cells.
        most: usize,
    },
    /// No line with cells.
    #[error("the file is empty{but}: it needs one line per step, best below a header")]
    Empty {
        /// What there is instead of data, or nothing.
        but: String,
    },
    /// A series needs two steps.
    #[error("the file has {rows} line(s) of data: a series needs at least 2")]
    TooShort {
        /// Lines of data.
        rows: usize,
    },
    /// A line with another number of cells.
    #[error("line {line} has {found} cells, the first line has {expected}: every line needs the same ({text:?})")]
    Ragged {
        /// The line.
        line: usize,
        /// Its cells.
        found: usize,
        /// Cells of the first line.
        expected: usize,
        /// Its beginning.
        text: String,
    },
    /// A quote that is not closed where it should be.
    #[error(
        "a quote (\") that opens on line {line} is not closed as it should be: quotes inside of quoted cells are doubled"
    )]
    Quote {
        /// The line.
        line: usize,
    },
    /// A line of JSON that is no row.
    #[error("line {line} is no row of JSON Lines: {reason}")]
    Json {
        /// The line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Cells that can be one number or two.
    #[error(
        "line {line} can be read in several ways: {text:?} is two numbers (--delimiter {delimiter}), or one with decimals or groups of digits \
         (--delimiter none --decimal comma, or point): say which"
    )]
    NumberOrTwo {
        /// The line.
        line: usize,
        /// What stands on it.
        text: String,
        /// The delimiter it may have.
        delimiter: &'static str,
    },
    /// `12,345` may be twelve or twelve thousand.
    #[error(
        "column {column:?}: {cell:?} on line {line} can be a number with decimals or one of thousands, and no other cell tells: use --decimal \
         comma or --decimal point"
    )]
    DecimalOrThousands {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// The cell.
        cell: String,
    },
    /// A cell that is no number in a column of numbers.
    #[error(
        "line {line}, column {column:?}: {cell:?} is no finite number, as {numbers} others there are ({bad} such cells): if it means \
         a missing value use --missing {cell:?}, if the column is not wanted name others with --columns"
    )]
    BadCell {
        /// The column.
        column: String,
        /// The first line with such a cell.
        line: usize,
        /// The cell.
        cell: String,
        /// Cells that are no numbers.
        bad: usize,
        /// Cells that are.
        numbers: usize,
    },
    /// A column that was asked for holds no numbers.
    #[error("line {line}, column {column:?}: {cell:?} is no finite number")]
    NoNumber {
        /// The column.
        column: String,
        /// The first line without a number.
        line: usize,
        /// What stands there.
        cell: String,
    },
    /// Some cells of a column have a percent or currency sign and others have none, or another.
    #[error(
        "line {line}, column {column:?}: {cell:?} and {other:?} on line {other_line} are of different units: write them alike, or leave the column \
         out with --columns"
    )]
    MixedUnits {
        /// The column.
        column: String,
        /// The line.
        line: usize,
        /// Its cell.
        cell: String,
        /// A line with another unit.
        other_line: usize,
        /// Its cell.
        other: String,
    },
    /// A column that was asked for and is not there.
    #[error("there is no column {name:?}; there is {there}")]
    NoSuchColumn {
        /// What was asked for.
        name: String,
        /// The columns.
        there: String,
    },
    /// A name that several columns have.
    #[error("{count} columns are named {name:?}: {instead}")]
    AmbiguousName {
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
        /// What to do.
        instead: &'static str,
    },
    /// A column that is named twice.
    #[error("column {name:?} is named twice: name every column once")]
    NamedTwice {
        /// The name.
        name: String,
    },
    /// Names are wanted of a file that has none.
    #[error("the first line names no columns: it needs a header with {wanted}")]
    NoNames {
        /// The names.
        wanted: String,
    },
    /// No column is a series.
    #[error("no column holds only numbers that vary: name one with --columns ({reasons})")]
    NoSeries {
        /// Each column with what it is.
        reasons: String,
    },
    /// Missing values.
    #[error(
        "column {column:?} misses {count} value(s), first on line {line}: use --fill hold (the value before), --fill linear (which looks \
         ahead), or remove those lines"
    )]
    Missing {
        /// The column.
        column: String,
        /// How many.
        count: usize,
        /// The first line.
        line: usize,
    },
    /// Missing values with nothing before them.
    #[error(
        "column {column:?} begins with {count} missing value(s), from line {line}: there is nothing to hold, so remove those lines or use \
         --fill linear, which looks ahead"
    )]
    NothingToHold {
        /// The column.
        column: String,
        /// How many.
        count: usize,
        /// The first line.
        line: usize,
    },
    /// A column without any value.
    #[error("column {column:?} holds no values")]
    NoValues {
        /// The column.
        column: String,
    },
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
    #[error("--gaps fill needs --fill hold or --fill linear")]
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
    /// Several series in one file.
    #[error(
        "{count} series under each other in column {column:?} ({values}): choose one with --id {example:?}, or use --id none to take \
         all rows as one series"
    )]
    Stacked {
        /// The column that tells them apart.
        column: String,
        /// How many there are.
        count: usize,
        /// The first ones.
        values: String,
        /// A choice.
        example: String,
    },
    /// A series that is not there.
    #[error("there is no series {value:?} in column {column:?}; there is {there}")]
    NoSuchSeries {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What there is.
        there: String,
    },
    /// Several series where one is read.
    #[error("one series is read at a time: choose one of the {count} in column {column:?} with --id {example:?}")]
    SeveralSeries {
        /// The column.
        column: String,
        /// How many there are.
        count: usize,
        /// A choice.
        example: String,
    },
}

/// As much of a cell as fits into a line.
pub(super) fn shown(cell: &str) -> String {
    // Control characters would break the line it is told in.
    let mut text: String = cell.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cell.chars().nth(40).is_some() {
        text.push_str("..");
    }
    text
}
