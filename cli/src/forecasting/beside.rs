//! A series as networks read it beside what of it is true: values that were filled are read, and neither learnt nor judged by.

use forebay::metrics::{self, MetricError};
use ndarray::{ArrayView2, Axis};

/// The same series twice, `[steps, columns]`.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// Every value finite.
    pub filled: ArrayView2<'a, f64>,
    /// NaN where a value was put in.
    pub truth: ArrayView2<'a, f64>,
}

/// The NRMSE over the values that are true: over columns the root of the mean of squares.
pub(super) fn nrmse(truth: ArrayView2<'_, f64>, forecast: ArrayView2<'_, f64>) -> Result<f64, MetricError> {
    if !truth.iter().any(|y| y.is_nan()) {
        return metrics::nrmse(truth, forecast);
    }
    let mut squares = 0.0;
    for (y, f) in truth.columns().into_iter().zip(forecast.columns()) {
        let known: Vec<usize> = (0..y.len()).filter(|&t| !y[t].is_nan()).collect();
        let [y, f] = [y, f].map(|column| column.select(Axis(0), &known).insert_axis(Axis(1)));
        let error = metrics::nrmse(y.view(), f.view())?;
        squares += error * error;
    }
    Ok((squares / truth.ncols() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use forebay::metrics;
    use ndarray::array;

    use super::nrmse;

    /// Seventy filled values among eighty were the truth that persistence was "best" at.
    #[test]
    fn filled_values_are_not_judged_by() {
        let truth = array![[1.0, 5.0], [2.0, f64::NAN], [4.0, 9.0], [f64::NAN, 2.0]];
        let forecast = array![[1.5, 5.0], [2.0, 1e9], [3.0, 8.0], [-1e9, 4.0]];
        let first = metrics::nrmse(array![[1.0], [2.0], [4.0]].view(), array![[1.5], [2.0], [3.0]].view());
        let second = metrics::nrmse(array![[5.0], [9.0], [2.0]].view(), array![[5.0], [8.0], [4.0]].view());
        let (a, b) = (first.expect("it varies"), second.expect("it varies"));
        let both = nrmse(truth.view(), forecast.view()).expect("they vary");
        assert!((both - f64::midpoint(a * a, b * b).sqrt()).abs() < 1e-15, "{both}");
        let whole = array![[1.0, 5.0], [2.0, 3.0], [4.0, 9.0]];
        let made = array![[1.5, 5.0], [2.0, 1.0], [3.0, 8.0]];
        let plain = metrics::nrmse(whole.view(), made.view()).expect("they vary");
        assert_eq!(nrmse(whole.view(), made.view()).expect("they vary").to_bits(), plain.to_bits());
    }
}
