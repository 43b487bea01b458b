//! Cholesky factors that find which columns are combinations of others.

use super::{Panels, Spread, cholesky::BLOCK, products::subtract_products};
use crate::{
    form::Form,
    lanes::{self, Kernel, Lanes},
};

/// Factors a positive semidefinite matrix with the columns in the order of their pivots; gives the numerical rank r.
///
/// At each turn the column with the largest pivot `A[j][j] - sum L[j][k]^2` comes next, the first of equals, among those
/// whose pivot exceeds `least[j]`; where there are none left, the factorisation ends. Then the first r columns of the
/// lower triangle hold `L`, `[n, r]`, and `order[i]` is the column of `A` that row i belongs to: `A[order][order] = L L'` up
/// to pivots of at most `least`. Otherwise the same operations as [`factor`](super::factor).
///
/// # Shapes
/// `a`: column-major `[n, n]`. `least`: `[n]`. `order`: `[n]`, its content is replaced.
/// # Panics
/// If a length disagrees.
pub fn factor_pivoted(form: Form, spread: &impl Spread, a: &mut [f64], least: &[f64], order: &mut [usize]) -> usize {
    let n = least.len();
    assert!(a.len() == n * n && order.len() == n, "one bound and one place for each column of a square matrix");
    order.iter_mut().enumerate().for_each(|(i, place)| *place = i);
    let mut pivots: Vec<f64> = (0..n).map(|i| a[i * n + i]).collect();
    let mut packed = Panels::default();
    for start in (0..n).step_by(BLOCK) {
        let end = n.min(start + BLOCK);
        for j in start..end {
            let eligible = (j..n).filter(|&i| pivots[i] > least[order[i]] && pivots[i] < f64::INFINITY);
            let Some(next) = eligible.reduce(|best, i| if pivots[i] > pivots[best] { i } else { best }) else {
                return j;
            };
            swap(a, n, j, next);
            pivots.swap(j, next);
            order.swap(j, next);
            let root = pivots[j].sqrt();
            a[j * n + j] = root;
            lanes::run(form, Column { a, n, start, j, root });
            for (pivot, l) in pivots[j + 1..].iter_mut().zip(&a[j * n + j + 1..]) {
                *pivot = (-l).mul_add(*l, *pivot);
            }
        }
        if end < n {
            packed.pack_columns(n - end, end - start, n, &a[start * n + end..]);
            subtract_products(form, spread, &packed, n, end, a);
        }
    }
    n
}

/// Exchanges rows and columns `j < p` of the lower triangle of a symmetric matrix, of which columns before j are factored.
fn swap(a: &mut [f64], n: usize, j: usize, p: usize) {
    if j == p {
        return;
    }
    for k in 0..j {
        a.swap(k * n + j, k * n + p);
    }
    a.swap(j * n + j, p * n + p);
    for i in j + 1..p {
        a.swap(j * n + i, i * n + p);
    }
    let (before, from) = a.split_at_mut(p * n);
    before[j * n + p + 1..][..n - p - 1].swap_with_slice(&mut from[p + 1..n]);
}

/// Rows below the diagonal of one column, from which all columns before `start` have been subtracted.
struct Column<'a> {
    a: &'a mut [f64],
    n: usize,
    start: usize,
    j: usize,
    root: f64,
}

impl Kernel<f64> for Column<'_> {
    type Output = ();

    fn scalar(mut self) {
        self.rows(self.j + 1);
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(mut self, lanes: L) {
        let n = self.n;
        let mut row = self.j + 1;
        assert!(self.a.len() == n * n && self.j < n);
        let root = lanes.splat(self.root);
        while row + L::LANES <= n {
            let a = self.a.as_mut_ptr();
            // SAFETY: the rows and the columns up to `column` lie inside the matrix.
            unsafe {
                let mut sum = lanes.load(a.add(self.j * n + row));
                for k in self.start..self.j {
                    let factor = lanes.splat(*a.add(k * n + self.j));
                    sum = lanes.fnma(lanes.load(a.add(k * n + row)), factor, sum);
                }
                lanes.store(a.add(self.j * n + row), lanes.div(sum, root));
            }
            row += L::LANES;
        }
        self.rows(row);
    }
}

impl Column<'_> {
    #[inline(always)]
    fn rows(&mut self, from: usize) {
        let Self { n, j, .. } = *self;
        for i in from..n {
            let before = self.start..j;
            let sum = before.fold(self.a[j * n + i], |sum, k| (-self.a[k * n + i]).mul_add(self.a[k * n + j], sum));
            self.a[j * n + i] = sum / self.root;
        }
    }
}
