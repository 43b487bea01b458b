//! Programs of chains in the reference's words, for the cases that every substrate shares.

use forebay_substrate::Refusal;
use forebay_substrate::reference::Chain;

use super::{BuildError, Program, ProgramBuilder};
use crate::device::Device;
use crate::layer::{Bits, InputShape, Layer, Staircase};

impl Program {
    /// Writes the program of a chain with a flat input.
    ///
    /// # Errors
    /// As [`ProgramBuilder::build`]; [`BuildError::Refused`] for widths that no layer has.
    pub fn of_chain(device: Device, chain: &Chain) -> Result<Self, BuildError> {
        let name = |index: usize| format!("layer {index}");
        let weight_bits = |index, found: u8| {
            let refusal = Refusal::WeightBits { layer: name(index), found: found.into() };
            Bits::from_count(found.into()).ok_or(refusal)
        };
        let value_bits = |index, found: u8| {
            let refusal = Refusal::InputBits { layer: name(index), found: found.into() };
            Bits::from_count(found.into()).ok_or(refusal)
        };
        let shape = InputShape::flat(chain.inputs as u32);
        let mut builder = ProgramBuilder::new(device, shape, value_bits(0, chain.input_bits)?);
        let mut inputs = chain.inputs;
        for (index, layer) in chain.layers.iter().enumerate() {
            let (bits, weights) = (weight_bits(index, layer.weight_bits)?, layer.weights.clone());
            builder = builder.layer(match &layer.activation {
                None => Layer::potentials(name(index), inputs, layer.units, bits, weights)?,
                Some(activation) => {
                    let thresholds = activation.thresholds.iter().map(|&t| i64::from(t)).collect();
                    let steps = activation.steps_16.iter().map(|&s| s as f32 / 16.0).collect();
                    let act_bits = value_bits(index + 1, activation.bits)?;
                    let staircase = Staircase { thresholds, steps };
                    Layer::activations(name(index), inputs, layer.units, bits, weights, act_bits, staircase)?
                }
            });
            inputs = layer.units;
        }
        builder.build()
    }
}
