//! Ridge regression from a [`Gram`] matrix: one penalty, or a whole grid from one factorisation.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::evd::tridiag;
use faer::linalg::householder;
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, MatMut, Par};
use ndarray::{Array1, Array2};

use super::{Gram, TrainError};

/// Weights found by ridge regression, `y = W x + b`.
///
/// `W = (X'X + ridge I)^-1 X'Y` over features and targets minus their means; `b = mean(y) - W mean(x)`, so the
/// intercept is not penalised. The penalty is added to the Gram matrix as it is, not scaled by the number of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// `[outputs, features]`.
    pub weights: Array2<f64>,
    /// `[outputs]`.
    pub bias: Array1<f64>,
    /// The penalty used. It is above the one asked for if that was lost in the rounding of the Gram matrix.
    pub ridge: f64,
    /// Root mean square error on the training steps divided by the target's standard deviation, per output; NaN for a
    /// constant target. Computed from the sums: values below about 1e-7 are rounding.
    pub train_nrmse: Vec<f64>,
}

/// Ridge regression with one penalty, by Cholesky factorisation in place.
///
/// A penalty too small for the precision of the Gram matrix (its factorisation fails) is raised tenfold, from the
/// rounding error of the matrix on, until it succeeds; [`Solution::ridge`] tells.
///
/// # Errors
/// [`TrainError::Ridge`] for a penalty below zero or not finite; [`TrainError::TooShort`] without steps;
/// [`TrainError::Singular`] if nothing helps.
pub fn solve(mut gram: Gram, ridge: f64) -> Result<Solution, TrainError> {
    check(&gram, ridge)?;
    let means = gram.center();
    gram.finish();
    let features = gram.features();
    if features == 0 {
        return Ok(finish(&gram, &[], Vec::new(), ridge, &means));
    }
    let diagonal: Vec<f64> = (0..features).map(|j| gram.products[j * features + j]).collect();
    // Backward error of the factorisation: unit roundoff times the trace.
    let floor = f64::EPSILON * diagonal.iter().sum::<f64>();
    let mut used = ridge;
    for _ in 0..16 {
        let cross = gram.cross.clone();
        if let Some(weights) = cholesky(&mut gram, used) {
            return Ok(finish(&gram, &cross, weights, used, &means));
        }
        used = if used < floor { floor } else { used * 10.0 };
        restore(&mut gram, &diagonal, cross);
    }
    Err(TrainError::Singular { ridge, tried: used })
}

/// Factors `G + ridge I` in the lower triangle; `None` if it is not positive definite in floating point.
fn cholesky(gram: &mut Gram, ridge: f64) -> Option<Vec<f64>> {
    let (features, outputs) = (gram.features(), gram.outputs());
    // The upper triangle keeps a copy, should the factorisation fail.
    for j in 0..features {
        for i in j + 1..features {
            gram.products[i * features + j] = gram.products[j * features + i];
        }
        gram.products[j * features + j] += ridge;
    }
    let mut matrix = MatMut::from_column_major_slice_mut(&mut gram.products, features, features);
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(features, Par::Seq, faer::prelude::default());
    let solving = llt::solve::solve_in_place_scratch::<f64>(features, outputs, Par::Seq);
    let mut memory = MemBuffer::new(scratch.or(solving));
    let stack = MemStack::new(&mut memory);
    let (regularization, params) = (faer::prelude::default(), faer::prelude::default());
    llt::factor::cholesky_in_place(matrix.as_mut(), regularization, Par::Seq, stack, params).ok()?;
    let right = MatMut::from_column_major_slice_mut(&mut gram.cross, features, outputs);
    llt::solve::solve_in_place(matrix.as_ref(), right, Par::Seq, stack);
    let weights = std::mem::take(&mut gram.cross);
    weights.iter().all(|w| w.is_finite()).then_some(weights)
}

/// Undoes a failed factorisation.
fn restore(gram: &mut Gram, diagonal: &[f64], cross: Vec<f64>) {
    let features = diagonal.len();
    for (j, &value) in diagonal.iter().enumerate() {
        gram.products[j * features + j] = value;
        for i in j + 1..features {
            gram.products[j * features + i] = gram.products[i * features + j];
        }
    }
    gram.cross = cross;
}

