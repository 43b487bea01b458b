//! Small upper Hessenberg matrices: eigenvalues, shifts and residuals.
//!
//! Only `+ - * /` and square roots in a fixed order: the results have the same bits on every machine, which a library that
//! picks its instructions by the processor cannot promise.

use num_complex::Complex64;

/// A square matrix, row after row.
#[derive(Clone, Debug)]
pub(super) struct Square {
    size: usize,
    entries: Vec<f64>,
}

impl Square {
    pub(super) fn zeros(size: usize) -> Self {
        Self { size, entries: vec![0.0; size * size] }
    }

    pub(super) fn identity(size: usize) -> Self {
        let mut identity = Self::zeros(size);
        (0..size).for_each(|i| identity[(i, i)] = 1.0);
        identity
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The upper left corner.
    pub(super) fn leading(&self, size: usize) -> Self {
        let rows = self.entries.chunks_exact(self.size).take(size);
        Self { size, entries: rows.flat_map(|row| &row[..size]).copied().collect() }
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.entries[row * self.size..][..self.size]
    }

    pub(super) fn norm(&self) -> f64 {
        self.entries.iter().map(|x| x * x).sum::<f64>().sqrt()
    }
}

impl std::ops::Index<(usize, usize)> for Square {
    type Output = f64;

    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        &self.entries[row * self.size + column]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Square {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f64 {
        &mut self.entries[row * self.size + column]
    }
}

/// A polynomial `z^2 - sum z + product` whose roots are two shifts, real or a conjugate pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShiftPair {
    pub(super) sum: f64,
    pub(super) product: f64,
}

/// All eigenvalues, by the implicitly shifted QR algorithm of Francis; `None` if it does not converge.
///
/// Conjugate pairs are neighbours. An entry below the diagonal is dropped if it is a rounding of its neighbours or, where
/// that takes long, of the whole matrix: eigenvalues far below the norm hardly get further.
///
/// # Source
/// G. H. Golub, C. F. Van Loan, "Matrix Computations", section 7.5.
pub(super) fn eigenvalues(mut h: Square) -> Option<Vec<Complex64>> {
    const MAX_SWEEPS: usize = 60;
    const LONG: usize = 20;
    let negligible = f64::EPSILON * h.norm();
    let mut found = Vec::with_capacity(h.size);
    let mut end = h.size;
    let mut sweeps = 0;
    while end > 0 {
        let is_cut =
            |row: usize| is_negligible(&h, row, negligible) || sweeps >= LONG && h[(row, row - 1)].abs() <= negligible;
        let start = (1..end).rev().find(|&row| is_cut(row)).unwrap_or(0);
        match end - start {
            1 => found.push(Complex64::from(h[(start, start)])),
            2 => found.extend(roots(trailing_pair(&h, end))),
            _ if sweeps == MAX_SWEEPS => return None,
            _ => {
                sweeps += 1;
                let shifts = if sweeps % 10 == 0 { exceptional_pair(&h, end) } else { trailing_pair(&h, end) };
                francis_sweep(&mut h, start, end, shifts, None);
                continue;
            }
        }
        end = start;
        sweeps = 0;
    }
    Some(found)
}

fn is_negligible(h: &Square, row: usize, floor: f64) -> bool {
    let neighbours = h[(row - 1, row - 1)].abs() + h[(row, row)].abs();
    let scale = if neighbours > 0.0 { f64::EPSILON * neighbours } else { floor };
    h[(row, row - 1)].abs() <= scale
}

fn trailing_pair(h: &Square, end: usize) -> ShiftPair {
    let (a, b) = (h[(end - 2, end - 2)], h[(end - 2, end - 1)]);
    let (c, d) = (h[(end - 1, end - 2)], h[(end - 1, end - 1)]);
    ShiftPair { sum: a + d, product: a * d - b * c }
}

/// Shifts that break the rare cycles in which the usual ones never converge.
fn exceptional_pair(h: &Square, end: usize) -> ShiftPair {
    let size = h[(end - 1, end - 2)].abs() + h[(end - 2, end - 3)].abs();
    ShiftPair { sum: 1.5 * size, product: size * size }
}

fn roots(ShiftPair { sum, product }: ShiftPair) -> [Complex64; 2] {
    let half = 0.5 * sum;
    let discriminant = half * half - product;
    if discriminant < 0.0 {
        let root = Complex64::new(half, (-discriminant).sqrt());
        return [root, root.conj()];
    }
    // The root without cancellation first, the other one from the product.
    let larger = half + if half < 0.0 { -discriminant.sqrt() } else { discriminant.sqrt() };
    let smaller = if larger == 0.0 { 0.0 } else { product / larger };
    [Complex64::from(larger), Complex64::from(smaller)]
}

/// One implicit double shift QR step on the block `start..end`, at least three wide.
///
/// The transposed transformation is collected in `q_transposed`: after it, `H` has become `Q^T H Q`.
pub(super) fn francis_sweep(
    h: &mut Square,
    start: usize,
    end: usize,
    shifts: ShiftPair,
    mut q_transposed: Option<&mut Square>,
) {
    let (h00, h10) = (h[(start, start)], h[(start + 1, start)]);
    let mut bulge = [
        h00 * (h00 - shifts.sum) + shifts.product + h[(start, start + 1)] * h10,
        h10 * (h00 + h[(start + 1, start + 1)] - shifts.sum),
        h10 * h[(start + 2, start + 1)],
    ];
    for top in start..end - 1 {
        let tall = (end - top).min(3);
        if top > start {
            for (offset, value) in bulge.iter_mut().enumerate() {
                *value = if offset < tall { h[(top + offset, top - 1)] } else { 0.0 };
            }
        }
        let Some((reflection, image)) = Reflection::onto_first_axis(bulge) else { continue };
        if top > start {
            h[(top, top - 1)] = image;
            (1..tall).for_each(|offset| h[(top + offset, top - 1)] = 0.0);
        }
        reflection.apply_to_rows(h, top, tall, top..end);
        reflection.apply_to_columns(h, top, tall, start..end.min(top + 4));
        if let Some(q) = q_transposed.as_deref_mut() {
            let size = q.size;
            reflection.apply_to_rows(q, top, tall, 0..size);
        }
    }
}

/// `I - factor v v^T` for a `v` of at most three entries.
struct Reflection {
    v: [f64; 3],
    factor: f64,
}

impl Reflection {
    /// The reflection that maps `x` to a multiple of the first axis, and that multiple; `None` for `x` of zeros.
    fn onto_first_axis(x: [f64; 3]) -> Option<(Self, f64)> {
        let scale = x.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
        if scale == 0.0 || !scale.is_finite() {
            return None;
        }
        let mut v = x.map(|value| value / scale);
        let norm = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
        let image = if v[0] < 0.0 { norm } else { -norm };
        v[0] -= image;
        let factor = 2.0 / (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        Some((Self { v, factor }, image * scale))
    }

    fn apply_to_rows(&self, h: &mut Square, top: usize, tall: usize, columns: std::ops::Range<usize>) {
        let size = h.size;
        let [v0, v1, v2] = self.v;
        let (first, rest) = h.entries[top * size..(top + tall) * size].split_at_mut(size);
        let (second, third) = rest.split_at_mut(size);
        let (first, second) = (&mut first[columns.clone()], &mut second[columns.clone()]);
        if tall == 3 {
            for ((a, b), c) in first.iter_mut().zip(second).zip(&mut third[columns]) {
                let sum = self.factor * (v0 * *a + v1 * *b + v2 * *c);
                *a -= sum * v0;
                *b -= sum * v1;
                *c -= sum * v2;
            }
        } else {
            for (a, b) in first.iter_mut().zip(second) {
                let sum = self.factor * (v0 * *a + v1 * *b);
                *a -= sum * v0;
                *b -= sum * v1;
            }
        }
    }

    fn apply_to_columns(&self, h: &mut Square, left: usize, wide: usize, rows: std::ops::Range<usize>) {
        for row in h.entries.chunks_exact_mut(h.size).take(rows.end).skip(rows.start) {
            let entries = &mut row[left..left + wide];
            let sum: f64 = self.factor * entries.iter().zip(&self.v).map(|(x, v)| x * v).sum::<f64>();
            entries.iter_mut().zip(&self.v).for_each(|(x, v)| *x -= sum * v);
        }
    }
}

/// `H - eigenvalue` of a Hessenberg matrix, eliminated with partial pivoting: one entry per column is to be removed.
pub(super) struct Shifted {
    upper: Vec<Vec<Complex64>>,
    /// Per column whether its row and the next were swapped, and the multiple that was taken off.
    steps: Vec<(bool, Complex64)>,
}

impl Shifted {
    pub(super) fn new(h: &Square, eigenvalue: Complex64) -> Self {
        let size = h.size;
        let floor = f64::EPSILON * h.norm();
        let mut upper: Vec<Vec<Complex64>> = (0..size)
            .map(|row| {
                let start = row.saturating_sub(1);
                let mut entries = vec![Complex64::ZERO; size];
                for (column, entry) in entries.iter_mut().enumerate().skip(start) {
                    *entry = Complex64::from(h[(row, column)]);
                }
                entries[row] -= eigenvalue;
                entries
            })
            .collect();
        let mut steps = Vec::with_capacity(size);
        for column in 0..size {
            let (above, below) = upper.split_at_mut(column + 1);
            let pivot_row = &mut above[column];
            let swapped = below.first().is_some_and(|next| next[column].norm_sqr() > pivot_row[column].norm_sqr());
            if swapped {
                std::mem::swap(pivot_row, &mut below[0]);
            }
            if pivot_row[column].norm_sqr() < floor * floor {
                pivot_row[column] = Complex64::from(floor.max(f64::MIN_POSITIVE));
            }
            let Some(next) = below.first_mut() else { break };
            let factor = next[column] / pivot_row[column];
            for (entry, pivot) in next[column..].iter_mut().zip(&pivot_row[column..]) {
                *entry -= factor * pivot;
            }
            steps.push((swapped, factor));
        }
        Self { upper, steps }
    }

