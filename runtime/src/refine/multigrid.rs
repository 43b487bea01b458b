//! V cycles whose smoother multiplies with the exact stencil on a substrate.

use forebay_substrate::{Precision, Substrate};

use super::approximation::Approximation;
use super::green::Green;
use super::operator::{Boundary, Grid, Operator, range};
use super::stencil::Stencil;
use super::tiles::{Cost, quantise};
use crate::error::Error;

/// Sweeps before and after the coarser grid.
const SWEEPS: usize = 2;
/// Damping of Jacobi's method.
const DAMPING: f64 = 2.0 / 3.0;

/// One V(2,2) cycle of damped Jacobi sweeps as an approximate inverse.
///
/// A sweep adds an increment that is rounded *before* it is used, so that its product with the stencil, formed on the
/// substrate, is exact and the residual stays true whatever the number of digits:
///
/// ```text
/// q = round(2/3 r / (D s)),   e += s q,   r -= s (shift q + tau K q)
/// ```
///
/// The host restricts by full weighting, prolongs linearly, forms the residual after the coarser grid's correction, and
/// solves the coarsest grid (3 points a side, 4 if periodic) by its inverse.
#[derive(Debug)]
pub(super) struct Multigrid {
    stencil: Stencil,
    precision: Precision,
    /// Finest first.
    levels: Vec<Level>,
    /// The inverse on the last level, `[unknowns, unknowns]`.
    coarsest: Vec<f64>,
}

#[derive(Debug)]
struct Level {
    operator: Operator,
    r: Vec<f64>,
    e: Vec<f64>,
    increment: Vec<f64>,
    product: Vec<f64>,
    integers: Vec<i32>,
}

impl Level {
    fn new(operator: Operator) -> Self {
        let zeros = vec![0.0; operator.grid().unknowns()];
        let integers = vec![0; zeros.len()];
        Self { operator, r: zeros.clone(), e: zeros.clone(), increment: zeros.clone(), product: zeros, integers }
    }
}

impl Multigrid {
    pub(super) fn new(substrate: &dyn Substrate, operator: &Operator, precision: Precision) -> Result<Self, Error> {
        let grid = operator.grid();
        // Doubling a grid adds the points between: 3, 7, 15, ... or, around a circle, 4, 8, 16, ...
        let (least, extra, expected) = match grid.boundary() {
            Boundary::Dirichlet => (3, 1, "3, 7, 15, 31 and so on"),
            Boundary::Periodic => (4, 0, "4, 8, 16, 32 and so on"),
        };
        let mut points = grid.points();
        if points < least || !(points + extra).is_power_of_two() {
            return Err(range("points per side for multigrid", expected, points));
        }
        let mut levels = vec![Level::new(*operator)];
        let mut coarsest = *operator;
        while points > least {
            points /= 2;
            coarsest = coarsest.coarser(points);
            levels.push(Level::new(coarsest));
        }
        let unknowns = coarsest.grid().unknowns();
        let mut inverse = vec![0.0; unknowns * unknowns];
        let green = Green::new(&coarsest);
        inverse.chunks_exact_mut(unknowns).enumerate().for_each(|(row, entries)| green.row(row, entries));
        Ok(Self { stencil: Stencil::new(substrate, grid, precision)?, precision, levels, coarsest: inverse })
    }
}

impl Approximation for Multigrid {
    fn apply(&mut self, r: &[f64], z: &mut [f64]) -> Result<(), Error> {
        self.levels[0].r.copy_from_slice(r);
        let Self { stencil, precision, levels, coarsest } = self;
        Cycle { stencil, precision: *precision, coarsest }.run(levels)?;
        z.copy_from_slice(&self.levels[0].e);
        Ok(())
    }

    fn cost(&self) -> Cost {
        self.stencil.cost()
    }
}

/// What all levels share.
struct Cycle<'a> {
    stencil: &'a mut Stencil,
    precision: Precision,
    coarsest: &'a [f64],
}

