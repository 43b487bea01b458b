//! Summaries of a few numbers: means, medians, confidence intervals.

use serde::Serialize;

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    forebay::metrics::mean(values.iter().copied())
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

/// The value below which a share `p` (0 to 1) of the values lies, linear between order statistics: between a number and an
/// infinity, the infinity. NaN of nothing, for a share that is NaN, if a value is NaN, and between opposite infinities.
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let is_nan = p.is_nan() || values.iter().any(|v| v.is_nan());
    let Some(last) = sorted.len().checked_sub(1).filter(|_| !is_nan) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let (low, share) = (place.floor() as usize, place.fract());
    if share == 0.0 {
        return sorted[low];
    }
    let (a, b) = (sorted[low], sorted[low + 1]);
    if a == b {
        a
    } else if a.is_infinite() || b.is_infinite() {
        a + b
    } else if (b - a).is_infinite() {
        a * (1.0 - share) + b * share
    } else {
        a + share * (b - a)
    }
}

/// The middle value, or the mean of the two middle ones; NaN as for [`quantile`].
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
        Self { mean: mean(values), half_width: sd.and_then(|sd| half_width(sd, n)), sd, n }
    }

    /// Of correlated values in order: the means of `stretches` runs of them, taken as independent and weighed by their lengths,
    /// which differ by one at most. The mean is that of all values;
    /// `sd^2 = k^2 / (k - 1) sum over runs of (n_b / n)^2 (m_b - mean)^2` for k runs.
    ///
    /// With fewer values than stretches, every value is a run.
    pub fn of_stretches(values: &[f64], stretches: usize) -> Self {
        let k = stretches.min(values.len());
        let mean = mean(values);
        let run = |b: usize| &values[b * values.len() / k..(b + 1) * values.len() / k];
        let part = |b: usize| run(b).len() as f64 / values.len() as f64 * (self::mean(run(b)) - mean);
        let squares: f64 = (0..k).map(|b| part(b) * part(b)).sum();
        let sd = (k >= 2).then(|| k as f64 * (squares / (k - 1) as f64).sqrt()).filter(|sd| sd.is_finite());
        Self { mean, half_width: sd.and_then(|sd| half_width(sd, k)), sd, n: k }
    }
}

/// `t(0.975, n - 1) sd / sqrt(n)` for n of at least 2.
fn half_width(sd: f64, n: usize) -> Option<f64> {
    let t = t_quantile(n.checked_sub(1)?)?;
    Some(t * sd / (n as f64).sqrt())
}

/// The 0.975 quantile of Student's t distribution with `freedom` degrees of freedom; none with 0.
///
/// The share between -t and t by its finite sum, and t by halving an interval until it is two neighbouring numbers: the
/// same bits on every machine. Source: Abramowitz, Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
fn t_quantile(freedom: usize) -> Option<f64> {
    if freedom == 0 {
        return None;
    }
    // The quantiles of 1 degree and of infinitely many are 12.706 and 1.960.
    let (mut low, mut high) = (1.9, 12.8);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return Some(middle);
        }
        if share_within(middle, freedom) < 0.95 { low = middle } else { high = middle }
    }
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
    use super::{MeanInterval, mean, median, quantile, sample_sd, t_quantile};
    use statrs::distribution::{ContinuousCDF, StudentsT};

    /// Runs of unequal lengths once weighed alike, and then the interval was not about the mean of the values.
    #[test]
    fn stretches_weigh_by_their_length() {
        let values: Vec<f64> = (0..87).map(|i| f64::from(i % 7) + f64::from(i) / 10.0).collect();
        let found = MeanInterval::of_stretches(&values, 10);
        assert!((found.mean - mean(&values)).abs() < 1e-14, "{found:?}");
        assert_eq!(found.n, 10);
        // Equal lengths are the plain interval of their means.
        let means: Vec<f64> = values[..80].chunks(8).map(mean).collect();
        let (found, expected) = (MeanInterval::of_stretches(&values[..80], 10), MeanInterval::of(&means));
        assert!((found.mean - expected.mean).abs() < 1e-13);
        assert!((found.sd.expect("a spread") - expected.sd.expect("a spread")).abs() < 1e-13);
        assert!((found.half_width.expect("a width") - expected.half_width.expect("a width")).abs() < 1e-13);
        // By hand: runs 1 and 2, 6 with means 1 and 4, weights 1/3 and 2/3, mean 3; squares 4/9 and 4/9; 2 sqrt(8/9).
        let found = MeanInterval::of_stretches(&[1.0, 2.0, 6.0], 2);
        assert!((found.sd.expect("a spread") - 2.0 * (8.0_f64 / 9.0).sqrt()).abs() < 1e-14);
        let single = MeanInterval::of_stretches(&[1.0, 3.0], 10);
        assert_eq!((single.n, single.mean), (2, 2.0));
        assert_eq!(MeanInterval::of_stretches(&[1.0], 10).half_width, None);
        assert!(MeanInterval::of_stretches(&[], 10).mean.is_nan());
    }

    #[test]
    fn order_statistics_are_interpolated() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), 2.0);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 1.0), f64::INFINITY);
        assert!(median(&[]).is_nan());
        // Half way between two infinities was NaN, and a NaN was sorted to the end as if it were large.
        let infinity = f64::INFINITY;
        assert_eq!(median(&[infinity, 1.0, infinity, infinity]), infinity);
        assert_eq!(median(&[-infinity, -infinity]), -infinity);
        assert_eq!(median(&[-infinity, 1.0]), -infinity);
        assert_eq!(median(&[1.0, infinity]), infinity);
        assert!(median(&[-infinity, infinity]).is_nan());
        assert!(median(&[1.0, 2.0, f64::NAN]).is_nan());
        assert_eq!(median(&[-f64::MAX, f64::MAX]), 0.0);
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
        for freedom in (1..60).chain([99, 100, 1000, 9_999]) {
            let found = t_quantile(freedom).expect("there are degrees of freedom");
            let expected = StudentsT::new(0.0, 1.0, freedom as f64).expect("good").inverse_cdf(0.975);
            assert!((found / expected - 1.0).abs() < 1e-9, "{freedom}: {found} against {expected}");
        }
        // Beyond, the library has six digits; `z + (z^3 + z) / 4n` leaves less than 1e-9.
        let z = 1.959_963_984_540_054_f64;
        let found = t_quantile(100_000).expect("there are degrees of freedom");
        assert!((found - z - (z * z * z + z) / 4e5).abs() < 1e-9, "{found}");
        assert_eq!(t_quantile(0), None);
    }
}
