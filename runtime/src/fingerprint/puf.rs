//! Do responses measured on several boards tell the boards apart? Statistics of physical unclonable functions (PUFs).
//!
//! For people with boards and a source of real variation, such as memory that is read before anything is written to
//! it. Inference is no such source: it gives the same bits on every good device, and this module then says so:
//! uniqueness 0, min-entropy 0, not a PUF. Good figures are necessary for a PUF and not sufficient: temperature,
//! voltage, ageing, tens of boards and attacks by models are beyond them. Tested on silicon: no.

use std::fmt;

use ndarray::{Array2, ArrayView1, ArrayView3, Axis};
use serde::Serialize;

use crate::error::Error;

/// Figures of merit of responses; distances are fractional Hamming distances, in `0..=1`.
///
/// A device's *reference* is the majority of its readings, bit by bit; at a tie, its first reading.
///
/// # Source
/// Uniformity, uniqueness, reliability, bit aliasing: A. Maiti, V. Gunreddy, P. Schaumont, "A systematic method to
/// evaluate and compare the performance of physical unclonable functions", 2011. Min-entropy: [`most_common_value`].
///
/// ```
/// use forebay::fingerprint::puf::Evaluation;
/// use ndarray::array;
///
/// // Two boards, one reading each, four bits.
/// let told_apart = Evaluation::of(array![[[true, false, true, true]], [[true, true, false, true]]].view())?;
/// assert_eq!(told_apart.uniqueness, Some(0.5));
/// let simulated = Evaluation::of(array![[[true, false]], [[true, false]]].view())?;
/// assert_eq!(simulated.min_entropy, Some(0.0));
/// assert!(simulated.to_string().contains("not a PUF"));
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Boards.
    pub devices: usize,
    /// Readings of each.
    pub repeats: usize,
    /// Bits of a reading.
    pub bits: usize,
    /// Mean share of ones in the references; ideal is 0.5.
    pub uniformity: f64,
    /// Mean distance between the references of two devices; ideal is 0.5. `None` with one device.
    pub uniqueness: Option<f64>,
    /// 1 - mean distance between a device's readings and its reference; ideal is 1. `None` with one reading.
    ///
    /// With few readings the reference leans on each of them, which flatters: take at least five.
    pub reliability: Option<f64>,
    /// For every bit the share of devices whose reference is one; ideal is 0.5, 0 and 1 tell nothing.
    pub bit_aliasing: Vec<f64>,
    /// Mean over bits of the min-entropy across devices, in bits per bit; ideal is 1. `None` with one device.
    ///
    /// Lower bound with 99 % confidence per bit, so it is small for few boards whatever they hold. Not to be
    /// multiplied by the number of bits: that would need bits that do not depend on each other.
    pub min_entropy: Option<f64>,
    /// The smallest min-entropy of a bit. `None` with one device.
    pub least_min_entropy: Option<f64>,
}

impl Evaluation {
    /// Evaluates responses.
    ///
    /// # Shapes
    /// `responses`: `[devices, repeats, bits]`, the same challenge throughout.
    ///
    /// # Errors
    /// [`Error::Shape`] if one of the three is 0.
    pub fn of(responses: ArrayView3<'_, bool>) -> Result<Self, Error> {
        let (devices, repeats, bits) = responses.dim();
        if responses.is_empty() {
            let found = format!("[{devices}, {repeats}, {bits}]");
            return Err(Error::shape("responses", "[devices, repeats, bits], none of them 0", found));
        }
        let references = Array2::from_shape_fn((devices, bits), |(device, bit)| {
            let ones = (0..repeats).filter(|&repeat| responses[[device, repeat, bit]]).count();
            if 2 * ones == repeats { responses[[device, 0, bit]] } else { 2 * ones > repeats }
        });
        let ones: Vec<usize> = references.columns().into_iter().map(|bit| bit.iter().filter(|&&b| b).count()).collect();
        let between = (0..devices)
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .map(|(a, b)| distance(references.row(a), references.row(b)));
        let within = responses.axis_iter(Axis(0)).zip(references.rows()).flat_map(|(readings, reference)| {
            readings.rows().into_iter().map(|reading| distance(reading, reference)).collect::<Vec<_>>()
        });
        let entropies: Vec<f64> =
            ones.iter().filter_map(|&ones| most_common_value(ones.max(devices - ones), devices)).collect();
        Ok(Self {
            devices,
            repeats,
            bits,
            uniformity: ones.iter().sum::<usize>() as f64 / (devices * bits) as f64,
            uniqueness: mean(between),
            reliability: mean(within).filter(|_| repeats > 1).map(|distance| 1.0 - distance),
            bit_aliasing: ones.iter().map(|&ones| ones as f64 / devices as f64).collect(),
            least_min_entropy: entropies.iter().copied().reduce(f64::min),
            min_entropy: mean(entropies.into_iter()),
        })
    }