impl Cycle<'_> {
    /// `e ~ A^-1 r` on the first of these levels; its `r` is used up.
    fn run(&mut self, levels: &mut [Level]) -> Result<(), Error> {
        let Some((level, coarser)) = levels.split_first_mut() else { return Ok(()) };
        let Some(next) = coarser.first_mut() else {
            let rows = self.coarsest.chunks_exact(level.r.len());
            let products = rows.map(|row| row.iter().zip(&level.r).map(|(a, r)| a * r).sum());
            level.e.iter_mut().zip(products).for_each(|(e, product)| *e = product);
            return Ok(());
        };
        level.e.fill(0.0);
        for _ in 0..SWEEPS {
            self.sweep(level, true)?;
        }
        restrict(level.operator.grid(), &level.r, next.operator.grid(), &mut next.r);
        self.run(coarser)?;
        let next = &coarser[0];
        prolong(next.operator.grid(), &next.e, level.operator.grid(), &mut level.increment);
        level.operator.product(&level.increment, &mut level.product);
        add(&mut level.e, 1.0, &level.increment);
        add(&mut level.r, -1.0, &level.product);
        for left in (0..SWEEPS).rev() {
            // Nobody needs the residual after the last sweep.
            self.sweep(level, left > 0)?;
        }
        Ok(())
    }

    fn sweep(&mut self, level: &mut Level, residual: bool) -> Result<(), Error> {
        let Level { operator, r, e, increment, product, integers } = level;
        let factor = DAMPING / operator.diagonal();
        increment.iter_mut().zip(&*r).for_each(|(increment, r)| *increment = factor * r);
        let step = quantise(increment, self.precision, integers);
        e.iter_mut().zip(&*integers).for_each(|(e, &q)| *e += step * f64::from(q));
        if residual && step != 0.0 {
            self.stencil.multiply(operator.grid(), integers, product)?;
            for ((r, &q), kq) in r.iter_mut().zip(&*integers).zip(&*product) {
                *r -= step * (operator.shift * f64::from(q) + operator.tau * kq);
            }
        }
        Ok(())
    }
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}

/// The fine points around the coarse point `i` of one side, and their shares of it.
fn around(fine: &Grid, i: usize) -> [(usize, f64); 3] {
    let points = fine.points();
    match fine.boundary() {
        Boundary::Dirichlet => [(2 * i, 0.5), (2 * i + 1, 1.0), (2 * i + 2, 0.5)],
        Boundary::Periodic => [((2 * i + points - 1) % points, 0.5), (2 * i, 1.0), (2 * i + 1, 0.5)],
    }
}

/// Calls `visit(fine, coarse, share)` for each pair of places whose share is not zero.
fn pairs(fine: &Grid, coarse: &Grid, mut visit: impl FnMut(usize, usize, f64)) {
    let points = coarse.points();
    for row in 0..coarse.rows() {
        let rows = if fine.dimensions() == 2 { around(fine, row) } else { [(0, 1.0), (0, 0.0), (0, 0.0)] };
        for column in 0..points {
            let columns = around(fine, column);
            for (fine_row, above) in rows.into_iter().filter(|(_, share)| *share != 0.0) {
                for (fine_column, beside) in columns {
                    visit(fine_row * fine.points() + fine_column, row * points + column, above * beside);
                }
            }
        }
    }
}

/// Full weighting: the transpose of [`prolong`], divided so that constants stay.
fn restrict(fine: &Grid, values: &[f64], coarse: &Grid, to: &mut [f64]) {
    to.fill(0.0);
    let weight = if fine.dimensions() == 2 { 0.25 } else { 0.5 };
    pairs(fine, coarse, |fine, coarse, share| to[coarse] += weight * share * values[fine]);
}

/// Linear interpolation.
fn prolong(coarse: &Grid, values: &[f64], fine: &Grid, to: &mut [f64]) {
    to.fill(0.0);
    pairs(fine, coarse, |fine, coarse, share| to[fine] += share * values[coarse]);
}
