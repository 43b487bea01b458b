//! Ridge regression from a [`Gram`] matrix, for one penalty or several.

use forebay_kernels::solver::{
    Panels, add_cross_products, add_products, factor, factor_pivoted, inverse_diagonal, solve_lower, solve_upper,
};
use ndarray::{Array1, Array2};

use super::gram::{CHUNK, Sums, mirrored};
use super::spread::Threads;
use super::{Gram, TrainError};

/// Weights found by ridge regression, `y = W x + b`.
///
/// `W = (X'X + ridge I)^-1 X'Y` over features and targets minus their means (both weighted, if steps have weights); `b = mean(y) - W mean(x)`, so the
/// intercept is not penalised. The penalty is added to the Gram matrix as it is, not scaled by the number of steps.
///
/// Where the penalty is too small to tell the features apart, the weights are those of least squares with the smallest sum
/// of squares, see [`rank`](Self::rank).
#[derive(Clone, Debug, PartialEq)]
pub struct RidgeSolution {
    /// `[outputs, features]`.
    pub weights: Array2<f64>,
    /// `[outputs]`.
    pub bias: Array1<f64>,
    /// The penalty.
    pub ridge: f64,
    /// Number of features that count, to within the rounding of the sums: below the number of features if constant or dependent
    /// ones were found. A penalty above that rounding tells all apart, so that all count.
    pub rank: usize,
    /// Root mean square error on the training steps divided by the target's standard deviation, per output; NaN for a
    /// constant target. Computed from the sums: values below about 1e-7 are rounding.
    pub train_nrmse: Vec<f64>,
}

/// Ridge regression with one penalty.
///
/// # Errors
/// As [`Penalties::new`] and [`Penalties::solution`].
pub fn solve(gram: Gram, ridge: f64) -> Result<RidgeSolution, TrainError> {
    check(ridge)?;
    Penalties::new(gram)?.solution(ridge)
}

/// A Gram matrix to which penalties are added one after the other.
///
/// # What is solved
/// `G + ridge I` is factored by Cholesky's method. A pivot is what is left of a feature's sum of squares when the features
/// before it have been taken away. If one falls below `1000 u` of the feature's own sum, with `u = (128 + 2 F) 2^-52` the
/// rounding of the sums, the factorisation starts again with the largest pivot first, and ends when no feature has more
/// than `u` of its own left. The remaining features are combinations of those taken, `X_rest = X_taken M`; of all weights
/// with the same predictions, those with the smallest sum of squares are given, as for a penalty that goes to zero.
///
/// Memory: the matrix itself, whose upper triangle keeps a copy; with dependent features up to half as much again.
#[derive(Clone, Debug)]
pub struct Penalties {
    /// Centred. The lower triangle is scratch, the upper one and `diagonal` keep the matrix.
    gram: Gram,
    diagonal: Vec<f64>,
    means: (Vec<f64>, Vec<f64>),
}

/// One penalty of a grid and how it scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The penalty.
    pub ridge: f64,
    /// The score, lower is better; infinite where rounding leaves nothing to tell, see [`Penalties::gcv`].
    pub score: f64,
}

/// What generalised cross-validation says of one penalty.
pub(super) struct Judged {
    /// `RSS / RSS_0` and what rounding may have done to it, per output; none for a constant one.
    shares: Vec<Option<(f64, f64)>>,
    /// `1 - tr(H) / n`, and what rounding may have done to it.
    freedom: (f64, f64),
}

impl Judged {
    /// The score over all outputs that are not constant; 0 if all are.
    fn score(&self) -> f64 {
        let told: Vec<(f64, f64)> = self.shares.iter().copied().flatten().collect();
        let mean = |of: fn(&(f64, f64)) -> f64| told.iter().map(of).sum::<f64>() / told.len() as f64;
        if told.is_empty() { 0.0 } else { self.of(mean(|share| share.0), mean(|share| share.1)) }
    }

    /// The score for one output; 0 for a constant one.
    pub(super) fn score_of(&self, output: usize) -> f64 {
        self.shares[output].map_or(0.0, |(share, doubt)| self.of(share, doubt))
    }

    /// With as many features as steps, share and freedom both go to zero with the penalty: a ratio of two roundings may be anything,
    /// zero among it, and would be the smallest. A share of errors that is known to 1e-8 of the variance is known well enough.
    fn of(&self, share: f64, doubt: f64) -> f64 {
        const TIMES: f64 = 4.0;
        let (freedom, lost) = self.freedom;
        let square = freedom * freedom;
        let is_known = freedom > TIMES * lost && (share > TIMES * doubt || doubt < 1e-8 * square);
        if is_known { share / square } else { f64::INFINITY }
    }
}

