//! Methods, settings, and what a solver reports.

use std::fmt;
use std::time::{Duration, Instant};

use forebay_substrate::{Precision, Substrate};

use super::approximation::Approximation;
use super::inverse::Inverse;
use super::iterate::{System, Work, norm};
use super::multigrid::Multigrid;
use super::operator::{Operator, range};
use super::tiles::Cost;
use crate::error::Error;

/// How corrections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SolverMethod {
    /// `x += B r` with a rounded inverse `B` of up to 4096 unknowns.
    ///
    /// Converges where `|I - B A| + |rounding of r| |B| |A| < 1`: few digits only serve operators of small condition.
    Refinement,
    /// `x += V r` with one V(2,2) cycle on grids of 2^k - 1 points a side (2^k if periodic).
    ///
    /// The smoother's stencil is exact in 4 bits, so the number of turns does not depend on the size.
    Multigrid,
    /// Flexible conjugate gradients (beta of Polak and Ribiere) with the rounded inverse as preconditioner.
    FlexibleConjugateGradients,
    /// Conjugate gradients in f64 on the host; the substrate is not used.
    ConjugateGradients,
}

impl fmt::Display for SolverMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refinement => "refinement",
            Self::Multigrid => "multigrid",
            Self::FlexibleConjugateGradients => "flexible conjugate gradients",
            Self::ConjugateGradients => "conjugate gradients on the host",
        })
    }
}

/// How a method ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The residual reached the tolerance.
    Converged,
    /// The residual fell at first, but no longer by a factor of 0.9 over 3 turns (flexible conjugate gradients: its best
    /// value over 15), or the turns ran out.
    Stagnated,
    /// The same, and the residual ended no smaller than it began.
    Diverged,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Converged => "converged",
            Self::Stagnated => "stagnated",
            Self::Diverged => "diverged",
        })
    }
}

/// What a solver is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SolverSettings {
    /// How corrections are made; refinement by default.
    pub method: SolverMethod,
    /// Digits of rounded residuals (state digits) and slices of the inverse (weight digits); two each by default.
    /// Multigrid uses the state digits only: its weights are exact.
    pub precision: Precision,
    /// Largest `|b - A x| / |b|` that is good enough, in the 2-norm, above 0 and below 1; 1e-12 by default.
    ///
    /// About 1e-16 times the condition number is the least that f64 can hold for smooth right-hand sides.
    pub tolerance: f64,
    /// Most turns of a method; 10,000 by default.
    pub most_turns: usize,
    /// Whether conjugate gradients in f64 on the host take over where the method does not converge; so by default.
    pub fallback: bool,
}

impl Default for SolverSettings {
    fn default() -> Self {
        Self {
            method: SolverMethod::Refinement,
            precision: Precision::default(),
            tolerance: 1e-12,
            most_turns: 10_000,
            fallback: true,
        }
    }
}

/// What one method did.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Which.
    pub method: SolverMethod,
    /// How it ended.
    pub status: Status,
    /// `|b - A x| / |b|` at the start and after each turn, formed in f64 from `x`; conjugate gradients update their
    /// residual instead, and form only the last one that seems small enough.
    pub history: Vec<f64>,
}

impl Stage {
    /// Turns: one correction each.
    pub fn turns(&self) -> usize {
        self.history.len().saturating_sub(1)
    }
}

/// A solution and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The solution, `[unknowns]`; of mean zero if the operator is singular.
    pub x: Vec<f64>,
    /// `|b - A x| / |b|` of this `x`, formed in f64 at the end; `b` without its mean if the operator is singular.
    pub residual: f64,
    /// What the chosen method did.
    pub attempt: Stage,
    /// What conjugate gradients on the host did after it, if it did not converge; they begin at its best `x`.
    pub fallback: Option<Stage>,
    /// Samples run on the substrate: one per state digit, program and vector or block.
    pub passes: u64,
    /// Time in calls of the substrate.
    pub on_substrate: Duration,
    /// All other time.
    pub on_host: Duration,
}

impl Solution {
    /// The method that ended it.
    pub fn last(&self) -> &Stage {
        self.fallback.as_ref().unwrap_or(&self.attempt)
    }

    /// How that one ended.
    pub fn status(&self) -> Status {
        self.last().status
    }
}

