//! Two windows that are compared sample by sample.

use forebay_kernels::Real;

use super::{Detector, positive, range};
use crate::error::Error;
use crate::keep::{KeepError, Reader, Writer};

/// The Kolmogorov-Smirnov distance of the last `recent` samples from the older ones in a window.
///
/// ```text
/// D = max over x of |F_recent(x) - F_older(x)|        statistic: D sqrt(r o / (r + o))
/// ```
///
/// with `r` recent and `o` older samples. It sees any change of the distribution, not only of the mean. The original draws
/// `r` of the older samples at random; here all of them are compared, which needs no randomness and gives a finer statistic.
/// Both parts are kept sorted: an update costs `O(window)`.
///
/// # Source
/// C. Raab, M. Heusinger, F.-M. Schleif, "Reactive soft prototype computing for concept drift streams", Neurocomputing 416
/// (2020).
#[derive(Clone, Debug)]
pub struct Kswin {
    threshold: f64,
    recent_count: usize,
    /// The samples in the order they came, a ring.
    window: Vec<f64>,
    next: usize,
    filled: usize,
    older: Vec<f64>,
    recent: Vec<f64>,
    skipped: u64,
}

impl Kswin {
    /// An empty window of `window` samples, the last `recent` of which are compared with the others.
    ///
    /// # Errors
    /// [`Error::Range`] unless `recent` is at least 2 and at most half of the window, and the threshold finite and above 0.
    pub fn new(window: usize, recent: usize, threshold: f64) -> Result<Self, Error> {
        if recent < 2 || recent > window / 2 {
            return Err(range("the recent part of the window", "at least 2 and at most half of it", recent));
        }
        positive("threshold", threshold)?;
        Ok(Self {
            threshold,
            recent_count: recent,
            window: vec![0.0; window],
            next: 0,
            filled: 0,
            older: Vec::with_capacity(window - recent),
            recent: Vec::with_capacity(recent),
            skipped: 0,
        })
    }
}

impl Detector for Kswin {
    fn update(&mut self, sample: f64) -> f64 {
        if !Real::is_finite(sample) {
            self.skipped += 1;
            return 0.0;
        }
        let length = self.window.len();
        if self.filled == length {
            remove(&mut self.older, self.window[self.next]);
        } else {
            self.filled += 1;
        }
        if self.recent.len() == self.recent_count {
            let aged = self.window[(self.next + length - self.recent_count) % length];
            remove(&mut self.recent, aged);
            insert(&mut self.older, aged);
        }
        insert(&mut self.recent, sample);
        self.window[self.next] = sample;
        self.next = if self.next + 1 == length { 0 } else { self.next + 1 };
        if self.filled < length {
            return 0.0;
        }
        let (recent, older) = (self.recent.len() as f64, self.older.len() as f64);
        ks_distance(&self.recent, &self.older) * (recent * older / (recent + older)).sqrt() / self.threshold
    }

    fn since(&self) -> u64 {
        self.recent_count.min(self.filled) as u64
    }

    fn restart(&mut self) {
        (self.next, self.filled) = (0, 0);
        self.older.clear();
        self.recent.clear();
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Takes a value that is there out of a sorted list.
fn remove(sorted: &mut Vec<f64>, value: f64) {
    let place = sorted.partition_point(|&other| other < value);
    if place < sorted.len() {
        sorted.remove(place);
    }
}

fn insert(sorted: &mut Vec<f64>, value: f64) {
    let place = sorted.partition_point(|&other| other < value);
    sorted.insert(place, value);
}

/// Largest difference of the empirical distribution functions of two sorted samples, in 0 to 1; 0 if one is empty.
///
/// ```
/// use forebay::drift::ks_distance;
///
/// // At 2, all of the first sample and a third of the second are passed.
/// assert_eq!(ks_distance(&[1.0, 2.0], &[2.0, 3.0, 4.0]), 2.0 / 3.0);
/// ```
pub fn ks_distance(first: &[f64], second: &[f64]) -> f64 {
    if first.is_empty() || second.is_empty() {
        return 0.0;
    }
    let (n, m) = (first.len(), second.len());
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while i < n && j < m {
        // Ties step in both before they are compared.
        let value = first[i].min(second[j]);
        while i < n && first[i] <= value {
            i += 1;
        }
        while j < m && second[j] <= value {
            j += 1;
        }
        largest = largest.max((i * m).abs_diff(j * n));
    }
    largest as f64 / (n * m) as f64
}

impl Kswin {
    /// What it has seen, oldest first; sizes and threshold are the owner's.
    pub(super) fn write(&self, to: &mut Writer) {
        to.number(self.skipped);
        to.count(self.filled);
        let (young, old) = self.window[..self.filled].split_at(self.next % self.filled.max(1));
        to.floats(old.iter().chain(young));
    }

    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// This one, new, with what another has seen in at most `most` samples. The sorted parts follow from the window.
    pub(super) fn read(mut self, most: u64, from: &mut Reader<'_>) -> Result<Self, KeepError> {
        self.skipped = from.number("skipped samples of a detector", most)?;
        let filled = from.count("samples of a detector", 0, self.window.len())?;
        let samples = from.floats("samples of a detector", filled)?;
        let (older, recent) = samples.split_at(filled.saturating_sub(self.recent_count));
        for (sorted, part) in [(&mut self.older, older), (&mut self.recent, recent)] {
            for &sample in part {
                insert(sorted, sample);
            }
        }
        self.window[..filled].copy_from_slice(&samples);
        (self.filled, self.next) = (filled, filled % self.window.len());
        Ok(self)
    }
}
