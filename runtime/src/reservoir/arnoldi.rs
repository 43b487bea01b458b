//! The eigenvalue of largest modulus by the implicitly restarted Arnoldi method.
//!
//! An Arnoldi factorisation `A V = V H + beta v e^T` of at most [`DIMENSION`] steps projects the matrix onto the subspace
//! `V`; the eigenvalues of `H` approach the outermost ones of the matrix. If they are not good enough, QR steps shifted
//! by the inner half of them filter the start vector and leave a factorisation of half the length, which is extended
//! again. The eigenvalues of a random matrix lie densely up to the edge of a disc, which is why half the subspace is
//! kept: the method converges at the rate of the first eigenvalue that is not kept.
//!
//! A matrix no larger than the subspace is projected completely, which yields all of its eigenvalues.
//!
//! # Source
//! D. C. Sorensen, "Implicit application of polynomial filters in a k-step Arnoldi method", 1992.

use num_complex::Complex64;

use super::hessenberg::{ShiftPair, Shifted, Square, condition, eigenvalues, francis_sweep, last_entry_of_eigenvector};
use super::spectral::SpectralError;
use crate::random::Stream;
use crate::weights::{Weights, dot};

/// Largest dimension of the subspace.
pub(super) const DIMENSION: usize = 320;

/// Outermost eigenvalues of the projection that are watched.
const WATCHED: usize = 8;

/// Residual of a converged eigenvalue, relative to its modulus. The eigenvalue is off by the residual times its
/// condition number, which is near 10 at the edge of a random matrix's spectrum.
const TOLERANCE: f64 = 1e-8;

/// Bound on the condition number of an eigenvalue when it is asked whether another one may still overtake it.
const CONDITION: f64 = 10.0;

const MAX_RESTARTS: usize = 300;

/// Restarts within which the residual must have halved: else the eigenvalues lie too densely for this subspace.
const PATIENCE: usize = 8;

/// A square matrix, as far as it can be multiplied.
pub(super) trait LinearMap {
    fn size(&self) -> usize;
    /// `out = A x`
    fn apply(&self, x: &[f64], out: &mut [f64]);
    /// `out = A^T x`
    fn apply_transposed(&self, x: &[f64], out: &mut [f64]);
}

impl LinearMap for Weights<f64> {
    fn size(&self) -> usize {
        self.rows()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        self.multiply_into(x, out);
    }

    fn apply_transposed(&self, x: &[f64], out: &mut [f64]) {
        self.multiply_transposed_into(x, out);
    }
}

/// A largest modulus and how far it can be trusted.
pub(super) struct Estimate {
    pub(super) modulus: f64,
    /// Restarts that were made; `None` if all eigenvalues were computed.
    pub(super) restarts: Option<usize>,
    /// Estimated relative error; infinite if it cannot be told.
    pub(super) doubt: f64,
}

/// The largest modulus from all eigenvalues, at a cost of some `20 n^3`.
pub(super) fn from_all(map: &impl LinearMap, start: &mut Stream) -> Result<Estimate, SpectralError> {
    let size = map.size();
    let mut factorisation = Factorisation::new(size, size, start);
    factorisation.extend(&|x, out| map.apply(x, out));
    let h = factorisation.projection();
    let values = sorted_eigenvalues(&h)?;
    Ok(Estimate { modulus: modulus(values[0]), restarts: None, doubt: doubt_of_all(&h, &values) })
}

/// The largest modulus from the outermost eigenvalues, certified by those of the transposed matrix.
///
/// Right residuals alone are fooled by matrices far from normal. So the left eigenvector is computed too, from another
/// start: `1 / |y^T x|` is the eigenvalue's condition number, `y^T A x / y^T x` a second value whose error is of second
/// order, and the outermost eigenvalue of the transposed matrix shows whether one was missed.
pub(super) fn from_outermost(map: &impl LinearMap, start: &mut Stream) -> Result<Estimate, SpectralError> {
    let size = map.size();
    let right = Outermost::find(&|x, out| map.apply(x, out), size, start)?;
    let value = right.values[0];
    let modulus = modulus(value);
    if right.is_complete {
        let doubt = doubt_of_all(&right.h, &right.values);
        return Ok(Estimate { modulus, restarts: Some(right.restarts), doubt });
    }
    // The caller's stream is left where the first start vector ends.
    let left = Outermost::find(&|x, out| map.apply_transposed(x, out), size, &mut start.clone())?;
    let doubt = two_sided_doubt(map, &right, &left);
    Ok(Estimate { modulus, restarts: Some(right.restarts), doubt })
}

