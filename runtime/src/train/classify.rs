//! Classification of whole sequences by ridge regression on one-hot targets.

use forebay_kernels::Real;
use ndarray::{Array1, Array2, ArrayView2};

use super::ridge::{self, Penalties};
use super::{Gram, Ridge, Selection, TrainError};
use crate::error::Error;
use crate::execute::Session;
use crate::graph::Op;
use crate::model::Model;

/// How the states of a sequence become one feature vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over the steps.
    Mean,
    /// The last step's.
    Last,
    /// The states at this many evenly spaced steps, the last one included, one after the other.
    ///
    /// Source: Jaeger, Lukosevicius, Popovici, Siewert, Neural Networks 20, 335 (2007), the D-segment scheme.
    Samples(usize),
}

impl Pooling {
    fn copies(self) -> usize {
        match self {
            Self::Mean | Self::Last => 1,
            Self::Samples(count) => count,
        }
    }
}

/// A reservoir whose pooled states are classified linearly.
///
/// Every sequence starts from rest. The features are those that the model's head `head` reads, pooled over the steps;
/// the class is the output with the largest score, the first of equals.
#[derive(Clone, Debug)]
pub struct Classifier<T: Real> {
    model: Model<T>,
    sources: Vec<usize>,
    width: usize,
    pooling: Vec<Pooling>,
    /// `[classes, features]`.
    weights: Array2<f64>,
    bias: Array1<f64>,
    ridge: f64,
}

