//! Densities of good and other trials, and the values where their ratio is largest.

use std::f64::consts::{SQRT_2, TAU};

use super::range::{Place, Range};
use super::sampler::Tpe;
use super::space::{Candidate, Space};
use super::trial::{Better, Trial};
use crate::random::{Seed, Stream};

/// Most good trials, and most of the rest.
const MOST_GOOD: usize = 25;
const MOST_REST: usize = 500;

/// What is known of the good trials and of the rest.
pub(super) struct Model<'s> {
    space: &'s Space,
    candidates: u32,
    good: Mixture,
    rest: Mixture,
}

/// The mean of a kernel per trial and a flat one.
struct Mixture {
    /// Per trial, per setting.
    kernels: Vec<Vec<Kernel>>,
}

/// The density of one setting around one trial.
#[derive(Clone, Copy)]
enum Kernel {
    /// Normal, cut at 0 and 1; `log_mass` is the logarithm of what is between.
    Normal { centre: f64, width: f64, log_mass: f64 },
    /// The trial's own label with chance `own`, each other with chance `other`.
    Label { index: usize, own: f64, other: f64 },
}

impl<'s> Model<'s> {
    /// Of trials in the order of their numbers; `None` while they are too few.
    pub(super) fn of(space: &'s Space, tpe: &Tpe, better: Better, trials: &[&Trial]) -> Option<Self> {
        if (trials.len() as u64) < tpe.startup {
            return None;
        }
        let mut scored: Vec<(f64, &Trial)> =
            trials.iter().filter_map(|trial| Some((better.loss(trial.score()?), *trial))).collect();
        scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.trial.cmp(&b.1.trial)));
        let count = trials.len().div_ceil(10).clamp(1, MOST_GOOD).min(scored.len());
        let good: Vec<&Trial> = scored[..count].iter().map(|(_, trial)| *trial).collect();
        let is_good = |trial: &Trial| good.iter().any(|known| known.trial == trial.trial);
        let mut rest: Vec<&Trial> = trials.iter().copied().filter(|trial| !is_good(trial)).collect();
        rest.drain(..rest.len().saturating_sub(MOST_REST));
        let candidates = tpe.candidates;
        Some(Self { space, candidates, good: Mixture::of(space, &good), rest: Mixture::of(space, &rest) })
    }

    /// The values that trial `trial` tries.
    pub(super) fn propose(&self, seed: u64, trial: u64) -> Candidate {
        let mut stream = Seed(seed).child("search").stream("tpe candidates").at(trial, 0);
        let mut best: Option<(f64, Candidate)> = None;
        for _ in 0..self.candidates {
            let drawn = self.good.draw(self.space, &mut stream);
            let ratio = self.good.log_density(self.space, &drawn) - self.rest.log_density(self.space, &drawn);
            if best.as_ref().is_none_or(|(largest, _)| ratio > *largest) {
                best = Some((ratio, drawn));
            }
        }
        best.map_or_else(|| self.space.draw(seed, trial), |(_, candidate)| candidate)
    }
}

impl Mixture {
    fn of(space: &Space, trials: &[&Trial]) -> Self {
        let count = trials.len();
        let mut kernels = vec![Vec::with_capacity(space.len()); count];
        for (name, range) in space.iter() {
            let places: Vec<Place> = trials
                .iter()
                .map(|trial| trial.values.get(name).and_then(|value| range.place(value)).unwrap_or(Place::Point(0.5)))
                .collect();
            let widths = widths(&places);
            for ((kernels, place), width) in kernels.iter_mut().zip(places).zip(widths) {
                kernels.push(Kernel::of(place, width, range, count));
            }
        }
        Self { kernels }
    }

    fn draw(&self, space: &Space, stream: &mut Stream) -> Candidate {
        let chosen = self.kernels.get(stream.below(self.kernels.len() as u64 + 1) as usize);
        space.candidate(|d, _, range| {
            let t = if let Some(kernels) = chosen { kernels[d].draw(range, stream) } else { stream.uniform() };
            range.at(t)
        })
    }

