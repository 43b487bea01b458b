//! Settings of a reservoir, and their ranges.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::error::{ReservoirError, check_density, check_entries, check_length, check_range};
use super::topology::{Distribution, OneOrEach, Topology};

/// The recipe for a leaky reservoir `x' = (1 - a) x + a f(W_in u + W_res x + W_fb y + b)`.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `units` | N | - | at least 1 |
/// | `topology` | where `W_res` is not zero | random, density 0.1; `min(1, 5 / N)` below 50 units | density in (0, 1] |
/// | `weight_distribution` | values of `W_res` before scaling | uniform | |
/// | `spectral_radius` | rho of `W_res` | 0.9 | above 0; `None` keeps the values as drawn |
/// | `leak_rate` | a | 1 | (0, 1], one for all units or one per unit |
/// | `input_scaling` | s in `W_in = s R` | 1 | finite, one for all channels or one per channel |
/// | `input_density` | share of `W_in` and `W_fb` that is not zero | 1 | (0, 1] |
/// | `input_distribution` | values of R, also of `W_fb` | uniform | |
/// | `bias_scaling` | b is uniform in `[-s, s]` | 0.1 | at least 0 |
/// | `feedback_scaling` | s in `W_fb = s R` | 1 | finite |
/// | `activation` | f | tanh | |
///
/// Below 50 units the default density is what gives a row five entries, or all there are: with less, many draws have no
/// cycle, and nothing could scale them to a spectral radius.
///
/// The bias is not zero by default because without it a tanh reservoir is an odd function of its input and cannot learn
/// an even one (J. Herteux, C. Räth, "Breaking symmetries of the reservoir equations in echo state networks", 2020).
///
/// # Examples
/// ```
/// use forebay::{random::Seed, reservoir::Reservoir};
///
/// let recipe = Reservoir::new(200).spectral_radius(1.1).leak_rate(0.3).input_scaling(0.5);
/// let weights = recipe.generate(3, 0, &Seed(42))?;
/// assert_eq!((weights.w_in.rows(), weights.w_in.cols()), (200, 3));
/// assert_eq!((weights.w_res.rows(), weights.w_res.cols()), (200, 200));
/// # Ok::<(), forebay::reservoir::ReservoirError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservoir {
    /// Number of units N.
    pub units: usize,
    /// Which units are connected.
    pub topology: Topology,
    /// Values of the recurrent weights before they are scaled.
    pub weight_distribution: Distribution,
    /// Largest modulus of an eigenvalue of the recurrent matrix; `None` keeps the values as drawn.
    pub spectral_radius: Option<f64>,
    /// Leak rate a.
    pub leak_rate: OneOrEach,
    /// Factor of the input weights.
    pub input_scaling: OneOrEach,
    /// Chance of every input and feedback weight to be present.
    pub input_density: f64,
    /// Values of the input and feedback weights before they are scaled.
    pub input_distribution: Distribution,
    /// The bias is uniform between minus and plus this.
    pub bias_scaling: f64,
    /// Factor of the feedback weights.
    pub feedback_scaling: f64,
    /// Activation function f.
    pub activation: Activation,
}

impl fmt::Display for Reservoir {
    /// Size and the parameters that matter most, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topology = match self.topology {
            Topology::Random { density } => format!("density {density}"),
            Topology::FixedDegree { per_row } => format!("{per_row} entries per row"),
            Topology::Cycle => "cycle".to_owned(),
            Topology::Orthogonal => "orthogonal".to_owned(),
        };
        let radius = self.spectral_radius.map_or("as drawn".to_owned(), |rho| format!("spectral radius {rho}"));
        let one = |values: &OneOrEach| match values {
            OneOrEach::One(value) => value.to_string(),
            OneOrEach::Each(_) => "of its own per element".to_owned(),
        };
        let (leak, scaling) = (one(&self.leak_rate), one(&self.input_scaling));
        let Self { units, activation, .. } = self;
        write!(f, "{units} units, {topology}, {radius}, leak rate {leak}, input scaling {scaling}, {activation}")
    }
}

