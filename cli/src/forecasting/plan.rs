//! What to forecast, which stretches of the series are for what, and whether the series is long enough for it.

use anyhow::{Result, bail, ensure};
use forebay::Precision;
use forebay::reservoir::{Activation, Topology};
use forebay_zoo::tasks::{Settings, Space, Span};
use ndarray::s;
use serde::Serialize;

use super::beside::Beside;

/// What to forecast and how hard to try.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Steps ahead.
    pub horizon: usize,
    /// Steps for training, validation, test; what follows is left out.
    pub split: [usize; 3],
    /// Reservoir units.
    pub units: usize,
    /// Settings that are taken as they are; if there are none, some are chosen.
    #[serde(skip)]
    pub settings: Option<Settings>,
    /// Reservoirs trained with the chosen settings.
    pub seeds: u64,
    /// Settings tried on the validation stretch.
    pub trials: u64,
    /// Steps per season for the seasonal baseline.
    pub season: Option<usize>,
    /// Where the same networks are run a second time with their recurrent products in integers, if at all.
    pub hybrid: Option<Hybrid>,
}

/// A substrate and digits.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hybrid {
    /// Its address.
    pub address: String,
    /// Digits of states and weights.
    #[serde(skip)]
    pub precision: Precision,
    /// The same as text.
    pub digits: String,
}

/// The settings that a choice begins with.
pub(crate) fn base(units: usize) -> Settings {
    Settings {
        units,
        // Ten connections per unit at least: without a cycle among the units there is no spectral radius to scale.
        topology: Topology::Random { density: (10.0 / units.max(1) as f64).clamp(0.1, 1.0) },
        spectral_radius: 0.9,
        leak_rate: 0.5,
        input_scaling: 0.1,
        bias_scaling: 0.1,
        ridge: 1.0,
        squares: false,
        activation: Activation::Tanh,
    }
}

/// The ranges that are searched if nobody gives others.
pub(crate) const SPACE: Space = Space {
    spectral_radius: Span::linear(0.1, 1.3),
    leak_rate: Span::logarithmic(0.05, 1.5),
    input_scaling: Span::logarithmic(0.01, 1.0),
    bias_scaling: Span::logarithmic(0.01, 1.0),
    ridge: Span::logarithmic(1e-5, 1e3),
    topologies: &[],
};

/// Most steps dropped at the start of the training stretch; a short one loses a tenth at most.
const WASHOUT: usize = 50;

/// A stretch of the series, as rows that are forecast.
#[derive(Clone, Copy)]
pub(super) enum Stretch {
    Train,
    Validation,
    Test,
}

impl Plan {
    pub(super) fn washout(&self) -> usize {
        WASHOUT.min(self.split[0] / 10)
    }

    pub(super) fn bounds(&self, stretch: Stretch) -> (usize, usize) {
        let [train, validation, test] = self.split;
        match stretch {
            // The first forecasts come from a state that is still forgetting its start.
            Stretch::Train => ((self.washout() + self.horizon).min(train - 2), train),
            Stretch::Validation => (train, train + validation),
            Stretch::Test => (train + validation, train + validation + test),
        }
    }

    /// Steps of training data that a network needs.
    pub(crate) fn least_training(&self) -> usize {
        self.horizon.saturating_add(self.washout() + 10)
    }

    /// Whether the series is long enough and every column varies in every stretch.
    pub(crate) fn check(&self, series: Beside<'_>, columns: &[String]) -> Result<()> {
        let [train, validation, test] = self.split;
        ensure!(self.horizon >= 1, "the horizon must be at least 1 step");
        ensure!(self.units >= 1 && self.units <= 5000, "--units must be 1 to 5000, found {}", self.units);
        ensure!(self.seeds >= 1 && self.seeds <= 1000, "--seeds must be 1 to 1000, found {}", self.seeds);
        let least = u64::from(self.settings.is_none());
        ensure!((least..=10_000).contains(&self.trials), "--trials must be 1 to 10000, found {}", self.trials);
        if let Some(season) = self.season {
            ensure!((1..train).contains(&season), "--season must be 1 step to less than the {train} for training");
        }
        let needed = self.least_training();
        ensure!(
            train >= needed,
            "training needs at least {needed} steps for a horizon of {}, found {train}: use a longer series or a shorter \
             horizon",
            self.horizon
        );
        let least = self.horizon + 2;
        ensure!(
            validation >= least && test >= least,
            "validation and test need at least {least} steps each, found {validation} and {test}: use a longer series or \
             another --split"
        );
        for (name, column) in columns.iter().zip(series.truth.columns()) {
            for stretch in [Stretch::Train, Stretch::Validation, Stretch::Test] {
                let (from, to) = self.bounds(stretch);
                let (first, part) = (from + 1, column.slice(s![from..to]));
                let mut known = part.iter().filter(|v| !v.is_nan());
                let Some(value) = known.next() else {
                    bail!(
                        "column {name:?} holds no values from row {first} to {to}: leave it out, or choose another --split"
                    );
                };
                ensure!(
                    known.any(|v| v != value),
                    "column {name:?} is constant from row {first} to {to}: there is nothing to forecast, leave it out with --columns",
                );
            }
        }
        Ok(())
    }
}
