//! Rows of numbers in the layout that products read.

use crate::aligned::Aligned;

/// Columns of a panel: whole tiles of every form, 24 or 8 rows by 8 or 6 columns.
pub(super) const WIDTH: usize = 24;

/// A matrix of `depth` rows, cut into panels of 24 columns that lie one after the other, each row-major.
///
/// Columns beyond the last are zero. A product of two such matrices walks down both, a cache line or two at a time.
#[derive(Clone, Debug, Default)]
pub struct Panels {
    columns: usize,
    depth: usize,
    values: Aligned<f64>,
}

impl Panels {
    /// Zeros, `[depth, columns]`.
    pub fn zeros(depth: usize, columns: usize) -> Self {
        Self { columns, depth, values: Aligned::zeros(columns.div_ceil(WIDTH) * WIDTH * depth) }
    }

    /// Number of rows.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Writes row `t`.
    ///
    /// # Shapes
    /// `row`: `[columns]`.
    /// # Panics
    /// If there is no such row or the length disagrees.
    pub fn set_row(&mut self, t: usize, row: &[f64]) {
        assert!(t < self.depth && row.len() == self.columns, "row {t} of {} columns", self.columns);
        for (panel, part) in row.chunks(WIDTH).enumerate() {
            self.values[(panel * self.depth + t) * WIDTH..][..part.len()].copy_from_slice(part);
        }
    }

    /// Writes row `t` less a shift.
    ///
    /// # Shapes
    /// `row`, `shift`: `[columns]`.
    /// # Panics
    /// If there is no such row or a length disagrees.
    pub fn set_row_less(&mut self, t: usize, row: &[f64], shift: &[f64]) {
        assert!(t < self.depth && row.len() == self.columns && shift.len() == row.len(), "row {t} of {}", self.columns);
        for (panel, (part, shift)) in row.chunks(WIDTH).zip(shift.chunks(WIDTH)).enumerate() {
            let to = &mut self.values[(panel * self.depth + t) * WIDTH..][..part.len()];
            to.iter_mut().zip(part).zip(shift).for_each(|((to, value), shift)| *to = value - shift);
        }
    }

    /// Writes element `(t, column)`.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn set(&mut self, t: usize, column: usize, value: f64) {
        assert!(t < self.depth && column < self.columns, "no element ({t}, {column})");
        self.values[(column / WIDTH * self.depth + t) * WIDTH + column % WIDTH] = value;
    }

    /// The parts of row `t`, 24 columns each but the last, to read.
    pub fn row(&self, t: usize) -> impl Iterator<Item = &[f64]> {
        let starts = (0..self.columns).step_by(WIDTH);
        starts.enumerate().map(move |(panel, start)| {
            &self.values[(panel * self.depth + t) * WIDTH..][..WIDTH.min(self.columns - start)]
        })
    }

    /// The parts of row `t`, 24 columns each but the last, to write.
    pub fn row_mut(&mut self, t: usize) -> impl Iterator<Item = &mut [f64]> {
        let (depth, columns) = (self.depth, self.columns);
        let panels = self.values.chunks_exact_mut((depth * WIDTH).max(1));
        panels.enumerate().map(move |(panel, values)| &mut values[t * WIDTH..][..WIDTH.min(columns - panel * WIDTH)])
    }

    /// All panels, `[depth, 24]` each.
    pub(super) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Takes `[rows, depth]` of a column-major matrix, `stride` numbers from column to column: its rows become columns.
    pub(super) fn pack_columns(&mut self, rows: usize, depth: usize, stride: usize, from: &[f64]) {
        let size = rows.div_ceil(WIDTH) * WIDTH * depth;
        self.values.resize(size);
        (self.columns, self.depth) = (rows, depth);
        for k in 0..depth {
            let column = &from[k * stride..][..rows];
            for (panel, part) in column.chunks(WIDTH).enumerate() {
                let to = &mut self.values[(panel * depth + k) * WIDTH..][..WIDTH];
                to[..part.len()].copy_from_slice(part);
                to[part.len()..].fill(0.0);
            }
        }
    }

    /// Panel `panel`, from its column `column` on: element `(t, j)` lies at `t * WIDTH + j`.
    pub(super) fn panel_at(&self, column: usize) -> &[f64] {
        let (panel, within) = (column / WIDTH, column % WIDTH);
        &self.values[panel * self.depth * WIDTH..][within..self.depth * WIDTH]
    }

    /// Element `(t, column)`.
    pub(super) fn at(&self, t: usize, column: usize) -> f64 {
        self.values[(column / WIDTH * self.depth + t) * WIDTH + column % WIDTH]
    }
}
