//! The Kuramoto-Sivashinsky equation, spatiotemporal chaos in one dimension.

use std::cmp::Ordering;
use std::f64::consts::PI;

use forebay::random::Seed;
use ndarray::Array2;
use num_complex::Complex64;

use super::{SystemError, length, positive, solver_steps, transient_steps};
use crate::fourier::{Direction, Fourier};

/// Kuramoto-Sivashinsky `u_t = -u u_x - u_xx - u_xxxx` on a periodic interval of length L.
///
/// Exponential time differencing with a fourth-order Runge-Kutta scheme (ETDRK4) in Fourier space, its coefficients by
/// contour integrals of 32 points. The nonlinear term is dealiased by the 2/3 rule: of n points only modes below n / 3 enter
/// its square and leave it. The series have the same bits on every machine.
///
/// The largest Lyapunov exponent measured with this solver is 0.049 for L = 22 and 0.080 for L = 44.
///
/// Source: Kassam, Trefethen, SIAM Journal on Scientific Computing 26, 1214 (2005).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KuramotoSivashinsky {
    /// Length L of the interval; 22.
    pub length: f64,
    /// Grid points; 64.
    pub points: usize,
    /// Time between two rows; 0.25.
    pub dt: f64,
    /// Solver steps between two rows; 1.
    pub substeps: usize,
    /// Time discarded at the start; 500.
    pub transient: f64,
}

impl Default for KuramotoSivashinsky {
    fn default() -> Self {
        Self { length: 22.0, points: 64, dt: 0.25, substeps: 1, transient: 500.0 }
    }
}

impl KuramotoSivashinsky {
    /// `[steps, points]`, starting from a smooth random profile before the transient.
    ///
    /// # Errors
    /// [`SystemError`] for parameters that make no sense or diverge.
    pub fn generate(&self, steps: usize, seed: Seed) -> Result<Array2<f64>, SystemError> {
        let mut solver = self.solver()?;
        length(steps, self.points)?;
        let discarded = transient_steps(self.transient, self.dt)?;
        let mut stream = seed.stream("Kuramoto-Sivashinsky");
        let phases: [f64; 4] = std::array::from_fn(|_| stream.uniform_in(0.0, 2.0 * PI));
        let mut u: Vec<f64> = (0..self.points)
            .map(|j| {
                let x = 2.0 * PI * j as f64 / self.points as f64;
                (1_u32..).zip(phases).map(|(k, phase)| 0.3 * libm::sin(f64::from(k) * x + phase)).sum()
            })
            .collect();
        for _ in 0..discarded.ceil() as usize {
            solver.advance(&mut u);
        }
        let mut series = Array2::zeros((steps, self.points));
        for (step, mut row) in series.rows_mut().into_iter().enumerate() {
            if u.iter().any(|v| !v.is_finite()) {
                return Err(SystemError::Diverged { system: "Kuramoto-Sivashinsky", step });
            }
            row.assign(&ndarray::aview1(&u));
            solver.advance(&mut u);
        }
        Ok(series)
    }

    /// A solver that advances a profile of [`points`](Self::points) values by [`dt`](Self::dt).
    ///
    /// # Errors
    /// [`SystemError::Range`] for parameters that make no sense.
    pub fn solver(&self) -> Result<KuramotoSolver, SystemError> {
        positive("the length", self.length)?;
        positive("dt", self.dt)?;
        solver_steps(self.substeps)?;
        if !(8..=1 << 16).contains(&self.points) || self.points % 2 == 1 {
            let (expected, found) = ("even, from 8 to 65536", self.points as f64);
            return Err(SystemError::Range { what: "the number of grid points", expected, found });
        }
        Ok(KuramotoSolver::new(self))
    }
}

/// The ETDRK4 solver with its precomputed coefficients.
pub struct KuramotoSolver {
    substeps: usize,
    forward: Fourier,
    backward: Fourier,
    /// What a transform needs beside its values.
    scratch: Vec<Complex64>,
    /// Per mode: `exp(h l)`, `exp(h l / 2)`, and the scheme's weights Q, f1, f2, f3.
    coefficients: Vec<Coefficients>,
    /// `-i k / 2`, zero for the modes that are cut.
    gradient: Vec<Complex64>,
}

#[derive(Clone, Copy)]
struct Coefficients {
    full: f64,
    half: f64,
    q: f64,
    f1: f64,
    f2: f64,
    f3: f64,
}

