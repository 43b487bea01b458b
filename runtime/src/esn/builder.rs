//! Building an ESN from given matrices.

use forebay_kernels::{Form, Real};
use ndarray::Array2;

use super::HybridEsn;
use crate::error::Error;
use crate::model::{ReadoutOn, Single};
use crate::reservoir::Activation;
use crate::weights::Weights;

/// Collects the matrices of an ESN; shapes are checked in [`build`](Self::build).
///
/// ```
/// use forebay::{HybridEsn, ReadoutOn};
/// use ndarray::array;
///
/// let esn = HybridEsn::<f64>::builder()
///     .w_in(array![[0.5], [-0.3]])
///     .w_res(array![[0.0, 0.4], [-0.4, 0.0]])
///     .bias(vec![0.1, 0.2])
///     .w_out(array![[0.1, 0.0, 1.0, -1.0]])
///     .readout_on(ReadoutOn::BiasInputState)
///     .leak_rate(0.5)
///     .build()?;
/// assert_eq!((esn.inputs(), esn.units(), esn.outputs()), (1, 2, 1));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HybridEsnBuilder<T: Real> {
    w_in: Option<Weights<T>>,
    w_res: Option<Weights<T>>,
    w_feedback: Option<Weights<T>>,
    w_out: Option<Array2<T>>,
    output_bias: Option<Vec<T>>,
    readout_on: ReadoutOn,
    bias: Option<Vec<T>>,
    leak: Vec<T>,
    activation: Activation,
    form: Option<Form>,
}

impl<T: Real> Default for HybridEsnBuilder<T> {
    fn default() -> Self {
        Self {
            w_in: None,
            w_res: None,
            w_feedback: None,
            w_out: None,
            output_bias: None,
            readout_on: ReadoutOn::State,
            bias: None,
            leak: vec![T::ONE],
            activation: Activation::Tanh,
            form: None,
        }
    }
}

impl<T: Real> HybridEsnBuilder<T> {
    /// Input weights `[N, inputs]`, an `Array2` or a [`Csr`](crate::weights::Csr).
    #[must_use]
    pub fn w_in(mut self, weights: impl Into<Weights<T>>) -> Self {
        self.w_in = Some(weights.into());
        self
    }

    /// Recurrent weights `[N, N]`, an `Array2` or a [`Csr`](crate::weights::Csr).
    #[must_use]
    pub fn w_res(mut self, weights: impl Into<Weights<T>>) -> Self {
        self.w_res = Some(weights.into());
        self
    }

    /// Feedback weights `[N, outputs]` of the previous outputs; none by default.
    #[must_use]
    pub fn w_feedback(mut self, weights: impl Into<Weights<T>>) -> Self {
        self.w_feedback = Some(weights.into());
        self
    }

    /// Readout weights; the columns are those of [`readout_on`](Self::readout_on).
    #[must_use]
    pub fn w_out(mut self, weights: Array2<T>) -> Self {
        self.w_out = Some(weights);
        self
    }

    /// What the columns of `w_out` stand for; the state alone by default.
    #[must_use]
    pub fn readout_on(mut self, readout_on: ReadoutOn) -> Self {
        self.readout_on = readout_on;
        self
    }

    /// The readout's intercept `[outputs]` as a vector of its own; not together with a bias column in `w_out`.
    #[must_use]
    pub fn output_bias(mut self, bias: Vec<T>) -> Self {
        self.output_bias = Some(bias);
        self
    }

    /// Bias b of the units, `[N]`; zero by default.
    #[must_use]
    pub fn bias(mut self, bias: Vec<T>) -> Self {
        self.bias = Some(bias);
        self
    }

    /// One leak rate a in (0, 1] for all units; 1 by default.
    #[must_use]
    pub fn leak_rate(mut self, leak: T) -> Self {
        self.leak = vec![leak];
        self
    }

    /// A leak rate per unit, `[N]`, each in (0, 1].
    #[must_use]
    pub fn leak_rates(mut self, leak: Vec<T>) -> Self {
        self.leak = leak;
        self
    }

    /// The units' function; tanh by default.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Forces a kernel form; the numbers are the same in each.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = Some(form);
        self
    }

    /// Checks the shapes and values and gives the ESN at rest.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a missing matrix; [`Error::Shape`], [`Error::NonFinite`], [`Error::Range`] naming it.
    pub fn build(self) -> Result<HybridEsn<T>, Error> {
        let missing =
            |what| Error::Misuse { what: "an ESN needs w_in, w_res and w_out", instead: format!("give {what}") };
        let w_in = self.w_in.ok_or_else(|| missing("w_in"))?;
        let w_res = self.w_res.ok_or_else(|| missing("w_res"))?;
        let w_out = self.w_out.ok_or_else(|| missing("w_out"))?;
        let (units, inputs, outputs) = (w_res.rows(), w_in.cols(), w_out.nrows());
        let bias = self.bias.unwrap_or_else(|| vec![T::ZERO; units]);

        let on = self.readout_on;
        if w_out.ncols() != on.columns(inputs, units) {
            let expected = format!("{} columns for {on:?}", on.columns(inputs, units));
            return Err(Error::shape("w_out", expected, w_out.ncols()));
        }
        let readout = on.split(w_out.view(), inputs, units);
        let output_bias = match (self.output_bias, readout.bias) {
            (Some(_), Some(_)) => {
                return Err(Error::Misuse {
                    what: "w_out has a bias column and output_bias is given",
                    instead: "give one of the two".to_owned(),
                });
            }
            (Some(bias), None) | (None, Some(bias)) => bias,
            (None, None) => vec![T::ZERO; outputs],
        };
        let mut model = Single {
            w_in,
            w_res,
            w_feedback: self.w_feedback,
            bias,
            leak: self.leak,
            activation: self.activation,
            w_out: readout.weights,
            reads_input: readout.reads_input,
            output_bias,
        }
        .into_builder()?;
        if let Some(form) = self.form {
            model = model.form(form);
        }
        HybridEsn::from_model(model.build()?)
    }
}
