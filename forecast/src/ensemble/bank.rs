//! Features of one kind, the sums over them, and the readouts that learn from these.

use serde::{Deserialize, Serialize};

use super::error::EnsembleError;
use super::folds::Folds;
use super::kept::{Frame, KeepError, finite, must, must_be, same_bits};
use super::past::{Past, Waiting};
use super::penalties::{Penalties, search};
use super::source::{KeptSource, Source};
use super::sums::{KeptSums, Sums, product};

/// A series as members see it.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// With stand-ins for missing values.
    pub(super) values: &'a [f64],
    /// Which are not missing.
    pub(super) known: &'a [bool],
    /// Features of inputs, `[rows, width]`.
    pub(super) beside: &'a [f64],
    pub(super) width: usize,
    pub(super) horizon: usize,
}

impl<'a> Shown<'a> {
    /// The features of inputs at a row.
    pub(super) fn beside(&self, row: usize) -> &'a [f64] {
        &self.beside[row * self.width..(row + 1) * self.width]
    }

    /// The last rows.
    pub(super) fn last(&self, rows: usize) -> Self {
        let from = self.values.len().saturating_sub(rows);
        let (values, known, beside) = (&self.values[from..], &self.known[from..], &self.beside[from * self.width..]);
        Self { values, known, beside, ..*self }
    }
}

/// A linear readout of the first features of a bank: the change from row t to row t + h.
#[derive(Clone, Debug)]
pub(super) struct Readout {
    pub(super) penalties: Penalties,
    weights: Vec<f64>,
}

/// A source at the newest row of a series, and the sums up to there.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    source: Source,
    /// Features of the last rows, with the value there behind them.
    waiting: Waiting,
    row: Vec<f64>,
    sums: Sums,
    /// Rows whose features do not count.
    warm: usize,
    pub(super) readouts: Vec<Readout>,
}

/// A bank in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptBank {
    source: KeptSource,
    /// Whether the features before the reservoir's are those of the bank before it, and left out with their sums.
    is_like_the_last: bool,
    waiting: Vec<f64>,
    sums: KeptSums,
    warm: usize,
    readouts: Vec<KeptReadout>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptReadout {
    penalties: (Vec<i32>, Vec<f64>),
    weights: Vec<f64>,
}

/// Readouts and what they forecast out of fold.
pub(super) struct Learnt {
    pub(super) bank: Bank,
    /// By readout, for the targets from the first origin on.
    pub(super) forecasts: Vec<Vec<f64>>,
}

/// A bank after a series and its blocks, before readouts are learnt.
pub(super) struct Summed {
    start: Source,
    bank: Bank,
    /// Sums of the rows before each origin, and of those of the block that begins there.
    folds: Vec<(Sums, Sums)>,
}

impl Bank {
    fn new(source: Source, horizon: usize, warm: usize) -> Self {
        let width = source.width();
        let waiting = Waiting::new(width + 1, horizon);
        Self {
            source,
            waiting,
            row: vec![0.0; width + 1],
            sums: Sums::new(width),
            warm: warm + horizon,
            readouts: Vec::new(),
        }
    }

    /// In bytes, after another one that may have the same first features.
    pub(super) fn kept(&self, last: Option<&Self>) -> Result<KeptBank, KeepError> {
        let shared = last.map_or(0, |last| self.shared_with(last));
        let one = |Readout { penalties, weights }: &Readout| KeptReadout {
            penalties: penalties.kept(),
            weights: weights.clone(),
        };
        Ok(KeptBank {
            source: self.source.kept()?,
            is_like_the_last: shared > 0,
            waiting: self.waiting.kept(shared),
            sums: self.sums.kept(shared),
            warm: self.warm,
            readouts: self.readouts.iter().map(one).collect(),
        })
    }

    /// How many first features do not have to be written again.
    fn shared_with(&self, last: &Self) -> usize {
        let first = shareable(&self.source, &last.source);
        let waits_the_same = || {
            let rows = self.waiting.all().zip(last.waiting.all());
            rows.into_iter().all(|(a, b)| same_bits(&a[..first], &b[..first]))
        };
        if self.sums.shares(&last.sums, first) && waits_the_same() { first } else { 0 }
    }

    pub(super) fn open(kept: KeptBank, frame: &Frame, last: Option<&Self>) -> Result<Self, KeepError> {
        let KeptBank { source, is_like_the_last, waiting, sums, warm, readouts } = kept;
        let source = Source::open(source, frame)?;
        let width = source.width();
        let shared = last.map_or(0, |last| shareable(&source, &last.source));
        must(!is_like_the_last || shared > 0, "bank", || "is not like the last one")?;
        let last = last.filter(|_| is_like_the_last);
        // Sums first: they are in proportion to what is taken for the rest.
        let sums = Sums::open(&sums, width, frame.rows, last.map(|last| (&last.sums, shared)))?;
        let first = last.map(|last| (&last.waiting, shared));
        let waiting = Waiting::open(&waiting, (width + 1, frame.horizon), frame.rows, first)?;
        must(warm <= frame.rows, "first row that counts", || format!("is {warm} of {}", frame.rows))?;
        let one = |KeptReadout { penalties, weights }| {
            let penalties = Penalties::open(penalties, source.groups())?;
            must_be("weights of a readout", weights.len(), Some(penalties.features()))?;
            finite("weights of a readout", &weights)?;
            Ok(Readout { penalties, weights })
        };
        must(matches!(readouts.len(), 1 | 2), "readouts of a bank", || format!("are {}", readouts.len()))?;
        let readouts = readouts.into_iter().map(one).collect::<Result<_, KeepError>>()?;
        let row = waiting.all().last().map(<[f64]>::to_vec).unwrap_or_default();
        Ok(Self { source, waiting, row, sums, warm, readouts })
    }

