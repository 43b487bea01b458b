//! Weights of a byte.

use super::panels::{IntegerScratch, Panels};
use super::{IntegerError, check};
use crate::form::Form;

/// Weights of -127 to 127 times inputs of -128 to 127.
///
/// # Examples
/// ```
/// use forebay_kernels::Form;
/// use forebay_kernels::integer::{ByteMatrix, IntegerScratch};
///
/// let matrix = ByteMatrix::new(2, 2, &[100, -127, 0, 1])?;
/// let mut sums = [0; 2];
/// matrix.multiply(Form::best(), 1, &[-128, 127], &mut sums, &mut IntegerScratch::default());
/// assert_eq!(sums, [-12_800 - 16_129, 127]);
/// # Ok::<(), forebay_kernels::integer::IntegerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ByteMatrix {
    panels: Panels<1>,
}

/// What makes every weight an unsigned byte.
const OFFSET: i32 = 128;
const RANGE: (i8, i8) = (-127, 127);

impl ByteMatrix {
    /// Packs weights `[units, inputs]`, unit slow.
    ///
    /// # Errors
    /// [`IntegerError`] for sizes that do not fit, or a weight of -128.
    pub fn new(units: usize, inputs: usize, weights: &[i8]) -> Result<Self, IntegerError> {
        check(units, inputs, weights, RANGE, 128 * 256)?;
        let mut panels = Panels::new(units, inputs);
        for (unit, row) in weights.chunks_exact(inputs).enumerate() {
            for (input, &weight) in row.iter().enumerate() {
                panels.set(unit, input, field(weight));
            }
        }
        Ok(Self { panels })
    }

    /// Rows.
    pub fn units(&self) -> usize {
        self.panels.units()
    }

    /// Columns.
    pub fn inputs(&self) -> usize {
        self.panels.inputs()
    }

    /// Bytes of the packed weights, padding included.
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
    }

    /// One weight; 0 outside the matrix.
    pub fn get(&self, unit: usize, input: usize) -> i8 {
        if unit >= self.units() || input >= self.inputs() {
            return 0;
        }
        (i32::from(self.panels.get(unit, input)) - OFFSET) as i8
    }

    /// Changes one weight in place.
    ///
    /// # Errors
    /// [`IntegerError::Index`] or [`IntegerError::Weight`]; nothing is changed.
    pub fn set(&mut self, unit: usize, input: usize, value: i8) -> Result<(), IntegerError> {
        let (units, inputs) = (self.units(), self.inputs());
        if unit >= units || input >= inputs {
            return Err(IntegerError::Index { unit, input, units, inputs });
        }
        let (min, max) = RANGE;
        if value < min {
            return Err(IntegerError::Weight { index: unit * inputs + input, value, min, max });
        }
        self.panels.set(unit, input, field(value));
        Ok(())
    }

    /// All weights `[units, inputs]`, unit slow.
    pub fn to_row_major(&self) -> Vec<i8> {
        let inputs = self.inputs();
        (0..self.units() * inputs).map(|index| self.get(index / inputs, index % inputs)).collect()
    }

    /// `y[s][u] = sum over i of x[s][i] * w[u][i]`; allocates only when `scratch` sees a larger batch than before.
    ///
    /// # Shapes
    /// `x`: `[samples, inputs]`. `y`: `[samples, units]`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn multiply(&self, form: Form, samples: usize, x: &[i8], y: &mut [i32], scratch: &mut IntegerScratch) {
        assert_eq!((x.len(), y.len()), (samples * self.inputs(), samples * self.units()), "lengths of x and y");
        let inputs = self.inputs();
        let fill = |sample: usize, row: &mut [i8]| row.copy_from_slice(&x[sample * inputs..(sample + 1) * inputs]);
        self.panels.multiply(form, OFFSET, samples, fill, y, scratch);
    }
}

fn field(weight: i8) -> u8 {
    (i32::from(weight) + OFFSET) as u8
}
