//! Many streams of one model, stepped together.

use forebay_kernels::Real;
use ndarray::{Array3, ArrayView3, Axis};

use super::executor::Executor;
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
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch<T: Real> {
    executor: Executor<T>,
}

impl<T: Real> Batch<T> {
    pub(crate) fn new(model: Model<T>, streams: usize) -> Result<Self, Error> {
        if streams == 0 {
            return Err(Error::Range { what: "streams", expected: "at least 1".to_owned(), found: "0".to_owned() });
        }
        Ok(Self { executor: Executor::new(model, streams) })
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
        self.executor.step(features, None)?;
        Ok(self.executor.outputs())
    }

    /// The values of a node after the last step, `[streams, width]`, row-major.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such node; [`Error::Misuse`] if it is inside a program.
    pub fn node(&self, name: &str) -> Result<&[T], Error> {
        let graph = self.model().graph();
        match graph.find(name) {
            Some(id) => {
                self.executor.check_node(id.0)?;
                Ok(self.executor.values(id.0))
            }
            None => Err(Error::Unknown {
                kind: "node",
                name: name.to_owned(),
                available: graph.nodes().iter().map(crate::graph::Node::name).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.executor.reset();
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
