//! One layer: its weights as the kernels read them, and its staircase.

use forebay_akida::{Bits, Layer};
use forebay_kernels::Form;
use forebay_kernels::integer::{self, IntegerScratch, PackedMatrix, SparseMatrix, WeightBits};
use forebay_substrate::{POTENTIAL_MAX, POTENTIAL_MIN};

/// A decoded layer.
#[derive(Clone, Debug)]
pub(crate) struct ExactLayer {
    weights: Stored,
    weight_bits: WeightBits,
    staircase: Option<Staircase>,
}

#[derive(Clone, Debug)]
enum Stored {
    Packed(PackedMatrix),
    /// Mostly zero.
    Sparse(SparseMatrix),
}

/// `clamp(ceil(16 (P - threshold) / height), 0, top)` per unit.
#[derive(Clone, Debug)]
struct Staircase {
    thresholds: Vec<i32>,
    /// The stored step in sixteenths, times 2^(4 - bits).
    heights: Vec<i32>,
    top: i32,
}

impl ExactLayer {
    pub(crate) fn new(layer: &Layer) -> Self {
        let density = layer.weights.iter().filter(|&&w| w != 0).count() as f64 / layer.weights.len() as f64;
        let weights = if SparseMatrix::pays(density) {
            Stored::Sparse(
                SparseMatrix::new(layer.units, layer.inputs, &layer.weights)
                    .expect("a program's layer has legal sizes"),
            )
        } else {
            Stored::Packed(
                PackedMatrix::new(width(layer.weight_bits), layer.units, layer.inputs, &layer.weights)
                    .expect("a program's layer has legal sizes and weights"),
            )
        };
        let staircase = layer.activation.as_ref().map(|activation| Staircase {
            thresholds: activation.thresholds.iter().map(|&t| t as i32).collect(),
            heights: activation.steps.iter().map(|s| ((s * 16.0) as i32) << (4 - layer.act_bits.count())).collect(),
            top: (1 << layer.act_bits.count()) - 1,
        });
        Self { weights, weight_bits: width(layer.weight_bits), staircase }
    }

    pub(crate) fn inputs(&self) -> usize {
        match &self.weights {
            Stored::Packed(matrix) => matrix.inputs(),
            Stored::Sparse(matrix) => matrix.inputs(),
        }
    }

    pub(crate) fn units(&self) -> usize {
        match &self.weights {
            Stored::Packed(matrix) => matrix.units(),
            Stored::Sparse(matrix) => matrix.units(),
        }
    }

    /// All weights, `[units, inputs]`.
    pub(crate) fn weights(&self) -> Vec<i8> {
        match &self.weights {
            Stored::Packed(matrix) => matrix.to_row_major(),
            Stored::Sparse(matrix) => matrix.to_row_major(),
        }
    }

    /// A weight that was checked to exist.
    pub(crate) fn get(&self, unit: usize, input: usize) -> i8 {
        match &self.weights {
            Stored::Packed(matrix) => matrix.get(unit, input),
            Stored::Sparse(matrix) => matrix.get(unit, input),
        }
    }

    /// Changes a weight that was checked to exist and to be legal.
    pub(crate) fn set(&mut self, unit: usize, input: usize, value: i8) {
        let result = match &mut self.weights {
            Stored::Packed(matrix) => matrix.set(unit, input, value),
            Stored::Sparse(matrix) => matrix.set(unit, input, value),
        };
        result.expect("the patch was checked against the program");
    }

    /// Packs a sparse matrix that patches have filled so far that packed is faster.
    pub(crate) fn settle(&mut self) {
        let Stored::Sparse(matrix) = &self.weights else { return };
        let (units, inputs) = (matrix.units(), matrix.inputs());
        if !SparseMatrix::pays(matrix.entries() as f64 / (units * inputs) as f64) {
            let packed = PackedMatrix::new(self.weight_bits, units, inputs, &matrix.to_row_major());
            self.weights = Stored::Packed(packed.expect("sizes and weights were those of the sparse matrix"));
        }
    }

    /// Potentials, clamped, or activations of a batch: `[samples, units]`.
    pub(crate) fn run(&self, form: Form, samples: usize, x: &[u8], out: &mut [i32], scratch: &mut IntegerScratch) {
        match &self.weights {
            Stored::Packed(matrix) => matrix.multiply(form, samples, x, out, scratch),
            Stored::Sparse(matrix) => matrix.multiply(form, samples, x, out, scratch),
        }
        integer::clamp(form, POTENTIAL_MIN, POTENTIAL_MAX, out);
        if let Some(Staircase { thresholds, heights, top }) = &self.staircase {
            for sample in out.chunks_exact_mut(thresholds.len()) {
                for ((value, &threshold), &height) in sample.iter_mut().zip(thresholds).zip(heights) {
                    // 16 d has at most 25 bits and a height 23: their sum fits.
                    let above = 16 * (*value - threshold);
                    *value = if above <= 0 { 0 } else { ((above + height - 1) / height).min(*top) };
                }
            }
        }
    }
}

fn width(bits: Bits) -> WeightBits {
    match bits {
        Bits::One => WeightBits::One,
        Bits::Two => WeightBits::Two,
        Bits::Four => WeightBits::Four,
    }
}
