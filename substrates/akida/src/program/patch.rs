//! Single weights changed in place: in the file, and as writes to a device.

use forebay_substrate::{SubstrateError, WeightPatch};
use serde::Serialize;

use super::{Program, read};
use crate::device::{Np, NpKind};
use crate::neuron::weight_words;
use crate::packet::{Header, TARGET_WEIGHTS};

/// A word of neuron memory that a patch changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WordChange {
    /// Layer, counted from 0.
    pub layer: usize,
    /// Word of the layer's neuron memory.
    pub word: usize,
    /// Byte of the file where the word begins.
    pub byte_offset: usize,
    /// What was there.
    pub old: u32,
    /// What is there now.
    pub new: u32,
}

/// A patch of something that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// No such layer, input or unit.
    #[error("there is no {what} {index}: the program has {count}")]
    Index {
        /// `layer`, `input` or `unit`.
        what: &'static str,
        /// The index given.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A value that the layer's weights cannot have.
    #[error("a weight of {bits} bits is {min} to {max}, found {value}")]
    Value {
        /// Width of the weights.
        bits: u32,
        /// Smallest.
        min: i8,
        /// Largest.
        max: i8,
        /// The value given.
        value: i8,
    },
}

impl PatchError {
    /// The same in a substrate's words, for the patch at this place of a slice.
    pub fn at(self, place: usize) -> SubstrateError {
        match self {
            Self::Index { what, index, count } => SubstrateError::Index { what, index, count },
            Self::Value { min, max, value, .. } => {
                let (min, max, found) = (min.into(), max.into(), value.into());
                SubstrateError::Range { what: "weight", min, max, found, index: place }
            }
        }
    }
}

/// How much of a processor's own weight memory a patch rewrites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocks {
    /// All of it from address 0, as the maker's loader does: the safe form.
    #[default]
    Whole,
    /// The changed words in blocks aligned to three words, which are two rows of the memory. Whether silicon takes
    /// partial writes, and counts addresses in 32-bit words, is not known.
    Minimal,
}

/// What a driver writes to change a running program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceWrite {
    /// Words of a weight image in external memory.
    Image {
        /// The processor whose image it is.
        np: Np,
        /// First word of the image.
        word: usize,
        /// The words.
        words: Vec<u32>,
    },
    /// A configuration packet, header and payload.
    Packet {
        /// The words.
        words: Vec<u32>,
    },
    /// Words of the program data that a driver keeps on the device: with several passes processors are configured from
    /// there again and again, and what a packet changed would be lost with the next pass.
    Kept {
        /// Byte of the first word, counted from the second half's prefix as all offsets in a program.
        offset: usize,
        /// The words.
        words: Vec<u32>,
    },
}

/// Words of a block that holds whole rows of the weight memory.
const ROW_WORDS: usize = 3;

impl Program {
    /// Checks that a patch can be made.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn check_patch(&self, patch: &WeightPatch) -> Result<(), PatchError> {
        let &WeightPatch { layer, input, unit, value } = patch;
        let index =
            |what, index, count| if index < count { Ok(()) } else { Err(PatchError::Index { what, index, count }) };
        index("layer", layer, self.layers.len())?;
        let placed = &self.layers[layer];
        index("input", input, placed.inputs)?;
        index("unit", unit, placed.units)?;
        let range = placed.weight_bits.weight_range();
        if !range.contains(&value) {
            let (bits, min, max) = (placed.weight_bits.count(), *range.start(), *range.end());
            return Err(PatchError::Value { bits, min, max, value });
        }
        Ok(())
    }

    /// Changes one weight and gives the words that changed, at most six; the file is then that of the changed layers.
    ///
    /// # Errors
    /// [`PatchError`]; nothing is changed.
    pub fn patch(&mut self, patch: &WeightPatch) -> Result<Vec<WordChange>, PatchError> {
        self.check_patch(patch)?;
        let placed = &self.layers[patch.layer];
        let mut changes = Vec::new();
        for (word, mask, bits) in weight_words(placed.weight_bits, placed.inputs, patch.input, patch.value) {
            let word = patch.unit * placed.words_per_neuron + word;
            let byte_offset = placed.memory.start + 4 * word;
            let place = &mut self.bytes[byte_offset..byte_offset + 4];
            let old = read::word(place);
            let new = old & !mask | bits;
            if new != old {
                place.copy_from_slice(&new.to_le_bytes());
                changes.push(WordChange { layer: patch.layer, word, byte_offset, old, new });
            }
        }
        Ok(changes)
    }

    /// The writes that bring these changes of this program to a device on which it runs.
    ///
    /// `blocks` matters to processors with weights of their own in programs of a single pass. Not tried on silicon: see
    /// specs/device-program.md, "patches".
    pub fn device_writes(&self, changes: &[WordChange], blocks: Blocks) -> Vec<DeviceWrite> {
        let mut writes = Vec::new();
        for (layer, placed) in self.layers.iter().enumerate() {
            let mut words: Vec<usize> = changes.iter().filter(|c| c.layer == layer).map(|c| c.word).collect();
            if words.is_empty() {
                continue;
            }
            words.sort_unstable();
            let total = placed.memory.len() / 4;
            let is_kept = self.passes > 1;
            let block = match (placed.np.kind, blocks) {
                (NpKind::Fnp3, Blocks::Minimal) if !is_kept => ROW_WORDS,
                (NpKind::Fnp3, Blocks::Whole) if !is_kept => total,
                _ => 1,
            };
            let mut end = 0;
            let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
            for word in words {
                let start = word / block * block;
                let next = (start + block).min(total);
                match spans.last_mut() {
                    Some(last) if start <= end => last.end = next.max(end),
                    _ => spans.push(start..next),
                }
                end = end.max(next);
            }
            writes.extend(spans.into_iter().map(|span| {
                let words = self.neuron_words(layer).skip(span.start).take(span.len());
                match placed.np.kind {
                    NpKind::Fnp2 => DeviceWrite::Image { np: placed.np, word: span.start, words: words.collect() },
                    NpKind::Fnp3 if is_kept => {
                        let offset = placed.memory.start + 4 * span.start - self.info_bytes;
                        DeviceWrite::Kept { offset, words: words.collect() }
                    }
                    NpKind::Fnp3 => {
                        let Np { col, row, id, .. } = placed.np;
                        let (target, start) = (TARGET_WEIGHTS, span.start as u16);
                        let header = Header { processor: Some((col, row, id)), target, start, words: span.len() };
                        DeviceWrite::Packet { words: header.encode().into_iter().chain(words).collect() }
                    }
                }
            }));
        }
        writes
    }
}
