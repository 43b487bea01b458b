//! All members at the newest row of a series.

use serde::{Deserialize, Serialize};

use super::bank::{Bank, KeptBank};
use super::error::EnsembleError;
use super::kept::{Frame, KeepError, must, must_be};
use super::past::{KeptPast, Past, Waiting};
use super::smoothing::{KeptSmoother, Smoother};
use super::weights::Products;

/// What members are asked for that learn nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naive {
    /// Steps of the season; 1 without.
    pub(super) season: usize,
    /// Rows from the newest back to the same phase as what is forecast; none without a season.
    pub(super) seasonal: Option<usize>,
}

impl Naive {
    /// Rows from the newest back to the same phase as what is forecast; none if that is the newest, or there is no season.
    pub(super) fn lag(horizon: usize, season: usize) -> Option<usize> {
        (season > 1).then(|| horizon.div_ceil(season) * season - horizon).filter(|lag| *lag > 0)
    }
}

/// The mean of the values so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mean {
    mean: f64,
    count: usize,
}

impl Mean {
    pub(super) fn push(&mut self, value: f64) {
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
    }

    pub(super) fn get(&self) -> f64 {
        self.mean
    }
}

/// The smallest and the largest value so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Range {
    low: f64,
    high: f64,
}

impl Range {
    pub(super) fn new() -> Self {
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY }
    }

    pub(super) fn push(&mut self, value: f64) {
        (self.low, self.high) = (self.low.min(value), self.high.max(value));
    }

    /// The range and half of it on either side.
    pub(super) fn bounds(&self) -> (f64, f64) {
        let half = 0.5 * (self.high - self.low);
        (self.low - half, self.high + half)
    }

    /// Whether a value lies outside of the range, widened by a share of it on either side.
    pub(super) fn is_left_by(&self, value: f64, share: f64) -> bool {
        let more = share * (self.high - self.low);
        value < self.low - more || value > self.high + more
    }

    pub(super) fn clip(&self, forecast: f64) -> f64 {
        let (low, high) = self.bounds();
        forecast.clamp(low, high)
    }
}

/// The state of all members.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) past: Past,
    pub(super) mean: Mean,
    pub(super) range: Range,
    pub(super) naive: Naive,
    pub(super) smoother: Option<Smoother>,
    pub(super) banks: Vec<Bank>,
    /// Of every readout of the banks, which member it belongs to, and its share in it.
    pub(super) parts: Vec<(usize, f64)>,
    /// What members forecast from the last rows.
    pub(super) forecasts: Waiting,
    /// Errors known so far.
    pub(super) errors: Products,
    /// The values the members forecast from the newest row.
    pub(super) newest: Vec<f64>,
    /// Which of these were moved into the range.
    pub(super) moved: Vec<bool>,
}

/// An engine in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptEngine {
    past: KeptPast,
    mean: Mean,
    range: Range,
    smoother: Option<KeptSmoother>,
    banks: Vec<KeptBank>,
    parts: Vec<(usize, f64)>,
    forecasts: Vec<f64>,
    errors: Products,
}

/// The longest lag that somebody looks at.
pub(super) fn longest(banks: &[Bank], naive: Naive) -> usize {
    let of_banks = banks.iter().map(Bank::longest).max().unwrap_or(0);
    of_banks.max(naive.seasonal.unwrap_or(0)).max(naive.season).max(Past::LEAST)
}

/// What is read in the place of a missing value after so many rows: the one before with the change of a season ago, or without one the one before.
/// A value that is held through a season is a level that never was.
pub(super) fn stand_in(season: usize, rows: usize, at: impl Fn(usize) -> f64) -> f64 {
    match rows {
        0 => 0.0,
        rows if season > 1 && rows > season => at(0) + (at(season - 1) - at(season)),
        _ => at(0),
    }
}

impl KeptEngine {
    pub(super) fn has_smoother(&self) -> bool {
        self.smoother.is_some()
    }

    /// How many forecasts wait, of all members.
    pub(super) fn waiting(&self) -> usize {
        self.forecasts.len()
    }
}

