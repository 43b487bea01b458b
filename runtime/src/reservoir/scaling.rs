//! Diagonal scalings that take the artificial non-normality out of an irreducible matrix.
//!
//! `D^-1 A D` has the eigenvalues of A. Along a cycle of units the product of its weights stays, their sizes are free. First
//! D makes every entry at most as large as the largest geometric mean of a cycle of A, which no matrix similar in this way
//! goes below: so long delay lines become rings of equal weights. Then rows and columns are brought to like sums. The
//! factors are powers of two, so nothing is rounded but one division of every entry.
//!
//! # Source
//! J. Cochet-Terrasson, G. Cohen, S. Gaubert and others, "Numerical computation of spectral elements in
//! max-plus algebra", 1998 (policy iteration); E. E. Osborne, "On pre-conditioning of matrices", 1960.

use std::f64::consts::LN_2;

use crate::weights::{Csr, WeightsError};

/// A matrix `D^-1 A D / (factor 2^exponent)` whose entries are at most about 1.
pub(super) struct Scaled {
    pub(super) matrix: Csr<f64>,
    factor: f64,
    exponent: i32,
}

impl Scaled {
    /// Scales an irreducible matrix of at least two units without stored zeros.
    pub(super) fn new(matrix: &Csr<f64>) -> Result<Self, WeightsError> {
        // No scaling changes the diagonal, and a strong one must not leave the rest at liberty.
        let (mut row_starts, mut columns, mut logarithms, mut diagonal) = (vec![0], Vec::new(), Vec::new(), 0.0_f64);
        for row in 0..matrix.rows() {
            for (column, value) in matrix.row(row) {
                if column == row {
                    diagonal = diagonal.max(value.abs());
                } else {
                    columns.push(column as u32);
                    logarithms.push(libm::log(value.abs()));
                }
            }
            row_starts.push(columns.len());
        }
        let units = matrix.rows();
        let others = Csr::new(units, units, row_starts, columns, logarithms)?;
        let (mean, potentials) = largest_cycle_mean(&others);
        let mean = if diagonal > 0.0 { mean.max(libm::log(diagonal)) } else { mean };
        let mut shifts: Vec<i64> = potentials.iter().map(|h| (h / LN_2).round() as i64).collect();
        let exponent = (mean / LN_2).floor();
        let factor = libm::exp(mean - exponent * LN_2);
        balance(matrix, exponent as i64, &mut shifts);
        let mut values = Vec::with_capacity(matrix.nnz());
        for row in 0..matrix.rows() {
            for (column, value) in matrix.row(row) {
                values.push(shifted(value, shifts[column] - shifts[row] - exponent as i64) / factor);
            }
        }
        Ok(Self { matrix: matrix.with_values(values), factor, exponent: exponent as i32 })
    }

    /// A radius of the scaled matrix as one of the original.
    pub(super) fn undo(&self, radius: f64) -> f64 {
        libm::scalbn(radius * self.factor, self.exponent)
    }
}

/// `value 2^exponent`
fn shifted(value: f64, exponent: i64) -> f64 {
    libm::scalbn(value, exponent.clamp(-5000, 5000) as i32)
}

/// The largest mean of a matrix's entries along a cycle, and potentials h with `entry_ij + h_j - h_i <= mean`, both up to
/// rounding. They only precondition, so the iteration is ended where it stops to help.
fn largest_cycle_mean(matrix: &Csr<f64>) -> (f64, Vec<f64>) {
    const MAX_IMPROVEMENTS: usize = 200;
    const GAIN: f64 = 1e-9;
    let (starts, logarithms) = (matrix.row_starts(), matrix.values());
    let target = |entry: usize| matrix.columns()[entry] as usize;
    let heaviest = |range: std::ops::Range<usize>| {
        range.max_by(|&a, &b| logarithms[a].total_cmp(&logarithms[b])).expect("an irreducible matrix has no empty row")
    };
    let mut policy: Vec<usize> = starts.windows(2).map(|range| heaviest(range[0]..range[1])).collect();
    let (mut means, mut potentials) = evaluate(&policy, logarithms, target);
    for _ in 0..MAX_IMPROVEMENTS {
        let mut improved = false;
        // Ways to better cycles first; only among equally good ones do potentials decide.
        for by_mean in [true, false] {
            for unit in 0..policy.len() {
                let value = |entry: usize| logarithms[entry] - means[unit] + potentials[target(entry)];
                let is_as_good = |entry: usize| (means[target(entry)] - means[unit]).abs() <= GAIN;
                for entry in starts[unit]..starts[unit + 1] {
                    let (now, then) = (policy[unit], entry);
                    let better = if by_mean {
                        means[target(then)] > means[target(now)] + GAIN
                    } else {
                        is_as_good(then) && value(then) > value(now) + GAIN
                    };
                    if better {
                        policy[unit] = entry;
                        improved = true;
                    }
                }
            }
            if improved {
                break;
            }
        }
        if !improved {
            break;
        }
        (means, potentials) = evaluate(&policy, logarithms, target);
    }
    (means.iter().copied().fold(f64::NEG_INFINITY, f64::max), potentials)
}

