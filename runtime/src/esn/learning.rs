//! A network that is trained: on whole series, or on as their steps come.

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

use super::HybridEsn;
use crate::error::Error;
use crate::execute::Session;
use crate::keep::{Content, Reader, Writer, must};
use crate::model::Model;
use crate::train::online::{OnlineFeedback, OnlineLearner, OnlineTrainer, Rls, weights_of};
use crate::train::{Series, Training, TrainingReport, run_taught};

/// What [`HybridEsn::partial_fit`] keeps from call to call.
#[derive(Clone, Debug)]
pub(super) struct Learning<T: Real> {
    /// Forgetting and ridge, if [`HybridEsn::learn_online`] said them; they outlive what was learnt.
    given: Option<(f64, f64)>,
    learnt: Option<Learnt<T>>,
}

#[derive(Clone, Debug)]
struct Learnt<T: Real> {
    /// One for each head, in the graph's order.
    learners: Vec<Rls>,
    /// The model that came of it: the covariance is that of its states.
    model: Model<T>,
}

/// Where nothing says otherwise.
const RIDGE: f64 = 1e-6;

impl<T: Real> Learning<T> {
    pub(super) fn none() -> Self {
        Self { given: None, learnt: None }
    }

    /// What other weights or another stream begin with.
    pub(super) fn anew(&self) -> Self {
        Self { given: self.given, learnt: None }
    }

    /// Of a network that runs this model.
    pub(super) fn write(&self, model: &Model<T>, to: &mut Writer) -> Result<(), Error> {
        to.flag(self.given.is_some());
        if let Some((forgetting, ridge)) = self.given {
            to.floats(&[forgetting, ridge]);
        }
        // What was learnt of another model is as good as gone.
        let learnt = self.learnt.as_ref().filter(|learnt| learnt.model.is_clone_of(model));
        to.flag(learnt.is_some());
        learnt.iter().flat_map(|learnt| &learnt.learners).try_for_each(|learner| learner.write(to))
    }

    /// Of a network that runs this model.
    pub(super) fn read(model: &Model<T>, from: &mut Reader<'_>) -> Result<Self, Error> {
        let mut given = None;
        if from.flag("mark of given settings of online learning")? {
            let forgetting = from.float_that("forgetting", "above 0 and at most 1", |f| f > 0.0 && f <= 1.0)?;
            let ridge = from.float_that("ridge", "1e-250 to 1e250", |ridge| (1e-250..=1e250).contains(&ridge))?;
            given = Some((forgetting, ridge));
        }
        if !from.flag("mark of online learning")? {
            return Ok(Self { given, learnt: None });
        }
        let forgetting = given.map_or(1.0, |given| given.0);
        let mut learners = Vec::new();
        for name in heads(model) {
            let learner = Rls::read(from)?;
            let weights = weights_of(model, &name)?;
            let fits = weights.dim() == (learner.outputs(), learner.features())
                && learner.forgetting().to_bits() == forgetting.to_bits();
            must(fits, "online learning", || "has a learner of another size or forgetting than its head")?;
            let rounded = learner.weights().mapv(|w| T::from_f64(w).to_f64());
            must(weights == rounded, "online learning", || "has other weights than the network")?;
            learners.push(learner);
        }
        Ok(Self { given, learnt: Some(Learnt { learners, model: model.clone() }) })
    }
}

/// Learners that start around the readouts' present weights.
fn around<T: Real>(model: &Model<T>, forgetting: f64, ridge: f64) -> Result<Vec<Rls>, Error> {
    let of = |name: String| {
        let weights = weights_of(model, &name)?;
        Rls::new(weights.ncols(), weights.nrows(), forgetting, ridge)?.with_weights(weights.view())
    };
    heads(model).map(of).collect()
}

fn heads<T: Real>(model: &Model<T>) -> impl Iterator<Item = String> {
    model.graph().heads().map(|head| model.graph().nodes()[head.node.0].name().to_owned())
}

