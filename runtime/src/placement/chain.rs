//! Dense layers with bounded rectifiers between them that stay on the processor from end to end.
//!
//! A layer's real pre-activation is `v[j] = c[j] + s[j] P[j]` with the processor's potential `P`. The processor puts out
//! the level `ceil((P - threshold) / step)`, clipped to 0..=15. With `t[j]` the real height of a level,
//!
//! ```text
//! step = t / s        threshold = (t / 2 - c) / s
//! ```
//!
//! make it the level nearest to `v / t`. Heights come from the activations that calibration data cause.
//!
//! Where a potential is worth so much that a step would be below its unit of 1/16, steps are rounded down: level 15 is never worth more
//! than the height asks for. Where it is worth so little that steps or thresholds would leave their ranges (weights of zero beside a
//! bias, in the extreme), weights are rounded to a coarser scale.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_kernels::Real;
use forebay_substrate::{Loaded, POTENTIAL_MAX, POTENTIAL_MIN, Precision, Runner, SubstrateError};

use super::quantise::{Quantised, quantise};
use super::ranges::Ranges;
use crate::error::Error;

/// One dense layer to place.
pub(crate) struct Dense {
    pub(crate) name: String,
    /// `[units, inputs]`.
    pub(crate) weights: Array2<f64>,
    pub(crate) bias: Vec<f64>,
    /// Levels of the rectifier that follows, if one does.
    pub(crate) heights: Option<Vec<f64>>,
}

/// A chain in a loaded program; immutable, shared by all streams.
#[derive(Clone, Debug)]
pub(crate) struct Chain<T> {
    loaded: Arc<dyn Loaded>,
    inputs: usize,
    /// An input `x` is written as the level nearest to `(x - low) * gain`.
    low: Vec<T>,
    gain: Vec<T>,
    /// What an integer of the output stands for, per unit.
    scale: Vec<T>,
    /// What integer 0 of the output stands for, per unit.
    offset: Vec<T>,
}

/// How the host reads a chain's outputs.
pub(crate) struct Outputs {
    scale: Vec<f64>,
    offset: Vec<f64>,
}

/// Levels of 4 bits.
const LEVELS: u32 = 16;
/// The unit of a stored step.
const STEP_UNIT: f64 = 1.0 / 16.0;
/// Largest stored step: 20 bits of sixteenths.
const STEP_MAX: f64 = 65536.0 - STEP_UNIT;
/// Most potentials to a level: thresholds of up to 32 levels are in their range then.
const FINEST: f64 = 16384.0;

/// The height of a level for activations of a unit: its range clipped where that loses less than a coarser level.
pub(crate) fn heights<T: Real>(activations: ArrayView2<'_, T>, max: f64) -> Vec<f64> {
    const CLIPS: [f64; 8] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5];
    let top = f64::from(LEVELS - 1);
    let of_unit = |values: ndarray::ArrayView1<'_, T>| {
        let peak = values.iter().fold(0.0, |peak: f64, v| peak.max(v.to_f64()));
        // A unit that is never active gets the levels of the whole range.
        let peak = if peak > 0.0 { peak } else { max };
        let error = |height: f64| {
            let of = |v: f64| height * (v / height).round().min(top) - v;
            values.iter().map(|v| of(v.to_f64()) * of(v.to_f64())).sum::<f64>()
        };
        let tried = CLIPS.map(|clip| (error(peak * clip / top), peak * clip / top));
        tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are clips to try").1
    };
    activations.columns().into_iter().map(of_unit).collect()
}