impl Reservoir {
    /// A reservoir with default settings: see the table above.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            topology: Topology::Random { density: (5.0 / units as f64).clamp(0.1, 1.0) },
            weight_distribution: Distribution::Uniform,
            spectral_radius: Some(0.9),
            leak_rate: OneOrEach::One(1.0),
            input_scaling: OneOrEach::One(1.0),
            input_density: 1.0,
            input_distribution: Distribution::Uniform,
            bias_scaling: 0.1,
            feedback_scaling: 1.0,
            activation: Activation::Tanh,
        }
    }

    /// Sets which units are connected.
    #[must_use]
    pub fn topology(self, topology: Topology) -> Self {
        Self { topology, ..self }
    }

    /// Connects units at random with this chance: [`Topology::Random`].
    #[must_use]
    pub fn density(self, density: f64) -> Self {
        self.topology(Topology::Random { density })
    }

    /// Sets the distribution of the recurrent weights.
    #[must_use]
    pub fn weight_distribution(self, weight_distribution: Distribution) -> Self {
        Self { weight_distribution, ..self }
    }

    /// Scales the recurrent weights to this spectral radius.
    #[must_use]
    pub fn spectral_radius(self, spectral_radius: f64) -> Self {
        Self { spectral_radius: Some(spectral_radius), ..self }
    }

    /// Keeps the recurrent weights as they are drawn.
    #[must_use]
    pub fn unscaled(self) -> Self {
        Self { spectral_radius: None, ..self }
    }

    /// Sets the leak rate of all units.
    #[must_use]
    pub fn leak_rate(self, leak_rate: f64) -> Self {
        Self { leak_rate: OneOrEach::One(leak_rate), ..self }
    }

    /// Sets the leak rate of each unit.
    #[must_use]
    pub fn leak_rates(self, leak_rates: Vec<f64>) -> Self {
        Self { leak_rate: OneOrEach::Each(leak_rates), ..self }
    }

    /// Sets the factor of the input weights.
    #[must_use]
    pub fn input_scaling(self, input_scaling: f64) -> Self {
        Self { input_scaling: OneOrEach::One(input_scaling), ..self }
    }

    /// Sets the factor of the input weights of each channel.
    #[must_use]
    pub fn input_scalings(self, input_scalings: Vec<f64>) -> Self {
        Self { input_scaling: OneOrEach::Each(input_scalings), ..self }
    }

    /// Sets the chance of every input and feedback weight to be present.
    #[must_use]
    pub fn input_density(self, input_density: f64) -> Self {
        Self { input_density, ..self }
    }

    /// Sets the distribution of the input and feedback weights.
    #[must_use]
    pub fn input_distribution(self, input_distribution: Distribution) -> Self {
        Self { input_distribution, ..self }
    }

    /// Sets the range of the bias.
    #[must_use]
    pub fn bias_scaling(self, bias_scaling: f64) -> Self {
        Self { bias_scaling, ..self }
    }

    /// Sets the factor of the feedback weights.
    #[must_use]
    pub fn feedback_scaling(self, feedback_scaling: f64) -> Self {
        Self { feedback_scaling, ..self }
    }

    /// Sets the activation function.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Checks every setting that does not depend on the input.
    ///
    /// # Errors
    /// [`ReservoirError::Range`] or [`ReservoirError::Length`] naming the first field that is wrong.
    pub fn check(&self) -> Result<(), ReservoirError> {
        check_range("units", self.units as f64, self.units >= 1 && self.units <= MAX_UNITS, UNITS_RANGE)?;
        match self.topology {
            Topology::Random { density } => check_density("density", density)?,
            Topology::FixedDegree { per_row } => {
                let allowed = per_row >= 1 && per_row <= self.units;
                check_range("per_row", per_row as f64, allowed, "from 1 to the number of units")?;
            }
            Topology::Cycle | Topology::Orthogonal => {}
        }
        if let Some(radius) = self.spectral_radius {
            check_range("spectral_radius", radius, radius > 0.0 && radius.is_finite(), "above 0 and finite")?;
        }
        if let OneOrEach::Each(leak_rates) = &self.leak_rate {
            check_length("leak_rate", leak_rates.len(), self.units, "units")?;
        }
        for &rate in self.leak_rate.as_slice() {
            check_range("leak_rate", rate, rate > 0.0 && rate <= 1.0, "above 0 and at most 1")?;
        }
        for &scaling in self.input_scaling.as_slice() {
            check_range("input_scaling", scaling, scaling.is_finite(), "finite")?;
        }
        check_density("input_density", self.input_density)?;
        let bias = self.bias_scaling;
        check_range("bias_scaling", bias, bias >= 0.0 && bias.is_finite(), "at least 0 and finite")?;
        check_range("feedback_scaling", self.feedback_scaling, self.feedback_scaling.is_finite(), "finite")?;
        self.activation.check()?;
        check_entries("recurrent weights", self.expected_entries())
    }

    /// Checks every setting for an input of this many channels.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`ReservoirError::Length`] if there are not as many input scalings as channels.
    pub fn check_for(&self, inputs: usize) -> Result<(), ReservoirError> {
        self.check()?;
        if let OneOrEach::Each(scalings) = &self.input_scaling {
            check_length("input_scaling", scalings.len(), inputs, "input channels")?;
        }
        check_entries("input weights", self.units as f64 * inputs as f64)
    }

    fn expected_entries(&self) -> f64 {
        let units = self.units as f64;
        match self.topology {
            Topology::Random { density } => units * units * density,
            Topology::FixedDegree { per_row } => units * per_row as f64,
            Topology::Cycle => units,
            Topology::Orthogonal => units * units,
        }
    }
}

