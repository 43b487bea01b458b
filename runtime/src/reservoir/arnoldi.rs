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

use super::hessenberg::{ShiftPair, Square, eigenvalues, francis_sweep, last_entry_of_eigenvector};
use super::spectral::SpectralError;
use crate::random::Stream;
use crate::weights::{Weights, dot};

/// Largest dimension of the subspace.
pub(super) const DIMENSION: usize = 320;

/// Outermost eigenvalues of the projection that are watched for convergence.
const WATCHED: usize = 8;

/// Residual of a converged eigenvalue, relative to its modulus. The eigenvalue is off by the residual times its
/// condition number, which is near 10 at the edge of a random matrix's spectrum.
const TOLERANCE: f64 = 1e-8;

/// Bound on the condition number of an eigenvalue when it is asked whether another one may still overtake it.
const CONDITION: f64 = 10.0;

const MAX_RESTARTS: usize = 300;

/// The largest modulus of an eigenvalue and the number of restarts it took.
pub(super) fn largest_modulus(matrix: &Weights<f64>, start: &mut Stream) -> Result<(f64, usize), SpectralError> {
    let size = matrix.rows();
    let dimension = size.min(DIMENSION);
    let mut factorisation = Factorisation::new(size, dimension, start);
    for restarts in 0..=MAX_RESTARTS {
        let complete = factorisation.extend(matrix) || dimension == size;
        let h = factorisation.projection();
        let mut values = eigenvalues(h.clone()).ok_or(SpectralError::InnerIteration { dimension: h.size() })?;
        // A stable sort keeps conjugate pairs together: their moduli are equal to the last bit.
        values.sort_by(|a, b| b.norm_sqr().total_cmp(&a.norm_sqr()));
        let largest = values[0].norm_sqr().sqrt();
        if complete || converged(&h, factorisation.residual_norm, &values) {
            return Ok((largest, restarts));
        }
        factorisation.compress(&inner_half(&values));
    }
    Err(SpectralError::NotConverged { size, restarts: MAX_RESTARTS })
}

/// Whether the outermost eigenvalue is known and none of its neighbours can still overtake it.
fn converged(h: &Square, residual_norm: f64, values: &[Complex64]) -> bool {
    let largest = values[0].norm_sqr().sqrt();
    let known = |residual: f64| residual <= TOLERANCE * largest;
    values.iter().take(WATCHED).filter(|value| value.im >= 0.0).enumerate().all(|(rank, value)| {
        let residual = residual_norm * last_entry_of_eigenvector(h, *value);
        let behind = value.norm_sqr().sqrt() + CONDITION * residual < largest;
        known(residual) || (rank > 0 && behind)
    })
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
    fn extend(&mut self, matrix: &Weights<f64>) -> bool {
        while self.steps < self.h.size() {
            let step = self.steps;
            if step > 0 {
                self.h[(step, step - 1)] = self.residual_norm;
            }
            let (known, next) = self.basis.split_at_mut(step + 1);
            let next = &mut next[0];
            matrix.multiply_into(&known[step], next);
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
