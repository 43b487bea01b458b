//! One stream of data through a model.

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2};

use super::closed::{self, ClosedLoop};
use super::executor::Executor;
use super::memory::Memory;
use super::plan::Part;
use super::snapshot::Snapshot;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::model::Model;

/// One stream with its own state on a shared model.
///
/// Cheap to keep, `Send`, and free of allocation while stepping. A call that fails leaves the session as it was, also if it
/// fails in the middle of a series.
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(50));
/// g.readout("y", [x], 1);
/// let mut session = Model::<f64>::generate(g.build()?, 7)?.session();
/// session.step(&[0.5])?;
/// assert!(session.step(&[f64::NAN]).is_err());
/// assert_eq!(session.steps(), 1);
/// assert_eq!(session.node("x")?.len(), 50);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session<T: Real> {
    executor: Executor<T>,
    features: Vec<T>,
    /// What was there before a call of many steps.
    before: Memory<T>,
}

impl<T: Real> Session<T> {
    pub(crate) fn new(model: Model<T>) -> Self {
        let features = vec![T::ZERO; model.graph().inputs()];
        let (executor, mut before) = (Executor::new(model, 1), Memory::empty());
        // Sized here, so that a run allocates nothing.
        executor.remember(&mut before);
        Self { executor, features, before }
    }

    /// The model it runs.
    pub fn model(&self) -> &Model<T> {
        self.executor.model()
    }

    /// Completed steps since the start or the last [`reset`](Self::reset).
    pub fn steps(&self) -> u64 {
        self.executor.steps()
    }

    /// Advances by one step and gives the outputs of all heads, one after the other.
    ///
    /// # Shapes
    /// `features`: `[inputs]`. Result: `[outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`] or [`Error::Overflow`]; the state is as before.
    pub fn step(&mut self, features: &[T]) -> Result<&[T], Error> {
        self.executor.step(features, None)?;
        Ok(self.executor.outputs())
    }

