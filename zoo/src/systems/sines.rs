//! Sums of incommensurate sines.

use ndarray::Array2;

use super::{SystemError, length, positive};

/// `s(t) = sum over k of sin(omega_k t)`, a quasi-periodic series that never repeats.
///
/// Source: Jaeger, Haas, Science 304, 78 (2004), and the multiple superimposed oscillator of Wierstra, Gomez, Schmidhuber
/// (2005) for the default frequencies.
#[derive(Clone, Debug, PartialEq)]
pub struct MultipleSine {
    /// Angular frequencies per unit of time; 0.2, 0.311, 0.42, 0.51.
    pub frequencies: Vec<f64>,
    /// Time between two rows; 1.
    pub dt: f64,
}

impl Default for MultipleSine {
    fn default() -> Self {
        Self { frequencies: vec![0.2, 0.311, 0.42, 0.51], dt: 1.0 }
    }
}

impl MultipleSine {
    /// `[steps, 1]`, from t = 0 on.
    ///
    /// # Errors
    /// [`SystemError::Range`] for a `dt` or frequency that is not above 0 or a number of steps out of range.
    pub fn generate(&self, steps: usize) -> Result<Array2<f64>, SystemError> {
        positive("dt", self.dt)?;
        length(steps, 1)?;
        for &frequency in &self.frequencies {
            positive("the frequency", frequency)?;
        }
        let value = |t: usize| self.frequencies.iter().map(|omega| libm::sin(omega * (t as f64 * self.dt))).sum();
        Ok(Array2::from_shape_fn((steps, 1), |(t, _)| value(t)))
    }
}
