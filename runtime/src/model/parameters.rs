//! The weights of one node.

use forebay_kernels::{Leak, Real};
use ndarray::Array2;

use super::Matrix;
use crate::error::Error;
use crate::reservoir::ReservoirWeights;

/// The weights of one node, by kind of node.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one per node, behind an Arc: boxing saves nothing")]
pub(crate) enum Parameters<T: Real> {
    /// Nodes without weights.
    None,
    /// A reservoir's.
    Reservoir(ReservoirParameters<T>),
    /// A dense node's or a readout's.
    Linear(LinearParameters<T>),
}

impl<T: Real> Parameters<T> {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Reservoir(r) => {
                let vectors = size_of::<T>() * (r.bias.len() + 2 * r.leak.rates.len());
                vectors + r.w_in.bytes() + r.w_res.bytes() + r.w_feedback.as_ref().map_or(0, Matrix::bytes)
            }
            Self::Linear(l) => size_of::<T>() * l.bias.len() + l.weights.bytes(),
        }
    }
}

/// The weights of a leaky reservoir `x(t) = (1-a) x(t-1) + a f(W_in s + W_res x(t-1) + W_fb y(t-1) + b)`.
#[derive(Clone, Debug)]
pub struct ReservoirParameters<T: Real> {
    /// Input weights `[units, features]`.
    pub w_in: Matrix<T>,
    /// Recurrent weights `[units, units]`.
    pub w_res: Matrix<T>,
    /// Feedback weights `[units, outputs of the head]`, if the node has feedback.
    pub w_feedback: Option<Matrix<T>>,
    /// Bias b, one per unit.
    pub bias: Vec<T>,
    /// Leak rates a.
    pub leak: LeakRates<T>,
}

/// Leak rates a in (0, 1]: one for all units, or one per unit.
#[derive(Clone, Debug, PartialEq)]
pub struct LeakRates<T> {
    rates: Vec<T>,
    /// `1 - a`, what a unit keeps of its old state.
    keeps: Vec<T>,
}

impl<T: Real> LeakRates<T> {
    /// One rate for all units.
    ///
    /// # Errors
    /// [`Error::Range`] outside (0, 1].
    pub fn uniform(rate: T) -> Result<Self, Error> {
        Self::new(vec![rate])
    }

    /// One rate, or one per unit; that the number fits is checked with the reservoir.
    ///
    /// # Errors
    /// [`Error::Range`] if one is outside (0, 1] or NaN.
    pub fn new(rates: Vec<T>) -> Result<Self, Error> {
        if let Some(bad) = rates.iter().find(|a| !(**a > T::ZERO && **a <= T::ONE)) {
            let expected = "above 0 and at most 1".to_owned();
            return Err(Error::Range { what: "leak rate", expected, found: bad.to_string() });
        }
        let keeps = rates.iter().map(|&a| T::ONE - a).collect();
        Ok(Self { rates, keeps })
    }

    /// The rates: one, or one per unit.
    pub fn rates(&self) -> &[T] {
        &self.rates
    }

    pub(crate) fn of_kernel(&self) -> Leak<'_, T> {
        match (&self.rates[..], &self.keeps[..]) {
            (&[rate], &[keep]) => Leak::Uniform { rate, keep },
            (rates, keeps) => Leak::PerUnit { rates, keeps },
        }
    }
}

impl<T: Real> ReservoirParameters<T> {
    pub(crate) fn from_drawn(drawn: &ReservoirWeights) -> Result<Self, Error> {
        let pack = |what, weights: &crate::weights::Weights<f64>| Matrix::from_weights(what, &weights.map(T::from_f64));
        Ok(Self {
            w_in: pack("w_in", &drawn.w_in)?,
            w_res: pack("w_res", &drawn.w_res)?,
            w_feedback: drawn.w_fb.as_ref().map(|w| pack("w_fb", w)).transpose()?,
            bias: drawn.bias.iter().copied().map(T::from_f64).collect(),
            leak: LeakRates::new(drawn.leak.iter().copied().map(T::from_f64).collect())?,
        })
    }

    pub(crate) fn check(
        &self,
        node: &str,
        units: usize,
        features: usize,
        feedback: Option<usize>,
    ) -> Result<(), Error> {
        let shape = |what: &str, matrix: &Matrix<T>, expected: (usize, usize)| {
            let found = (matrix.rows(), matrix.cols());
            if found == expected {
                Ok(())
            } else {
                Err(Error::shape(format!("{what} of {node:?}"), format!("{expected:?}"), format!("{found:?}")))
            }
        };
        shape("w_in", &self.w_in, (units, features))?;
        shape("w_res", &self.w_res, (units, units))?;
        match (&self.w_feedback, feedback) {
            (Some(w), Some(outputs)) => shape("w_feedback", w, (units, outputs))?,
            (None, None) => {}
            (given, wanted) => {
                let say = |some| if some { "feedback weights" } else { "no feedback weights" };
                return Err(Error::shape(format!("reservoir {node:?}"), say(wanted.is_some()), say(given.is_some())));
            }
        }
        if self.bias.len() != units {
            return Err(Error::shape(format!("bias of {node:?}"), units, self.bias.len()));
        }
        Error::check_finite(&format!("bias of {node:?}"), &self.bias)?;
        match self.leak.rates.len() {
            1 => Ok(()),
            rates if rates == units => Ok(()),
            rates => Err(Error::shape(format!("leak of {node:?}"), format!("1 or {units}"), rates)),
        }
    }
}

/// A linear map of its sources, one after the other: `y = b + W [s_1; s_2; ..]`.
#[derive(Clone, Debug)]
pub struct LinearParameters<T: Real> {
    /// `[rows, features of all sources]`.
    pub weights: Matrix<T>,
    /// One value per row.
    pub bias: Vec<T>,
}

impl<T: Real> LinearParameters<T> {
    /// The whole map, `[rows, features of all sources]`.
    pub fn to_dense(&self) -> Array2<T> {
        self.weights.to_dense()
    }
}