    /// The right eigenvector, of length 1, by two steps of inverse iteration.
    pub(super) fn right(&self) -> Vec<Complex64> {
        let mut z = vec![Complex64::ONE; self.upper.len()];
        for iteration in 0..2 {
            if iteration > 0 {
                for (row, &(swapped, factor)) in self.steps.iter().enumerate() {
                    if swapped {
                        z.swap(row, row + 1);
                    }
                    let pivot = z[row];
                    z[row + 1] -= factor * pivot;
                }
            }
            for row in (0..z.len()).rev() {
                let upper = &self.upper[row];
                let known: Complex64 = upper[row + 1..].iter().zip(&z[row + 1..]).map(|(u, x)| u * x).sum();
                z[row] = (z[row] - known) / upper[row];
            }
            normalise(&mut z);
        }
        z
    }

    /// The left eigenvector y, `y^T H = eigenvalue y^T` without conjugation, of length 1, in the same way.
    fn left(&self) -> Vec<Complex64> {
        let mut z = vec![Complex64::ONE; self.upper.len()];
        for _ in 0..2 {
            for row in 0..z.len() {
                z[row] /= self.upper[row][row];
                let (known, rest) = z.split_at_mut(row + 1);
                rest.iter_mut().zip(&self.upper[row][row + 1..]).for_each(|(x, u)| *x -= u * known[row]);
            }
            for (row, &(swapped, factor)) in self.steps.iter().enumerate().rev() {
                let next = z[row + 1];
                z[row] -= factor * next;
                if swapped {
                    z.swap(row, row + 1);
                }
            }
            normalise(&mut z);
        }
        z
    }
}

fn normalise(z: &mut [Complex64]) {
    let norm = z.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
    for entry in z {
        *entry /= norm;
    }
}

/// The last entry's share `|z_last| / |z|` of the eigenvector `z` that belongs to `eigenvalue`, by inverse iteration.
pub(super) fn last_entry_of_eigenvector(h: &Square, eigenvalue: Complex64) -> f64 {
    Shifted::new(h, eigenvalue).right().last().map_or(0.0, |last| last.norm_sqr().sqrt())
}

/// The condition number `|x| |y| / |y^T x|` of an eigenvalue with right and left eigenvectors x and y: by how much at
/// most it moves for a small change of the matrix, over that change. Infinite where it cannot be told.
pub(super) fn condition(h: &Square, eigenvalue: Complex64) -> f64 {
    let shifted = Shifted::new(h, eigenvalue);
    let (right, left) = (shifted.right(), shifted.left());
    let overlap = right.iter().zip(&left).map(|(x, y)| x * y).sum::<Complex64>().norm_sqr().sqrt();
    // Also where an entry overflowed.
    if overlap > 0.0 { 1.0 / overlap } else { f64::INFINITY }
}