impl KuramotoSolver {
    fn new(system: &KuramotoSivashinsky) -> Self {
        let n = system.points;
        let h = system.dt / system.substeps as f64;
        let wave = |j: usize| {
            let signed = match j.cmp(&(n / 2)) {
                Ordering::Less => j as f64,
                Ordering::Equal => 0.0,
                Ordering::Greater => j as f64 - n as f64,
            };
            2.0 * PI / system.length * signed
        };
        // The mode n / 3 must go, too: its square falls on itself.
        let is_kept = |j: usize| 3 * j.min(n - j) < n;
        let gradient = (0..n).map(|j| if is_kept(j) { Complex64::new(0.0, -0.5 * wave(j)) } else { Complex64::ZERO });
        let linear = |j: usize| {
            // The highest mode has no derivative of odd order, but it is damped like its neighbours.
            let k = 2.0 * PI / system.length * j.min(n - j) as f64;
            k * k - k * k * k * k
        };
        Self {
            substeps: system.substeps,
            forward: Fourier::new(n, Direction::Forward),
            backward: Fourier::new(n, Direction::Backward),
            scratch: vec![Complex64::ZERO; n],
            coefficients: (0..n).map(|j| coefficients(linear(j), h)).collect(),
            gradient: gradient.collect(),
        }
    }

    /// Advances a profile by `dt`.
    ///
    /// # Panics
    /// If the profile has another number of points than the solver.
    pub fn advance(&mut self, u: &mut [f64]) {
        assert_eq!(u.len(), self.gradient.len(), "the profile has one value per grid point");
        let mut v: Vec<Complex64> = u.iter().map(|&value| value.into()).collect();
        self.forward.process(&mut v, &mut self.scratch);
        for _ in 0..self.substeps {
            self.substep(&mut v);
        }
        self.backward.process(&mut v, &mut self.scratch);
        let scale = 1.0 / u.len() as f64;
        u.iter_mut().zip(&v).for_each(|(to, from)| *to = from.re * scale);
    }

    fn substep(&mut self, v: &mut [Complex64]) {
        let half = |solver: &Self, from: &[Complex64], slope: &dyn Fn(usize) -> Complex64| {
            let modes = solver.coefficients.iter().zip(from).enumerate();
            modes.map(|(j, (c, v))| c.half * v + c.q * slope(j)).collect::<Vec<Complex64>>()
        };
        let n_v = self.nonlinear(v);
        let a = half(self, v, &|j| n_v[j]);
        let n_a = self.nonlinear(&a);
        let b = half(self, v, &|j| n_a[j]);
        let n_b = self.nonlinear(&b);
        let c = half(self, &a, &|j| 2.0 * n_b[j] - n_v[j]);
        let n_c = self.nonlinear(&c);
        for (j, c) in self.coefficients.iter().enumerate() {
            v[j] = c.full * v[j] + c.f1 * n_v[j] + 2.0 * c.f2 * (n_a[j] + n_b[j]) + c.f3 * n_c[j];
        }
    }

    /// `-u u_x = -(u^2 / 2)_x` in Fourier space.
    fn nonlinear(&mut self, v: &[Complex64]) -> Vec<Complex64> {
        let (n, scale) = (v.len(), 1.0 / v.len() as f64);
        let kept = v.iter().enumerate().map(|(j, v)| if 3 * j.min(n - j) < n { *v } else { Complex64::ZERO });
        let mut w: Vec<Complex64> = kept.collect();
        self.backward.process(&mut w, &mut self.scratch);
        for w in &mut w {
            *w = ((w.re * scale) * (w.re * scale)).into();
        }
        self.forward.process(&mut w, &mut self.scratch);
        w.iter_mut().zip(&self.gradient).for_each(|(w, g)| *w *= g);
        w
    }
}

/// The scheme's weights for one mode; direct formulas cancel for small `h l`, the mean over a circle does not.
fn coefficients(l: f64, h: f64) -> Coefficients {
    const POINTS: u32 = 32;
    let (mut q, mut f1, mut f2, mut f3) = (0.0, 0.0, 0.0, 0.0);
    for k in 0..POINTS {
        let angle = PI * (f64::from(k) + 0.5) / f64::from(POINTS);
        let z = Complex64::new(h * l + libm::cos(angle), libm::sin(angle));
        let exp = |z: Complex64| libm::exp(z.re) * Complex64::new(libm::cos(z.im), libm::sin(z.im));
        let (e, cube) = (exp(z), z * z * z);
        q += ((exp(z / 2.0) - 1.0) / z).re;
        f1 += ((-4.0 - z + e * (4.0 - 3.0 * z + z * z)) / cube).re;
        f2 += ((2.0 + z + e * (z - 2.0)) / cube).re;
        f3 += ((-4.0 - 3.0 * z - z * z + e * (4.0 - z)) / cube).re;
    }
    let mean = h / f64::from(POINTS);
    Coefficients {
        full: libm::exp(h * l),
        half: libm::exp(h * l / 2.0),
        q: mean * q,
        f1: mean * f1,
        f2: mean * f2,
        f3: mean * f3,
    }
}