impl<T: Real> HybridEsn<T> {
    /// Trains the readouts anew on whole series, each from rest; the random weights stay.
    ///
    /// The network then stands after the last step of the last series, where outputs are those of the new weights. What
    /// [`partial_fit`](Self::partial_fit) has learnt is gone.
    ///
    /// # Errors
    /// As [`Training::fit`]; the network is as before the call.
    pub fn fit(&mut self, training: &Training, series: &[Series<'_, T>]) -> Result<TrainingReport, Error> {
        let (model, report) = training.fit(self.model(), series)?;
        let mut session = model.session();
        if let Some(last) = series.last() {
            run_taught(&mut session, last)?;
        }
        (self.session, self.learning, self.corrected_at) = (session, self.learning.anew(), None);
        Ok(report)
    }

    /// What the last training did, if there was one. It is not told of weights that were put in by hand since, nor of later steps of
    /// [`partial_fit`](Self::partial_fit).
    pub fn report(&self) -> Option<&TrainingReport> {
        self.model().provenance().training.as_ref()
    }

    /// Runs on over known steps and corrects the readouts after each, by recursive least squares.
    ///
    /// ```text
    /// minimises sum_i lambda^(t-i) |y_i - W phi_i|^2 + lambda^t ridge |W - W0|^2
    /// ```
    ///
    /// `W0` are the weights before the first call, `phi` what the readout reads with a 1 in front, lambda 1 and ridge that of
    /// the last training (of its first output; 1e-6 without one, or where that is below 1e-250), unless
    /// [`learn_online`](Self::learn_online) says otherwise, for all later calls. An [untrained](crate::Esn::untrained) network that learns every step with lambda 1 ends
    /// with the weights of ridge regression, penalty on the intercept included. What was learnt goes on from call to call, and
    /// starts anew around the weights that are there after [`fit`](Self::fit), [`set_model`](Self::set_model) or
    /// [`with_substrate`](Self::with_substrate). It takes `features^2 / 2` numbers per head and as many operations a step.
    ///
    /// ```
    /// use forebay::Esn;
    /// use ndarray::Array2;
    ///
    /// let wave = |slope: f64| move |(t, _): (usize, usize)| slope * (0.2 * t as f64).sin();
    /// let inputs = Array2::from_shape_fn((600, 1), wave(1.0));
    /// let mut esn = Esn::new(40).fit(inputs.view(), Array2::from_shape_fn((600, 1), wave(0.5)).view())?;
    /// // What is wanted has changed; forget with a memory of about fifty steps.
    /// esn.learn_online(0.98, 1e-6)?;
    /// let wanted = Array2::from_shape_fn((600, 1), wave(-2.0));
    /// let outputs = esn.partial_fit(inputs.view(), wanted.view())?;
    /// assert!((outputs[[599, 0]] - wanted[[599, 0]]).abs() < 1e-3);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `inputs`: `[steps, inputs]`; `targets`: `[steps, outputs]`, which feedback sees. Result: `[steps, outputs]`, each before
    /// its correction. The [outputs](Session::outputs) that stand at the end are those of the corrected weights, which have seen
    /// their target: a [`Ladder`](crate::drift::Ladder) refuses them, and a [`DriftMonitor`](crate::drift::DriftMonitor) is given
    /// errors of the result.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::Overflow`] or [`Error::Range`] if a step or a correction leaves the
    /// range of floats. The network and what it has learnt are as before the call.
    pub fn partial_fit(&mut self, inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        self.check_pair(inputs, targets)?;
        if inputs.nrows() == 0 {
            return Ok(Array2::from_elem(targets.dim(), T::ZERO));
        }
        let (forgetting, ridge) = self.learning.given.unwrap_or((1.0, self.last_ridge()));
        let learners = match self.learning.learnt.take() {
            Some(learnt) if learnt.model.is_clone_of(self.model()) => learnt.learners,
            _ => around(self.model(), forgetting, ridge)?,
        };
        // A single step of f64 is all or nothing by itself.
        let backup = (inputs.nrows() != 1 || size_of::<T>() < size_of::<f64>()).then(|| learners.clone());
        let (learners, done) = match self.learn(learners, inputs, targets) {
            Ok((session, learners, outputs)) => {
                (self.corrected_at, self.session) = (Some(session.steps()), session);
                (Some(learners), Ok(outputs))
            }
            Err((error, learners)) => (backup.or(learners), Err(error)),
        };
        let model = self.model().clone();
        self.learning.learnt = learners.map(|learners| Learnt { learners, model });
        done
    }

    /// Starts online learning anew around the present weights: with this forgetting factor lambda in (0, 1] and this penalty
    /// of moving away from them, 1e-250 to 1e250. See [`partial_fit`](Self::partial_fit).
    ///
    /// # Errors
    /// [`Error::Range`] outside these numbers; all is as before.
    pub fn learn_online(&mut self, forgetting: f64, ridge: f64) -> Result<(), Error> {
        let learners = around(self.model(), forgetting, ridge)?;
        let model = self.model().clone();
        self.learning = Learning { given: Some((forgetting, ridge)), learnt: Some(Learnt { learners, model }) };
        Ok(())
    }

    fn last_ridge(&self) -> f64 {
        let trained = self.report().and_then(|report| report.heads.first()).map(|head| head.ridge);
        trained.filter(|ridge| (1e-250..=1e250).contains(ridge)).unwrap_or(RIDGE)
    }

    fn check_pair(&self, inputs: ArrayView2<'_, T>, targets: ArrayView2<'_, T>) -> Result<(), Error> {
        let steps = inputs.nrows();
        for (what, array, width) in [("inputs", inputs, self.inputs()), ("targets", targets, self.outputs())] {
            if array.dim() != (steps, width) {
                return Err(Error::shape(what, format!("[{steps}, {width}]"), format!("{:?}", array.shape())));
            }
            if let Some((index, value)) = array.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                return Err(Error::non_finite(what, index, *value));
            }
        }
        Ok(())
    }

