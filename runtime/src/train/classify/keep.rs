//! A classifier, kept.

use forebay_kernels::Real;
use ndarray::{Array1, Array2};

use super::{Classifier, Pooling};
use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::keep::{self, Content, KeepError, OfModel, Reader, Writer, must};

impl<T: Real> Content for Classifier<T> {
    const KIND: &'static str = keep::CLASSIFIER;

    fn write(&self, to: &mut Writer) -> Result<(), Error> {
        to.model(&self.model)?;
        let graph = self.model.graph();
        to.text(readouts(graph).find(|(_, sources)| *sources == self.sources).map_or("", |(name, _)| name));
        to.count(self.pooling.len());
        for pooling in &self.pooling {
            match *pooling {
                Pooling::Mean => to.tag(0),
                Pooling::Last => to.tag(1),
                Pooling::Samples(count) => {
                    to.tag(2);
                    to.count(count);
                }
            }
        }
        to.count(self.classes());
        to.floats(&self.weights);
        to.floats(&self.bias);
        to.float(self.ridge);
        to.count(self.training_errors);
        Ok(())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        let model = from.model::<T>()?;
        let head = from.text("name of the head")?;
        let found = readouts(model.graph()).find(|(name, _)| *name == head);
        let (_, sources) = found.ok_or_else(|| KeepError::content("name of the head", "is not in its model"))?;
        let width: usize = sources.iter().map(|&node| model.graph().nodes()[node].width()).sum();

        let kinds = from.count("number of kinds of pooling", 1, usize::MAX)?;
        from.must_have("kinds of pooling", kinds, 1)?;
        let kind = |_| {
            Ok(match from.tag("kind of pooling", 3)? {
                0 => Pooling::Mean,
                1 => Pooling::Last,
                _ => Pooling::Samples(from.count("number of samples", 0, usize::MAX)?),
            })
        };
        let pooling = (0..kinds).map(kind).collect::<Result<Vec<_>, KeepError>>()?;
        let copies = pooling.iter().fold(0, |sum: usize, pooling| sum.saturating_add(pooling.copies()));
        must(copies > 0, "kinds of pooling", || "have no sample")?;

        let features = width.saturating_mul(copies);
        let classes = from.count("number of classes", 1, usize::MAX)?;
        let weights = from.floats("weights", classes.saturating_mul(features))?;
        let weights = Array2::from_shape_vec((classes, features), weights);
        let weights = weights.map_err(|why| KeepError::content("weights", why))?;
        let bias = Array1::from(from.floats("bias", classes)?);
        let ridge = from.float_that("ridge", "at least 0", |ridge| ridge >= 0.0)?;
        let training_errors = from.count("number of training errors", 0, usize::MAX)?;
        Ok(Self { model, sources, width, pooling, weights, bias, ridge, training_errors })
    }
}

impl<T: Real> OfModel<T> for Classifier<T> {}

/// Names of all heads with the nodes that they read.
fn readouts(graph: &Graph) -> impl Iterator<Item = (&str, Vec<usize>)> {
    graph.nodes().iter().filter_map(|node| match node.op() {
        Op::Readout { sources, .. } => Some((node.name(), sources.iter().map(|id| id.0).collect())),
        _ => None,
    })
}
