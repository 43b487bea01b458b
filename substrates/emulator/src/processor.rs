//! One neural processor: its registers, its memory, and the layer they describe.
//!
//! The layer is computed from the bits as they were received, plane by plane; nothing here comes from what writes programs.
//!
//! # Source
//! specs/device-program.md, "registers" and "neuron memory"; specs/layer-arithmetic.md.

use std::collections::BTreeMap;

/// Words of the register block.
pub(crate) const REGISTERS: usize = 50;
/// Words of the weight memory of a processor that has one.
pub(crate) const WEIGHT_WORDS: usize = 10_752;

/// What one processor was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processor {
    pub(crate) registers: Option<Box<[u32; REGISTERS]>>,
    /// Weight memory, and up to where it was written.
    pub(crate) weights: Vec<u32>,
    /// Other memories, kept as they came: target and start, words.
    pub(crate) others: BTreeMap<(u8, u16), Vec<u32>>,
}

/// A fully connected layer as registers describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerView {
    pub(crate) number: u32,
    /// Bits of an input value.
    pub(crate) input_bits: u32,
    /// Bits of a weight: 1, 2 or 4.
    pub(crate) weight_bits: u32,
    /// Bits of an activation, if there is a staircase.
    pub(crate) activation: Option<u32>,
    /// First and second axis of the input.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) units: usize,
    /// Blocks of 32 inputs, as memory holds them.
    pub(crate) blocks: usize,
    /// Weights come from external memory.
    pub(crate) is_external: bool,
    pub(crate) next: Destination,
    /// Reads what the pass before kept.
    pub(crate) continues: bool,
    /// Lowest and highest column that events come from.
    pub(crate) sources: (u32, u32),
}

/// Where a layer's outputs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Layer {
        number: u32,
        low: u32,
        high: u32,
    },
    /// The next pass.
    Pass,
    Output,
}

