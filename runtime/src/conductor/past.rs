//! What persistence knows.

use crate::keep::{KeepError, Reader, Writer, must};

/// The newest truths of one head, told in the order of their steps.
#[derive(Clone, Debug)]
pub(super) struct Past {
    columns: usize,
    /// `[rows, columns]`, a ring in the order of telling.
    truths: Vec<f64>,
    /// The step of each; they ascend.
    steps: Vec<u64>,
    /// How many were told.
    told: u64,
}

impl Past {
    /// Room for the newest `rows` truths.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, truths: vec![0.0; rows * columns], steps: vec![0; rows], told: 0 }
    }

    fn row(&self, number: u64) -> usize {
        (number % self.steps.len() as u64) as usize
    }

    /// The first step whose truth may come.
    pub(super) fn next(&self) -> u64 {
        if self.told == 0 { 0 } else { self.steps[self.row(self.told - 1)] + 1 }
    }

    /// Takes the truth of a step from [`next`](Self::next) on; steps may be left out.
    pub(super) fn push(&mut self, step: u64, truth: impl Iterator<Item = f64>) {
        let row = self.row(self.told);
        self.truths[row * self.columns..][..self.columns].iter_mut().zip(truth).for_each(|(to, from)| *to = from);
        self.steps[row] = step;
        self.told += 1;
    }

    /// The newest truth of the steps up to this one; none if there was none, or `rows` have been told since.
    pub(super) fn up_to(&self, step: u64) -> Option<&[f64]> {
        let oldest = self.told.saturating_sub(self.steps.len() as u64);
        let (mut first, mut end) = (oldest, self.told);
        while first < end {
            let middle = first + (end - first) / 2;
            if self.steps[self.row(middle)] <= step {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        let row = self.row((first > oldest).then(|| first - 1)?);
        Some(&self.truths[row * self.columns..][..self.columns])
    }

    pub(super) fn clear(&mut self) {
        self.told = 0;
    }
}

impl Past {
    /// What is known, oldest first, then zeros for what is not.
    pub(super) fn write(&self, to: &mut Writer) {
        to.number(self.told);
        let oldest = self.told.saturating_sub(self.steps.len() as u64);
        for number in oldest..oldest + self.steps.len() as u64 {
            let is_known = number < self.told;
            let row = self.row(number);
            to.number(if is_known { self.steps[row] } else { 0 });
            for value in &self.truths[row * self.columns..][..self.columns] {
                to.float(if is_known { *value } else { 0.0 });
            }
        }
    }

    /// With room for `rows` truths, of those of the steps `of` as many as were told.
    pub(super) fn read(
        rows: usize,
        columns: usize,
        of: std::ops::Range<u64>,
        from: &mut Reader<'_>,
    ) -> Result<Self, KeepError> {
        from.must_have("known truths", rows, (1 + columns) * size_of::<f64>())?;
        let told = from.number("number of truths", if rows == 0 { 0 } else { of.end - of.start })?;
        let mut past = Self::new(rows, columns);
        past.told = told.saturating_sub(rows as u64);
        let mut least = of.start;
        for _ in 0..rows {
            let step = from.number("step of a truth", of.end)?;
            let truth = from.floats("truth", columns)?;
            if past.told < told {
                must((least..of.end).contains(&step), "step of a truth", || "does not ascend")?;
                least = step + 1;
                past.push(step, truth.into_iter());
            } else {
                let is_empty = step == 0 && truth.iter().all(|value| value.to_bits() == 0);
                must(is_empty, "truth", || "is there and not counted")?;
            }
        }
        Ok(past)
    }
}
