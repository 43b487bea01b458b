//! Weights that are mostly zero.

use super::panels::IntegerScratch;
use super::{IntegerError, check};
use crate::form::Form;

/// Only weights that are not zero, by unit, times inputs of a byte.
///
/// One multiply-add per stored weight, in every form: below the density of [`SparseMatrix::pays`] that is less than
/// reading all weights packed.
#[derive(Clone, Debug)]
pub struct SparseMatrix {
    inputs: usize,
    /// Where each unit's weights begin, and where the last one's end.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<i8>,
}

/// Density at which a packed matrix is as fast, measured at 1,000 x 1,000 by the bench `integer`.
const BREAK_EVEN: f64 = 0.008;

impl SparseMatrix {
    /// Whether a matrix of this density is faster sparse than packed.
    pub fn pays(density: f64) -> bool {
        density < BREAK_EVEN
    }

    /// Stores the weights `[units, inputs]`, unit slow, that are not zero.
    ///
    /// # Errors
    /// [`IntegerError`] for sizes that do not fit, or a weight of -128.
    pub fn new(units: usize, inputs: usize, weights: &[i8]) -> Result<Self, IntegerError> {
        check(units, inputs, weights, (-127, 127), 128 * 256)?;
        let mut matrix = Self { inputs, starts: vec![0], columns: Vec::new(), values: Vec::new() };
        for row in weights.chunks_exact(inputs) {
            let stored = row.iter().enumerate().filter(|(_, weight)| **weight != 0);
            for (column, &weight) in stored {
                matrix.columns.push(column as u32);
                matrix.values.push(weight);
            }
            matrix.starts.push(matrix.values.len());
        }
        Ok(matrix)
    }

    /// Rows.
    pub fn units(&self) -> usize {
        self.starts.len() - 1
    }

    /// Columns.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Stored weights: those that are not zero, or were changed to zero.
    pub fn entries(&self) -> usize {
        self.values.len()
    }

    /// Bytes of the stored weights and their columns.
    pub fn bytes(&self) -> usize {
        self.values.len() + size_of::<u32>() * self.columns.len() + size_of::<usize>() * self.starts.len()
    }

    /// Where a weight is stored, or where it would be.
    fn find(&self, unit: usize, input: usize) -> Result<usize, usize> {
        let start = self.starts[unit];
        let row = &self.columns[start..self.starts[unit + 1]];
        row.binary_search(&(input as u32)).map(|at| start + at).map_err(|at| start + at)
    }

    /// One weight; 0 outside the matrix.
    pub fn get(&self, unit: usize, input: usize) -> i8 {
        if unit >= self.units() || input >= self.inputs {
            return 0;
        }
        self.find(unit, input).map_or(0, |at| self.values[at])
    }

    /// Changes one weight; a new one moves those behind it.
    ///
    /// # Errors
    /// [`IntegerError::Index`] or [`IntegerError::Weight`]; nothing is changed.
    pub fn set(&mut self, unit: usize, input: usize, value: i8) -> Result<(), IntegerError> {
        let (units, inputs) = (self.units(), self.inputs);
        if unit >= units || input >= inputs {
            return Err(IntegerError::Index { unit, input, units, inputs });
        }
        if value == i8::MIN {
            return Err(IntegerError::Weight { index: unit * inputs + input, value, min: -127, max: 127 });
        }
        match self.find(unit, input) {
            Ok(at) => self.values[at] = value,
            Err(at) if value != 0 => {
                self.columns.insert(at, input as u32);
                self.values.insert(at, value);
                self.starts[unit + 1..].iter_mut().for_each(|start| *start += 1);
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// All weights `[units, inputs]`, unit slow, zeros included.
    pub fn to_row_major(&self) -> Vec<i8> {
        let mut weights = vec![0; self.units() * self.inputs];
        for (row, bounds) in weights.chunks_exact_mut(self.inputs).zip(self.starts.windows(2)) {
            for at in bounds[0]..bounds[1] {
                row[self.columns[at] as usize] = self.values[at];
            }
        }
        weights
    }

    /// `y[s][u] = sum over i of x[s][i] * w[u][i]`; allocates nothing. Form and scratch are those of the other matrices.
    ///
    /// # Shapes
    /// `x`: `[samples, inputs]`, values up to 127. `y`: `[samples, units]`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn multiply(&self, _form: Form, samples: usize, x: &[u8], y: &mut [i32], _scratch: &mut IntegerScratch) {
        assert_eq!((x.len(), y.len()), (samples * self.inputs, samples * self.units()), "lengths of x and y");
        for (x, y) in x.chunks_exact(self.inputs).zip(y.chunks_exact_mut(self.units())) {
            for (y, bounds) in y.iter_mut().zip(self.starts.windows(2)) {
                let stored = self.columns[bounds[0]..bounds[1]].iter().zip(&self.values[bounds[0]..bounds[1]]);
                *y = stored.map(|(&column, &weight)| i32::from(weight) * i32::from(x[column as usize])).sum();
            }
        }
    }
}
