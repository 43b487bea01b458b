//! One reservoir and its readout: [`Esn`] holds the settings, [`HybridEsn`] is the network with its running state.
//!
//! ```
//! use forebay::Esn;
//! use ndarray::Array2;
//!
//! let series = Array2::from_shape_fn((1000, 1), |(t, _)| (0.2 * t as f64).sin());
//! let mut esn = Esn::new(200).spectral_radius(0.9).leak_rate(0.5).seed(1).fit_next(series.view())?;
//! let next = esn.forecast(100)?; //     the next hundred steps
//! let error = esn.report().expect("trained").heads[0].train_nrmse[0];
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let path = folder.path().join("sine.forebay");
//! esn.model().save(&path)?; //          `forebay run`, `forebay predict` read it
//! # assert!(error < Some(0.01) && next.nrows() == 100);
//! # Ok::<(), forebay::Error>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | train on a series of one's own | [`Esn::fit`], [`Esn::fit_series`], [`Esn::fit_next`] |
//! | run weights from elsewhere | [`HybridEsn::from_weights`], [`HybridEsn::builder`], [`Model::from_npz`](crate::model::Model) |
//! | step inside a simulation | [`HybridEsn::step`] |
//! | run a series, see the states | [`HybridEsn::run`], [`HybridEsn::states`] |
//! | forecast | [`HybridEsn::forecast`], with known inputs [`HybridEsn::forecast_with`] |
//! | learn on while it runs | [`HybridEsn::partial_fit`] |
//! | multiply on a processor | [`HybridEsn::with_substrate`] |
//! | many streams, several readouts, deeper networks | [`graph`](crate::graph), [`model`](crate::model), [`execute`](crate::execute) |

mod builder;
#[cfg(feature = "files")]
mod keep;
mod learning;
mod recipe;

pub use builder::HybridEsnBuilder;
pub use recipe::Esn;

use learning::Learning;

use std::sync::Arc;

use forebay_kernels::Real;
use forebay_substrate::{Precision, Substrate};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Ix2, ShapeBuilder, StrideShape};

use crate::compile::{Compiler, Plan, last_precision};
use crate::error::Error;
use crate::execute::{ClosedLoop, Session};
use crate::graph::Op;
use crate::model::Model;

/// An echo state network with its running state.
///
/// Each [`step`](Self::step) computes
///
/// ```text
/// x(t) = (1 - a) x(t-1) + a tanh(W_in u(t) + W_res x(t-1) + b)
/// y(t) = W_out x(t)                      (or W_out [1; u(t); x(t)], see HybridEsnBuilder)
/// ```
///
/// The weights are an immutable, shared [`Model`]; the state belongs to this value. [`fork`](Self::fork) starts
/// another stream on the same weights. Numbers are the same bits on every machine.
///
/// ```
/// use forebay::HybridEsn;
///
/// let w_in = [0.5_f32, -0.3]; //              N x inputs
/// let w_res = [0.0, 0.4, -0.4, 0.0]; //       N x N
/// let w_out = [1.0, -1.0]; //                 outputs x N
/// let mut esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, 0.7)?;
/// for t in 0..10 {
///     let y = esn.step(&[(0.1 * t as f32)])?;
///     assert!(y[0].abs() < 2.0);
/// }
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HybridEsn<T: Real = f32> {
    session: Session<T>,
    reservoir: usize,
    precision: Precision,
    learning: Learning<T>,
    /// The step whose outputs are of weights that have seen its target.
    corrected_at: Option<u64>,
}

