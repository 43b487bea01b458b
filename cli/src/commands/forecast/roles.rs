//! Which columns are forecast, and which are known beside them.

use anyhow::{Result, ensure};
use forebay_forecast::service::{Columns, Rows};
use ndarray::{Array2, s};

use super::Asked;
use crate::output::count;
use crate::series::Source;

/// Columns of a series by what they are for.
pub(in crate::commands) struct Roles {
    pub(crate) columns: Columns,
    /// Their places in the series.
    targets: Vec<usize>,
    past: Vec<usize>,
    ahead: Vec<usize>,
    /// Rows up to the last one that has a target; those after it hold what is known ahead.
    pub(crate) rows: usize,
    /// What was decided, a line each.
    pub(super) notes: Vec<String>,
}

/// The values by roles.
pub(super) struct Values {
    targets: Array2<f64>,
    past: Array2<f64>,
    ahead: Array2<f64>,
}

impl Roles {
    /// Targets are the columns that are named, or all that are no inputs.
    pub(crate) fn of(source: &Source, targets: &[String], asked: &Asked) -> Result<Self> {
        let (past, ahead) = (&asked.inputs, &asked.known);
        let places = |names: &[String]| -> Result<Vec<usize>> {
            let each: Result<Vec<Vec<usize>>> = names.iter().map(|name| source.places(name)).collect();
            Ok(each?.concat())
        };
        let (past, ahead) = (places(past)?, places(ahead)?);
        let targets = if targets.is_empty() {
            (0..source.columns.len()).filter(|column| !past.contains(column) && !ahead.contains(column)).collect()
        } else {
            places(targets)?
        };
        let mut all: Vec<usize> = [&targets, &past, &ahead].into_iter().flatten().copied().collect();
        all.sort_unstable();
        if let Some(twice) = all.windows(2).find(|pair| pair[0] == pair[1]) {
            anyhow::bail!("{:?} is named for two roles: a column has one", source.columns[twice[0]]);
        }
        ensure!(!targets.is_empty(), "nothing is left to forecast: name a column with --target");
        let names = |places: &[usize]| places.iter().map(|&place| source.columns[place].clone()).collect();
        let columns = Columns { targets: names(&targets), past: names(&past), ahead: names(&ahead) };
        let has_target = |row: &usize| targets.iter().any(|&column| !source.truth[[*row, column]].is_nan());
        let rows = (0..source.truth.nrows()).rev().find(has_target).map_or(0, |last| last + 1);
        let after = source.truth.nrows() - rows;
        let mut notes: Vec<String> =
            columns.past.iter().map(|name| format!("{name}: input, known up to now; not forecast")).collect();
        notes.extend(columns.ahead.iter().map(|name| format!("{name}: input, known ahead; not forecast")));
        if after > 0 {
            let what = if ahead.is_empty() { "they are left out" } else { "what is known ahead is read from them" };
            notes.push(format!("{} after the last value of a target: {what}", count(after, "row")));
        }
        Ok(Self { columns, targets, past, ahead, rows, notes })
    }

    pub(super) fn rows(&self, source: &Source) -> Values {
        let of = |places: &[usize], rows: usize| source.truth.slice(s![..rows, ..]).select(ndarray::Axis(1), places);
        Values {
            targets: of(&self.targets, self.rows),
            past: of(&self.past, self.rows),
            ahead: of(&self.ahead, source.truth.nrows()),
        }
    }
}

impl Values {
    pub(super) fn as_rows(&self) -> Rows<'_> {
        Rows { targets: self.targets.view(), past: self.past.view(), ahead: self.ahead.view() }
    }
}
