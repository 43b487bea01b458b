//! Bringing columns to a common scale, and back.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::stats;

/// An affine map per column, `z = (x - offset) / scale`.
///
/// A column is constant, and only shifted, if all its values are equal or its scale is at most 1e-14 of its offset: that is
/// rounding.
///
/// ```
/// use forebay_zoo::scalers::Scaler;
/// use ndarray::array;
///
/// let series = array![[1.0, 10.0], [3.0, 10.0]];
/// let scaler = Scaler::standardise(series.view())?;
/// let scaled = scaler.transform(series.view())?;
/// assert_eq!(scaled, array![[-1.0, 0.0], [1.0, 0.0]]);
/// assert!(scaler.is_constant(1));
/// assert_eq!(scaler.inverse(scaled.view())?, series);
/// # Ok::<(), forebay_zoo::scalers::ScalerError>(())
/// ```
///
/// Reading a scaler back refuses a column whose offset is not finite or whose scale is not finite and above 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Scaler {
    columns: Vec<Column>,
}

/// The layout of a [`Scaler`] as it comes from a file.
#[derive(Deserialize)]
struct Unchecked {
    columns: Vec<Column>,
}

impl TryFrom<Unchecked> for Scaler {
    type Error = ScalerError;

    fn try_from(Unchecked { columns }: Unchecked) -> Result<Self, ScalerError> {
        let usable = |c: &Column| c.offset.is_finite() && c.scale.is_finite() && c.scale > 0.0;
        match columns.iter().position(|c| !usable(c)) {
            Some(column) => {
                let Column { offset, scale, .. } = columns[column];
                Err(ScalerError::Map { column, offset, scale })
            }
            None => Ok(Self { columns }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    offset: f64,
    scale: f64,
    constant: bool,
}

/// Why a series cannot be scaled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScalerError {
    /// Nothing to measure.
    #[error("the series is empty")]
    Empty,
    /// NaN, infinity, or values whose spread leaves the range of numbers.
    #[error("row {row}, column {column} holds {value}: every value must be finite, and its square too")]
    NonFinite {
        /// The step.
        row: usize,
        /// The feature.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A stored map that cannot be undone.
    #[error("column {column} has offset {offset} and scale {scale}: both must be finite, the scale above 0")]
    Map {
        /// The feature.
        column: usize,
        /// Its stored offset.
        offset: f64,
        /// Its stored scale.
        scale: f64,
    },
    /// Another number of columns than was fitted.
    #[error("the scaler was fitted to {expected} columns, the series has {found}")]
    Columns {
        /// Columns fitted.
        expected: usize,
        /// Columns given.
        found: usize,
    },
}

impl Scaler {
    /// Mean 0 and (population) standard deviation 1 per column; a constant column is only shifted.
    ///
    /// # Shapes
    /// `series`: `[steps, features]`.
    ///
    /// # Errors
    /// [`ScalerError::Empty`], [`ScalerError::NonFinite`].
    pub fn standardise(series: ArrayView2<'_, f64>) -> Result<Self, ScalerError> {
        Self::fit(series, |column| {
            let (n, mean) = (column.len() as f64, stats::mean(column));
            // Squares of extreme values leave the range of numbers, those of values over a power of two do not.
            let largest = column.iter().fold(0.0, |largest: f64, x| largest.max((x - mean).abs()));
            let is_usual = largest == 0.0 || (1e-140..1e140).contains(&largest);
            let unit = if is_usual { 1.0 } else { libm::scalbn(1.0, libm::ilogb(largest).max(-1022)) };
            let variance = column.iter().map(|x| (x - mean) / unit).map(|z| z * z).sum::<f64>() / n;
            (mean, variance.sqrt() * unit)
        })
    }

    /// Smallest value -1 and largest 1 per column; a constant column is only shifted.
    ///
    /// # Shapes
    /// `series`: `[steps, features]`.
    ///
    /// # Errors
    /// [`ScalerError::Empty`], [`ScalerError::NonFinite`].
    pub fn min_max(series: ArrayView2<'_, f64>) -> Result<Self, ScalerError> {
        Self::fit(series, |column| {
            let low = column.iter().copied().fold(f64::INFINITY, f64::min);
            let high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (f64::midpoint(low, high), (high - low) / 2.0)
        })
    }

    fn fit(series: ArrayView2<'_, f64>, measure: impl Fn(&[f64]) -> (f64, f64)) -> Result<Self, ScalerError> {
        if series.is_empty() {
            return Err(ScalerError::Empty);
        }
        let bad =
            |((row, column), value): ((usize, usize), &f64)| ScalerError::NonFinite { row, column, value: *value };
        if let Some(found) = series.indexed_iter().find(|(_, v)| !(*v * *v).is_finite()) {
            return Err(bad(found));
        }
        let columns = series.columns().into_iter().map(|column| {
            let column = column.to_vec();
            if column.iter().all(|x| *x == column[0]) {
                // The mean of many equal values can be off by more than a rounding.
                return Column { offset: column[0], scale: 1.0, constant: true };
            }
            let (offset, scale) = measure(&column);
            let constant = scale <= 1e-14 * offset.abs();
            Column { offset, scale: if constant { 1.0 } else { scale }, constant }
        });
        Ok(Self { columns: columns.collect() })
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Whether a fitted column held one value only.
    pub fn is_constant(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|c| c.constant)
    }

    /// The map of some of the columns, in the order given.
    ///
    /// # Errors
    /// [`ScalerError::Columns`] for a column that was not fitted.
    pub fn select(&self, columns: &[usize]) -> Result<Self, ScalerError> {
        let pick = |&c: &usize| {
            self.columns.get(c).copied().ok_or(ScalerError::Columns { expected: self.columns.len(), found: c + 1 })
        };
        Ok(Self { columns: columns.iter().map(pick).collect::<Result<_, _>>()? })
    }

    /// To the common scale.
    ///
    /// # Errors
    /// [`ScalerError::Columns`].
    pub fn transform(&self, series: ArrayView2<'_, f64>) -> Result<Array2<f64>, ScalerError> {
        self.map(series, |c, x| (x - c.offset) / c.scale)
    }

    /// Back to the original scale.
    ///
    /// # Errors
    /// [`ScalerError::Columns`].
    pub fn inverse(&self, series: ArrayView2<'_, f64>) -> Result<Array2<f64>, ScalerError> {
        self.map(series, |c, z| z * c.scale + c.offset)
    }

    fn map(&self, series: ArrayView2<'_, f64>, f: impl Fn(&Column, f64) -> f64) -> Result<Array2<f64>, ScalerError> {
        if series.ncols() != self.columns.len() {
            return Err(ScalerError::Columns { expected: self.columns.len(), found: series.ncols() });
        }
        Ok(Array2::from_shape_fn(series.dim(), |(t, j)| f(&self.columns[j], series[[t, j]])))
    }
}

#[cfg(test)]
mod tests {
    use super::{Scaler, ScalerError};
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scaling_is_undone_and_has_its_moments(values in proptest::collection::vec(-1e6_f64..1e6, 4..60)) {
            let series = Array2::from_shape_vec((values.len() / 2, 2), values[..values.len() / 2 * 2].to_vec())?;
            for scaler in [Scaler::standardise(series.view())?, Scaler::min_max(series.view())?] {
                let scaled = scaler.transform(series.view())?;
                let back = scaler.inverse(scaled.view())?;
                prop_assert!(back.iter().zip(&series).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + b.abs())));
            }
            let scaled = Scaler::standardise(series.view())?.transform(series.view())?;
            let mean = scaled.column(0).sum() / scaled.nrows() as f64;
            prop_assert!(mean.abs() < 1e-6);
            let scaled = Scaler::min_max(series.view())?.transform(series.view())?;
            prop_assert!(scaled.iter().all(|z| z.abs() <= 1.0 + 1e-12));
        }
    }

