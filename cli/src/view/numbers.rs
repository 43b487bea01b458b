//! Ticks at round numbers: 1, 2 or 5 times a power of ten apart.

use super::scale::Scale;
use super::tick::{Tick, Ticks};

/// Digits of a label at most; longer ones are told as differences to the first.
const DIGITS: usize = 8;

/// At most `most` ticks (2 at least are asked for), inside of the range, with labels of the same number of decimals.
pub(super) fn ticks(scale: Scale, most: usize) -> Ticks {
    at_multiples(scale, step(scale, most.max(2), i32::MIN))
}

/// The same at whole numbers only, of which the range may have none.
pub(super) fn whole_ticks(scale: Scale, most: usize) -> Ticks {
    at_multiples(scale, step(scale, most.max(2), 0))
}

fn at_multiples(scale: Scale, (step, exponent): (i64, i32)) -> Ticks {
    let (first, last) = multiples(scale, step, exponent);
    let numbers: Vec<i64> = (first..=last).map(|k| k * step).collect();
    let (labels, base) = labels(&numbers, exponent);
    let mut ticks: Vec<Tick> = Vec::new();
    for (number, label) in numbers.into_iter().zip(labels) {
        let at = value(number, exponent);
        let is_next = ticks.last().is_none_or(|last| last.at < at);
        if (scale.low..=scale.high).contains(&at) && is_next {
            ticks.push(Tick { at, label, context: None });
        }
    }
    Ticks { ticks, base }
}

/// The smallest step with no more than so many multiples in the range: a factor and a power of ten, from `least` on.
fn step(scale: Scale, most: usize, least: i32) -> (i64, i32) {
    let exponent = (libm::log10((scale.high - scale.low) / most as f64).floor() as i32).max(least.saturating_add(1));
    let steps = (exponent - 1..exponent + 2).flat_map(|exponent| [1, 2, 5].map(|factor| (factor, exponent)));
    let fits = |(factor, exponent): &(i64, i32)| {
        let (first, last) = multiples(scale, *factor, *exponent);
        last - first < most as i64
    };
    steps.into_iter().find(fits).unwrap_or((1, exponent + 2))
}

/// The first and the last multiple of a step in the range.
fn multiples(scale: Scale, step: i64, exponent: i32) -> (i64, i64) {
    let step = value(step, exponent);
    // A multiple that lies on an end must not be lost by rounding; what lies beyond is sorted out by its value.
    ((scale.low / step - 1e-6).ceil() as i64, (scale.high / step + 1e-6).floor() as i64)
}

/// The float that is nearest to `number * 10^exponent`.
fn value(number: i64, exponent: i32) -> f64 {
    format!("{number}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// Labels for these multiples of a power of ten, and what is to be added to them.
fn labels(numbers: &[i64], exponent: i32) -> (Vec<String>, Option<String>) {
    let largest = numbers.iter().map(|number| number.unsigned_abs()).max().unwrap_or(0);
    let digits = largest.max(1).to_string().len();
    let Some(first) = numbers.first().filter(|_| digits > DIGITS) else {
        return (numbers.iter().map(|&number| label(number, exponent, digits)).collect(), None);
    };
    let rest: Vec<i64> = numbers.iter().map(|number| number - first).collect();
    let digits = rest.iter().max().unwrap_or(&1).to_string().len();
    let labels = rest.into_iter().map(|number| label(number, exponent, digits)).collect();
    // In full: it is told once, and a rounded one would be a wrong one.
    (labels, Some(fixed(*first, exponent)))
}

/// A multiple of a power of ten, written as all of up to so many digits are.
fn label(number: i64, exponent: i32, digits: usize) -> String {
    let of_first = exponent + digits as i32 - 1;
    if number == 0 {
        return "0".to_owned();
    }
    if (-4..7).contains(&of_first) && exponent > -8 {
        return fixed(number, exponent);
    }
    format!("{}e{of_first}", fixed(number, exponent - of_first))
}

/// `number * 10^exponent` in full.
fn fixed(number: i64, exponent: i32) -> String {
    let (sign, digits) = (if number < 0 { "-" } else { "" }, number.unsigned_abs().to_string());
    if exponent >= 0 {
        return format!("{sign}{digits}{}", "0".repeat(exponent as usize));
    }
    let decimals = exponent.unsigned_abs() as usize;
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    format!("{sign}{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Scale, ticks};

    fn labels(low: f64, high: f64, most: usize) -> Vec<String> {
        ticks(Scale { low, high }, most).ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn labels_are_short_and_differ() {
        assert_eq!(labels(0.0, 1.0, 6), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(1948.3, 2013.0, 8), ["1950", "1960", "1970", "1980", "1990", "2000", "2010"]);
        assert_eq!(labels(-0.26, 0.13, 5), ["-0.2", "-0.1", "0", "0.1"]);
        assert_eq!(labels(1.0e9, 5.3e9, 5), ["1e9", "2e9", "3e9", "4e9", "5e9"]);
        assert_eq!(labels(1.1e-7, 2.2e-7, 3), ["1.5e-7", "2.0e-7"]);
        assert_eq!(labels(-2.0e12, 2.0e12, 5), ["-2e12", "-1e12", "0", "1e12", "2e12"]);
    }

    /// Labels of a narrow range far from zero were once all the same: 1.0e9.
    #[test]
    fn a_narrow_range_far_from_zero_is_told_as_differences() {
        let found = ticks(Scale { low: 1_234_567_890.05, high: 1_234_567_890.62 }, 6);
        let labels: Vec<&str> = found.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(found.base.as_deref(), Some("1234567890.1"));
    }

    #[test]
    fn whole_ticks_are_whole() {
        let labels = |low, high| {
            let found = super::whole_ticks(Scale { low, high }, 8).ticks;
            found.into_iter().map(|tick| tick.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.97, 3.03), ["1", "2", "3"]);
        assert_eq!(labels(4.5, 5.5), ["5"]);
        assert_eq!(labels(0.0, 100.0), ["0", "20", "40", "60", "80", "100"]);
        assert!(labels(0.2, 0.4).is_empty());
    }

    proptest! {
        #[test]
        fn ticks_rise_lie_inside_and_are_few(a in prop::num::f64::ANY, b in prop::num::f64::ANY, most in 2_usize..12) {
            if let Some(scale) = Scale::around([a, b].into_iter(), 0.05) {
                let found = ticks(scale, most).ticks;
                prop_assert!((1..=most).contains(&found.len()), "{} of {most} in {scale:?}", found.len());
                prop_assert!(found.windows(2).all(|two| two[0].at < two[1].at && two[0].label != two[1].label));
                prop_assert!(found.iter().all(|tick| scale.low <= tick.at && tick.at <= scale.high));
            }
        }

        #[test]
        fn labels_say_where_ticks_are(low in -1e9..1e9_f64, span in 1e-3..1e9_f64) {
            let found = ticks(Scale { low, high: low + span }, 6);
            let base = found.base.as_deref().map_or(0.0, |base| base.parse::<f64>().unwrap());
            for tick in found.ticks {
                let told = base + tick.label.parse::<f64>().unwrap();
                prop_assert!((told - tick.at).abs() <= 1e-9 * span.max(1e-6 * low.abs()), "{told} at {}", tick.at);
            }
        }
    }
}
