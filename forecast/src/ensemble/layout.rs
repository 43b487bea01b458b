//! What readouts see of the past, in groups with a penalty each.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::circle::circle;
use super::kept::{Frame, KeepError, must};
use super::past::Past;

/// Lags that every readout has, and how many of them are the short ones.
const SHORT: usize = 48;

/// The longest run of lags after the short ones.
const LONG: usize = 224;

/// Frequencies of a season.
const TERMS: usize = 84;

/// Features of row t for what is h steps ahead, one after the other:
///
/// | group | features |
/// |---|---|
/// | one | 1, without a penalty |
/// | level | y(t) |
/// | short | y(t-k) - y(t-k-1) for k < 48 |
/// | long | the same for later k |
/// | season | y(t+h-ms+j) - y(t) for up to three m and j = -2..2, y(t-s-j) - y(t) for j = 0..2 |
/// | phase | sine and cosine of `2 pi k (t+h) / s` |
///
/// All but the level are blind to what is added to the series, so that penalties draw towards the last value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    horizon: usize,
    season: usize,
    /// Differences, short and long.
    short: usize,
    long: usize,
    /// Lags of the group season.
    seasonal: Vec<usize>,
    terms: usize,
    /// Sine and cosine of `2 pi p / s` for each p.
    circle: Arc<[(f64, f64)]>,
}

/// A layout in bytes: its numbers and not where they come from, which a later version may choose otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptLayout {
    short: usize,
    long: usize,
    seasonal: Vec<usize>,
    terms: usize,
}

/// A group of features.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) features: Range<usize>,
}

impl Layout {
    /// All groups, as far as `training` rows reach: no lag is above a third of them, but seasonal ones may be two thirds.
    pub(super) fn full(horizon: usize, season: usize, training: usize) -> Self {
        let reach = training / 3;
        let longest = if season > 1 && season <= 200 { SHORT.max(season + 24) } else { SHORT }.min(LONG);
        let longest = longest.min(reach).max(1);
        let short = longest.min(SHORT);
        let mut seasonal = Vec::new();
        if season > 1 {
            let first = horizon.div_ceil(season);
            for m in first..first + 3 {
                let centre = m * season - horizon;
                // Seasons that short lags hold already add nothing.
                seasonal.extend((centre.saturating_sub(2)..=centre + 2).filter(|&lag| lag > 0));
            }
            seasonal.extend(season..season + 3);
            seasonal.retain(|&lag| lag <= training * 13 / 20);
            seasonal.sort_unstable();
            seasonal.dedup();
        }
        let terms = if season > 1 { (season / 2).min(training * 3 / (2 * season)).min(TERMS) } else { 0 };
        let circle = circle(if terms > 0 { season } else { 1 });
        Self { horizon, season, short, long: longest - short, seasonal, terms, circle }
    }

    /// One, level and a few differences.
    pub(super) fn small(horizon: usize, differences: usize) -> Self {
        let (seasonal, circle) = (Vec::new(), circle(1));
        Self { horizon, season: 1, short: differences, long: 0, seasonal, terms: 0, circle }
    }

    pub(super) fn kept(&self) -> KeptLayout {
        let Self { short, long, ref seasonal, terms, .. } = *self;
        KeptLayout { short, long, seasonal: seasonal.clone(), terms }
    }

    pub(super) fn open(kept: KeptLayout, frame: &Frame) -> Result<Self, KeepError> {
        let KeptLayout { short, long, seasonal, terms } = kept;
        let most = frame.fitted.max(SHORT);
        must(short <= most && long <= most, "lags", || format!("are {short} and {long}, and at most {most} can be"))?;
        let (first, last) = (seasonal.first().copied().unwrap_or(1), seasonal.last().copied().unwrap_or(1));
        let ascend = first > 0 && last <= most && seasonal.is_sorted_by(|a, b| a < b);
        must(ascend, "seasonal lags", || format!("do not ascend from 1 to at most {most}"))?;
        must(terms <= frame.season / 2, "frequencies", || format!("are {terms} in a season of {}", frame.season))?;
        let (season, circle) = if terms > 0 { (frame.season, frame.circle.clone()) } else { (1, circle(1)) };
        Ok(Self { horizon: frame.horizon, season, short, long, seasonal, terms, circle })
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        2 + self.short + self.long + self.seasonal.len() + 2 * self.terms
    }