impl<T: Real> HybridEsn<T> {
    /// An ESN from flat weights in row-major order, as in C and numpy: the values of a row lie together. N is the square root
    /// of the length of `w_res`.
    ///
    /// Nothing in a square matrix tells its order. Arrays of Fortran, Julia, Matlab and R are column-major: give those to
    /// [`from_weights_column_major`](Self::from_weights_column_major), or they are used transposed.
    ///
    /// # Shapes
    /// `w_in`: `[N, inputs]`; `w_res`: `[N, N]`, row i the weights into unit i; `w_out`: `[outputs, N]`. `leak` in (0, 1].
    ///
    /// # Errors
    /// [`Error::Shape`] if a length fits no N, or a slice is empty; [`Error::NonFinite`] for NaN or infinity;
    /// [`Error::Range`] for a leak outside (0, 1].
    pub fn from_weights(w_in: &[T], w_res: &[T], w_out: &[T], leak: T) -> Result<Self, Error> {
        Self::from_flat(w_in, w_res, w_out, leak, Into::into)
    }

    /// Like [`from_weights`](Self::from_weights), from column-major (Fortran) order: the values of a column lie together.
    ///
    /// ```
    /// use forebay::HybridEsn;
    ///
    /// // The same W_res = [[0, 0.4], [-0.2, 0]], by rows and by columns.
    /// let mut rows = HybridEsn::from_weights(&[0.5_f64, -0.3], &[0.0, 0.4, -0.2, 0.0], &[1.0, -1.0], 0.7)?;
    /// let mut columns =
    ///     HybridEsn::from_weights_column_major(&[0.5_f64, -0.3], &[0.0, -0.2, 0.4, 0.0], &[1.0, -1.0], 0.7)?;
    /// rows.step(&[1.0])?;
    /// columns.step(&[1.0])?;
    /// assert_eq!(rows.step(&[1.0])?, columns.step(&[1.0])?);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Shapes
    /// As [`from_weights`](Self::from_weights).
    ///
    /// # Errors
    /// As [`from_weights`](Self::from_weights).
    pub fn from_weights_column_major(w_in: &[T], w_res: &[T], w_out: &[T], leak: T) -> Result<Self, Error> {
        Self::from_flat(w_in, w_res, w_out, leak, |shape| shape.f().into())
    }

    fn from_flat(
        w_in: &[T],
        w_res: &[T],
        w_out: &[T],
        leak: T,
        ordered: impl Fn((usize, usize)) -> StrideShape<Ix2>,
    ) -> Result<Self, Error> {
        let units = w_res.len().isqrt();
        if units == 0 || units * units != w_res.len() {
            return Err(Error::shape("w_res", "N x N values with N at least 1", format!("{} values", w_res.len())));
        }
        let per_unit = |what: &str, values: &[T], shape: &str| match values.len() {
            0 => Err(Error::shape(what, format!("{shape} with N = {units}"), "no values")),
            len if len % units != 0 => {
                Err(Error::shape(what, format!("{shape} with N = {units}"), format!("{len} values")))
            }
            len => Ok(len / units),
        };
        let inputs = per_unit("w_in", w_in, "N x inputs values")?;
        let outputs = per_unit("w_out", w_out, "outputs x N values")?;
        let matrix = |what: &str, shape, values: &[T]| {
            // Here, where an index counts as the caller does.
            Error::check_finite(what, values)?;
            let view = ArrayView2::from_shape(ordered(shape), values).expect("the length was checked");
            Ok::<_, Error>(view.to_owned())
        };
        Self::builder()
            .w_in(matrix("w_in", (units, inputs), w_in)?)
            .w_res(matrix("w_res", (units, units), w_res)?)
            .w_out(matrix("w_out", (outputs, units), w_out)?)
            .leak_rate(leak)
            .build()
    }

    /// Everything [`from_weights`](Self::from_weights) does not take: bias, sparse matrices, other readouts.
    pub fn builder() -> HybridEsnBuilder<T> {
        HybridEsnBuilder::default()
    }

