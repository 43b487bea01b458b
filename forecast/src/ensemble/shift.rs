//! Shifts of level: several surprises in a row, all to one side.

use serde::{Deserialize, Serialize};

use super::kept::{KeepError, finite, must, must_be};
use super::past::Past;
use super::sums::Sums;

/// Order of the autoregression that is surprised.
const ORDER: usize = 8;

/// Values that it reads.
const READ: usize = ORDER + 1;

/// Surprises in a row that make a shift. Each is larger than all there was, so that two to one side are no accident, and every one more is a
/// forecast at the old level: three would suffer less from an outage of two rows, and more from every shift.
const STREAK: usize = 2;

/// Rows without a value that a streak may go on over.
const PATIENCE: usize = 10;

/// Of the values that are read, how many may be none of the series.
const MADE_UP: usize = 2;

/// An autoregression, and the rows since it was first surprised.
///
/// It reads the series as it would have been: in the place of values that are missing or were passing surprises stand its own forecasts. An
/// outlier or an outage in what it reads would make the usual values after it surprises, and so levels of them.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Of the one, the last value and differences before it.
    weights: Vec<f64>,
    /// What a residual has to exceed to be a surprise.
    limit: f64,
    /// What it reads, before the streak if there is one.
    read: Read,
    streak: Option<Streak>,
}

/// The last values, oldest first, and which of them are the series' own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Read {
    values: [f64; READ],
    own: [bool; READ],
}

#[derive(Clone, Debug)]
struct Streak {
    /// How the autoregression goes on by itself since before the streak.
    path: Read,
    /// The same with the surprises as they came: a shock that fades is none to what has read it.
    told: Read,
    /// Rows so far, none where there was no value, each with where the path was.
    rows: Vec<(Option<f64>, f64)>,
    /// How far the first one was from the path.
    first: f64,
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
    read: Read,
}

impl Read {
    fn push(&mut self, value: f64, is_own: bool) {
        self.values.rotate_left(1);
        self.own.rotate_left(1);
        (self.values[READ - 1], self.own[READ - 1]) = (value, is_own);
    }

    /// Whether enough of it is the series to be surprised by.
    fn tells(&self) -> bool {
        self.own.iter().filter(|own| !**own).count() <= MADE_UP
    }
}

impl Watch {
    pub(super) fn kept(&self) -> KeptWatch {
        KeptWatch { weights: self.weights.clone(), limit: self.limit, read: self.read.clone() }
    }

    pub(super) fn open(kept: KeptWatch) -> Result<Self, KeepError> {
        let KeptWatch { weights, limit, read } = kept;
        must_be("weights of the watch", weights.len(), Some(ORDER + 1))?;
        finite("weights of the watch", weights.iter().chain([&limit]))?;
        finite("values of the watch", &read.values)?;
        must(limit >= 0.0, "limit of the watch", || "is below 0")?;
        Ok(Self { weights, limit, read, streak: None })
    }

    /// The rows of the streak that is not over, none where there was no value.
    pub(super) fn streak(&self) -> Vec<Option<f64>> {
        self.streak.iter().flat_map(|streak| streak.rows.iter().map(|(value, _)| *value)).collect()
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
        let limit = (5.0 * median / 0.6745).max(*largest);
        let last = values.len() - READ;
        let read = Read {
            values: std::array::from_fn(|place| values[last + place]),
            own: std::array::from_fn(|place| known[last + place]),
        };
        Some(Self { weights, limit, read, streak: None })
    }

    /// Judges the value of the next row.
    pub(super) fn see(&mut self, value: Option<f64>) -> Seen {
        let Some(mut streak) = self.streak.take() else { return self.see_usual(value) };
        let next = self.next(&streak.path);
        let after = self.next(&streak.told);
        let goes_on = match value {
            None => streak.rows.len() < STREAK + PATIENCE,
            // To the same side, and not on the way back: a shift stays where it went.
            Some(value) => {
                let (gap, residual) = (value - next, value - after);
                let is_surprise = |by: f64| by.abs() > self.limit && by * streak.first > 0.0;
                is_surprise(gap) && is_surprise(residual) && 2.0 * gap.abs() > streak.first.abs()
            }
        };
        if !goes_on {
            // It has passed: the path stands for its rows.
            self.read = streak.path;
            return self.see_usual(value);
        }
        streak.path.push(next, false);
        streak.told.push(value.unwrap_or(after), value.is_some());
        streak.rows.push((value, next));
        let gaps: Vec<f64> = streak.rows.iter().filter_map(|(value, next)| Some((*value)? - next)).collect();
        if gaps.len() < STREAK {
            self.streak = Some(streak);
            return Seen::Again;
        }
        let by = gaps.iter().sum::<f64>() / gaps.len() as f64;
        for (value, next) in &streak.rows {
            self.read.push(value.map_or(*next, |value| value - by), value.is_some());
        }
        Seen::Shift { by, rows: streak.rows.into_iter().map(|(value, _)| value).collect() }
    }

