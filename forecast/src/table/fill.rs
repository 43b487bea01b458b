//! Missing values, and what is put in their place.

use super::options::Fill;

/// Puts values in the place of NaN. The first row that stays without one is an error.
pub(super) fn fill(values: &mut [f64], how: Fill) -> Result<(), usize> {
    let known: Vec<usize> = (0..values.len()).filter(|&row| !values[row].is_nan()).collect();
    match how {
        Fill::Refuse | Fill::Mark => {}
        Fill::Hold => {
            let mut last = f64::NAN;
            for value in values.iter_mut() {
                if value.is_nan() {
                    *value = last;
                }
                last = *value;
            }
        }
        Fill::Linear => {
            if let (Some(&first), Some(&last)) = (known.first(), known.last()) {
                let (start, end) = (values[first], values[last]);
                values[..first].fill(start);
                values[last..].fill(end);
            }
            for pair in known.windows(2) {
                let [from, to] = [pair[0], pair[1]];
                let (a, b) = (values[from], values[to]);
                (from + 1..to).for_each(|row| values[row] = blend(a, b, (row - from) as f64 / (to - from) as f64));
            }
        }
    }
    values.iter().position(|value| value.is_nan()).map_or(Ok(()), Err)
}

/// `a` at 0, `b` at 1; finite for any finite `a` and `b`, as `b - a` would not be.
fn blend(a: f64, b: f64, share: f64) -> f64 {
    a * (1.0 - share) + b * share
}

/// Values that mean "missing" in many files.
const MARKERS: [f64; 12] =
    [-99.0, -999.0, -9999.0, -99_999.0, 999.0, 9999.0, 99_999.0, -999.9, -99.9, 32_767.0, -32_768.0, 65_535.0];

/// A value that stands far off all others, and how often; with the range of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FarOff {
    value: f64,
    count: usize,
    least: f64,
    most: f64,
}

impl FarOff {
    /// What is told of it.
    pub(super) fn note(self, column: &str) -> String {
        let Self { value, count, least, most } = self;
        let value = if value.abs() < 1e15 { value.to_string() } else { format!("{value:e}") };
        format!(
            "{column}: {value} stands {count} time(s), far from all others ({least} to {most}): use --missing={value} if it means a missing value"
        )
    }
}

/// The value that stands far off all others, again and again.
pub(super) fn far_off(values: &[f64]) -> Option<FarOff> {
    let known = || values.iter().copied().filter(|value| !value.is_nan());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    [low, high].into_iter().find_map(|value| {
        let count = known().filter(|other| *other == value).count();
        let others = known().filter(|other| *other != value);
        let (least, most) = others.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let away = (least - value).max(value - most);
        let is_marker = MARKERS.contains(&value) || value.abs() >= 1e20;
        let is_far =
            most > least && if is_marker { away > most - least } else { count > 2 && away > 5.0 * (most - least) };
        (is_far && value != 0.0).then_some(FarOff { value, count, least, most })
    })
}

#[cfg(test)]
mod tests {
    use super::{FarOff, Fill, far_off, fill};

    #[test]
    fn holding_looks_back_and_lines_look_ahead() {
        let n = f64::NAN;
        let filled = |how| {
            let mut values = [1.0, n, 4.0, n, n];
            fill(&mut values, how).map(|()| values)
        };
        assert_eq!(filled(Fill::Hold), Ok([1.0, 1.0, 4.0, 4.0, 4.0]));
        assert_eq!(filled(Fill::Linear), Ok([1.0, 2.5, 4.0, 4.0, 4.0]));
        assert_eq!((filled(Fill::Refuse), filled(Fill::Mark)), (Err(1), Err(1)));
        let mut late = [n, 2.0];
        assert_eq!((fill(&mut late, Fill::Hold), fill(&mut late, Fill::Linear)), (Err(0), Ok(())));
        assert_eq!(late, [2.0, 2.0]);
    }

    #[test]
    fn a_value_far_off_is_found() {
        assert_eq!(far_off(&[1.0, 3.0, -999.0, 2.0]), Some(FarOff { value: -999.0, count: 1, least: 1.0, most: 3.0 }));
        assert_eq!(
            far_off(&[1.0, 77.0, 77.0, 3.0, 77.0]),
            Some(FarOff { value: 77.0, count: 3, least: 1.0, most: 3.0 })
        );
        assert_eq!(
            (far_off(&[1.0, 77.0, 3.0]), far_off(&[998.0, 999.0, 997.0]), far_off(&[5.0, 5.0])),
            (None, None, None)
        );
    }
}
