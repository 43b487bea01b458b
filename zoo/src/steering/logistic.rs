//! Logistic regression.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::SteeringError;

/// A probability that follows features: `p = 1 / (1 + exp(-(b + w . z)))`, z the features standardised by the training data.
///
/// ```
/// use forebay_zoo::steering::logistic::Logistic;
/// use ndarray::array;
///
/// let features = array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
/// let labels = [false, false, true, false, true, true];
/// let model = Logistic::fit(features.view(), &labels, 0.1)?;
/// assert!(model.probability(features.row(5)) > 0.5 && model.probability(features.row(0)) < 0.5);
/// # Ok::<(), forebay_zoo::steering::SteeringError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    means: Vec<f64>,
    scales: Vec<f64>,
    weights: Vec<f64>,
    intercept: f64,
}

impl Logistic {
    /// Fits by Newton's method with a penalty `ridge |w|^2 / 2` on the weights, not on the intercept.
    ///
    /// # Shapes
    /// `features`: `[rows, F]`; `labels`: `[rows]`.
    ///
    /// # Errors
    /// [`SteeringError::TooShort`] for fewer than 2 rows, other than one label per row, or features that are not finite;
    /// [`SteeringError::Singular`] if rounding leaves the equations without a solution.
    pub fn fit(features: ArrayView2<'_, f64>, labels: &[bool], ridge: f64) -> Result<Self, SteeringError> {
        let (rows, width) = features.dim();
        if rows < 2 || labels.len() != rows || features.iter().any(|v| !v.is_finite()) || ridge.is_nan() || ridge <= 0.0
        {
            let expected = format!("2 or more finite rows, {rows} labels and a ridge above 0");
            return Err(SteeringError::TooShort { what: "a logistic regression", expected, found: labels.len() });
        }
        let means: Vec<f64> = features.mean_axis(Axis(0)).expect("there are rows").to_vec();
        // A constant column has no scale: it stays zero.
        let scales: Vec<f64> =
            features.std_axis(Axis(0), 0.0).iter().map(|&sd| if sd > 1e-12 { 1.0 / sd } else { 0.0 }).collect();
        let mut design = vec![1.0; rows * (width + 1)];
        for (to, from) in design.chunks_exact_mut(width + 1).zip(features.rows()) {
            for (c, value) in from.iter().enumerate() {
                to[c] = (value - means[c]) * scales[c];
            }
        }
        let mut parameters = vec![0.0; width + 1];
        let penalty = |c: usize| if c < width { ridge } else { 1e-9 };
        for _ in 0..MOST_TURNS {
            let mut gradient: Vec<f64> = (0..=width).map(|c| -penalty(c) * parameters[c]).collect();
            let mut hessian = Array2::zeros((width + 1, width + 1));
            for (row, &label) in design.chunks_exact(width + 1).zip(labels) {
                let p = sigmoid(row.iter().zip(&parameters).map(|(x, w)| x * w).sum());
                let residual = f64::from(u8::from(label)) - p;
                // Most of the time is spent here: whole rows of the lower triangle, so that they are added several at a time.
                let sums = hessian.as_slice_mut().expect("made in one piece").chunks_exact_mut(width + 1);
                for (i, (sums, &x)) in sums.zip(row).enumerate() {
                    gradient[i] += residual * x;
                    let weighted = x * p * (1.0 - p);
                    sums[..=i].iter_mut().zip(row).for_each(|(sum, x)| *sum += weighted * x);
                }
            }
            (0..=width).for_each(|i| hessian[[i, i]] += penalty(i));
            let step = solve(hessian, gradient).ok_or(SteeringError::Singular { ridge })?;
            // A full step may overshoot where the classes are far apart.
            let longest = step.iter().map(|s| s.abs()).fold(0.0, f64::max);
            let shorten = if longest > 4.0 { 4.0 / longest } else { 1.0 };
            parameters.iter_mut().zip(&step).for_each(|(w, step)| *w += shorten * step);
            if longest < 1e-8 {
                break;
            }
        }
        let intercept = parameters.pop().unwrap_or(0.0);
        Ok(Self { means, scales, weights: parameters, intercept })
    }