    /// Without a streak.
    fn see_usual(&mut self, value: Option<f64>) -> Seen {
        let next = self.next(&self.read);
        let Some(value) = value else {
            self.read.push(next, false);
            return Seen::Usual;
        };
        let gap = value - next;
        if gap.abs() > self.limit && self.read.tells() {
            let (mut path, mut told) = (self.read.clone(), self.read.clone());
            path.push(next, false);
            told.push(value, true);
            self.streak = Some(Streak { path, told, rows: vec![(Some(value), next)], first: gap });
            return Seen::First;
        }
        self.read.push(value, true);
        Seen::Usual
    }

    fn next(&self, read: &Read) -> f64 {
        let mut row = [1.0; ORDER + 1];
        row[1] = read.values[READ - 1];
        (2..=ORDER).for_each(|k| row[k] = read.values[READ + 1 - k] - read.values[READ - k]);
        read.values[READ - 1] + dot(&self.weights, &row)
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

    fn watch(values: &[f64]) -> Watch {
        Watch::new(values, &vec![true; values.len()]).expect("long enough")
    }

    #[test]
    fn two_surprises_to_one_side_are_a_shift_by_their_mean() {
        let values = noise(500);
        let mut watch = watch(&values);
        assert_eq!(watch.see(Some(20.3)), Seen::First);
        let Seen::Shift { by, rows } = watch.see(Some(19.8)) else { panic!("no shift") };
        assert!((by - 20.0).abs() < 0.5, "{by}");
        assert_eq!(rows, [Some(20.3), Some(19.8)]);
        // From then on values are told at the old level.
        assert!(values[..100].iter().all(|value| watch.see(Some(*value)) == Seen::Usual));
    }

    #[test]
    fn an_outlier_noise_and_two_sides_are_none() {
        let values = noise(600);
        let mut watch = watch(&values[..500]);
        let mut all = values[500..].to_vec();
        (all[20], all[50], all[51], all[52]) = (30.0, 30.0, -40.0, 90.0);
        for value in all {
            assert!(!matches!(watch.see(Some(value)), Seen::Shift { .. }));
        }
    }

    #[test]
    fn missing_rows_do_not_end_a_streak() {
        let values = noise(500);
        let mut watch = watch(&values);
        let rows = [Some(20.0), None, None, Some(20.0)];
        let seen = rows.map(|value| watch.see(value));
        assert_eq!((&seen[0], &seen[1], &seen[2]), (&Seen::First, &Seen::Again, &Seen::Again));
        assert!(matches!(&seen[3], Seen::Shift { rows: told, .. } if told[..] == rows));
    }

    /// In a series with a season, one outlier or one outage made its usual values surprises, and sixty shifts to and fro of them.
    #[test]
    fn what_passes_leaves_no_shifts_behind() {
        let errors = noise(1200);
        let value = |t: usize| 3.0 * libm::sin(t as f64 * std::f64::consts::TAU / 24.0) + 0.1 * errors[t];
        let values: Vec<f64> = (0..1000).map(value).collect();
        for outage in [0, 1, 5, 12, 24, 36] {
            let mut watch = watch(&values);
            for t in 1000..1200 {
                let value = match t {
                    1050 => Some(value(t) + 15.0),
                    t if (1100..1100 + outage).contains(&t) => None,
                    _ => Some(value(t)),
                };
                let seen = watch.see(value);
                assert!(!matches!(seen, Seen::Shift { .. }), "{outage}, {t}: {seen:?}");
            }
        }
    }
}
