//! A series in numbers around 1, whatever its units.

use serde::{Deserialize, Serialize};

use super::error::EnsembleError;
use super::kept::{KeepError, must};

/// The largest number of scales that a value may be away from the centre.
const FAR: f64 = 1e60;

/// `(y - centre) / size`, size a power of two, so that it costs no digit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    centre: f64,
    size: f64,
}

impl Scale {
    /// From the known values of a series, at least one: their mean, and the power of two below their standard deviation.
    pub(super) fn of(values: &[f64]) -> Result<Self, EnsembleError> {
        let known = values.iter().copied().filter(|value| !value.is_nan());
        let smallest = known.clone().fold(f64::INFINITY, f64::min);
        let largest = known.clone().fold(f64::NEG_INFINITY, f64::max);
        let spread = largest - smallest;
        if spread > 1e300 || spread.is_nan() {
            return Err(EnsembleError::Spread { smallest, largest });
        }
        if spread == 0.0 {
            return Ok(Self { centre: smallest, size: 1.0 });
        }
        let centre = forebay::metrics::mean(known.clone());
        let count = known.clone().count() as f64;
        let squares = known.map(|value| (value - centre) / spread).map(|part| part * part).sum::<f64>();
        let deviation = spread * (squares / count).sqrt();
        // Not below the normal numbers, which could not be divided by.
        let (_, exponent) = libm::frexp(deviation.max(f64::MIN_POSITIVE));
        Ok(Self { centre, size: libm::ldexp(1.0, exponent - 1) })
    }

    /// That it is one.
    pub(super) fn check(&self) -> Result<(), KeepError> {
        let is_power = self.size.is_normal() && self.size > 0.0 && libm::frexp(self.size).0 == 0.5;
        must(self.centre.is_finite() && is_power, "scale", || "has a size that is no power of two, or no centre")
    }

    pub(super) fn inward(&self, value: f64) -> f64 {
        (value - self.centre) / self.size
    }

    pub(super) fn outward(&self, value: f64) -> f64 {
        self.centre + self.size * value
    }

    /// A difference.
    pub(super) fn stretch(&self, difference: f64) -> f64 {
        self.size * difference
    }

    /// Whether numbers hold what is made of a value.
    pub(super) fn holds(&self, value: f64) -> bool {
        self.inward(value).abs() < FAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_factor_of_two_changes_no_digit(values in prop::collection::vec(-1e3_f64..1e3, 2..50), power in -100_i32..100) {
            let factor = libm::ldexp(1.0, power);
            let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
            let (a, b) = (Scale::of(&values).expect("finite"), Scale::of(&scaled).expect("finite"));
            for (value, scaled) in values.iter().zip(&scaled) {
                if a.size != 1.0 && b.size != 1.0 {
                    prop_assert_eq!(a.inward(*value), b.inward(*scaled));
                }
            }
        }
    }

    #[test]
    fn what_no_number_holds_is_refused() {
        assert!(matches!(Scale::of(&[-1e308, 1e308]), Err(EnsembleError::Spread { .. })));
        assert!(matches!(Scale::of(&[0.0, 5e-324]), Ok(Scale { size, .. }) if size > 0.0));
        let far = Scale::of(&[1e8, 1e8 + 1.0]).expect("finite");
        assert_eq!((far.inward(1e8 + 0.5), far.outward(far.inward(1e8))), (0.0, 1e8));
    }
}
