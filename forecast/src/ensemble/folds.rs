//! Rolling origins: blocks of targets, each forecast by what was learnt from all before it.

use std::ops::Range;

/// From this many rows on, origins begin later and are fewer.
const MANY: usize = 4_000;

/// Where blocks of targets begin: what is learnt before an origin is judged on the block that begins there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Folds {
    origins: Vec<usize>,
    rows: usize,
}

impl Folds {
    /// Origins at 1/2, 5/8, 3/4 and 7/8 of the rows, the last two of many rows; none where the first would leave fewer than `horizon + 3`
    /// rows on either side.
    pub(super) fn new(rows: usize, horizon: usize) -> Self {
        let eighths: &[usize] = if rows >= MANY { &[6, 7] } else { &[4, 5, 6, 7] };
        let mut origins: Vec<usize> = eighths.iter().map(|eighth| eighth * rows / 8).collect();
        origins.dedup();
        let (first, least) = (origins[0], horizon + 3);
        if first < least || rows - first < least {
            origins.clear();
        }
        Self { origins, rows }
    }

    /// Number of blocks that are judged.
    pub(super) fn count(&self) -> usize {
        self.origins.len()
    }

    /// The first row that is forecast; all rows if none is.
    pub(super) fn first(&self) -> usize {
        self.origins.first().copied().unwrap_or(self.rows)
    }

    /// Which block a target is in; none before the first origin and after the last row.
    pub(super) fn of(&self, target: usize) -> Option<usize> {
        (target < self.rows).then(|| self.origins.partition_point(|origin| *origin <= target).checked_sub(1)).flatten()
    }

    /// Targets of the blocks, what precedes the first one of them first.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.origins.iter().copied());
        let ends = self.origins.iter().copied().chain([self.rows]);
        starts.zip(ends).map(|(start, end)| start..end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_after_the_first_origin_is_in_one_block() {
        for (rows, count) in [(800, 4), (4_000, 2), (7, 0), (8, 4)] {
            let folds = Folds::new(rows, 1);
            let blocks = folds.blocks();
            assert_eq!((folds.count(), blocks.len()), (count, count + 1), "{rows}");
            for t in 0..rows + 3 {
                let within = blocks.iter().position(|block| block.contains(&t));
                assert_eq!(folds.of(t), within.and_then(|block| block.checked_sub(1)), "{t} of {rows}");
            }
        }
    }
}
