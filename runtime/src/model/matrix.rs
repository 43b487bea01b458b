//! Weight matrices packed for the kernels.

use forebay_kernels::{BatchScratch, Form, PanelMatrix, Real, SlicedMatrix};
use ndarray::{Array2, ArrayView2};

use crate::error::Error;
use crate::weights::{Csr, Weights};

/// A weight matrix in the layout its kernel reads: dense panels or sliced ELL.
#[derive(Clone, Debug)]
pub enum Matrix<T: Real> {
    /// Every entry stored.
    Dense(PanelMatrix<T>),
    /// Only nonzero entries stored.
    Sparse(SlicedMatrix<T>),
}

impl<T: Real> Matrix<T> {
    /// Packs a dense matrix.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn from_dense(what: &str, weights: ArrayView2<'_, T>) -> Result<Self, Error> {
        let (rows, cols) = weights.dim();
        let standard = weights.as_standard_layout();
        let values = standard.as_slice().expect("standard layout is contiguous");
        Error::check_finite(what, values)?;
        let packed = PanelMatrix::new(rows, cols, values).map_err(|e| Error::shape(what, "a row-major matrix", e))?;
        Ok(Self::Dense(packed))
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

    /// Packs weights in the storage they come in.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming `what`.
    pub fn from_weights(what: &str, weights: &Weights<T>) -> Result<Self, Error> {
        match weights {
            Weights::Dense(dense) => Self::from_dense(what, dense.view()),
            Weights::Sparse(sparse) => Self::from_csr(what, sparse),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(m) => m.rows(),
            Self::Sparse(m) => m.rows(),
        }
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(m) => m.cols(),
            Self::Sparse(m) => m.cols(),
        }
    }

    /// Bytes of the packed weights, padding and indices included.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(m) => m.bytes(),
            Self::Sparse(m) => m.bytes(),
        }
    }

    /// The weights unpacked, in their storage.
    pub fn to_weights(&self) -> Weights<T> {
        match self {
            Self::Dense(m) => Weights::Dense(
                Array2::from_shape_vec((m.rows(), m.cols()), m.to_row_major())
                    .expect("a panel matrix gives rows x cols values"),
            ),
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
            (Self::Dense(m), _) => m.accumulate_batch(form, streams, x, y),
            (Self::Sparse(m), _) => m.accumulate_batch(form, streams, x, y, scratch),
        }
    }
}
