//! Many streams of one model, stepped together.

use forebay_kernels::Real;
use ndarray::{Array3, ArrayView3, Axis, s};

use super::Snapshot;
use super::closed::{self, ClosedLoop};
use super::executor::Executor;
use super::memory::{Flags, Memory};
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::model::Model;
use crate::threads;

/// Independent streams on one model whose weights are read once per step for all of them.
///
/// Every stream's numbers equal those of a [`Session`](crate::execute::Session) of its own, bit for bit.
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(50));
/// g.readout("y", [x], 2);
/// let mut batch = Model::<f32>::generate(g.build()?, 7)?.batch(3)?;
/// let outputs = batch.step(&[0.1, 0.2, 0.3])?;
/// assert_eq!(outputs.len(), 3 * 2);
///
/// // One stream begins anew, another goes on from where the first one is.
/// let first = batch.snapshot(0)?;
/// batch.reset_stream(1)?;
/// batch.restore(2, &first)?;
/// let outputs = batch.step(&[0.1, 0.2, 0.1])?;
/// assert_eq!(outputs[..2], outputs[4..]);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch<T: Real> {
    executor: Executor<T>,
    /// One for each stream.
    flags: Vec<Flags>,
}

impl<T: Real> Batch<T> {
    pub(crate) fn new(model: Model<T>, streams: usize) -> Result<Self, Error> {
        if streams == 0 {
            return Err(Error::Range { what: "streams", expected: "at least 1".to_owned(), found: "0".to_owned() });
        }
        Ok(Self { executor: Executor::new(model, streams), flags: vec![Flags::default(); streams] })
    }

    /// The model it runs.
    pub fn model(&self) -> &Model<T> {
        self.executor.model()
    }

    /// Number of streams.
    pub fn streams(&self) -> usize {
        self.executor.streams()
    }

    /// Advances all streams by one step, or none.
    ///
    /// # Shapes
    /// `features`: `[streams, inputs]`, row-major. Result: `[streams, outputs]`, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`] or [`Error::Overflow`]; all states are as before.
    pub fn step(&mut self, features: &[T]) -> Result<&[T], Error> {
        self.advance(features, None)
    }

