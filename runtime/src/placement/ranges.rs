//! The range of numbers that a product's inputs are written in, from bounds or from data.

use ndarray::{Array2, ArrayView2};

use forebay_kernels::Real;
use serde::{Deserialize, Serialize};

/// How every column of a product's inputs is written as an integer of `levels` values.
///
/// Column `i` holds `low[i] + step[i] * u` for `u = 0 ..= levels - 1`; what lies outside is clipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ranges {
    pub(crate) low: Vec<f64>,
    pub(crate) step: Vec<f64>,
}

/// Shares of the observed half-range that are tried when a range is clipped by error, largest first.
const CLIPS: [f64; 12] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.4];

/// What is left on both sides of the observed range, as a share of it, where levels are plenty: a closed loop may leave
/// the range it was calibrated on, and clipping costs it more than a slightly coarser step.
const MARGIN: f64 = 0.05;

/// Levels from which a range is widened by [`MARGIN`] instead of clipped.
const PLENTY: u32 = 256;

impl Ranges {
    /// The same bounds for all columns, as for the states of a tanh.
    pub(crate) fn bounds(columns: usize, low: f64, high: f64, levels: u32) -> Self {
        let step = (high - low) / f64::from(levels - 1);
        Self { low: vec![low; columns], step: vec![step; columns] }
    }

    /// For each column the range with the smallest squared error of the observed values `[samples, columns]`.
    pub(crate) fn observed<T: Real>(samples: ArrayView2<'_, T>, levels: u32) -> Self {
        let mut ranges = Self { low: Vec::new(), step: Vec::new() };
        let mut values = Vec::with_capacity(samples.nrows());
        for column in samples.columns() {
            values.clear();
            values.extend(column.iter().map(|v| v.to_f64()));
            let (low, step) = best_range(&values, levels);
            ranges.low.push(low);
            ranges.step.push(step);
        }
        ranges
    }

    /// The columns of both, these first.
    pub(crate) fn followed_by(mut self, other: &Self) -> Self {
        self.low.extend(&other.low);
        self.step.extend(&other.step);
        self
    }

    /// The number in the middle of each column's range, which integer 0 of a signed number of `levels` values stands
    /// for.
    pub(crate) fn centre(&self, levels: u32) -> impl Iterator<Item = f64> {
        let half = f64::from(levels / 2);
        self.low.iter().zip(&self.step).map(move |(low, step)| low + step * half)
    }
}

fn best_range(values: &[f64], levels: u32) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A constant column still needs a step, to notice when it stops being constant.
    let smallest = 1e-3 * low.abs().max(high.abs()).max(1e-3);
    let (centre, half) = (f64::midpoint(low, high), (0.5 * (high - low)).max(smallest));
    let range = |half: f64| (centre - half, 2.0 * half / f64::from(levels - 1));
    if levels >= PLENTY {
        return range(half * (1.0 + 2.0 * MARGIN));
    }
    let error = |half: f64| {
        let (low, step) = range(half);
        let top = f64::from(levels - 1);
        let of = |v: f64| low + step * ((v - low) / step).clamp(0.0, top).round() - v;
        values.iter().map(|&v| of(v) * of(v)).sum::<f64>()
    };
    let best = CLIPS.map(|clip| (error(half * clip), half * clip));
    let (_, half) = best.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are clips to try");
    range(half)
}

/// A fixed number of rows, evenly spaced over a series of unknown length.
#[derive(Debug)]
pub(crate) struct Sample<T> {
    width: usize,
    rows: Vec<T>,
    /// Every so many rows one is kept; doubles when the store is full.
    stride: usize,
    seen: usize,
}

/// Rows that are kept at most.
const KEPT: usize = 4096;

impl<T: Real> Sample<T> {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), stride: 1, seen: 0 }
    }

    pub(crate) fn push(&mut self, row: &[T]) {
        if self.seen.is_multiple_of(self.stride) {
            if self.rows.len() == KEPT * self.width {
                let width = self.width;
                for kept in 1..KEPT / 2 {
                    self.rows.copy_within(2 * kept * width..(2 * kept + 1) * width, kept * width);
                }
                self.rows.truncate(KEPT / 2 * width);
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.rows.extend_from_slice(row);
            }
        }
        self.seen += 1;
    }

    /// `[rows, width]`.
    pub(crate) fn into_rows(self) -> Array2<T> {
        let rows = self.rows.len() / self.width;
        Array2::from_shape_vec((rows, self.width), self.rows).expect("rows of one width")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_evenly_spaced() {
        let mut sample = Sample::new(1);
        (0..20_000).for_each(|i| sample.push(&[f64::from(i)]));
        let rows = sample.into_rows();
        assert!((KEPT / 2..=KEPT).contains(&rows.nrows()));
        let steps: Vec<f64> = rows.as_slice().expect("contiguous").windows(2).map(|w| w[1] - w[0]).collect();
        assert!(steps.iter().all(|&step| step == steps[0]), "one stride");
        assert!(rows[[rows.nrows() - 1, 0]] > 19_900.0, "up to the end");
    }

    #[test]
    fn few_levels_clip_outliers_and_many_do_not() {
        // 1,000 values in -1..1 and one at 3: with 16 levels, losing the outlier costs less than a coarse step.
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 500.0 - 1.0).chain([3.0]).collect();
        let column = Array2::from_shape_vec((1001, 1), values).expect("one column");
        let coarse = Ranges::observed(column.view(), 16);
        assert!(coarse.low[0] + 15.0 * coarse.step[0] < 3.0);
        let fine = Ranges::observed(column.view(), 65_536);
        assert!(fine.low[0] < -1.0 && fine.low[0] + 65_535.0 * fine.step[0] > 3.0);
    }

    #[test]
    fn a_constant_column_has_a_step() {
        let column = Array2::from_elem((5, 1), 0.0_f32);
        let ranges = Ranges::observed(column.view(), 16);
        assert!(ranges.step[0] > 0.0 && ranges.step[0].is_finite());
    }
}
