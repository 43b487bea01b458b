//! Shifts of level: several surprises in a row, all to one side.

use serde::{Deserialize, Serialize};

use super::kept::{KeepError, finite, must, must_be};
use super::past::Past;
use super::sums::Sums;

/// Order of the autoregression that is surprised.
const ORDER: usize = 8;

/// Surprises in a row that make a shift. Each is larger than all there was, so that two to one side are no accident, and every one more is a
/// forecast at the old level.
const STREAK: usize = 2;

/// Rows without a value that a streak may go on over.
const PATIENCE: usize = 10;

/// An autoregression, and the rows since it was first surprised.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Of the one, the last value and differences before it.
    weights: Vec<f64>,
    /// What a residual has to exceed to be a surprise.
    limit: f64,
    streak: Option<Streak>,
}

#[derive(Clone, Debug)]
struct Streak {
    /// What preceded it.
    before: Past,
    /// Its rows, none where there was no value.
    rows: Vec<Option<f64>>,
    upwards: bool,
}

/// What a row says about the level.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// Nothing.
    Usual,
    /// The first surprise of a streak: what was known before it may have to be taken up again.
    First,
    /// The streak goes on.
    Again,
    /// The level has shifted since before the first surprise.
    Shift {
        /// By the mean of surprising values less what the autoregression would have gone on to from there.
        by: f64,
        /// Rows of the streak, none where there was no value.
        rows: Vec<Option<f64>>,
    },
}

/// A watch in bytes, before its streak: the rows of that are seen again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptWatch {
    weights: Vec<f64>,
    limit: f64,
}

impl Watch {
    pub(super) fn kept(&self) -> KeptWatch {
        KeptWatch { weights: self.weights.clone(), limit: self.limit }
    }

    pub(super) fn open(kept: KeptWatch) -> Result<Self, KeepError> {
        let KeptWatch { weights, limit } = kept;
        must_be("weights of the watch", weights.len(), Some(ORDER + 1))?;
        finite("weights of the watch", weights.iter().chain([&limit]))?;
        must(limit >= 0.0, "limit of the watch", || "is below 0")?;
        Ok(Self { weights, limit, streak: None })
    }

    /// The rows of the streak that is not over, none where there was no value.
    pub(super) fn streak(&self) -> &[Option<f64>] {
        self.streak.as_ref().map_or(&[], |streak| &streak.rows)
    }

    /// Learns what is usual of a series; none if it is too short to tell.
    pub(super) fn new(values: &[f64], known: &[bool]) -> Option<Self> {
        if values.len() < 8 * ORDER {
            return None;
        }
        let mut sums = Sums::new(ORDER + 1);
        walk(values, known, |row, change| sums.push(row, change));
        sums.flush();
        let size = sums.rows() as f64 * 1e-6;
        let penalties: Vec<f64> =
            (0..=ORDER).map(|j| if j == 0 { 0.0 } else { size * sums.variance(j).max(1e-12) }).collect();
        let weights = sums.solve(&penalties)?;
        let mut residuals = Vec::with_capacity(sums.rows());
        walk(values, known, |row, change| residuals.push((change - dot(&weights, row)).abs()));
        residuals.sort_by(f64::total_cmp);
        let (median, largest) = (residuals.get(residuals.len() / 2)?, residuals.last()?);
        // For normal residuals the median of their sizes is 0.6745 standard deviations.
        Some(Self { weights, limit: (5.0 * median / 0.6745).max(*largest), streak: None })
    }

    /// Judges a value, given the past before it.
    pub(super) fn see(&mut self, past: &Past, value: Option<f64>) -> Seen {
        let residual = value.map(|value| value - self.next(past));
        let is_surprise = residual.is_some_and(|residual| residual.abs() > self.limit);
        let upwards = residual.is_some_and(|residual| residual > 0.0);
        if let Some(streak) = &mut self.streak
            && (value.is_none() || is_surprise && upwards == streak.upwards)
            && streak.rows.len() < STREAK + PATIENCE
        {
            streak.rows.push(value);
            if streak.rows.iter().flatten().count() < STREAK {
                return Seen::Again;
            }
        } else {
            self.streak = is_surprise.then(|| {
                let mut before = Past::new(ORDER);
                (0..=ORDER).rev().for_each(|lag| before.push(past.at(lag)));
                Streak { before, rows: vec![value], upwards }
            });
            return if is_surprise { Seen::First } else { Seen::Usual };
        }
        let Some(Streak { mut before, rows, .. }) = self.streak.take() else { return Seen::Usual };
        let mut sum = 0.0;
        for row in &rows {
            let next = self.next(&before);
            sum += row.map_or(0.0, |value| value - next);
            before.push(next);
        }
        Seen::Shift { by: sum / STREAK as f64, rows }
    }

    fn next(&self, past: &Past) -> f64 {
        past.at(0) + dot(&self.weights, &row(past))
    }
}

fn row(past: &Past) -> [f64; ORDER + 1] {
    let mut row = [1.0; ORDER + 1];
    row[1] = past.at(0);
    (2..=ORDER).for_each(|k| row[k] = past.at(k - 2) - past.at(k - 1));
    row
}

fn dot(weights: &[f64], row: &[f64]) -> f64 {
    weights.iter().zip(row).map(|(w, x)| w * x).sum()
}

/// Every row with its change to the next one, where that is known.
fn walk(values: &[f64], known: &[bool], mut each: impl FnMut(&[f64], f64)) {
    let mut past = Past::new(ORDER);
    for t in 0..values.len() - 1 {
        past.push(values[t]);
        if t >= ORDER && known[t + 1] {
            each(&row(&past), values[t + 1] - values[t]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay::random::Seed;

    fn noise(count: usize) -> Vec<f64> {
        let mut stream = Seed(5).stream("noise");
        (0..count).map(|_| stream.normal()).collect()
    }

    fn watch(values: &[f64]) -> (Watch, Past) {
        let mut past = Past::new(ORDER);
        for value in values {
            past.push(*value);
        }
        (Watch::new(values, &vec![true; values.len()]).expect("long enough"), past)
    }

    #[test]
    fn two_surprises_to_one_side_are_a_shift_by_their_mean() {
        let values = noise(500);
        let (mut watch, mut past) = watch(&values);
        assert_eq!(watch.see(&past, Some(20.3)), Seen::First);
        past.push(20.3);
        let Seen::Shift { by, rows } = watch.see(&past, Some(19.8)) else { panic!("no shift") };
        assert!((by - 20.0).abs() < 0.5, "{by}");
        assert_eq!(rows, [Some(20.3), Some(19.8)]);
    }

    #[test]
    fn an_outlier_noise_and_two_sides_are_none() {
        let values = noise(600);
        let (mut watch, mut past) = watch(&values[..500]);
        let mut all = values[500..].to_vec();
        (all[20], all[50], all[51], all[52]) = (30.0, 30.0, -40.0, 90.0);
        for value in all {
            assert!(!matches!(watch.see(&past, Some(value)), Seen::Shift { .. }));
            past.push(value);
        }
    }

    #[test]
    fn missing_rows_do_not_end_a_streak() {
        let values = noise(500);
        let (mut watch, mut past) = watch(&values);
        let rows = [Some(20.0), None, None, Some(20.0)];
        let seen = rows.map(|value| {
            let seen = watch.see(&past, value);
            past.push(value.unwrap_or(past.at(0)));
            seen
        });
        assert_eq!((&seen[0], &seen[1], &seen[2]), (&Seen::First, &Seen::Again, &Seen::Again));
        assert!(matches!(&seen[3], Seen::Shift { rows: told, .. } if told[..] == rows));
    }
}
