//! Rows of a table by their roles.

use ndarray::{Array2, ArrayView2, s};

use super::ServiceError;

/// Rows of targets and of what is known beside them; NaN where a value is missing.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// `[rows, targets]`.
    pub targets: ArrayView2<'a, f64>,
    /// `[rows, P]`: inputs known up to now.
    pub past: ArrayView2<'a, f64>,
    /// `[rows or more, Q]`: inputs known ahead, also of rows that have no targets yet.
    pub ahead: ArrayView2<'a, f64>,
}

impl<'a> Rows<'a> {
    /// Without inputs.
    pub fn of_targets(targets: ArrayView2<'a, f64>) -> Self {
        let rows = targets.nrows();
        let none = |rows| ArrayView2::from_shape((rows, 0), &[]).expect("no values");
        Self { targets, past: none(rows), ahead: none(rows) }
    }

    /// The first rows, with all that is known ahead.
    ///
    /// # Panics
    /// If there are fewer rows.
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        Self {
            targets: self.targets.slice_move(s![..rows, ..]),
            past: self.past.slice_move(s![..rows, ..]),
            ahead: self.ahead,
        }
    }

    /// The rows that follow the first ones.
    ///
    /// # Panics
    /// If there are fewer rows.
    #[must_use]
    pub fn after(&self, rows: usize) -> Self {
        Self {
            targets: self.targets.slice_move(s![rows.., ..]),
            past: self.past.slice_move(s![rows.., ..]),
            ahead: self.ahead.slice_move(s![rows.min(self.ahead.nrows()).., ..]),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.targets.nrows()
    }

    pub(super) fn check(&self) -> Result<(), ServiceError> {
        let (rows, columns) = self.targets.dim();
        if columns == 0 {
            return Err(ServiceError::NoTarget);
        }
        let found = (rows, self.past.nrows(), self.ahead.nrows());
        let fits = self.past.nrows() == rows && (self.ahead.ncols() == 0 || self.ahead.nrows() >= rows);
        if fits { Ok(()) } else { Err(ServiceError::Lengths { targets: found.0, past: found.1, ahead: found.2 }) }
    }

    /// `[rows + horizon, Q]`: what is known ahead, NaN where it is not.
    pub(super) fn known(&self, horizon: usize) -> Array2<f64> {
        let shape = (self.count() + horizon, self.ahead.ncols());
        Array2::from_shape_fn(shape, |place| self.ahead.get(place).copied().unwrap_or(f64::NAN))
    }

    /// What is known ahead of a row, NaN where it is not.
    pub(super) fn known_of(&self, row: usize) -> Vec<f64> {
        (0..self.ahead.ncols()).map(|column| self.ahead.get((row, column)).copied().unwrap_or(f64::NAN)).collect()
    }
}
