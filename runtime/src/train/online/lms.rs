//! Normalised least mean squares.

use ndarray::{Array2, ArrayView2};

use super::kept::{sizes, weights};
use super::{OnlineLearner, check_pair, check_sizes, check_weights, correct, dot, out_of_range, range, residuals};
use crate::error::Error;
use crate::keep::{Content, KeepError, Reader, Writer};

/// Normalised least mean squares: `W <- W + rate (y - W phi) phi' / (epsilon + phi' phi)`.
///
/// Converges for rates in (0, 2); `O(F)` per step. Source: Haykin, Adaptive Filter Theory, chapter on normalised LMS.
///
/// ```
/// use forebay::train::online::{Lms, OnlineLearner};
///
/// let mut lms = Lms::new(2, 1, 0.5)?;
/// for t in 0..200 {
///     let phi = [1.0, f64::from(t % 3) - 1.0];
///     lms.update(&phi, &[0.5 - 2.0 * phi[1]])?;
/// }
/// assert!((lms.weights()[[0, 1]] + 2.0).abs() < 1e-6);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lms {
    weights: Array2<f64>,
    next: Array2<f64>,
    rate: f64,
    gain: Vec<f64>,
    errors: Vec<f64>,
    prepared: bool,
}

impl Lms {
    /// Weights zero.
    ///
    /// # Errors
    /// [`Error::Range`] unless `rate` is in (0, 2) and both sizes at least 1.
    pub fn new(features: usize, outputs: usize, rate: f64) -> Result<Self, Error> {
        check_sizes(features, outputs)?;
        if !(rate > 0.0 && rate < 2.0) {
            return Err(range("learning rate", "above 0 and below 2", rate));
        }
        let weights = Array2::zeros((outputs, features));
        let (gain, errors) = (vec![0.0; features], vec![0.0; outputs]);
        Ok(Self { next: weights.clone(), weights, rate, gain, errors, prepared: false })
    }

    /// Puts weights `[outputs, features]` in the place of those it has, zero at first.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`].
    pub fn with_weights(mut self, weights: ArrayView2<'_, f64>) -> Result<Self, Error> {
        check_weights(&self, weights)?;
        self.weights.assign(&weights);
        self.prepared = false;
        Ok(self)
    }
}

impl OnlineLearner for Lms {
    fn features(&self) -> usize {
        self.weights.ncols()
    }

    fn outputs(&self) -> usize {
        self.weights.nrows()
    }

    fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    fn prepare(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        self.prepared = false;
        check_pair(self, features, target)?;
        let step = self.rate / (f64::EPSILON + dot(features, features));
        residuals(&self.weights, features, target, &mut self.errors);
        self.gain.iter_mut().zip(features).for_each(|(gain, x)| *gain = step * x);
        // A power beyond f64 would end in a step of zero: a correction that corrects nothing.
        if !(step > 0.0 && correct(&self.weights, &self.errors, &self.gain, &mut self.next)) {
            return Err(out_of_range(features, target));
        }
        self.prepared = true;
        Ok(())
    }

    fn commit(&mut self) {
        if std::mem::take(&mut self.prepared) {
            std::mem::swap(&mut self.weights, &mut self.next);
        }
    }
}

/// A correction that is prepared and not taken over is not kept.
impl Content for Lms {
    const KIND: &'static str = "least mean squares";

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        to.count(self.features());
        to.count(self.outputs());
        to.float(self.rate);
        to.floats(&self.weights);
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let (features, outputs) = sizes(from)?;
        let rate = from.float("learning rate")?;
        let weights = weights(from, features, outputs)?;
        let rest = Self::new(features, outputs, rate).map_err(|why| KeepError::content("learning rate", why))?;
        Ok(Self { weights, ..rest })
    }
}
