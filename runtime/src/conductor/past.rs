//! What persistence knows.

/// The newest truths of one head, told in the order of their steps.
#[derive(Clone, Debug)]
pub(super) struct Past {
    columns: usize,
    /// `[rows, columns]`; the truth of step s in row `s % rows`.
    truths: Vec<f64>,
    /// Per row the step of its truth, plus 1; 0 for none.
    steps: Vec<u64>,
    /// The step after that of the newest truth.
    next: u64,
}

impl Past {
    /// Room for truths of `rows` steps, the newest told and those before it.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, truths: vec![0.0; rows * columns], steps: vec![0; rows], next: 0 }
    }

    /// The first step whose truth may come.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes the truth of a step from [`next`](Self::next) on; steps may be left out.
    pub(super) fn push(&mut self, step: u64, truth: impl Iterator<Item = f64>) {
        let row = (step % self.steps.len() as u64) as usize;
        self.truths[row * self.columns..][..self.columns].iter_mut().zip(truth).for_each(|(to, from)| *to = from);
        self.steps[row] = step + 1;
        self.next = step + 1;
    }

    /// The newest truth of the steps up to this one.
    pub(super) fn up_to(&self, step: u64) -> Option<&[f64]> {
        let rows = self.steps.len() as u64;
        let oldest = (step + 1).saturating_sub(rows);
        let row = (oldest..=step).rev().map(|s| (s, (s % rows) as usize)).find(|&(s, row)| self.steps[row] == s + 1)?.1;
        Some(&self.truths[row * self.columns..][..self.columns])
    }

    pub(super) fn clear(&mut self) {
        self.steps.fill(0);
        self.next = 0;
    }
}
