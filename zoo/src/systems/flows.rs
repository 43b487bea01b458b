//! Three-dimensional flows: Lorenz-63 and Rossler, by the classical Runge-Kutta method.

use forebay::random::Seed;
use ndarray::Array2;

use super::{SystemError, length, positive, solver_steps, transient_steps};

/// One step of the classical fourth-order Runge-Kutta method for `s' = f(s)`.
pub fn runge_kutta<const N: usize>(f: impl Fn([f64; N]) -> [f64; N], s: [f64; N], dt: f64) -> [f64; N] {
    let ahead = |k: [f64; N], h: f64| std::array::from_fn(|i| s[i] + h * k[i]);
    let k1 = f(s);
    let k2 = f(ahead(k1, dt / 2.0));
    let k3 = f(ahead(k2, dt / 2.0));
    let k4 = f(ahead(k3, dt));
    std::array::from_fn(|i| s[i] + dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// Lorenz-63: `x' = sigma (y - x)`, `y' = x (rho - z) - y`, `z' = x y - beta z`.
///
/// Its largest Lyapunov exponent is 0.9056 for the default parameters.
///
/// Source: Lorenz, Journal of the Atmospheric Sciences 20, 130 (1963); exponent: Viswanath, thesis, Cornell (1998).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lorenz63 {
    /// Prandtl number; 10.
    pub sigma: f64,
    /// Rayleigh number; 28.
    pub rho: f64,
    /// Geometry; 8/3.
    pub beta: f64,
    /// Time between two rows; 0.02.
    pub dt: f64,
    /// Runge-Kutta steps between two rows; 4.
    pub substeps: usize,
    /// Time discarded at the start; 40.
    pub transient: f64,
}

impl Default for Lorenz63 {
    fn default() -> Self {
        Self { sigma: 10.0, rho: 28.0, beta: 8.0 / 3.0, dt: 0.02, substeps: 4, transient: 40.0 }
    }
}

impl Lorenz63 {
    /// The right-hand side.
    pub fn derivative(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        [self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z]
    }

    /// `[steps, 3]`, starting within 1 of (1, 1, 20) before the transient.
    ///
    /// # Errors
    /// [`SystemError`] for parameters that make no sense or diverge.
    pub fn generate(&self, steps: usize, seed: Seed) -> Result<Array2<f64>, SystemError> {
        let sampling = Sampling { dt: self.dt, substeps: self.substeps, transient: self.transient };
        sampling.run("Lorenz-63", |s| self.derivative(s), [1.0, 1.0, 20.0], steps, seed)
    }

    /// `[steps, 3]` from a state on, which is the first row; for a system whose parameters change on the way.
    ///
    /// # Errors
    /// As [`generate`](Self::generate); a start that is not finite diverges at once.
    pub fn follow(&self, start: [f64; 3], steps: usize) -> Result<Array2<f64>, SystemError> {
        let sampling = Sampling { dt: self.dt, substeps: self.substeps, transient: 0.0 };
        sampling.check(steps)?;
        sampling.rows("Lorenz-63", |s| self.derivative(s), start, steps)
    }
}

/// Rossler: `x' = -y - z`, `y' = x + a y`, `z' = b + z (x - c)`.
///
/// Its largest Lyapunov exponent is 0.0714 for the default parameters.
///
/// Source: Rossler, Physics Letters A 57, 397 (1976); exponent: Sprott, Chaos and Time-Series Analysis (2003).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rossler {
    /// 0.2.
    pub a: f64,
    /// 0.2.
    pub b: f64,
    /// 5.7.
    pub c: f64,
    /// Time between two rows; 0.1.
    pub dt: f64,
    /// Runge-Kutta steps between two rows; 4.
    pub substeps: usize,
    /// Time discarded at the start; 200.
    pub transient: f64,
}

impl Default for Rossler {
    fn default() -> Self {
        Self { a: 0.2, b: 0.2, c: 5.7, dt: 0.1, substeps: 4, transient: 200.0 }
    }
}

impl Rossler {
    /// The right-hand side.
    pub fn derivative(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        [-y - z, x + self.a * y, self.b + z * (x - self.c)]
    }

    /// `[steps, 3]`, starting within 1 of (1, 1, 0) before the transient.
    ///
    /// # Errors
    /// [`SystemError`] for parameters that make no sense or diverge.
    pub fn generate(&self, steps: usize, seed: Seed) -> Result<Array2<f64>, SystemError> {
        let sampling = Sampling { dt: self.dt, substeps: self.substeps, transient: self.transient };
        sampling.run("Rossler", |s| self.derivative(s), [1.0, 1.0, 0.0], steps, seed)
    }
}

struct Sampling {
    dt: f64,
    substeps: usize,
    transient: f64,
}

impl Sampling {
    fn run(
        &self,
        system: &'static str,
        f: impl Fn([f64; 3]) -> [f64; 3],
        centre: [f64; 3],
        steps: usize,
        seed: Seed,
    ) -> Result<Array2<f64>, SystemError> {
        self.check(steps)?;
        let discarded = transient_steps(self.transient, self.dt)?;
        let mut stream = seed.stream(system);
        let mut s = centre.map(|c| c + stream.uniform_in(-1.0, 1.0));
        for _ in 0..discarded.ceil() as usize {
            s = self.row(&f, s);
        }
        self.rows(system, f, s, steps)
    }

    fn check(&self, steps: usize) -> Result<(), SystemError> {
        positive("dt", self.dt)?;
        solver_steps(self.substeps)?;
        length(steps, 3)
    }

    fn row(&self, f: &impl Fn([f64; 3]) -> [f64; 3], s: [f64; 3]) -> [f64; 3] {
        let h = self.dt / self.substeps as f64;
        (0..self.substeps).fold(s, |s, _| runge_kutta(f, s, h))
    }

    fn rows(
        &self,
        system: &'static str,
        f: impl Fn([f64; 3]) -> [f64; 3],
        mut s: [f64; 3],
        steps: usize,
    ) -> Result<Array2<f64>, SystemError> {
        let mut series = Array2::zeros((steps, 3));
        for (step, mut out) in series.rows_mut().into_iter().enumerate() {
            if s.iter().any(|v| !v.is_finite()) {
                return Err(SystemError::Diverged { system, step });
            }
            out.assign(&ndarray::aview1(&s));
            s = self.row(&f, s);
        }
        Ok(series)
    }
}
