//! Regression of whole sequences: one vector for each, whatever their lengths.

#[cfg(feature = "files")]
mod keep;

use forebay_kernels::Real;
use ndarray::ArrayView2;

use super::Ridge;
use super::classify::{Classifier, Pooling};
use super::score::{Spread, Tally};
use crate::error::Error;
use crate::model::Model;

/// A reservoir whose pooled states give one vector for a whole sequence: `y = W p + b`.
///
/// Every sequence starts from rest. The features p are those that the model's head `head` reads, [pooled](Pooling) over the
/// steps, as those of a [`Classifier`].
///
/// ```
/// use forebay::{graph::Graph, model::Model, reservoir::Reservoir};
/// use forebay::train::{Ridge, classify::Pooling, sequence::SequenceRegression};
/// use ndarray::Array2;
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(30));
/// g.readout("frequency", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 1)?;
/// // How fast is a wave, of 30 to 59 steps?
/// let frequencies = Array2::from_shape_fn((60, 1), |(i, _)| 0.1 + 0.01 * i as f64);
/// let wave = |i: usize| Array2::from_shape_fn((30 + 7 * i % 30, 1), |(t, _)| (frequencies[[i, 0]] * t as f64).sin());
/// let waves: Vec<_> = (0..60).map(wave).collect();
/// let views: Vec<_> = waves.iter().map(|wave| wave.view()).collect();
/// let pooling = [Pooling::Mean, Pooling::Samples(3)];
/// let ridge = Ridge::Fixed(1e-6);
/// let trained = SequenceRegression::fit(&model, "frequency", &pooling, &ridge, &views, frequencies.view())?;
/// assert!(trained.train_nrmse()[0] < Some(0.1));
/// assert!((trained.predict(views[30])?[0] - 0.4).abs() < 0.05);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SequenceRegression<T: Real> {
    scores: Classifier<T>,
    train_nrmse: Vec<Option<f64>>,
}

impl<T: Real> SequenceRegression<T> {
    /// Trains on sequences and the vector that each should give.
    ///
    /// # Shapes
    /// `sequences`: each `[steps, inputs]` with at least one step; `targets`: `[sequences, outputs]`, whatever the outputs
    /// of the head. `pooling`: at least one kind; their features are put one after the other.
    ///
    /// # Errors
    /// [`Error::Unknown`] for the head; [`Error::Shape`], [`Error::NonFinite`] for sequences or targets; [`Error::Train`] for
    /// fewer than two sequences or a penalty that is out of range or does not work. K-fold selection and penalties per
    /// output are not offered here ([`Error::Misuse`]).
    pub fn fit(
        model: &Model<T>,
        head: &str,
        pooling: &[Pooling],
        ridge: &Ridge,
        sequences: &[ArrayView2<'_, T>],
        targets: ArrayView2<'_, T>,
    ) -> Result<Self, Error> {
        let (count, outputs) = (sequences.len(), targets.ncols());
        if targets.nrows() != count || outputs == 0 {
            let expected = format!("[{count}, outputs], a row for every sequence and at least one output");
            return Err(Error::shape("targets", expected, format!("{:?}", targets.shape())));
        }
        if let Some(((row, column), value)) = targets.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::non_finite("targets", row * outputs + column, *value));
        }
        let target = |sequence: usize, to: &mut [f64]| {
            to.iter_mut().zip(targets.row(sequence)).for_each(|(to, from)| *to = from.to_f64());
        };
        let scores = Classifier::learn(model, head, pooling, ridge, sequences, outputs, target)?;
        let spreads = targets.columns().into_iter().map(|column| Spread::of(column.iter().map(|y| y.to_f64())));
        let mut tally = Tally::new(count, spreads.collect());
        scores.replay(sequences, |sequence, found| {
            for (output, (y, target)) in found.iter().zip(targets.row(sequence)).enumerate() {
                tally.add(sequence, output, y - target.to_f64());
            }
        })?;
        Ok(Self { scores, train_nrmse: tally.nrmse() })
    }

    /// The vector for a sequence, `[outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::NonFinite`] for a sequence that does not fit.
    pub fn predict(&self, sequence: ArrayView2<'_, T>) -> Result<Vec<f64>, Error> {
        self.scores.scores(sequence)
    }

    /// The penalty used.
    pub fn ridge(&self) -> f64 {
        self.scores.ridge()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.scores.classes()
    }

    /// Root mean square error over the sequences it was trained on, over the target's standard deviation, per output; none for
    /// a constant target. Measured on what [`predict`](Self::predict) gives.
    pub fn train_nrmse(&self) -> &[Option<f64>] {
        &self.train_nrmse
    }
}
