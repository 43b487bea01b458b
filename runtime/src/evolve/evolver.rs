//! Generations on a running substrate.

#[cfg(feature = "files")]
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fitness::Fitness;
use super::strategy::{Search, Strategy};
use super::weights::LiveWeights;
#[cfg(feature = "files")]
use crate::disk::{read_file, write_aside};
use crate::error::{Error, FileError};
use crate::seal;

/// What an evolver did since it was made, and where the time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Generations.
    pub generations: u64,
    /// Genomes scored: candidates, the start, and [again](NpuEvolver::rescore).
    pub evaluations: u64,
    /// Digits of weights patched.
    pub patched: u64,
    /// Returns to the best genome after a worse one or an error.
    pub rollbacks: u64,
    /// Calls of the substrate, as far as the fitness counts them.
    pub device_runs: u64,
    /// Time in fitness functions: runs of the substrate and the cost of their outputs.
    pub evaluating: Duration,
    /// Time in the strategy: drawing candidates and learning from costs.
    pub updating: Duration,
    /// Time in patches, finding the differences included.
    pub patching: Duration,
}

impl Report {
    /// Generations per second of all three times; 0 before the first.
    pub fn generations_per_second(&self) -> f64 {
        let seconds = (self.evaluating + self.updating + self.patching).as_secs_f64();
        if seconds > 0.0 { self.generations as f64 / seconds } else { 0.0 }
    }

    /// The part that takes the most time: `evaluating`, `updating` or `patching`.
    pub fn dominant(&self) -> &'static str {
        let parts = [(self.evaluating, "evaluating"), (self.updating, "updating"), (self.patching, "patching")];
        parts.into_iter().max_by_key(|part| part.0).map_or("", |part| part.1)
    }
}

/// All that a search is between two generations, to be stored and gone on with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State<S> {
    /// Format of stored states: 2; in 1 there was no checksum.
    version: u32,
    /// The strategy with what it has learned.
    pub strategy: S,
    /// The best genome so far.
    pub best: Vec<i32>,
    /// Its cost; none before the first generation.
    pub cost: Option<f64>,
    /// Generations so far, those before a resumption included.
    pub generations: u64,
    /// Candidates scored in the generations so far; the start genome and [rescored](NpuEvolver::rescore) ones are none.
    pub evaluations: u64,
}

const VERSION: u32 = 2;

/// More generations and evaluations than any search makes: a count that goes on from a file does not overflow.
const MOST: u64 = u64::MAX / 2;

impl<S: Serialize + DeserializeOwned> State<S> {
    /// Writes JSON with a checksum beside `path` and renames: a process that is killed leaves the old file or the new one.
    ///
    /// Numbers are written so that they are read back in every bit.
    ///
    /// # Errors
    /// [`Error::File`].
    #[cfg(feature = "files")]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_aside(path.as_ref(), &seal::to_json(self)?)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::File`], also where a byte has changed.
    #[cfg(feature = "files")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (state, is_sealed) = seal::from_json::<Self>(&read_file(path.as_ref())?)?;
        state.checked(is_sealed)
    }

    /// JSON with a checksum that holds something beside the state, which the caller needs to go on: settings, say.
    ///
    /// # Errors
    /// [`Error::File`] if that cannot be written as JSON.
    pub fn to_json_with(&self, settings: &impl Serialize) -> Result<Vec<u8>, Error> {
        Ok(seal::to_json(&Stored { settings, state: self })?)
    }

    /// The state, and what [`to_json_with`](Self::to_json_with) put beside it.
    ///
    /// # Errors
    /// [`Error::File`], also where a byte has changed.
    pub fn from_json_with<B: DeserializeOwned>(bytes: &[u8]) -> Result<(Self, B), Error> {
        let (Stored { settings, state }, is_sealed) = seal::from_json::<Stored<B, Self>>(bytes)?;
        Ok((state.checked(is_sealed)?, settings))
    }

    /// States of version 1 have no checksum, all others must have one.
    fn checked(mut self, is_sealed: bool) -> Result<Self, Error> {
        match (self.version, is_sealed) {
            (VERSION, true) => {}
            (1, false) => self.version = VERSION,
            (1 | VERSION, _) => return Err(FileError::Checksum.into()),
            (other, _) => return Err(damaged(format!("version {other} is not {VERSION} or 1")).into()),
        }
        Ok(self)
    }
}

