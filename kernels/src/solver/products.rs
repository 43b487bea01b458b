//! Products of panels, added to or subtracted from a matrix.

use std::ops::Range;

use super::{
    Panels, Spread,
    panels::WIDTH,
    tile::{self, Factor, MAX_ROWS, Sums, in_tiles},
};
use crate::{
    form::Form,
    lanes::{self, Kernel, Lanes},
};

/// Adds `X'X` of the first `depth` rows of `x` to the lower triangle of `sums`.
///
/// # Shapes
/// `x`: `[>= depth, F]`. `sums`: column-major `[F, F]`.
/// # Panics
/// If a length disagrees.
pub fn add_products(form: Form, spread: &impl Spread, depth: usize, x: &Panels, sums: &mut [f64]) {
    let n = x.columns();
    assert!(depth <= x.depth() && sums.len() == n * n, "sums of products are square");
    let stripes = stripes(sums, n, n);
    spread.each(stripes, |(columns, c)| {
        let update = Update { a: x, b: x, depth, columns, c, stride: n, first: 0, triangle: true, subtract: false };
        lanes::run(form, update);
    });
}

/// Adds `X'Y` of the first `depth` rows to `sums`.
///
/// # Shapes
/// `x`: `[>= depth, F]`. `y`: `[>= depth, O]`. `sums`: column-major `[F, O]`.
/// # Panics
/// If a length disagrees.
pub fn add_cross_products(form: Form, spread: &impl Spread, depth: usize, x: &Panels, y: &Panels, sums: &mut [f64]) {
    let (n, outputs) = (x.columns(), y.columns());
    assert!(depth <= x.depth().min(y.depth()) && sums.len() == n * outputs, "a column of sums for each output");
    spread.each(stripes(sums, n, outputs), |(columns, c)| {
        let update = Update { a: x, b: y, depth, columns, c, stride: n, first: 0, triangle: false, subtract: false };
        lanes::run(form, update);
    });
}

/// Subtracts `P'P` from the lower right triangle of a matrix: `P` is `[depth, n - from]`, what is below row and column
/// `from`. The chains of all entries go on where they are.
pub(super) fn subtract_products(form: Form, spread: &impl Spread, p: &Panels, n: usize, from: usize, a: &mut [f64]) {
    let stripes = stripes(&mut a[from * n..], n, n - from);
    spread.each(stripes, |(columns, c)| {
        let depth = p.depth();
        let update = Update { a: p, b: p, depth, columns, c, stride: n, first: from, triangle: true, subtract: true };
        lanes::run(form, update);
    });
}

/// Columns that one thread works on.
const STRIPE: usize = 4 * WIDTH;

/// Cuts columns of `stride` elements into stripes.
fn stripes(c: &mut [f64], stride: usize, columns: usize) -> Vec<(Range<usize>, &mut [f64])> {
    let starts = (0..columns).step_by(STRIPE);
    let ranges = starts.map(|start| start..columns.min(start + STRIPE));
    ranges.zip(c.chunks_mut((STRIPE * stride).max(1))).collect()
}

/// `C[i][j]` plus or minus the sum over k of `a[k][i] b[k][j]`, for the columns j of one stripe.
struct Update<'a> {
    a: &'a Panels,
    b: &'a Panels,
    depth: usize,
    columns: Range<usize>,
    /// The stripe's columns; row i of column j lies at `(j - columns.start) * stride + first + i`.
    c: &'a mut [f64],
    stride: usize,
    first: usize,
    /// Entries above the diagonal, `i < j`, are left as they are.
    triangle: bool,
    /// The chain starts from the entry and subtracts; else it starts from zero and is added to the entry.
    subtract: bool,
}

