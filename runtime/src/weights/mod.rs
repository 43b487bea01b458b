//! Weight matrices, dense or sparse.

mod csr;
mod dot;
mod error;

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

pub use self::csr::Csr;
pub(crate) use self::dot::dot;
pub use self::error::WeightsError;
use self::error::check_length;

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
            Self::Sparse(sparse) => sparse.values().iter().position(|value| !value.is_finite()).map(|entry| {
                let row = sparse.row_starts().partition_point(|&start| start <= entry) - 1;
                (row, sparse.columns()[entry] as usize)
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
            Self::Sparse(sparse) => sparse.values().iter().fold(T::ZERO, larger),
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
                sparse.entries_mut(change);
            }
        }
    }
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
