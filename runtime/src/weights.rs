//! Weight matrices, dense or sparse.

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

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

/// A weight matrix in the form that suits its density.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights<T> {
    /// Every entry is stored.
    Dense(Array2<T>),
    /// Only entries that are present are stored.
    Sparse(Csr<T>),
}

/// Below this share of entries that are not zero, a product that skips zeros is the faster one.
pub(crate) const SPARSE_BELOW: f64 = 0.3;

impl<T: Real> Weights<T> {
    /// The same matrix in the form that is multiplied faster: sparse if fewer than 30 % of its entries are not zero.
    /// Products are the same bits in both, but for the sign of a sum that is zero.
    #[must_use]
    pub fn by_density(self) -> Self {
        let size = self.rows() as f64 * self.cols() as f64;
        let is_sparse = |entries: usize| (entries as f64) < SPARSE_BELOW * size;
        match self {
            Self::Dense(dense) if is_sparse(dense.iter().filter(|value| **value != T::ZERO).count()) => {
                Csr::from_dense(&dense).map_or(Self::Dense(dense), Self::Sparse)
            }
            Self::Sparse(sparse) if !is_sparse(sparse.nnz()) => Self::Dense(sparse.to_dense()),
            same => same,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.nrows(),
            Self::Sparse(sparse) => sparse.rows(),
        }
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.ncols(),
            Self::Sparse(sparse) => sparse.cols(),
        }
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.len(),
            Self::Sparse(sparse) => sparse.nnz(),
        }
    }

    /// Multiplies every entry by `factor`.
    pub fn scale(&mut self, factor: T) {
        self.entries_mut(|_, value| *value *= factor);
    }

    /// Multiplies every entry of column `c` by `factors[c]`.
    ///
    /// # Errors
    /// [`WeightsError::VectorLength`] if there is not one factor per column.
    pub fn scale_columns(&mut self, factors: &[T]) -> Result<(), WeightsError> {
        check_length(factors, self.cols())?;
        self.entries_mut(|column, value| *value *= factors[column]);
        Ok(())
    }

    /// Checks that no entry is NaN or infinite.
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`] with the place of the first such entry.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        let bad = match self {
            Self::Dense(dense) => dense.indexed_iter().find(|(_, value)| !value.is_finite()).map(|(place, _)| place),
            Self::Sparse(sparse) => sparse.values.iter().position(|value| !value.is_finite()).map(|entry| {
                let row = sparse.row_starts.partition_point(|&start| start <= entry) - 1;
                (row, sparse.columns[entry] as usize)
            }),
        };
        match bad {
            Some((row, column)) => Err(WeightsError::NotFinite { row, column }),
            None => Ok(()),
        }
    }

    /// The largest absolute value; 0 without entries.
    pub(crate) fn largest_entry(&self) -> T {
        let larger = |largest: T, value: &T| if value.abs() > largest { value.abs() } else { largest };
        match self {
            Self::Dense(dense) => dense.iter().fold(T::ZERO, larger),
            Self::Sparse(sparse) => sparse.values.iter().fold(T::ZERO, larger),
        }
    }

    /// Changes every stored value, keeping its place.
    pub fn map<U: Real>(&self, change: impl Fn(T) -> U) -> Weights<U> {
        match self {
            Self::Dense(dense) => Weights::Dense(dense.mapv(change)),
            Self::Sparse(sparse) => Weights::Sparse(sparse.map(change)),
        }
    }

    /// The same matrix with every zero written out.
    pub fn to_dense(&self) -> Array2<T> {
        match self {
            Self::Dense(dense) => dense.clone(),
            Self::Sparse(sparse) => sparse.to_dense(),
        }
    }

    /// The product with a vector, in double precision.
    ///
    /// # Errors
    /// [`WeightsError::VectorLength`] if `x` is not as long as the matrix is wide.
    pub fn matvec(&self, x: &[f64]) -> Result<Vec<f64>, WeightsError> {
        check_length(x, self.cols())?;
        let mut product = vec![0.0; self.rows()];
        self.multiply_into(x, &mut product);
        Ok(product)
    }

    pub(crate) fn multiply_into(&self, x: &[f64], product: &mut [f64]) {
        match self {
            Self::Dense(dense) => {
                for (row, sum) in dense.rows().into_iter().zip(product) {
                    *sum = match row.as_slice() {
                        Some(row) => dot(row, x),
                        None => dot(&row.to_vec(), x),
                    };
                }
            }
            Self::Sparse(sparse) => sparse.multiply_into(x, product),
        }
    }

    /// `product = A^T x`, row after row.
    pub(crate) fn multiply_transposed_into(&self, x: &[f64], product: &mut [f64]) {
        product.fill(0.0);
        match self {
            Self::Dense(dense) => {
                for (row, &x) in dense.rows().into_iter().zip(x) {
                    row.iter().zip(&mut *product).for_each(|(value, sum)| *sum += value.to_f64() * x);
                }
            }
            Self::Sparse(sparse) => {
                for (row, &x) in x.iter().enumerate() {
                    sparse.row(row).for_each(|(column, value)| product[column] += value.to_f64() * x);
                }
            }
        }
    }

    fn entries_mut(&mut self, change: impl Fn(usize, &mut T)) {
        match self {
            Self::Dense(dense) => dense.indexed_iter_mut().for_each(|((_, column), value)| change(column, value)),
            Self::Sparse(sparse) => {
                for (&column, value) in sparse.columns.iter().zip(&mut sparse.values) {
                    change(column as usize, value);
                }
            }
        }
    }
}

/// What is wrong with the arrays or numbers of a weight matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Column numbers have 32 bits.
    #[error("{columns} columns: at most {MAX_COLUMNS} are possible")]
    TooManyColumns {
        /// Columns asked for.
        columns: usize,
    },
    /// `row_starts` needs one entry per row and one more.
    #[error("{found} row starts for {rows} rows: one more than rows is needed")]
    RowStarts {
        /// Rows of the matrix.
        rows: usize,
        /// Length of `row_starts`.
        found: usize,
    },
    /// Every entry needs a column and a value.
    #[error("{columns} columns but {values} values")]
    Entries {
        /// Length of `columns`.
        columns: usize,
        /// Length of `values`.
        values: usize,
    },
    /// `row_starts` must go from 0 to the number of entries.
    #[error("row starts go from {first} to {last}, expected 0 to {entries}")]
    RowStartEnds {
        /// First row start.
        first: usize,
        /// Last row start.
        last: usize,
        /// Number of entries.
        entries: usize,
    },
    /// A row ends before it starts.
    #[error("row {row} ends before it starts")]
    RowDescends {
        /// The row.
        row: usize,
    },
    /// The columns of a row must be strictly ascending and inside the matrix.
    #[error("columns of row {row} are not strictly ascending below {columns}")]
    RowColumns {
        /// The row.
        row: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// An entry is NaN or infinite.
    #[error("entry at row {row}, column {column} is not finite")]
    NotFinite {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
    },
    /// A vector does not fit the matrix.
    #[error("vector has {found} entries, expected {expected}")]
    VectorLength {
        /// Length found.
        found: usize,
        /// Length needed.
        expected: usize,
    },
}

const MAX_COLUMNS: usize = u32::MAX as usize;

/// Independent partial sums of a dot product. Their number and order are fixed, so the result is the same everywhere.
const LANES: usize = 8;

/// The dot product over the common length of two vectors.
pub(crate) fn dot<T: Real>(a: &[T], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut lanes = [0.0; LANES];
    for (lane, (&x, &y)) in lanes.iter_mut().zip(a.remainder().iter().zip(b.remainder())) {
        *lane = x.to_f64() * y;
    }
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane].to_f64() * b[lane];
        }
    }
    sum_lanes(&lanes)
}

fn sum_lanes(lanes: &[f64; LANES]) -> f64 {
    ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
}

fn check_length<T>(vector: &[T], expected: usize) -> Result<(), WeightsError> {
    if vector.len() == expected { Ok(()) } else { Err(WeightsError::VectorLength { found: vector.len(), expected }) }
}

impl<T: Clone> From<ArrayView2<'_, T>> for Weights<T> {
    fn from(dense: ArrayView2<'_, T>) -> Self {
        Self::Dense(dense.to_owned())
    }
}

impl<T> From<Array2<T>> for Weights<T> {
    fn from(dense: Array2<T>) -> Self {
        Self::Dense(dense)
    }
}

impl<T> From<Csr<T>> for Weights<T> {
    fn from(sparse: Csr<T>) -> Self {
        Self::Sparse(sparse)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn example() -> Array2<f64> {
        array![[0.0, 1.5, 0.0, -2.0], [0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.25, 0.0]]
    }

    #[test]
    fn dense_to_sparse_and_back() {
        let sparse = Csr::from_dense(&example()).unwrap();
        assert_eq!(sparse.row_starts(), [0, 2, 2, 4]);
        assert_eq!(sparse.columns(), [1, 3, 0, 2]);
        assert_eq!(sparse.nnz(), 4);
        assert_eq!(sparse.density(), 4.0 / 12.0);
        assert_eq!(sparse.to_dense(), example());
    }

    #[test]
    fn both_forms_give_the_same_product() {
        let mut stream = crate::random::Seed(1).stream("product");
        for columns in [1, 7, 8, 9, 40] {
            let dense = Array2::from_shape_fn((5, columns), |_| stream.normal());
            let x: Vec<f64> = (0..columns).map(|_| stream.normal()).collect();
            let expected = dense.dot(&ndarray::aview1(&x));
            let sparse = Weights::Sparse(Csr::from_dense(&dense).unwrap()).matvec(&x).unwrap();
            let transposed_twice = Weights::Dense(dense.t().as_standard_layout().into_owned().reversed_axes());
            assert_eq!(Weights::Dense(dense).matvec(&x).unwrap(), sparse);
            assert_eq!(transposed_twice.matvec(&x).unwrap(), sparse);
            for (found, expected) in sparse.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn scaling_and_mapping_keep_places() {
        for mut weights in [Weights::Dense(example()), Weights::Sparse(Csr::from_dense(&example()).unwrap())] {
            weights.scale(2.0);
            weights.scale_columns(&[1.0, 10.0, 100.0, -1.0]).unwrap();
            let expected = array![[0.0, 30.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0], [6.0, 0.0, 50.0, 0.0]];
            assert_eq!(weights.to_dense(), expected);
            assert_eq!(weights.map(|value| value as f32).to_dense(), expected.mapv(|value| value as f32));
            let error = weights.scale_columns(&[1.0]).unwrap_err();
            assert_eq!(error, WeightsError::VectorLength { found: 1, expected: 4 });
            assert_eq!(weights.matvec(&[]).unwrap_err(), WeightsError::VectorLength { found: 0, expected: 4 });
        }
    }

    #[test]
    fn the_first_entry_that_is_not_finite_is_named() {
        let mut dense = example();
        assert_eq!(Weights::Dense(dense.clone()).check_finite(), Ok(()));
        dense[[2, 2]] = f64::NAN;
        let expected = Err(WeightsError::NotFinite { row: 2, column: 2 });
        assert_eq!(Weights::Sparse(Csr::from_dense(&dense).unwrap()).check_finite(), expected);
        assert_eq!(Weights::Dense(dense).check_finite(), expected);
    }

    #[test]
    fn broken_layouts_are_refused() {
        let build = |row_starts: &[usize], columns: &[u32], values: usize| {
            Csr::new(2, 3, row_starts.to_vec(), columns.to_vec(), vec![1.0; values]).unwrap_err()
        };
        assert_eq!(build(&[0, 1], &[0], 1), WeightsError::RowStarts { rows: 2, found: 2 });
        assert_eq!(build(&[0, 1, 2], &[0, 1], 1), WeightsError::Entries { columns: 2, values: 1 });
        assert_eq!(build(&[0, 1, 3], &[0, 1], 2), WeightsError::RowStartEnds { first: 0, last: 3, entries: 2 });
        assert_eq!(build(&[1, 1, 2], &[0, 1], 2), WeightsError::RowStartEnds { first: 1, last: 2, entries: 2 });
        assert_eq!(build(&[0, 3, 2], &[0, 1], 2), WeightsError::RowDescends { row: 1 });
        assert_eq!(build(&[0, 2, 2], &[1, 1], 2), WeightsError::RowColumns { row: 0, columns: 3 });
        assert_eq!(build(&[0, 0, 2], &[1, 3], 2), WeightsError::RowColumns { row: 1, columns: 3 });
        let wide = Csr::<f64>::new(0, usize::MAX, vec![0], vec![], vec![]).unwrap_err();
        assert_eq!(wide, WeightsError::TooManyColumns { columns: usize::MAX });
        let tall = Csr::<f64>::new(usize::MAX, 1, vec![], vec![], vec![]).unwrap_err();
        assert_eq!(tall, WeightsError::RowStarts { rows: usize::MAX, found: 0 });
    }
}
