//! Readouts that learn while they run: recursive least squares, least mean squares, and FORCE on a live session.

mod kept;
mod lms;
mod rls;
mod trainer;

pub use lms::Lms;
pub use rls::{Held, Rls};
pub use trainer::{OnlineFeedback, OnlineTrainer};

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2, s};

use crate::error::{Error, written};
use crate::model::Model;

/// A linear readout `y = W phi` that is corrected after every step. Works in f64; updates allocate nothing.
///
/// A correction is made in two halves, so that one that fails, or a failure of somebody else, leaves all as it was:
/// [`prepare`](Self::prepare) works it out, [`commit`](Self::commit) takes it over and cannot fail.
pub trait OnlineLearner {
    /// Number of features F.
    fn features(&self) -> usize;

    /// Number of outputs O.
    fn outputs(&self) -> usize;

    /// The weights, `[outputs, features]`.
    fn weights(&self) -> ArrayView2<'_, f64>;

    /// Works out the correction by one pair and keeps it for [`commit`](Self::commit); the weights stay.
    ///
    /// # Shapes
    /// `features`: `[F]`; `target`: `[O]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], or [`Error::Range`] if the correction would leave the range of f64;
    /// there is nothing to take over then.
    fn prepare(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error>;

    /// Takes over what the last [`prepare`](Self::prepare) worked out; does nothing if there is nothing.
    fn commit(&mut self);

    /// Corrects the weights by one pair.
    ///
    /// # Shapes
    /// `features`: `[F]`; `target`: `[O]`.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); nothing has changed then.
    fn update(&mut self, features: &[f64], target: &[f64]) -> Result<(), Error> {
        self.prepare(features, target)?;
        self.commit();
        Ok(())
    }

    /// `W phi` into `output`.
    ///
    /// # Shapes
    /// `features`: `[F]`; `output`: `[O]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if a length disagrees; `output` is as before.
    fn predict(&self, features: &[f64], output: &mut [f64]) -> Result<(), Error> {
        if features.len() != self.features() {
            return Err(Error::shape("features", self.features(), features.len()));
        }
        if output.len() != self.outputs() {
            return Err(Error::shape("output", self.outputs(), output.len()));
        }
        for (out, row) in output.iter_mut().zip(self.weights().rows()) {
            *out = match row.to_slice() {
                Some(row) => dot(row, features),
                None => dot(&row.to_vec(), features),
            };
        }
        Ok(())
    }
}

/// `a' b` as eight sums, one for each remainder of the index modulo 8, added in pairs. A fixed order, so the same bits on
/// every processor, and independent sums, so that a compiler can put them into vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += a * b;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

/// `errors = target - W phi`.
fn residuals(weights: &Array2<f64>, features: &[f64], target: &[f64], errors: &mut [f64]) {
    let rows = weights.as_slice().expect("made row-major").chunks_exact(features.len());
    for ((error, row), y) in errors.iter_mut().zip(rows).zip(target) {
        *error = y - dot(row, features);
    }
}

/// `next = weights + errors gain'`; false if a number is not finite.
fn correct(weights: &Array2<f64>, errors: &[f64], gain: &[f64], next: &mut Array2<f64>) -> bool {
    let rows = weights.as_slice().expect("made row-major").chunks_exact(gain.len());
    let next = next.as_slice_mut().expect("made row-major").chunks_exact_mut(gain.len());
    let mut finite = true;
    for ((next, row), error) in next.zip(rows).zip(errors) {
        for ((next, w), g) in next.iter_mut().zip(row).zip(gain) {
            *next = w + error * g;
        }
        finite &= next.iter().all(|w| Real::is_finite(*w));
    }
    finite
}

fn check_sizes(features: usize, outputs: usize) -> Result<(), Error> {
    if features == 0 || outputs == 0 {
        return Err(Error::shape(
            "an online learner",
            "at least 1 feature and 1 output",
            format!("{features}, {outputs}"),
        ));
    }
    Ok(())
}

fn check_weights(learner: &impl OnlineLearner, weights: ArrayView2<'_, f64>) -> Result<(), Error> {
    let expected = [learner.outputs(), learner.features()];
    if weights.shape() != expected {
        return Err(Error::shape("weights", format!("{expected:?}"), format!("{:?}", weights.shape())));
    }
    match weights.iter().position(|w| !Real::is_finite(*w)) {
        None => Ok(()),
        Some(index) => Err(Error::non_finite("weights", index, weights[[index / expected[1], index % expected[1]]])),
    }
}

/// A head's weights as its learner has them, `[outputs, 1 + features]`: the intercept stands in front.
///
/// ```
/// use forebay::train::online::{self, Rls};
/// # use forebay::{graph::Graph, model::Model};
/// # let mut g = Graph::builder();
/// # let u = g.input("u", 2);
/// # g.readout("y", [u], 1);
/// # let model = Model::<f64>::generate(g.build()?, 1)?;
/// // Goes on from what the head has learnt so far.
/// let weights = online::weights_of(&model, "y")?;
/// let rls = Rls::new(weights.ncols(), weights.nrows(), 1.0, 1e-6)?.with_weights(weights.view())?;
/// # Ok::<(), forebay::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`] for a head that is not there.
pub fn weights_of<T: Real>(model: &Model<T>, head: &str) -> Result<Array2<f64>, Error> {
    let (weights, bias) = model.readout(head)?;
    let mut together = Array2::zeros((weights.nrows(), 1 + weights.ncols()));
    together.column_mut(0).iter_mut().zip(bias.iter()).for_each(|(to, from)| *to = from.to_f64());
    together.slice_mut(s![.., 1..]).zip_mut_with(&weights, |to, from| *to = from.to_f64());
    Ok(together)
}

fn check_pair(learner: &impl OnlineLearner, features: &[f64], target: &[f64]) -> Result<(), Error> {
    if features.len() != learner.features() {
        return Err(Error::shape("features", learner.features(), features.len()));
    }
    if target.len() != learner.outputs() {
        return Err(Error::shape("target", learner.outputs(), target.len()));
    }
    Error::check_finite("features", features)?;
    Error::check_finite("target", target)
}

fn range(what: &'static str, expected: &str, found: f64) -> Error {
    Error::Range { what, expected: expected.to_owned(), found: written(found) }
}

/// A correction that f64 cannot hold; `largest` is the largest feature or target.
fn out_of_range(features: &[f64], target: &[f64]) -> Error {
    let largest = features.iter().chain(target).fold(0.0_f64, |most, x| most.max(x.abs()));
    range("the scale of features and targets", "such that the correction fits f64: scale them", largest)
}
