//! What is shown of a forecast.

/// A run of `forebay forecast`, for people to look at.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// What was forecast how far: `sales, 12 months ahead`.
    pub(crate) title: String,
    /// 12 hex digits of the run.
    pub(crate) stamp: String,
    /// How to repeat it, as typed.
    pub(crate) command: String,
    /// A line for every column of the file, then notes.
    pub(crate) reading: Vec<String>,
    /// What was learnt from which rows, what was scored how: sentences.
    pub(crate) protocol: Vec<String>,
    pub(crate) axis: Axis,
    pub(crate) targets: Vec<Target>,
}

/// The time axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Its name: `month`.
    pub(crate) label: String,
    pub(crate) kind: AxisKind,
}

/// What places on the time axis mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisKind {
    /// Steps from 0.
    Steps,
    /// Numbers of a clock, as years or a simulation's time.
    Numbers,
    /// Seconds since 1970-01-01T00:00 in the file's own (civil) time.
    Dates,
}

/// One series that was forecast.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// Who wins by how much, in one line.
    pub(crate) verdict: String,
    /// Rows of the scores' table, first the titles.
    pub(crate) scores: Vec<Vec<String>>,
    /// Further tables with a heading each: members and weights, errors by horizon, intervals.
    pub(crate) tables: Vec<(String, Vec<Vec<String>>)>,
    /// Shifts that were found, members left out, values filled.
    pub(crate) notes: Vec<String>,
    pub(crate) test: Tested,
    pub(crate) future: Future,
}

/// The last test steps, all of one length; NaN where a value is missing.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    /// Steps between a forecast and the step it is for.
    pub(crate) horizon: usize,
    pub(crate) at: Vec<f64>,
    pub(crate) truth: Vec<f64>,
    pub(crate) forecast: Vec<f64>,
    /// Ends of the forecast's interval.
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// The forecast of the best baseline.
    pub(crate) baseline: Vec<f64>,
    pub(crate) baseline_name: String,
    /// The share of true values that the interval was asked to hold, 0 to 1.
    pub(crate) coverage: f64,
}

/// What is forecast after the last row.
#[derive(Clone, Debug)]
pub(crate) struct Future {
    pub(crate) at: Vec<f64>,
    pub(crate) middle: Vec<f64>,
    /// Intervals, the widest first; there may be none.
    pub(crate) bands: Vec<Band>,
}

/// Intervals of one coverage.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    /// The share of true values that was asked for, 0 to 1.
    pub(crate) coverage: f64,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}
