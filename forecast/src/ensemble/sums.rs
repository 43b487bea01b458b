//! Sums of products of features and changes, and readouts from them with a penalty for each feature.
//!
//! [`Gram`](forebay::train::Gram) has one penalty for all features and is used up by its solution; here groups of features have
//! penalties of their own, blocks of rows are put together in many ways, and a readout may use the first features only. The products,
//! factors and solutions are those of the same kernels, so that their bits are promised, too.

use forebay::threads;
use forebay_kernels::Form;
use forebay_kernels::solver::{Panels, Spread, add_cross_products, add_products, factor, solve_lower, solve_upper};

/// Rows that are multiplied out together.
const CHUNK: usize = 128;

/// `X'X`, `X'y` and `y'y` of the rows pushed so far, F features.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    features: usize,
    /// Column-major `[F, F]`, lower triangle.
    products: Vec<f64>,
    cross: Vec<f64>,
    squares: f64,
    rows: usize,
    chunk: Panels,
    targets: Panels,
    filled: usize,
}

/// The solver's work on the threads of the caller's pool.
struct Threads;

impl Spread for Threads {
    fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync) {
        threads::each(items, work);
    }
}

fn form() -> Form {
    // Which form computes changes no bit.
    Form::from_env().unwrap_or_else(|_| Form::best())
}

impl Sums {
    pub(super) fn new(features: usize) -> Self {
        Self {
            features,
            products: vec![0.0; features * features],
            cross: vec![0.0; features],
            squares: 0.0,
            rows: 0,
            chunk: Panels::zeros(CHUNK, features),
            targets: Panels::zeros(CHUNK, 1),
            filled: 0,
        }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows + self.filled
    }

    pub(super) fn push(&mut self, features: &[f64], target: f64) {
        self.chunk.set_row(self.filled, features);
        self.targets.set(self.filled, 0, target);
        self.squares += target * target;
        self.filled += 1;
        if self.filled == CHUNK {
            self.flush();
        }
    }

    /// Multiplies out the rows that wait.
    pub(super) fn flush(&mut self) {
        if self.filled > 0 {
            add_products(form(), &Threads, self.filled, &self.chunk, &mut self.products);
            add_cross_products(form(), &Threads, self.filled, &self.chunk, &self.targets, &mut self.cross);
            self.rows += self.filled;
            self.filled = 0;
        }
    }

    /// Adds the rows of another one; both are flushed.
    pub(super) fn add(&mut self, other: &Self) {
        debug_assert!(self.filled == 0 && other.filled == 0, "flushed sums");
        self.products.iter_mut().zip(&other.products).for_each(|(sum, more)| *sum += more);
        self.cross.iter_mut().zip(&other.cross).for_each(|(sum, more)| *sum += more);
        self.squares += other.squares;
        self.rows += other.rows;
    }

    /// Variance of a feature, given that feature 0 is one.
    pub(super) fn variance(&self, feature: usize) -> f64 {
        let rows = (self.rows as f64).max(1.0);
        let mean = self.products[feature] / rows;
        (self.products[feature * self.features + feature] / rows - mean * mean).max(0.0)
    }

    /// The weights `w` of the first features that minimise `|y - X w|^2 + sum p_j w_j^2`, one penalty each; none if the penalties
    /// are too small to tell the features apart. Of flushed sums.
    pub(super) fn solve(&self, penalties: &[f64]) -> Option<Vec<f64>> {
        let (n, all) = (penalties.len(), self.features);
        let mut matrix = Vec::with_capacity(n * n);
        (0..n).for_each(|j| matrix.extend_from_slice(&self.products[j * all..j * all + n]));
        let unit = f64::EPSILON * (CHUNK + 2 * n) as f64;
        let mut least = Vec::with_capacity(n);
        for (j, penalty) in penalties.iter().enumerate() {
            matrix[j * n + j] += penalty;
            least.push(unit * matrix[j * n + j]);
        }
        factor(form(), &Threads, &mut matrix, &least).ok()?;
        let mut solution = Panels::zeros(n, 1);
        (0..n).for_each(|j| solution.set(j, 0, self.cross[j]));
        solve_lower(form(), &matrix, n, &mut solution);
        solve_upper(form(), &matrix, n, &mut solution);
        let weights: Vec<f64> = (0..n).map(|j| solution.row(j).next().map_or(0.0, |part| part[0])).collect();
        weights.iter().all(|w| w.is_finite()).then_some(weights)
    }