/// Rounds the layers and writes their program.
pub(crate) fn build(device: Device, inputs: &Ranges, layers: &[Dense]) -> Result<(Program, Outputs), Error> {
    let one = Precision::new(1, 1).expect("one digit each is allowed");
    let mut builder = ProgramBuilder::new(device, InputShape::flat(inputs.step.len() as u32), Bits::Four);
    let mut ranges = inputs.clone();
    let mut outputs = Outputs { scale: Vec::new(), offset: Vec::new() };
    for Dense { name, weights, bias, heights } in layers {
        let (units, columns) = weights.dim();
        let mut quantised = quantise(weights.view(), &ranges, one);
        if let Some(heights) = heights {
            coarsen(&mut quantised, heights);
        }
        // The processor sees levels 0..=15 where `quantise` reckons with -8..=7.
        let sums = quantised.integers.chunks_exact(columns).map(|row| row.iter().sum::<i32>());
        let offset: Vec<f64> = sums
            .zip(&quantised.scale)
            .zip(quantised.offset.iter().zip(bias))
            .map(|((sum, scale), (offset, bias))| offset + bias - 8.0 * scale * f64::from(sum))
            .collect();
        let integers = quantised.integers.iter().map(|&w| w as i8).collect();
        let layer = match heights {
            None => {
                outputs = Outputs { scale: quantised.scale, offset };
                Layer::potentials(name, columns, units, Bits::Four, integers)?
            }
            Some(heights) => {
                let mut thresholds = Vec::with_capacity(units);
                let mut steps = Vec::with_capacity(units);
                ranges = Ranges { low: vec![0.0; units], step: Vec::with_capacity(units) };
                for ((&height, &scale), &offset) in heights.iter().zip(&quantised.scale).zip(&offset) {
                    let units = height / scale / STEP_UNIT;
                    // Of a few units, one more would make a level worth far more than was asked for.
                    let units = if units < 16.0 { units.floor() } else { units.round() };
                    let step = (units * STEP_UNIT).clamp(STEP_UNIT, STEP_MAX);
                    let height = if units < 1.0 { height } else { step * scale };
                    let threshold = ((0.5 * height - offset) / scale).round();
                    thresholds.push(threshold.clamp(f64::from(POTENTIAL_MIN), f64::from(POTENTIAL_MAX)) as i64);
                    // Sixteenths below 65536 are exact in 32-bit floats.
                    steps.push(step as f32);
                    ranges.step.push(height);
                }
                outputs = Outputs { scale: ranges.step.clone(), offset: vec![0.0; units] };
                Layer::activations(
                    name,
                    columns,
                    units,
                    Bits::Four,
                    integers,
                    Bits::Four,
                    Staircase { thresholds, steps },
                )?
            }
        };
        builder = builder.layer(layer);
    }
    Ok((builder.build()?, outputs))
}

/// Rounds the weights of units to a coarser scale whose potentials are worth less than a [`FINEST`] part of a level.
fn coarsen(quantised: &mut Quantised, heights: &[f64]) {
    let columns = quantised.integers.len() / heights.len().max(1);
    let rows = quantised.integers.chunks_exact_mut(columns.max(1)).zip(&mut quantised.scale);
    for ((row, scale), height) in rows.zip(heights) {
        let least = height / FINEST;
        // A row of zeros has no scale of its own.
        if *scale < least || row.iter().all(|w| *w == 0) {
            for w in row {
                *w = (f64::from(*w) * (*scale / least)).round() as i32;
            }
            *scale = least;
        }
    }
}

impl<T: Real> Chain<T> {
    pub(crate) fn new(loaded: Arc<dyn Loaded>, inputs: &Ranges, outputs: &Outputs) -> Self {
        let real = |values: &[f64]| values.iter().copied().map(T::from_f64).collect();
        Self {
            loaded,
            inputs: inputs.step.len(),
            low: real(&inputs.low),
            gain: inputs.step.iter().map(|step| T::from_f64(step.recip())).collect(),
            scale: real(&outputs.scale),
            offset: real(&outputs.offset),
        }
    }

    pub(crate) fn loaded(&self) -> &Arc<dyn Loaded> {
        &self.loaded
    }
}

/// One stream's buffers for a [`Chain`]; gets its runner from the substrate at the first use.
#[derive(Debug)]
pub(crate) struct ChainRunner<T> {
    chain: Arc<Chain<T>>,
    runner: Option<Box<dyn Runner>>,
    levels: Vec<u8>,
    results: Vec<i32>,
}

impl<T> Clone for ChainRunner<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.chain))
    }
}

impl<T> ChainRunner<T> {
    pub(crate) fn new(chain: Arc<Chain<T>>) -> Self {
        Self { chain, runner: None, levels: Vec::new(), results: Vec::new() }
    }
}

impl<T: Real> ChainRunner<T> {
    /// `result = chain(source)` for each stream; `source` is `[streams, inputs]`, `result` is `[streams, units]`.
    pub(crate) fn run(&mut self, source: &[T], result: &mut [T]) -> Result<(), SubstrateError> {
        let Chain { loaded, inputs, low, gain, scale, offset } = &*self.chain;
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(loaded.runner()?),
        };
        self.levels.resize(source.len(), 0);
        self.results.resize(result.len(), 0);
        let top = T::from_f64(f64::from(LEVELS - 1));
        for (row, levels) in source.chunks_exact(*inputs).zip(self.levels.chunks_exact_mut(*inputs)) {
            for (((level, &x), &low), &gain) in levels.iter_mut().zip(row).zip(low).zip(gain) {
                let value = (x - low) * gain;
                let value = if value > T::ZERO { value } else { T::ZERO };
                *level = (if value < top { value } else { top }).round_to_i32() as u8;
            }
        }
        runner.run(&self.levels, &mut self.results)?;
        for (row, results) in result.chunks_exact_mut(scale.len()).zip(self.results.chunks_exact(scale.len())) {
            for (((to, &from), &scale), &offset) in row.iter_mut().zip(results).zip(scale).zip(offset) {
                *to = offset + scale * T::from_i64(i64::from(from));
            }
        }
        Ok(())
    }
}