    /// Takes the newest row: a target of what waits, if its value is known, and features of its own.
    pub(super) fn advance(&mut self, past: &Past, beside: &[f64], known: bool) -> Result<(), EnsembleError> {
        let width = self.row.len() - 1;
        if let Some(old) = self.waiting.oldest()
            && known
            && past.rows() > self.warm
        {
            self.sums.push(&old[..width], past.at(0) - old[width]);
        }
        self.source.advance(past, beside, &mut self.row[..width])?;
        self.row[width] = past.at(0);
        self.waiting.push(&self.row);
        Ok(())
    }

    /// The longest lag that is looked at.
    pub(super) fn longest(&self) -> usize {
        self.source.longest()
    }

    /// What each readout forecasts from the newest row.
    pub(super) fn forecasts(&self) -> impl Iterator<Item = f64> {
        self.readouts.iter().map(|readout| readout.forecast(&self.row))
    }

    /// What they forecast from the rows that wait, oldest first.
    pub(super) fn pending(&self) -> Vec<Vec<f64>> {
        let of = |row: &[f64]| self.readouts.iter().map(|readout| readout.forecast(row)).collect();
        self.waiting.all().map(of).collect()
    }

    /// Learns the readouts anew from all targets so far; one that cannot be told stays as it is.
    pub(super) fn refit(&mut self) {
        self.sums.flush();
        for readout in &mut self.readouts {
            if let Some(weights) = self.sums.solve(&readout.penalties.of_features()) {
                readout.weights = weights;
            }
        }
    }
}

/// How many first features two sources have in common, if leaving their sums out is worth it: no more than sixteen times of what is
/// written is taken when it is read.
fn shareable(source: &Source, last: &Source) -> usize {
    let first = source.shared_with(last);
    let (shared, all) = (first as u128, source.width() as u128);
    if 8 * (all + shared) * (all - shared) >= all * all { first } else { 0 }
}

impl Readout {
    fn forecast(&self, row: &[f64]) -> f64 {
        row[row.len() - 1] + product(&self.weights, row)
    }
}

impl Summed {
    /// Runs a source over a series.
    pub(super) fn new(source: Source, shown: Shown<'_>, folds: &Folds) -> Result<Self, EnsembleError> {
        // Where lags reach back before the first row, features say little.
        let warm = source.longest().min(folds.first() * 2 / 3);
        let start = source.clone();
        let mut past = Past::new(source.longest());
        let mut bank = Bank::new(source, shown.horizon, warm);
        let mut blocks = Vec::new();
        for block in folds.blocks() {
            for t in block {
                past.push(shown.values[t]);
                bank.advance(&past, shown.beside(t), shown.known[t])?;
            }
            let empty = Sums::new(bank.row.len() - 1);
            let mut sums = std::mem::replace(&mut bank.sums, empty);
            sums.flush();
            blocks.push(sums);
        }
        let mut blocks = blocks.into_iter();
        let mut before = blocks.next().expect("there is a first block");
        let mut pairs = Vec::new();
        for block in blocks {
            let mut with = before.clone();
            with.add(&block);
            pairs.push((before, block));
            before = with;
        }
        bank.sums = before;
        Ok(Self { start, bank, folds: pairs })
    }

    /// Penalties of a readout of all features (`with_reservoir`) or of those before the reservoir, from given ones on, and its squared error
    /// out of fold.
    pub(super) fn search(&self, with_reservoir: bool, from: Option<&Penalties>) -> (Penalties, f64) {
        let mut groups = self.start.groups();
        if !with_reservoir && self.start.units() > 0 {
            groups.pop();
        }
        search(&self.folds, groups, self.bank.waiting.delay(), from)
    }

    /// Learns readouts with these penalties, and has them forecast every block from what precedes it.
    pub(super) fn learn(
        self,
        penalties: Vec<Penalties>,
        shown: Shown<'_>,
        folds: &Folds,
    ) -> Result<Learnt, EnsembleError> {
        let Self { start, mut bank, folds: sums } = self;
        let solve = |sums: &Sums, penalties: &Penalties| {
            let of_features = penalties.of_features();
            // What cannot be told is persistence.
            sums.solve(&of_features).unwrap_or_else(|| vec![0.0; of_features.len()])
        };
        // By fold and readout.
        let weights: Vec<Vec<Vec<f64>>> =
            sums.iter().map(|(before, _)| penalties.iter().map(|own| solve(before, own)).collect()).collect();
        bank.readouts = penalties
            .into_iter()
            .map(|penalties| Readout { weights: solve(&bank.sums, &penalties), penalties })
            .collect();
        drop(sums);
        let mut forecasts = vec![vec![0.0; shown.values.len() - folds.first()]; bank.readouts.len()];
        let mut source = start;
        let mut past = Past::new(source.longest());
        let mut row = vec![0.0; source.width()];
        for (t, &value) in shown.values.iter().enumerate() {
            past.push(value);
            source.advance(&past, shown.beside(t), &mut row)?;
            if let Some(fold) = folds.of(t + shown.horizon) {
                for (forecasts, weights) in forecasts.iter_mut().zip(&weights[fold]) {
                    forecasts[t + shown.horizon - folds.first()] = value + product(weights, &row);
                }
            }
        }
        Ok(Learnt { bank, forecasts })
    }
}
