//! What a training run did, as it is kept with the model.

use serde::{Deserialize, Serialize};

use crate::error::{Error, written};
use crate::random::Seed;

/// What a training run did; stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Steps dropped at the start of every series.
    pub washout: usize,
    /// Steps used, over all series: those after the washout that do not have weight 0.
    pub steps: usize,
    /// Sum of their weights; none if no [weights](crate::train::Series::weights) were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Noise in the run that the weights come from, if there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Series that trained nothing because they have no step after the washout; see
    /// [`Training::skip_short_series`](crate::train::Training::skip_short_series).
    #[serde(default)]
    pub skipped: Vec<usize>,
    /// One per head, in the graph's order.
    pub heads: Vec<HeadReport>,
}

/// What training did for one head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadReport {
    /// The head's name.
    pub name: String,
    /// Number of features it reads.
    pub features: usize,
    /// The penalty used; that of the first output if they differ, see [`ridges`](Self::ridges).
    pub ridge: f64,
    /// Penalties per output if they differ: they were given or chosen [per output](crate::train::Ridge::PerOutput), or outputs have targets
    /// at different steps. Empty if `ridge` is that of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ridges: Vec<f64>,
    /// Features that count, see [`RidgeSolution::rank`](crate::train::ridge::RidgeSolution::rank), the fewest of any output; none in models of
    /// earlier versions.
    #[serde(default)]
    pub rank: Option<usize>,
    /// Per output how many of the steps used have no target, and so took no part; empty if all have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlabelled: Vec<usize>,
    /// Root mean square error on the training steps over the target's standard deviation, per output; none (null) for
    /// a constant target, one whose standard deviation is no more than four roundings of its mean.
    ///
    /// Measured: the trained model, its weights rounded to its float type, is run over the series once more with teacher
    /// forcing. Errors and variance are over the steps that have a target, and weighted if steps have weights.
    pub train_nrmse: Vec<Option<f64>>,
}

impl TrainingReport {
    /// Pairs of a step used and an output without a target there, over all heads; see [`Training::masked_targets`](crate::train::Training::masked_targets).
    pub fn unlabelled(&self) -> usize {
        self.heads.iter().flat_map(|head| &head.unlabelled).sum()
    }
}

/// Normal noise that is added while the states run that readouts learn from, and never afterwards; all standard deviations
/// are in the units of what they are added to, 0 for none.
///
/// ```text
/// u~(t) = u(t) + inputs n            what the step reads, and readouts that read the input
/// x(t)  = (1-a) x(t-1) + a f(W_in s(t) + W_res x(t-1) + W_fb y~(t-1) + b) + states n
/// y~(t) = y*(t) + feedback n         what the next step sees of the targets; the targets themselves stay as they are
/// ```
///
/// with s made of u~, and every n drawn anew. The numbers come from the streams `training noise: inputs`,
/// `training noise: feedback` and `training noise: states of NAME` of the seed, in the line of the series among those that are
/// used, step after step: they do not depend on one another, nor on the number of threads.
///
/// ```
/// use forebay::{graph::Graph, model::Model, random::Seed, reservoir::Reservoir, train::{Noise, Series, Training}};
/// use ndarray::Array2;
///
/// let mut g = Graph::builder();
/// let u = g.input("u", 1);
/// let x = g.reservoir("x", u, Reservoir::new(50));
/// g.readout("y", [x], 1);
/// let model = Model::<f64>::generate(g.build()?, 1)?;
/// let u = Array2::from_shape_fn((500, 1), |(t, _)| (0.3 * t as f64).sin());
/// let noise = Noise::new(Seed(1)).states(1e-3);
/// let (_, report) = Training::new().noise(noise).fit(&model, &[Series::new(u.view(), u.view())])?;
/// assert_eq!(report.noise, Some(noise));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Noise {
    /// Of every unit of every reservoir.
    pub states: f64,
    /// Of every input.
    pub inputs: f64,
    /// Of every output that is fed back.
    pub feedback: f64,
    /// From which all of it is drawn.
    pub seed: Seed,
}

impl Noise {
    /// None, until standard deviations are given.
    pub fn new(seed: Seed) -> Self {
        Self { states: 0.0, inputs: 0.0, feedback: 0.0, seed }
    }

    /// Standard deviation of the noise on states.
    #[must_use]
    pub fn states(mut self, deviation: f64) -> Self {
        self.states = deviation;
        self
    }

    /// Standard deviation of the noise on inputs.
    #[must_use]
    pub fn inputs(mut self, deviation: f64) -> Self {
        self.inputs = deviation;
        self
    }

    /// Standard deviation of the noise on what is fed back.
    #[must_use]
    pub fn feedback(mut self, deviation: f64) -> Self {
        self.feedback = deviation;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for (what, deviation) in [
            ("the deviation of noise on states", self.states),
            ("the deviation of noise on inputs", self.inputs),
            ("the deviation of noise on feedback", self.feedback),
        ] {
            if !(deviation >= 0.0 && deviation.is_finite()) {
                let expected = "finite and at least 0".to_owned();
                return Err(Error::Range { what, expected, found: written(deviation) });
            }
        }
        Ok(())
    }
}