/// A Gram matrix brought to tridiagonal form `G = Q T Q'`, from which every penalty costs `O(F)` per output.
///
/// Q stays in factored form in the matrix's own memory.
#[derive(Debug)]
pub struct Tridiagonal {
    gram: Gram,
    /// `[block, F - 1]`, coefficients of Q's reflections.
    reflections: Mat<f64>,
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
    /// `Q' X'Y`, column-major `[F, O]`.
    rotated: Vec<f64>,
    means: (Vec<f64>, Vec<f64>),
}

/// One penalty of a grid and how it scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The penalty.
    pub ridge: f64,
    /// The score, lower is better; infinite if the penalty is lost in rounding.
    pub score: f64,
}

impl Tridiagonal {
    /// Factors the matrix once.
    ///
    /// # Errors
    /// [`TrainError::TooShort`] without steps.
    pub fn new(mut gram: Gram) -> Result<Self, TrainError> {
        check(&gram, 0.0)?;
        let means = gram.center();
        gram.finish();
        let (features, outputs) = (gram.features(), gram.outputs());
        if features == 0 {
            let reflections = Mat::new();
            let (diagonal, off_diagonal, rotated) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Self { gram, reflections, diagonal, off_diagonal, rotated, means });
        }
        let block = recommended_block_size::<f64>(features, features);
        let mut reflections = Mat::zeros(block, features - 1);
        let reducing = tridiag::tridiag_in_place_scratch::<f64>(features, Par::Seq, faer::prelude::default());
        let applying = householder::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>(
            features, block, outputs,
        );
        let mut memory = MemBuffer::new(reducing.or(applying));
        let stack = MemStack::new(&mut memory);
        let mut matrix = MatMut::from_column_major_slice_mut(&mut gram.products, features, features);
        let params = faer::prelude::default();
        tridiag::tridiag_in_place(matrix.as_mut(), reflections.as_mut(), Par::Seq, stack, params);
        let matrix = matrix.as_ref();
        let diagonal = (0..features).map(|i| matrix[(i, i)]).collect();
        let off_diagonal = (1..features).map(|i| matrix[(i, i - 1)]).collect();
        let mut rotated = gram.cross.clone();
        let right = MatMut::from_column_major_slice_mut(&mut rotated, features, outputs);
        householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
            matrix.submatrix(1, 0, features - 1, features - 1),
            reflections.as_ref(),
            Conj::No,
            right.subrows_mut(1, features - 1),
            Par::Seq,
            stack,
        );
        Ok(Self { gram, reflections, diagonal, off_diagonal, rotated, means })
    }

    /// Generalised cross-validation of one penalty, over all outputs, each divided by its variance:
    /// `GCV = mean over outputs of (RSS / RSS_0) / (1 - tr(H) / n)^2`, H the hat matrix with intercept.
    ///
    /// Source: Golub, Heath, Wahba, Technometrics 21, 215 (1979).
    pub fn gcv(&self, ridge: f64) -> Candidate {
        let failed = Candidate { ridge, score: f64::INFINITY };
        let Some(pivots) = self.pivots(ridge) else { return failed };
        let trace = self.gram.features() as f64 - ridge * self.inverse_trace(ridge, &pivots) + 1.0;
        let freedom = 1.0 - trace / self.gram.count() as f64;
        if freedom.is_nan() || freedom <= 0.0 {
            return failed;
        }
        let shares: Vec<f64> = (0..self.gram.outputs())
            .filter(|&o| self.varies(o))
            .map(|o| {
                let rotated = self.column(o);
                let weights = self.solve_rotated(ridge, &pivots, rotated);
                residual(self.gram.squares[o], &weights, rotated, ridge) / self.gram.squares[o]
            })
            .collect();
        let score = shares.iter().sum::<f64>() / shares.len().max(1) as f64 / (freedom * freedom);
        Candidate { ridge, score: if score.is_finite() { score } else { f64::INFINITY } }
    }

    /// The weights for one penalty; `None` if it is lost in the rounding of the matrix.
    pub fn solution(&self, ridge: f64) -> Option<Solution> {
        let pivots = self.pivots(ridge)?;
        let (features, outputs) = (self.gram.features(), self.gram.outputs());
        let mut weights: Vec<f64> =
            (0..outputs).flat_map(|o| self.solve_rotated(ridge, &pivots, self.column(o))).collect();
        if features == 0 {
            return Some(finish(&self.gram, &[], weights, ridge, &self.means));
        }
        let block = self.reflections.nrows();
        let mut memory = MemBuffer::new(householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<
            f64,
        >(features, block, outputs));
        let matrix = faer::MatRef::from_column_major_slice(&self.gram.products, features, features);
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            matrix.submatrix(1, 0, features - 1, features - 1),
            self.reflections.as_ref(),
            Conj::No,
            MatMut::from_column_major_slice_mut(&mut weights, features, outputs).subrows_mut(1, features - 1),
            Par::Seq,
            MemStack::new(&mut memory),
        );
        Some(finish(&self.gram, &self.gram.cross, weights, ridge, &self.means))
    }

    /// Whether a target is more than a constant with rounding errors, see [`Spread::of`](super::score::Spread::of).
    fn varies(&self, output: usize) -> bool {
        let rounding = 4.0 * f64::EPSILON * self.means.1[output];
        self.gram.squares[output] > self.gram.count() as f64 * rounding * rounding
    }

    fn column(&self, output: usize) -> &[f64] {
        &self.rotated[output * self.gram.features()..(output + 1) * self.gram.features()]
    }

    /// Pivots of the `L D L'` factorisation of `T + ridge I`; `None` unless all are positive.
    fn pivots(&self, ridge: f64) -> Option<Vec<f64>> {
        let mut pivots = Vec::with_capacity(self.diagonal.len());
        let Some((first, others)) = self.diagonal.split_first() else { return Some(pivots) };
        let mut pivot = first + ridge;
        pivots.push(pivot);
        for (d, e) in others.iter().zip(&self.off_diagonal) {
            pivot = d + ridge - e * e / pivot;
            pivots.push(pivot);
        }
        pivots.iter().all(|&p| p > 0.0 && p.is_finite()).then_some(pivots)
    }

    fn solve_rotated(&self, _ridge: f64, pivots: &[f64], right: &[f64]) -> Vec<f64> {
        let mut x = right.to_vec();
        for i in 1..x.len() {
            x[i] -= self.off_diagonal[i - 1] / pivots[i - 1] * x[i - 1];
        }
        for i in (0..x.len()).rev() {
            let above = if i + 1 < x.len() { self.off_diagonal[i] * x[i + 1] } else { 0.0 };
            x[i] = (x[i] - above) / pivots[i];
        }
        x
    }

    /// `tr (T + ridge I)^-1`: each diagonal element is 1 over (forward pivot + backward pivot - its own entry).
    fn inverse_trace(&self, ridge: f64, forward: &[f64]) -> f64 {
        let Some(last) = self.diagonal.len().checked_sub(1) else { return 0.0 };
        let mut backward = self.diagonal[last] + ridge;
        let mut trace = 1.0 / forward[last];
        for i in (0..last).rev() {
            let e = self.off_diagonal[i];
            backward = self.diagonal[i] + ridge - e * e / backward;
            trace += 1.0 / (forward[i] + backward - (self.diagonal[i] + ridge));
        }
        trace
    }
}

