//! Summaries of a few numbers: means, medians, confidence intervals.

use serde::Serialize;

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `x x`: a power of the standard library is not specified to the last bit.
pub(crate) fn square(x: f64) -> f64 {
    x * x
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
            let t = t_quantile(n.checked_sub(1)?)?;
            Some(t * sd / (n as f64).sqrt())
        });
        Self { mean: mean(values), half_width, sd, n }
    }
}

/// The 0.975 quantile of Student's t distribution with `freedom` degrees of freedom; none with 0.
///
/// The share between -t and t by its finite sum, and t by halving an interval until it is two neighbouring numbers: the
/// same bits on every machine. Source: Abramowitz, Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
fn t_quantile(freedom: usize) -> Option<f64> {
    // The quantiles of 1 degree and of infinitely many are 12.706 and 1.960.
    let (mut low, mut high) = (1.9, 12.8);
    while freedom > 0 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return Some(middle);
        }
        if share_within(middle, freedom) < 0.95 { low = middle } else { high = middle }
    }
    None
}

/// The probability that |t| is smaller than this.
fn share_within(t: f64, freedom: usize) -> f64 {
    let n = freedom as f64;
    let (sine, cosine_squared) = (t / (n + t * t).sqrt(), n / (n + t * t));
    let odd = freedom % 2 == 1;
    let mut term = if odd { cosine_squared.sqrt() } else { 1.0 };
    let mut sum = if freedom == 1 { 0.0 } else { term };
    for k in (if odd { 3 } else { 2 }..freedom).step_by(2) {
        term *= cosine_squared * (k - 1) as f64 / k as f64;
        sum += term;
    }
    if odd { (libm::atan(t / n.sqrt()) + sine * sum) / std::f64::consts::FRAC_PI_2 } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::{MeanInterval, median, quantile, sample_sd, t_quantile};
    use statrs::distribution::{ContinuousCDF, StudentsT};

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

    /// Published to three places (NIST/SEMATECH e-Handbook, table of t), and by a library to ten.
    #[test]
    fn the_quantile_is_that_of_tables_and_of_a_library() {
        for (freedom, t) in [(1, 12.706), (2, 4.303), (3, 3.182), (7, 2.365), (30, 2.042), (100, 1.984)] {
            let found = t_quantile(freedom).expect("there are degrees of freedom");
            assert!((found - t).abs() < 5.1e-4, "{freedom}: {found}");
        }
        for freedom in (1..60).chain([99, 100, 1000, 9_999, 100_000]) {
            let found = t_quantile(freedom).expect("there are degrees of freedom");
            let expected = StudentsT::new(0.0, 1.0, freedom as f64).expect("good").inverse_cdf(0.975);
            assert!((found / expected - 1.0).abs() < 1e-9, "{freedom}: {found} against {expected}");
        }
        assert_eq!(t_quantile(0), None);
    }
}