fn two_sided_doubt(map: &impl LinearMap, right: &Outermost, left: &Outermost) -> f64 {
    let (value, size) = (right.values[0], map.size());
    let radius = modulus(value);
    let distance = |other: &&Complex64| (**other - value).norm_sqr();
    let nearest = left.values.iter().take(2 * WATCHED).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(&nearest) = nearest else { return f64::INFINITY };
    let (x, y) = (right.vector(value), left.vector(nearest));
    let overlap = bilinear(&y, &x);
    let condition = 1.0 / modulus(overlap);
    let image = apply_complex(&|x, out| map.apply(x, out), &x, size);
    let transposed_image = apply_complex(&|x, out| map.apply_transposed(x, out), &y, size);
    let residual = |image: &[Complex64], vector: &[Complex64]| {
        image.iter().zip(vector).map(|(a, v)| (a - value * v).norm_sqr()).sum::<f64>().sqrt() / radius
    };
    let (of_right, of_left) = (residual(&image, &x), residual(&transposed_image, &y));
    let quotient = modulus(bilinear(&y, &image) / overlap - value) / radius;
    // The second order takes a distance to the next eigenvalue, taken as a hundredth of the radius.
    let second = 100.0 * condition * of_right * of_left;
    let rounding = condition * size as f64 * f64::EPSILON * right.h.norm() / radius;
    let overtaken = (modulus(left.values[0]) - radius) / radius - condition * of_left;
    let doubt = (quotient + second + rounding).max(overtaken);
    if doubt.is_nan() { f64::INFINITY } else { doubt }
}

fn bilinear(y: &[Complex64], x: &[Complex64]) -> Complex64 {
    y.iter().zip(x).map(|(y, x)| y * x).sum()
}

fn apply_complex(apply: &dyn Fn(&[f64], &mut [f64]), x: &[Complex64], size: usize) -> Vec<Complex64> {
    let part = |take: fn(&Complex64) -> f64| {
        let (x, mut out) = (x.iter().map(take).collect::<Vec<f64>>(), vec![0.0; size]);
        apply(&x, &mut out);
        out
    };
    part(|z| z.re).into_iter().zip(part(|z| z.im)).map(|(re, im)| Complex64::new(re, im)).collect()
}

/// The relative error of the largest modulus among all eigenvalues of a projection that leaves nothing out: the outermost
/// ones may each be off by their condition number times the rounding of the whole.
fn doubt_of_all(h: &Square, values: &[Complex64]) -> f64 {
    let largest = modulus(values[0]);
    let rounding = (10 + h.size()) as f64 * f64::EPSILON * h.norm();
    let reach = |value: &Complex64| modulus(*value) + condition(h, *value) * rounding;
    let outermost = values.iter().filter(|value| value.im >= 0.0).take(WATCHED);
    let doubt = outermost.map(reach).fold(largest, f64::max) / largest - 1.0;
    if doubt.is_nan() { f64::INFINITY } else { doubt }
}

fn modulus(value: Complex64) -> f64 {
    value.norm_sqr().sqrt()
}

fn sorted_eigenvalues(h: &Square) -> Result<Vec<Complex64>, SpectralError> {
    let mut values = eigenvalues(h.clone()).ok_or(SpectralError::InnerIteration { dimension: h.size() })?;
    // A stable sort keeps conjugate pairs together: their moduli are equal to the last bit.
    values.sort_by(|a, b| b.norm_sqr().total_cmp(&a.norm_sqr()));
    Ok(values)
}

