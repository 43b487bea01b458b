//! The hyper-parameters of a task's network, and the ranges a search draws them from.

use forebay::graph::{Graph, Products};
use forebay::random::Stream;
use forebay::reservoir::{Activation, Reservoir, Topology};
use forebay::search;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of one reservoir and its readout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Reservoir units N.
    pub units: usize,
    /// Recurrent connections.
    pub topology: Topology,
    /// Spectral radius of the recurrent weights.
    pub spectral_radius: f64,
    /// Leak rate, in (0, 1].
    pub leak_rate: f64,
    /// Factor of the input weights; inputs are standardised.
    pub input_scaling: f64,
    /// Bound of the units' random bias.
    pub bias_scaling: f64,
    /// Ridge penalty on the Gram matrix.
    pub ridge: f64,
    /// Whether the readout also sees the squares of the states.
    pub squares: bool,
    /// The units' function.
    pub activation: Activation,
}

impl Settings {
    /// Input u, reservoir x, and a readout on `[u, x]` or `[u, x, x^2]` with intercept, named `input`, `reservoir`,
    /// `output`.
    ///
    /// # Errors
    /// [`forebay::Error`] for a setting out of range.
    pub fn network(&self, inputs: usize, outputs: usize) -> Result<Graph, forebay::Error> {
        let recipe = Reservoir::new(self.units)
            .topology(self.topology)
            .spectral_radius(self.spectral_radius)
            .leak_rate(self.leak_rate)
            .input_scaling(self.input_scaling)
            .bias_scaling(self.bias_scaling)
            .activation(self.activation);
        let mut g = Graph::builder();
        let u = g.input("input", inputs);
        let x = g.reservoir("reservoir", u, recipe);
        if self.squares {
            let squares = g.products("squares", x, Products::Squares);
            g.readout("output", [u, x, squares], outputs);
        } else {
            g.readout("output", [u, x], outputs);
        }
        g.build()
    }
}

/// How a number is drawn from its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Every value alike.
    Linear,
    /// Every order of magnitude alike.
    Logarithmic,
}

/// A range of one hyper-parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
    /// How it is drawn.
    pub scale: Scale,
}

impl Span {
    /// A range whose values are all alike.
    pub const fn linear(low: f64, high: f64) -> Self {
        Self { low, high, scale: Scale::Linear }
    }

    /// A range whose orders of magnitude are all alike.
    pub const fn logarithmic(low: f64, high: f64) -> Self {
        Self { low, high, scale: Scale::Logarithmic }
    }

    /// The same as a range of a search; one value alone is a choice of it.
    fn range(&self) -> Result<search::Range, search::RangeError> {
        match self.scale {
            _ if self.low == self.high => search::Range::choice([format!("{:?}", self.low)]),
            Scale::Linear => search::Range::linear(self.low, self.high),
            Scale::Logarithmic => search::Range::logarithmic(self.low, self.high),
        }
    }

    /// Draws a value, with three significant digits so that it can be written down.
    pub fn draw(&self, stream: &mut Stream) -> f64 {
        let value = match self.scale {
            Scale::Linear => stream.uniform_in(self.low, self.high),
            Scale::Logarithmic => libm::exp(stream.uniform_in(libm::log(self.low), libm::log(self.high))),
        };
        format!("{value:.2e}").parse().unwrap_or(value)
    }
}

/// The ranges of a task's hyper-parameters; what is not here stays as in the stored settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Spectral radius.
    pub spectral_radius: Span,
    /// Leak rate; values above 1 count as 1, so that a range beyond it prefers no leak.
    pub leak_rate: Span,
    /// Input scaling.
    pub input_scaling: Span,
    /// Bias scaling.
    pub bias_scaling: Span,
    /// Ridge penalty.
    pub ridge: Span,
    /// Topologies, one of which is drawn.
    pub topologies: &'static [Topology],
}

impl Space {
    /// The same as ranges of a [search](forebay::search), topologies as their [labels](crate::search::topology_label).
    ///
    /// # Errors
    /// [`search::SpaceError`] for a span that is none.
    pub fn ranges(&self) -> Result<search::Space, search::SpaceError> {
        let spans = [
            ("spectral_radius", self.spectral_radius),
            ("leak_rate", self.leak_rate),
            ("input_scaling", self.input_scaling),
            ("bias_scaling", self.bias_scaling),
            ("ridge", self.ridge),
        ];
        let named = |name: &str, range: Result<search::Range, search::RangeError>| match range {
            Ok(range) => Ok((name.to_owned(), range)),
            Err(source) => Err(search::SpaceError::Range { name: name.to_owned(), source }),
        };
        let mut ranges = spans.iter().map(|(name, span)| named(name, span.range())).collect::<Result<Vec<_>, _>>()?;
        if !self.topologies.is_empty() {
            let labels = self.topologies.iter().map(crate::search::topology_label);
            ranges.push(named("topology", search::Range::choice(labels))?);
        }
        search::Space::new(ranges)
    }

    /// Draws settings; `base` gives what the space does not range over.
    pub fn draw(&self, base: &Settings, stream: &mut Stream) -> Settings {
        let topology = self.topologies.get(stream.below(self.topologies.len().max(1) as u64) as usize);
        Settings {
            topology: topology.copied().unwrap_or(base.topology),
            spectral_radius: self.spectral_radius.draw(stream),
            leak_rate: self.leak_rate.draw(stream).min(1.0),
            input_scaling: self.input_scaling.draw(stream),
            bias_scaling: self.bias_scaling.draw(stream),
            ridge: self.ridge.draw(stream),
            ..base.clone()
        }
    }
}
