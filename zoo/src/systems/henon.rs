//! The Henon map.

use forebay::random::Seed;
use ndarray::Array2;

use super::{SystemError, length};

/// Henon: `x' = 1 - a x^2 + y`, `y' = b x`.
///
/// Its largest Lyapunov exponent is 0.4192 per step for the default parameters.
///
/// Source: Henon, Communications in Mathematical Physics 50, 69 (1976); exponent: Sprott, Chaos and Time-Series Analysis
/// (2003).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Henon {
    /// 1.4.
    pub a: f64,
    /// 0.3.
    pub b: f64,
}

impl Default for Henon {
    fn default() -> Self {
        Self { a: 1.4, b: 0.3 }
    }
}

impl Henon {
    /// One step of the map.
    pub fn map(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [1.0 - self.a * x * x + y, self.b * x]
    }

    /// `[steps, 2]`, starting within 0.1 of the origin, 1,000 steps discarded.
    ///
    /// # Errors
    /// [`SystemError::Range`] for a number of steps out of range; [`SystemError::Diverged`] for parameters without a bounded orbit.
    pub fn generate(&self, steps: usize, seed: Seed) -> Result<Array2<f64>, SystemError> {
        length(steps, 2)?;
        let mut stream = seed.stream("Henon");
        let mut s = [stream.uniform_in(-0.1, 0.1), stream.uniform_in(-0.1, 0.1)];
        for _ in 0..1000 {
            s = self.map(s);
        }
        let mut series = Array2::zeros((steps, 2));
        for (step, mut out) in series.rows_mut().into_iter().enumerate() {
            if s.iter().any(|v| !v.is_finite()) {
                return Err(SystemError::Diverged { system: "Henon", step });
            }
            out.assign(&ndarray::aview1(&s));
            s = self.map(s);
        }
        Ok(series)
    }
}