/// The outermost eigenvalues of a large matrix.
struct Outermost {
    factorisation: Factorisation,
    h: Square,
    /// By falling modulus.
    values: Vec<Complex64>,
    restarts: usize,
    /// Whether the subspace turned out to be invariant, so that nothing is missing.
    is_complete: bool,
}

impl Outermost {
    fn find(apply: &dyn Fn(&[f64], &mut [f64]), size: usize, start: &mut Stream) -> Result<Self, SpectralError> {
        let mut factorisation = Factorisation::new(size, size.min(DIMENSION), start);
        let mut history: Vec<f64> = Vec::new();
        for restarts in 0..=MAX_RESTARTS {
            let is_complete = factorisation.extend(apply);
            let h = factorisation.projection();
            let values = sorted_eigenvalues(&h)?;
            let outstanding = outstanding(&h, factorisation.residual_norm, &values);
            if is_complete || outstanding == 0.0 {
                return Ok(Self { factorisation, h, values, restarts, is_complete });
            }
            let before = restarts.checked_sub(PATIENCE).map(|then| history[then]);
            if before.is_some_and(|before| outstanding > 0.5 * before) {
                return Err(SpectralError::NotConverged { size, restarts });
            }
            history.push(outstanding);
            factorisation.compress(&inner_half(&values));
        }
        Err(SpectralError::NotConverged { size, restarts: MAX_RESTARTS })
    }

    /// The eigenvector of one of the values, of length 1.
    fn vector(&self, value: Complex64) -> Vec<Complex64> {
        let shares = Shifted::new(&self.h, value).right();
        let mut vector = vec![Complex64::ZERO; self.factorisation.basis[0].len()];
        for (share, basis) in shares.iter().zip(&self.factorisation.basis) {
            vector.iter_mut().zip(basis).for_each(|(x, b)| *x += share * b);
        }
        vector
    }
}

/// The largest relative residual among the eigenvalues that are not known yet and may be outermost; 0 if there are none.
fn outstanding(h: &Square, residual_norm: f64, values: &[Complex64]) -> f64 {
    let largest = modulus(values[0]);
    let watched = values.iter().take(WATCHED).filter(|value| value.im >= 0.0).enumerate();
    let residuals = watched.map(|(rank, value)| {
        let residual = residual_norm * last_entry_of_eigenvector(h, *value);
        let is_known = residual <= TOLERANCE * largest;
        let is_behind = rank > 0 && modulus(*value) + CONDITION * residual < largest;
        // Written so that a NaN is no convergence.
        if is_known || is_behind { 0.0 } else { (residual / largest).max(f64::MIN_POSITIVE) }
    });
    residuals.fold(0.0, f64::max)
}

/// The inner half of the eigenvalues as pairs of shifts.
fn inner_half(values: &[Complex64]) -> Vec<ShiftPair> {
    let mut shifts = Vec::with_capacity(values.len() / 4 + 1);
    let mut waiting: Option<f64> = None;
    let mut first = values.len() / 2;
    if values[first].im < 0.0 {
        // Never split a pair.
        first += 1;
    }
    for value in &values[first..] {
        if value.im > 0.0 {
            shifts.push(ShiftPair { sum: 2.0 * value.re, product: value.norm_sqr() });
        } else if value.im == 0.0 {
            match waiting.take() {
                Some(other) => shifts.push(ShiftPair { sum: value.re + other, product: value.re * other }),
                None => waiting = Some(value.re),
            }
        }
    }
    // A real shift without a partner is paired with 0, which damps the inside of the spectrum even more.
    shifts.extend(waiting.map(|value| ShiftPair { sum: value, product: 0.0 }));
    shifts
}

struct Factorisation {
    /// Orthonormal vectors; the one after the last of the current steps is the direction of the residual.
    basis: Vec<Vec<f64>>,
    h: Square,
    steps: usize,
    residual_norm: f64,
    product: Vec<f64>,
}

