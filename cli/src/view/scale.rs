//! From values to places between 0 and 1.

/// Values beyond are not drawn: differences of larger ones overflow.
pub(super) const LARGEST: f64 = 1e300;

/// Whether there is a place for a value: it is finite, and no larger than [`LARGEST`].
pub(super) fn is_drawn(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// The range of an axis, never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// The range of those values that are drawn, with a margin on both sides as a share of it; none without such a value.
    pub(super) fn around(values: impl Iterator<Item = f64>, margin: f64) -> Option<Self> {
        let ends = |ends: Option<(f64, f64)>, value: f64| {
            let (low, high) = ends.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        };
        let (low, high) = values.filter(|value| is_drawn(*value)).fold(None, ends)?;
        let (span, size) = (high - low, high.abs().max(low.abs()));
        // Less than that is one value and its rounding: ticks would fall together.
        let is_constant = span <= 64.0 * f64::EPSILON * size || span < 1e-290;
        let pad = match (is_constant, size < 1e-290) {
            (false, _) => margin * span,
            (true, false) => 0.1 * size,
            (true, true) => 1.0,
        };
        Some(Self { low: low - pad, high: high + pad })
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper one.
    pub(super) fn at(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scale;

    #[test]
    fn a_range_holds_what_is_finite_and_is_never_empty() {
        let around = |values: &[f64]| Scale::around(values.iter().copied(), 0.05);
        assert_eq!(around(&[]), None);
        assert_eq!(around(&[f64::NAN, f64::INFINITY, 1e301]), None);
        assert_eq!(around(&[0.0, f64::NAN, 10.0, f64::NEG_INFINITY]), Some(Scale { low: -0.5, high: 10.5 }));
        assert_eq!(around(&[0.0]), Some(Scale { low: -1.0, high: 1.0 }));
        assert_eq!(around(&[20.0, 20.0]), Some(Scale { low: 18.0, high: 22.0 }));
    }

    proptest! {
        #[test]
        fn every_value_has_a_place(values in prop::collection::vec(prop::num::f64::ANY, 1..20)) {
            if let Some(scale) = Scale::around(values.iter().copied(), 0.05) {
                prop_assert!(scale.low < scale.high);
                for value in values.into_iter().filter(|value| super::is_drawn(*value)) {
                    prop_assert!((0.0..=1.0).contains(&scale.at(value)), "{value} in {scale:?}");
                }
            }
        }
    }
}
