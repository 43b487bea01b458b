//! Errors and scores, each with its definition.
//!
//! Arrays are `[steps, features]`. Sums run over steps in order, so a score has the same bits everywhere.

use forebay_kernels::Real;
use ndarray::{ArrayView1, ArrayView2};

/// Why a score has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Truth and forecast of different shapes.
    #[error("the forecast has shape {found:?}, the truth {expected:?}")]
    Shape {
        /// Shape of the truth.
        expected: Vec<usize>,
        /// Shape of the forecast.
        found: Vec<usize>,
    },
    /// Nothing to score.
    #[error("there is nothing to score: the arrays are empty")]
    Empty,
    /// NaN or infinity.
    #[error("{what} holds {value} at row {row}, column {column}: every value must be finite")]
    NonFinite {
        /// Truth or forecast.
        what: &'static str,
        /// The value.
        value: f64,
        /// Its step.
        row: usize,
        /// Its feature.
        column: usize,
    },
    /// A relative error of a constant.
    #[error("column {column} of the truth is constant: an error relative to its spread has no value")]
    Constant {
        /// The column.
        column: usize,
    },
    /// A parameter out of range.
    #[error("{what} must be finite and above 0, found {found}")]
    Range {
        /// The parameter.
        what: &'static str,
        /// The value given.
        found: f64,
    },
}

/// Mean squared error over all steps and features, `mean (y - y*)^2`.
///
/// # Errors
/// [`MetricError::Shape`], [`MetricError::Empty`], [`MetricError::NonFinite`].
pub fn mse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let squares = truth.iter().zip(forecast.iter()).map(|(t, f)| square(f.to_f64() - t.to_f64()));
    Ok(squares.sum::<f64>() / truth.len() as f64)
}

/// Root mean squared error, `sqrt(mse)`.
///
/// # Errors
/// As [`mse`].
pub fn rmse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    Ok(mse(truth, forecast)?.sqrt())
}

/// Mean absolute error over all steps and features, `mean |y - y*|`.
///
/// # Errors
/// As [`mse`].
pub fn mae<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let distances = truth.iter().zip(forecast.iter()).map(|(t, f)| (f.to_f64() - t.to_f64()).abs());
    Ok(distances.sum::<f64>() / truth.len() as f64)
}

/// Normalised mean squared error: per feature `mse / variance of the truth` (population), averaged over features.
///
/// 1 is what the truth's own mean would score.
///
/// # Errors
/// As [`mse`], and [`MetricError::Constant`].
///
/// ```
/// use forebay::metrics::nmse;
/// use ndarray::array;
///
/// let truth = array![[1.0], [2.0], [3.0]];
/// assert_eq!(nmse(truth.view(), array![[2.0], [2.0], [2.0]].view())?, 1.0);
/// # Ok::<(), forebay::metrics::MetricError>(())
/// ```
pub fn nmse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let mut total = 0.0;
    for (column, (t, f)) in truth.columns().into_iter().zip(forecast.columns()).enumerate() {
        let variance = variance(t);
        if variance <= 0.0 {
            return Err(MetricError::Constant { column });
        }
        let squares = t.iter().zip(f).map(|(t, f)| square(f.to_f64() - t.to_f64()));
        total += squares.sum::<f64>() / t.len() as f64 / variance;
    }
    Ok(total / truth.ncols() as f64)
}

/// Normalised root mean squared error `sqrt(nmse)`: it divides by the truth's standard deviation.
///
/// # Errors
/// As [`nmse`].
pub fn nrmse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    Ok(nmse(truth, forecast)?.sqrt())
}

/// Coefficient of determination `1 - nmse`.
///
/// # Errors
/// As [`nmse`].
pub fn r2<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    Ok(1.0 - nmse(truth, forecast)?)
}

/// Number of labels that differ.
///
/// # Errors
/// [`MetricError::Shape`], [`MetricError::Empty`].
pub fn label_errors(truth: &[usize], predicted: &[usize]) -> Result<usize, MetricError> {
    if truth.len() != predicted.len() {
        return Err(MetricError::Shape { expected: vec![truth.len()], found: vec![predicted.len()] });
    }
    if truth.is_empty() {
        return Err(MetricError::Empty);
    }
    Ok(truth.iter().zip(predicted).filter(|(t, p)| t != p).count())
}

/// Share of labels that agree.
///
/// # Errors
/// As [`label_errors`].
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64, MetricError> {
    Ok(1.0 - label_errors(truth, predicted)? as f64 / truth.len() as f64)
}

