//! Rows of features as a series goes by: what a layout shows of the past, and the states of a reservoir.

use forebay::execute::Session;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::Reservoir;

use super::error::EnsembleError;
use super::layout::{Group, Layout};
use super::past::Past;

/// Share of a new value in the level that reservoirs are shown differences from.
const LEVEL: f64 = 0.05;

/// Inputs of reservoirs are at most this many standard deviations.
const CLIP: f64 = 6.0;

/// What a reservoir is driven with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// The value.
    Value,
    /// The value less its smoothed level.
    Departure,
    /// The departure, the last difference and, with a season of s steps, two differences to other seasons and the phase: nothing that changes
    /// if a number is added to the series.
    Invariant { horizon: usize, season: usize },
}

/// Features of a layout, followed by those of inputs and the states of a reservoir, if there are any.
#[derive(Clone, Debug)]
pub(super) struct Source {
    layout: Layout,
    /// Features of what is known beside the series.
    beside: usize,
    pool: Option<Pool>,
}

#[derive(Clone, Debug)]
struct Pool {
    session: Session<f64>,
    drive: Drive,
    level: f64,
    inputs: Vec<f64>,
    /// What each input is multiplied by.
    scales: Vec<f64>,
}

impl Source {
    /// Without a reservoir.
    pub(super) fn plain(layout: Layout, beside: usize) -> Self {
        Self { layout, beside, pool: None }
    }

    /// With one. `series` is what inputs are scaled by: to a standard deviation of 1.
    ///
    /// # Errors
    /// [`EnsembleError::Network`] as drawing it says.
    pub(super) fn with_reservoir(
        (layout, beside): (Layout, usize),
        reservoir: &Reservoir,
        drive: Drive,
        seed: u64,
        series: &[f64],
    ) -> Result<Self, EnsembleError> {
        let inputs = match drive {
            Drive::Invariant { season, .. } if season > 1 => 6,
            Drive::Invariant { .. } => 2,
            _ => 1,
        };
        let mut graph = Graph::builder();
        let u = graph.input("inputs", inputs);
        let states = graph.reservoir("states", u, reservoir.clone());
        // A graph has a readout; those of banks are learnt apart, and this one stays zero.
        graph.readout("unused", [states], 1);
        let model = Model::generate(graph.build()?, seed)?;
        let mut pool =
            Pool { session: model.session(), drive, level: 0.0, inputs: vec![0.0; inputs], scales: vec![1.0; inputs] };
        pool.scale(series, layout.longest().max(drive.longest()));
        Ok(Self { layout, beside, pool: Some(pool) })
    }

    /// Number of features.
    pub(super) fn width(&self) -> usize {
        self.layout.width() + self.beside + self.units()
    }

    /// How many of them are states.
    pub(super) fn units(&self) -> usize {
        self.pool.as_ref().map_or(0, |pool| pool.session.model().graph().units())
    }

    pub(super) fn longest(&self) -> usize {
        self.layout.longest().max(self.pool.as_ref().map_or(0, |pool| pool.drive.longest()))
    }

    /// Groups with a penalty each, the reservoir's last.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups = self.layout.groups();
        let start = self.layout.width();
        if self.beside > 0 {
            groups.push(Group { name: "inputs", features: start..start + self.beside });
        }
        if self.units() > 0 {
            groups.push(Group { name: "reservoir", features: start + self.beside..self.width() });
        }
        groups
    }

    /// Takes the newest row of the past and writes its features `[width]`; once for every row.
    pub(super) fn advance(&mut self, past: &Past, beside: &[f64], row: &mut [f64]) -> Result<(), EnsembleError> {
        let (plain, rest) = row.split_at_mut(self.layout.width());
        let (inputs, states) = rest.split_at_mut(self.beside);
        self.layout.write(past, plain);
        inputs.copy_from_slice(beside);
        if let Some(pool) = &mut self.pool {
            pool.advance(past)?;
            states.copy_from_slice(pool.session.node("states")?);
        }
        Ok(())
    }
}

impl Drive {
    /// The longest lag that is looked at.
    fn longest(self) -> usize {
        match self {
            Self::Invariant { horizon, season } if season > 1 => {
                season.max(horizon.div_ceil(season) * season - horizon)
            }
            _ => 1,
        }
    }

    fn write(self, past: &Past, level: f64, inputs: &mut [f64]) {
        let now = past.at(0);
        match self {
            Self::Value => inputs[0] = now,
            Self::Departure => inputs[0] = now - level,
            Self::Invariant { horizon, season } => {
                (inputs[0], inputs[1]) = (now - level, now - past.at(1));
                if season > 1 {
                    let naive = past.at(horizon.div_ceil(season) * season - horizon);
                    let phase = (past.rows() - 1) % season;
                    let (sine, cosine) = libm::sincos(std::f64::consts::TAU * phase as f64 / season as f64);
                    inputs[2..].copy_from_slice(&[now - past.at(season), naive - now, sine, cosine]);
                }
            }
        }
    }
}

impl Pool {
    /// Scales every input to a root mean square of 1 over a series.
    fn scale(&mut self, series: &[f64], longest: usize) {
        let mut past = Past::new(longest);
        let mut squares = vec![0.0; self.inputs.len()];
        for &value in series {
            past.push(value);
            self.follow(&past);
            self.drive.write(&past, self.level, &mut self.inputs);
            squares.iter_mut().zip(&self.inputs).for_each(|(sum, input)| *sum += input * input);
        }
        for (scale, sum) in self.scales.iter_mut().zip(&squares) {
            let size = (sum / series.len().max(1) as f64).sqrt();
            *scale = if size > 1e-12 { 1.0 / size } else { 1.0 };
        }
        self.level = 0.0;
    }

    fn follow(&mut self, past: &Past) {
        let now = past.at(0);
        self.level = if past.rows() == 1 { now } else { self.level + LEVEL * (now - self.level) };
    }

    fn advance(&mut self, past: &Past) -> Result<(), EnsembleError> {
        self.follow(past);
        self.drive.write(past, self.level, &mut self.inputs);
        for (input, scale) in self.inputs.iter_mut().zip(&self.scales) {
            *input = (*input * scale).clamp(-CLIP, CLIP);
        }
        self.session.step(&self.inputs)?;
        Ok(())
    }
}
