//! The inverse of an operator in closed form.

use std::f64::consts::{PI, TAU};

use super::operator::{Boundary, Operator};

/// The Green's function of an operator on a periodic grid of `period` points per side.
///
/// ```text
/// g[m] = period^-d  sum over k of cos(2 pi k m / period) / (shift + tau sum over sides of 4 sin^2(pi k / period))
/// ```
///
/// A periodic inverse is `g` of the distance. A Dirichlet inverse is that of a grid of twice the size with an image of the
/// opposite sign beyond each edge: `g[i - j] - g[i + j + 2]` on a line. The infinite term of a singular operator is left
/// out, which makes the periodic inverse the one on vectors of mean zero; images cancel it.
///
/// Sines and cosines are those of `libm`, the sums have one order: the bits are the same on every machine.
pub(super) struct Green {
    operator: Operator,
    period: usize,
    /// `[half + 1]` or `[half + 1, half + 1]` with `half = period / 2`; further distances are nearer the other way round.
    values: Vec<f64>,
}

impl Green {
    pub(super) fn new(operator: &Operator) -> Self {
        let grid = operator.grid();
        let period = match grid.boundary() {
            Boundary::Dirichlet => 2 * (grid.points() + 1),
            Boundary::Periodic => grid.points(),
        };
        let angle = |k: usize| k as f64 / period as f64;
        let cosine: Vec<f64> = (0..period).map(|k| libm::cos(TAU * angle(k))).collect();
        let sine = |k: usize| libm::sin(PI * angle(k));
        let stencil: Vec<f64> = (0..period).map(|k| 4.0 * sine(k) * sine(k)).collect();
        let inverse = |of_stencil: f64| match operator.shift + operator.tau * of_stencil {
            0.0 => 0.0,
            eigenvalue => eigenvalue.recip(),
        };
        let side = period / 2 + 1;
        // Sum over k of cos(2 pi k m / period) spectrum(k).
        let transform = |m: usize, spectrum: &dyn Fn(usize) -> f64| {
            let mut place = 0;
            let mut sum = 0.0;
            for k in 0..period {
                sum += cosine[place] * spectrum(k);
                place += m;
                if place >= period {
                    place -= period;
                }
            }
            sum / period as f64
        };
        let values = if grid.dimensions() == 1 {
            (0..side).map(|m| transform(m, &|k| inverse(stencil[k]))).collect()
        } else {
            let halfway: Vec<f64> = (0..period)
                .flat_map(|k| (0..side).map(move |m| (k, m)))
                .map(|(k, m)| transform(m, &|l| inverse(stencil[k] + stencil[l])))
                .collect();
            let places = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
            places.map(|(row, column)| transform(row, &|k| halfway[k * side + column])).collect()
        };
        Self { operator: *operator, period, values }
    }

    /// Row `row` of the inverse, `[unknowns]`.
    pub(super) fn row(&self, row: usize, entries: &mut [f64]) {
        let points = self.operator.grid().points();
        let images = |a: usize, b: usize| match self.operator.grid().boundary() {
            Boundary::Dirichlet => [Some((a.abs_diff(b), 1.0)), Some((self.nearest(a + b + 2), -1.0))],
            Boundary::Periodic => [Some((self.nearest(a.abs_diff(b)), 1.0)), None],
        };
        let side = self.period / 2 + 1;
        if self.operator.grid().dimensions() == 1 {
            for (column, entry) in entries.iter_mut().enumerate() {
                let terms = images(row, column).into_iter().flatten();
                *entry = terms.map(|(m, sign)| sign * self.values[m]).sum();
            }
            return;
        }
        for (column, entry) in entries.iter_mut().enumerate() {
            let slow = images(row / points, column / points);
            let fast = images(row % points, column % points);
            *entry = 0.0;
            for (m, sign) in slow.into_iter().flatten() {
                for (n, other) in fast.into_iter().flatten() {
                    *entry += sign * other * self.values[m * side + n];
                }
            }
        }
    }

    /// A distance below the period, the shorter way round.
    fn nearest(&self, distance: usize) -> usize {
        distance.min(self.period - distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refine::Grid;

    /// `A A^-1` is the identity, or what is left of it when constants are taken out.
    #[test]
    fn rows_are_the_inverse() {
        for boundary in [Boundary::Dirichlet, Boundary::Periodic] {
            for (dimensions, points) in [(1, 3), (1, 8), (1, 21), (2, 3), (2, 6)] {
                let grid = Grid::new(dimensions, points, boundary).expect("a grid");
                for operator in [Operator::poisson(grid), Operator::heat(grid, 3.0).expect("a step")] {
                    let green = Green::new(&operator);
                    let mut entries = vec![0.0; grid.unknowns()];
                    let mut product = entries.clone();
                    for row in 0..grid.unknowns() {
                        green.row(row, &mut entries);
                        operator.product(&entries, &mut product);
                        let mut expected = vec![0.0; grid.unknowns()];
                        expected[row] = 1.0;
                        operator.project(&mut expected);
                        let off = product.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                        assert!(off < 1e-12, "{operator:?} row {row}: {off}");
                    }
                }
            }
        }
    }
}