/// A state in a file.
#[derive(Serialize, Deserialize)]
struct Stored<B, S> {
    settings: B,
    state: S,
}

fn damaged(why: impl ToString) -> FileError {
    FileError::Format { format: "state of an evolution", why: why.to_string() }
}

/// Evolves weights on a substrate while it runs.
///
/// ```text
/// each generation:  ask for candidates;  for each: patch what differs, score;  tell the costs;  patch back to the best
/// ```
///
/// Between generations the best genome so far is on the substrate; a candidate that is as good takes its place. After an
/// error the best genome is patched back, the generation does not count, and may be tried again.
///
/// ```
/// use forebay::Precision;
/// use forebay::evolve::{NpuEvolver, Objective, Search, LiveWeights, Window};
/// use forebay::random::Seed;
/// use ndarray::Array2;
///
/// // 60 samples of 5 states, and a target that is a mix of them.
/// let states = Array2::from_shape_fn((60, 5), |(t, i)| (0.3 * t as f64 * (i + 1) as f64).sin());
/// let targets = Array2::from_shape_fn((60, 1), |(t, _)| 2.0 * states[[t, 0]] - states[[t, 3]]);
/// let one_digit = Precision::new(1, 1).expect("allowed");
/// let window = Window::new(states.view(), targets.view(), one_digit)?;
/// let baseline = window.baseline(1e-3)?;
///
/// let software = forebay::open("software:akd1000")?;
/// let weights = LiveWeights::load(&*software, &[0; 5], 1, one_digit)?;
/// let mut fitness = window.fitness(&weights, &baseline.scale, Objective::MeanSquare)?;
/// let search = Search::plus(5, one_digit, 10, Seed(1))?;
/// let mut evolver = NpuEvolver::new(weights, search)?;
/// for _ in 0..50 {
///     evolver.generation(&mut fitness)?;
/// }
/// let rounded = window.cost_of(&baseline.real(&baseline.rounded), &Objective::MeanSquare)?;
/// assert!(evolver.cost() <= Some(1.01 * rounded));
/// evolver.weights().loaded().verify()?;
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Debug)]
pub struct NpuEvolver<S = Search> {
    weights: LiveWeights,
    state: State<S>,
    candidates: Vec<i32>,
    costs: Vec<f64>,
    report: Report,
}

impl<S: Strategy> NpuEvolver<S> {
    /// Starts at the genome that is on the substrate.
    ///
    /// # Errors
    /// [`Error::Shape`] if the strategy has another number of genes.
    pub fn new(weights: LiveWeights, strategy: S) -> Result<Self, Error> {
        let best = weights.genome().to_vec();
        let state = State { version: VERSION, strategy, best, cost: None, generations: 0, evaluations: 0 };
        Self::resume(weights, state)
    }

    /// Goes on from a state, and brings its best genome onto the substrate.
    ///
    /// With the same fitness, the genomes that follow are those of the search that was interrupted.
    ///
    /// # Errors
    /// [`Error::File`] for a state that cannot be, or is for other weights; [`Error::Shape`] if the strategy has another
    /// number of genes; [`Error::Substrate`].
    pub fn resume(mut weights: LiveWeights, state: State<S>) -> Result<Self, Error> {
        if state.version != VERSION {
            return Err(damaged(format!("version {} is not {VERSION}", state.version)).into());
        }
        state.strategy.check().map_err(damaged)?;
        let genes = weights.genome().len();
        if state.strategy.genes() != genes {
            return Err(Error::shape("the strategy's genome", genes, state.strategy.genes()));
        }
        if state.generations.max(state.evaluations) > MOST {
            return Err(damaged("it counts more generations or evaluations than there can be").into());
        }
        if state.cost.is_some_and(|cost| !cost.is_finite()) {
            return Err(damaged("its cost is not finite").into());
        }
        weights.write(&state.best)?;
        let population = state.strategy.population();
        let candidates = vec![0; population * genes];
        Ok(Self { weights, state, candidates, costs: vec![0.0; population], report: Report::default() })
    }