/// More units than any matrix here may have: column numbers have 32 bits.
const MAX_UNITS: usize = 1 << 31;
const UNITS_RANGE: &str = "from 1 to 2^31";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Reservoir::new(1).check_for(3), Ok(()));
    }

    #[test]
    fn every_setting_out_of_range_is_named_with_its_value() {
        let base = || Reservoir::new(10);
        let bad = [
            (Reservoir::new(0), "units is 0, must be from 1 to 2^31"),
            (base().density(0.0), "density is 0, must be above 0 and at most 1"),
            (base().density(f64::NAN), "density is NaN, must be above 0 and at most 1"),
            (
                base().topology(Topology::FixedDegree { per_row: 11 }),
                "per_row is 11, must be from 1 to the number of units",
            ),
            (base().spectral_radius(0.0), "spectral_radius is 0, must be above 0 and finite"),
            (base().leak_rate(1.5), "leak_rate is 1.5, must be above 0 and at most 1"),
            (base().leak_rates(vec![0.5; 9]), "leak_rate has 9 values for 10 units"),
            (base().input_scaling(f64::INFINITY), "input_scaling is inf, must be finite"),
            (base().input_scalings(vec![1.0; 2]), "input_scaling has 2 values for 3 input channels"),
            (base().input_density(-0.1), "input_density is -0.1, must be above 0 and at most 1"),
            (base().bias_scaling(-1.0), "bias_scaling is -1, must be at least 0 and finite"),
            (base().feedback_scaling(f64::NAN), "feedback_scaling is NaN, must be finite"),
            (
                base().activation(Activation::BoundedRelu { max: 0.0 }),
                "max of bounded_relu is 0, must be above 0 and finite",
            ),
            (
                base().activation(Activation::LeakyRelu { slope: 1.5 }),
                "slope of leaky_relu is 1.5, must be from 0 to 1",
            ),
            (
                base().activation(Activation::LeakyRelu { slope: f64::NAN }),
                "slope of leaky_relu is NaN, must be from 0 to 1",
            ),
            (Reservoir::new(1 << 20).density(1.0), "recurrent weights is 1099511627776, must be at most 2^32 entries"),
        ];
        for (recipe, text) in bad {
            assert_eq!(recipe.check_for(3).unwrap_err().to_string(), text);
        }
    }

    /// The names are part of the file format.
    #[test]
    fn activations_have_their_names_in_json() {
        let names = [
            (Activation::Tanh, r#""tanh""#),
            (Activation::Identity, r#""identity""#),
            (Activation::BoundedRelu { max: 2.0 }, r#"{"bounded_relu":{"max":2.0}}"#),
            (Activation::Sigmoid, r#""sigmoid""#),
            (Activation::Relu, r#""relu""#),
            (Activation::LeakyRelu { slope: 0.01 }, r#"{"leaky_relu":{"slope":0.01}}"#),
            (Activation::Softplus, r#""softplus""#),
        ];
        for (activation, name) in names {
            assert_eq!(serde_json::to_string(&activation).unwrap(), name);
            assert_eq!(serde_json::from_str::<Activation>(name).unwrap(), activation);
        }
    }

    #[test]
    fn json_keeps_the_recipe_and_refuses_unknown_settings() {
        let recipe = Reservoir::new(5)
            .topology(Topology::FixedDegree { per_row: 2 })
            .leak_rates(vec![0.1, 0.2, 0.3, 0.4, 0.5])
            .activation(Activation::BoundedRelu { max: 2.0 })
            .unscaled();
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Reservoir>(&text).unwrap(), recipe);
        let misspelt = text.replace("leak_rate", "leek_rate");
        assert!(serde_json::from_str::<Reservoir>(&misspelt).unwrap_err().to_string().contains("leek_rate"));
    }
}