impl Kernel<f64> for Update<'_> {
    type Output = ();

    fn scalar(self) {
        for j in self.columns.clone() {
            for i in (if self.triangle { j } else { 0 })..self.a.columns() {
                let c = &mut self.c[(j - self.columns.start) * self.stride + self.first + i];
                let products = (0..self.depth).map(|k| (self.a.at(k, i), self.b.at(k, j)));
                *c = if self.subtract {
                    products.fold(*c, |sum, (a, b)| (-a).mul_add(b, sum))
                } else {
                    *c + products.fold(0.0, |sum, (a, b)| a.mul_add(b, sum))
                };
            }
        }
    }

    #[inline(always)]
    fn vector<L: Lanes<Real = f64>>(self, lanes: L) {
        // The form is a constant here, so that one of these remains.
        if self.subtract {
            in_tiles!(self.tiles::<L, true>(lanes));
        } else {
            in_tiles!(self.tiles::<L, false>(lanes));
        }
    }
}

impl Update<'_> {
    #[inline(always)]
    fn tiles<L: Lanes<Real = f64>, const V: usize, const S: usize, const SUBTRACT: bool>(self, lanes: L) {
        let rows = self.a.columns();
        let height = V * L::LANES;
        let lowest = if self.triangle { self.columns.start / WIDTH * WIDTH } else { 0 };
        for panel in (lowest..rows).step_by(WIDTH) {
            for j in self.columns.clone().step_by(S) {
                let width = S.min(self.columns.end - j);
                for i in (panel..rows.min(panel + WIDTH)).step_by(height) {
                    if self.triangle && i + height <= j {
                        continue;
                    }
                    let at = (j - self.columns.start) * self.stride + self.first + i;
                    let high = height.min(rows - i);
                    let whole = high == height && width == S && !(self.triangle && i < j + S - 1);
                    let a = Factor { from: self.a.panel_at(i).as_ptr(), stride: WIDTH };
                    let b = Factor { from: self.b.panel_at(j).as_ptr(), stride: WIDTH };
                    let mut sums: Sums<L, V, S> = [[lanes.splat(0.0); V]; S];
                    if whole {
                        assert!(at + (S - 1) * self.stride + height <= self.c.len());
                        let c = self.c[at..].as_mut_ptr();
                        // SAFETY: panels are read within their width, of which tiles are divisors, for
                        // `depth` rows that both have; the tile of C lies inside the slice as just asserted.
                        unsafe {
                            for s in 0..S {
                                for v in 0..V {
                                    let from = c.add(s * self.stride + v * L::LANES);
                                    if SUBTRACT {
                                        sums[s][v] = lanes.load(from);
                                    } else {
                                        tile::prefetch(from);
                                    }
                                }
                            }
                            tile::chain::<L, V, S, SUBTRACT>(lanes, a, b, self.depth, &mut sums);
                            for s in 0..S {
                                for v in 0..V {
                                    let to = c.add(s * self.stride + v * L::LANES);
                                    let sum = if SUBTRACT { sums[s][v] } else { lanes.add(lanes.load(to), sums[s][v]) };
                                    lanes.store(to, sum);
                                }
                            }
                        }
                        continue;
                    }
                    // A tile that sticks out or crosses the diagonal goes through a buffer.
                    let valid = |s: usize| (if self.triangle { (j + s).saturating_sub(i) } else { 0 }).min(high)..high;
                    let mut buffer = [[0.0; MAX_ROWS]; S];
                    if SUBTRACT {
                        for s in 0..width {
                            buffer[s][valid(s)].copy_from_slice(&self.c[at + s * self.stride..][valid(s)]);
                        }
                    }
                    // SAFETY: as above for the panels; a row of the buffer holds the most rows that any form has.
                    unsafe {
                        for s in 0..S {
                            for v in 0..V {
                                sums[s][v] = lanes.load(buffer[s].as_ptr().add(v * L::LANES));
                            }
                        }
                        tile::chain::<L, V, S, SUBTRACT>(lanes, a, b, self.depth, &mut sums);
                        for s in 0..S {
                            for v in 0..V {
                                lanes.store(buffer[s].as_mut_ptr().add(v * L::LANES), sums[s][v]);
                            }
                        }
                    }
                    for s in 0..width {
                        let to = &mut self.c[at + s * self.stride..][valid(s)];
                        for (c, sum) in to.iter_mut().zip(&buffer[s][valid(s)]) {
                            *c = if SUBTRACT { *sum } else { *c + sum };
                        }
                    }
                }
            }
        }
    }
}
