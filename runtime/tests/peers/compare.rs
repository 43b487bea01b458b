//! Comparing, and how far apart two right answers may be.

use ndarray::{Array2, ArrayView2};

use crate::arrays::Network;

/// States and outputs of given weights, over a hundred steps of reservoirs that forget.
pub(crate) const GIVEN: f64 = 1e-12;

/// What is different if a convention is taken the wrong way.
const DIFFERENT: f64 = 1e-3;

/// Asserts that no value is further than `bound` from the peer's.
pub(crate) fn assert_close(
    network: &Network,
    what: &str,
    found: ArrayView2<'_, f64>,
    expected: ArrayView2<'_, f64>,
    bound: f64,
) {
    let name = &network.name;
    let (distance, (row, column)) = furthest(network, what, found, expected);
    assert!(
        distance <= bound,
        "{name}: {what}[{row}, {column}] is {} here and {} there: {distance:e} apart, {bound:e} allowed",
        found[[row, column]],
        expected[[row, column]],
    );
}

/// Asserts that a wrong convention shows.
pub(crate) fn assert_differs(network: &Network, what: &str, found: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>) {
    let (distance, _) = furthest(network, what, found, expected);
    assert!(distance > DIFFERENT, "{}: {what} should differ, but is {distance:e} apart", network.name);
}

fn furthest(
    network: &Network,
    what: &str,
    found: ArrayView2<'_, f64>,
    expected: ArrayView2<'_, f64>,
) -> (f64, (usize, usize)) {
    assert_eq!(found.dim(), expected.dim(), "{}: shape of {what}", network.name);
    let pairs = found.indexed_iter().zip(expected.iter());
    pairs.map(|((place, x), y)| ((x - y).abs(), place)).max_by(|a, b| a.0.total_cmp(&b.0)).expect("not empty")
}

/// How far weights from two solvers may be apart.
///
/// Both solve `(X'X + ridge I) w = X'y`, k its condition. Summing and factoring perturb matrix and right-hand side by some
/// `sqrt(steps + features) u` of their size, u the unit of rounding (roundings add up like a random walk); so the weights
/// differ by that times k, twice because there are two solvers. The perturbation d of the right-hand side moves predictions
/// by `|X (X'X + ridge I)^-1 d| <= |d| / sqrt(smallest eigenvalue)`: the square root of k, with `|X|` for the root of the
/// largest.
pub(crate) struct Bounds {
    /// Of `|w - w'| / |w|`.
    pub(crate) weights: f64,
    /// Of a prediction.
    pub(crate) outputs: f64,
}

impl Bounds {
    /// `x`: the rows that were learned from, `[steps, features]`; `weights`: the peer's.
    pub(crate) fn new(x: ArrayView2<'_, f64>, weights: ArrayView2<'_, f64>, condition: f64) -> Self {
        let rounding = 2.0 * ((x.nrows() + x.ncols()) as f64).sqrt() * f64::EPSILON;
        Self { weights: rounding * condition, outputs: rounding * condition.sqrt() * norm(x) * norm(weights) }
    }

    /// Weights of the peer are `[features, outputs]`.
    pub(crate) fn assert_weights(&self, network: &Network, found: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>) {
        assert_eq!(found.dim(), expected.dim(), "{}: shape of the weights", network.name);
        let distance = norm((&found - &expected).view()) / norm(expected);
        let bound = self.weights;
        assert!(distance <= bound, "{}: weights are {distance:e} apart, {bound:e} allowed", network.name);
    }
}

/// The root of the sum of squares.
pub(crate) fn norm(array: ArrayView2<'_, f64>) -> f64 {
    array.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// One column.
pub(crate) fn column(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).expect("one column")
}