impl<T: Real> Classifier<T> {
    /// Trains on labelled sequences.
    ///
    /// # Shapes
    /// `sequences`: each `[steps, inputs]` with at least one step; `labels`: one class number, from 0, per sequence.
    /// `pooling`: at least one kind; their features are put one after the other.
    ///
    /// # Errors
    /// [`Error::Unknown`] for the head; [`Error::Shape`], [`Error::NonFinite`] for a sequence; [`Error::Train`] for a
    /// class out of range or a penalty that does not work. K-fold selection is not offered here
    /// ([`Error::Misuse`]).
    pub fn fit(
        model: &Model<T>,
        head: &str,
        pooling: &[Pooling],
        ridge: &Ridge,
        sequences: &[ArrayView2<'_, T>],
        labels: &[usize],
        classes: usize,
    ) -> Result<Self, Error> {
        let found = model.head(head)?;
        let Op::Readout { sources, .. } = model.graph().nodes()[found.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let copies: usize = pooling.iter().map(|p| p.copies()).sum();
        if copies == 0 {
            return Err(Error::shape("pooling", "at least one kind, with at least one sample", "none"));
        }
        if labels.len() != sequences.len() {
            return Err(Error::shape("labels", format!("{} (one per sequence)", sequences.len()), labels.len()));
        }
        if let Some((sequence, &class)) = labels.iter().enumerate().find(|(_, class)| **class >= classes) {
            return Err(TrainError::Class { sequence, class, classes }.into());
        }
        let mut classifier = Self {
            sources: sources.iter().map(|id| id.0).collect(),
            width: sources.iter().map(|id| model.graph().nodes()[id.0].width()).sum(),
            pooling: pooling.to_vec(),
            weights: Array2::zeros((0, 0)),
            bias: Array1::zeros(0),
            ridge: 0.0,
            model: model.clone(),
        };
        let mut gram = Gram::new(classifier.width * copies, classes);
        let mut session = model.session();
        for (sequence, &label) in sequences.iter().zip(labels) {
            let pooled = classifier.pool(&mut session, *sequence)?;
            gram.push(|features, targets| {
                features.copy_from_slice(&pooled);
                targets.fill(0.0);
                targets[label] = 1.0;
            });
        }
        let solution = match ridge {
            Ridge::Fixed(ridge) => ridge::solve(gram, *ridge)?,
            Ridge::Grid { values, selection: Selection::Gcv } => {
                let mut penalties = Penalties::new(gram)?;
                let scored = values.iter().map(|&ridge| penalties.gcv(ridge)).collect::<Result<Vec<_>, _>>()?;
                let largest = values.iter().copied().fold(0.0, f64::max);
                let finite = scored.into_iter().filter(|(c, _)| c.score.is_finite());
                let best = finite.min_by(|(a, _), (b, _)| a.score.total_cmp(&b.score));
                best.ok_or(TrainError::NoCandidate { largest })?.1
            }
            Ridge::Grid { selection: Selection::KFold(_), .. } => {
                return Err(Error::Misuse {
                    what: "sequences are not steps of one series: folds of steps do not apply",
                    instead: "choose the ridge by generalised cross-validation, or on held-out sequences".to_owned(),
                });
            }
        };
        classifier.weights = solution.weights;
        classifier.bias = solution.bias;
        classifier.ridge = solution.ridge;
        Ok(classifier)
    }

    /// The penalty used.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// One score per class; targets in training were 1 for the class and 0 for the others.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for a sequence that does not fit.
    pub fn scores(&self, sequence: ArrayView2<'_, T>) -> Result<Vec<f64>, Error> {
        let pooled = self.pool(&mut self.model.session(), sequence)?;
        let score = |(row, bias): (ndarray::ArrayView1<'_, f64>, &f64)| {
            bias + row.iter().zip(&pooled).map(|(w, x)| w * x).sum::<f64>()
        };
        Ok(self.weights.rows().into_iter().zip(&self.bias).map(score).collect())
    }

    /// The class with the largest score.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn classify(&self, sequence: ArrayView2<'_, T>) -> Result<usize, Error> {
        Ok(largest(&self.scores(sequence)?))
    }

    /// The class with the largest score summed over several classifiers.
    ///
    /// # Errors
    /// As [`scores`](Self::scores); [`Error::Shape`] without classifiers or with different numbers of classes.
    pub fn vote(classifiers: &[Self], sequence: ArrayView2<'_, T>) -> Result<usize, Error> {
        let classes = classifiers.first().map_or(0, Self::classes);
        if classes == 0 || classifiers.iter().any(|c| c.classes() != classes) {
            return Err(Error::shape(
                "a vote",
                "at least one classifier, all with the same classes",
                classifiers.len(),
            ));
        }
        let mut total = vec![0.0; classes];
        for classifier in classifiers {
            total.iter_mut().zip(classifier.scores(sequence)?).for_each(|(sum, score)| *sum += score);
        }
        Ok(largest(&total))
    }

    fn pool(&self, session: &mut Session<T>, sequence: ArrayView2<'_, T>) -> Result<Vec<f64>, Error> {
        let steps = sequence.nrows();
        if steps == 0 {
            return Err(Error::shape("sequence", "at least one step", 0));
        }
        session.reset();
        let mut states = Vec::with_capacity(steps * self.width);
        session.run_with(sequence, |session| {
            let values = self.sources.iter().flat_map(|&node| session.node_values(node));
            states.extend(values.map(|v| v.to_f64()));
        })?;
        let row = |t: usize| &states[t * self.width..(t + 1) * self.width];
        let mut pooled = Vec::with_capacity(self.width * self.pooling.iter().map(|p| p.copies()).sum::<usize>());
        for pooling in &self.pooling {
            match *pooling {
                Pooling::Last => pooled.extend_from_slice(row(steps - 1)),
                Pooling::Samples(count) => {
                    // Sample k of n ends the k-th of n equal parts; short sequences repeat steps.
                    let at = |k: usize| (k * steps).div_ceil(count) - 1;
                    (1..=count).for_each(|k| pooled.extend_from_slice(row(at(k))));
                }
                Pooling::Mean => {
                    let start = pooled.len();
                    pooled.resize(start + self.width, 0.0);
                    for t in 0..steps {
                        pooled[start..].iter_mut().zip(row(t)).for_each(|(sum, x)| *sum += x / steps as f64);
                    }
                }
            }
        }
        Ok(pooled)
    }
}

/// Index of the largest value, the first of equals.
fn largest(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}
