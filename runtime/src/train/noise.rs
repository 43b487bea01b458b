//! Noise in the run that training sums up.

use forebay_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::Op;
use crate::model::Model;
use crate::random::{Seed, Stream};

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

    pub(super) fn check(&self) -> Result<(), Error> {
        for (what, deviation) in [
            ("the deviation of noise on states", self.states),
            ("the deviation of noise on inputs", self.inputs),
            ("the deviation of noise on feedback", self.feedback),
        ] {
            if !(deviation >= 0.0 && deviation.is_finite()) {
                let expected = "finite and at least 0".to_owned();
                return Err(Error::Range { what, expected, found: deviation.to_string() });
            }
        }
        Ok(())
    }
}

/// The noise of one run.
pub(super) struct Source {
    inputs: Channel,
    feedback: Channel,
    /// Per node; none but for reservoirs.
    states: Vec<Option<Channel>>,
}

struct Channel {
    deviation: f64,
    whole: Stream,
    here: Stream,
}

impl Channel {
    fn new(noise: &Noise, deviation: f64, name: &str) -> Self {
        let whole = noise.seed.stream(&format!("training noise: {name}"));
        Self { deviation, here: whole.at(0, 0), whole }
    }

    fn add<T: Real>(&mut self, values: &mut [T]) {
        if self.deviation > 0.0 {
            values.iter_mut().for_each(|value| *value = *value + T::from_f64(self.deviation * self.here.normal()));
        }
    }
}

impl Source {
    /// Without noise everything stays as it is, in every bit.
    pub(super) fn new<T: Real>(noise: Option<&Noise>, model: &Model<T>) -> Self {
        let none = Noise::new(Seed(0));
        let noise = noise.unwrap_or(&none);
        let of_node = |node: &crate::graph::Node| {
            let is_reservoir = matches!(node.op(), Op::Reservoir { .. }) && noise.states > 0.0;
            is_reservoir.then(|| Channel::new(noise, noise.states, &format!("states of {}", node.name())))
        };
        Self {
            inputs: Channel::new(noise, noise.inputs, "inputs"),
            feedback: Channel::new(noise, noise.feedback, "feedback"),
            states: model.graph().nodes().iter().map(of_node).collect(),
        }
    }

    /// Goes to the start of a series.
    pub(super) fn begin(&mut self, series: usize) {
        let states = self.states.iter_mut().flatten();
        for channel in [&mut self.inputs, &mut self.feedback].into_iter().chain(states) {
            channel.here = channel.whole.at(series as u64, 0);
        }
    }

    pub(super) fn on_inputs<T: Real>(&mut self, values: &mut [T]) {
        self.inputs.add(values);
    }

    pub(super) fn on_feedback<T: Real>(&mut self, values: &mut [T]) {
        self.feedback.add(values);
    }

    pub(super) fn on_state<T: Real>(&mut self, node: usize, values: &mut [T]) {
        if let Some(channel) = &mut self.states[node] {
            channel.add(values);
        }
    }
}
