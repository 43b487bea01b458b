//! The last values of a series, as far back as anybody looks.

use serde::{Deserialize, Serialize};

use super::kept::{KeepError, finite, must, must_be};

/// A past in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptPast {
    first: f64,
    /// As many as the ring has, oldest first.
    newest: Vec<f64>,
}

/// A ring of the newest values; before the first one, the first is what was there.
#[derive(Clone, Debug)]
pub(super) struct Past {
    ring: Vec<f64>,
    first: f64,
    rows: usize,
}

impl Past {
    /// Lags that there is always room for.
    pub(super) const LEAST: usize = 16;

    /// Room for lags `0..=longest`.
    pub(super) fn new(longest: usize) -> Self {
        Self { ring: vec![0.0; Self::room(longest)], first: 0.0, rows: 0 }
    }

    /// A power of two, so that a lag is found with a mask.
    fn room(longest: usize) -> usize {
        (longest + 1).next_power_of_two()
    }

    pub(super) fn kept(&self) -> KeptPast {
        let held = self.rows.min(self.ring.len());
        KeptPast { first: self.first, newest: (0..held).rev().map(|lag| self.at(lag)).collect() }
    }

    /// With room for lags `0..=longest`, after so many rows.
    pub(super) fn open(kept: &KeptPast, longest: usize, rows: usize) -> Result<Self, KeepError> {
        let KeptPast { first, newest } = kept;
        // Before memory is taken.
        must(longest <= rows.max(Self::LEAST), "longest lag", || format!("is {longest}, and there are {rows} rows"))?;
        let held = rows.min(Self::room(longest));
        must_be("last values", newest.len(), Some(held))?;
        finite("last values", newest.iter().chain([first]))?;
        must(held < rows || newest.first().is_none_or(|value| value == first), "first value", || "is another one")?;
        let mut past = Self { first: *first, rows: rows - held, ..Self::new(longest) };
        for value in newest {
            past.push(*value);
        }
        past.first = *first;
        Ok(past)
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.rows == 0 {
            self.first = value;
        }
        let place = self.rows & (self.ring.len() - 1);
        self.ring[place] = value;
        self.rows += 1;
    }

    /// The value `lag` rows before the newest.
    pub(super) fn at(&self, lag: usize) -> f64 {
        debug_assert!(lag < self.ring.len(), "lag {lag} of {}", self.ring.len());
        if lag >= self.rows { self.first } else { self.ring[(self.rows - 1 - lag) & (self.ring.len() - 1)] }
    }

    /// How many rows there were.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// Rows of numbers that wait until they are `delay` rows old.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    width: usize,
    delay: usize,
    rows: Vec<f64>,
    /// Rows pushed so far.
    count: usize,
}

impl Waiting {
    pub(super) fn new(width: usize, delay: usize) -> Self {
        Self { width, delay, rows: vec![0.0; width * delay], count: 0 }
    }

    /// The waiting rows without their first numbers, oldest first.
    pub(super) fn kept(&self, without: usize) -> Vec<f64> {
        self.all().flat_map(|row| &row[without..]).copied().collect()
    }

    /// What waits after so many rows, at least `delay`; the first numbers of each are those of another one.
    pub(super) fn open(
        kept: &[f64],
        (width, delay): (usize, usize),
        rows: usize,
        first: Option<(&Self, usize)>,
    ) -> Result<Self, KeepError> {
        let without = first.map_or(0, |(_, without)| without);
        let own = width - without;
        must_be("numbers that wait", kept.len(), own.checked_mul(delay))?;
        must(delay > 0 && rows >= delay, "horizon", || format!("is {delay}, and there are {rows} rows"))?;
        finite("numbers that wait", kept)?;
        let mut waiting = Self { count: rows - delay, ..Self::new(width, delay) };
        let mut row = vec![0.0; width];
        for (number, own) in kept.chunks_exact(own.max(1)).enumerate() {
            if let Some((other, _)) = first {
                row[..without].copy_from_slice(&other.slot(rows - delay + number)[..without]);
            }
            row[without..].copy_from_slice(own);
            waiting.push(&row);
        }
        Ok(waiting)
    }

    /// How many rows wait.
    pub(super) fn delay(&self) -> usize {
        self.delay
    }

    /// The row that was pushed `delay` pushes ago, if there is one.
    pub(super) fn oldest(&self) -> Option<&[f64]> {
        (self.count >= self.delay).then(|| self.slot(self.count))
    }

    /// The waiting rows, oldest first: fewer than `delay` only at the start.
    pub(super) fn all(&self) -> impl Iterator<Item = &[f64]> {
        let from = self.count.saturating_sub(self.delay);
        (from..self.count).map(|number| self.slot(number))
    }

    /// Replaces the oldest row.
    pub(super) fn push(&mut self, row: &[f64]) {
        let start = self.count % self.delay * self.width;
        self.rows[start..start + self.width].copy_from_slice(row);
        self.count += 1;
    }

    fn slot(&self, number: usize) -> &[f64] {
        &self.rows[number % self.delay * self.width..][..self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_reach_back_to_the_first_value_and_no_further() {
        let mut past = Past::new(5);
        for value in 1..=20 {
            past.push(f64::from(value));
            for lag in 0..=5_u32 {
                assert_eq!(past.at(lag as usize), f64::from((value as u32).saturating_sub(lag).max(1)));
            }
        }
    }

    #[test]
    fn rows_come_out_after_their_delay() {
        let mut waiting = Waiting::new(1, 3);
        for row in 0..10_u32 {
            let oldest = waiting.oldest().map(|row| row[0]);
            assert_eq!(oldest, (row >= 3).then(|| f64::from(row) - 3.0));
            waiting.push(&[f64::from(row)]);
            let all: Vec<f64> = waiting.all().map(|row| row[0]).collect();
            let expected: Vec<f64> = (row.saturating_sub(2)..=row).map(f64::from).collect();
            assert_eq!(all, expected);
        }
    }
}
