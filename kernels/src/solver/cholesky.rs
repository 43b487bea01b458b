//! Cholesky factors `A = L L'`, in place.

use super::{
    Panels, Spread,
    products::subtract_products,
    tile::{self, Factor, Sums, in_tiles},
};
use crate::{
    form::Form,
    lanes::{self, Kernel, Lanes},
};

/// Columns that are factored before what is right of them is changed.
pub(super) const BLOCK: usize = 96;

/// Factors the lower triangle of a symmetric positive definite matrix, in place; see the [module](super) for the bits.
///
/// # Shapes
/// `a`: column-major `[n, n]`. `least`: `[n]`, what each pivot `A[j][j] - sum L[j][k]^2` has to exceed.
/// # Errors
/// The first column whose pivot does not; the lower triangle is spoilt then.
/// # Panics
/// If a length disagrees.
///
/// ```
/// use forebay_kernels::{Form, solver::{Alone, factor}};
///
/// let mut a = [4.0, 2.0, 0.0, 10.0];
/// factor(Form::best(), &Alone, &mut a, &[0.0, 0.0]).expect("positive definite");
/// assert_eq!(a, [2.0, 1.0, 0.0, 3.0]);
/// ```
pub fn factor(form: Form, spread: &impl Spread, a: &mut [f64], least: &[f64]) -> Result<(), usize> {
    let n = least.len();
    assert_eq!(a.len(), n * n, "one bound for each column of a square matrix");
    let mut packed = Panels::default();
    for start in (0..n).step_by(BLOCK) {
        let end = n.min(start + BLOCK);
        lanes::run(form, Panel { a, n, start, end, least })?;
        if end < n {
            packed.pack_columns(n - end, end - start, n, &a[start * n + end..]);
            subtract_products(form, spread, &packed, n, end, a);
        }
    }
    Ok(())
}

/// Columns `start..end`, from which all columns before `start` have been subtracted.
struct Panel<'a> {
    a: &'a mut [f64],
    n: usize,
    start: usize,
    end: usize,
    least: &'a [f64],
}

impl Kernel<f64> for Panel<'_> {
    type Output = Result<(), usize>;

    fn scalar(mut self) -> Result<(), usize> {
        (self.start..self.end).try_for_each(|j| {
            self.diagonal::<1>(j)?;
            self.rows(j, j + 1, 1);
            Ok(())
        })
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(self, lanes: L) -> Result<(), usize> {
        in_tiles!(self.blocks::<L>(lanes))
    }
}

impl Panel<'_> {
    #[inline(always)]
    fn blocks<L: Lanes<Real = f64>, const V: usize, const S: usize>(mut self, lanes: L) -> Result<(), usize> {
        let mut column = self.start;
        while column + S <= self.end {
            self.block::<L, V, S>(lanes, column)?;
            column += S;
        }
        while column < self.end {
            self.block::<L, V, 1>(lanes, column)?;
            column += 1;
        }
        Ok(())
    }

    /// Columns `column..column + S`.
    #[inline(always)]
    fn block<L: Lanes<Real = f64>, const V: usize, const S: usize>(
        &mut self,
        lanes: L,
        column: usize,
    ) -> Result<(), usize> {
        self.diagonal::<S>(column)?;
        let mut row = column + S;
        while row + V * L::LANES <= self.n {
            self.tile::<L, V, S>(lanes, column, row);
            row += V * L::LANES;
        }
        while row + L::LANES <= self.n {
            self.tile::<L, 1, S>(lanes, column, row);
            row += L::LANES;
        }
        self.rows(column, row, S);
        Ok(())
    }

    /// The square on the diagonal.
    #[inline(always)]
    fn diagonal<const S: usize>(&mut self, column: usize) -> Result<(), usize> {
        for j in column..column + S {
            let pivot = self.entry(j, j);
            if !(pivot > self.least[j] && pivot < f64::INFINITY) {
                return Err(j);
            }
            let root = pivot.sqrt();
            self.a[j * self.n + j] = root;
            for i in j + 1..column + S {
                self.a[j * self.n + i] = self.entry(i, j) / root;
            }
        }
        Ok(())
    }

    /// Rows from `row` on of columns `column..column + width`, one entry at a time.
    #[inline(always)]
    fn rows(&mut self, column: usize, row: usize, width: usize) {
        for j in column..column + width {
            let root = self.a[j * self.n + j];
            for i in row..self.n {
                self.a[j * self.n + i] = self.entry(i, j) / root;
            }
        }
    }

    /// Entry `(i, j)` without what the panel's columns before j take away.
    #[inline(always)]
    fn entry(&self, i: usize, j: usize) -> f64 {
        let column = |k: usize| &self.a[k * self.n..][..self.n];
        (self.start..j).fold(column(j)[i], |sum, k| (-column(k)[i]).mul_add(column(k)[j], sum))
    }

    /// `V` vectors of rows from `row` on, of columns `column..column + S`.
    #[inline(always)]
    fn tile<L: Lanes<Real = f64>, const V: usize, const S: usize>(&mut self, lanes: L, column: usize, row: usize) {
        let n = self.n;
        assert!(row + V * L::LANES <= n && column + S <= n && self.a.len() == n * n);
        let a = self.a.as_mut_ptr();
        let mut sums: Sums<L, V, S> = [[lanes.splat(0.0); V]; S];
        // SAFETY: rows and columns lie inside the matrix, as just asserted; `start <= column`.
        unsafe {
            let c = a.add(column * n + row);
            for s in 0..S {
                for v in 0..V {
                    sums[s][v] = lanes.load(c.add(s * n + v * L::LANES));
                }
            }
            let left = Factor { from: a.add(self.start * n + row), stride: n };
            let right = Factor { from: a.add(self.start * n + column), stride: n };
            tile::chain::<L, V, S, true>(lanes, left, right, column - self.start, &mut sums);
            for s in 0..S {
                let diagonal = a.add((column + s) * n + column);
                let root = lanes.splat(*diagonal.add(s));
                for v in 0..V {
                    sums[s][v] = lanes.div(sums[s][v], root);
                    lanes.store(c.add(s * n + v * L::LANES), sums[s][v]);
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
}
