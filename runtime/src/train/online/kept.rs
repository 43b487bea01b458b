//! What every kept learner begins with.

use ndarray::Array2;

use crate::keep::{KeepError, Reader};

/// Features and outputs, of which there are at least as many weights in the bytes.
pub(super) fn sizes(from: &mut Reader<'_>) -> Result<(usize, usize), KeepError> {
    let features = from.count("number of features", 1, usize::MAX)?;
    let outputs = from.count("number of outputs", 1, usize::MAX)?;
    from.must_have("weights", features.saturating_mul(outputs), size_of::<f64>())?;
    Ok((features, outputs))
}

/// `[outputs, features]`.
pub(super) fn weights(from: &mut Reader<'_>, features: usize, outputs: usize) -> Result<Array2<f64>, KeepError> {
    let values = from.floats("weights", features.saturating_mul(outputs))?;
    Array2::from_shape_vec((outputs, features), values).map_err(|why| KeepError::content("weights", why))
}