    /// Whether the responses tell any two devices apart at all: no more than a necessary condition.
    pub fn tells_devices_apart(&self) -> bool {
        self.uniqueness.is_some_and(|uniqueness| uniqueness > 0.0)
    }
}

/// Min-entropy in bits per sample by the most common value estimate; `None` for fewer than 2 samples.
///
/// `p = count / samples`, `p_u = min(1, p + 2.576 sqrt(p (1 - p) / (samples - 1)))`, result `-log2(p_u)`: `p_u` is the
/// upper end of the 99 % confidence interval of p. `count` is how often the most common value occurs, `1..=samples`.
///
/// # Source
/// NIST SP 800-90B (2018), section 6.3.1.
///
/// ```
/// // The standard's own example: 8 of 20.
/// let entropy = forebay::fingerprint::puf::most_common_value(8, 20).expect("20 samples");
/// assert!((entropy - 0.5363).abs() < 1e-4);
/// ```
pub fn most_common_value(count: usize, samples: usize) -> Option<f64> {
    if samples < 2 || count == 0 || count > samples {
        return None;
    }
    let p = count as f64 / samples as f64;
    let upper = (p + 2.576 * (p * (1.0 - p) / (samples - 1) as f64).sqrt()).min(1.0);
    // Not the negative, which would be -0 for certainty.
    Some(0.0 - libm::log2(upper))
}

