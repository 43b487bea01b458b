//! What is asked of a forecast, in all commands that make one.

use anyhow::{Context, Result};
use clap::Args;
use forebay_forecast::service::{Season, Settings};

use super::COVERAGES;
use crate::series::Source;

/// How a series is forecast.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forecasting")]
pub(crate) struct Asked {
    /// Steps ahead: all from 1 on are forecast
    #[arg(long, default_value_t = 1, value_name = "STEPS")]
    pub(super) horizon: usize,
    /// Columns to forecast, comma-separated; the same as --columns [default: all of numbers that vary and are no inputs]
    #[arg(long, value_name = "NAME,NAME,..", conflicts_with = "columns")]
    target: Vec<String>,
    /// Columns that are known up to now, as inputs; comma-separated
    #[arg(long, value_name = "NAME,NAME,..")]
    pub(super) inputs: Vec<String>,
    /// Columns that are known ahead, such as plans and holidays; the file may hold rows of them after the last target
    #[arg(long, value_name = "NAME,NAME,..")]
    pub(super) known: Vec<String>,
    /// Steps per season, or `none` [default: the one that is found before the test part]
    #[arg(long, value_name = "STEPS")]
    season: Option<String>,
    /// Reservoirs of each kind that are averaged; 0 leaves them out
    #[arg(long, default_value_t = 3, value_name = "N")]
    networks: usize,
    /// The same for the steps before the last one: 0 is several times faster
    #[arg(long, default_value_t = 1, value_name = "N")]
    networks_between: usize,
    /// What reservoirs are drawn from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What forecasts cannot be below and above, such as 0,inf
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', allow_hyphen_values = true)]
    limits: Vec<f64>,
}

impl Asked {
    /// The targets that are named, here or as columns.
    pub(crate) fn targets<'a>(&'a self, columns: &'a [String]) -> &'a [String] {
        if self.target.is_empty() { columns } else { &self.target }
    }

    /// All columns that are named, if any target is.
    pub(crate) fn columns(&self, columns: &[String]) -> Vec<String> {
        let targets = self.targets(columns);
        if targets.is_empty() {
            return Vec::new();
        }
        targets.iter().chain(&self.inputs).chain(&self.known).cloned().collect()
    }

    /// How forecasts are made.
    pub(crate) fn settings(&self, source: &Source) -> Result<Settings> {
        let limits = match self.limits[..] {
            [] => (f64::NEG_INFINITY, f64::INFINITY),
            [low, high] => (low, high),
            _ => anyhow::bail!("--limits needs two numbers, such as 0,inf"),
        };
        let season = match (self.season.as_deref(), source.season) {
            (Some("none"), _) => Season::Without,
            (Some(steps), _) => {
                let steps = steps.parse().ok().filter(|steps| *steps >= 2);
                Season::Steps(steps.context("--season needs a number of steps from 2 on, or none")?)
            }
            (None, Some(steps)) => Season::Steps(steps),
            (None, None) => Season::Find,
        };
        Ok(Settings {
            season,
            seed: self.seed,
            networks: self.networks,
            networks_between: self.networks_between.min(self.networks),
            coverages: COVERAGES.to_vec(),
            limits,
            ..Settings::new(self.horizon)
        })
    }
}
