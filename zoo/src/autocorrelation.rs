//! Means of correlated series with honest errors.

use crate::fourier;

/// What a stationary series says about its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean of the series.
    pub value: f64,
    /// Its standard error, `sqrt(2 tau variance / N)`.
    pub error: f64,
    /// Integrated autocorrelation time `tau = 1/2 + sum over t of rho(t)`, in steps; 1/2 for independent values.
    pub tau: f64,
    /// Standard error of tau.
    pub tau_error: f64,
    /// Largest lag that the sum takes in; half of the series if that is too short for its own correlations, and then neither
    /// tau nor errors mean much.
    pub window: usize,
    /// The variance of single values.
    pub variance: f64,
    /// Number of values.
    pub count: usize,
}

impl Mean {
    /// The difference of two independent means in units of its standard error.
    pub fn sigmas_from(&self, other: &Self) -> f64 {
        (self.value - other.value) / libm::hypot(self.error, other.error)
    }

    /// The distance to a number with an error of its own, in units of the joint standard error.
    pub fn sigmas_from_value(&self, value: f64, error: f64) -> f64 {
        (self.value - value) / libm::hypot(self.error, error)
    }
}

/// The Gamma method: the sum over lags ends where the statistical error of its tail begins to outweigh the bias of leaving it
/// out, for correlations that fall as `exp(-t / (1.5 tau))`. `None` for fewer than 4 values or values that are not finite.
///
/// A series is constant, with an error of 0 and tau = 1/2, where no value is further from the mean than 4 units in the last
/// place of the largest: rounding is no fluctuation. `None` also where the variance leaves the range of numbers.
///
/// The first 256 lags are summed one by one, so most series cost as much as their window; the others, where they are needed,
/// come from one Fourier transform. The bits are the same on every machine.
///
/// Source: U. Wolff, Computer Physics Communications 156, 143 (2004).
///
/// ```
/// use forebay::random::Seed;
/// use forebay_zoo::autocorrelation::mean;
///
/// // x(t) = 0.8 x(t-1) + noise has tau = (1 + 0.8) / (1 - 0.8) / 2 = 4.5
/// let mut noise = Seed(1).stream("noise");
/// let mut x = 0.0;
/// let series: Vec<f64> = (0..20_000).map(|_| { x = 0.8 * x + noise.normal(); x }).collect();
/// let found = mean(&series).unwrap();
/// assert!((found.tau - 4.5).abs() < 3.0 * found.tau_error);
/// assert!(found.value.abs() < 4.0 * found.error);
/// ```
pub fn mean(series: &[f64]) -> Option<Mean> {
    const S: f64 = 1.5;
    /// Lags that are summed one by one.
    const SUMMED: usize = 256;
    let count = series.len();
    let n = count as f64;
    if count < 4 || series.iter().any(|v| !v.is_finite()) {
        return None;
    }
    // Relative to the first value, so that the mean of large values is as exact as that of small ones.
    let first = series[0];
    let value = first + series.iter().map(|v| v - first).sum::<f64>() / n;
    let centred: Vec<f64> = series.iter().map(|v| v - value).collect();
    let product = |t: usize| centred[..count - t].iter().zip(&centred[t..]).map(|(a, b)| a * b).sum::<f64>();
    let largest = |values: &[f64]| values.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    if value.is_finite() && largest(&centred) <= 4.0 * f64::EPSILON * largest(series) {
        return Some(Mean { value, error: 0.0, tau: 0.5, tau_error: 0.0, window: 0, variance: 0.0, count });
    }
    let variance = product(0) / n;
    if !variance.is_normal() {
        return None;
    }
    let mut transformed: Vec<f64> = Vec::new();
    let mut gamma = |t: usize| {
        if t > SUMMED && transformed.is_empty() {
            transformed = fourier::lagged_products(&centred);
        }
        (if t > SUMMED { transformed[t] } else { product(t) }) / (count - t) as f64
    };
    let (mut tau, mut window) = (0.5, 0);
    for w in 1..=count / 2 {
        tau += gamma(w) / variance;
        window = w;
        // The decay time that this tau would mean; below 1/2 there is none.
        let decay = if tau <= 0.5 { 1e-9 } else { S / libm::log((2.0 * tau + 1.0) / (2.0 * tau - 1.0)) };
        let w = w as f64;
        if libm::exp(-w / decay) - decay / (w * n).sqrt() < 0.0 {
            break;
        }
    }
    let w = window as f64;
    // The mean of the series itself was taken off: each lag's covariance is too small by variance of the mean.
    // Noise may make the sum negative; no series of this length can show less than the floor.
    let tau = (tau * (1.0 + (2.0 * w + 1.0) / n)).max(0.5 / n.sqrt());
    let error = (2.0 * tau * variance / n).sqrt();
    let tau_error = tau * (4.0 * (w + 0.5 - tau).max(0.0) / n).sqrt();
    Some(Mean { value, error, tau, tau_error, window, variance, count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay::random::Seed;

    /// The closed form of an autoregressive process, and errors that mean what they say: about 68 % of many runs have the
    /// true mean, 0, within one error.
    #[test]
    fn errors_cover_the_truth() {
        let (phi, runs) = (0.9, 400);
        let mut within = 0;
        let mut taus = 0.0;
        for run in 0..runs {
            let mut noise = Seed(run).stream("noise");
            let mut x = noise.normal() / (1.0_f64 - phi * phi).sqrt();
            let series: Vec<f64> = (0..4000)
                .map(|_| {
                    x = phi * x + noise.normal();
                    x
                })
                .collect();
            let found = mean(&series).expect("a series");
            within += u32::from(found.value.abs() < found.error);
            taus += found.tau / runs as f64;
        }
        assert!((0.60..0.76).contains(&(f64::from(within) / runs as f64)), "{within}");
        assert!((taus - 9.5).abs() < 0.6, "{taus}");
    }

    #[test]
    fn degenerate_series_are_told() {
        assert_eq!(mean(&[1.0, 2.0]), None);
        assert_eq!(mean(&[1.0, 2.0, f64::NAN, 1.0]), None);
        // Variances beyond the largest number and below the smallest.
        assert_eq!(mean(&[1e200, -1e200, 1e200, -1e200]), None);
        assert_eq!(mean(&[1e-200, -1e-200, 1e-200, -1e-200]), None);
        assert_eq!(mean(&[f64::MAX, -f64::MAX, f64::MAX, f64::MAX]), None);
    }

    /// The mean of many equal numbers was off by more than a rounding, and each deviation from it by the same: tau was 145.
    #[test]
    fn a_constant_has_no_fluctuations() {
        for value in [0.1, -1e8 / 3.0, 1e-300, 0.0, 1e300] {
            for count in [4, 50, 300, 10_007] {
                let constant = mean(&vec![value; count]).expect("a series");
                assert_eq!(constant.value, value);
                assert_eq!((constant.error, constant.tau, constant.window), (0.0, 0.5, 0), "{count} times {value}");
            }
        }
        // A constant up to rounding, at a large offset.
        let rounded: Vec<f64> = (0..1000).map(|t| 1e8 + 1.5e-8 * f64::from(t % 2)).collect();
        assert_eq!(mean(&rounded).expect("a series").tau, 0.5);
    }

    /// An offset changes the mean only.
    #[test]
    fn an_offset_changes_nothing_else() {
        let mut noise = Seed(5).stream("noise");
        let plain: Vec<f64> = (0..50_000).map(|_| noise.normal()).collect();
        let (plain, raised) = (mean(&plain), mean(&plain.iter().map(|v| v + 1e8).collect::<Vec<f64>>()));
        let (plain, raised) = (plain.expect("a series"), raised.expect("a series"));
        assert!((plain.tau - raised.tau).abs() < 1e-5 && plain.window == raised.window, "{plain:?}, {raised:?}");
        assert!((raised.value - 1e8 - plain.value).abs() < 1e-6);
    }

    /// A series that is correlated along its whole length once took a time that grew with its square: minutes for this one.
    /// The lags beyond the first 256 are those of plain sums.
    #[test]
    fn long_correlations_cost_a_transform() {
        let count = 400_000;
        let trend: Vec<f64> = (0..count).map(|t| f64::from(t) / f64::from(count)).collect();
        let found = mean(&trend).expect("a series");
        assert!(found.window > 10_000 && found.tau > 10_000.0, "{found:?}");

        let mut noise = Seed(6).stream("noise");
        let mut x = 0.0;
        let slow: Vec<f64> = (0..20_000)
            .map(|_| {
                x = 0.995 * x + noise.normal();
                x
            })
            .collect();
        let found = mean(&slow).expect("a series");
        assert!(found.window > 300, "{found:?}");
        let n = slow.len() as f64;
        let centred: Vec<f64> = slow.iter().map(|v| v - found.value).collect();
        let gamma =
            |t: usize| centred.iter().zip(&centred[t..]).map(|(a, b)| a * b).sum::<f64>() / (slow.len() - t) as f64;
        let sum = 0.5 + (1..=found.window).map(|t| gamma(t) / gamma(0)).sum::<f64>();
        let expected = sum * (1.0 + (2.0 * found.window as f64 + 1.0) / n);
        assert!((found.tau / expected - 1.0).abs() < 1e-9, "{}, {expected}", found.tau);
    }

    #[test]
    fn alternating_values_have_a_small_tau() {
        let series: Vec<f64> = (0..1000).map(|t| if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(mean(&series).expect("a series").tau < 0.02);
    }
}