    /// `|y - X w|^2` over the rows, of the first features. Of flushed sums; not below zero.
    pub(super) fn error(&self, weights: &[f64]) -> f64 {
        let mut error = self.squares;
        for (j, w) in weights.iter().enumerate() {
            let column = &self.products[j * self.features..][..weights.len()];
            let below: f64 = column[j + 1..].iter().zip(&weights[j + 1..]).map(|(g, other)| g * other).sum();
            error += w * (w * column[j] + 2.0 * (below - self.cross[j]));
        }
        error.max(0.0)
    }
}

/// The product of weights and as many features.
pub(super) fn product(weights: &[f64], features: &[f64]) -> f64 {
    // Eight chains, as many as a processor has in flight, and a fixed tree.
    let mut chains = [0.0; 8];
    let (parts, rest) = (weights.chunks_exact(8), weights.len() / 8 * 8);
    for (w, x) in parts.zip(features.chunks_exact(8)) {
        chains.iter_mut().zip(w).zip(x).for_each(|((chain, w), x)| *chain += w * x);
    }
    let tail: f64 = weights[rest..].iter().zip(&features[rest..weights.len()]).map(|(w, x)| w * x).sum();
    let [a, b, c, d, e, f, g, h] = chains;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay::random::Seed;

    fn rows(count: usize) -> Vec<([f64; 4], f64)> {
        let mut stream = Seed(3).stream("rows");
        let row = |_| {
            let x = [1.0, stream.normal(), stream.normal(), stream.normal()];
            (x, 0.3 + 2.0 * x[1] - x[2] + 0.1 * stream.normal())
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn weights_are_where_the_gradient_vanishes() {
        let rows = rows(300);
        let mut sums = Sums::new(4);
        for (x, y) in &rows {
            sums.push(x, *y);
        }
        sums.flush();
        let penalties = [0.0, 3.0, 10.0, 0.5];
        let weights = sums.solve(&penalties).expect("told apart");
        for j in 0..4 {
            let slope: f64 = rows.iter().map(|(x, y)| x[j] * (product(&weights, x) - y)).sum();
            assert!((slope + penalties[j] * weights[j]).abs() < 1e-9, "{slope}");
        }
        let error: f64 = rows.iter().map(|(x, y)| (product(&weights, x) - y).powi(2)).sum();
        assert!((sums.error(&weights) / error - 1.0).abs() < 1e-10);
    }

    #[test]
    fn blocks_add_up_and_the_first_features_stand_alone() {
        let rows = rows(300);
        let (mut whole, mut first, mut second, mut less) = (Sums::new(4), Sums::new(4), Sums::new(4), Sums::new(3));
        for (t, (x, y)) in rows.iter().enumerate() {
            whole.push(x, *y);
            if t < 100 { &mut first } else { &mut second }.push(x, *y);
            less.push(&x[..3], *y);
        }
        [&mut whole, &mut first, &mut second, &mut less].into_iter().for_each(Sums::flush);
        first.add(&second);
        assert_eq!(first.rows(), 300);
        let (a, b) = (whole.solve(&[0.1; 4]).expect("whole"), first.solve(&[0.1; 4]).expect("parts"));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(whole.solve(&[0.1; 3]), less.solve(&[0.1; 3]));
    }

    #[test]
    fn features_that_cannot_be_told_apart_have_no_weights_without_a_penalty() {
        let mut sums = Sums::new(3);
        (0..50).for_each(|t| sums.push(&[1.0, f64::from(t), 2.0 * f64::from(t)], f64::from(t)));
        sums.flush();
        assert_eq!(sums.solve(&[0.0; 3]), None);
        assert!(sums.solve(&[0.0, 1e-3, 1e-3]).is_some());
    }
}
