//! Several digits in one product of bytes, where that gives the same integers.
//!
//! Two weight digits `w0 + 15 w1` fit a signed byte (at most 112), and so do two state digits. A product of `p` state
//! and `q` weight digits, which a device forms as `p q` products of 4 bits, is `ceil(p/2) ceil(q/2)` products of bytes.
//! Potentials saturate before digits are recombined, so this is the same only where none can: up to 4993 inputs.

use forebay_kernels::Form;
use forebay_kernels::integer::{ByteMatrix, IntegerScratch};
use forebay_substrate::{INPUT_MAX, POTENTIAL_MAX, Precision, WEIGHT_MAX};

use crate::layer::ExactLayer;

/// Largest number of inputs whose potentials cannot saturate.
const UNSATURATED_INPUTS: usize = POTENTIAL_MAX as usize / (INPUT_MAX as usize * WEIGHT_MAX as usize);

/// The rows of a product with pairs of digits joined.
#[derive(Clone, Debug)]
pub(crate) struct FusedProduct {
    precision: Precision,
    rows: usize,
    inputs: usize,
    /// One matrix `[rows, inputs]` per pair of weight digits, lowest first.
    pairs: Vec<ByteMatrix>,
    /// Sums of each row's weights, per pair.
    sums: Vec<Vec<i64>>,
}

/// Buffers of one stream.
#[derive(Debug, Default)]
pub(crate) struct FusedScratch {
    bytes: Vec<i8>,
    products: Vec<i32>,
    kernel: IntegerScratch,
}

impl FusedProduct {
    /// `None` where joining digits would not be the same or not be faster: with many inputs, or one digit each.
    pub(crate) fn new(layer: &ExactLayer, precision: Precision) -> Option<Self> {
        let (units, inputs) = (layer.units(), layer.inputs());
        if inputs > UNSATURATED_INPUTS || (precision.state_digits(), precision.weight_digits()) == (1, 1) {
            return None;
        }
        let rows = units / precision.weight_digits();
        let digits = layer.weights();
        let pairs = (0..precision.weight_digits().div_ceil(2)).map(|pair| {
            let low = &digits[2 * pair * rows * inputs..][..rows * inputs];
            let joined = match digits.get((2 * pair + 1) * rows * inputs..(2 * pair + 2) * rows * inputs) {
                Some(high) => low.iter().zip(high).map(|(low, high)| low + 15 * high).collect(),
                None => low.to_vec(),
            };
            ByteMatrix::new(rows, inputs, &joined).expect("112 at most, and sizes of a program's layer")
        });
        let mut fused = Self { precision, rows, inputs, pairs: pairs.collect(), sums: Vec::new() };
        fused.sums = fused.pairs.iter().map(|pair| row_sums(pair, inputs)).collect();
        Some(fused)
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Takes over a changed weight of the layer.
    pub(crate) fn set(&mut self, unit: usize, input: usize, old: i8, new: i8) {
        let (digit, row) = (unit / self.rows, unit % self.rows);
        let place = if digit % 2 == 0 { 1 } else { 15 };
        let pair = &mut self.pairs[digit / 2];
        let joined = i32::from(pair.get(row, input)) + place * (i32::from(new) - i32::from(old));
        pair.set(row, input, joined as i8).expect("the digits were checked");
        self.sums[digit / 2][row] += i64::from(place * (i32::from(new) - i32::from(old)));
    }

    /// `y = W x` for checked slices; see [`Multiplier`](forebay_substrate::Multiplier).
    pub(crate) fn multiply(&self, form: Form, samples: usize, x: &[i32], y: &mut [i64], scratch: &mut FusedScratch) {
        let Self { rows, inputs, .. } = *self;
        let FusedScratch { bytes, products, kernel } = scratch;
        let wide = self.precision.state_digits() > 2;
        let planes = if wide { 2 } else { 1 };
        bytes.resize(planes * samples * inputs, 0);
        products.resize(planes * samples * rows, 0);
        if wide {
            // x = 256 high + (low + 128) with both in -128..=127.
            let (low, high) = bytes.split_at_mut(samples * inputs);
            for ((low, high), &x) in low.iter_mut().zip(high).zip(x) {
                *low = ((x & 255) - 128) as i8;
                *high = (x >> 8) as i8;
            }
        } else {
            bytes.iter_mut().zip(x).for_each(|(byte, &x)| *byte = x as i8);
        }
        y.fill(0);
        let mut place = 1_i64;
        for (pair, sums) in self.pairs.iter().zip(&self.sums) {
            pair.multiply(form, planes * samples, bytes, products, kernel);
            let (low, high) = products.split_at(samples * rows);
            if wide {
                let halves = low.chunks_exact(rows).zip(high.chunks_exact(rows));
                for (y, (low, high)) in y.chunks_exact_mut(rows).zip(halves) {
                    for (((y, &low), &high), &sum) in y.iter_mut().zip(low).zip(high).zip(sums) {
                        *y += place * (i64::from(low) + 256 * i64::from(high) + 128 * sum);
                    }
                }
            } else {
                y.iter_mut().zip(low).for_each(|(y, &product)| *y += place * i64::from(product));
            }
            place *= 225;
        }
    }
}

fn row_sums(matrix: &ByteMatrix, inputs: usize) -> Vec<i64> {
    matrix.to_row_major().chunks_exact(inputs).map(|row| row.iter().map(|&w| i64::from(w)).sum()).collect()
}
