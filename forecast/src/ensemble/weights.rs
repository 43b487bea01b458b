//! Weights of members: on the simplex, from their errors.

use serde::{Deserialize, Serialize};

use super::kept::{KeepError, finite, must, must_be};

/// The weights `w >= 0`, `sum w = 1` that minimise `w' A w`, `A = S + (ridge) diag S`, exactly: every set of members that may have weight is
/// tried. S: `[M, M]` row-major, mean products of errors. The first of equals, fewest members first in the order of their numbers.
///
/// With `A x = 1` on a set, `w = x / sum x` is the minimum there, and its value is `1 / sum x`; it is on the simplex if no x is below zero.
/// The best weights have some set of members, so that they are found.
pub(super) fn simplex(s: &[f64], ridge: f64) -> Vec<f64> {
    let m = s.len().isqrt();
    let largest = (0..m).map(|i| s[i * m + i]).fold(0.0, f64::max);
    if m == 0 || largest == 0.0 {
        // Nobody ever erred.
        return vec![1.0 / m as f64; m];
    }
    // Errors below a millionth of the largest cannot be told from none.
    let a: Vec<f64> = (0..m * m)
        .map(|k| {
            let diagonal = k / m == k % m;
            (s[k] + if diagonal { ridge * s[k] + 1e-12 * largest } else { 0.0 }) / largest
        })
        .collect();
    let mut best = (f64::INFINITY, vec![1.0 / m as f64; m]);
    for set in 1_usize..1 << m {
        let members: Vec<usize> = (0..m).filter(|i| set >> i & 1 == 1).collect();
        let Some(x) = ones(&a, m, &members) else { continue };
        let sum: f64 = x.iter().sum();
        // A member at zero belongs to a smaller set.
        if x.iter().all(|x| *x > 0.0) && sum.is_finite() && 1.0 / sum < best.0 {
            let mut weights = vec![0.0; m];
            members.iter().zip(&x).for_each(|(&member, x)| weights[member] = x / sum);
            best = (1.0 / sum, weights);
        }
    }
    best.1
}

/// That so many weights are on the simplex.
pub(super) fn check(weights: &[f64], members: usize) -> Result<(), KeepError> {
    must_be("weights of members", weights.len(), Some(members))?;
    let shares = weights.iter().all(|weight| (0.0..=1.0).contains(weight));
    must(shares && (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9, "weights of members", || "are not parts of one")
}

/// The solution of `A x = 1` for some members, by Cholesky's method.
fn ones(a: &[f64], m: usize, members: &[usize]) -> Option<Vec<f64>> {
    let n = members.len();
    let mut l = vec![0.0; n * n];
    let mut x = vec![1.0; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let left = a[members[i] * m + members[j]] - known;
            if i == j {
                if left <= 1e-14 {
                    return None;
                }
                l[i * n + i] = left.sqrt();
            } else {
                l[i * n + j] = left / l[j * n + j];
            }
        }
        let known: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
        x[i] = (x[i] - known) / l[i * n + i];
    }
    Some(x)
}

/// Mean products of the errors of members, where all are known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Products {
    members: usize,
    sums: Vec<f64>,
    count: usize,
    /// Sums of the mean squared error of a row, and of its square.
    moments: (f64, f64),
}

impl Products {
    pub(super) fn new(members: usize) -> Self {
        Self { members, sums: vec![0.0; members * members], count: 0, moments: (0.0, 0.0) }
    }

    /// That these are of so many members, and at most so many rows.
    pub(super) fn check(&self, members: usize, most: usize) -> Result<(), KeepError> {
        must_be("members of errors", self.members, Some(members))?;
        must_be("products of errors", self.sums.len(), members.checked_mul(members))?;
        must(self.count <= most, "count of errors", || format!("is {} of {most} rows", self.count))?;
        finite("products of errors", self.sums.iter().chain([&self.moments.0, &self.moments.1]))
    }

    pub(super) fn push(&mut self, errors: &[f64]) {
        for (row, a) in self.sums.chunks_exact_mut(self.members).zip(errors) {
            row.iter_mut().zip(errors).for_each(|(sum, b)| *sum += a * b);
        }
        self.count += 1;
        let square = errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64;
        self.moments.0 += square;
        self.moments.1 += square * square;
    }

    pub(super) fn members(&self) -> usize {
        self.members
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Root mean square error of each member.
    pub(super) fn rmse(&self) -> Vec<f64> {
        let own = self.sums.iter().step_by(self.members + 1);
        own.map(|sum| (sum / (self.count as f64).max(1.0)).sqrt()).collect()
    }

    /// How many normal errors would say as much: where a few rows make the sums, those are what members happened to be good at.
    ///
    /// The mean of N squares has a variance of their mean square `(q - 1) / N` times, q the ratio of the mean fourth power to the squared mean
    /// square, which is 3 for normal errors.
    fn worth(&self) -> f64 {
        let (squares, fourths) = self.moments;
        let worth = if fourths > 0.0 { 3.0 * squares * squares / fourths } else { 1.0 };
        worth.min(self.count as f64).max(1.0)
    }

    /// The best weights, drawn towards even ones the fewer errors there are: forecasts `horizon` steps ahead share most of
    /// theirs with the next.
    pub(super) fn weights(&self, horizon: usize) -> Vec<f64> {
        let mean: Vec<f64> = self.sums.iter().map(|sum| sum / (self.count as f64).max(1.0)).collect();
        simplex(&mean, 30.0 * horizon as f64 / self.worth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(a: &[f64], w: &[f64]) -> f64 {
        let m = w.len();
        (0..m * m).map(|k| a[k] * w[k / m] * w[k % m]).sum()
    }

    proptest! {
        /// Against all weights on a grid of fiftieths.
        #[test]
        fn no_weights_on_a_grid_are_better(errors in prop::collection::vec(-1.0_f64..1.0, 3 * 12)) {
            let mut products = Products::new(3);
            errors.chunks_exact(3).for_each(|errors| products.push(errors));
            let mean: Vec<f64> = products.sums.iter().map(|sum| sum / 12.0).collect();
            let found = simplex(&mean, 0.0);
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12 && found.iter().all(|w| *w >= 0.0));
            for i in 0..=50 {
                for j in 0..=50 - i {
                    let w = [f64::from(i) / 50.0, f64::from(j) / 50.0, f64::from(50 - i - j) / 50.0];
                    prop_assert!(value(&mean, &found) <= value(&mean, &w) + 1e-9);
                }
            }
        }
    }

    #[test]
    fn whoever_never_errs_has_all_the_weight() {
        let weights = simplex(&[1.0, 0.0, 0.0, 0.0], 0.0);
        assert!(weights[1] > 1.0 - 1e-9, "{weights:?}");
        assert_eq!(simplex(&[0.0; 4], 0.0), [0.5, 0.5]);
    }

    #[test]
    fn independent_errors_weigh_by_their_inverse_squares() {
        let weights = simplex(&[1.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 2.0], 0.0);
        let expected = [4.0 / 7.0, 1.0 / 7.0, 2.0 / 7.0];
        assert!(weights.iter().zip(expected).all(|(w, e)| (w - e).abs() < 1e-9), "{weights:?}");
    }
}
