//! Grids and the two operators on them.

use crate::error::Error;

/// Most unknowns of a grid: 2^20.
pub const MOST_UNKNOWNS: usize = 1 << 20;

/// What is beyond the edge of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// Zeros.
    Dirichlet,
    /// The other edge.
    Periodic,
}

/// A line or a square of points, `[points]` or `[points, points]`, last index fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    dimensions: usize,
    points: usize,
    boundary: Boundary,
}

impl Grid {
    /// A grid of `points` unknowns per side in 1 or 2 dimensions.
    ///
    /// # Errors
    /// [`Error::Range`] unless there are 1 or 2 dimensions, at least 1 point (3 if periodic, so that neighbours differ),
    /// and at most [`MOST_UNKNOWNS`] unknowns.
    pub fn new(dimensions: usize, points: usize, boundary: Boundary) -> Result<Self, Error> {
        if !(1..=2).contains(&dimensions) {
            return Err(range("dimensions", "1 or 2", dimensions));
        }
        let least = if boundary == Boundary::Periodic { 3 } else { 1 };
        let most = if dimensions == 1 { MOST_UNKNOWNS } else { MOST_UNKNOWNS.isqrt() };
        if !(least..=most).contains(&points) {
            return Err(range("points per side", format!("{least} to {most}"), points));
        }
        Ok(Self { dimensions, points, boundary })
    }

    /// 1 or 2.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Points per side.
    pub fn points(&self) -> usize {
        self.points
    }

    /// What is beyond the edge.
    pub fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Points in all: the length of a right-hand side and of a solution.
    pub fn unknowns(&self) -> usize {
        self.rows() * self.points
    }

    /// Lines of points along the fast index.
    pub(super) fn rows(&self) -> usize {
        if self.dimensions == 2 { self.points } else { 1 }
    }

    pub(super) fn with_points(self, points: usize) -> Self {
        Self { points, ..self }
    }
}

/// `A = shift I + tau K`, where `K` is the stencil `-1, 2, -1` of a line or `-1, 4, -1` (with four neighbours) of a square.
///
/// | equation | shift, tau |
/// |---|---|
/// | Poisson `K x = b` | 0, 1 |
/// | one implicit Euler step of the heat equation, `(I + tau K) x = b` | 1, tau |
///
/// The grid's spacing `h` is left to the caller: `-u'' = f` is `K x = h^2 f`, and a time step `dt` has `tau = dt / h^2`.
///
/// A periodic Poisson problem is singular: its operator maps constants to zero. Solvers take the mean out of the
/// right-hand side and give the solution whose mean is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operator {
    grid: Grid,
    pub(super) shift: f64,
    pub(super) tau: f64,
}

impl Operator {
    /// `K`.
    pub fn poisson(grid: Grid) -> Self {
        Self { grid, shift: 0.0, tau: 1.0 }
    }

    /// `I + tau K`.
    ///
    /// # Errors
    /// [`Error::Range`] unless `tau` is above 0 and at most 1e6.
    pub fn heat(grid: Grid, tau: f64) -> Result<Self, Error> {
        if tau > 0.0 && tau <= 1e6 {
            return Ok(Self { grid, shift: 1.0, tau });
        }
        Err(range("tau", "above 0 and at most 1e6", tau))
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Whether constants are mapped to zero: periodic Poisson.
    pub fn is_singular(&self) -> bool {
        self.shift == 0.0 && self.grid.boundary == Boundary::Periodic
    }

    /// `y = A x` in f64, without a matrix.
    ///
    /// # Shapes
    /// `x` and `y`: [`Grid::unknowns`].
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn apply(&self, x: &[f64], y: &mut [f64]) -> Result<(), Error> {
        for (what, found) in [("x", x.len()), ("y", y.len())] {
            self.check_length(what, found)?;
        }
        self.product(x, y);
        Ok(())
    }

    pub(super) fn check_length(&self, what: &str, found: usize) -> Result<(), Error> {
        let expected = self.grid.unknowns();
        if found == expected { Ok(()) } else { Err(Error::shape(what, expected, found)) }
    }

    /// [`apply`](Self::apply) for lengths that are known to fit.
    pub(super) fn product(&self, x: &[f64], y: &mut [f64]) {
        let Grid { dimensions, points, boundary } = self.grid;
        let rows = self.grid.rows();
        let diagonal = (2 * dimensions) as f64;
        let wraps = boundary == Boundary::Periodic;
        let line = |row: usize| &x[row * points..(row + 1) * points];
        for (row, y) in y.chunks_exact_mut(points).enumerate() {
            let x = line(row);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = diagonal * x);
            y[1..].iter_mut().zip(x).for_each(|(y, left)| *y -= left);
            y.iter_mut().zip(&x[1..]).for_each(|(y, right)| *y -= right);
            if wraps {
                y[0] -= x[points - 1];
                y[points - 1] -= x[0];
            }
            if dimensions == 2 {
                let above = if row > 0 { Some(row - 1) } else { wraps.then_some(rows - 1) };
                let below = if row + 1 < rows { Some(row + 1) } else { wraps.then_some(0) };
                for row in [above, below].into_iter().flatten() {
                    y.iter_mut().zip(line(row)).for_each(|(y, neighbour)| *y -= neighbour);
                }
            }
            y.iter_mut().zip(x).for_each(|(y, x)| *y = self.shift * x + self.tau * *y);
        }
    }

    /// The entry on the diagonal, the same in every row.
    pub(super) fn diagonal(&self) -> f64 {
        self.shift + self.tau * (2 * self.grid.dimensions) as f64
    }

    /// Takes the mean out if constants are not seen by this operator.
    pub(super) fn project(&self, values: &mut [f64]) {
        if self.is_singular() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            for value in values {
                *value -= mean;
            }
        }
    }

    /// The operator of the same equation on every other point: `K` of twice the spacing is four times as strong.
    pub(super) fn coarser(&self, points: usize) -> Self {
        Self { grid: self.grid.with_points(points), tau: self.tau / 4.0, ..*self }
    }
}

pub(super) fn range(what: &'static str, expected: impl ToString, found: impl ToString) -> Error {
    Error::Range { what, expected: expected.to_string(), found: found.to_string() }
}