    /// The logarithm of the density, or of the chance where values are whole numbers or labels.
    fn log_density(&self, space: &Space, candidate: &Candidate) -> f64 {
        let place = |(name, range): (&str, &Range)| candidate.get(name).and_then(|value| range.place(value));
        let places: Vec<Place> = space.iter().map(|setting| place(setting).unwrap_or(Place::Point(0.5))).collect();
        let flat = |(place, (_, range)): (&Place, (&str, &Range))| match place {
            Place::Point(_) => 0.0,
            Place::Cell(from, to) => libm::log(to - from),
            Place::Label(_) => -libm::log(labels(range) as f64),
        };
        let mut logs: Vec<f64> = vec![places.iter().zip(space.iter()).map(flat).sum()];
        let of = |kernels: &Vec<Kernel>| -> f64 {
            kernels.iter().zip(&places).map(|(kernel, place)| kernel.log_density(*place)).sum()
        };
        logs.extend(self.kernels.iter().map(of));
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
        largest + libm::log(sum / logs.len() as f64)
    }
}

/// The width of each kernel: the larger distance to the next trial, or end of the range, on either side, so that kernels are
/// narrow where trials are dense; never below one part in `1 + trials`, or in 100.
fn widths(places: &[Place]) -> Vec<f64> {
    let middles: Vec<f64> = places.iter().map(|place| place.middle()).collect();
    let mut order: Vec<usize> = (0..middles.len()).collect();
    order.sort_by(|a, b| middles[*a].total_cmp(&middles[*b]));
    let narrowest = 1.0 / (1 + middles.len()).min(100) as f64;
    let mut widths = vec![1.0; middles.len()];
    for (rank, &index) in order.iter().enumerate() {
        let below = if rank == 0 { 0.0 } else { middles[order[rank - 1]] };
        let above = order.get(rank + 1).map_or(1.0, |next| middles[*next]);
        widths[index] = (middles[index] - below).max(above - middles[index]).clamp(narrowest, 1.0);
    }
    widths
}

impl Place {
    fn middle(self) -> f64 {
        match self {
            Self::Point(point) => point,
            Self::Cell(from, to) => f64::midpoint(from, to),
            Self::Label(_) => 0.5,
        }
    }
}

impl Kernel {
    fn of(place: Place, width: f64, range: &Range, count: usize) -> Self {
        if let Place::Label(index) = place {
            // One label's worth of doubt over all labels, less the more trials there are.
            let doubt = 1.0 / (count as f64 + 1.0);
            let all = 1.0 + doubt * labels(range) as f64;
            return Self::Label { index, own: (1.0 + doubt) / all, other: doubt / all };
        }
        let centre = place.middle();
        let log_mass = libm::log(normal_mass(centre, width, 0.0, 1.0));
        Self::Normal { centre, width, log_mass }
    }

    /// A place on the range's axis.
    fn draw(&self, range: &Range, stream: &mut Stream) -> f64 {
        match *self {
            Self::Normal { centre, width, .. } => {
                // A third at least of a kernel lies between 0 and 1.
                let drawn = (0..256).map(|_| centre + width * stream.normal()).find(|t| (0.0..=1.0).contains(t));
                drawn.unwrap_or(centre)
            }
            Self::Label { index, own, .. } => {
                let labels = labels(range);
                let others = stream.below(labels.max(2) as u64 - 1) as usize;
                let other = if others < index { others } else { others + 1 };
                let chosen = if stream.uniform() < own { index } else { other.min(labels - 1) };
                (chosen as f64 + 0.5) / labels as f64
            }
        }
    }

    fn log_density(&self, place: Place) -> f64 {
        match (*self, place) {
            (Self::Normal { centre, width, log_mass }, Place::Point(point)) => {
                let z = (point - centre) / width;
                -0.5 * z * z - libm::log(width * TAU.sqrt()) - log_mass
            }
            (Self::Normal { centre, width, log_mass }, Place::Cell(from, to)) => {
                libm::log(normal_mass(centre, width, from, to)) - log_mass
            }
            (Self::Label { index, own, other }, Place::Label(label)) => {
                libm::log(if label == index { own } else { other })
            }
            _ => f64::NEG_INFINITY,
        }
    }
}

fn labels(range: &Range) -> usize {
    range.labels().map_or(1, <[String]>::len)
}

/// What a normal distribution has between two points.
fn normal_mass(centre: f64, width: f64, from: f64, to: f64) -> f64 {
    let below = |t: f64| libm::erf((t - centre) / (width * SQRT_2));
    0.5 * (below(to) - below(from))
}
