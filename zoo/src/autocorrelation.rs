//! Means of correlated series with honest errors.

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
        (self.value - other.value) / self.error.hypot(other.error)
    }

    /// The distance to a number with an error of its own, in units of the joint standard error.
    pub fn sigmas_from_value(&self, value: f64, error: f64) -> f64 {
        (self.value - value) / self.error.hypot(error)
    }
}

/// The Gamma method: the sum over lags ends where the statistical error of its tail begins to outweigh the bias of leaving it
/// out, for correlations that fall as `exp(-t / (1.5 tau))`. `None` for fewer than 4 values or values that are not finite.
///
/// A constant series has an error of 0 and tau = 1/2.
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
    let count = series.len();
    let n = count as f64;
    if count < 4 || series.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let value = series.iter().sum::<f64>() / n;
    let centred: Vec<f64> = series.iter().map(|v| v - value).collect();
    let gamma =
        |t: usize| centred[..count - t].iter().zip(&centred[t..]).map(|(a, b)| a * b).sum::<f64>() / (count - t) as f64;
    let variance = gamma(0);
    // Rounding of a constant series is no fluctuation.
    if variance <= (f64::EPSILON * value).powi(2) * 16.0 {
        return Some(Mean { value, error: 0.0, tau: 0.5, tau_error: 0.0, window: 0, variance: 0.0, count });
    }
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
        let constant = mean(&[0.1; 50]).expect("a series");
        assert_eq!((constant.error, constant.tau), (0.0, 0.5));
    }

    #[test]
    fn alternating_values_have_a_small_tau() {
        let series: Vec<f64> = (0..1000).map(|t| if t % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(mean(&series).expect("a series").tau < 0.02);
    }
}
