//! Systems with a triangular matrix, for many right-hand sides at once: a lane is a right-hand side.

use super::{
    Panels, Spread,
    panels::WIDTH,
    tile::{self, COLUMNS, Factor, Sums},
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
    solve(form, l, stride, x, true);
}

/// Replaces each column of `x` by `(L')^-1` times it. Shapes as for [`solve_lower`].
///
/// # Panics
/// If the matrix is smaller than `[n, n]`.
pub fn solve_upper(form: Form, l: &[f64], stride: usize, x: &mut Panels) {
    solve(form, l, stride, x, false);
}

fn solve(form: Form, l: &[f64], stride: usize, x: &mut Panels, lower: bool) {
    let (n, columns) = (x.depth(), x.columns());
    for (start, panel) in (0..columns).step_by(WIDTH).zip(x.panels_mut()) {
        let used = WIDTH.min(columns - start);
        lanes::run(form, Triangle { l, stride, n, x: panel, used, lower });
    }
}

/// The sum of the squares of all entries of `L^-1`, which is the trace of `(L L')^-1`.
///
/// Each column's squares are a chain of fused multiply-adds, rows ascending; the columns' sums are added in order.
///
/// # Shapes
/// `l`: column-major `[n, n]`, lower triangle.
/// # Panics
/// If the length is not `n * n`.
pub fn inverse_squares(form: Form, spread: &impl Spread, l: &[f64], n: usize) -> f64 {
    assert_eq!(l.len(), n * n, "a square matrix");
    let mut sums = vec![0.0; n];
    let parts: Vec<(usize, &mut [f64])> = (0..n).step_by(WIDTH).zip(sums.chunks_mut(WIDTH)).collect();
    spread.each(parts, |(start, sums)| {
        let left = n - start;
        let mut x = Aligned::<f64>::zeros(left * WIDTH);
        (0..sums.len()).for_each(|j| x[j * WIDTH + j] = 1.0);
        let l = &l[start * n + start..];
        lanes::run(form, Triangle { l, stride: n, n: left, x: &mut x, used: sums.len(), lower: true });
        lanes::run(form, Squares { x: &x, sums });
    });
    sums.iter().fold(0.0, |total, sum| total + sum)
}

/// One panel of right-hand sides, `[n, 96]` row-major, of which the first `used` columns count.
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
            for turn in 0..n {
                let i = if lower { turn } else { n - 1 - turn };
                let mut sum = x[i * WIDTH + j];
                if lower {
                    for k in 0..i {
                        sum = (-x[k * WIDTH + j]).mul_add(l[k * stride + i], sum);
                    }
                } else {
                    for k in (i + 1..n).rev() {
                        sum = (-x[k * WIDTH + j]).mul_add(l[i * stride + k], sum);
                    }
                }
                x[i * WIDTH + j] = sum / l[i * stride + i];
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(mut self, lanes: L) {
        let n = self.n;
        if n == 0 {
            return;
        }
        assert!(self.x.len() == n * WIDTH && self.used <= WIDTH && self.l.len() >= (n - 1) * self.stride + n);
        let mut column = 0;
        while column < self.used {
            let vectors = (self.used - column).div_ceil(L::LANES);
            // SAFETY: with the lengths just asserted; a panel is whole vectors wide.
            unsafe {
                if vectors >= 4 && L::TILE_VECTORS == 4 {
                    self.run::<L, 4>(lanes, column);
                    column += 4 * L::LANES;
                } else if vectors >= 2 {
                    self.run::<L, 2>(lanes, column);
                    column += 2 * L::LANES;
                } else {
                    self.run::<L, 1>(lanes, column);
                    column += L::LANES;
                }
            }
        }
    }
}

