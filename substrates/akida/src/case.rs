//! Layers from JSON.
//!
//! ```json
//! {"device": "AKD1000", "input_shape": [1, 1, 2], "input_bits": 4,
//!  "layers": [{"inputs": 2, "units": 3, "weights_bits": 4, "activation": false, "act_bits": 4,
//!              "weights": "70e18a", "threshold": null, "act_step": null}]}
//! ```
//!
//! `weights` has one hexadecimal digit per weight, the weight plus 7, input slow and unit fast. `threshold` and `act_step`
//! have one number per unit where there is an activation. Other fields are ignored.

use std::borrow::Cow;

use forebay_substrate::Refusal;
use serde::Deserialize;

use crate::device::{Device, UnknownDevice};
use crate::layer::{Bits, InputShape, Layer, Staircase};
use crate::program::{BuildError, Program, ProgramBuilder};

/// A chain of layers for a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    device: Device,
    shape: InputShape,
    input_bits: u32,
    layers: Vec<CaseLayer>,
}

/// Why JSON is no chain of layers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// No JSON, or none with these fields.
    #[error("not a layer file")]
    Json(#[from] serde_json::Error),
    /// A device that is not known.
    #[error(transparent)]
    Device(#[from] UnknownDevice),
    /// A number of values that does not fit.
    #[error("layer {layer}: {what} must be {expected}, found {found}")]
    Layer {
        /// Layer, counted from 0.
        layer: usize,
        /// Which field.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
}

#[derive(Deserialize)]
struct Raw<'a> {
    device: String,
    input_shape: [u32; 3],
    input_bits: u32,
    #[serde(borrow)]
    layers: Vec<RawLayer<'a>>,
}

#[derive(Deserialize)]
struct RawLayer<'a> {
    #[serde(default)]
    name: Option<String>,
    inputs: usize,
    units: usize,
    weights_bits: u32,
    activation: bool,
    act_bits: u32,
    #[serde(borrow)]
    weights: Cow<'a, str>,
    threshold: Option<Vec<i64>>,
    act_step: Option<Vec<f32>>,
}

#[derive(Clone, Debug, PartialEq)]
struct CaseLayer {
    name: String,
    inputs: usize,
    units: usize,
    weight_bits: u32,
    act_bits: u32,
    weights: Vec<i8>,
    staircase: Option<Staircase>,
}

impl Case {
    /// Reads a chain.
    ///
    /// # Errors
    /// [`CaseError`] naming the layer and field.
    pub fn from_json(json: &[u8]) -> Result<Self, CaseError> {
        let raw: Raw<'_> = serde_json::from_slice(json)?;
        let [width, height, channels] = raw.input_shape;
        let layers = raw.layers.into_iter().enumerate().map(|(index, layer)| read_layer(index, layer));
        Ok(Self {
            device: raw.device.parse()?,
            shape: InputShape { width, height, channels },
            input_bits: raw.input_bits,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Writes the chain's program.
    ///
    /// # Errors
    /// As [`ProgramBuilder::build`]; widths that no layer can have are refused as the device's compiler does.
    pub fn build(&self) -> Result<Program, BuildError> {
        // Of the layer that would read such values; the last one's name where none does.
        let name = |index: usize| {
            self.layers.get(index).or(self.layers.last()).map_or(String::new(), |layer| layer.name.clone())
        };
        // Inputs that FullyConnected cannot follow are refused when it is added, others when it is mapped.
        let Some(input_bits) = Bits::from_count(self.input_bits) else {
            let (layer, found) = (name(0), self.input_bits);
            return Err(BuildError::Refused(match found {
                5.. => Refusal::AfterWideOutput { layer },
                _ => Refusal::InputBits { layer, found },
            }));
        };
        let mut builder = ProgramBuilder::new(self.device, self.shape, input_bits);
        for (index, layer) in self.layers.iter().enumerate() {
            let CaseLayer { inputs, units, weight_bits, act_bits, .. } = *layer;
            let weight_bits = Bits::from_count(weight_bits)
                .ok_or_else(|| Refusal::WeightBits { layer: layer.name.clone(), found: weight_bits })?;
            let act_bits = Bits::from_count(act_bits).ok_or_else(|| match act_bits {
                5.. => Refusal::AfterWideOutput { layer: name(index + 1) },
                _ => Refusal::InputBits { layer: name(index + 1), found: act_bits },
            })?;
            builder = builder.layer(Layer {
                name: layer.name.clone(),
                inputs,
                units,
                weight_bits,
                weights: layer.weights.clone(),
                act_bits,
                activation: layer.staircase.clone(),
            });
        }
        builder.build()
    }
}

fn read_layer(index: usize, raw: RawLayer<'_>) -> Result<CaseLayer, CaseError> {
    let wrong = |what, expected: String, found: String| CaseError::Layer { layer: index, what, expected, found };
    let RawLayer { inputs, units, .. } = raw;
    let expected = inputs.saturating_mul(units);
    let digits = raw.weights.as_bytes();
    if digits.len() != expected {
        return Err(wrong("number of weights", expected.to_string(), digits.len().to_string()));
    }
    let mut weights = vec![0; digits.len()];
    for (position, &digit) in digits.iter().enumerate() {
        let Some(value) = char::from(digit).to_digit(16) else {
            return Err(wrong("a weight", "a hexadecimal digit".to_owned(), format!("{:?}", char::from(digit))));
        };
        let (input, unit) = (position / units, position % units);
        weights[unit * inputs + input] = value as i8 - 7;
    }
    let staircase = match (raw.activation, raw.threshold, raw.act_step) {
        (false, ..) => None,
        (true, Some(thresholds), Some(steps)) => Some(Staircase { thresholds, steps }),
        (true, ..) => {
            let expected = format!("{units} numbers each where there is an activation");
            return Err(wrong("threshold and act_step", expected, "null".to_owned()));
        }
    };
    let name = raw.name.unwrap_or_else(|| format!("fc_{}", index + 1));
    let (weight_bits, act_bits) = (raw.weights_bits, raw.act_bits);
    Ok(CaseLayer { name, inputs, units, weight_bits, act_bits, weights, staircase })
}

/// Reads the field `inputs`: values of samples, one after the other.
///
/// # Errors
/// [`CaseError::Json`] if there is no such list of numbers up to 255.
pub fn inputs_from_json(json: &[u8]) -> Result<Vec<u8>, CaseError> {
    #[derive(Deserialize)]
    struct Inputs {
        inputs: Vec<u8>,
    }
    Ok(serde_json::from_slice::<Inputs>(json)?.inputs)
}
