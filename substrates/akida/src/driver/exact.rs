//! What a program computes, by plain arithmetic: the judge of what comes back from a device.

use crate::layer::Layer;
use crate::program::Program;

/// Layers with their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    layers: Vec<Layer>,
}

impl Exact {
    pub(crate) fn new(program: &Program) -> Self {
        Self { layers: (0..program.layers().len()).filter_map(|index| program.layer(index)).collect() }
    }

    /// Outputs for one sample.
    pub(crate) fn outputs(&self, sample: &[u8]) -> Vec<i32> {
        let mut values = sample.iter().map(|&x| i32::from(x)).collect::<Vec<_>>();
        for layer in &self.layers {
            let unit = |(unit, weights): (usize, &[i8])| {
                let sum: i32 = weights.iter().zip(&values).map(|(&w, &x)| i32::from(w) * x).sum();
                let potential = sum.clamp(-(1 << 19), (1 << 19) - 1);
                match &layer.activation {
                    None => potential,
                    Some(staircase) => {
                        let step = (f64::from(staircase.steps[unit]) * 16.0) as i64;
                        let step = step << (4 - layer.act_bits.count());
                        let above = 16 * (i64::from(potential) - staircase.thresholds[unit]);
                        let level = if above <= 0 { 0 } else { (above + step - 1) / step };
                        level.min((1 << layer.act_bits.count()) - 1) as i32
                    }
                }
            };
            values = layer.weights.chunks_exact(layer.inputs).enumerate().map(unit).collect();
        }
        values
    }
}
