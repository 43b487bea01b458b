//! The 50 registers of a processor that computes a fully connected layer.
//!
//! They follow from the chain alone: a builder writes them, a reader takes the few fields that it needs to know the chain
//! and then compares the whole block with what a builder would have written.
//!
//! Words without a name here are zero. What the constants mean is not known, only that they do not change between fully
//! connected layers.
//!
//! # Source
//! specs/device-program.md, "registers" \[T\].

use crate::device::{Device, Np, NpKind};
use crate::layer::{Bits, InputShape};
use crate::neuron::{blocks, words_per_neuron};

/// Words of the block.
pub const REGISTERS: usize = 50;

/// A layer in its place: all of a chain that registers depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) inputs: usize,
    pub(crate) units: usize,
    pub(crate) weight_bits: Bits,
    pub(crate) input_bits: Bits,
    pub(crate) act_bits: Bits,
    pub(crate) activation: bool,
    pub(crate) np: Np,
    pub(crate) pass: usize,
}

/// What a layer's registers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerRegisters {
    /// Layer within its pass, counted from 1.
    pub(crate) number: u8,
    pub(crate) np: Np,
    pub(crate) shape: InputShape,
    pub(crate) inputs: usize,
    pub(crate) units: usize,
    pub(crate) memory_words: usize,
    pub(crate) weight_bits: Bits,
    pub(crate) input_bits: Bits,
    pub(crate) act_bits: Bits,
    pub(crate) activation: bool,
    /// Lowest and highest column that events come from.
    pub(crate) sources: (u8, u8),
    pub(crate) next: Next,
    /// Whether the layer reads what the pass before left in the loop processor's input memory.
    pub(crate) continues: bool,
    pub(crate) loops: Option<Loop>,
}

/// Where a layer's outputs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To the processor of the next layer, in this column.
    Layer { col: u8 },
    /// To the loop processor, whose input memory keeps them for the next pass.
    Pass { col: u8 },
    /// To the event DMA.
    Output,
}

/// What the layer on the loop processor needs to keep for the next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    pub(crate) layers_in_pass: u8,
    /// Units and activation width of the pass's last layer.
    pub(crate) last_units: usize,
    pub(crate) last_act_bits: Bits,
}

