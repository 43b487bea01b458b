//! The loops on the host.

use super::approximation::Approximation;
use super::operator::Operator;
use super::{SolverMethod, Stage, Status};
use crate::error::Error;

/// Turns over which refinement must reduce its residual, and conjugate gradients their best one.
const PATIENCE: usize = 3;
const PATIENCE_OF_CONJUGATES: usize = 15;
/// What it must be reduced by.
const REDUCTION: f64 = 0.9;

/// A right-hand side of order one, and when to be done with it.
pub(super) struct System<'a> {
    pub(super) operator: &'a Operator,
    pub(super) b: &'a [f64],
    pub(super) tolerance: f64,
    pub(super) most_turns: usize,
}

/// Vectors of the loops, `[unknowns]` each.
#[derive(Clone, Debug)]
pub(super) struct Work {
    r: Vec<f64>,
    old: Vec<f64>,
    z: Vec<f64>,
    p: Vec<f64>,
    ap: Vec<f64>,
    best: Vec<f64>,
}

impl Work {
    pub(super) fn new(unknowns: usize) -> Self {
        let zeros = || vec![0.0; unknowns];
        Self { r: zeros(), old: zeros(), z: zeros(), p: zeros(), ap: zeros(), best: zeros() }
    }
}

impl System<'_> {
    /// `r = b - A x`, and its norm in that of `b`.
    fn residual(&self, x: &[f64], r: &mut [f64]) -> f64 {
        self.operator.product(x, r);
        r.iter_mut().zip(self.b).for_each(|(r, b)| *r = b - *r);
        self.relative(r)
    }

    /// The norm of `r` in that of `b`.
    pub(super) fn relative(&self, r: &[f64]) -> f64 {
        norm(r) / norm(self.b)
    }

    /// `x += B (b - A x)` until the residual is small or no longer falls; leaves the best `x`.
    pub(super) fn refine(
        &self,
        method: SolverMethod,
        inverse: &mut dyn Approximation,
        x: &mut [f64],
        work: &mut Work,
    ) -> Result<Stage, Error> {
        let Work { r, z, best, .. } = work;
        let mut history = vec![self.residual(x, r)];
        let mut lowest = history[0];
        best.copy_from_slice(x);
        let status = loop {
            if let Some(status) = self.judge(&history) {
                break status;
            }
            inverse.apply(r, z)?;
            add(x, 1.0, z);
            self.operator.project(x);
            let now = self.residual(x, r);
            if now < lowest {
                lowest = now;
                best.copy_from_slice(x);
            }
            history.push(now);
        };
        x.copy_from_slice(best);
        Ok(Stage { method, status, history })
    }

    /// Whether refinement is over.
    fn judge(&self, history: &[f64]) -> Option<Status> {
        let (turns, now) = (history.len() - 1, history[history.len() - 1]);
        if now <= self.tolerance {
            return Some(Status::Converged);
        }
        let falls = turns < PATIENCE || now <= REDUCTION * history[turns - PATIENCE];
        if falls && turns < self.most_turns && now.is_finite() {
            return None;
        }
        Some(if now < history[0] { Status::Stagnated } else { Status::Diverged })
    }

    /// Conjugate gradients, flexible if there is an approximate inverse; leaves the best `x` that it knows.
    ///
    /// ```text
    /// z = B r,   beta = z (r - r_old) / (z_old r_old),   p = z + beta p,   alpha = p r / (p A p)
    /// ```
    ///
    /// The residual is updated, and formed anew when it seems small enough: if it is not, the method starts again there.
    pub(super) fn conjugate(
        &self,
        method: SolverMethod,
        mut inverse: Option<&mut dyn Approximation>,
        x: &mut [f64],
        work: &mut Work,
    ) -> Result<Stage, Error> {
        let Work { r, old, z, p, ap, best } = work;
        let mut history = vec![self.residual(x, r)];
        let (mut lowest, mut lowest_turn, mut lowest_restart) = (history[0], 0, f64::INFINITY);
        best.copy_from_slice(x);
        let mut zr_old = 0.0;
        let status = loop {
            let turns = history.len() - 1;
            if history[turns] <= self.tolerance {
                self.operator.project(x);
                let now = self.residual(x, r);
                history[turns] = now;
                if now <= self.tolerance {
                    break Status::Converged;
                }
                if now > REDUCTION * lowest_restart {
                    break Status::Stagnated;
                }
                lowest_restart = now;
                zr_old = 0.0;
            }
            let waits = inverse.is_some() && turns > lowest_turn + PATIENCE_OF_CONJUGATES;
            if waits || turns >= self.most_turns || !history[turns].is_finite() {
                break if lowest < history[0] { Status::Stagnated } else { Status::Diverged };
            }
            match &mut inverse {
                Some(inverse) => inverse.apply(r, z)?,
                None => z.copy_from_slice(r),
            }
            self.operator.project(z);
            let zr = dot(z, r);
            // Without a direction before, the next one is z itself.
            if zr_old == 0.0 {
                p.copy_from_slice(z);
            } else {
                let beta = (zr - dot(z, old)) / zr_old;
                p.iter_mut().zip(&*z).for_each(|(p, z)| *p = z + beta * *p);
            }
            self.operator.product(p, ap);
            let alpha = dot(p, r) / dot(p, ap);
            if !alpha.is_finite() {
                break Status::Stagnated;
            }
            zr_old = zr;
            old.copy_from_slice(r);
            add(x, alpha, p);
            add(r, -alpha, ap);
            let now = self.relative(r);
            if now <= REDUCTION * lowest {
                lowest_turn = turns + 1;
                lowest = now;
                best.copy_from_slice(x);
            }
            history.push(now);
        };
        // An updated residual may be smaller than the true one: these two are compared by the latter.
        if status != Status::Converged {
            let last = self.residual(x, r);
            let best_of_all = self.residual(best, r);
            if last.is_nan() || last > best_of_all {
                x.copy_from_slice(best);
            }
        }
        Ok(Stage { method, status, history })
    }
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}