/// Solves `A x = b` for one operator and any number of right-hand sides; its programs are loaded once.
///
/// # Examples
/// ```
/// use forebay::refine::{Boundary, Grid, Operator, SolverSettings, Solver, Status};
///
/// let substrate = forebay::open("software:akd1000")?;
/// let operator = Operator::poisson(Grid::new(2, 7, Boundary::Dirichlet)?);
/// let mut solver = Solver::new(&*substrate, operator, SolverSettings::default())?;
/// let solution = solver.solve(&[1.0; 49])?;
/// assert_eq!(solution.status(), Status::Converged);
/// assert!(solution.fallback.is_none() && solution.residual <= 1e-12);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Debug)]
pub struct Solver {
    operator: Operator,
    settings: SolverSettings,
    inverse: Option<Box<dyn Approximation>>,
    work: Work,
    b: Vec<f64>,
}

impl Solver {
    /// Rounds what the method needs and loads its programs.
    ///
    /// # Errors
    /// [`Error::Range`] for a tolerance out of its range, more than 4096 unknowns for a rounded inverse, or a grid that
    /// cannot be coarsened for multigrid; [`Error::Refused`] if the substrate does not take a product even column by
    /// column; [`Error::Misuse`] if it names no known device; [`Error::Substrate`].
    pub fn new(substrate: &dyn Substrate, operator: Operator, settings: SolverSettings) -> Result<Self, Error> {
        let SolverSettings { method, precision, tolerance, .. } = settings;
        if !(tolerance > 0.0 && tolerance < 1.0) {
            return Err(range("tolerance", "above 0 and below 1", tolerance));
        }
        let inverse: Option<Box<dyn Approximation>> = match method {
            SolverMethod::Refinement | SolverMethod::FlexibleConjugateGradients => {
                Some(Box::new(Inverse::new(substrate, &operator, precision)?))
            }
            SolverMethod::Multigrid => Some(Box::new(Multigrid::new(substrate, &operator, precision)?)),
            SolverMethod::ConjugateGradients => None,
        };
        let unknowns = operator.grid().unknowns();
        Ok(Self { operator, settings, inverse, work: Work::new(unknowns), b: vec![0.0; unknowns] })
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Solves `A x = b` from `x = 0`; a method that does not converge is no error but a [`Status`].
    ///
    /// A right-hand side of zeros has the solution 0 after 0 turns. If the operator is singular, this holds for every
    /// constant as well, and otherwise the mean of `b` is taken out.
    ///
    /// # Shapes
    /// `b`: `[unknowns]`, of any finite size.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::Range`] if the solution is beyond f64; [`Error::Substrate`].
    pub fn solve(&mut self, b: &[f64]) -> Result<Solution, Error> {
        let begin = Instant::now();
        let before = self.cost();
        self.operator.check_length("right-hand side", b.len())?;
        Error::check_finite("right-hand side", b)?;
        let unit = power_of_two(b);
        self.b.iter_mut().zip(b).for_each(|(scaled, b)| *scaled = b / unit);
        let size = norm(&self.b);
        // A mean is rounded in its sum; what it leaves has a mean that is not.
        self.operator.project(&mut self.b);
        self.operator.project(&mut self.b);
        // What is left of a constant is rounding.
        if norm(&self.b) <= 4.0 * f64::EPSILON * size {
            self.b.fill(0.0);
        }
        let mut x = vec![0.0; b.len()];
        let (mut attempt, mut fallback) = self.run(&mut x)?;
        for x in &mut x {
            *x *= unit;
        }
        if x.iter().any(|x| !x.is_finite()) {
            let (expected, found) = ("small enough for a solution in f64", format!("numbers up to {unit:e}"));
            return Err(range("right-hand side", expected, found));
        }
        let residual = self.recompute(&x, unit);
        let last = fallback.as_mut().unwrap_or(&mut attempt);
        if last.status == Status::Converged && residual > self.settings.tolerance {
            // The solution lost digits below the normal numbers.
            last.status = Status::Stagnated;
        }
        let after = self.cost();
        let on_substrate = after.time.saturating_sub(before.time);
        let passes = after.passes - before.passes;
        let on_host = begin.elapsed().saturating_sub(on_substrate);
        Ok(Solution { x, residual, attempt, fallback, passes, on_substrate, on_host })
    }

    /// The chosen method, and the other one if it is needed and wanted.
    fn run(&mut self, x: &mut [f64]) -> Result<(Stage, Option<Stage>), Error> {
        let SolverSettings { method, tolerance, most_turns, fallback, .. } = self.settings;
        if self.b.iter().all(|b| *b == 0.0) {
            return Ok((Stage { method, status: Status::Converged, history: vec![0.0] }, None));
        }
        let Self { operator, b, work, .. } = self;
        let system = System { operator, b, tolerance, most_turns };
        let attempt = match (method, self.inverse.as_deref_mut()) {
            (SolverMethod::Refinement | SolverMethod::Multigrid, Some(inverse)) => {
                system.refine(method, inverse, x, work)?
            }
            (_, Some(inverse)) => system.conjugate(method, Some(inverse), x, work)?,
            (_, None) => system.conjugate(method, None, x, work)?,
        };
        let is_enough = attempt.status == Status::Converged || method == SolverMethod::ConjugateGradients || !fallback;
        if is_enough {
            return Ok((attempt, None));
        }
        let before = x.to_vec();
        let fallback = system.conjugate(SolverMethod::ConjugateGradients, None, x, work)?;
        if fallback.status != Status::Converged {
            // Neither reached the tolerance: the nearer one counts.
            let [old, new] = [&before[..], &*x].map(|x| self.recompute(x, 1.0));
            if old < new {
                x.copy_from_slice(&before);
            }
        }
        Ok((attempt, Some(fallback)))
    }

    /// The residual of what is given back.
    fn recompute(&mut self, x: &[f64], unit: f64) -> f64 {
        let size = norm(&self.b);
        if size == 0.0 {
            return 0.0;
        }
        let scaled: Vec<f64> = x.iter().map(|x| x / unit).collect();
        let mut r = vec![0.0; x.len()];
        self.operator.product(&scaled, &mut r);
        r.iter_mut().zip(&self.b).for_each(|(r, b)| *r = b - *r);
        norm(&r) / size
    }

    fn cost(&self) -> Cost {
        self.inverse.as_ref().map_or_else(Cost::default, |inverse| inverse.cost())
    }
}

/// The power of two at or below the largest magnitude: dividing by it is exact and puts the largest number in 1..2.
fn power_of_two(values: &[f64]) -> f64 {
    let peak = values.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
    // Only the exponent's bits; numbers below the normal ones stay small.
    f64::from_bits(peak.to_bits() & (0x7ff << 52)).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use forebay_akida::Device;
    use forebay_software::Software;

    use super::super::operator::{Boundary, Grid};
    use super::*;
    use crate::random::Seed;

    /// Whatever the grid, the digits and the right-hand side: an answer, finite, no worse than `x = 0`, with its true residual.
    #[test]
    fn every_small_problem_has_an_honest_answer() {
        let substrate = Software::new(Device::Akd1000).expect("a kernel form");
        let mut stream = Seed(1).stream("small problems");
        let methods = [SolverMethod::Refinement, SolverMethod::Multigrid, SolverMethod::FlexibleConjugateGradients];
        for case in 0..600 {
            let boundary = if case % 2 == 0 { Boundary::Dirichlet } else { Boundary::Periodic };
            let method = methods[case % 3];
            let points =
                if method == SolverMethod::Multigrid { [7, 8][case % 2] } else { 3 + stream.below(10) as usize };
            let grid = Grid::new(1 + stream.below(2) as usize, points, boundary).expect("a grid");
            let operator = match stream.below(2) {
                0 => Operator::poisson(grid),
                _ => Operator::heat(grid, 10.0_f64.powf(stream.uniform_in(-6.0, 6.0))).expect("a step"),
            };
            let precision = Precision::new(1 + stream.below(4) as u8, 1 + stream.below(3) as u8).expect("allowed");
            let fallback = stream.below(2) == 0;
            let settings = SolverSettings { method, precision, fallback, tolerance: 1e-9, ..SolverSettings::default() };
            let mut solver = Solver::new(&substrate, operator, settings).expect("it fits");
            // Numbers of very different sizes, and many zeros.
            let size = 10.0_f64.powf(stream.uniform_in(-100.0, 100.0));
            let b: Vec<f64> = (0..grid.unknowns())
                .map(|_| size * stream.normal() * (stream.below(3) * stream.below(3)) as f64)
                .collect();
            let solution = solver.solve(&b).expect("finite numbers have an answer");
            let mut of_b = b.clone();
            operator.project(&mut of_b);
            let mut r = vec![0.0; b.len()];
            operator.apply(&solution.x, &mut r).expect("it fits");
            r.iter_mut().zip(&of_b).for_each(|(r, b)| *r = b - *r);
            let found = if norm(&of_b) > 0.0 { norm(&r) / norm(&of_b) } else { 0.0 };
            assert!((found - solution.residual).abs() <= 1e-12 * (1.0 + found), "{found} {solution:?}");
            assert!(solution.residual <= 1.0 + 1e-12, "{solution:?}");
            assert_eq!(solution.status() == Status::Converged, solution.residual <= 1e-9, "{solution:?}");
            assert!(!fallback || solution.status() == Status::Converged || solution.residual < 1e-6, "{solution:?}");
        }
    }
}