    #[test]
    fn stored_scalers_are_checked() -> Result<(), Box<dyn std::error::Error>> {
        let scaler = Scaler::standardise(array![[1.0, 0.1], [2.0, 0.1], [4.0, 0.1]].view())?;
        let text = serde_json::to_string(&scaler)?;
        assert_eq!(serde_json::from_str::<Scaler>(&text)?, scaler);
        for scale in ["0.0", "-1.0"] {
            let bad = format!(r#"{{"columns":[{{"offset":0.0,"scale":{scale},"constant":false}}]}}"#);
            let message = serde_json::from_str::<Scaler>(&bad).expect_err("no inverse").to_string();
            assert!(message.contains("column 0"), "{message}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_scaled_is_refused() {
        assert_eq!(Scaler::standardise(Array2::zeros((0, 2)).view()), Err(ScalerError::Empty));
        let bad = Scaler::min_max(array![[1.0], [f64::NAN]].view());
        assert!(matches!(bad, Err(ScalerError::NonFinite { row: 1, column: 0, .. })));
        assert!(Scaler::standardise(array![[1e200], [-1e200]].view()).is_err());
        let scaler = Scaler::standardise(array![[1.0], [2.0]].view()).expect("two values");
        assert!(matches!(
            scaler.transform(array![[1.0, 2.0]].view()),
            Err(ScalerError::Columns { expected: 1, found: 2 })
        ));
    }

    /// The mean of equal values can differ from them in the last bit, that of very many in more.
    #[test]
    fn constants_are_told_from_small_changes() -> Result<(), ScalerError> {
        for (value, count) in [(0.1, 3), (0.1, 300_001), (1e8 + 0.3, 1000), (-1e-310, 5), (0.0, 5)] {
            let series = Array2::from_elem((count, 1), value);
            for scaler in [Scaler::standardise(series.view())?, Scaler::min_max(series.view())?] {
                assert!(scaler.is_constant(0), "{count} times {value}");
                assert!(scaler.transform(series.view())?.iter().all(|z| *z == 0.0), "{count} times {value}");
            }
        }
        let rounded = Array2::from_shape_fn((100, 1), |(t, _)| 1e8 + 1.5e-8 * (t % 2) as f64);
        assert!(Scaler::standardise(rounded.view())?.is_constant(0));
        Ok(())
    }

    /// The sum of squares of 1e154 overflowed, and every value became 0; that of 1e-200 vanished, and the column was constant.
    #[test]
    fn extreme_values_are_scaled_like_any_others() -> Result<(), ScalerError> {
        for size in [1.3e154, 1e154, 1e-154, 1e-200, 1e-300] {
            let series = Array2::from_shape_fn((40, 1), |(t, _)| if t % 4 < 2 { size } else { -size });
            for scaler in [Scaler::standardise(series.view())?, Scaler::min_max(series.view())?] {
                assert!(!scaler.is_constant(0));
                let scaled = scaler.transform(series.view())?;
                assert!(scaled.iter().all(|z| (z.abs() - 1.0).abs() < 1e-12), "{size:e}: {scaled}");
            }
        }
        Ok(())
    }

    #[test]
    fn unfitted_columns_are_refused() {
        let scaler = Scaler::standardise(array![[1.0], [2.0]].view()).expect("two values");
        assert!(matches!(scaler.select(&[0, 1]), Err(ScalerError::Columns { expected: 1, found: 2 })));
    }
}