    /// One generation; gives the best cost so far.
    ///
    /// Allocates nothing after the first, apart from what strategy, fitness and substrate do.
    ///
    /// # Errors
    /// What the fitness gives, [`Error::NonFinite`] for a cost that is not finite, and [`Error::Substrate`] from patches.
    pub fn generation(&mut self, fitness: &mut impl Fitness) -> Result<f64, Error> {
        let runs = fitness.device_runs();
        let scored = self.score_all(fitness);
        self.report.device_runs += fitness.device_runs() - runs;
        // What stays is brought onto the substrate before anything counts: that may fail as well.
        let stays = scored.as_ref().ok().and_then(|cost| self.winner(*cost));
        let brought = self.bring(stays).or_else(|error| self.bring(None).and(Err(error)));
        let cost = scored?;
        brought?;
        Ok(self.count(cost, stays))
    }

    /// Scores all candidates of the next generation; gives the cost of the best genome so far.
    fn score_all(&mut self, fitness: &mut impl Fitness) -> Result<f64, Error> {
        let cost = match self.state.cost {
            Some(cost) => cost,
            None => self.score(None, fitness)?,
        };
        let begin = Instant::now();
        self.state.strategy.ask(&self.state.best, &mut self.candidates);
        self.report.updating += begin.elapsed();
        for candidate in 0..self.costs.len() {
            self.costs[candidate] = self.score(Some(candidate), fitness)?;
        }
        Ok(cost)
    }

    /// The candidate with the least cost, the first of equals, if that is not above this one.
    fn winner(&self, cost: f64) -> Option<usize> {
        let least = (1..self.costs.len()).fold(0, |least, k| if self.costs[k] < self.costs[least] { k } else { least });
        (self.costs[least] <= cost).then_some(least)
    }

    /// Brings a candidate onto the substrate, or the best genome if it is none.
    fn bring(&mut self, candidate: Option<usize>) -> Result<(), Error> {
        let begin = Instant::now();
        let patched = self.weights.write(genome(&self.state.best, &self.candidates, candidate));
        self.report.patching += begin.elapsed();
        let patched = patched?;
        self.report.patched += patched as u64;
        self.report.rollbacks += u64::from(patched > 0);
        Ok(())
    }

    /// Takes over a generation that was scored; gives the best cost.
    fn count(&mut self, cost: f64, winner: Option<usize>) -> f64 {
        let begin = Instant::now();
        let State { strategy, best, generations, evaluations, .. } = &mut self.state;
        strategy.tell((best, cost), &self.costs);
        *generations += 1;
        *evaluations += self.costs.len() as u64;
        self.report.generations += 1;
        if let Some(winner) = winner {
            let genes = best.len();
            best.copy_from_slice(&self.candidates[winner * genes..(winner + 1) * genes]);
        }
        let cost = winner.map_or(cost, |winner| self.costs[winner]);
        self.state.cost = Some(cost);
        self.report.updating += begin.elapsed();
        cost
    }

    /// Patches and scores a candidate, or the best genome if it is none.
    fn score(&mut self, candidate: Option<usize>, fitness: &mut impl Fitness) -> Result<f64, Error> {
        let genome = genome(&self.state.best, &self.candidates, candidate);
        let begin = Instant::now();
        self.report.patched += self.weights.write(genome)? as u64;
        let patched = Instant::now();
        let cost = fitness.cost(genome);
        self.report.patching += patched - begin;
        self.report.evaluating += patched.elapsed();
        self.report.evaluations += 1;
        let cost = cost?;
        Error::check_finite("a cost", &[cost])?;
        Ok(cost)
    }

    /// Scores the best genome again, after the fitness has changed; gives its cost.
    ///
    /// # Errors
    /// As [`generation`](Self::generation).
    pub fn rescore(&mut self, fitness: &mut impl Fitness) -> Result<f64, Error> {
        let runs = fitness.device_runs();
        let cost = self.score(None, fitness);
        self.report.device_runs += fitness.device_runs() - runs;
        let cost = cost?;
        self.state.cost = Some(cost);
        Ok(cost)
    }

    /// The best genome so far, which is also on the substrate.
    pub fn best(&self) -> &[i32] {
        &self.state.best
    }

    /// Its cost; none before the first generation.
    pub fn cost(&self) -> Option<f64> {
        self.state.cost
    }

    /// What to store, to go on later.
    pub fn state(&self) -> &State<S> {
        &self.state
    }

    /// Counts and times.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The weights on the substrate.
    pub fn weights(&self) -> &LiveWeights {
        &self.weights
    }
}

/// A candidate, or the best genome if it is none.
fn genome<'a>(best: &'a [i32], candidates: &'a [i32], candidate: Option<usize>) -> &'a [i32] {
    candidate.map_or(best, |k| &candidates[k * best.len()..(k + 1) * best.len()])
}
