//! What a strategy is, and the three there are behind one name.

use forebay_kernels::Real;
use forebay_substrate::Precision;
use serde::{Deserialize, Serialize};

use super::antithetic::Antithetic;
use super::plus::Plus;
use super::separable::Separable;
use crate::error::Error;
use crate::random::{Seed, Stream};

/// Proposes candidates and learns from their costs.
///
/// A generation is one call of [`ask`](Self::ask) and one of [`tell`](Self::tell). All that is random in a generation
/// follows from the seed and the number of generations told, so a failed generation can be asked for again, and a
/// strategy that was stored between generations goes on as if nothing had happened.
pub trait Strategy {
    /// Length of a genome.
    fn genes(&self) -> usize;

    /// Candidates per generation.
    fn population(&self) -> usize;

    /// Writes the candidates of the next generation.
    ///
    /// # Shapes
    /// `best`: `[genes]`, the best genome so far. `candidates`: `[population, genes]`, each gene within the range that the
    /// strategy was made for.
    fn ask(&mut self, best: &[i32], candidates: &mut [i32]);

    /// Takes the costs of the candidates that were asked for last; lower is better.
    ///
    /// # Shapes
    /// `best`: what [`ask`](Self::ask) was given, and its cost. `costs`: `[population]`, finite.
    fn tell(&mut self, best: (&[i32], f64), costs: &[f64]);

    /// What is wrong with a state that was read from a file, if anything is.
    ///
    /// # Errors
    /// The reason, for people.
    fn check(&self) -> Result<(), String>;
}

/// Any of the shipped strategies.
///
/// | strategy | searches | good for |
/// |---|---|---|
/// | [`Plus`] | integers next to the best genome | 4-bit genomes, costs with steps |
/// | [`Separable`] | a normal distribution with one variance per gene | genomes of 2 or 3 digits |
/// | [`Antithetic`] | along a gradient estimated from mirrored pairs | many genes, noisy costs |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// (1+lambda) with integer mutations.
    Plus(Plus),
    /// sep-CMA-ES.
    Separable(Separable),
    /// OpenAI-ES.
    Antithetic(Antithetic),
}

impl Search {
    /// [`Plus`] for `genes` weights of this precision.
    ///
    /// # Errors
    /// [`Error::Range`] as [`Plus::new`].
    pub fn plus(genes: usize, precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        Ok(Self::Plus(Plus::new(genes, precision, population, seed)?))
    }

    /// [`Separable`] with its mean at `start`.
    ///
    /// # Errors
    /// [`Error::Range`] as [`Separable::new`].
    pub fn separable(start: &[i32], precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        Ok(Self::Separable(Separable::new(start, precision, population, seed)?))
    }

    /// [`Antithetic`] with its mean at `start`.
    ///
    /// # Errors
    /// [`Error::Range`] as [`Antithetic::new`].
    pub fn antithetic(start: &[i32], precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        Ok(Self::Antithetic(Antithetic::new(start, precision, population, seed)?))
    }

    fn inner(&self) -> &dyn Strategy {
        match self {
            Self::Plus(strategy) => strategy,
            Self::Separable(strategy) => strategy,
            Self::Antithetic(strategy) => strategy,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Strategy {
        match self {
            Self::Plus(strategy) => strategy,
            Self::Separable(strategy) => strategy,
            Self::Antithetic(strategy) => strategy,
        }
    }
}

impl Strategy for Search {
    fn genes(&self) -> usize {
        self.inner().genes()
    }

    fn population(&self) -> usize {
        self.inner().population()
    }

    fn ask(&mut self, best: &[i32], candidates: &mut [i32]) {
        self.inner_mut().ask(best, candidates);
    }

    fn tell(&mut self, best: (&[i32], f64), costs: &[f64]) {
        self.inner_mut().tell(best, costs);
    }

    fn check(&self) -> Result<(), String> {
        self.inner().check()
    }
}

/// Most candidates per generation, and most genes.
const MOST_CANDIDATES: usize = 4096;
const MOST_GENES: usize = 1 << 24;

/// Checks the sizes that all strategies share.
pub(super) fn check_sizes(genes: usize, population: usize, least: usize) -> Result<(), Error> {
    let range = |what, expected: String, found: usize| Error::Range { what, expected, found: found.to_string() };
    if !(1..=MOST_GENES).contains(&genes) {
        return Err(range("genes", format!("1 to {MOST_GENES}"), genes));
    }
    if !(least..=MOST_CANDIDATES).contains(&population) {
        return Err(range("population", format!("{least} to {MOST_CANDIDATES}"), population));
    }
    Ok(())
}

/// Whether a vector that was read from a file can be used.
pub(super) fn check_vector(what: &str, values: &[f64], genes: usize) -> Result<(), String> {
    if values.len() == genes && values.iter().all(|v| Real::is_finite(*v)) {
        return Ok(());
    }
    Err(format!("{what} needs {genes} finite numbers, found {}", values.len()))
}

/// One of the two integers around `x`, each with the chance that makes `x` the mean; kept within `-largest..=largest`.
///
/// Steps far below one level still happen, only rarely, where rounding to nearest would lose them all.
pub(super) fn round(x: f64, largest: i32, stream: &mut Stream) -> i32 {
    let largest = f64::from(largest);
    (x + stream.uniform()).floor().clamp(-largest, largest) as i32
}

/// Indices in order of rising cost; equal costs stay in order.
pub(super) fn order(costs: &[f64], order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..costs.len());
    order.sort_by(|&a, &b| costs[a].total_cmp(&costs[b]));
}