/// What a reader takes from a block before it knows the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadRegisters {
    pub(crate) units: usize,
    pub(crate) weight_bits: Bits,
    pub(crate) input_bits: Bits,
    pub(crate) act_bits: Bits,
    pub(crate) activation: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl LayerRegisters {
    /// The registers of one layer of a chain in which no pass is empty.
    pub(crate) fn of(device: Device, shape: InputShape, chain: &[Link], index: usize) -> Self {
        let layer = chain[index];
        let first = index == 0;
        let in_pass = |links: &[Link]| links.iter().filter(|link| link.pass == layer.pass).count() as u8;
        let begins_pass = first || chain[index - 1].pass != layer.pass;
        let loop_np = device.fnp3()[0];
        let next = match chain.get(index + 1) {
            None => Next::Output,
            Some(next) if next.pass == layer.pass => Next::Layer { col: next.np.col },
            Some(_) => Next::Pass { col: loop_np.col },
        };
        let sources = match index.checked_sub(1).map(|before| chain[before].np.col) {
            None => (device.dma().0, device.dma().0),
            Some(col) if begins_pass => (col.min(loop_np.col), col.max(loop_np.col)),
            Some(col) => (col, col),
        };
        let ends_pass = chain.iter().rposition(|link| link.pass == layer.pass).unwrap_or(index);
        let loops = (layer.np == loop_np && ends_pass + 1 < chain.len()).then(|| {
            let last = chain[ends_pass];
            Loop { layers_in_pass: in_pass(chain), last_units: last.units, last_act_bits: last.act_bits }
        });
        Self {
            number: in_pass(&chain[..=index]),
            np: layer.np,
            shape: if first { shape } else { InputShape::flat(layer.inputs as u32) },
            inputs: layer.inputs,
            units: layer.units,
            memory_words: layer.units * words_per_neuron(layer.weight_bits, layer.inputs),
            weight_bits: layer.weight_bits,
            input_bits: layer.input_bits,
            act_bits: layer.act_bits,
            activation: layer.activation,
            sources,
            next,
            continues: begins_pass && !first,
            loops,
        }
    }

    pub(crate) fn encode(&self, device: Device) -> [u32; REGISTERS] {
        let (dma_col, dma_row) = device.dma();
        let own = u32::from(self.np.col);
        let span = |low: u8, high: u8| u32::from(high) << 8 | u32::from(low);
        let in_own_memory = self.np.kind == NpKind::Fnp3;
        let number = u32::from(self.number);
        let mut words = [0; REGISTERS];
        words[1] = if in_own_memory { 0x0150_0070 } else { 0x0070_0070 };
        words[2] = if self.continues { 0x80 } else { 0 };
        words[3] = number << 24
            | 0x0001_0000
            | u32::from(self.activation) << 15
            | self.act_bits.code() << 12
            | weight_code(self.weight_bits)
            | self.input_bits.code();
        let mut input_blocks = blocks(self.inputs);
        if let Some(Loop { layers_in_pass, last_units, last_act_bits }) = self.loops {
            input_blocks = input_blocks.max(blocks(last_units));
            words[4] = input_blocks as u32;
            words[32] = (u32::from(layers_in_pass) + 1) << 24 | last_act_bits.code() << 4 | 7;
            words[34] = 0x0001_0001;
            words[35] = 1;
        }
        words[6] = 0x0404_0000;
        words[10] = self.shape.width << 16 | self.shape.height;
        words[11] = (self.shape.width * self.shape.height) << 12;
        words[12] = 0x5200_0000;
        words[13] = 0x10;
        words[14] = 0x8000_0000 | input_blocks as u32;
        words[15] = self.units as u32;
        words[16] = if self.activation { 0x2000_0000 } else { 0 };
        words[17] = if in_own_memory { 0x0010_0000 | self.memory_words as u32 } else { 0 };
        words[37] = 0xFF00_0000;
        let (kind, destination, col) = match self.next {
            Next::Layer { col } => (0xFF08_0000, (number + 1) << 24 | span(col, col), col),
            Next::Pass { col } => (0xFF08_0004, (number + 1) << 24 | span(col, col), col),
            Next::Output => (0x0608_0001, 0xFF10_0000 | span(dma_row, dma_col), dma_col),
        };
        words[44] = kind;
        words[45] = destination;
        words[46] = span(self.sources.0, self.sources.1);
        words[47] = own.max(col.into()) << 8 | own.min(col.into());
        if !in_own_memory {
            // The config DMA is number 1 of its node.
            words[49] = 1 << 17 | span(dma_row, dma_col);
        }
        words
    }

    /// The fields of a block, if they are ones.
    pub(crate) fn decode(words: &[u32; REGISTERS]) -> Option<ReadRegisters> {
        let power = |code: u32| Bits::from_count(1 << code);
        let weight_bits =
            [Bits::One, Bits::Two, Bits::Four].into_iter().find(|b| weight_code(*b) == words[3] & 0xF0)?;
        Some(ReadRegisters {
            units: (words[15] & 0x0001_FFFF) as usize,
            weight_bits,
            input_bits: power(words[3] & 0xF)?,
            act_bits: power(words[3] >> 12 & 0b111)?,
            activation: words[3] >> 15 & 1 == 1,
            width: words[10] >> 16 & 0x7FF,
            height: words[10] & 0x7FF,
        })
    }
}

fn weight_code(bits: Bits) -> u32 {
    match bits {
        Bits::One => 0x00,
        Bits::Two => 0x80,
        Bits::Four => 0xA0,
    }
}
