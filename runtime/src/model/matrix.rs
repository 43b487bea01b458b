//! Weight matrices packed for the kernels.

use forebay_kernels::{BatchScratch, Form, PanelMatrix, Real, RowMatrix, SlicedMatrix};
use ndarray::{Array2, ArrayView2};

use crate::error::Error;
use crate::weights::{Csr, Weights};

/// A weight matrix in the layout its kernel reads: dense panels, sliced ELL, or rows for a readout.
#[derive(Clone, Debug)]
pub enum Matrix<T: Real> {
    /// Every entry stored.
    Dense(PanelMatrix<T>),
    /// Only nonzero entries stored.
    Sparse(SlicedMatrix<T>),
    /// Every entry stored, summed in a readout's order.
    Rows(RowMatrix<T>),
}

impl<T: Real> Matrix<T> {
    /// Packs a dense matrix.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn from_dense(what: &str, weights: ArrayView2<'_, T>) -> Result<Self, Error> {
        let (rows, cols) = weights.dim();
        let values = row_major(what, weights)?;
        let packed = PanelMatrix::new(rows, cols, &values).map_err(|e| Error::shape(what, "a row-major matrix", e))?;
        Ok(Self::Dense(packed))
    }

    /// Packs the weights of a readout.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn of_readout(what: &str, weights: ArrayView2<'_, T>) -> Result<Self, Error> {
        let (rows, cols) = weights.dim();
        let values = row_major(what, weights)?;
        let packed = RowMatrix::new(rows, cols, &values).map_err(|e| Error::shape(what, "a row-major matrix", e))?;
        Ok(Self::Rows(packed))
    }

    /// Packs a sparse matrix.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn from_csr(what: &str, weights: &Csr<T>) -> Result<Self, Error> {
        Error::check_finite(what, weights.values())?;
        let packed = SlicedMatrix::from_csr(
            weights.rows(),
            weights.cols(),
            weights.row_starts(),
            weights.columns(),
            weights.values(),
        )
        .map_err(|e| Error::shape(what, "a valid CSR matrix", e))?;
        Ok(Self::Sparse(packed))
    }

    /// Packs weights in the storage they come in; [`Weights::by_density`] chooses the one that is multiplied faster.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn from_weights(what: &str, weights: &Weights<T>) -> Result<Self, Error> {
        match weights {
            Weights::Dense(dense) => Self::from_dense(what, dense.view()),
            Weights::Sparse(sparse) => Self::from_csr(what, sparse),
        }
    }

    /// Packs weights by their density.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub(crate) fn by_density(what: &str, weights: Weights<T>) -> Result<Self, Error> {
        // Before zeros and values that are no numbers are compared.
        if let Weights::Dense(dense) = &weights
            && let Some((index, value)) = dense.iter().enumerate().find(|(_, value)| !value.is_finite())
        {
            return Err(Error::non_finite(what, index, *value));
        }
        Self::from_weights(what, &weights.by_density())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(m) => m.rows(),
            Self::Sparse(m) => m.rows(),
            Self::Rows(m) => m.rows(),
        }
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(m) => m.cols(),
            Self::Sparse(m) => m.cols(),
            Self::Rows(m) => m.cols(),
        }
    }

    /// Bytes of the packed weights, padding and indices included.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(m) => m.bytes(),
            Self::Sparse(m) => m.bytes(),
            Self::Rows(m) => m.bytes(),
        }
    }

    /// The weights unpacked, in their storage.
    pub fn to_weights(&self) -> Weights<T> {
        let dense = |values| {
            let shape = (self.rows(), self.cols());
            Weights::Dense(Array2::from_shape_vec(shape, values).expect("a packed matrix gives rows x cols values"))
        };
        match self {
            Self::Dense(m) => dense(m.to_row_major()),
            Self::Rows(m) => dense(m.to_row_major()),
            Self::Sparse(m) => {
                let (row_starts, columns, values) = m.to_csr();
                Weights::Sparse(
                    Csr::new(m.rows(), m.cols(), row_starts, columns, values)
                        .expect("a sliced matrix was made from a valid CSR matrix"),
                )
            }
        }
    }

    /// The weights unpacked, zeros included, `[rows, cols]`.
    pub fn to_dense(&self) -> Array2<T> {
        self.to_weights().to_dense()
    }

    /// `y += W x` for each stream; `x` is `[streams, cols]`, `y` is `[streams, rows]`.
    pub(crate) fn accumulate(&self, form: Form, streams: usize, x: &[T], y: &mut [T], scratch: &mut BatchScratch<T>) {
        match (self, streams) {
            (Self::Dense(m), 1) => m.accumulate(form, x, y),
            (Self::Sparse(m), 1) => m.accumulate(form, x, y),
            (Self::Rows(m), _) => m.accumulate(form, streams, x, y),
            (Self::Dense(m), _) => m.accumulate_batch(form, streams, x, y),
            (Self::Sparse(m), _) => m.accumulate_batch(form, streams, x, y, scratch),
        }
    }
}

/// The entries, row after row, all of them finite.
fn row_major<T: Real>(what: &str, weights: ArrayView2<'_, T>) -> Result<Vec<T>, Error> {
    let values: Vec<T> = weights.iter().copied().collect();
    Error::check_finite(what, &values)?;
    Ok(values)
}