    /// The longest lag that is looked at.
    pub(super) fn longest(&self) -> usize {
        (self.short + self.long).max(self.seasonal.last().copied().unwrap_or(0))
    }

    /// The groups but for the one, those without features left out.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut start = 1;
        let mut groups = Vec::new();
        let sizes = [
            ("level", 1),
            ("short", self.short),
            ("long", self.long),
            ("season", self.seasonal.len()),
            ("phase", 2 * self.terms),
        ];
        for (name, size) in sizes {
            if size > 0 {
                groups.push(Group { name, features: start..start + size });
            }
            start += size;
        }
        groups
    }

    /// Writes the features of the newest row `[width]`.
    pub(super) fn write(&self, past: &Past, row: &mut [f64]) {
        let now = past.at(0);
        (row[0], row[1]) = (1.0, now);
        let (mut newer, mut place) = (now, 2);
        for k in 0..self.short + self.long {
            let older = past.at(k + 1);
            row[place] = newer - older;
            (newer, place) = (older, place + 1);
        }
        for &lag in &self.seasonal {
            row[place] = past.at(lag) - now;
            place += 1;
        }
        if self.terms > 0 {
            let phase = (past.rows() - 1 + self.horizon) % self.season;
            for k in 1..=self.terms {
                (row[place], row[place + 1]) = self.circle[k * phase % self.season];
                place += 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn features_are_what_the_table_says() {
        let layout = Layout::full(2, 6, 90);
        let value = |t: usize| (t * t % 17) as f64;
        let mut past = Past::new(layout.longest());
        (0..80).for_each(|t| past.push(value(t)));
        let mut row = vec![f64::NAN; layout.width()];
        layout.write(&past, &mut row);
        assert_eq!(row[..4], [1.0, value(79), value(79) - value(78), value(78) - value(77)]);
        let groups = layout.groups();
        let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
        assert_eq!(names, ["level", "short", "season", "phase"]);
        assert_eq!(groups.last().map(|group| group.features.end), Some(layout.width()));
        // t + h - s - 2 = 73 is the sixth row back.
        let season = row[groups[2].features.clone()].to_vec();
        assert!(season.contains(&(value(73) - value(79))) && season.len() == layout.seasonal.len());
        let angle = TAU * f64::from(81 % 6) / 6.0;
        let phase = &row[groups[3].features.clone()];
        assert!((phase[0] - angle.sin()).abs() < 1e-15 && (phase[1] - angle.cos()).abs() < 1e-15);
        assert!((phase[2] - (2.0 * angle).sin()).abs() < 1e-12 && phase.len() == 6);
    }

    #[test]
    fn all_but_the_level_is_blind_to_an_offset() {
        let layout = Layout::full(1, 7, 200);
        let row = |offset: f64| {
            let mut past = Past::new(layout.longest());
            (0..150_u32).for_each(|t| past.push(f64::from(t * 13 % 31) + offset));
            let mut row = vec![0.0; layout.width()];
            layout.write(&past, &mut row);
            row
        };
        let (a, b) = (row(0.0), row(4096.0));
        assert_eq!(a[1] + 4096.0, b[1]);
        assert_eq!((a[0], &a[2..]), (b[0], &b[2..]));
    }

    #[test]
    fn short_series_have_short_lags() {
        for training in 0..200 {
            for (horizon, season) in [(1, 1), (3, 12), (24, 7), (1, 300)] {
                let layout = Layout::full(horizon, season, training);
                assert!(layout.longest() <= (training * 13 / 20).max(1), "{training} {layout:?}");
            }
        }
    }
}
