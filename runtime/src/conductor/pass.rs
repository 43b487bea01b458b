//! One stream through a model, of which only some nodes are wanted.

use forebay_kernels::Real;
use ndarray::ArrayView2;

use crate::error::Error;
use crate::execute::{Session, Snapshot};
use crate::graph::Op;
use crate::model::Model;
use crate::train::replay::{Feedback, Stretches, replay};

/// A session whose readouts are left out, with the values of the chosen nodes.
#[derive(Clone, Debug)]
pub(super) struct Pass<T: Real> {
    session: Session<T>,
    nodes: Vec<String>,
    /// Of the last step, one node after the other.
    values: Vec<T>,
    /// Zeros in place of the readouts' outputs; none if those are fed back, and so are needed.
    idle: Option<Vec<T>>,
}

impl<T: Real> Pass<T> {
    /// At rest.
    pub(super) fn new(model: &Model<T>, nodes: &[String]) -> Result<Self, Error> {
        let session = model.session();
        let widths = nodes.iter().map(|name| session.node(name).map(<[T]>::len));
        let width = match widths.sum::<Result<usize, Error>>()? {
            0 => return Err(Error::shape("the nodes that heads read", "at least one", "none")),
            width => width,
        };
        let graph = model.graph();
        let feeds_back = graph.nodes().iter().any(|node| matches!(node.op(), Op::Reservoir { feedback: Some(_), .. }));
        let idle = (!feeds_back).then(|| vec![T::ZERO; graph.outputs()]);
        Ok(Self { session, nodes: nodes.to_vec(), values: vec![T::ZERO; width], idle })
    }

    pub(super) fn model(&self) -> &Model<T> {
        self.session.model()
    }

    /// Goes on where a session of the same model is.
    pub(super) fn with_session(self, session: Session<T>) -> Self {
        Self { session, ..self }
    }

    pub(super) fn session(&self) -> &Session<T> {
        &self.session
    }

    pub(super) fn nodes(&self) -> &[String] {
        &self.nodes
    }

    pub(super) fn steps(&self) -> u64 {
        self.session.steps()
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    pub(super) fn step(&mut self, features: &[T]) -> Result<(), Error> {
        let Self { session, nodes, values, idle } = self;
        match idle {
            Some(idle) => session.drive(features, idle)?,
            None => drop(session.step(features)?),
        }
        let mut rest = &mut values[..];
        for name in nodes {
            let node = session.node(name)?;
            let (to, after) = rest.split_at_mut(node.len());
            to.copy_from_slice(node);
            rest = after;
        }
        Ok(())
    }

    /// Goes on over a series and calls `take(step of the series, pass)` after every step.
    pub(super) fn run(
        &mut self,
        inputs: ArrayView2<'_, T>,
        mut take: impl FnMut(usize, &Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut row = Vec::with_capacity(inputs.ncols());
        for (step, input) in inputs.rows().into_iter().enumerate() {
            row.clear();
            row.extend(input.iter().copied());
            self.step(&row)?;
            take(step, self)?;
        }
        Ok(())
    }

    /// Runs the stretches of a series from rest side by side, and calls `take(stretch, step of the series, values)` after
    /// every step. The pass stays where it is.
    pub(super) fn replay(
        &self,
        inputs: ArrayView2<'_, T>,
        stretches: &Stretches<T>,
        mut take: impl FnMut(usize, usize, &[T]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let feedback = if self.idle.is_some() { Feedback::Nothing } else { Feedback::Own };
        let graph = self.model().graph();
        let nodes: Vec<usize> = self.nodes.iter().filter_map(|name| graph.find(name)).map(|id| id.0).collect();
        let mut values = Vec::with_capacity(self.values.len());
        replay(self.model(), &[inputs], &feedback, stretches, |moment| {
            values.clear();
            values.extend(nodes.iter().flat_map(|&node| moment.values(node)).copied());
            take(moment.stretch, moment.step, &values)
        })
    }

    pub(super) fn snapshot(&self) -> Snapshot<T> {
        self.session.snapshot()
    }

    pub(super) fn snapshot_into(&self, snapshot: &mut Snapshot<T>) {
        self.session.snapshot_into(snapshot);
    }

    pub(super) fn restore(&mut self, snapshot: &Snapshot<T>) -> Result<(), Error> {
        self.session.restore(snapshot)
    }

    pub(super) fn reset(&mut self) {
        self.session.reset();
    }
}
