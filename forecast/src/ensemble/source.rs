//! Rows of features as a series goes by: what a layout shows of the past, and the states of a reservoir.

use forebay::checkpoint::Checkpoint;
use forebay::execute::Session;
use forebay::graph::{Graph, Op};
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use serde::{Deserialize, Serialize};

use super::error::EnsembleError;
use super::kept::{Frame, KeepError, finite, must, must_be};
use super::layout::{Group, KeptLayout, Layout};
use super::past::Past;

/// Share of a new value in the level that reservoirs are shown differences from.
const LEVEL: f64 = 0.05;

/// Inputs of reservoirs are at most this many standard deviations.
const CLIP: f64 = 6.0;

/// The node of a model whose values are features.
const STATES: &str = "states";

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

/// A source in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptSource {
    layout: KeptLayout,
    pool: Option<KeptPool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptPool {
    /// A model file: a later version may draw other weights from the same seed.
    model: Vec<u8>,
    /// A checkpoint.
    session: Vec<u8>,
    /// [`Drive::number`].
    drive: u8,
    level: f64,
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
        let inputs = drive.inputs();
        let mut graph = Graph::builder();
        let u = graph.input("inputs", inputs);
        let states = graph.reservoir(STATES, u, reservoir.clone());
        // A graph has a readout; those of banks are learnt apart, and this one stays zero.
        graph.readout("unused", [states], 1);
        let model = Model::generate(graph.build()?, seed)?;
        let mut pool =
            Pool { session: model.session(), drive, level: 0.0, inputs: vec![0.0; inputs], scales: vec![1.0; inputs] };
        pool.scale(series, layout.longest().max(drive.longest()));
        Ok(Self { layout, beside, pool: Some(pool) })
    }

    pub(super) fn kept(&self) -> Result<KeptSource, KeepError> {
        Ok(KeptSource { layout: self.layout.kept(), pool: self.pool.as_ref().map(Pool::kept).transpose()? })
    }

    pub(super) fn open(kept: KeptSource, frame: &Frame) -> Result<Self, KeepError> {
        let layout = Layout::open(kept.layout, frame)?;
        let pool = kept.pool.map(|pool| Pool::open(&pool, frame)).transpose()?;
        Ok(Self { layout, beside: frame.beside, pool })
    }

    /// How many of the first features are the same for another source, whatever their reservoirs.
    pub(super) fn shared_with(&self, other: &Self) -> usize {
        let is_same = (&self.layout, self.beside) == (&other.layout, other.beside);
        if is_same { self.layout.width() + self.beside } else { 0 }
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
            states.copy_from_slice(pool.session.node(STATES)?);
        }
        Ok(())
    }
}

impl Drive {
    /// As inputs of the model.
    fn inputs(self) -> usize {
        match self {
            Self::Invariant { season, .. } if season > 1 => 6,
            Self::Invariant { .. } => 2,
            Self::Value | Self::Departure => 1,
        }
    }

    /// In bytes; a number that has had a meaning has no other one later.
    fn number(self) -> u8 {
        match self {
            Self::Value => 0,
            Self::Departure => 1,
            Self::Invariant { .. } => 2,
        }
    }

    fn of(number: u8, frame: &Frame) -> Result<Self, KeepError> {
        match number {
            0 => Ok(Self::Value),
            1 => Ok(Self::Departure),
            2 => Ok(Self::Invariant { horizon: frame.horizon, season: frame.season }),
            _ => Err(KeepError::content("drive", format!("has number {number}, which this program does not know"))),
        }
    }

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
    fn kept(&self) -> Result<KeptPool, KeepError> {
        let Self { session, drive, level, scales, .. } = self;
        let model = session.model().to_bytes().map_err(|why| KeepError::content("model", why))?;
        let session = session.checkpoint().to_bytes();
        Ok(KeptPool { model, session, drive: drive.number(), level: *level, scales: scales.clone() })
    }

    fn open(kept: &KeptPool, frame: &Frame) -> Result<Self, KeepError> {
        let drive = Drive::of(kept.drive, frame)?;
        let inputs = drive.inputs();
        let model = Model::<f64>::from_bytes(&kept.model).map_err(|why| KeepError::content("model", why))?;
        let graph = model.graph();
        let ops: Vec<&Op> = graph.nodes().iter().map(forebay::graph::Node::op).collect();
        let is_ours = matches!(ops[..], [Op::Input { .. }, Op::Reservoir { feedback: None, .. }, Op::Readout { .. }]);
        must(is_ours && graph.nodes()[1].name() == STATES, "model", || "is no reservoir alone")?;
        must_be("inputs of the model", graph.inputs(), Some(inputs))?;
        must_be("outputs of the model", graph.outputs(), Some(1))?;
        must_be("scales of inputs", kept.scales.len(), Some(inputs))?;
        let positive = kept.scales.iter().all(|scale| *scale > 0.0 && scale.is_finite());
        must(positive, "scales of inputs", || "are not all above 0")?;
        finite("level of a reservoir", [&kept.level])?;
        let checkpoint = Checkpoint::from_bytes(&kept.session).map_err(|why| KeepError::content("session", why))?;
        let mut session = model.session();
        session.resume(&checkpoint).map_err(|why| KeepError::content("session", why))?;
        let steps = session.steps();
        must(steps == frame.rows as u64, "session", || format!("has made {steps} steps in {} rows", frame.rows))?;
        Ok(Self { session, drive, level: kept.level, inputs: vec![0.0; inputs], scales: kept.scales.clone() })
    }

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
