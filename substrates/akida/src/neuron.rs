//! Weights, thresholds and steps as words of neuron memory.
//!
//! Unit `j` has `words_per_neuron` words: threshold, step, two zeros, then bit planes of its weights in sign and
//! magnitude. Input `i` is bit `i % 32` of block `i / 32`; with `B` blocks,
//!
//! ```text
//! 1 bit    word b                     weight
//! 2 bits   word b, word B + b         is 1, is -1
//! 4 bits   word 3b + m, 3B + 3b + m   bit m of the positive part, of the negative part; m = 0, 1, 2
//! ```
//!
//! # Source
//! specs/device-program.md, "neuron memory" \[T\].

use crate::layer::{Bits, Layer, Staircase};

/// Words before the weights.
pub(crate) const HEAD: usize = 4;

/// What a unit without staircase has for a threshold.
const NO_THRESHOLD: u32 = 0x0008_0000;
/// Bits of thresholds and steps.
const FIELD: u32 = 0x000F_FFFF;

/// Blocks of 32 inputs.
pub(crate) fn blocks(inputs: usize) -> usize {
    inputs.div_ceil(32)
}

/// Bit planes per block: 1, 2 or 6.
pub(crate) fn planes(bits: Bits) -> usize {
    match bits {
        Bits::One => 1,
        Bits::Two => 2,
        Bits::Four => 6,
    }
}

/// Words that one unit takes: `4 + planes * ceil(inputs / 32)`.
pub fn words_per_neuron(bits: Bits, inputs: usize) -> usize {
    HEAD + planes(bits) * blocks(inputs)
}

/// Writes the neuron memory of a layer whose numbers fit.
pub(crate) fn encode(layer: &Layer) -> Vec<u32> {
    let mut words = Vec::with_capacity(layer.units * words_per_neuron(layer.weight_bits, layer.inputs));
    for (unit, weights) in layer.weights.chunks_exact(layer.inputs).enumerate() {
        let (threshold, step) = match &layer.activation {
            None => (NO_THRESHOLD, 0),
            Some(Staircase { thresholds, steps }) => {
                (thresholds[unit] as u32 & FIELD, (f64::from(steps[unit]) * 16.0) as u32)
            }
        };
        words.extend([threshold, step, 0, 0]);
        encode_weights(layer.weight_bits, weights, &mut words);
    }
    words
}

fn encode_weights(bits: Bits, weights: &[i8], words: &mut Vec<u32>) {
    let plane = |block: &[i8], is_set: &dyn Fn(i8) -> bool| {
        block.iter().enumerate().fold(0, |word, (t, &w)| word | u32::from(is_set(w)) << t)
    };
    match bits {
        Bits::One => words.extend(weights.chunks(32).map(|block| plane(block, &|w| w == 1))),
        Bits::Two => {
            words.extend(weights.chunks(32).map(|block| plane(block, &|w| w == 1)));
            words.extend(weights.chunks(32).map(|block| plane(block, &|w| w == -1)));
        }
        Bits::Four => {
            for sign in [1, -1] {
                for block in weights.chunks(32) {
                    let mut planes = [0_u32; 3];
                    for (t, &w) in block.iter().enumerate() {
                        let magnitude = (w * sign).max(0) as u32;
                        planes[0] |= (magnitude & 1) << t;
                        planes[1] |= (magnitude >> 1 & 1) << t;
                        planes[2] |= (magnitude >> 2) << t;
                    }
                    words.extend(planes);
                }
            }
        }
    }
}

/// The weights of one unit from its words without the head, appended to `weights`.
pub(crate) fn decode_weights(bits: Bits, inputs: usize, words: &[u32], weights: &mut Vec<i8>) {
    let (positive, negative) = if bits == Bits::One { (words, &[][..]) } else { words.split_at(words.len() / 2) };
    let depth = if bits == Bits::Four { 3 } else { 1 };
    let value = |planes: &[u32], block: usize, t: usize| -> i8 {
        let planes = &planes[block * depth..(block + 1) * depth];
        planes.iter().enumerate().fold(0, |value, (m, word)| value | ((word >> t & 1) as i8) << m)
    };
    for block in 0..blocks(inputs) {
        for t in 0..(inputs - 32 * block).min(32) {
            let below = if negative.is_empty() { 0 } else { value(negative, block, t) };
            weights.push(value(positive, block, t) - below);
        }
    }
}

/// Threshold and step of a unit from its head: the step in real units.
pub(crate) fn decode_head(head: [u32; 2]) -> (i64, f32) {
    // The threshold's sign is bit 19.
    let threshold = i64::from((head[0] << 12) as i32 >> 12);
    (threshold, head[1] as f32 / 16.0)
}

/// Why a unit's words are none that a builder writes.
pub(crate) fn check_unit(bits: Bits, inputs: usize, activation: bool, words: &[u32]) -> Result<(), &'static str> {
    let (head, planes) = words.split_at(HEAD);
    let head_is_right = if activation {
        head[0] & !FIELD == 0 && head[1] & !FIELD == 0 && head[1] != 0
    } else {
        head[0] == NO_THRESHOLD && head[1] == 0
    };
    if !head_is_right {
        return Err("a threshold or step out of range");
    }
    if head[2..] != [0, 0] {
        return Err("a unit with words of a learning layer");
    }
    let depth = if bits == Bits::Four { 3 } else { 1 };
    let used = inputs % 32;
    let tail = if used == 0 { 0 } else { !0 << used };
    let signs = if bits == Bits::One { 1 } else { 2 };
    for sign in planes.chunks_exact(planes.len() / signs) {
        if sign[sign.len() - depth..].iter().any(|word| word & tail != 0) {
            return Err("weights beyond the last input");
        }
    }
    if signs == 2 {
        let (positive, negative) = planes.split_at(planes.len() / 2);
        let any = |words: &[u32]| words.iter().fold(0, |any, word| any | word);
        let mut pairs = positive.chunks_exact(depth).zip(negative.chunks_exact(depth));
        if pairs.any(|(p, n)| any(p) & any(n) != 0) {
            return Err("a weight that is positive and negative");
        }
    }
    Ok(())
}

/// Words of a unit, counted from its first, that hold the weight of one input, with their masks and new bits.
pub(crate) fn weight_words(
    bits: Bits,
    inputs: usize,
    input: usize,
    value: i8,
) -> impl Iterator<Item = (usize, u32, u32)> {
    let (block, mask) = (input / 32, 1_u32 << (input % 32));
    let depth = if bits == Bits::Four { 3 } else { 1 };
    let signs = if bits == Bits::One { 1 } else { 2 };
    (0..signs * depth).map(move |plane| {
        let (sign, m) = (plane / depth, plane % depth);
        let part = if sign == 0 { value } else { -value }.max(0) as u32;
        let word = HEAD + sign * depth * blocks(inputs) + depth * block + m;
        (word, mask, if part >> m & 1 == 1 { mask } else { 0 })
    })
}
