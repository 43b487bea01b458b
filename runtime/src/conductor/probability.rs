//! Scores as probabilities, and how well those agree with what happens.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::metrics;

/// A score's probability, `p = 1 / (1 + exp(-(slope score + intercept)))`.
///
/// Fitted by maximum likelihood with Platt's targets `(N1 + 1) / (N1 + 2)` and `1 / (N0 + 2)` instead of 1 and 0, which
/// keeps the slope finite where events and others can be told apart without error.
///
/// # Source
/// Platt, Advances in Large Margin Classifiers (1999); Lin, Lin, Weng, Machine Learning 68, 267 (2007), for the
/// numerics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of the score.
    pub slope: f64,
    /// At score 0.
    pub intercept: f64,
}

impl Calibration {
    /// Fits to scores and whether the event happened, by Newton's method with halved steps.
    ///
    /// # Errors
    /// [`Error::Shape`] for different lengths or nothing; [`Error::NonFinite`].
    pub fn fit(scores: &[f64], happened: &[bool]) -> Result<Self, Error> {
        check(scores, happened)?;
        let count = scores.len() as f64;
        let events = happened.iter().filter(|&&event| event).count() as f64;
        let targets = [1.0 / (count - events + 2.0), (events + 1.0) / (events + 2.0)];
        // Standardised scores make the two unknowns alike.
        let mean = metrics::mean(scores.iter().copied());
        let spread = (scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / count).sqrt();
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let pairs =
            || scores.iter().zip(happened).map(|(s, &event)| ((s - mean) / spread, targets[usize::from(event)]));
        let cost = |a: f64, b: f64| {
            let of = |(x, t): (f64, f64)| {
                let z = a * x + b;
                // ln(1 + exp z) - t z, without overflow.
                z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - t * z
            };
            pairs().map(of).sum::<f64>()
        };
        let (mut a, mut b) = (0.0, libm::log((events + 1.0) / (count - events + 1.0)));
        let mut best = cost(a, b);
        for _ in 0..100 {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
            for (x, t) in pairs() {
                let p = logistic(a * x + b);
                let (difference, weight) = (p - t, p * (1.0 - p));
                ga += difference * x;
                gb += difference;
                haa += weight * x * x;
                hab += weight * x;
                hbb += weight;
            }
            let determinant = haa * hbb - hab * hab;
            let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
            let mut shares = std::iter::successors(Some(1.0_f64), |share| Some(0.5 * share)).take(30);
            let better = shares.find_map(|share| {
                let (a, b) = (a - share * da, b - share * db);
                let cost = cost(a, b);
                (cost < best).then_some((a, b, cost))
            });
            let Some(found) = better else { break };
            (a, b, best) = found;
            if da.abs().max(db.abs()) < 1e-10 {
                break;
            }
        }
        Ok(Self { slope: a / spread, intercept: b - a * mean / spread })
    }

    /// The probability of a score, 0 to 1.
    pub fn probability(&self, score: f64) -> f64 {
        logistic(self.slope * score + self.intercept)
    }
}

/// `1 / (1 + exp(-z))`, with the same bits everywhere.
fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

/// How probabilities agree with what happened.
///
/// ```
/// use forebay::conductor::Reliability;
///
/// let reliability = Reliability::of(&[0.1, 0.1, 0.9, 0.9], &[false, false, true, false], 10)?;
/// assert_eq!((reliability.base_rate, reliability.base_brier), (0.25, 0.1875));
/// assert_eq!(reliability.bins[9].frequency, Some(0.5));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Brier score, `mean (p - event)^2`: 0 is perfect.
    pub brier: f64,
    /// Share of events.
    pub base_rate: f64,
    /// Brier score of that share, `base_rate (1 - base_rate)`.
    pub base_brier: f64,
    /// Equal parts of 0 to 1, lowest first.
    pub bins: Vec<Bin>,
}

/// Predictions whose probability lies in one part of 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// Their mean probability; none of nothing.
    pub forecast: Option<f64>,
    /// How often the event happened; none of nothing. Calibrated: equals `forecast` within
    /// `sqrt(frequency (1 - frequency) / count)`, the standard error of independent events.
    pub frequency: Option<f64>,
}

impl Reliability {
    /// Of probabilities and whether the event happened, in 1 to 1,000 bins.
    ///
    /// # Errors
    /// [`Error::Shape`] for different lengths or nothing; [`Error::NonFinite`]; [`Error::Range`] for a probability
    /// outside 0 to 1 or another number of bins.
    pub fn of(probabilities: &[f64], happened: &[bool], bins: usize) -> Result<Self, Error> {
        check(probabilities, happened)?;
        super::layout::within("the number of bins", bins, 1, 1000)?;
        if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            let (what, expected) = ("a probability", "0 to 1".to_owned());
            return Err(Error::Range { what, expected, found: p.to_string() });
        }
        let count = probabilities.len() as f64;
        let mut sums = vec![(0_usize, 0.0, 0.0); bins];
        let mut brier = 0.0;
        for (&p, &event) in probabilities.iter().zip(happened) {
            let event = f64::from(u8::from(event));
            brier += (p - event) * (p - event);
            let bin = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
            *bin = (bin.0 + 1, bin.1 + p, bin.2 + event);
        }
        let base_rate = sums.iter().map(|bin| bin.2).sum::<f64>() / count;
        let bin = |(count, forecast, events): (usize, f64, f64)| {
            // A compiler may divide before it looks at the count.
            let mean = |sum: f64| (count > 0).then_some(sum / count.max(1) as f64);
            Bin { count, forecast: mean(forecast), frequency: mean(events) }
        };
        let bins = sums.into_iter().map(bin).collect();
        Ok(Self { brier: brier / count, base_rate, base_brier: base_rate * (1.0 - base_rate), bins })
    }

    /// Brier skill `1 - brier / base_brier`; none if the event always or never happened.
    pub fn skill(&self) -> Option<f64> {
        (self.base_brier > 0.0).then(|| 1.0 - self.brier / self.base_brier)
    }
}

fn check(values: &[f64], happened: &[bool]) -> Result<(), Error> {
    if values.is_empty() || values.len() != happened.len() {
        let expected = format!("{} values, at least one", happened.len());
        return Err(Error::shape("scores or probabilities", expected, values.len()));
    }
    Error::check_finite("scores or probabilities", values)
}
