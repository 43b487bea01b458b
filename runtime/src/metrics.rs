//! Errors and scores, each with its definition.
//!
//! Arrays are `[steps, features]`. Sums run over steps in order, so a score has the same bits everywhere. Scores of finite
//! values are finite, or an error: squares that would leave the range of numbers are taken of values over a power of two.
//!
//! A column is **constant** where its standard deviation is at most 4 units in the last place of its largest value, in the
//! precision the values have: what varies less than that is rounding, and no error can be set against it.

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
    #[error(
        "column {column} of the truth is constant, up to rounding: an error relative to its spread has no value; leave the \
         column out or use rmse or mae"
    )]
    Constant {
        /// The column.
        column: usize,
    },
    /// A score beyond the largest number.
    #[error("the score leaves the range of numbers: divide truth and forecast by the same large factor")]
    Overflow,
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
/// [`MetricError::Shape`], [`MetricError::Empty`], [`MetricError::NonFinite`], [`MetricError::Overflow`].
pub fn mse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let (scale, scaled) = mean_square(differences(truth.iter(), forecast.iter()));
    in_range(scaled * scale * scale)
}

/// Root mean squared error, `sqrt(mse)`.
///
/// # Errors
/// As [`mse`].
pub fn rmse<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let (scale, scaled) = mean_square(differences(truth.iter(), forecast.iter()));
    in_range(scaled.sqrt() * scale)
}

/// Mean absolute error over all steps and features, `mean |y - y*|`.
///
/// # Errors
/// As [`mse`].
pub fn mae<T: Real>(truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
    check(truth, forecast)?;
    let scale = scale_of(differences(truth.iter(), forecast.iter()));
    let distances = differences(truth.iter(), forecast.iter()).map(|difference| (difference / scale).abs());
    in_range(distances.sum::<f64>() / truth.len() as f64 * scale)
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
        let Some((scale, variance)) = variance(t) else { return Err(MetricError::Constant { column }) };
        in_range(variance)?;
        let (scale_of_error, error) = mean_square(differences(t.iter(), f.iter()));
        let ratio = scale_of_error / scale;
        total += error / variance * ratio * ratio;
    }
    in_range(total / truth.ncols() as f64)
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
    /// only; [`MetricError::Constant`] if no column varies.
    pub fn of<T: Real>(&self, truth: ArrayView2<'_, T>, forecast: ArrayView2<'_, T>) -> Result<f64, MetricError> {
        for (what, found) in
            [("threshold", self.threshold), ("dt", self.dt), ("Lyapunov exponent", self.lyapunov_exponent)]
        {
            positive(what, found)?;
        }
        check_shapes(truth, forecast)?;
        check_finite("truth", truth)?;
        let spread = match self.spread {
            Some(given) => given,
            None if truth.columns().into_iter().all(|column| variance(column).is_none()) => {
                return Err(MetricError::Constant { column: 0 });
            }
            None => spread(truth),
        };
        positive("spread", spread)?;
        let scale = scale_of(std::iter::once(spread));
        let valid = truth.rows().into_iter().zip(forecast.rows()).take_while(|(t, f)| {
            let squares = differences(t.iter(), f.iter()).map(|difference| square(difference / scale));
            // A comparison with NaN is false, so a forecast that is not finite fails.
            squares.sum::<f64>().sqrt() / (spread / scale) <= self.threshold
        });
        Ok(valid.count() as f64 * self.dt * self.lyapunov_exponent)
    }
}

/// Root mean squared distance of a series from its mean, `sqrt(mean |y - mean(y)|^2)` with the norm over features.
///
/// 0 for constant columns; NaN of nothing, and where a value is not finite; infinite beyond the largest number.
pub fn spread<T: Real>(series: ArrayView2<'_, T>) -> f64 {
    if series.is_empty() || series.iter().any(|v| !v.is_finite()) {
        return f64::NAN;
    }
    let variances: Vec<(f64, f64)> = series.columns().into_iter().filter_map(variance).collect();
    let largest = variances.iter().fold(0.0, |largest: f64, (scale, _)| largest.max(*scale));
    let sum = variances.iter().map(|(scale, variance)| square(scale / largest) * variance).sum::<f64>();
    if largest == 0.0 { 0.0 } else { sum.sqrt() * largest }
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
        let Some((scale_u, variance_u)) = variance(u) else { return Err(MetricError::Constant { column }) };
        // What recalls a constant recalls nothing.
        let Some((scale_y, variance_y)) = variance(y) else { continue };
        let (mean_u, mean_y) = (mean_of(u), mean_of(y));
        let products =
            u.iter().zip(y).map(|(u, y)| (u.to_f64() - mean_u) / scale_u * ((y.to_f64() - mean_y) / scale_y));
        let covariance = products.sum::<f64>() / u.len() as f64;
        capacity += in_range(covariance * covariance / (variance_u * variance_y))?.min(1.0);
    }
    Ok(capacity)
}

fn square(x: f64) -> f64 {
    x * x
}

/// Errors `forecast - truth`.
fn differences<'a, T: Real>(
    truth: impl Iterator<Item = &'a T> + Clone,
    forecast: impl Iterator<Item = &'a T> + Clone,
) -> impl Iterator<Item = f64> + Clone {
    truth.zip(forecast).map(|(t, f)| f.to_f64() - t.to_f64())
}

/// The power of two to divide by before values are squared and summed: 1 in the usual range.
fn scale_of(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 || (1e-140..1e140).contains(&largest) || largest.is_infinite() {
        return 1.0;
    }
    libm::scalbn(1.0, libm::ilogb(largest).clamp(-1022, 1023))
}

/// A power of two s and `mean (v / s)^2`.
fn mean_square(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let scale = scale_of(values.clone());
    let count = values.clone().count();
    (scale, values.map(|value| square(value / scale)).sum::<f64>() / count as f64)
}

/// The mean, good to the last digit or two whatever the offset of the values: a second pass takes out the rounding of the
/// first. NaN of nothing.
///
/// ```
/// let far = (0..100_000).map(|t| 123_456_789.123 + f64::from(t % 2));
/// assert!((forebay::metrics::mean(far) - 123_456_789.623).abs() < 3e-8);
/// ```
pub fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    if count == 0.0 {
        return f64::NAN;
    }
    let plain = values.clone().sum::<f64>() / count;
    // A sum beyond the largest number, of values that have a mean.
    let first = if plain.is_finite() { plain } else { values.clone().map(|v| v / count).sum() };
    let rest = values.map(|v| v - first).sum::<f64>() / count;
    if rest.is_finite() { first + rest } else { first }
}

fn mean_of<T: Real>(values: ArrayView1<'_, T>) -> f64 {
    mean(values.iter().map(|v| v.to_f64()))
}

/// Population variance in two passes, as a power of two s and the variance over s^2; `None` for a constant.
fn variance<T: Real>(values: ArrayView1<'_, T>) -> Option<(f64, f64)> {
    let mean = mean_of(values);
    let (scale, variance) = mean_square(values.iter().map(|v| v.to_f64() - mean));
    let largest = values.iter().fold(0.0, |largest: f64, v| largest.max(v.to_f64().abs()));
    let rounding = 4.0 * T::EPSILON.to_f64() * (largest / scale);
    let first = values.first()?;
    (variance.sqrt() > rounding && values.iter().any(|v| v != first)).then_some((scale, variance))
}

fn in_range(score: f64) -> Result<f64, MetricError> {
    if score.is_finite() { Ok(score) } else { Err(MetricError::Overflow) }
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