fn distance(a: ArrayView1<'_, bool>, b: ArrayView1<'_, bool>) -> f64 {
    let differing = a.iter().zip(b).filter(|(a, b)| a != b).count();
    differing as f64 / a.len() as f64
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { devices, repeats, bits, uniformity, .. } = self;
        let optional = |value: Option<f64>, why: &str| value.map_or(why.to_owned(), |value| format!("{value:.4}"));
        let several = |value| optional(value, "needs several devices");
        let extreme = |pick: fn(f64, f64) -> f64| self.bit_aliasing.iter().copied().reduce(pick).unwrap_or(0.0);
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (device, reading) = (plural(*devices), plural(*repeats));
        writeln!(f, "{devices} device{device}, {repeats} reading{reading} each, {bits} bits")?;
        writeln!(f, "uniformity    {uniformity:.4} (ideal 0.5)")?;
        writeln!(f, "uniqueness    {} (ideal 0.5)", several(self.uniqueness))?;
        writeln!(f, "reliability   {} (ideal 1)", optional(self.reliability, "needs several readings"))?;
        let aliasing = match devices {
            1 => "needs several devices".to_owned(),
            _ => format!("{:.4} to {:.4}", extreme(f64::min), extreme(f64::max)),
        };
        writeln!(f, "bit aliasing  {aliasing} (ideal 0.5)")?;
        let least = several(self.least_min_entropy);
        writeln!(f, "min-entropy   {} per bit, least {least} (ideal 1)", several(self.min_entropy))?;
        writeln!(f, "              across devices, SP 800-90B 6.3.1, 99 % bound; do not multiply by the bits")?;
        f.write_str(match self.devices {
            1 => "One device cannot show whether this is a PUF. Tested on silicon: no.\n",
            _ if !self.tells_devices_apart() => {
                "All devices give the same bits: this is not a PUF and holds no entropy. Tested on silicon: no.\n"
            }
            _ => "Necessary for a PUF, not sufficient: temperature, voltage, ageing and attacks are not in here.\n",
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;
    use crate::random::Seed;

    fn evaluate(responses: &Array3<bool>) -> Evaluation {
        Evaluation::of(responses.view()).expect("no axis is empty")
    }

    fn close(found: Option<f64>, expected: f64, tolerance: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < tolerance)
    }

    #[test]
    fn ideal_responses_have_ideal_figures() {
        let mut coin = Seed(1).stream("coin");
        let chips = Array2::from_shape_simple_fn((1000, 64), || coin.sign() > 0.0);
        let found = evaluate(&Array3::from_shape_fn((1000, 3, 64), |(device, _, bit)| chips[[device, bit]]));
        assert!((found.uniformity - 0.5).abs() < 0.01, "{found}");
        assert!(close(found.uniqueness, 0.5, 0.005), "{found}");
        assert_eq!(found.reliability, Some(1.0));
        // p is about 0.5 + 0.4 / sqrt(1000), and the bound 2.576 * 0.5 / sqrt(999) above it.
        assert!(close(found.min_entropy, -(0.5_f64 + 0.0126 + 0.0408).log2(), 0.01), "{found}");
        assert!(found.tells_devices_apart());
    }

    #[test]
    fn a_deterministic_device_is_not_a_puf() {
        let mut coin = Seed(2).stream("coin");
        let response: Vec<bool> = (0..256).map(|_| coin.sign() > 0.0).collect();
        let found = evaluate(&Array3::from_shape_fn((10, 5, 256), |(_, _, bit)| response[bit]));
        assert_eq!((found.uniqueness, found.reliability), (Some(0.0), Some(1.0)));
        assert_eq!((found.min_entropy, found.least_min_entropy), (Some(0.0), Some(0.0)));
        assert!(found.bit_aliasing.iter().all(|&share| share == 0.0 || share == 1.0));
        let text = found.to_string();
        assert!(text.contains("not a PUF") && text.contains("min-entropy   0.0000 per bit"), "{text}");
    }

    /// Worked by hand: references 1100, 1010 and 0011; distances 2/4, 4/4 and 2/4; one of nine readings is off by one
    /// bit of four.
    #[test]
    fn three_devices_by_hand() {
        let (o, i) = (false, true);
        let found = evaluate(&array![
            [[i, i, o, o], [i, i, o, o], [i, i, o, i]],
            [[i, o, i, o], [i, o, i, o], [i, o, i, o]],
            [[o, o, i, i], [o, o, i, i], [o, o, i, i]],
        ]);
        assert_eq!(found.uniformity, 0.5);
        assert!(close(found.uniqueness, 2.0 / 3.0, 1e-15), "{found}");
        assert!(close(found.reliability, 1.0 - 0.25 / 9.0, 1e-15), "{found}");
        assert_eq!(found.bit_aliasing, [2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0]);
        // 2/3 + 2.576 sqrt(1/9) is above 1: three boards bound nothing.
        assert_eq!(found.min_entropy, Some(0.0));
    }

    #[test]
    fn what_cannot_be_known_is_not_made_up() {
        let found = evaluate(&array![[[true, false]]]);
        assert_eq!((found.uniqueness, found.reliability, found.min_entropy), (None, None, None));
        assert!(found.to_string().contains("One device"));
        assert!(Evaluation::of(Array3::from_elem((2, 0, 4), true).view()).is_err());
        assert_eq!([(1, 1), (0, 5), (6, 5)].map(|(count, samples)| most_common_value(count, samples)), [None; 3]);
    }

    #[test]
    fn a_tie_is_the_first_reading() {
        let found = evaluate(&array![[[true, false], [false, false]], [[false, false], [true, false]]]);
        assert_eq!((found.uniqueness, found.reliability), (Some(0.5), Some(0.75)));
    }
}
