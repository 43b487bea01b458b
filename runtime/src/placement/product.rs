//! A product with real numbers in and out that a substrate forms with integers.

use std::sync::Arc;

use ndarray::ArrayView2;

use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder};
use forebay_kernels::{Form, Real, integer};
use forebay_substrate::{Loaded, Multiplier, Precision, SubstrateError};

use super::quantise::{Quantised, levels, quantise};
use super::ranges::Ranges;
use crate::error::Error;

/// `offset + W x` with `W` in a loaded program; immutable, shared by all streams.
#[derive(Clone, Debug)]
pub(crate) struct Product<T> {
    loaded: Arc<dyn Loaded>,
    precision: Precision,
    inputs: usize,
    /// An input `x` is written as the integer nearest to `(x - centre) * gain`.
    centre: Vec<T>,
    gain: Vec<T>,
    /// What an integer of the result stands for, per unit.
    scale: Vec<T>,
    /// What the result is for inputs at the centre of their ranges, per unit.
    offset: Vec<T>,
}

/// Rounds a matrix `[units, inputs]` and writes the program that multiplies it.
pub(crate) fn build(
    device: Device,
    name: &str,
    weights: ArrayView2<'_, f64>,
    ranges: &Ranges,
    precision: Precision,
) -> Result<(Quantised, Program), Error> {
    let quantised = quantise(weights, ranges, precision);
    let program = program(device, name, &quantised.integers, weights.nrows(), precision)?;
    Ok((quantised, program))
}

/// The program that multiplies integers `[rows, inputs]`: all rows of the lowest digit, then those of the next.
pub(crate) fn program(
    device: Device,
    name: &str,
    integers: &[i32],
    rows: usize,
    precision: Precision,
) -> Result<Program, Error> {
    let inputs = integers.len() / rows;
    let mut digits = Vec::with_capacity(integers.len() * precision.weight_digits());
    for d in 0..precision.weight_digits() {
        digits.extend(integers.iter().map(|&w| precision.weight_digit(w, d) as i8));
    }
    let layer = Layer::potentials(name, inputs, rows * precision.weight_digits(), Bits::Four, digits)?;
    Ok(ProgramBuilder::new(device, InputShape::flat(inputs as u32), Bits::Four).layer(layer).build()?)
}

impl<T: Real> Product<T> {
    pub(crate) fn new(loaded: Arc<dyn Loaded>, quantised: &Quantised, ranges: &Ranges, precision: Precision) -> Self {
        let real = |values: &[f64]| values.iter().copied().map(T::from_f64).collect();
        Self {
            loaded,
            precision,
            inputs: ranges.step.len(),
            centre: ranges.centre(levels(precision)).map(T::from_f64).collect(),
            gain: ranges.step.iter().map(|step| T::from_f64(step.recip())).collect(),
            scale: real(&quantised.scale),
            offset: real(&quantised.offset),
        }
    }

    pub(crate) fn loaded(&self) -> &Arc<dyn Loaded> {
        &self.loaded
    }
}

/// One stream's buffers for a [`Product`]; gets its multiplier from the substrate at the first use.
#[derive(Debug)]
pub(crate) struct ProductRunner<T> {
    product: Arc<Product<T>>,
    multiplier: Option<Box<dyn Multiplier>>,
    integers: Vec<i32>,
    results: Vec<i64>,
}

impl<T> Clone for ProductRunner<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.product))
    }
}

impl<T> ProductRunner<T> {
    pub(crate) fn new(product: Arc<Product<T>>) -> Self {
        Self { product, multiplier: None, integers: Vec::new(), results: Vec::new() }
    }
}

impl<T: Real> ProductRunner<T> {
    /// `sums += offset + W [parts]` for each stream.
    ///
    /// `parts` are `[streams, columns]` each, all columns together the product's inputs; `sums` is `[streams, units]`.
    pub(crate) fn accumulate(
        &mut self,
        form: Form,
        streams: usize,
        parts: &[&[T]],
        sums: &mut [T],
    ) -> Result<(), SubstrateError> {
        let Product { loaded, precision, inputs, centre, gain, scale, offset } = &*self.product;
        let multiplier = match &mut self.multiplier {
            Some(multiplier) => multiplier,
            none => none.insert(loaded.multiplier(*precision)?),
        };
        self.integers.resize(streams * inputs, 0);
        self.results.resize(streams * scale.len(), 0);
        let mut first = 0;
        for part in parts {
            let columns = part.len() / streams;
            let range = first..first + columns;
            for (row, integers) in part.chunks_exact(columns).zip(self.integers.chunks_exact_mut(*inputs)) {
                let integers = &mut integers[range.clone()];
                let (low, high) = precision.state_range();
                integer::encode(form, row, &centre[range.clone()], &gain[range.clone()], low, high, integers);
            }
            first += columns;
        }
        multiplier.multiply(&self.integers, &mut self.results)?;
        for (sums, results) in sums.chunks_exact_mut(scale.len()).zip(self.results.chunks_exact(scale.len())) {
            integer::decode_add(form, results, scale, offset, sums);
        }
        Ok(())
    }
}