    /// The steps on a copy of the session; gives the learners back if they are as they were.
    #[expect(clippy::type_complexity, reason = "one caller, which takes it apart")]
    fn learn(
        &self,
        learners: Vec<Rls>,
        inputs: ArrayView2<'_, T>,
        targets: ArrayView2<'_, T>,
    ) -> Result<(Session<T>, Vec<Rls>, Array2<T>), (Error, Option<Vec<Rls>>)> {
        let lost = |error| (error, None);
        let mut heads = heads(self.model()).zip(learners);
        let Some((first, learner)) = heads.next() else {
            let instead = "this model has none to learn".to_owned();
            return Err(lost(Error::Misuse { what: "learning needs a readout", instead }));
        };
        let session = self.session.clone();
        let mut trainer = OnlineTrainer::continuing(session, &first, learner, OnlineFeedback::Teacher).map_err(lost)?;
        for (head, learner) in heads {
            trainer = trainer.with_head(&head, learner).map_err(lost)?;
        }
        let mut outputs = Array2::from_elem(targets.dim(), T::ZERO);
        let rows = inputs.rows().into_iter().zip(targets.rows()).zip(outputs.rows_mut());
        for ((input, target), mut row) in rows {
            let step = trainer.step(&input.to_vec(), &target.to_vec());
            match step {
                Ok(output) => row.iter_mut().zip(output).for_each(|(to, &from)| *to = T::from_f64(from)),
                Err(error) => return Err((error, Some(trainer.into_learners()))),
            }
        }
        let (mut session, mut learners) = trainer.into_parts().map_err(lost)?;
        if let Err(error) = session.renew_outputs() {
            if inputs.nrows() > 1 {
                return Err(lost(error));
            }
            learners.iter_mut().for_each(Rls::undo);
            return Err((error, Some(learners)));
        }
        Ok((session, learners, outputs))
    }
}
