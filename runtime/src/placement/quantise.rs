//! Real weights as integers of several digits, with a scale per unit and the input ranges folded in.

use ndarray::ArrayView2;

use forebay_substrate::Precision;

use super::ranges::Ranges;

/// A matrix as a processor multiplies it.
///
/// With inputs `x[i] = centre[i] + step[i] * n[i]` for integers `n`,
///
/// ```text
/// sum over i of W[j][i] x[i]  ~  offset[j] + scale[j] * sum over i of integers[j][i] * n[i]
/// ```
///
/// where `offset[j] = sum over i of W[j][i] centre[i]` is formed with the real weights, so that rounding them only
/// acts on how far an input is from its centre.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantised {
    /// `[units, inputs]`, each within [`Precision::weight_max`].
    pub(crate) integers: Vec<i32>,
    pub(crate) scale: Vec<f64>,
    pub(crate) offset: Vec<f64>,
}

/// Shares of the largest weight of a unit that its scale is tried with, where weights have one digit.
const CLIPS: [f64; 11] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

/// Rounds `weights`, `[units, inputs]`, for inputs in these ranges.
pub(crate) fn quantise(weights: ArrayView2<'_, f64>, ranges: &Ranges, precision: Precision) -> Quantised {
    let (units, inputs) = weights.dim();
    let centres: Vec<f64> = ranges.centre(levels(precision)).collect();
    let largest = f64::from(precision.weight_max());
    let mut quantised =
        Quantised { integers: Vec::with_capacity(units * inputs), scale: Vec::new(), offset: Vec::new() };
    let mut folded = Vec::with_capacity(inputs);
    for row in weights.rows() {
        folded.clear();
        folded.extend(row.iter().zip(&ranges.step).map(|(w, step)| w * step));
        let scale = unit_scale(&folded, largest, precision.weight_digits() == 1);
        quantised.integers.extend(folded.iter().map(|w| (w / scale).clamp(-largest, largest).round() as i32));
        quantised.scale.push(scale);
        quantised.offset.push(row.iter().zip(&centres).map(|(w, centre)| w * centre).sum());
    }
    quantised
}

/// Number of values a state number has: `16^p`.
pub(crate) fn levels(precision: Precision) -> u32 {
    1 << (4 * precision.state_digits())
}

/// The scale of one unit: its largest weight becomes the largest integer, or less than it where clipping pays.
fn unit_scale(folded: &[f64], largest: f64, clip: bool) -> f64 {
    let peak = folded.iter().fold(0.0_f64, |peak, w| peak.max(w.abs()));
    if peak == 0.0 {
        return 1.0;
    }
    let full = peak / largest;
    if !clip {
        return full;
    }
    let error = |scale: f64| {
        let of = |w: f64| scale * (w / scale).clamp(-largest, largest).round() - w;
        folded.iter().map(|&w| of(w) * of(w)).sum::<f64>()
    };
    let best = CLIPS.map(|clip| (error(full * clip), full * clip));
    best.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are clips to try").1
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What a product loses is bounded by half a step of every input and half a scale of every weight.
        #[test]
        fn products_are_within_the_rounding(
            seed in 0_u64..1000, units in 1_usize..8, inputs in 1_usize..40, p in 1_u8..=4, q in 2_u8..=3,
        ) {
            let precision = Precision::new(p, q).expect("allowed");
            let mut stream = crate::random::Seed(seed).stream("test");
            let weights = Array2::from_shape_simple_fn((units, inputs), || stream.uniform_in(-1.0, 1.0));
            let ranges = Ranges::bounds(inputs, -1.0, 1.0, levels(precision));
            let quantised = quantise(weights.view(), &ranges, precision);
            let x: Vec<f64> = (0..inputs).map(|_| stream.uniform_in(-1.0, 1.0)).collect();
            let half = f64::from(levels(precision) / 2);
            let n: Vec<f64> = x.iter().map(|x| ((x + 1.0) / ranges.step[0]).round() - half).collect();
            for (j, row) in weights.rows().into_iter().enumerate() {
                let exact: f64 = row.iter().zip(&x).map(|(w, x)| w * x).sum();
                let integers = &quantised.integers[j * inputs..(j + 1) * inputs];
                let product: f64 = integers.iter().zip(&n).map(|(&w, n)| f64::from(w) * n).sum();
                let approximate = quantised.offset[j] + quantised.scale[j] * product;
                let of_states: f64 = row.iter().map(|w| w.abs() * ranges.step[0] / 2.0).sum();
                let of_weights: f64 = n.iter().map(|n| n.abs() * quantised.scale[j] / 2.0).sum();
                prop_assert!((approximate - exact).abs() <= of_states + of_weights + 1e-12);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let precision = Precision::new(1, 1).expect("allowed");
        let ranges = Ranges::bounds(3, -1.0, 1.0, 16);
        let quantised = quantise(Array2::zeros((1, 3)).view(), &ranges, precision);
        assert_eq!((quantised.integers, quantised.scale, quantised.offset), (vec![0; 3], vec![1.0], vec![0.0]));
    }
}