    /// Like [`step`](Self::step), but output feedback sees `teacher` at the next step (teacher forcing).
    ///
    /// # Shapes
    /// `teacher`: `[streams, outputs]`, row-major.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_forced(&mut self, features: &[T], teacher: &[T]) -> Result<&[T], Error> {
        self.advance(features, Some(teacher))
    }

    fn advance(&mut self, features: &[T], teacher: Option<&[T]>) -> Result<&[T], Error> {
        let done = self.executor.step(features, teacher);
        done.map_err(|error| self.executor.in_steps_of(error, |stream| self.flags[stream].steps))?;
        for flags in &mut self.flags {
            *flags = Flags { steps: flags.steps + 1, has_outputs: true };
        }
        Ok(self.executor.outputs())
    }

    /// The outputs of the last step, `[streams, outputs]`, row-major; zero before the first.
    pub fn outputs(&self) -> &[T] {
        self.executor.outputs()
    }

    /// Completed steps of a stream since the start, its last [reset](Self::reset_stream), or what it was
    /// [restored](Self::restore) to.
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there.
    pub fn steps(&self, stream: usize) -> Result<u64, Error> {
        self.check_stream(stream)?;
        Ok(self.flags[stream].steps)
    }

    /// The values of a node after the last step, `[streams, width]`, row-major.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such node; [`Error::Misuse`] if it is inside a program, or a stream was just
    /// restored to a state that does not have it.
    pub fn node(&self, name: &str) -> Result<&[T], Error> {
        self.executor.named(name)
    }

    /// Back to rest, all streams.
    pub fn reset(&mut self) {
        self.executor.reset();
        self.flags.fill(Flags::default());
    }

    /// One stream back to rest; the others stay as they are.
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there.
    pub fn reset_stream(&mut self, stream: usize) -> Result<(), Error> {
        self.check_stream(stream)?;
        self.executor.set_stream(stream, None);
        self.flags[stream] = Flags::default();
        Ok(())
    }

    /// Copies out all that one stream remembers; a [`Session`](crate::execute::Session) of the same model goes on from it,
    /// too.
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there.
    pub fn snapshot(&self, stream: usize) -> Result<Snapshot<T>, Error> {
        self.check_stream(stream)?;
        let mut memory = Memory::empty();
        self.executor.remember_stream(stream, self.flags[stream], &mut memory);
        Ok(Snapshot::new(self.model().fingerprint(), memory))
    }

    /// One stream takes up a snapshot, of a stream or of a session; the others stay as they are.
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there; [`Error::Misuse`] for the snapshot of another model.
    pub fn restore(&mut self, stream: usize, snapshot: &Snapshot<T>) -> Result<(), Error> {
        self.check_stream(stream)?;
        snapshot.check(self.model().fingerprint())?;
        self.executor.set_stream(stream, Some(snapshot.memory()));
        self.flags[stream] = snapshot.memory().flags();
        Ok(())
    }

    /// What one stream remembers, tied to its model, to be kept on disk; a [`Session`](crate::execute::Session) of the same
    /// model resumes it, too.
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there.
    pub fn checkpoint(&self, stream: usize) -> Result<Checkpoint, Error> {
        self.check_stream(stream)?;
        let mut memory = Memory::empty();
        self.executor.remember_stream(stream, self.flags[stream], &mut memory);
        Ok(Checkpoint::of_state(self.model(), memory.steps(), memory.state(), memory.flags().has_outputs))
    }

    /// One stream takes up a checkpoint, of a stream or of a session; the others stay as they are. Reading nodes other than
    /// reservoirs and readouts is refused until the next step, as with [`Session::resume`](crate::execute::Session::resume).
    ///
    /// # Errors
    /// [`Error::Range`] for a stream that is not there; [`Error::Checkpoint`] if it is of another model or float type, or does
    /// not fit; all streams are as before.
    pub fn resume(&mut self, stream: usize, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.check_stream(stream)?;
        let mut session = self.model().session();
        session.resume(checkpoint)?;
        self.restore(stream, &session.snapshot())
    }

    fn check_stream(&self, stream: usize) -> Result<(), Error> {
        let streams = self.streams();
        if stream < streams {
            return Ok(());
        }
        Err(Error::Range { what: "the stream", expected: format!("below {streams}"), found: stream.to_string() })
    }

    /// What comes next in every stream: see [`Session::forecast`](crate::execute::Session::forecast).
    ///
    /// # Shapes
    /// Result: `[streams, steps, outputs]`.
    ///
    /// # Errors
    /// As [`Session::forecast`](crate::execute::Session::forecast); all streams are as before the call.
    pub fn forecast(&mut self, steps: usize) -> Result<Array3<T>, Error> {
        let closed = closed::whole(self.model())?;
        let nothing = ArrayView3::from_shape((self.streams(), steps, 0), &[]).expect("no values");
        self.forecast_with(&closed, nothing)
    }

    /// Like [`forecast`](Self::forecast), where some outputs become inputs and the other inputs are known: see
    /// [`Session::forecast_with`](crate::execute::Session::forecast_with).
    ///
    /// # Shapes
    /// `outside`: `[streams, steps, inputs that nothing becomes]`. Result: `[streams, steps, outputs]`.
    ///
    /// # Errors
    /// As [`Session::forecast_with`](crate::execute::Session::forecast_with); all streams are as before the call.
    pub fn forecast_with(&mut self, closed: &ClosedLoop, outside: ArrayView3<'_, T>) -> Result<Array3<T>, Error> {
        let (streams, expected) = (self.streams(), closed.check(self.model())?);
        let (found, steps, others) = outside.dim();
        if (found, others) != (streams, expected) {
            let expected = format!("[{streams}, steps, {expected}]");
            return Err(Error::shape("what is known from outside", expected, format!("{:?}", outside.shape())));
        }
        if let Some((index, value)) = outside.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::non_finite("what is known from outside", index, *value));
        }
        closed::check_start(self.flags.iter().all(|flags| flags.has_outputs))?;
        let (inputs, width) = (self.model().graph().inputs(), self.model().graph().outputs());
        let mut outputs = Array3::from_elem((streams, steps, width), T::ZERO);
        let mut features = vec![T::ZERO; streams * inputs];
        let (mut before, flags) = (Memory::empty(), self.flags.clone());
        self.executor.remember(&mut before);
        for step in 0..steps {
            let last = self.executor.outputs();
            let mut row = outputs.index_axis_mut(Axis(1), step);
            row.iter_mut().zip(last).for_each(|(to, &from)| *to = from);
            for (stream, features) in features.chunks_exact_mut(inputs).enumerate() {
                let last = &last[stream * width..(stream + 1) * width];
                closed.fill(last, outside.slice(s![stream, step, ..]), features);
            }
            if let Err(error) = self.advance(&features, None) {
                self.executor.recall(&before);
                self.flags = flags;
                return Err(error);
            }
        }
        Ok(outputs)
    }

    /// Runs whole series from rest on all threads of the [pool](crate::threads) that calls, groups of streams side by side.
    ///
    /// The result does not depend on the number of threads. The batch itself is left as it is.
    ///
    /// # Shapes
    /// `features`: `[streams, steps, inputs]`, any number of streams. Result: `[streams, steps, outputs]`.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run(&self, features: ArrayView3<'_, T>) -> Result<Array3<T>, Error> {
        let (streams, steps, inputs) = features.dim();
        let expected = self.model().graph().inputs();
        if inputs != expected {
            let expected = format!("[streams, steps, {expected}]");
            return Err(Error::shape("input", expected, format!("{:?}", features.shape())));
        }
        let width = self.model().graph().outputs();
        if let Some((index, value)) = features.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::non_finite("input", index, *value));
        }
        let mut outputs = Array3::from_elem((streams, steps, width), T::ZERO);
        let group = GROUP.min(streams.div_ceil(threads::count())).max(1);
        let model = self.model();
        let groups = features.axis_chunks_iter(Axis(0), group).zip(outputs.axis_chunks_iter_mut(Axis(0), group));
        let failed = threads::map(groups, |(features, mut outputs)| {
            let mut executor = Executor::new(model.clone(), features.len_of(Axis(0)));
            let mut row = Vec::with_capacity(features.len_of(Axis(0)) * inputs);
            for step in 0..steps {
                row.clear();
                row.extend(features.index_axis(Axis(1), step).iter());
                if let Err(error) = executor.step(&row, None) {
                    return Some((step, error));
                }
                let mut out = outputs.index_axis_mut(Axis(1), step);
                out.iter_mut().zip(executor.outputs()).for_each(|(to, &from)| *to = from);
            }
            None
        });
        // The earliest, whatever the groups were: of one step, the overflow of the first node.
        let place = |(step, error): &(usize, Error)| match error {
            Error::Overflow { node, .. } => (*step, model.graph().find(node).map_or(usize::MAX, |id| id.0)),
            _ => (*step, 0),
        };
        if let Some((_, error)) = failed.into_iter().flatten().min_by_key(place) {
            return Err(error);
        }
        Ok(outputs)
    }
}

/// Streams per matrix-matrix product: enough to hide reading the weights, small enough for the state to stay in cache.
const GROUP: usize = 64;
