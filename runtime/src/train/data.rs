//! The series of a training run, and the heads that learn from them together.

use forebay_kernels::Real;
use ndarray::ArrayView2;

use super::replay::{Feedback, Stretches, replay};
use super::score::{Spread, Tally};
use crate::error::Error;
use crate::graph::{NodeId, Op};
use crate::model::Model;

/// Inputs and targets of the same steps.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a, T> {
    /// `[steps, inputs]`.
    pub inputs: ArrayView2<'a, T>,
    /// `[steps, outputs]`, all heads one after the other; row t is what the readouts should give at step t.
    pub targets: ArrayView2<'a, T>,
}

impl<'a, T> Series<'a, T> {
    /// Pairs inputs `[steps, inputs]` with targets `[steps, outputs]`.
    pub fn new(inputs: ArrayView2<'a, T>, targets: ArrayView2<'a, T>) -> Self {
        Self { inputs, targets }
    }
}

/// Series that fit the model, each longer than the washout.
pub(super) struct Data<'a, T> {
    pub(super) series: Vec<Series<'a, T>>,
    pub(super) washout: usize,
}

impl<'a, T: Real> Data<'a, T> {
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.series.iter().map(|series| series.inputs.nrows()).collect()
    }

    /// Steps after the washout, over all series.
    pub(super) fn steps(&self) -> usize {
        self.lengths().iter().map(|steps| steps - self.washout).sum()
    }

    /// Series and step of a step after the washout, numbered over all series.
    pub(super) fn place(&self, mut used: usize) -> (usize, usize) {
        for (series, steps) in self.lengths().into_iter().enumerate() {
            let here = steps - self.washout;
            if used < here {
                return (series, self.washout + used);
            }
            used -= here;
        }
        (self.series.len(), 0)
    }

    pub(super) fn inputs(&self) -> Vec<ArrayView2<'a, T>> {
        self.series.iter().map(|series| series.inputs).collect()
    }

    pub(super) fn targets(&self) -> Vec<ArrayView2<'a, T>> {
        self.series.iter().map(|series| series.targets).collect()
    }

    /// How a target varies over the steps after the washout.
    pub(super) fn spread(&self, column: usize) -> Option<Spread> {
        let rows = |series: &'_ Series<'a, T>| self.washout..series.inputs.nrows();
        let values = self.series.iter().flat_map(|series| rows(series).map(move |t| series.targets[[t, column]]));
        Spread::of(values.map(Real::to_f64))
    }

    /// Root mean square error over the target's standard deviation, per output, of a model run over the series.
    pub(super) fn errors(&self, model: &Model<T>, stretches: &Stretches<T>) -> Result<Vec<Option<f64>>, Error> {
        let outputs = model.graph().outputs();
        let spreads = (0..outputs).map(|column| self.spread(column)).collect();
        let mut tally = Tally::new(stretches.list().len(), spreads);
        replay(model, &self.inputs(), &Feedback::Targets(self.targets()), stretches, |moment| {
            if moment.step >= self.washout {
                let targets = self.series[moment.series].targets.row(moment.step);
                for (output, (y, target)) in moment.outputs().iter().zip(targets).enumerate() {
                    tally.add(moment.stretch, output, y.to_f64() - target.to_f64());
                }
            }
            Ok(())
        })?;
        Ok(tally.nrmse())
    }
}

/// Heads that read the same nodes.
pub(super) struct Group {
    sources: Vec<NodeId>,
    pub(super) features: usize,
    pub(super) outputs: usize,
    /// Node, first column in the targets, width.
    pub(super) heads: Vec<(NodeId, usize, usize)>,
}

pub(super) fn groups<T: Real>(model: &Model<T>) -> Vec<Group> {
    let graph = model.graph();
    let mut groups: Vec<Group> = Vec::new();
    for head in graph.heads() {
        let Op::Readout { sources, .. } = graph.nodes()[head.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let entry = (head.node, head.offset, head.width);
        match groups.iter_mut().find(|group| group.sources == *sources) {
            Some(group) => {
                group.heads.push(entry);
                group.outputs += head.width;
            }
            None => groups.push(Group {
                sources: sources.clone(),
                features: sources.iter().map(|id| graph.nodes()[id.0].width()).sum(),
                outputs: head.width,
                heads: vec![entry],
            }),
        }
    }
    groups
}

impl Group {
    /// Runs every series from rest and hands each step after the washout, numbered over all series, to `take`,
    /// together with the function that writes its features and targets. Notes the states where stretches begin.
    pub(super) fn drive<T: Real>(
        &self,
        model: &Model<T>,
        data: &Data<'_, T>,
        stretches: &mut Stretches<T>,
        mut take: impl FnMut(usize, &mut dyn FnMut(&mut [f64], &mut [f64])),
    ) -> Result<(), Error> {
        let mut session = model.session();
        let (mut input, mut target) = (Vec::new(), Vec::new());
        let mut used = 0;
        for (index, series) in data.series.iter().enumerate() {
            session.reset();
            for (t, (u, y)) in series.inputs.rows().into_iter().zip(series.targets.rows()).enumerate() {
                stretches.note(index, t, || session.snapshot());
                input.clear();
                input.extend(u.iter().copied());
                target.clear();
                target.extend(y.iter().copied());
                session.drive(&input, &target)?;
                if t >= data.washout {
                    take(used, &mut |features, targets| {
                        self.features(|node| session.node_values(node), features);
                        let wanted = self.columns().map(|column| target[column].to_f64());
                        targets.iter_mut().zip(wanted).for_each(|(to, from)| *to = from);
                    });
                    used += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes the features, given the values of nodes.
    pub(super) fn features<'v, T: Real>(&self, values: impl Fn(usize) -> &'v [T], features: &mut [f64]) {
        let values = self.sources.iter().flat_map(|id| values(id.0));
        features.iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
    }

    /// Columns of the targets that are the outputs of this group, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.heads.iter().flat_map(|&(_, offset, width)| offset..offset + width)
    }
}

/// That a series has the model's inputs and outputs, and holds numbers.
pub(super) fn check<T: Real>(model: &Model<T>, index: usize, series: &Series<'_, T>) -> Result<(), Error> {
    let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
    let steps = series.inputs.nrows();
    for (what, array, expected) in
        [("inputs", &series.inputs, [steps, inputs]), ("targets", &series.targets, [steps, outputs])]
    {
        if array.shape() != expected {
            let what = format!("{what} of series {index}");
            return Err(Error::shape(what, format!("{expected:?}"), format!("{:?}", array.shape())));
        }
        if let Some(((row, column), value)) = array.indexed_iter().find(|(_, v)| !v.is_finite()) {
            let (what, index) = (format!("{what} of series {index}"), row * expected[1] + column);
            return Err(Error::non_finite(&what, index, *value));
        }
    }
    Ok(())
}
