//! What a device can run, operation by operation.

use forebay_substrate::{Op, Refusal, Support};

use crate::device::{Device, FNP3_WORDS, NpKind};
use crate::layer::Bits;
use crate::neuron::words_per_neuron;

/// Whether a device runs an operation, at which cost, or why not.
///
/// # Errors
/// The [`Refusal`] that building a program would give.
pub fn supports(device: Device, op: &Op) -> Result<Support, Refusal> {
    let free =
        |place: &str| Support { exact: true, place: place.to_owned(), memory_words: 0, memory_limit_words: None };
    match *op {
        Op::MatMul { inputs, units, weight_bits, input_bits } => {
            let layer = || "product".to_owned();
            let bits = |count: u8| Bits::from_count(count.into());
            let weights =
                bits(weight_bits).ok_or_else(|| Refusal::WeightBits { layer: layer(), found: weight_bits.into() })?;
            bits(input_bits).ok_or_else(|| match input_bits {
                ..=4 => Refusal::InputBits { layer: layer(), found: input_bits.into() },
                _ => Refusal::AfterWideOutput { layer: layer() },
            })?;
            let limit = device.max_inputs();
            if inputs > limit {
                return Err(Refusal::Inputs { layer: layer(), found: inputs, limit });
            }
            if units >> 17 != 0 {
                return Err(Refusal::Field { layer: layer(), value: units as u64, bits: 17 });
            }
            let words = units * words_per_neuron(weights, inputs);
            let kind = if words <= FNP3_WORDS { NpKind::Fnp3 } else { NpKind::Fnp2 };
            Ok(Support {
                exact: true,
                place: kind.to_string(),
                memory_words: words as u64,
                memory_limit_words: kind.memory_words().map(|words| words as u64),
            })
        }
        Op::BoundedRelu { bits } => match Bits::from_count(bits.into()) {
            Some(_) => Ok(free("with the product before it")),
            None => Err(Refusal::Operation { op: op.name(), reason: "activations have 1, 2 or 4 bits" }),
        },
        Op::Concat | Op::Delay => {
            Err(Refusal::Operation { op: op.name(), reason: "a program is one chain without memory between samples" })
        }
        Op::Bias => Err(Refusal::Operation { op: op.name(), reason: "it has no raw sum with a constant" }),
        Op::Tanh | Op::Leak | Op::Products | Op::FloatMatMul => {
            Err(Refusal::Operation { op: op.name(), reason: "it multiplies and adds integers only" })
        }
    }
}
