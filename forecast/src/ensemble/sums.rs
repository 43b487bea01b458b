//! Sums of products of features and changes, and readouts from them with a penalty for each feature.
//!
//! [`Gram`](forebay::train::Gram) has one penalty for all features and is used up by its solution; here groups of features have
//! penalties of their own, blocks of rows are put together in many ways, and a readout may use the first features only. The products,
//! factors and solutions are those of the same kernels, so that their bits are promised, too.

use forebay::threads;
use forebay_kernels::Form;
use forebay_kernels::solver::{Panels, Spread, add_cross_products, add_products, factor, solve_lower, solve_upper};
use serde::{Deserialize, Serialize};

use super::kept::{KeepError, finite, must, must_be, same_bits};

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

/// Sums in bytes; the first features of some are those of others, and left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptSums {
    /// The lower triangle, row after row.
    products: Vec<f64>,
    cross: Vec<f64>,
    squares: f64,
    rows: usize,
    /// Rows that are not multiplied out: how they are put together is in the bits.
    chunk: Vec<f64>,
    targets: Vec<f64>,
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

    /// What is left to write where the first features are those of other sums.
    pub(super) fn kept(&self, without: usize) -> KeptSums {
        let n = self.features;
        let triangle = (without..n).flat_map(|i| (0..=i).map(move |j| self.products[j * n + i]));
        let chunk = (0..self.filled).flat_map(|t| self.chunk.row(t).flatten().skip(without));
        KeptSums {
            products: triangle.collect(),
            cross: self.cross[without..].to_vec(),
            squares: self.squares,
            rows: self.rows,
            chunk: chunk.copied().collect(),
            targets: (0..self.filled).flat_map(|t| self.targets.row(t).flatten()).copied().collect(),
        }
    }

    /// Sums over so many features and at most so many rows; the first features are those of others.
    pub(super) fn open(
        kept: &KeptSums,
        features: usize,
        most: usize,
        first: Option<(&Self, usize)>,
    ) -> Result<Self, KeepError> {
        let KeptSums { products, cross, squares, rows, chunk, targets } = kept;
        let without = first.map_or(0, |(_, without)| without);
        let (own, filled) = (features - without, targets.len());
        // Before memory is taken.
        must_be("products of features", products.len(), triangle(features).zip(triangle(without)).map(|(a, b)| a - b))?;
        must_be("products with the target", cross.len(), Some(own))?;
        must(filled < CHUNK, "rows that wait", || format!("are {filled}, and at most {} can be", CHUNK - 1))?;
        must_be("features that wait", chunk.len(), own.checked_mul(filled))?;
        must(*rows <= most && most - rows >= filled, "rows of sums", || format!("are {rows} of {most}"))?;
        finite("sums", products.iter().chain(cross).chain([squares]))?;
        finite("rows that wait", chunk.iter().chain(targets))?;
        must(*squares >= 0.0, "sum of squares", || "is below 0")?;
        let same = first.is_none_or(|(other, _)| (other.rows, other.filled) == (*rows, filled));
        must(same, "rows of sums", || "are not those of the features that are shared")?;

        let mut sums = Self { squares: *squares, rows: *rows, filled, ..Self::new(features) };
        if let Some((other, _)) = first {
            for j in 0..without {
                let column = &other.products[j * other.features..][..without];
                sums.products[j * features..][..without].copy_from_slice(column);
            }
            sums.cross[..without].copy_from_slice(&other.cross[..without]);
        }
        let mut left = products.iter();
        for i in without..features {
            (0..=i).zip(&mut left).for_each(|(j, product)| sums.products[j * features + i] = *product);
        }
        sums.cross[without..].copy_from_slice(cross);
        let mut row = vec![0.0; features];
        for (t, target) in targets.iter().enumerate() {
            if let Some((other, _)) = first {
                row.iter_mut().zip(other.chunk.row(t).flatten().take(without)).for_each(|(to, from)| *to = *from);
            }
            row[without..].copy_from_slice(&chunk[t * own..(t + 1) * own]);
            sums.chunk.set_row(t, &row);
            sums.targets.set(t, 0, *target);
        }
        Ok(sums)
    }

    /// Whether the first features have the same sums, and wait in the same rows.
    pub(super) fn shares(&self, other: &Self, first: usize) -> bool {
        let column = |sums: &Self, j: usize| sums.products[j * sums.features + j..j * sums.features + first].to_vec();
        let row = |sums: &Self, t: usize| sums.chunk.row(t).flatten().take(first).copied().collect::<Vec<_>>();
        (self.rows, self.filled) == (other.rows, other.filled)
            && same_bits(&self.cross[..first], &other.cross[..first])
            && (0..first).all(|j| same_bits(&column(self, j), &column(other, j)))
            && (0..self.filled).all(|t| same_bits(&row(self, t), &row(other, t)))
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

/// Entries of a lower triangle.
fn triangle(n: usize) -> Option<usize> {
    n.checked_add(1)?.checked_mul(n).map(|twice| twice / 2)
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