impl Engine {
    pub(super) fn kept(&self) -> Result<KeptEngine, KeepError> {
        let lasts = std::iter::once(None).chain(self.banks.iter().map(Some));
        Ok(KeptEngine {
            past: self.past.kept(),
            mean: self.mean,
            range: self.range,
            smoother: self.smoother.as_ref().map(Smoother::kept),
            banks: self.banks.iter().zip(lasts).map(|(bank, last)| bank.kept(last)).collect::<Result<_, _>>()?,
            parts: self.parts.clone(),
            forecasts: self.forecasts.kept(0),
            errors: self.errors.clone(),
        })
    }

    /// Of so many members, at the row that the frame says.
    pub(super) fn open(kept: KeptEngine, naive: Naive, members: usize, frame: &Frame) -> Result<Self, KeepError> {
        let KeptEngine { past, mean, range, smoother, banks: kept_banks, parts, forecasts, errors } = kept;
        let counted = (1..=frame.rows).contains(&mean.count);
        must(counted && mean.mean.is_finite(), "mean", || format!("is {} of {} values", mean.mean, mean.count))?;
        let Range { low, high } = range;
        let is_range = low.is_finite() && high.is_finite() && low <= high;
        must(is_range, "range", || format!("is from {low} to {high}"))?;
        errors.check(members, frame.rows)?;
        let forecasts = Waiting::open(&forecasts, (members, frame.horizon), frame.rows, None)?;
        let smoother = smoother.map(|smoother| Smoother::open(smoother, frame)).transpose()?;
        let mut banks: Vec<Bank> = Vec::new();
        for bank in kept_banks {
            banks.push(Bank::open(bank, frame, banks.last())?);
        }
        must_be("parts of members", parts.len(), Some(banks.iter().map(|bank| bank.readouts.len()).sum()))?;
        let plain = 2 + usize::from(naive.seasonal.is_some()) + usize::from(smoother.is_some());
        let fits = |(member, share): &(usize, f64)| (plain..members).contains(member) && (0.0..=1.0).contains(share);
        must(plain <= members && parts.iter().all(fits), "parts of members", || "are of others, or no shares")?;
        let past = Past::open(&past, longest(&banks, naive), frame.rows)?;
        let newest = forecasts.all().last().map(<[f64]>::to_vec).unwrap_or_default();
        // Of forecasts that were told already.
        let moved = vec![false; members];
        Ok(Self { past, mean, range, naive, smoother, banks, parts, forecasts, errors, newest, moved })
    }

    /// Takes a row; for a missing value there is a [stand-in](stand_in).
    pub(super) fn advance(&mut self, value: Option<f64>, beside: &[f64]) -> Result<(), EnsembleError> {
        let stand_in = || stand_in(self.naive.season, self.past.rows(), |lag| self.past.at(lag));
        self.past.push(value.unwrap_or_else(stand_in));
        if let Some(value) = value {
            self.mean.push(value);
            self.range.push(value);
            if let Some(forecasts) = self.forecasts.oldest() {
                let errors: Vec<f64> = forecasts.iter().map(|forecast| value - forecast).collect();
                self.errors.push(&errors);
            }
        }
        if let Some(smoother) = &mut self.smoother {
            smoother.advance(self.past.at(0), value.is_some());
        }
        for bank in &mut self.banks {
            bank.advance(&self.past, beside, value.is_some())?;
        }
        self.renew();
        self.forecasts.push(&self.newest);
        Ok(())
    }

    /// Forecasts of the newest row, in the order of the members.
    fn renew(&mut self) {
        self.newest.clear();
        self.newest.extend([self.past.at(0), self.mean.get()]);
        self.newest.extend(self.naive.seasonal.map(|lag| self.past.at(lag)));
        self.newest.extend(self.smoother.as_ref().map(Smoother::forecast));
        self.newest.resize(self.errors.members(), 0.0);
        let of_readouts = self.banks.iter().flat_map(Bank::forecasts);
        for (forecast, (member, share)) in of_readouts.zip(&self.parts) {
            self.newest[*member] += share * forecast;
        }
        self.moved.clear();
        for forecast in &mut self.newest {
            let within = self.range.clip(*forecast);
            self.moved.push(within != *forecast);
            *forecast = within;
        }
    }

    pub(super) fn refit(&mut self) {
        self.banks.iter_mut().for_each(Bank::refit);
    }
}