/// A factor in the lower triangle.
enum Factor {
    /// Of the matrix as it stands.
    Whole,
    /// Of this many features, which come first in the order.
    Part { rank: usize, order: Vec<usize> },
}

impl Factor {
    /// How many of n features count.
    fn rank(&self, n: usize) -> usize {
        match self {
            Self::Whole => n,
            Self::Part { rank, .. } => *rank,
        }
    }

    /// The feature that comes i-th.
    fn place(&self, i: usize) -> usize {
        if let Self::Part { order, .. } = self { order[i] } else { i }
    }
}

/// Weights that were found.
struct Found {
    /// `[F, O]`, rows in the order of the features.
    weights: Panels,
    /// Per output the sum of squares that was penalised: before weights were shared with dependent features.
    squares: Vec<f64>,
    /// The same with the features' own sums as weights: what they make together if none makes up for another.
    powers: Vec<f64>,
}

/// What rounding leaves of a feature that is a combination of others, as a share of its own sum of squares: of a chain of
/// 128 rows, and of two operations for each of n features that are taken away. Not a bound: see `a_sum_of_others_is_found`
/// for what it is enough for.
fn rounding(n: usize) -> f64 {
    f64::EPSILON * (CHUNK + 2 * n) as f64
}

impl Penalties {
    /// Centres the sums.
    ///
    /// # Errors
    /// [`TrainError::TooShort`] for fewer than two steps; [`TrainError::TooLarge`] if a sum is infinite.
    pub fn new(mut gram: Gram) -> Result<Self, TrainError> {
        if gram.count() < 2 {
            return Err(TrainError::TooShort { steps: gram.count(), needed: 2 });
        }
        gram.flush();
        // Before means are taken out: what is infinite then looks like what does not vary.
        if !gram.is_finite() {
            return Err(TrainError::TooLarge);
        }
        let means = gram.center();
        gram.finish();
        let n = gram.features();
        let diagonal: Vec<f64> = (0..n).map(|j| gram.products[j * n + j]).collect();
        mirrored(&mut gram.products, n, |lower, _| (lower, lower));
        Ok(Self { gram, diagonal, means })
    }

    /// The weights for one penalty.
    ///
    /// # Errors
    /// [`TrainError::Ridge`] for a penalty below zero or not finite; [`TrainError::TooLarge`] if a weight is not finite.
    pub fn solution(&mut self, ridge: f64) -> Result<RidgeSolution, TrainError> {
        let outputs: Vec<usize> = (0..self.gram.outputs()).collect();
        self.solution_of(&outputs, ridge)
    }

    /// The weights of some outputs for one penalty.
    pub(super) fn solution_of(&mut self, outputs: &[usize], ridge: f64) -> Result<RidgeSolution, TrainError> {
        check(ridge)?;
        let factor = self.factor(ridge);
        let found = self.weights(&factor, outputs)?;
        self.finish(&factor, found, outputs, ridge)
    }

    /// Generalised cross-validation of one penalty, over all outputs, each divided by its variance:
    /// `GCV = mean over outputs of (RSS / RSS_0) / (1 - tr(H) / n)^2`, H the hat matrix with intercept. Also gives the
    /// weights. Constant outputs do not count; if all are, the score is 0.
    ///
    /// The score is infinite where the sums do not tell it: `1 - tr(H) / n` is below four times `32 e sum(d inv) / n`, or the error's share
    /// below four times `32 e max(1, sum(d w^2) / RSS_0)` and that above 1e-8 of the other's square; `e = 2^-52`, d and inv the diagonals of the
    /// Gram matrix with the penalty and of its inverse, w the weights. That is so for small penalties and no more steps than features; then only
    /// larger ones are chosen from.
    ///
    /// With weights of steps, n is their sum, RSS and the variance are weighted, and `H = X~ (X~' S X~ + P)^-1 X~' S`, with
    /// `X~` the features and a column of ones, S the weights, and P the penalty, none for the intercept: all as for steps that come w times.
    ///
    /// Source: Golub, Heath, Wahba, Technometrics 21, 215 (1979).
    ///
    /// # Errors
    /// As [`solution`](Self::solution); [`TrainError::LightWeights`] if the weights of all steps are 1 or less together.
    pub fn gcv(&mut self, ridge: f64) -> Result<(Candidate, RidgeSolution), TrainError> {
        let (judged, solution) = self.judge(ridge)?;
        Ok((Candidate { ridge, score: judged.score() }, solution))
    }

