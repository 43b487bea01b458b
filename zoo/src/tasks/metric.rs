//! What a task's scores are: said once by the task, and read by every table, ranking, report and plot.

use std::fmt;

use serde::Serialize;

pub use forebay::search::Better;

/// A kind of score. It is displayed as its name with its unit.
///
/// ```
/// use forebay_zoo::tasks::{Better, Metric};
///
/// let metric = Metric { name: "valid time", unit: "steps", better: Better::Larger };
/// assert_eq!(metric.to_string(), "valid time, steps");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// What it is, with its definition in short.
    pub name: &'static str,
    /// Its unit; empty for a pure number.
    pub unit: &'static str,
    /// Its direction.
    pub better: Better,
}

impl Metric {
    /// An error without a unit.
    pub(super) const fn error(name: &'static str) -> Self {
        Self { name, unit: "", better: Better::Smaller }
    }

    /// A time or a capacity.
    pub(super) const fn gain(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, better: Better::Larger }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.unit.is_empty() { Ok(()) } else { write!(f, ", {}", self.unit) }
    }
}
