//! A place of an axis with its label.

/// A tick.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
    /// What labels leave out, told where it changes: the day of hours, the year of days and months.
    pub(super) context: Option<String>,
}

/// The ticks of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    pub(super) ticks: Vec<Tick>,
    /// What has to be added to every label, where they would be too long otherwise.
    pub(super) base: Option<String>,
}
