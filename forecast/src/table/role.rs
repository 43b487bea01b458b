//! What a column was taken for, or why it is left out.

use std::fmt;

/// What a column was taken for.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// It says what time a row is of, alone or with others.
    Clock,
    /// A series.
    Series,
    /// It tells apart series that stand under each other.
    Id,
    /// It is not used.
    LeftOut(LeftOut),
}

/// Why a column is left out.
#[derive(Clone, Debug, PartialEq)]
pub enum LeftOut {
    /// Text, as in this cell.
    Text {
        /// The first cell that is no number.
        cell: String,
        /// Its line.
        line: usize,
    },
    /// No cell has a value.
    Empty,
    /// All values are the same, and other columns vary.
    Constant {
        /// The value.
        value: f64,
    },
    /// It rises with the rows as the clock does.
    SecondClock,
    /// Others were named.
    NotNamed,
    /// It holds numbers that cannot be told for certain, and others were named.
    Unclear,
}

impl Role {
    /// The role in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Clock => "is the clock".to_owned(),
            Self::Series => "is a series".to_owned(),
            Self::Id => "tells series apart".to_owned(),
            Self::LeftOut(why) => format!("left out: {why}"),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { cell, line } => write!(f, "text ({cell:?} on line {line})"),
            Self::Empty => f.write_str("empty"),
            Self::Constant { value } => write!(f, "constant ({value} on every line)"),
            Self::SecondClock => f.write_str("it rises evenly or is named as a clock, beside the clock"),
            Self::NotNamed => f.write_str("not named"),
            Self::Unclear => f.write_str("not named, and not read"),
        }
    }
}
