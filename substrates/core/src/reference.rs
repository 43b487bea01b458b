//! What a chain of layers computes, written to be read: the judge of every substrate.

use crate::{POTENTIAL_MAX, POTENTIAL_MIN};

/// A chain of fully connected layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Inputs of the first layer.
    pub inputs: usize,
    /// Bits per input value: 1, 2 or 4.
    pub input_bits: u8,
    /// First layer first; only the last may be without activation.
    pub layers: Vec<Layer>,
}

/// One fully connected layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Bits per weight: 1, 2 or 4.
    pub weight_bits: u8,
    /// `[units, inputs]`, unit slow.
    pub weights: Vec<i8>,
    /// Number of units.
    pub units: usize,
    /// What is done with the potentials; nothing if absent.
    pub activation: Option<Activation>,
}

/// A staircase over the potentials of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Bits per activation: 1, 2 or 4.
    pub bits: u8,
    /// Per unit, signed 20 bits.
    pub thresholds: Vec<i32>,
    /// Per unit, in sixteenths, at least 1.
    pub steps_16: Vec<u32>,
}

impl Chain {
    /// Outputs of the last layer for inputs `[samples, inputs]`: `[samples, units]`.
    ///
    /// ```text
    /// P[j] = clamp(sum over i of x[i] w[j][i], -2^19, 2^19 - 1)
    /// y[j] = clamp(ceil(16 (P[j] - threshold[j]) / (step_16[j] 2^(4 - bits))), 0, 2^bits - 1)
    /// ```
    ///
    /// Sums are formed in 128 bits and clamped once.
    ///
    /// # Source
    /// specs/layer-arithmetic.md.
    pub fn outputs(&self, inputs: &[u8]) -> Vec<i32> {
        inputs.chunks_exact(self.inputs).flat_map(|sample| self.output(sample)).collect()
    }

    fn output(&self, sample: &[u8]) -> Vec<i32> {
        let mut values: Vec<i128> = sample.iter().map(|&x| i128::from(x)).collect();
        for layer in &self.layers {
            values = layer.output(&values);
        }
        values.into_iter().map(|value| i32::try_from(value).expect("outputs have at most 20 bits")).collect()
    }
}

impl Layer {
    fn output(&self, x: &[i128]) -> Vec<i128> {
        let rows = self.weights.chunks_exact(x.len());
        let sums = rows.map(|row| row.iter().zip(x).map(|(&w, x)| i128::from(w) * x).sum::<i128>());
        let potentials = sums.map(|sum| sum.clamp(i128::from(POTENTIAL_MIN), i128::from(POTENTIAL_MAX)));
        match &self.activation {
            None => potentials.collect(),
            Some(Activation { bits, thresholds, steps_16 }) => potentials
                .zip(thresholds.iter().zip(steps_16))
                .map(|(potential, (&threshold, &step))| {
                    let above = 16 * (potential - i128::from(threshold));
                    let height = i128::from(step) << (4 - bits);
                    // Rounding up is rounding down of the negative.
                    let level = -(-above).div_euclid(height);
                    level.clamp(0, (1 << bits) - 1)
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staircase(bits: u8, threshold: i32, step_16: u32, potential: u8) -> i32 {
        let activation = Activation { bits, thresholds: vec![threshold], steps_16: vec![step_16] };
        let layer = Layer { weight_bits: 4, weights: vec![1], units: 1, activation: Some(activation) };
        Chain { inputs: 1, input_bits: 4, layers: vec![layer] }.outputs(&[potential])[0]
    }

    #[test]
    fn a_multiple_of_the_step_is_its_level_and_one_more_is_the_next() {
        // Step 2 with 4 bits: potentials 1 to 9 over a threshold of 1.
        let levels: Vec<i32> = (0..10).map(|p| staircase(4, 1, 32, p)).collect();
        assert_eq!(levels, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn fewer_bits_have_higher_steps() {
        // Step 1: ceil(d / 4) with 2 bits, d > 0 with one.
        assert_eq!([0, 1, 4, 5, 15].map(|p| staircase(2, 0, 16, p)), [0, 1, 1, 2, 3]);
        assert_eq!([0, 1, 15].map(|p| staircase(1, 0, 16, p)), [0, 1, 1]);
    }

    #[test]
    fn an_excess_that_cancels_leaves_no_trace() {
        let inputs = 12_000;
        let weights: Vec<i8> = (0..inputs).map(|i| if i < inputs / 2 { 7 } else { -7 }).collect();
        let layer = |weights| Layer { weight_bits: 4, weights, units: 1, activation: None };
        let chain = |layer| Chain { inputs, input_bits: 4, layers: vec![layer] };
        let ones = vec![15; inputs];
        assert_eq!(chain(layer(weights)).outputs(&ones), [0]);
        assert_eq!(chain(layer(vec![7; inputs])).outputs(&ones), [POTENTIAL_MAX]);
        assert_eq!(chain(layer(vec![-7; inputs])).outputs(&ones), [POTENTIAL_MIN]);
    }
}
