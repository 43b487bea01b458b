//! Summaries of a few numbers: means, medians, confidence intervals.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation (divisor n - 1); NaN of fewer than two values.
pub fn sample_sd(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    if values.len() < 2 { f64::NAN } else { (squares / (values.len() - 1) as f64).sqrt() }
}

/// The value below which a share `p` (0 to 1) of the values lies, linear between order statistics; NaN of nothing
/// or for a share that is NaN.
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1).filter(|_| !p.is_nan()) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let (low, share) = (place.floor() as usize, place.fract());
    if share == 0.0 { sorted[low] } else { sorted[low] + share * (sorted[low + 1] - sorted[low]) }
}

/// The middle value, or the mean of the two middle ones; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// A mean with its 95 % confidence interval by Student's t distribution, `mean ± t(0.975, n - 1) sd / sqrt(n)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanInterval {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval; none with fewer than two values.
    pub half_width: Option<f64>,
    /// Sample standard deviation; none with fewer than two values.
    pub sd: Option<f64>,
    /// Number of values.
    pub n: usize,
}

impl MeanInterval {
    /// Of independent values.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let sd = Some(sample_sd(values)).filter(|sd| sd.is_finite());
        let half_width = sd.and_then(|sd| {
            let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(0.975);
            Some(t * sd / (n as f64).sqrt())
        });
        Self { mean: mean(values), half_width, sd, n }
    }
}

#[cfg(test)]
mod tests {
    use super::{MeanInterval, median, quantile, sample_sd};

    #[test]
    fn order_statistics_are_interpolated() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), 2.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 1.0), f64::INFINITY);
        assert!(median(&[]).is_nan());
        // A share that is NaN once read past the end of a single value.
        assert!(quantile(&[1.0], f64::NAN).is_nan());
    }

    #[test]
    fn intervals_use_the_tabled_t() {
        // Two-sided 95 %: t(1) = 12.706, t(4) = 2.776, t(9) = 2.262.
        for (n, t) in [(2_u32, 12.706), (5, 2.776), (10, 2.262)] {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * i)).collect();
            let interval = MeanInterval::of(&values);
            let expected = t * sample_sd(&values) / f64::from(n).sqrt();
            let found = interval.half_width.expect("there is a spread");
            assert!((found / expected - 1.0).abs() < 1e-3, "n = {n}: {found} against {expected}");
        }
        assert_eq!(MeanInterval::of(&[1.0]).half_width, None);
    }
}
