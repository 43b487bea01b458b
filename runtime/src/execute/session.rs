//! One stream of data through a model.

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::executor::Executor;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::model::Model;

/// One stream with its own state on a shared model.
///
/// Cheap to keep, `Send`, and free of allocation while stepping. A step that fails leaves the session as it was.
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
}

/// All a session remembers between two steps: reservoir states, delay lines, outputs, feedback, step count.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<T> {
    steps: u64,
    values: Vec<T>,
}

impl<T: Real> Session<T> {
    pub(crate) fn new(model: Model<T>) -> Self {
        let features = vec![T::ZERO; model.graph().inputs()];
        Self { executor: Executor::new(model, 1), features }
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

    /// Replaces what the next step sees as the previous output, `[outputs]`.
    pub(crate) fn set_feedback(&mut self, values: &[T]) {
        self.executor.set_feedback(values);
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
    /// [`Error::Unknown`] if there is no such node; [`Error::Misuse`] if it is inside a program.
    pub fn node(&self, name: &str) -> Result<&[T], Error> {
        let graph = self.model().graph();
        let id = graph.find(name).ok_or_else(|| Error::Unknown {
            kind: "node",
            name: name.to_owned(),
            available: graph.nodes().iter().map(crate::graph::Node::name).collect::<Vec<_>>().join(", "),
        })?;
        self.executor.check_on_host(id.0)?;
        Ok(self.executor.values(id.0))
    }

    pub(crate) fn node_values(&self, node: usize) -> &[T] {
        self.executor.values(node)
    }

    pub(crate) fn node_values_mut(&mut self, node: usize) -> &mut [T] {
        self.executor.values_mut(node)
    }

    pub(crate) fn replace_model(&mut self, model: Model<T>) {
        self.executor.replace_model(model);
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
    /// [`Error::Shape`] and [`Error::NonFinite`] before anything is run; [`Error::Overflow`] leaves the session
    /// before the failing step.
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
    /// As [`run_into`](Self::run_into).
    pub fn run_with(&mut self, features: ArrayView2<'_, T>, mut observe: impl FnMut(&Self)) -> Result<(), Error> {
        let inputs = self.features.len();
        if features.ncols() != inputs {
            return Err(Error::shape("input", format!("[steps, {inputs}]"), format!("{:?}", features.shape())));
        }
        if let Some(index) = features.iter().position(|v| !v.is_finite()) {
            return Err(Error::non_finite("input", index, features[[index / inputs, index % inputs]]));
        }
        for row in features.rows() {
            self.features.iter_mut().zip(row).for_each(|(to, &from)| *to = from);
            self.executor.step(&self.features, None)?;
            observe(self);
        }
        Ok(())
    }

    /// Closed loop: each step's outputs are the next step's features, starting from the last outputs.
    ///
    /// # Shapes
    /// Result: `[steps, outputs]`.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless the model has as many outputs as inputs and has made at least one step;
    /// [`Error::Overflow`] leaves the session before the failing step.
    pub fn predict_free(&mut self, steps: usize) -> Result<Array2<T>, Error> {
        let (inputs, width) = (self.model().graph().inputs(), self.model().graph().outputs());
        if inputs != width {
            return Err(Error::Misuse {
                what: "a closed loop needs as many outputs as inputs",
                instead: format!("this model has {inputs} inputs and {width} outputs"),
            });
        }
        if self.steps() == 0 {
            return Err(Error::Misuse {
                what: "a closed loop starts from the last output, and there is none",
                instead: "run some known steps first".to_owned(),
            });
        }
        let mut outputs = Array2::from_elem((steps, width), T::ZERO);
        for mut row in outputs.rows_mut() {
            self.features.copy_from_slice(self.executor.outputs());
            self.executor.step(&self.features, None)?;
            row.iter_mut().zip(self.executor.outputs()).for_each(|(to, &from)| *to = from);
        }
        Ok(outputs)
    }

    /// Back to rest: all states, delays and outputs zero.
    pub fn reset(&mut self) {
        self.executor.reset();
    }

    /// Copies out all the session remembers.
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot { steps: self.steps(), values: self.executor.state().flatten().copied().collect() }
    }

    /// What the session remembers, tied to its model, to be kept on disk.
    ///
    /// Hashes all weights, so it costs about as much as reading them once.
    pub fn checkpoint(&self) -> Checkpoint {
        let Snapshot { steps, values } = self.snapshot();
        Checkpoint::of_state(self.model(), steps, &values)
    }

    /// Takes up a checkpoint; the next steps are bit for bit those that followed it.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model or float type, or does not fit; the session is as before.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let width = self.executor.state().map(<[T]>::len).sum();
        let values = checkpoint.state_for(self.model(), width)?;
        self.executor.set_state(checkpoint.steps(), &values);
        Ok(())
    }

    /// Like [`snapshot`](Self::snapshot), into one that is there; allocates nothing if that is of this session.
    pub fn snapshot_into(&self, snapshot: &mut Snapshot<T>) {
        snapshot.steps = self.steps();
        snapshot.values.clear();
        snapshot.values.extend(self.executor.state().flatten().copied());
    }

    /// Takes up a snapshot; the next steps are bit for bit those that followed it.
    ///
    /// # Errors
    /// [`Error::Shape`] if it comes from a model of another shape.
    pub fn restore(&mut self, snapshot: &Snapshot<T>) -> Result<(), Error> {
        let expected: usize = self.executor.state().map(<[T]>::len).sum();
        if snapshot.values.len() != expected {
            return Err(Error::shape("snapshot", expected, snapshot.values.len()));
        }
        self.executor.set_state(snapshot.steps, &snapshot.values);
        Ok(())
    }
}
