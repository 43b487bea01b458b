//! Products of numbers of several digits.
//!
//! Two weight digits `w0 + 15 w1` fit a signed byte (at most 112), and so do two state digits. A product of `p` state
//! and `q` weight digits, which a device forms as `p q` products of 4 bits, is then `ceil(p/2) ceil(q/2)` products of
//! bytes. Potentials saturate before digits are recombined, so this is the same only where none can: up to 4993 inputs.
//! Above, and with one digit each, where packed weights take half the memory, every plane is run on its own.

use forebay_kernels::Form;
use forebay_kernels::integer::{self, ByteMatrix, IntegerScratch};
use forebay_substrate::{INPUT_MAX, POTENTIAL_MAX, Precision, WEIGHT_MAX};

use crate::layer::ExactLayer;

/// Largest number of inputs whose potentials cannot saturate.
const UNSATURATED_INPUTS: usize = POTENTIAL_MAX as usize / (INPUT_MAX as usize * WEIGHT_MAX as usize);

/// A layer's units read as the digits of rows.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    precision: Precision,
    rows: usize,
    inputs: usize,
    parts: Parts,
    /// Sums of the weights of every row, part after part.
    sums: Vec<i32>,
}

/// What is multiplied.
#[derive(Clone, Debug)]
enum Parts {
    /// One matrix `[rows, inputs]` per pair of weight digits, lowest first.
    Joined(Vec<ByteMatrix>),
    /// The layer itself, one sample per state digit.
    Planes,
}

/// Buffers of one stream.
#[derive(Debug, Default)]
pub(crate) struct ProductScratch {
    bytes: Vec<i8>,
    digits: Vec<u8>,
    sums: Vec<i32>,
    kernel: IntegerScratch,
}

impl Product {
    pub(crate) fn new(layer: &ExactLayer, precision: Precision) -> Self {
        let (units, inputs) = (layer.units(), layer.inputs());
        let rows = units / precision.weight_digits();
        let digits = layer.weights();
        let row_sums = |weights: &[i8]| -> Vec<i32> {
            weights.chunks_exact(inputs).map(|row| row.iter().map(|&w| i32::from(w)).sum()).collect()
        };
        if inputs > UNSATURATED_INPUTS || (precision.state_digits(), precision.weight_digits()) == (1, 1) {
            return Self { precision, rows, inputs, parts: Parts::Planes, sums: row_sums(&digits) };
        }
        let mut sums = Vec::with_capacity(units);
        let pairs = digits.chunks(2 * rows * inputs).map(|pair| {
            let (low, high) = pair.split_at(rows * inputs);
            let joined: Vec<i8> = match high {
                [] => low.to_vec(),
                high => low.iter().zip(high).map(|(low, high)| low + 15 * high).collect(),
            };
            sums.extend(row_sums(&joined));
            ByteMatrix::new(rows, inputs, &joined).expect("112 at most, and sizes of a program's layer")
        });
        let pairs = pairs.collect();
        Self { precision, rows, inputs, parts: Parts::Joined(pairs), sums }
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// Takes over a changed weight of the layer.
    pub(crate) fn set(&mut self, unit: usize, input: usize, old: i8, new: i8) {
        let change = i32::from(new) - i32::from(old);
        match &mut self.parts {
            Parts::Planes => self.sums[unit] += change,
            Parts::Joined(pairs) => {
                let (digit, row) = (unit / self.rows, unit % self.rows);
                let change = if digit % 2 == 0 { change } else { 15 * change };
                let pair = &mut pairs[digit / 2];
                let joined = i32::from(pair.get(row, input)) + change;
                pair.set(row, input, joined as i8).expect("the digits were checked");
                self.sums[digit / 2 * self.rows + row] += change;
            }
        }
    }

    /// `y = W x` for checked slices; see [`Multiplier`](forebay_substrate::Multiplier). `layer` is the one that this was
    /// made from.
    pub(crate) fn multiply(
        &self,
        form: Form,
        layer: &ExactLayer,
        samples: usize,
        x: &[i32],
        y: &mut [i64],
        scratch: &mut ProductScratch,
    ) {
        y.fill(0);
        match &self.parts {
            Parts::Joined(pairs) => self.multiply_joined(form, pairs, samples, x, y, scratch),
            Parts::Planes => self.multiply_planes(form, layer, samples, x, y, scratch),
        }
    }

    fn multiply_joined(
        &self,
        form: Form,
        pairs: &[ByteMatrix],
        samples: usize,
        x: &[i32],
        y: &mut [i64],
        scratch: &mut ProductScratch,
    ) {
        let Self { rows, inputs, .. } = *self;
        let ProductScratch { bytes, sums, kernel, .. } = scratch;
        let wide = self.precision.state_digits() > 2;
        let planes = if wide { 2 } else { 1 };
        bytes.resize(planes * samples * inputs, 0);
        sums.resize(planes * samples * rows, 0);
        if wide {
            // x = 256 high + (low + 128) with both in -128..=127.
            let (low, high) = bytes.split_at_mut(samples * inputs);
            for ((low, high), &x) in low.iter_mut().zip(high).zip(x) {
                *low = ((x & 255) - 128) as i8;
                *high = (x >> 8) as i8;
            }
        } else {
            integer::lowest_bytes(form, x, bytes);
        }
        let mut place = 1;
        for (pair, row_sums) in pairs.iter().zip(self.sums.chunks_exact(rows)) {
            pair.multiply(form, planes * samples, bytes, sums, kernel);
            let (low, high) = sums.split_at(samples * rows);
            integer::add_scaled(form, low, place, y);
            integer::add_scaled(form, high, 256 * place, y);
            if wide {
                y.chunks_exact_mut(rows).for_each(|y| integer::add_scaled(form, row_sums, 128 * place, y));
            }
            place *= 225;
        }
    }

    fn multiply_planes(
        &self,
        form: Form,
        layer: &ExactLayer,
        samples: usize,
        x: &[i32],
        y: &mut [i64],
        scratch: &mut ProductScratch,
    ) {
        let Self { rows, precision, .. } = *self;
        let ProductScratch { digits, sums, kernel, .. } = scratch;
        let (planes, units) = (precision.state_digits(), layer.units());
        let offset = precision.state_offset();
        digits.resize(planes * x.len(), 0);
        sums.resize(planes * samples * units, 0);
        if x.is_empty() {
            return;
        }
        for (k, plane) in digits.chunks_exact_mut(x.len()).enumerate() {
            integer::digits(form, x, offset, 4 * k as u32, plane);
        }
        layer.run(form, planes * samples, digits, sums, kernel);
        for (k, plane) in sums.chunks_exact(samples * units).enumerate() {
            for (potentials, y) in plane.chunks_exact(units).zip(y.chunks_exact_mut(rows)) {
                for (d, digit) in potentials.chunks_exact(rows).enumerate() {
                    integer::add_scaled(form, digit, 15_i64.pow(d as u32) << (4 * k), y);
                }
            }
        }
        for y in y.chunks_exact_mut(rows) {
            for (d, row_sums) in self.sums.chunks_exact(rows).enumerate() {
                integer::add_scaled(form, row_sums, -15_i64.pow(d as u32) * i64::from(offset), y);
            }
        }
    }
}