impl Triangle<'_> {
    /// `V` vectors of right-hand sides from `column` on.
    ///
    /// # Safety
    /// `x` is `[n, 96]`, `column + V * LANES <= 96`, and `l` holds n rows and columns.
    #[inline(always)]
    unsafe fn run<L: Lanes<Real = f64>, const V: usize>(&mut self, lanes: L, column: usize) {
        let whole = self.n / COLUMNS;
        // SAFETY: the caller's promise; blocks of rows lie below n.
        unsafe {
            if self.lower {
                (0..whole).for_each(|block| self.forward::<L, V, COLUMNS>(lanes, column, block * COLUMNS));
                (whole * COLUMNS..self.n).for_each(|i| self.forward::<L, V, 1>(lanes, column, i));
            } else {
                (whole * COLUMNS..self.n).rev().for_each(|i| self.backward::<L, V, 1>(lanes, column, i));
                (0..whole).rev().for_each(|block| self.backward::<L, V, COLUMNS>(lanes, column, block * COLUMNS));
            }
        }
    }

    /// Rows `row..row + S`, when all rows before are solved.
    ///
    /// # Safety
    /// As for `run`, and `row + S <= n`.
    #[inline(always)]
    unsafe fn forward<L: Lanes<Real = f64>, const V: usize, const S: usize>(
        &mut self,
        lanes: L,
        column: usize,
        row: usize,
    ) {
        let (l, stride) = (self.l.as_ptr(), self.stride);
        // SAFETY: the caller's promise.
        unsafe {
            let x = self.x.as_mut_ptr().add(column);
            let mut sums: Sums<L, V> = load::<L, V, S>(lanes, x.add(row * WIDTH));
            let (solved, factors) = (Factor { from: x, stride: WIDTH }, Factor { from: l.add(row), stride });
            tile::chain::<L, V, S, true>(lanes, solved, factors, row, &mut sums);
            for s in 0..S {
                let diagonal = l.add((row + s) * stride + row);
                for v in 0..V {
                    sums[s][v] = lanes.div(sums[s][v], lanes.splat(*diagonal.add(s)));
                    lanes.store(x.add((row + s) * WIDTH + v * L::LANES), sums[s][v]);
                }
                for later in s + 1..S {
                    let factor = lanes.splat(*diagonal.add(later));
                    for v in 0..V {
                        sums[later][v] = lanes.fnma(sums[s][v], factor, sums[later][v]);
                    }
                }
            }
        }
    }

    /// Rows `row..row + S`, when all rows after are solved.
    ///
    /// # Safety
    /// As for `run`, and `row + S <= n`.
    #[inline(always)]
    unsafe fn backward<L: Lanes<Real = f64>, const V: usize, const S: usize>(
        &mut self,
        lanes: L,
        column: usize,
        row: usize,
    ) {
        let (l, stride) = (self.l.as_ptr(), self.stride);
        // SAFETY: the caller's promise.
        unsafe {
            let x = self.x.as_mut_ptr().add(column);
            let mut sums: Sums<L, V> = load::<L, V, S>(lanes, x.add(row * WIDTH));
            for k in (row + S..self.n).rev() {
                let mut solved = [lanes.splat(0.0); V];
                for v in 0..V {
                    solved[v] = lanes.load(x.add(k * WIDTH + v * L::LANES));
                }
                for s in 0..S {
                    let factor = lanes.splat(*l.add((row + s) * stride + k));
                    for v in 0..V {
                        sums[s][v] = lanes.fnma(solved[v], factor, sums[s][v]);
                    }
                }
            }
            for s in (0..S).rev() {
                let root = lanes.splat(*l.add((row + s) * stride + row + s));
                for v in 0..V {
                    sums[s][v] = lanes.div(sums[s][v], root);
                    lanes.store(x.add((row + s) * WIDTH + v * L::LANES), sums[s][v]);
                }
                for earlier in 0..s {
                    let factor = lanes.splat(*l.add((row + earlier) * stride + row + s));
                    for v in 0..V {
                        sums[earlier][v] = lanes.fnma(sums[s][v], factor, sums[earlier][v]);
                    }
                }
            }
        }
    }
}

/// `S` rows of `V` vectors.
///
/// # Safety
/// All of them can be read.
#[inline(always)]
unsafe fn load<L: Lanes<Real = f64>, const V: usize, const S: usize>(lanes: L, x: *const f64) -> Sums<L, V> {
    let mut sums = [[lanes.splat(0.0); V]; COLUMNS];
    for s in 0..S {
        for v in 0..V {
            // SAFETY: the caller's promise.
            sums[s][v] = unsafe { lanes.load(x.add(s * WIDTH + v * L::LANES)) };
        }
    }
    sums
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
                // SAFETY: a row is 96 numbers, whole vectors.
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
