//! What a reader of tables is told, and what it decides where it is told nothing.

/// How a file is read; by default everything is told from the file, and what the file leaves open is refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Which columns are series.
    pub columns: Choice,
    /// Which column is the clock.
    pub clock: ClockChoice,
    /// Which column tells apart series that stand under each other.
    pub id: IdChoice,
    /// Whether the first line names the columns; none: told from its cells.
    pub header: Option<Header>,
    /// What stands between cells; none: told from the first lines.
    pub delimiter: Option<Delimiter>,
    /// The mark before decimals; none: told from the columns.
    pub decimal: Option<Decimal>,
    /// Whether `01/02/2024` is the first of February; none: told from a day above 12.
    pub day_first: Option<bool>,
    /// Cells that mean "no value", beside the empty one, `NA`, `N/A`, `#N/A`, `NaN`, `null`, `None`, `nil`, `-` and `.`; numbers are
    /// compared as numbers.
    pub missing: Vec<String>,
    /// What is done about missing values.
    pub fill: Fill,
    /// What is done about steps that are missing, or uneven.
    pub gaps: Gaps,
    /// What is done about several rows of one time.
    pub duplicates: Duplicates,
    /// Whether rows are put into the order of the clock where they are not.
    pub sort: bool,
}

/// Which columns are series.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Choice {
    /// All that hold numbers, but clocks, ids and constants.
    #[default]
    All,
    /// These, by name or by number from 1.
    Columns(Vec<String>),
    /// These, by name alone: a number is a name like any other, and a file without a header has none.
    Names(Vec<String>),
}

/// Which column is the clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClockChoice {
    /// Told from names and cells.
    #[default]
    Told,
    /// None: rows are steps.
    Without,
    /// This one, by name or number.
    Column(String),
}

/// Which column tells apart series that stand under each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum IdChoice {
    /// If there is one, the file is refused.
    #[default]
    Told,
    /// None: all rows are one series.
    Without,
    /// Each value of this column is a series of its own: for [`read_all`](super::read_all).
    Column(String),
    /// The rows that have this value in this column.
    Series {
        /// The column, by name or number.
        column: String,
        /// Its cell.
        value: String,
    },
}

/// What the first line of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It names the columns.
    Yes,
    /// It is data.
    No,
}

/// What stands between the cells of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
    /// One or more blanks or tabs.
    Blanks,
    /// Nothing: a line is one cell.
    Nothing,
}

/// The mark before decimals; the other one, blanks and `'` may stand between groups of three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
}

/// What is done about missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Refused, with their count and the first line.
    #[default]
    Refuse,
    /// The last value before; nothing looks ahead.
    Hold,
    /// The line between the values on both sides, at the ends the nearest one. This looks ahead.
    Linear,
    /// They stay missing, as NaN, for what can live with gaps; rows that [`Gaps::Fill`] puts in have no values then.
    Mark,
}

/// What is done about steps that are missing between rows, or uneven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// Refused, with the first place and the count.
    #[default]
    Refuse,
    /// A row without values is put in for every missing step; these stay missing.
    Mark,
    /// A row is put in for every missing step, and filled as [`Fill`] says.
    Fill,
    /// Rows are taken as evenly spaced, whatever the clock says.
    Ignore,
}

/// What is done about several rows of one time; rows in another order than the clock are sorted where this is not
/// [`Refuse`](Self::Refuse).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// Refused, with both lines.
    #[default]
    Refuse,
    /// The first row counts.
    First,
    /// The last row counts, as after a restart of a simulation.
    Last,
    /// The mean of the rows counts, value by value.
    Mean,
}