/// The mean of the cycle that every unit reaches where each has one entry to follow, and the potentials towards it.
fn evaluate(policy: &[usize], logarithms: &[f64], target: impl Fn(usize) -> usize) -> (Vec<f64>, Vec<f64>) {
    const UNSEEN: usize = usize::MAX;
    let units = policy.len();
    let (mut means, mut potentials) = (vec![0.0; units], vec![0.0; units]);
    let mut seen_in = vec![UNSEEN; units];
    let mut path = Vec::new();
    for root in 0..units {
        path.clear();
        let mut unit = root;
        while seen_in[unit] == UNSEEN {
            seen_in[unit] = root;
            path.push(unit);
            unit = target(policy[unit]);
        }
        if seen_in[unit] == root && !path.is_empty() {
            // A cycle that nobody has found before, from `unit` to the end of the path; `unit` gets potential 0.
            let first = path.iter().position(|&member| member == unit).expect("the path came back to it");
            let sum: f64 = path[first..].iter().map(|&member| logarithms[policy[member]]).sum();
            means[unit] = sum / (path.len() - first) as f64;
        }
        for &member in path.iter().rev().filter(|&&member| member != unit) {
            let next = target(policy[member]);
            means[member] = means[next];
            potentials[member] = logarithms[policy[member]] - means[member] + potentials[next];
        }
    }
    (means, potentials)
}

/// Brings the sums of each unit's row and column, without the diagonal, within a factor of two or so.
fn balance(matrix: &Csr<f64>, exponent: i64, shifts: &mut [i64]) {
    /// Along chains the factors diffuse, so sparse matrices get many sweeps.
    const LOOKS: usize = 30_000_000;
    let sweeps = (LOOKS / matrix.nnz()).clamp(30, 10_000);
    let units = matrix.rows();
    let mut in_column: Vec<Vec<usize>> = vec![Vec::new(); units];
    let mut sizes = Vec::with_capacity(matrix.nnz());
    for row in 0..units {
        for (column, value) in matrix.row(row) {
            if column != row {
                in_column[column].push(sizes.len());
            }
            let size = shifted(value.abs(), shifts[column] - shifts[row] - exponent);
            sizes.push(if column == row { 0.0 } else { size });
        }
    }
    let starts = matrix.row_starts();
    for _ in 0..sweeps {
        let mut changed = false;
        for unit in 0..units {
            let of_row: f64 = sizes[starts[unit]..starts[unit + 1]].iter().sum();
            let of_column: f64 = in_column[unit].iter().map(|&entry| sizes[entry]).sum();
            if !(of_row > 0.0 && of_column > 0.0) {
                continue;
            }
            let shift = (0.5 * libm::log2(of_row / of_column)).round();
            let after = libm::exp2(shift) * of_column + libm::exp2(-shift) * of_row;
            if shift == 0.0 || after > 0.95 * (of_row + of_column) {
                continue;
            }
            changed = true;
            shifts[unit] += shift as i64;
            in_column[unit].iter().for_each(|&entry| sizes[entry] *= libm::exp2(shift));
            sizes[starts[unit]..starts[unit + 1]].iter_mut().for_each(|size| *size *= libm::exp2(-shift));
        }
        if !changed {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::random::Seed;

    /// By enumeration of all simple cycles of a small matrix.
    fn by_enumeration(dense: &Array2<f64>) -> f64 {
        fn walk(dense: &Array2<f64>, path: &mut Vec<usize>, sum: f64, best: &mut f64) {
            let (first, last) = (path[0], *path.last().unwrap());
            for next in first..dense.nrows() {
                let sum = sum + libm::log(dense[[last, next]].abs());
                if next == first {
                    *best = best.max(sum / path.len() as f64);
                } else if dense[[last, next]] != 0.0 && !path.contains(&next) {
                    path.push(next);
                    walk(dense, path, sum, best);
                    path.pop();
                }
            }
        }
        let mut best = f64::NEG_INFINITY;
        (0..dense.nrows()).for_each(|first| walk(dense, &mut vec![first], 0.0, &mut best));
        best
    }

    #[test]
    fn the_largest_cycle_mean_is_that_of_all_cycles() {
        for seed in 0..200 {
            let mut stream = Seed(seed).stream("matrix");
            let units = 2 + stream.below(6) as usize;
            let mut dense = Array2::from_shape_fn((units, units), |(row, column)| {
                let is_ring = column == (row + 1) % units;
                let is_present = is_ring || stream.uniform() < 0.4;
                if is_present { libm::exp(20.0 * stream.normal()) } else { 0.0 }
            });
            dense[[0, 1]] *= -1.0;
            let sparse = Csr::from_dense(&dense).unwrap();
            let (mean, potentials) = largest_cycle_mean(&sparse.map(|value| libm::log(value.abs())));
            let expected = by_enumeration(&dense);
            assert!((mean - expected).abs() < 1e-9 * (1.0 + expected.abs()), "seed {seed}: {mean}, {expected}");
            for row in 0..units {
                for (column, value) in sparse.row(row) {
                    assert!(libm::log(value.abs()) + potentials[column] - potentials[row] < mean + 1e-7);
                }
            }
        }
    }

    /// A delay line with a weak return becomes a ring of equal weights, up to powers of two.
    #[test]
    fn a_delay_line_becomes_a_ring() {
        let units = 50;
        let mut dense = Array2::zeros((units, units));
        (1..units).for_each(|unit| dense[[unit, unit - 1]] = 1.0);
        dense[[0, units - 1]] = 1e-30;
        let scaled = Scaled::new(&Csr::from_dense(&dense).unwrap()).unwrap();
        assert!(scaled.matrix.values().iter().all(|value| (0.2..=4.0).contains(value)), "{:?}", scaled.matrix.values());
        assert!((scaled.undo(1.0) / libm::exp(libm::log(1e-30) / 50.0) - 1.0).abs() < 1e-12);
    }
}
