//! Classification of whole sequences by ridge regression on one-hot targets.

#[cfg(feature = "files")]
mod keep;

use forebay_kernels::Real;
use ndarray::{Array1, Array2, ArrayView2};

use super::replay::{Feedback, Stretches, replay};
use super::select::{self, argmax};
use super::{Gram, Ridge, TrainError};
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
    training_errors: usize,
}

/// The features of one sequence, gathered step by step.
#[derive(Clone, Debug)]
struct Pooled {
    step: usize,
    steps: usize,
    features: Vec<f64>,
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
    /// class or a penalty out of range, an empty grid, or a penalty that does not work. K-fold selection is not offered
    /// here ([`Error::Misuse`]).
    pub fn fit(
        model: &Model<T>,
        head: &str,
        pooling: &[Pooling],
        ridge: &Ridge,
        sequences: &[ArrayView2<'_, T>],
        labels: &[usize],
        classes: usize,
    ) -> Result<Self, Error> {
        if labels.len() != sequences.len() {
            return Err(Error::shape("labels", format!("{} (one per sequence)", sequences.len()), labels.len()));
        }
        if let Some((sequence, &class)) = labels.iter().enumerate().find(|(_, class)| **class >= classes) {
            return Err(TrainError::Class { sequence, class, classes }.into());
        }
        let mut classifier = Self::learn(model, head, pooling, ridge, sequences, classes, |sequence, targets| {
            targets.fill(0.0);
            targets[labels[sequence]] = 1.0;
        })?;
        let mut errors = 0;
        classifier.replay(sequences, |sequence, scores| errors += usize::from(argmax(scores) != labels[sequence]))?;
        classifier.training_errors = errors;
        Ok(classifier)
    }

    /// Trains scores on sequences, for each of which `target` writes what they should be.
    pub(super) fn learn(
        model: &Model<T>,
        head: &str,
        pooling: &[Pooling],
        ridge: &Ridge,
        sequences: &[ArrayView2<'_, T>],
        outputs: usize,
        mut target: impl FnMut(usize, &mut [f64]),
    ) -> Result<Self, Error> {
        ridge.check_without_folds(WHY_NO_FOLDS)?;
        let found = model.head(head)?;
        let Op::Readout { sources, .. } = model.graph().nodes()[found.node.0].op() else {
            unreachable!("a head is a readout");
        };
        let copies: usize = pooling.iter().map(|p| p.copies()).sum();
        if copies == 0 {
            return Err(Error::shape("pooling", "at least one kind, with at least one sample", "none"));
        }
        let mut classifier = Self {
            sources: sources.iter().map(|id| id.0).collect(),
            width: sources.iter().map(|id| model.graph().nodes()[id.0].width()).sum(),
            pooling: pooling.to_vec(),
            weights: Array2::zeros((0, 0)),
            bias: Array1::zeros(0),
            ridge: 0.0,
            training_errors: 0,
            model: model.clone(),
        };
        let mut gram = Gram::new(classifier.width * copies, outputs).with_form(model.form());
        let mut session = model.session();
        for (number, sequence) in sequences.iter().enumerate() {
            let pooled = classifier.pool(&mut session, *sequence)?;
            gram.push(|features, targets| {
                features.copy_from_slice(&pooled);
                target(number, targets);
            });
        }
        let solution = select::solve(gram, ridge, WHY_NO_FOLDS)?;
        classifier.weights = solution.weights;
        classifier.bias = solution.bias;
        classifier.ridge = solution.ridge;
        Ok(classifier)
    }

    /// Runs sequences side by side, and hands over the scores of each at its end.
    pub(super) fn replay(
        &self,
        sequences: &[ArrayView2<'_, T>],
        mut take: impl FnMut(usize, &[f64]),
    ) -> Result<(), Error> {
        let lengths: Vec<usize> = sequences.iter().map(ArrayView2::nrows).collect();
        let mut pooled: Vec<Option<Pooled>> = vec![None; sequences.len()];
        // Only sequences under way have features in memory; a sequence that is one stretch begins at rest.
        replay(&self.model, sequences, &Feedback::Own, &Stretches::whole(&lengths), |moment| {
            let sequence = moment.series;
            let under_way = pooled[sequence].get_or_insert_with(|| self.start(lengths[sequence]));
            self.add(under_way, |node| moment.values(node));
            if moment.step + 1 == lengths[sequence] {
                take(sequence, &self.scores_of(&under_way.features));
                pooled[sequence] = None;
            }
            Ok(())
        })
    }

    /// The penalty used.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// How many of the training sequences it [classifies](Self::classify) wrongly.
    pub fn training_errors(&self) -> usize {
        self.training_errors
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
        Ok(self.scores_of(&self.pool(&mut self.model.session(), sequence)?))
    }

    fn scores_of(&self, pooled: &[f64]) -> Vec<f64> {
        let score = |(row, bias): (ndarray::ArrayView1<'_, f64>, &f64)| {
            bias + row.iter().zip(pooled).map(|(w, x)| w * x).sum::<f64>()
        };
        self.weights.rows().into_iter().zip(&self.bias).map(score).collect()
    }

    /// The class with the largest score.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn classify(&self, sequence: ArrayView2<'_, T>) -> Result<usize, Error> {
        Ok(argmax(&self.scores(sequence)?))
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
        Ok(argmax(&total))
    }

    fn pool(&self, session: &mut Session<T>, sequence: ArrayView2<'_, T>) -> Result<Vec<f64>, Error> {
        let steps = sequence.nrows();
        if steps == 0 {
            return Err(Error::shape("sequence", "at least one step", 0));
        }
        session.reset();
        let mut pooled = self.start(steps);
        session.run_with(sequence, |session| self.add(&mut pooled, |node| session.node_values(node)))?;
        Ok(pooled.features)
    }

    /// Before the first of so many steps.
    fn start(&self, steps: usize) -> Pooled {
        let copies: usize = self.pooling.iter().map(|p| p.copies()).sum();
        Pooled { step: 0, steps, features: vec![0.0; self.width * copies] }
    }

    /// Takes up the next step, given the values of nodes.
    fn add<'v>(&self, pooled: &mut Pooled, values: impl Fn(usize) -> &'v [T]) {
        let Pooled { step, steps, features } = pooled;
        let state = || self.sources.iter().flat_map(|&node| values(node)).map(|v| v.to_f64());
        let mut copies = features.chunks_exact_mut(self.width);
        for pooling in &self.pooling {
            match *pooling {
                Pooling::Mean => {
                    let mean = copies.next().unwrap_or_default();
                    mean.iter_mut().zip(state()).for_each(|(sum, x)| *sum += x / *steps as f64);
                }
                Pooling::Last => {
                    let last = copies.next().unwrap_or_default();
                    if *step + 1 == *steps {
                        last.iter_mut().zip(state()).for_each(|(to, x)| *to = x);
                    }
                }
                Pooling::Samples(count) => {
                    for (k, sample) in (1..=count).zip(&mut copies) {
                        // Sample k of n ends the k-th of n equal parts; short sequences repeat steps.
                        if (k * *steps).div_ceil(count) == *step + 1 {
                            sample.iter_mut().zip(state()).for_each(|(to, x)| *to = x);
                        }
                    }
                }
            }
        }
        *step += 1;
    }
}

/// Why a penalty cannot be chosen with folds of steps.
const WHY_NO_FOLDS: &str = "sequences are not steps of one series: folds of steps do not apply";
