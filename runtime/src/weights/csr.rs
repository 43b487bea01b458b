//! Matrices whose zeros are left out.

use forebay_kernels::Real;
use ndarray::Array2;

use super::dot::{LANES, sum_lanes};
use super::error::{MAX_COLUMNS, WeightsError, check_length};

/// A matrix in compressed sparse row form.
///
/// Row `i` holds `values[k]` at column `columns[k]` for `k` in `row_starts[i]..row_starts[i + 1]`, columns strictly
/// ascending.
///
/// ```
/// use forebay::weights::Csr;
///
/// let matrix = Csr::new(2, 3, vec![0, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0])?;
/// assert_eq!(matrix.matvec(&[1.0, 10.0, 100.0])?, [201.0, 30.0]);
/// # Ok::<(), forebay::weights::WeightsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Csr<T> {
    columns_count: usize,
    row_starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> Csr<T> {
    /// Builds a matrix from its three arrays.
    ///
    /// # Shapes
    /// `row_starts`: `rows + 1`, from 0 to the number of entries, never descending. `columns` and `values`: one per entry.
    /// # Errors
    /// [`WeightsError`] names the first array that breaks the layout. Values are not looked at.
    pub fn new(
        rows: usize,
        columns_count: usize,
        row_starts: Vec<usize>,
        columns: Vec<u32>,
        values: Vec<T>,
    ) -> Result<Self, WeightsError> {
        if columns_count > MAX_COLUMNS {
            return Err(WeightsError::TooManyColumns { columns: columns_count });
        }
        if rows.checked_add(1) != Some(row_starts.len()) {
            return Err(WeightsError::RowStarts { rows, found: row_starts.len() });
        }
        if columns.len() != values.len() {
            return Err(WeightsError::Entries { columns: columns.len(), values: values.len() });
        }
        if row_starts[0] != 0 || row_starts[rows] != columns.len() {
            let (first, last) = (row_starts[0], row_starts[rows]);
            return Err(WeightsError::RowStartEnds { first, last, entries: columns.len() });
        }
        if let Some(row) = row_starts.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(WeightsError::RowDescends { row });
        }
        for row in 0..rows {
            let present = &columns[row_starts[row]..row_starts[row + 1]];
            let ascending = present.windows(2).all(|pair| pair[0] < pair[1]);
            let inside = present.last().is_none_or(|&last| (last as usize) < columns_count);
            if !(ascending && inside) {
                return Err(WeightsError::RowColumns { row, columns: columns_count });
            }
        }
        Ok(Self { columns_count, row_starts, columns, values })
    }

    /// Keeps the entries of a dense matrix that are not zero.
    ///
    /// # Errors
    /// [`WeightsError::TooManyColumns`] if a column number does not fit into 32 bits.
    pub fn from_dense(dense: &Array2<T>) -> Result<Self, WeightsError> {
        let (mut row_starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in dense.rows() {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != T::ZERO) {
                columns.push(column as u32);
                values.push(value);
            }
            row_starts.push(columns.len());
        }
        Self::new(dense.nrows(), dense.ncols(), row_starts, columns, values)
    }

    /// The same matrix with every zero written out.
    pub fn to_dense(&self) -> Array2<T> {
        let mut dense = Array2::from_elem((self.rows(), self.columns_count), T::ZERO);
        for row in 0..self.rows() {
            for (column, value) in self.row(row) {
                dense[[row, column]] = value;
            }
        }
        dense
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.row_starts.len() - 1
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.columns_count
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Stored entries as a share of all entries; 0 for an empty matrix.
    pub fn density(&self) -> f64 {
        let size = self.rows() as f64 * self.columns_count as f64;
        if size > 0.0 { self.nnz() as f64 / size } else { 0.0 }
    }

    /// Where each row starts in [`columns`](Self::columns) and [`values`](Self::values), and at last their length.
    pub fn row_starts(&self) -> &[usize] {
        &self.row_starts
    }

    /// The column of every entry.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The value of every entry.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The entries of one row as pairs of column and value.
    ///
    /// # Panics
    /// If `row` is not below the number of rows.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, T)> + '_ {
        let range = self.row_starts[row]..self.row_starts[row + 1];
        self.columns[range.clone()].iter().map(|&column| column as usize).zip(self.values[range].iter().copied())
    }

    /// Changes every value, keeping its place.
    pub fn map<U: Real>(&self, change: impl Fn(T) -> U) -> Csr<U> {
        Csr {
            columns_count: self.columns_count,
            row_starts: self.row_starts.clone(),
            columns: self.columns.clone(),
            values: self.values.iter().map(|&value| change(value)).collect(),
        }
    }

    /// Changes every stored value by its column.
    pub(super) fn entries_mut(&mut self, change: impl Fn(usize, &mut T)) {
        for (&column, value) in self.columns.iter().zip(&mut self.values) {
            change(column as usize, value);
        }
    }

    /// Other values at the same places.
    pub(crate) fn with_values(&self, values: Vec<T>) -> Self {
        debug_assert_eq!(values.len(), self.values.len());
        Self { values, ..self.clone() }
    }

    /// The product with a vector, in double precision.
    ///
    /// # Errors
    /// [`WeightsError::VectorLength`] if `x` is not as long as the matrix is wide.
    pub fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, WeightsError> {
        check_length(x, self.columns_count)?;
        let mut product = vec![0.0; self.rows()];
        self.multiply_into(x, &mut product);
        Ok(product)
    }

    pub(crate) fn multiply_into(&self, x: &[f64], product: &mut [f64]) {
        for (range, sum) in self.row_starts.windows(2).zip(product) {
            let columns = self.columns[range[0]..range[1]].chunks_exact(LANES);
            let values = self.values[range[0]..range[1]].chunks_exact(LANES);
            let mut lanes = [0.0; LANES];
            for (&column, (&value, lane)) in columns.remainder().iter().zip(values.remainder().iter().zip(&mut lanes)) {
                *lane = value.to_f64() * x[column as usize];
            }
            for (columns, values) in columns.zip(values) {
                for lane in 0..LANES {
                    lanes[lane] += values[lane].to_f64() * x[columns[lane] as usize];
                }
            }
            *sum = sum_lanes(&lanes);
        }
    }
}
