//! Systems with a triangular matrix, for many right-hand sides at once: a lane is a right-hand side.

use super::{
    Panels, Spread,
    panels::WIDTH,
    tile::{self, Factor, Sums, in_tiles},
};
use crate::{
    aligned::Aligned,
    form::Form,
    lanes::{self, Kernel, Lanes},
};

/// Replaces each column of `x` by `L^-1` times it.
///
/// # Shapes
/// `l`: column-major, `stride` numbers from column to column, its first n rows and columns are used. `x`: `[n, R]`.
/// # Panics
/// If the matrix is smaller than `[n, n]`.
pub fn solve_lower(form: Form, l: &[f64], stride: usize, x: &mut Panels) {
    let (n, used) = (x.depth(), x.columns());
    lanes::run(form, Triangle { l, stride, n, x: x.values_mut(), used, lower: true });
}

/// Replaces each column of `x` by `(L')^-1` times it. Shapes as for [`solve_lower`].
///
/// # Panics
/// If the matrix is smaller than `[n, n]`.
pub fn solve_upper(form: Form, l: &[f64], stride: usize, x: &mut Panels) {
    let (n, used) = (x.depth(), x.columns());
    lanes::run(form, Triangle { l, stride, n, x: x.values_mut(), used, lower: false });
}

/// The diagonal of `(L L')^-1`: for each column of `L^-1` the sum of its squares, a chain of fused multiply-adds, rows ascending.
///
/// # Shapes
/// `l`: column-major, `stride` numbers from column to column, its first n rows and columns are used. Result: `[n]`.
/// # Panics
/// If the matrix is smaller than `[n, n]`.
pub fn inverse_diagonal(form: Form, spread: &impl Spread, l: &[f64], stride: usize, n: usize) -> Vec<f64> {
    /// Columns of the inverse that are made together.
    const TOGETHER: usize = 4 * WIDTH;
    assert!(n <= stride && l.len() >= stride * n, "a square matrix");
    let mut sums = vec![0.0; n];
    let parts: Vec<(usize, &mut [f64])> = (0..n).step_by(TOGETHER).zip(sums.chunks_mut(TOGETHER)).collect();
    spread.each(parts, |(start, sums)| {
        let (left, used) = (n - start, sums.len());
        let mut x = Aligned::<f64>::zeros(left * used.next_multiple_of(WIDTH));
        for j in 0..used {
            x[(j / WIDTH * left + j) * WIDTH + j % WIDTH] = 1.0;
        }
        let l = &l[start * stride + start..];
        lanes::run(form, Triangle { l, stride, n: left, x: &mut x, used, lower: true });
        for (panel, sums) in x.chunks_exact(left * WIDTH).zip(sums.chunks_mut(WIDTH)) {
            lanes::run(form, Squares { x: panel, sums });
        }
    });
    sums
}

/// Right-hand sides in panels, `[n, 24]` row-major each, of which the first `used` columns count.
struct Triangle<'a> {
    l: &'a [f64],
    stride: usize,
    n: usize,
    x: &'a mut [f64],
    used: usize,
    lower: bool,
}

