//! All members at the newest row of a series.

use super::bank::Bank;
use super::error::EnsembleError;
use super::past::{Past, Waiting};
use super::smoothing::Smoother;
use super::weights::Products;

/// What members are asked for that learn nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naive {
    /// Rows from the newest back to the same phase as what is forecast; none without a season.
    pub(super) seasonal: Option<usize>,
}

/// The mean of the values so far.
#[derive(Clone, Copy, Debug, Default)]
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
#[derive(Clone, Copy, Debug)]
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

impl Engine {
    /// Takes a row; a missing value is held from the row before.
    pub(super) fn advance(&mut self, value: Option<f64>, beside: &[f64]) -> Result<(), EnsembleError> {
        self.past.push(value.unwrap_or(self.past.at(0)));
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