    /// Generalised cross-validation of one penalty, not yet put together.
    pub(super) fn judge(&mut self, ridge: f64) -> Result<(Judged, RidgeSolution), TrainError> {
        check(ridge)?;
        let (n, count) = (self.gram.features(), self.gram.weight());
        if count <= 1.0 {
            return Err(TrainError::LightWeights { total: count });
        }
        let outputs: Vec<usize> = (0..self.gram.outputs()).collect();
        let factor = self.factor(ridge);
        let found = self.weights(&factor, &outputs)?;
        // The predictions are those of the features that count, penalised: `tr(H) = r - ridge tr (G_r + ridge I)^-1`.
        let rank = factor.rank(n);
        let inverse = inverse_diagonal(self.gram.form(), &Threads, &self.gram.products, n, rank);
        let parameters = rank as f64 - ridge * inverse.iter().fold(0.0, |total, own| total + own);
        // Each feature's own sum is known to some roundings of it, and so is what follows from all.
        let unit = 32.0 * f64::EPSILON;
        let lost = inverse.iter().enumerate().map(|(i, inverse)| (self.diagonal[factor.place(i)] + ridge) * inverse);
        let freedom = (1.0 - (parameters + 1.0) / count, unit * lost.sum::<f64>() / count);
        let doubts = found.powers.iter().zip(&found.squares).zip(&self.gram.sums.squares);
        let doubts: Vec<f64> =
            doubts.map(|((power, square), all)| unit * ((power + ridge * square) / all).max(1.0)).collect();
        let solution = self.finish(&factor, found, &outputs, ridge)?;
        let shares = solution.train_nrmse.iter().zip(doubts);
        let shares = shares.map(|(e, doubt)| (!e.is_nan()).then_some((e * e, doubt))).collect();
        Ok((Judged { shares, freedom }, solution))
    }

    /// Factors `G + ridge I` in the lower triangle.
    fn factor(&mut self, ridge: f64) -> Factor {
        /// Pivots this many times above what rounding leaves show that all features count.
        const SAFE: f64 = 1000.0;
        let (n, form) = (self.gram.features(), self.gram.form());
        let unit = rounding(n);
        let own: Vec<f64> = self.diagonal.iter().map(|d| unit * (d + ridge)).collect();
        let safe: Vec<f64> = own.iter().map(|own| SAFE * own).collect();
        self.restore(ridge);
        if factor(form, &Threads, &mut self.gram.products, &safe).is_ok() {
            return Factor::Whole;
        }
        self.restore(ridge);
        let mut order = vec![0; n];
        let rank = factor_pivoted(form, &Threads, &mut self.gram.products, &own, &mut order);
        Factor::Part { rank, order }
    }

    /// Writes `G + ridge I` into the lower triangle.
    fn restore(&mut self, ridge: f64) {
        let n = self.gram.features();
        mirrored(&mut self.gram.products, n, |_, upper| (upper, upper));
        for (j, d) in self.diagonal.iter().enumerate() {
            self.gram.products[j * n + j] = d + ridge;
        }
    }

    fn weights(&self, factor: &Factor, columns: &[usize]) -> Result<Found, TrainError> {
        let (n, outputs, form) = (self.gram.features(), columns.len(), self.gram.form());
        let l = &self.gram.products;
        let rank = factor.rank(n);
        let place = |i: usize| factor.place(i);
        let mut taken = Panels::zeros(rank, outputs);
        for i in 0..rank {
            let row: Vec<f64> = columns.iter().map(|o| self.gram.sums.cross[o * n + place(i)]).collect();
            taken.set_row(i, &row);
        }
        solve_lower(form, l, n, &mut taken);
        solve_upper(form, l, n, &mut taken);
        let (mut squares, mut powers) = (vec![0.0; outputs], vec![0.0; outputs]);
        for i in 0..rank {
            let (row, own) = (taken.row(i).flatten(), self.diagonal[place(i)]);
            for ((square, power), w) in squares.iter_mut().zip(&mut powers).zip(row) {
                *square += w * w;
                *power += own * (w * w);
            }
        }
        let rest = if rank < n && rank > 0 { Some(self.share(rank, &place, &mut taken)?) } else { None };
        let mut weights = Panels::zeros(n, outputs);
        for i in 0..n {
            let row: Vec<f64> = match &rest {
                Some(rest) if i >= rank => rest.row(i - rank).flatten().copied().collect(),
                None if i >= rank => vec![0.0; outputs],
                _ => taken.row(i).flatten().copied().collect(),
            };
            weights.set_row(place(i), &row);
        }
        Ok(Found { weights, squares, powers })
    }

