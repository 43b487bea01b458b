//! A fully connected layer as a user gives it.

use std::fmt;
use std::ops::RangeInclusive;

use forebay_substrate::Refusal;
use serde::Serialize;

use crate::neuron;
use crate::program::BuildError;

/// A width of weights, activations or inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "u32")]
pub enum Bits {
    /// 1 bit.
    One,
    /// 2 bits.
    Two,
    /// 4 bits.
    Four,
}

impl Bits {
    /// The number of bits.
    pub fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// The width of this number of bits, if there is one.
    pub fn from_count(count: u32) -> Option<Self> {
        match count {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            _ => None,
        }
    }

    /// How registers name it: the binary logarithm.
    pub(crate) fn code(self) -> u32 {
        self.count().ilog2()
    }

    /// Largest unsigned value.
    pub fn max(self) -> u8 {
        ((1_u16 << self.count()) - 1) as u8
    }

    /// Weights of this width: 0..=1, -1..=1 or -7..=7.
    pub fn weight_range(self) -> RangeInclusive<i8> {
        match self {
            Self::One => 0..=1,
            Self::Two => -1..=1,
            Self::Four => -7..=7,
        }
    }
}

impl From<Bits> for u32 {
    fn from(bits: Bits) -> Self {
        bits.count()
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

/// Shape of a program's input; element `(x, y, channel)` is input `x + width * (y + height * channel)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct InputShape {
    /// First axis.
    pub width: u32,
    /// Second axis.
    pub height: u32,
    /// Third axis.
    pub channels: u32,
}

impl InputShape {
    /// One row of inputs.
    pub fn flat(inputs: u32) -> Self {
        Self { width: 1, height: 1, channels: inputs }
    }

    /// Number of inputs, saturating.
    pub fn len(self) -> usize {
        let sides = u64::from(self.width) * u64::from(self.height);
        usize::try_from(sides.saturating_mul(u64::from(self.channels))).unwrap_or(usize::MAX)
    }

    /// Whether an axis is empty.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether all inputs lie along the channels.
    pub(crate) fn is_flat(self) -> bool {
        self.width == 1 && self.height == 1
    }

    /// Reorders a sample from `[width, height, channels]` with channels fastest to the order of input indices.
    pub fn to_flat(self, sample: &[u8]) -> Vec<u8> {
        let (width, height, channels) = (self.width as usize, self.height as usize, self.channels as usize);
        let mut flat = vec![0; sample.len()];
        for (position, &value) in sample.iter().enumerate() {
            let (x, y, channel) = (position / (height * channels), position / channels % height, position % channels);
            if let Some(to) = flat.get_mut(x + width * (y + height * channel)) {
                *to = value;
            }
        }
        flat
    }
}

/// One fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name for messages.
    pub name: String,
    /// Inputs per unit.
    pub inputs: usize,
    /// Number of units.
    pub units: usize,
    /// Width of the weights.
    pub weight_bits: Bits,
    /// `[units, inputs]`, unit slow.
    pub weights: Vec<i8>,
    /// Width of the activations; stored even if there is no staircase.
    pub act_bits: Bits,
    /// What makes activations of the potentials; raw potentials without it.
    pub activation: Option<Staircase>,
}

/// `y = clamp(ceil((P - threshold) / (step * 2^(4 - bits))), 0, 2^bits - 1)` per unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Staircase {
    /// Signed 20 bits each.
    pub thresholds: Vec<i64>,
    /// From 1/16 to below 65536, in sixteenths; a finer part is cut off.
    pub steps: Vec<f32>,
}

impl Layer {
    /// A layer that gives its raw potentials; only the last one of a chain may.
    ///
    /// # Shapes
    /// `weights`: `[units, inputs]`, unit slow.
    ///
    /// # Errors
    /// [`BuildError::Shape`] or [`BuildError::Weight`].
    pub fn potentials(
        name: impl Into<String>,
        inputs: usize,
        units: usize,
        weight_bits: Bits,
        weights: Vec<i8>,
    ) -> Result<Self, BuildError> {
        let name = name.into();
        let layer = Self { name, inputs, units, weight_bits, weights, act_bits: Bits::One, activation: None };
        layer.check()?;
        Ok(layer)
    }

    /// A layer that gives activations.
    ///
    /// # Shapes
    /// `weights`: `[units, inputs]`, unit slow; the staircase has one entry per unit.
    ///
    /// # Errors
    /// [`BuildError::Shape`] or [`BuildError::Weight`].
    pub fn activations(
        name: impl Into<String>,
        inputs: usize,
        units: usize,
        weight_bits: Bits,
        weights: Vec<i8>,
        act_bits: Bits,
        staircase: Staircase,
    ) -> Result<Self, BuildError> {
        let layer =
            Self { name: name.into(), inputs, units, weight_bits, weights, act_bits, activation: Some(staircase) };
        layer.check()?;
        Ok(layer)
    }

    /// The layer's neuron memory, as a program stores it.
    pub fn neuron_words(&self) -> Vec<u32> {
        neuron::encode(self)
    }

    /// Lengths and weights; what a device holds is asked when the program is built.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let shape = |what: &'static str, expected: usize, found: usize| BuildError::Shape {
            layer: self.name.clone(),
            what,
            expected,
            found,
        };
        if self.inputs == 0 || self.units == 0 {
            return Err(shape("inputs and units", 1, self.inputs.min(self.units)));
        }
        let expected = self.inputs.saturating_mul(self.units);
        if self.weights.len() != expected {
            return Err(shape("weights", expected, self.weights.len()));
        }
        let range = self.weight_bits.weight_range();
        if let Some(index) = self.weights.iter().position(|weight| !range.contains(weight)) {
            let (layer, value, bits) = (self.name.clone(), self.weights[index], self.weight_bits.count());
            return Err(BuildError::Weight { layer, index, value, bits });
        }
        if let Some(Staircase { thresholds, steps }) = &self.activation {
            if thresholds.len() != self.units {
                return Err(shape("thresholds", self.units, thresholds.len()));
            }
            if steps.len() != self.units {
                return Err(shape("steps", self.units, steps.len()));
            }
        }
        Ok(())
    }

    /// Whether the registers and memory hold the layer's numbers.
    pub(crate) fn check_fields(&self, shape: Option<InputShape>) -> Result<(), Refusal> {
        let field = |value: usize, bits: u8| {
            if value >> bits == 0 {
                return Ok(());
            }
            Err(Refusal::Field { layer: self.name.clone(), value: value as u64, bits })
        };
        if let Some(shape) = shape {
            field(shape.width as usize, 11)?;
            field(shape.height as usize, 11)?;
        }
        field(self.units, 17)?;
        let Some(Staircase { thresholds, steps }) = &self.activation else { return Ok(()) };
        if let Some(&found) = thresholds.iter().find(|t| !(-(1 << 19)..1 << 19).contains(*t)) {
            return Err(Refusal::Threshold { layer: self.name.clone(), found });
        }
        if let Some(&found) = steps.iter().find(|s| !(0.0625..65536.0).contains(*s)) {
            return Err(Refusal::Step { layer: self.name.clone(), found });
        }
        Ok(())
    }
}
