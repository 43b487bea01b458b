//! Weights of 1, 2 or 4 bits.

use super::panels::{IntegerScratch, Panels};
use super::{IntegerError, WeightBits, check};
use crate::form::Form;

/// Weights that take as much memory as they have bits, times inputs of 0 to 15.
///
/// # Examples
/// ```
/// use forebay_kernels::Form;
/// use forebay_kernels::integer::{IntegerScratch, PackedMatrix, WeightBits};
///
/// let weights = [1, -7, 3, 0, 2, 7]; // two units, three inputs
/// let mut matrix = PackedMatrix::new(WeightBits::Four, 2, 3, &weights)?;
/// matrix.set(1, 0, -1)?;
/// let mut sums = [0; 2];
/// matrix.multiply(Form::best(), 1, &[15, 1, 2], &mut sums, &mut IntegerScratch::default());
/// assert_eq!(sums, [15 - 7 + 6, -15 + 2 + 14]);
/// # Ok::<(), forebay_kernels::integer::IntegerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    bits: WeightBits,
    panels: Packed,
}

#[derive(Clone, Debug)]
enum Packed {
    One(Panels<8>),
    Two(Panels<4>),
    Four(Panels<2>),
}

/// Runs an expression on the panels of any width.
macro_rules! on_panels {
    ($packed:expr, $panels:ident => $body:expr) => {
        match $packed {
            Packed::One($panels) => $body,
            Packed::Two($panels) => $body,
            Packed::Four($panels) => $body,
        }
    };
}

impl PackedMatrix {
    /// Packs weights `[units, inputs]`, unit slow.
    ///
    /// # Errors
    /// [`IntegerError`] for sizes or weights that do not fit.
    pub fn new(bits: WeightBits, units: usize, inputs: usize, weights: &[i8]) -> Result<Self, IntegerError> {
        // An input is read as a signed byte, so that one out of range is wrong and not worse.
        check(units, inputs, weights, bits.range(), 128 * 16)?;
        let panels = match bits {
            WeightBits::One => Packed::One(Panels::new(units, inputs)),
            WeightBits::Two => Packed::Two(Panels::new(units, inputs)),
            WeightBits::Four => Packed::Four(Panels::new(units, inputs)),
        };
        let mut matrix = Self { bits, panels };
        let offset = bits.offset();
        on_panels!(&mut matrix.panels, panels => {
            for (unit, row) in weights.chunks_exact(inputs).enumerate() {
                for (input, &weight) in row.iter().enumerate() {
                    panels.set(unit, input, (weight + offset) as u8);
                }
            }
        });
        Ok(matrix)
    }

    /// Rows.
    pub fn units(&self) -> usize {
        on_panels!(&self.panels, panels => panels.units())
    }

    /// Columns.
    pub fn inputs(&self) -> usize {
        on_panels!(&self.panels, panels => panels.inputs())
    }

    /// Bits per weight.
    pub fn bits(&self) -> WeightBits {
        self.bits
    }

    /// Bytes of the packed weights, padding included.
    pub fn bytes(&self) -> usize {
        on_panels!(&self.panels, panels => panels.bytes())
    }

    /// One weight; 0 outside the matrix.
    pub fn get(&self, unit: usize, input: usize) -> i8 {
        if unit >= self.units() || input >= self.inputs() {
            return 0;
        }
        on_panels!(&self.panels, panels => panels.get(unit, input)) as i8 - self.bits.offset()
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
        let (min, max) = self.bits.range();
        if !(min..=max).contains(&value) {
            return Err(IntegerError::Weight { index: unit * inputs + input, value, min, max });
        }
        let field = (value + self.bits.offset()) as u8;
        on_panels!(&mut self.panels, panels => panels.set(unit, input, field));
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
    /// `x`: `[samples, inputs]`, values 0 to 15. `y`: `[samples, units]`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn multiply(&self, form: Form, samples: usize, x: &[u8], y: &mut [i32], scratch: &mut IntegerScratch) {
        assert_eq!((x.len(), y.len()), (samples * self.inputs(), samples * self.units()), "lengths of x and y");
        debug_assert!(x.iter().all(|&x| x < 16), "inputs of four bits");
        let inputs = self.inputs();
        let fill = |sample: usize, row: &mut [i8]| {
            let x = &x[sample * inputs..(sample + 1) * inputs];
            row.iter_mut().zip(x).for_each(|(to, &from)| *to = from as i8);
        };
        let offset = self.bits.offset().into();
        on_panels!(&self.panels, panels => panels.multiply(form, offset, samples, fill, y, scratch));
    }
}

impl WeightBits {
    /// Smallest and largest weight.
    pub fn range(self) -> (i8, i8) {
        match self {
            Self::One => (0, 1),
            Self::Two => (-1, 1),
            Self::Four => (-7, 7),
        }
    }

    /// What makes every weight an unsigned field.
    fn offset(self) -> i8 {
        match self {
            Self::One => 0,
            Self::Two => 1,
            Self::Four => 8,
        }
    }
}