/// Residual sum of squares `y'y - w'b - ridge w'w` of a solution of `(G + ridge I) w = b`.
fn residual(squares: f64, weights: &[f64], cross: &[f64], ridge: f64) -> f64 {
    let explained: f64 = weights.iter().zip(cross).map(|(w, b)| w * (b + ridge * w)).sum();
    (squares - explained).max(0.0)
}

fn check(gram: &Gram, ridge: f64) -> Result<(), TrainError> {
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return Err(TrainError::Ridge { ridge });
    }
    match gram.count() {
        0 | 1 => Err(TrainError::TooShort { steps: gram.count(), needed: 2 }),
        _ => Ok(()),
    }
}

/// Weights, column-major `[F, O]`, as a solution with intercept and error.
fn finish(
    gram: &Gram,
    cross: &[f64],
    weights: Vec<f64>,
    ridge: f64,
    (feature_means, target_means): &(Vec<f64>, Vec<f64>),
) -> Solution {
    let (features, outputs) = (gram.features(), gram.outputs());
    let of = |output: usize| output * features..(output + 1) * features;
    let error = |(o, &squares): (usize, &f64)| residual(squares, &weights[of(o)], &cross[of(o)], ridge) / squares;
    let train_nrmse = gram.squares.iter().enumerate().map(|output| error(output).sqrt()).collect();
    let weights = Array2::from_shape_vec((outputs, features), weights).expect("one weight per output and feature");
    let bias = weights
        .rows()
        .into_iter()
        .zip(target_means)
        .map(|(row, mean)| mean - row.iter().zip(feature_means).map(|(w, x)| w * x).sum::<f64>())
        .collect();
    Solution { weights, bias, ridge, train_nrmse }
}