impl LayerView {
    /// Reads a register block.
    pub(crate) fn of(registers: &[u32; REGISTERS]) -> Result<Self, &'static str> {
        let r = |at: usize| registers[at];
        let is_external = match r(1) {
            0x0150_0070 => false,
            0x0070_0070 => true,
            _ => return Err("word 1 is that of no fully connected processor"),
        };
        let input_bits = match r(3) & 0xF {
            code @ 0..=2 => 1 << code,
            _ => return Err("inputs of no width"),
        };
        let weight_bits = match r(3) >> 4 & 0xF {
            0x0 => 1,
            0x8 => 2,
            0xA => 4,
            _ => return Err("weights of no width"),
        };
        let act_bits = match r(3) >> 12 & 0b111 {
            code @ 0..=2 => 1 << code,
            _ => return Err("activations of no width"),
        };
        let activation = (r(3) >> 15 & 1 == 1).then_some(act_bits);
        if (r(16) == 0x2000_0000) != activation.is_some() {
            return Err("words 3 and 16 disagree about the activation");
        }
        let units = (r(15) & 0x1_FFFF) as usize;
        let stored = (r(14) & 0xFFFF) as usize;
        if units == 0 || stored == 0 || r(14) >> 31 == 0 {
            return Err("no units or no inputs");
        }
        let planes = planes(weight_bits);
        let blocks = if is_external {
            stored
        } else {
            // Where a pass ends in this processor's input memory, word 14 is the larger of both uses; the weights' own
            // number of blocks follows from their memory.
            let words = (r(17) & 0xF_FFFF) as usize;
            let per_unit = words / units;
            let is_filled = words.is_multiple_of(units) && per_unit > 4 && (per_unit - 4).is_multiple_of(planes);
            if !is_filled || words > WEIGHT_WORDS {
                return Err("a memory size that no units fill");
            }
            (per_unit - 4) / planes
        };
        if blocks > stored {
            return Err("more inputs than the input memory has room for");
        }
        let next = match (r(44), r(45)) {
            (0x0608_0001, _) => Destination::Output,
            (0xFF08_0004, _) => Destination::Pass,
            (0xFF08_0000, to) => Destination::Layer { number: to >> 24, low: to & 0xFF, high: to >> 8 & 0xFF },
            _ => return Err("outputs that go nowhere"),
        };
        if activation.is_none() && next != Destination::Output {
            return Err("potentials for another layer");
        }
        Ok(Self {
            number: r(3) >> 24,
            input_bits,
            weight_bits,
            activation,
            width: r(10) >> 16,
            height: r(10) & 0xFFFF,
            units,
            blocks,
            is_external,
            next,
            continues: r(2) & 0x80 != 0,
            sources: (r(46) & 0xFF, r(46) >> 8 & 0xFF),
        })
    }

    /// Words of weight memory.
    pub(crate) fn memory_words(&self) -> usize {
        self.units * self.words_per_unit()
    }

    fn words_per_unit(&self) -> usize {
        4 + self.blocks * planes(self.weight_bits)
    }

    /// Potentials or activations for inputs by flat index; inputs beyond the last block have no weights.
    pub(crate) fn compute(&self, inputs: &[u8], memory: &[u32]) -> Vec<i32> {
        let sliced = slice(inputs, self.blocks);
        memory.chunks_exact(self.words_per_unit()).map(|unit| self.unit(&sliced, unit)).collect()
    }

    fn unit(&self, inputs: &[[u32; 4]], words: &[u32]) -> i32 {
        let (head, planes) = words.split_at(4);
        let sum = match self.weight_bits {
            1 => weighted(inputs, planes, 1),
            2 => {
                let (positive, negative) = planes.split_at(self.blocks);
                weighted(inputs, positive, 1) - weighted(inputs, negative, 1)
            }
            _ => {
                let (positive, negative) = planes.split_at(3 * self.blocks);
                weighted(inputs, positive, 3) - weighted(inputs, negative, 3)
            }
        };
        let potential = sum.clamp(-(1 << 19), (1 << 19) - 1);
        let Some(bits) = self.activation else { return potential as i32 };
        // The threshold's sign is bit 19.
        let threshold = i64::from((head[0] << 12) as i32 >> 12);
        let above = 16 * (potential - threshold);
        let step = i64::from(head[1] & 0xF_FFFF) << (4 - bits);
        if above <= 0 || step == 0 {
            return 0;
        }
        ((above + step - 1) / step).min((1 << bits) - 1) as i32
    }
}

fn planes(weight_bits: u32) -> usize {
    match weight_bits {
        1 => 1,
        2 => 2,
        _ => 6,
    }
}

/// Inputs as planes: bit `t` of plane `k` of block `b` is bit `k` of input `32 b + t`.
fn slice(inputs: &[u8], blocks: usize) -> Vec<[u32; 4]> {
    let mut sliced = vec![[0; 4]; blocks];
    for (block, values) in sliced.iter_mut().zip(inputs.chunks(32)) {
        for (t, &value) in values.iter().enumerate() {
            for (k, plane) in block.iter_mut().enumerate() {
                *plane |= u32::from(value >> k & 1) << t;
            }
        }
    }
    sliced
}

/// Sum of inputs times magnitudes, whose `depth` bits are planes beside each other in each block.
fn weighted(inputs: &[[u32; 4]], planes: &[u32], depth: usize) -> i64 {
    let mut sum = 0;
    for (input, magnitudes) in inputs.iter().zip(planes.chunks_exact(depth)) {
        for (m, magnitude) in magnitudes.iter().enumerate() {
            for (k, plane) in input.iter().enumerate() {
                sum += i64::from((magnitude & plane).count_ones()) << (m + k);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_weigh_what_they_say() {
        // 7 at input 0, -5 at input 33, over inputs 15 and 3.
        let mut inputs = [0; 64];
        (inputs[0], inputs[33]) = (15, 3);
        let sliced = slice(&inputs, 2);
        let positive = weighted(&sliced, &[1, 1, 1, 0, 0, 0], 3);
        let negative = weighted(&sliced, &[0, 0, 0, 2, 0, 2], 3);
        assert_eq!((positive, negative), (105, 15));
    }
}
