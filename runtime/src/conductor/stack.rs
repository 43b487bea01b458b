//! The readouts of all heads as one product.

use std::sync::Arc;

use forebay_kernels::{Form, Real, RowMatrix, all_finite};

use super::head::Head;
use crate::error::Error;

/// The weights of all heads, one below the other. Their sums are those of a model's readouts, to the bit.
#[derive(Clone, Debug)]
pub(super) struct Stack<T: Real> {
    weights: Arc<RowMatrix<T>>,
    bias: Arc<[T]>,
    form: Form,
}

impl<T: Real> Stack<T> {
    pub(super) fn of(heads: &[&Head<T>], form: Form, features: usize) -> Result<Self, Error> {
        let weights: Vec<T> = heads.iter().flat_map(|head| head.weights.iter().copied()).collect();
        let bias: Vec<T> = heads.iter().flat_map(|head| head.bias.iter().copied()).collect();
        Error::check_finite("weights of the heads", &weights)?;
        Error::check_finite("biases of the heads", &bias)?;
        let weights = RowMatrix::new(bias.len(), features, &weights)
            .map_err(|error| Error::shape("weights of the heads", "a row-major matrix", error))?;
        Ok(Self { weights: Arc::new(weights), bias: bias.into(), form })
    }

    /// Outputs of all heads.
    pub(super) fn rows(&self) -> usize {
        self.bias.len()
    }

    /// `outputs = W features + b`.
    pub(super) fn multiply(&self, features: &[T], outputs: &mut [T]) {
        outputs.copy_from_slice(&self.bias);
        self.weights.accumulate(self.form, 1, features, outputs);
    }

    pub(super) fn is_finite(&self, outputs: &[T]) -> bool {
        all_finite(self.form, outputs)
    }
}