/// How long a closed-loop forecast stays valid, in Lyapunov times.
///
/// `steps * dt * lyapunov_exponent`, where `steps` counts the steps before the first with
/// `|forecast - truth| / sqrt(mean |truth - mean(truth)|^2) > threshold` (Euclidean norms over features, mean over all
/// steps given, or the reference's if [`ValidTime::spread`] is set). A forecast that is not finite ends there; one that
/// never fails counts all its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidTime {
    /// Limit of the normalised error; 0.4 is common.
    pub threshold: f64,
    /// Time between two steps.
    pub dt: f64,
    /// Largest Lyapunov exponent, per unit of time.
    pub lyapunov_exponent: f64,
    /// The divisor: root mean squared distance of the system from its mean. `None` takes it from the truth given,
    /// which is noisy when that is short.
    pub spread: Option<f64>,
}

impl ValidTime {
    /// Valid prediction time of one forecast, in Lyapunov times.
    ///
    /// # Errors
    /// [`MetricError::Shape`], [`MetricError::Empty`], [`MetricError::Range`]; [`MetricError::NonFinite`] for the truth
    /// only; [`MetricError::Constant`].
    pub fn of<T: Real>(&self, truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
        for (what, found) in
            [("threshold", self.threshold), ("dt", self.dt), ("Lyapunov exponent", self.lyapunov_exponent)]
        {
            positive(what, found)?;
        }
        check_shapes(truth, forecast)?;
        check_finite("truth", truth)?;
        let spread = match self.spread {
            Some(spread) => spread,
            None => spread(truth),
        };
        if spread == 0.0 {
            return Err(MetricError::Constant { column: 0 });
        }
        positive("spread", spread)?;
        let valid = truth.rows().into_iter().zip(forecast.rows()).take_while(|(t, f)| {
            let squares = t.iter().zip(f).map(|(t, f)| square(f.to_f64() - t.to_f64()));
            // A comparison with NaN is false, so a forecast that is not finite fails.
            squares.sum::<f64>().sqrt() / spread <= self.threshold
        });
        Ok(valid.count() as f64 * self.dt * self.lyapunov_exponent)
    }
}

/// Root mean squared distance of a series from its mean, `sqrt(mean |y - mean(y)|^2)` with the norm over features.
pub fn spread<T: Real>(series: ArrayView2<'_, T>) -> f64 {
    series.columns().into_iter().map(variance).sum::<f64>().sqrt()
}

/// Memory capacity: `sum over delays k of r^2(y_k, u delayed by k)`, r the correlation coefficient.
///
/// Column k-1 of `recalled` is the readout trained to give the input of k steps ago.
///
/// # Shapes
/// `delayed`, `recalled`: `[steps, delays]`.
///
/// # Errors
/// As [`nmse`].
///
/// # Source
/// Jaeger, Short term memory in echo state networks, GMD report 152 (2001).
pub fn memory_capacity<T: Real>(delayed: ArrayView2<'_, T>, recalled: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(delayed, recalled)?;
    let mut capacity = 0.0;
    for (column, (u, y)) in delayed.columns().into_iter().zip(recalled.columns()).enumerate() {
        let (mean_u, mean_y) = (mean(u), mean(y));
        let product: f64 = u.iter().zip(y).map(|(u, y)| (u.to_f64() - mean_u) * (y.to_f64() - mean_y)).sum();
        let covariance = product / u.len() as f64;
        let (variance_u, variance_y) = (variance(u), variance(y));
        if variance_u <= 0.0 {
            return Err(MetricError::Constant { column });
        }
        if variance_y > 0.0 {
            capacity += covariance * covariance / (variance_u * variance_y);
        }
    }
    Ok(capacity)
}

fn square(x: f64) -> f64 {
    x * x
}

fn mean<T: Real>(values: ArrayView1<'_, T>) -> f64 {
    values.iter().map(|v| v.to_f64()).sum::<f64>() / values.len() as f64
}

/// Population variance, in two passes.
fn variance<T: Real>(values: ArrayView1<'_, T>) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| square(v.to_f64() - mean)).sum::<f64>() / values.len() as f64
}

fn positive(what: &'static str, found: f64) -> Result<(), MetricError> {
    if found > 0.0 && found.is_finite() { Ok(()) } else { Err(MetricError::Range { what, found }) }
}

fn check<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<(), MetricError> {
    check_shapes(truth, forecast)?;
    check_finite("truth", truth)?;
    check_finite("forecast", forecast)
}

fn check_shapes<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<(), MetricError> {
    if truth.shape() != forecast.shape() {
        return Err(MetricError::Shape { expected: truth.shape().to_vec(), found: forecast.shape().to_vec() });
    }
    if truth.is_empty() { Err(MetricError::Empty) } else { Ok(()) }
}

fn check_finite<T: Real>(what: &'static str, values: ArrayView2<'_, T>) -> Result<(), MetricError> {
    match values.indexed_iter().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(MetricError::NonFinite { what, value: value.to_f64(), row, column }),
    }
}
