//! The season of a series, found by what one half of it says about the other.

use forebay::threads;
use serde::Serialize;

use super::error::EnsembleError;
use super::scale::Scale;

/// The last rows that are looked at.
const ROWS: usize = 20_000;

/// The longest season that is looked for.
const LONGEST: usize = 2_000;

/// How many times what the best season leaves a shorter one may leave.
const NEAR: f64 = 1.05;

/// Cycles that there have to be.
const CYCLES: usize = 6;

/// A season that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoundSeason {
    /// Its steps.
    pub steps: usize,
    /// How much of what is left of the second half without its level is foretold by the first half's mean at the same phase: 1 less the ratio of the
    /// sums of squares, at most 1.
    pub strength: f64,
}

/// Looks for a season of up to 2000 steps in the last 20000 rows, at least six cycles of it; NaN where a value is missing.
///
/// For every length s, the mean of s values around each is taken away, and the mean of what is left at each phase in the first half is compared
/// with the second half. Noise foretells nothing: the profile of c cycles of noise makes the sum of squares larger by `1 / c`. A
/// season counts from a strength of `0.1 + 1 / c` on, c the cycles of the second half, so that few cycles have to be much alike. It is the
/// strongest one, or the shortest part of it that leaves no more than a twentieth more.
///
/// ```
/// let series: Vec<f64> = (0..500).map(|t| f64::from(t % 7 / 5 * 3) + f64::from(t * t % 1009) * 0.001).collect();
/// let found = forebay_forecast::ensemble::find_season(&series)?.expect("weekends");
/// assert_eq!(found.steps, 7);
/// # Ok::<(), forebay_forecast::ensemble::EnsembleError>(())
/// ```
///
/// # Errors
/// [`EnsembleError::Infinite`], [`EnsembleError::Spread`].
pub fn find_season(series: &[f64]) -> Result<Option<FoundSeason>, EnsembleError> {
    if let Some(row) = series.iter().position(|value| value.is_infinite()) {
        return Err(EnsembleError::Infinite { row });
    }
    let leading = series.iter().take_while(|value| value.is_nan()).count();
    let series = &series[leading.max(series.len().saturating_sub(ROWS))..];
    let Some(mut held) = series.iter().copied().find(|value| !value.is_nan()) else { return Ok(None) };
    let scale = Scale::of(series)?;
    held = scale.inward(held);
    let mut sums = Vec::with_capacity(series.len() + 1);
    let mut values = Vec::with_capacity(series.len());
    let mut sum = 0.0;
    for value in series {
        if !value.is_nan() {
            held = scale.inward(*value);
        }
        values.push(held);
        sums.push(sum);
        sum += held;
    }
    sums.push(sum);
    let longest = (series.len() / CYCLES).min(LONGEST);
    let strengths = threads::map(2..=longest, |steps| (steps, strength(&values, &sums, steps)));
    let counts = |steps: usize| 0.1 + 2.0 * steps as f64 / (values.len() - steps) as f64;
    let strong = strengths.iter().filter(|(steps, strength)| *strength > counts(*steps));
    let Some(best) = strong.clone().reduce(|best, other| if other.1 > best.1 { other } else { best }) else {
        return Ok(None);
    };
    let is_as_good =
        |steps: usize, strength: f64| best.0 % steps == 0 && 1.0 - strength <= NEAR * (1.0 - best.1) + 1e-9;
    let found = strong.clone().find(|(steps, strength)| is_as_good(*steps, *strength)).unwrap_or(best);
    Ok(Some(FoundSeason { steps: found.0, strength: found.1 }))
}

/// How much the first half says about the second, for a season of these steps.
fn strength(values: &[f64], sums: &[f64], steps: usize) -> f64 {
    let rows = values.len() + 1 - steps;
    let left = |row: usize| values[row + steps / 2] - (sums[row + steps] - sums[row]) / steps as f64;
    // Whole cycles, so that every phase is seen as often as the others.
    let half = rows / 2 / steps * steps;
    let cycles = (half / steps) as f64;
    let mut profile = vec![0.0; steps];
    (0..half).for_each(|row| profile[row % steps] += left(row) / cycles);
    // A trend leaves a constant, where the mean is not around its value.
    let constant = profile.iter().sum::<f64>() / steps as f64;
    let (mut all, mut rest) = (0.0, 0.0);
    for row in half..rows {
        let (value, profile) = (left(row), profile[row % steps]);
        all += (value - constant) * (value - constant);
        rest += (value - profile) * (value - profile);
    }
    // Beyond rounding, in a scale of 1.
    if all > 1e-18 * rows as f64 { 1.0 - rest / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay::random::Seed;

    fn normals(count: usize, seed: u64) -> Vec<f64> {
        let mut stream = Seed(seed).stream("noise");
        (0..count).map(|_| stream.normal()).collect()
    }

    fn found(series: &[f64]) -> Option<usize> {
        find_season(series).expect("finite").map(|found| found.steps)
    }

    #[test]
    fn seasons_are_found_in_noise_trends_and_gaps() {
        for steps in [2, 5, 12, 48, 100] {
            let noise = normals(12 * steps + 40, steps as u64);
            let mut stream = Seed(1).stream("season");
            let season: Vec<f64> = (0..steps).map(|k| 2.0 * stream.normal() + if k == 0 { 6.0 } else { 0.0 }).collect();
            let mut series: Vec<f64> =
                noise.iter().enumerate().map(|(t, noise)| noise + season[t % steps] + 0.01 * t as f64).collect();
            assert_eq!(found(&series), Some(steps));
            series.iter_mut().step_by(9).for_each(|value| *value = f64::NAN);
            assert_eq!(found(&series), Some(steps), "with gaps");
        }
    }

    #[test]
    fn of_two_seasons_the_longer_one_is_found_if_it_says_more() {
        let day = |t: usize| (t % 24) as f64 / 4.0;
        let noise = normals(24 * 7 * 14, 1);
        let with_week = |size: f64| -> Vec<f64> {
            let week = |t: usize| if t / 24 % 7 < 5 { size } else { 0.0 };
            noise.iter().enumerate().map(|(t, noise)| 0.3 * noise + day(t) + week(t)).collect()
        };
        assert_eq!(found(&with_week(3.0)), Some(168));
        assert_eq!(found(&with_week(0.0)), Some(24));
    }

    #[test]
    fn noise_and_wandering_have_none() {
        let (mut of_noise, mut of_walks, mut of_slow) = (0, 0, 0);
        for seed in 0..100 {
            let noise = normals(400, seed);
            let run = |phi: f64| {
                let mut value = 0.0;
                let next = |noise: &f64| {
                    value = phi * value + noise;
                    value
                };
                noise.iter().map(next).collect::<Vec<f64>>()
            };
            of_noise += u32::from(found(&noise).is_some());
            of_walks += u32::from(found(&run(1.0)).is_some());
            of_slow += u32::from(found(&run(0.9)).is_some());
        }
        assert!(of_noise <= 2 && of_walks <= 5 && of_slow <= 5, "{of_noise} {of_walks} {of_slow} of 100");
    }

    #[test]
    fn what_says_nothing_has_none() {
        for series in [vec![], vec![1.0], vec![3.0; 200], vec![f64::NAN; 50], (0..300).map(f64::from).collect()] {
            assert_eq!(found(&series), None);
        }
        assert!(find_season(&[1.0, f64::INFINITY]).is_err());
    }
}