    /// Fits with the penalty of this list that has the lowest Brier score over five contiguous folds, then on all rows.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`SteeringError::TooShort`] for fewer than 10 rows.
    pub fn choose(features: ArrayView2<'_, f64>, labels: &[bool], ridges: &[f64]) -> Result<Self, SteeringError> {
        const FOLDS: usize = 5;
        let rows = features.nrows();
        if rows < 2 * FOLDS || labels.len() != rows {
            let expected = format!("{} rows or more, and a label each", 2 * FOLDS);
            return Err(SteeringError::TooShort { what: "the choice of a penalty", expected, found: rows });
        }
        let mut best = (f64::INFINITY, 1.0);
        for &ridge in ridges {
            let mut squares = 0.0;
            for fold in 0..FOLDS {
                // Neighbours in time are alike: folds are stretches, not every fifth row.
                let held = fold * rows / FOLDS..(fold + 1) * rows / FOLDS;
                let kept: Vec<usize> = (0..rows).filter(|row| !held.contains(row)).collect();
                let kept_labels: Vec<bool> = kept.iter().map(|&row| labels[row]).collect();
                let model = Self::fit(features.select(Axis(0), &kept).view(), &kept_labels, ridge)?;
                let errors = held.map(|row| model.probability(features.row(row)) - f64::from(u8::from(labels[row])));
                squares += errors.map(|error| error * error).sum::<f64>();
            }
            if squares < best.0 {
                best = (squares, ridge);
            }
        }
        Self::fit(features, labels, best.1)
    }

    /// The probability for these features, `[F]`.
    pub fn probability(&self, features: ArrayView1<'_, f64>) -> f64 {
        let scaled = features.iter().zip(&self.means).zip(&self.scales).map(|((x, mean), scale)| (x - mean) * scale);
        sigmoid(self.intercept + scaled.zip(&self.weights).map(|(z, w)| z * w).sum::<f64>())
    }
}

const MOST_TURNS: usize = 40;

/// Solves `A x = b` for a symmetric A given by its lower triangle, by Cholesky's method; none unless A is positive definite.
///
/// A few features: plain loops in a fixed order, so that the weights have the same bits on every machine.
fn solve(mut a: Array2<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for j in 0..n {
        let pivot = a[[j, j]] - (0..j).map(|k| a[[j, k]] * a[[j, k]]).sum::<f64>();
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        a[[j, j]] = root;
        for i in j + 1..n {
            let overlap: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] = (a[[i, j]] - overlap) / root;
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| a[[i, k]] * b[k]).sum();
        b[i] = (b[i] - known) / a[[i, i]];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[[k, i]] * b[k]).sum();
        b[i] = (b[i] - known) / a[[i, i]];
    }
    Some(b)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay::random::Seed;

    /// With labels drawn from the model itself the weights come back within their standard errors.
    #[test]
    fn weights_of_a_known_model_come_back() {
        let mut stream = Seed(1).stream("data");
        let features = Array2::from_shape_fn((20_000, 2), |_| stream.normal());
        let labels: Vec<bool> =
            features.rows().into_iter().map(|x| stream.uniform() < sigmoid(0.5 + 1.5 * x[0] - 0.7 * x[1])).collect();
        let model = Logistic::fit(features.view(), &labels, 1e-6).expect("data");
        assert!((model.weights[0] * model.scales[0] - 1.5).abs() < 0.1);
        assert!((model.weights[1] * model.scales[1] + 0.7).abs() < 0.1);
        let probability = model.probability(ndarray::aview1(&[0.0, 0.0]));
        assert!((probability - sigmoid(0.5)).abs() < 0.02);
    }

    /// `A = [[4, 2, 2], [2, 5, 3], [2, 3, 6]]` and x = (1, -2, 3), multiplied by hand.
    #[test]
    fn a_small_system_is_solved() {
        let lower = ndarray::array![[4.0, 0.0, 0.0], [2.0, 5.0, 0.0], [2.0, 3.0, 6.0]];
        let x = solve(lower, vec![6.0, 1.0, 14.0]).expect("it is positive definite");
        assert!(x.iter().zip([1.0, -2.0, 3.0]).all(|(x, expected)| (x - expected).abs() < 1e-14), "{x:?}");
        assert_eq!(solve(ndarray::array![[1.0, 0.0], [2.0, 1.0]], vec![1.0, 1.0]), None);
        assert_eq!(solve(ndarray::array![[f64::NAN]], vec![1.0]), None);
    }

    #[test]
    fn classes_that_never_meet_do_not_run_away() {
        let features = Array2::from_shape_fn((40, 1), |(i, _)| i as f64);
        let labels: Vec<bool> = (0..40).map(|i| i >= 20).collect();
        let model = Logistic::fit(features.view(), &labels, 1e-3).expect("data");
        assert!(model.probability(features.row(39)) > 0.999 && model.weights[0].is_finite());
        assert!(Logistic::fit(features.view(), &labels[..3], 1.0).is_err());
        let constant = Logistic::fit(Array2::ones((40, 1)).view(), &labels, 1.0).expect("data");
        assert!((constant.probability(ndarray::aview1(&[1.0])) - 0.5).abs() < 1e-6);
    }
}