impl Kernel<f64> for Triangle<'_> {
    type Output = ();

    fn scalar(self) {
        let Self { l, stride, n, x, used, lower } = self;
        for j in 0..used {
            let at = |i: usize| (j / WIDTH * n + i) * WIDTH + j % WIDTH;
            for turn in 0..n {
                let i = if lower { turn } else { n - 1 - turn };
                let mut sum = x[at(i)];
                if lower {
                    for k in 0..i {
                        sum = (-x[at(k)]).mul_add(l[k * stride + i], sum);
                    }
                } else {
                    for k in (i + 1..n).rev() {
                        sum = (-x[at(k)]).mul_add(l[i * stride + k], sum);
                    }
                }
                x[at(i)] = sum / l[i * stride + i];
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(self, lanes: L) {
        if self.n == 0 || self.used == 0 {
            return;
        }
        let last = self.n - 1;
        assert!(self.x.len() >= self.used.next_multiple_of(WIDTH) * self.n && self.stride >= self.n);
        assert!(self.l.len() > last * self.stride + last);
        in_tiles!(self.blocks::<L>(lanes));
    }
}

impl Triangle<'_> {
    #[inline(always)]
    fn blocks<L: Lanes<Real = f64>, const V: usize, const S: usize>(mut self, lanes: L) {
        // The factors of S rows, gathered: they lie `stride` apart in the matrix and serve all right-hand sides.
        let mut factors = vec![0.0; self.n * S];
        let whole = self.n / S * S;
        // SAFETY: the lengths were asserted; blocks of rows lie below n.
        unsafe {
            if self.lower {
                (0..whole).step_by(S).for_each(|i| self.rows::<L, V, S>(lanes, i, &mut factors));
                (whole..self.n).for_each(|i| self.rows::<L, V, 1>(lanes, i, &mut factors));
            } else {
                (whole..self.n).rev().for_each(|i| self.rows::<L, V, 1>(lanes, i, &mut factors));
                (0..whole).step_by(S).rev().for_each(|i| self.rows::<L, V, S>(lanes, i, &mut factors));
            }
        }
    }

    /// Rows `row..row + S` of all right-hand sides, when those before (for `L'`: after) are solved.
    ///
    /// # Safety
    /// `x` holds its panels, `l` n rows and columns, and `row + S <= n`.
    #[inline(always)]
    unsafe fn rows<L: Lanes<Real = f64>, const V: usize, const S: usize>(
        &mut self,
        lanes: L,
        row: usize,
        factors: &mut [f64],
    ) {
        let Self { l, stride, n, lower, .. } = *self;
        // In the order of the chain: k ascending below `row`, or descending from n - 1 to `row + S`.
        let depth = if lower { row } else { n - row - S };
        for (k, to) in factors.chunks_exact_mut(S).take(depth).enumerate() {
            for (s, to) in to.iter_mut().enumerate() {
                *to = if lower { l[k * stride + row + s] } else { l[(row + s) * stride + n - 1 - k] };
            }
        }
        for first in (0..self.used).step_by(WIDTH) {
            let used = WIDTH.min(self.used - first);
            let mut column = 0;
            while column < used {
                let vectors = (used - column).div_ceil(L::LANES);
                let x = self.x[first * n + column..].as_mut_ptr();
                // SAFETY: the caller's promise; a panel is whole vectors wide.
                column += unsafe {
                    if vectors >= V {
                        self.tile::<L, V, S>(lanes, x, row, factors, depth)
                    } else {
                        self.tile::<L, 1, S>(lanes, x, row, factors, depth)
                    }
                };
            }
        }
    }

    /// `V` vectors of right-hand sides; gives how many that are.
    ///
    /// # Safety
    /// As for `rows`, `x` points to the first of these right-hand sides in its panel, and `factors` holds `depth` times S.
    #[inline(always)]
    unsafe fn tile<L: Lanes<Real = f64>, const V: usize, const S: usize>(
        &self,
        lanes: L,
        x: *mut f64,
        row: usize,
        factors: &[f64],
        depth: usize,
    ) -> usize {
        debug_assert!(factors.len() >= depth * S);
        let (l, stride) = (self.l.as_ptr(), self.stride);
        let mut sums: Sums<L, V, S> = [[lanes.splat(0.0); V]; S];
        // SAFETY: the caller's promise.
        unsafe {
            for s in 0..S {
                for v in 0..V {
                    sums[s][v] = lanes.load(x.add((row + s) * WIDTH + v * L::LANES));
                }
            }
            let factors = Factor { from: factors.as_ptr(), stride: S };
            let solved = if self.lower {
                Factor { from: x, stride: WIDTH }
            } else {
                Factor { from: x.add((self.n - 1) * WIDTH), stride: WIDTH.wrapping_neg() }
            };
            tile::chain::<L, V, S, true>(lanes, solved, factors, depth, &mut sums);
            for turn in 0..S {
                let s = if self.lower { turn } else { S - 1 - turn };
                let root = lanes.splat(*l.add((row + s) * stride + row + s));
                for v in 0..V {
                    sums[s][v] = lanes.div(sums[s][v], root);
                    lanes.store(x.add((row + s) * WIDTH + v * L::LANES), sums[s][v]);
                }
                for next in turn + 1..S {
                    let other = if self.lower { next } else { S - 1 - next };
                    let (i, k) = if self.lower { (row + other, row + s) } else { (row + s, row + other) };
                    let factor = lanes.splat(*l.add(k * stride + i));
                    for v in 0..V {
                        sums[other][v] = lanes.fnma(sums[s][v], factor, sums[other][v]);
                    }
                }
            }
        }
        V * L::LANES
    }
}

/// Sums of the squares of each column of a panel.
struct Squares<'a> {
    x: &'a [f64],
    sums: &'a mut [f64],
}

impl Kernel<f64> for Squares<'_> {
    type Output = ();

    fn scalar(self) {
        for row in self.x.chunks_exact(WIDTH) {
            self.sums.iter_mut().zip(row).for_each(|(sum, x)| *sum = x.mul_add(*x, *sum));
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(self, lanes: L) {
        let mut sums = [0.0; WIDTH];
        for start in (0..WIDTH).step_by(L::LANES) {
            let mut sum = lanes.splat(0.0);
            for row in self.x.chunks_exact(WIDTH) {
                // SAFETY: a row is 24 numbers, whole vectors.
                let x = unsafe { lanes.load(row.as_ptr().add(start)) };
                sum = lanes.fma(x, x, sum);
            }
            // SAFETY: as above.
            unsafe { lanes.store(sums.as_mut_ptr().add(start), sum) };
        }
        let len = self.sums.len();
        self.sums.copy_from_slice(&sums[..len]);
    }
}