    /// Runs a model with exactly one reservoir.
    ///
    /// # Errors
    /// [`Error::Misuse`] for another number of reservoirs: use [`Model::session`] for those; or for damaged notes of a
    /// compilation.
    pub fn from_model(model: Model<T>) -> Result<Self, Error> {
        let is_reservoir = |op: &Op| matches!(op, Op::Reservoir { .. });
        let mut reservoirs = (0..model.graph().nodes().len()).filter(|&i| is_reservoir(model.graph().nodes()[i].op()));
        match (reservoirs.next(), reservoirs.count()) {
            (Some(reservoir), 0) => {
                let precision = model.plan().and_then(Plan::precision).or(last_precision(&model)?);
                Ok(Self {
                    session: model.session(),
                    reservoir,
                    precision: precision.unwrap_or_default(),
                    learning: Learning::none(),
                    corrected_at: None,
                })
            }
            (first, more) => Err(Error::Misuse {
                what: "an ESN has exactly one reservoir",
                instead: format!("this graph has {}: use `Model::session`", usize::from(first.is_some()) + more),
            }),
        }
    }

    /// Forms the recurrent product on a substrate from now on, in integers of [`precision`](Self::with_precision) digits
    /// (two each unless set); input, tanh, leak and readout stay on the host. The state stays.
    ///
    /// To have the ranges of the integers fitted to data, or the readout trained on the hybrid's states, use a
    /// [`Compiler`] and [`Training`](crate::train::Training) on the [`model`](Self::model).
    ///
    /// ```
    /// use forebay::HybridEsn;
    ///
    /// let mut esn = HybridEsn::from_weights(&[0.5_f32, -0.3], &[0.0, 0.4, -0.4, 0.0], &[1.0, -1.0], 0.7)?
    ///     .with_precision(3, 2)?
    ///     .with_substrate(forebay::open("software:akd1000")?)?;
    /// esn.step(&[0.1])?;
    /// println!("{}", esn.model().plan().expect("it runs on a substrate"));
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`Compiler::compile`].
    pub fn with_substrate(mut self, substrate: Arc<dyn Substrate>) -> Result<Self, Error> {
        let model = Compiler::new(substrate).precision(self.precision).compile(self.model())?;
        self.set_model(model)?;
        Ok(self)
    }

    /// Digits of state numbers (1 to 4) and weights (1 to 3), for this ESN's products on a substrate; on one already,
    /// the weights are rounded anew.
    ///
    /// # Errors
    /// [`Error::Range`] outside these numbers; otherwise as [`with_substrate`](Self::with_substrate).
    pub fn with_precision(mut self, state_digits: u8, weight_digits: u8) -> Result<Self, Error> {
        self.precision = Precision::new(state_digits, weight_digits).ok_or_else(|| Error::Range {
            what: "precision",
            expected: "1 to 4 state digits and 1 to 3 weight digits".to_owned(),
            found: format!("{state_digits} and {weight_digits}"),
        })?;
        match self.model().substrate() {
            Some(substrate) => self.with_substrate(substrate),
            None => Ok(self),
        }
    }

    /// The shared weights.
    pub fn model(&self) -> &Model<T> {
        self.session.model()
    }

    /// The running stream, for named nodes, snapshots and teacher forcing.
    pub fn session(&mut self) -> &mut Session<T> {
        &mut self.session
    }

    /// Another stream at rest on the same weights.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            session: self.model().session(),
            reservoir: self.reservoir,
            precision: self.precision,
            learning: self.learning.anew(),
            corrected_at: None,
        }
    }

    /// Number of features per step.
    pub fn inputs(&self) -> usize {
        self.model().graph().inputs()
    }

    /// Number of reservoir units N.
    pub fn units(&self) -> usize {
        self.model().graph().units()
    }

    /// Number of outputs per step.
    pub fn outputs(&self) -> usize {
        self.model().graph().outputs()
    }

    /// Advances by one step; allocates nothing.
    ///
    /// # Shapes
    /// `features`: `[inputs]`. Result: `[outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`] or [`Error::Overflow`]; the state is as before the call.
    pub fn step(&mut self, features: &[T]) -> Result<&[T], Error> {
        self.session.step(features)
    }

    /// Runs a series `[steps, inputs]` and gives `[steps, outputs]`.
    ///
    /// # Errors
    /// See [`Session::run_into`].
    pub fn run(&mut self, features: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        self.session.run(features)
    }

    /// Runs a series `[steps, inputs]` into an array `[steps, outputs]`; allocates nothing.
    ///
    /// # Errors
    /// See [`Session::run_into`].
    pub fn run_into(&mut self, features: ArrayView2<'_, T>, outputs: ArrayViewMut2<'_, T>) -> Result<(), Error> {
        self.session.run_into(features, outputs)
    }

    /// What comes next, for `steps` steps, as [`fit_next`](Esn::fit_next) has learnt it: outputs become features. The first row
    /// is the output that is there already; another forecast goes on after the last row.
    ///
    /// # Shapes
    /// Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// See [`Session::forecast`].
    pub fn forecast(&mut self, steps: usize) -> Result<Array2<T>, Error> {
        self.session.forecast(steps)
    }

    /// Like [`forecast`](Self::forecast), where some outputs become inputs and the others, `outside`, are known.
    ///
    /// # Shapes
    /// `outside`: `[steps, inputs that nothing becomes]`. Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// See [`Session::forecast_with`].
    pub fn forecast_with(&mut self, closed: &ClosedLoop, outside: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        self.session.forecast_with(closed, outside)
    }

    /// Closed loop for `steps` steps, beginning with the output after the one that is there already.
    ///
    /// # Shapes
    /// Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// See [`Session::predict_free`].
    pub fn predict_free(&mut self, steps: usize) -> Result<Array2<T>, Error> {
        self.session.predict_free(steps)
    }

    /// Runs a series `[steps, inputs]` and gives the reservoir states `[steps, N]`.
    ///
    /// # Errors
    /// See [`Session::run_into`].
    pub fn states(&mut self, features: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let name = self.model().graph().nodes()[self.reservoir].name().to_owned();
        self.session.states(&name, features)
    }

    /// The reservoir state x, `[N]`.
    pub fn state(&self) -> &[T] {
        self.session.node_values(self.reservoir)
    }

    /// Replaces the reservoir state x(t) after the last step, `[N]`, and what follows from it: the outputs are those of x and
    /// of the last input, and so are delays of x and what is fed back (unless a teacher gave that).
    ///
    /// [`predict_free`](Self::predict_free) goes on from there. At rest there is no last input: where a readout reads one,
    /// the outputs stay as they are, and a closed loop needs a step before it.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], or [`Error::Overflow`] if the outputs are out of range; all is as before.
    pub fn set_state(&mut self, state: &[T]) -> Result<(), Error> {
        if state.len() != self.units() {
            return Err(Error::shape("state", self.units(), state.len()));
        }
        Error::check_finite("state", state)?;
        self.session.set_reservoir(self.reservoir, state)
    }

    /// Back to rest: the state is zero.
    pub fn reset(&mut self) {
        self.corrected_at = None;
        self.session.reset();
    }

    /// Takes over another model of the same graph (for example after training); the state stays, and the outputs of the last step
    /// become those of the new readouts, and so does what is fed back. Where these read an input that is not known (after a
    /// checkpoint), there are none, a [forecast](Self::forecast) needs a step before it, and that step sees the old outputs fed back.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the graphs differ; [`Error::Overflow`] if the outputs are out of range. All is as before.
    pub fn set_model(&mut self, model: Model<T>) -> Result<(), Error> {
        let before = self.model().clone();
        self.session.set_model(model)?;
        if let Err(error) = self.session.refresh_outputs() {
            self.session.set_model(before)?;
            return Err(error);
        }
        self.learning = self.learning.anew();
        Ok(())
    }

    /// Whether the outputs that stand have seen their target.
    pub(crate) fn is_corrected(&self) -> bool {
        self.corrected_at == Some(self.session.steps())
    }
}
