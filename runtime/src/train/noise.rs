//! Noise in the run that training sums up.

use forebay_kernels::Real;

use crate::graph::Op;
use crate::model::Model;
use crate::random::{Seed, Stream};
use crate::report::Noise;

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
            for value in values.iter_mut() {
                *value += T::from_f64(self.deviation * self.here.normal());
            }
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