    /// Spreads weights of the first `rank` features over the features that depend on them, `X_rest = X_taken M`: the
    /// smallest p and z with `p + M z = w`. Replaces `taken`, w, by p `[rank, O]` and gives z `[F - rank, O]`.
    ///
    /// What a small feature adds to a large one may be rounding alone: below `u` of the large one's size it is nothing.
    fn share(&self, rank: usize, place: &impl Fn(usize) -> usize, taken: &mut Panels) -> Result<Panels, TrainError> {
        let (n, outputs, form) = (self.gram.features(), taken.columns(), self.gram.form());
        let l = &self.gram.products;
        let rest = n - rank;
        let mut m = Panels::zeros(rank, rest);
        (0..rank).for_each(|k| m.set_row(k, &l[k * n + rank..(k + 1) * n]));
        solve_upper(form, l, n, &mut m);
        let size = |i: usize| self.diagonal[place(i)].sqrt();
        let least: Vec<f64> = (rank..n).map(|i| rounding(n) * size(i)).collect();
        for k in 0..rank {
            let (mut least, size) = (least.iter(), size(k));
            for value in m.row_mut(k).flatten() {
                if least.next().is_some_and(|least| value.abs() * size < *least) {
                    *value = 0.0;
                }
            }
        }
        let side = rank.min(rest);
        let mut square = vec![0.0; side * side];
        (0..side).for_each(|i| square[i * side + i] = 1.0);
        let least = vec![0.0; side];
        let singular = |_| TrainError::TooLarge;
        if rank <= rest {
            // p = (1 + M M')^-1 w,  z = M' p.
            let mut transposed = Panels::zeros(rest, rank);
            for (k, row) in (0..rank).map(|k| (k, m.row(k).flatten())) {
                row.enumerate().for_each(|(t, &value)| transposed.set(t, k, value));
            }
            add_products(form, &Threads, rest, &transposed, &mut square);
            factor(form, &Threads, &mut square, &least).map_err(singular)?;
            solve_lower(form, &square, side, taken);
            solve_upper(form, &square, side, taken);
        }
        let mut products = vec![0.0; rest * outputs];
        add_cross_products(form, &Threads, rank, &m, taken, &mut products);
        let mut z = Panels::zeros(rest, outputs);
        for t in 0..rest {
            let row: Vec<f64> = (0..outputs).map(|o| products[o * rest + t]).collect();
            z.set_row(t, &row);
        }
        if rank > rest {
            // z = (1 + M'M)^-1 M' w,  p = w - M z.
            add_products(form, &Threads, rank, &m, &mut square);
            factor(form, &Threads, &mut square, &least).map_err(singular)?;
            solve_lower(form, &square, side, &mut z);
            solve_upper(form, &square, side, &mut z);
            for k in 0..rank {
                let mut row: Vec<f64> = taken.row(k).flatten().copied().collect();
                for (t, m) in m.row(k).flatten().enumerate() {
                    row.iter_mut().zip(z.row(t).flatten()).for_each(|(p, z)| *p -= m * z);
                }
                taken.set_row(k, &row);
            }
        }
        Ok(z)
    }

    /// Weights as a solution with intercept and error.
    fn finish(
        &self,
        factor: &Factor,
        found: Found,
        columns: &[usize],
        ridge: f64,
    ) -> Result<RidgeSolution, TrainError> {
        let (features, outputs) = (self.gram.features(), columns.len());
        let Found { weights, squares: penalised, .. } = found;
        let rank = factor.rank(features);
        let weights = Array2::from_shape_vec((features, outputs), {
            (0..features).flat_map(|i| weights.row(i).flatten().copied()).collect()
        })
        .expect("one weight per feature and output");
        let weights = weights.t().as_standard_layout().into_owned();
        let Sums { cross, squares, .. } = &self.gram.sums;
        let errors = weights.rows().into_iter().zip(columns).zip(penalised).map(|((w, &o), penalised)| {
            let cross = &cross[o * features..(o + 1) * features];
            let explained: f64 = w.iter().zip(cross).map(|(w, b)| w * b).sum::<f64>() + ridge * penalised;
            ((squares[o] - explained).max(0.0) / squares[o]).sqrt()
        });
        let train_nrmse = errors.collect();
        let bias: Array1<f64> = weights
            .rows()
            .into_iter()
            .zip(columns)
            .map(|(row, &o)| self.means.1[o] - row.iter().zip(&self.means.0).map(|(w, x)| w * x).sum::<f64>())
            .collect();
        if weights.iter().chain(&bias).any(|w| !w.is_finite()) {
            return Err(TrainError::TooLarge);
        }
        Ok(RidgeSolution { weights, bias, ridge, rank, train_nrmse })
    }
}

fn check(ridge: f64) -> Result<(), TrainError> {
    if ridge >= 0.0 && ridge.is_finite() { Ok(()) } else { Err(TrainError::Ridge { ridge }) }
}
