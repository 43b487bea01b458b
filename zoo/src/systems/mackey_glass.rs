//! The Mackey-Glass delay equation.

use forebay::random::Seed;
use ndarray::Array2;

use super::{SystemError, length, positive, solver_steps, transient_steps};

/// Mackey-Glass: `x' = beta x(t - tau) / (1 + x(t - tau)^10) - gamma x`.
///
/// Classical Runge-Kutta steps; the delayed value half-way between two steps is interpolated cubically from the four
/// nearest stored ones, so the method keeps its order wherever the history is smooth.
///
/// Source: Mackey, Glass, Science 197, 287 (1977).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MackeyGlass {
    /// Delay; 17.
    pub tau: f64,
    /// 0.2.
    pub beta: f64,
    /// 0.1.
    pub gamma: f64,
    /// Time between two rows; 1.
    pub dt: f64,
    /// Runge-Kutta steps per unit of `dt`; 10. `tau` must be a whole number of them.
    pub substeps: usize,
    /// Time discarded at the start; 1,000.
    pub transient: f64,
}

impl Default for MackeyGlass {
    fn default() -> Self {
        Self { tau: 17.0, beta: 0.2, gamma: 0.1, dt: 1.0, substeps: 10, transient: 1000.0 }
    }
}

impl MackeyGlass {
    /// `[steps, 1]`, starting from a constant history between 1.0 and 1.4.
    ///
    /// # Errors
    /// [`SystemError::Range`] for parameters that make no sense; [`SystemError::Diverged`] where `gamma` is too fast for
    /// the solver's step.
    pub fn generate(&self, steps: usize, seed: Seed) -> Result<Array2<f64>, SystemError> {
        for (what, value) in [("tau", self.tau), ("beta", self.beta), ("gamma", self.gamma), ("dt", self.dt)] {
            positive(what, value)?;
        }
        solver_steps(self.substeps)?;
        let h = self.dt / self.substeps as f64;
        let delay = (self.tau / h).round();
        if (delay * h - self.tau).abs() > 1e-9 * self.tau || !(2.0..=1e7).contains(&delay) {
            let expected = "a whole number of solver steps, from 2 to 1e7";
            return Err(SystemError::Range { what: "tau", expected, found: self.tau });
        }
        length(steps, 1)?;
        let discarded = transient_steps(self.transient, h)?;
        // A ring of the last values, oldest first: x(t - tau - h), x(t - tau), .., x(t).
        let delay = delay as usize;
        let mut history = vec![seed.stream("Mackey-Glass").uniform_in(1.0, 1.4); delay + 2];
        let mut oldest = 0;
        let mut advance = || {
            let at = |back: usize| history[(oldest + back) % history.len()];
            let (before, d0, d1, after) = (at(0), at(1), at(2), at(3));
            // Lagrange interpolation at the middle of four equidistant points.
            let middle = (9.0 * (d0 + d1) - before - after) / 16.0;
            let x = at(delay + 1);
            let k1 = self.derivative(x, d0);
            let k2 = self.derivative(x + h / 2.0 * k1, middle);
            let k3 = self.derivative(x + h / 2.0 * k2, middle);
            let k4 = self.derivative(x + h * k3, d1);
            let next = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
            let length = history.len();
            history[oldest] = next;
            oldest = (oldest + 1) % length;
            next
        };
        for _ in 0..discarded.round() as usize {
            advance();
        }
        let mut series = Array2::zeros((steps, 1));
        for (step, value) in series.iter_mut().enumerate() {
            for _ in 0..self.substeps {
                *value = advance();
            }
            if !value.is_finite() {
                return Err(SystemError::Diverged { system: "Mackey-Glass", step });
            }
        }
        Ok(series)
    }

    fn derivative(&self, x: f64, delayed: f64) -> f64 {
        let square = delayed * delayed;
        let fourth = square * square;
        self.beta * delayed / (1.0 + fourth * fourth * square) - self.gamma * x
    }
}
