//! What persistence knows.

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