impl Factorisation {
    fn new(size: usize, dimension: usize, start: &mut Stream) -> Self {
        let mut first: Vec<f64> = (0..size).map(|_| start.normal()).collect();
        let norm = dot(&first, &first).sqrt();
        divide(&mut first, norm);
        let mut basis = vec![vec![0.0; size]; dimension + 1];
        basis[0] = first;
        Self { basis, h: Square::zeros(dimension), steps: 0, residual_norm: 0.0, product: vec![0.0; size] }
    }

    fn projection(&self) -> Square {
        self.h.leading(self.steps)
    }

    /// Continues to the full dimension; `true` if the subspace turned out to be invariant, so that nothing is missing.
    fn extend(&mut self, apply: &dyn Fn(&[f64], &mut [f64])) -> bool {
        while self.steps < self.h.size() {
            let step = self.steps;
            if step > 0 {
                self.h[(step, step - 1)] = self.residual_norm;
            }
            let (known, next) = self.basis.split_at_mut(step + 1);
            let next = &mut next[0];
            apply(&known[step], next);
            let length = dot(next, next).sqrt();
            let mut remaining = length;
            // One more pass wherever cancellation has cost accuracy ("twice is enough").
            for _ in 0..2 {
                let before = remaining;
                for (row, vector) in known.iter().enumerate() {
                    let overlap = dot(vector, next);
                    self.h[(row, step)] += overlap;
                    next.iter_mut().zip(vector).for_each(|(x, v)| *x -= overlap * v);
                }
                remaining = dot(next, next).sqrt();
                if remaining > 0.7 * before {
                    break;
                }
            }
            self.steps += 1;
            self.residual_norm = remaining;
            if remaining <= f64::EPSILON * self.h.size() as f64 * length {
                return true;
            }
            divide(next, remaining);
        }
        false
    }

    /// Filters out the shifts and keeps the steps that remain.
    fn compress(&mut self, shifts: &[ShiftPair]) {
        let full = self.steps;
        let kept = full - 2 * shifts.len();
        let mut q_transposed = Square::identity(full);
        for &pair in shifts {
            francis_sweep(&mut self.h, 0, full, pair, Some(&mut q_transposed));
        }
        self.rotate_basis(&q_transposed, kept + 1);
        // The new residual joins what the sweeps pushed out of the kept steps with the old residual's share.
        let pushed = self.h[(kept, kept - 1)];
        let share = self.residual_norm * q_transposed[(kept - 1, full - 1)];
        let (rotated, old) = self.basis.split_at_mut(full);
        let residual = &mut rotated[kept];
        residual.iter_mut().zip(&old[0]).for_each(|(x, old)| *x = pushed * *x + share * old);
        self.residual_norm = dot(residual, residual).sqrt();
        divide(residual, self.residual_norm);
        self.steps = kept;
        for row in 0..full {
            (0..full).filter(|&column| row >= kept || column >= kept).for_each(|column| self.h[(row, column)] = 0.0);
        }
    }

    /// Replaces the first vectors of the basis by combinations of all of them.
    fn rotate_basis(&mut self, q_transposed: &Square, kept: usize) {
        /// Entries of every vector that are combined at once, so that they stay in the cache.
        const STRIP: usize = 32;
        let full = q_transposed.size();
        let size = self.product.len();
        let mut strips = vec![[0.0; STRIP]; kept];
        for start in (0..size).step_by(STRIP) {
            let width = STRIP.min(size - start);
            for (strip, row) in strips.iter_mut().zip(0..) {
                *strip = [0.0; STRIP];
                for (vector, &weight) in self.basis[..full].iter().zip(q_transposed.row(row)) {
                    for (sum, x) in strip.iter_mut().zip(&vector[start..start + width]) {
                        *sum += weight * x;
                    }
                }
            }
            for (vector, strip) in self.basis.iter_mut().zip(&strips) {
                vector[start..start + width].copy_from_slice(&strip[..width]);
            }
        }
    }
}

fn divide(vector: &mut [f64], divisor: f64) {
    for x in vector {
        *x /= divisor;
    }
}