    /// Like [`step`](Self::step), but output feedback sees `teacher` at the next step (teacher forcing).
    ///
    /// # Shapes
    /// `teacher`: `[outputs]`.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_forced(&mut self, features: &[T], teacher: &[T]) -> Result<&[T], Error> {
        self.executor.step(features, Some(teacher))?;
        Ok(self.executor.outputs())
    }

    /// Advances the states without computing the readouts, for training.
    pub(crate) fn drive(&mut self, features: &[T], teacher: &[T]) -> Result<(), Error> {
        self.executor.drive(features, teacher)
    }

    /// Like [`drive`](Self::drive); `disturb` may change the state of every reservoir, which is handed to it by node, before
    /// anything reads it.
    pub(crate) fn drive_disturbed(
        &mut self,
        features: &[T],
        teacher: &[T],
        mut disturb: impl FnMut(usize, &mut [T]),
    ) -> Result<(), Error> {
        self.executor.drive_disturbed(features, teacher, &mut disturb)
    }

    /// Computes a step aside, all but the readouts `left_out`; until it is [committed](Self::commit), nothing has changed.
    pub(crate) fn attempt(&mut self, features: &[T], left_out: &[usize]) -> Result<(), Error> {
        self.executor.attempt(features, Part::Without(left_out))
    }

    /// The values of a node in the attempted step.
    pub(crate) fn attempted(&self, node: usize) -> &[T] {
        self.executor.attempted(node)
    }

    /// Gives a readout that was left out its values; refuses what does not fit `T`.
    pub(crate) fn put_attempted(&mut self, node: usize, values: &[f64]) -> Result<(), Error> {
        let to = self.executor.attempted_mut(node);
        to.iter_mut().zip(values).for_each(|(to, &from)| *to = T::from_f64(from));
        if to.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(self.executor.overflow_of(node)) }
    }

    /// Takes over the attempted step; the next one sees `fed_back` as the previous output.
    pub(crate) fn commit(&mut self, fed_back: &[T]) {
        self.executor.commit(Some(fed_back));
    }

    /// The outputs of the last step, zero before the first.
    pub fn outputs(&self) -> &[T] {
        self.executor.outputs()
    }

    /// The outputs of one head in the last step.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such readout.
    pub fn head(&self, name: &str) -> Result<&[T], Error> {
        let head = self.model().head(name)?;
        Ok(&self.outputs()[head.offset..head.offset + head.width])
    }

    /// The values of any node after the last step: a reservoir's state, a product, an input.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such node; [`Error::Misuse`] if it is inside a program, or not in the checkpoint that
    /// the session was just [resumed](Self::resume) from.
    pub fn node(&self, name: &str) -> Result<&[T], Error> {
        self.executor.named(name)
    }

    pub(crate) fn node_values(&self, node: usize) -> &[T] {
        self.executor.values(node)
    }

    /// Replaces a reservoir's state after the last step and what follows from it.
    pub(crate) fn set_reservoir(&mut self, node: usize, values: &[T]) -> Result<(), Error> {
        self.executor.set_reservoir(node, values)
    }

    /// Takes over another model of the same graph (for example after training); the state stays, and so do the outputs of
    /// the last step.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the graphs differ.
    pub fn set_model(&mut self, model: Model<T>) -> Result<(), Error> {
        if model.graph() != self.model().graph() {
            return Err(Error::Misuse {
                what: "a running session takes over models of its own graph only",
                instead: "start one with `Model::session`".to_owned(),
            });
        }
        self.executor.replace_model(model);
        Ok(())
    }

    /// In the next step feedback sees the last output itself where `of` says so.
    pub(crate) fn feed_back_own(&mut self, of: impl Fn(usize) -> bool) {
        self.executor.feed_back_own(of);
    }

    /// The outputs of the last step by the weights that are there now, and what feedback sees of them; there are none where
    /// they would follow from inputs that are not known.
    pub(crate) fn refresh_outputs(&mut self) -> Result<(), Error> {
        self.executor.refresh_outputs()
    }

    /// The outputs of the last step again, by the weights that are there now; what feedback sees stays.
    pub(crate) fn renew_outputs(&mut self) -> Result<(), Error> {
        self.executor.renew_outputs()
    }

    /// Runs a whole series and gives the outputs of every step.
    ///
    /// # Shapes
    /// `features`: `[steps, inputs]`. Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn run(&mut self, features: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let mut outputs = Array2::from_elem((features.nrows(), self.model().graph().outputs()), T::ZERO);
        self.run_into(features, outputs.view_mut())?;
        Ok(outputs)
    }

    /// Runs a whole series into an array of the caller.
    ///
    /// # Shapes
    /// `features`: `[steps, inputs]`; `outputs`: `[steps, outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`] or [`Error::Overflow`]; the session is as before the call. Of `outputs`, the
    /// rows before a step that overflowed are written, and the others are as they were.
    pub fn run_into(&mut self, features: ArrayView2<'_, T>, mut outputs: ArrayViewMut2<'_, T>) -> Result<(), Error> {
        let width = self.model().graph().outputs();
        if outputs.dim() != (features.nrows(), width) {
            let expected = format!("[{}, {width}]", features.nrows());
            return Err(Error::shape("output", expected, format!("{:?}", outputs.shape())));
        }
        let mut rows = outputs.rows_mut().into_iter();
        self.run_with(features, |session| {
            let mut row = rows.next().expect("one output row per step");
            row.iter_mut().zip(session.outputs()).for_each(|(to, &from)| *to = from);
        })
    }

    /// Runs a whole series and calls `observe` after every step.
    ///
    /// # Shapes
    /// `features`: `[steps, inputs]`.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into); the session is as before the call, and `observe` has seen the steps before one that
    /// overflowed.
    pub fn run_with(&mut self, features: ArrayView2<'_, T>, mut observe: impl FnMut(&Self)) -> Result<(), Error> {
        let inputs = self.features.len();
        if features.ncols() != inputs {
            return Err(Error::shape("input", format!("[steps, {inputs}]"), format!("{:?}", features.shape())));
        }
        if let Some(index) = features.iter().position(|v| !v.is_finite()) {
            return Err(Error::non_finite("input", index, features[[index / inputs, index % inputs]]));
        }
        self.all_or_nothing(|session| {
            for row in features.rows() {
                session.features.iter_mut().zip(row).for_each(|(to, &from)| *to = from);
                session.executor.step(&session.features, None)?;
                observe(session);
            }
            Ok(())
        })
    }

    /// Takes back what a call of many steps did if it fails.
    fn all_or_nothing(&mut self, call: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.executor.remember(&mut self.before);
        let done = call(self);
        if done.is_err() {
            self.executor.recall(&self.before);
        }
        done
    }

    /// Runs a whole series and gives the values of a node at every step: the states of a reservoir, say.
    ///
    /// ```
    /// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
    /// use ndarray::Array2;
    ///
    /// let mut g = Graph::builder();
    /// let u = g.input("u", 1);
    /// let x = g.reservoir("x", u, Reservoir::new(50));
    /// g.readout("y", [x], 1);
    /// let mut session = Model::<f64>::generate(g.build()?, 7)?.session();
    /// let states = session.states("x", Array2::from_elem((20, 1), 0.5).view())?;
    /// assert_eq!(states.dim(), (20, 50));
    /// assert_eq!(states.row(19).to_vec(), session.node("x")?);
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `features`: `[steps, inputs]`. Result: `[steps, width of the node]`.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into) and [`node`](Self::node); the session is as before the call.
    pub fn states(&mut self, node: &str, features: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let id = self.executor.find(node)?;
        let mut states = Array2::from_elem((features.nrows(), self.executor.values(id).len()), T::ZERO);
        let mut rows = states.rows_mut().into_iter();
        self.run_with(features, |session| {
            let mut row = rows.next().expect("one row per step");
            row.iter_mut().zip(session.executor.values(id)).for_each(|(to, &from)| *to = from);
        })?;
        Ok(states)
    }

    /// What comes next, for `steps` steps: outputs become features. The first row is the output that is there already, as a
    /// readout that was trained to see one step ahead gives it; the session ends one step after the last row, so that the
    /// next forecast goes on from there.
    ///
    /// Starts from the outputs of the last step, of the state that was [set](crate::HybridEsn::set_state), or of the one taken
    /// up by [`restore`](Self::restore) or [`resume`](Self::resume).
    ///
    /// # Shapes
    /// Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless the model has as many outputs as inputs, and there are outputs to start from: there are none
    /// at rest; [`Error::Overflow`]. The session is as before the call.
    pub fn forecast(&mut self, steps: usize) -> Result<Array2<T>, Error> {
        let closed = closed::whole(self.model())?;
        self.forecast_with(&closed, ArrayView2::from_shape((steps, 0), &[]).expect("no values"))
    }

    /// Like [`forecast`](Self::forecast), where some outputs become inputs and the other inputs are known: row i of the
    /// forecast and row i of `outside` belong to the same time.
    ///
    /// # Shapes
    /// `outside`: `[steps, inputs that nothing becomes]`, in ascending order of inputs. Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// As [`forecast`](Self::forecast); [`Error::Range`] for an output or input that is not there; [`Error::Misuse`] for an
    /// input given twice; [`Error::Shape`] and [`Error::NonFinite`] for `outside`.
    pub fn forecast_with(&mut self, closed: &ClosedLoop, outside: ArrayView2<'_, T>) -> Result<Array2<T>, Error> {
        let expected = closed.check(self.model())?;
        let steps = outside.nrows();
        if outside.ncols() != expected {
            let found = format!("{:?}", outside.shape());
            return Err(Error::shape("what is known from outside", format!("[steps, {expected}]"), found));
        }
        if let Some((index, value)) = outside.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::non_finite("what is known from outside", index, *value));
        }
        closed::check_start(self.executor.has_outputs())?;
        let mut outputs = Array2::from_elem((steps, self.model().graph().outputs()), T::ZERO);
        self.all_or_nothing(|session| {
            for (mut row, outside) in outputs.rows_mut().into_iter().zip(outside.rows()) {
                row.iter_mut().zip(session.executor.outputs()).for_each(|(to, &from)| *to = from);
                closed.fill(session.executor.outputs(), outside, &mut session.features);
                session.executor.step(&session.features, None)?;
            }
            Ok(())
        })?;
        Ok(outputs)
    }

    /// Closed loop: each step's outputs are the next step's features. Unlike [`forecast`](Self::forecast), the first row is the
    /// output after the one that is there already.
    ///
    /// # Shapes
    /// Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// As [`forecast`](Self::forecast).
    pub fn predict_free(&mut self, steps: usize) -> Result<Array2<T>, Error> {
        let closed = closed::whole(self.model())?;
        closed::check_start(self.executor.has_outputs())?;
        let mut outputs = Array2::from_elem((steps, self.model().graph().outputs()), T::ZERO);
        self.all_or_nothing(|session| {
            for mut row in outputs.rows_mut() {
                closed.fill(session.executor.outputs(), ArrayView1::from(&[]), &mut session.features);
                session.executor.step(&session.features, None)?;
                row.iter_mut().zip(session.executor.outputs()).for_each(|(to, &from)| *to = from);
            }
            Ok(())
        })?;
        Ok(outputs)
    }

    /// Back to rest: all states, delays and outputs zero.
    pub fn reset(&mut self) {
        self.executor.reset();
    }

    /// Copies out all the session remembers.
    ///
    /// The first snapshot of a model hashes its weights, which costs about as much as reading them once.
    pub fn snapshot(&self) -> Snapshot<T> {
        let mut snapshot = Snapshot::new(self.model().fingerprint(), Memory::empty());
        self.snapshot_into(&mut snapshot);
        snapshot
    }

    /// Like [`snapshot`](Self::snapshot), into one that is there; allocates nothing if that is of this session.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot<T>) {
        self.executor.remember(snapshot.renewed(self.model().fingerprint()));
    }

    /// Takes up a snapshot; the next steps are bit for bit those that followed it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is of another model, which other weights are enough for
    /// ([`Fingerprint::of_model`](crate::fingerprint::Fingerprint::of_model)); the session is as before. To carry a state over to other weights of the same graph, use
    /// [`set_model`](Self::set_model) on the session that has it.
    pub fn restore(&mut self, snapshot: &Snapshot<T>) -> Result<(), Error> {
        snapshot.check(self.model().fingerprint())?;
        self.executor.recall(snapshot.memory());
        Ok(())
    }

    /// What the session remembers, tied to its model, to be kept on disk.
    ///
    /// The first checkpoint or snapshot of a model hashes its weights.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut memory = Memory::empty();
        self.executor.remember(&mut memory);
        Checkpoint::of_state(self.model(), memory.steps(), memory.state(), memory.flags().has_outputs)
    }

    /// Takes up a checkpoint; the next steps are bit for bit those that followed it.
    ///
    /// A checkpoint has no values of nodes other than reservoirs and readouts: [`node`](Self::node) refuses those until the
    /// next step.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model or float type, or does not fit; the session is as before.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let values = checkpoint.state_for(self.model(), self.executor.state_width())?;
        self.executor.resume(checkpoint.steps(), &values, checkpoint.has_outputs());
        Ok(())
    }
}
