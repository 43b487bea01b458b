//! The last numbers, in order of size.

use std::collections::VecDeque;

/// A window of the newest numbers that knows their ranks.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: usize,
    newest: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self { size, newest: VecDeque::new(), sorted: Vec::new() }
    }

    /// With these numbers, oldest first, at most as many as there is room for.
    pub(super) fn with(size: usize, newest: VecDeque<f64>) -> Self {
        let mut sorted = Vec::from(newest.clone());
        sorted.sort_by(f64::total_cmp);
        Self { size, newest, sorted }
    }

    /// The numbers, oldest first.
    pub(super) fn newest(&self) -> &VecDeque<f64> {
        &self.newest
    }

    /// How many it has room for.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.newest.len() == self.size
            && let Some(oldest) = self.newest.pop_front()
        {
            let place = self.sorted.partition_point(|other| other.total_cmp(&oldest).is_lt());
            self.sorted.remove(place);
        }
        self.newest.push_back(value);
        let place = self.sorted.partition_point(|other| other.total_cmp(&value).is_lt());
        self.sorted.insert(place, value);
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The number of this rank, from 1, the smallest.
    pub(super) fn ranked(&self, rank: usize) -> Option<f64> {
        self.sorted.get(rank.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_are_those_of_the_last_numbers(values in prop::collection::vec(-5_i32..5, 1..60), size in 1_usize..20) {
            let mut window = Window::new(size);
            for (t, value) in values.iter().enumerate() {
                window.push(f64::from(*value));
                let mut last: Vec<i32> = values[(t + 1).saturating_sub(size)..=t].to_vec();
                last.sort_unstable();
                prop_assert_eq!(window.len(), last.len());
                for (rank, value) in last.iter().enumerate() {
                    prop_assert_eq!(window.ranked(rank + 1), Some(f64::from(*value)));
                }
            }
        }
    }
}
