//! (1+lambda): integer mutations of the best genome.

use forebay_substrate::Precision;
use serde::{Deserialize, Serialize};

use super::strategy::{Strategy, check_sizes, round};
use crate::error::Error;
use crate::random::Seed;

/// (1+lambda) evolution strategy on integers.
///
/// ```text
/// candidate[i] = clip(best[i] + round(strength * N(0, 1)))        at least one gene differs from best
/// strength <- strength * exp((p - p0) / ((1 - p0) d))             p: share of candidates better than best
/// p0 = 1 / (5 + sqrt(lambda) / 2),  d = 1 + genes / (2 lambda)
/// ```
///
/// Rounding is randomised, so a strength far below one level changes few genes by one level each, and a large one moves
/// all: one number is adapted, and for lambda = 1 by about the 1/5 rule. A candidate as good as the best takes its
/// place, which carries the search over plateaus.
///
/// # Source
/// Rechenberg 1973 (1/5 rule); Igel, Hansen, Roth, Evolutionary Computation 15, 1 (2007) for `p0` and `d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plus {
    seed: Seed,
    generation: u64,
    genes: usize,
    population: usize,
    largest: i32,
    strength: f64,
}

impl Plus {
    /// For `genes` weights of this precision.
    ///
    /// # Errors
    /// [`Error::Range`] without genes or candidates, or with more than 4,096 candidates.
    pub fn new(genes: usize, precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        check_sizes(genes, population, 1)?;
        let largest = precision.weight_max();
        Ok(Self { seed, generation: 0, genes, population, largest, strength: f64::from(largest) / 8.0 })
    }

    /// The standard deviation of a mutation, in levels.
    pub fn strength(&self) -> f64 {
        self.strength
    }
}

impl Strategy for Plus {
    fn genes(&self) -> usize {
        self.genes
    }

    fn population(&self) -> usize {
        self.population
    }

    fn ask(&mut self, best: &[i32], candidates: &mut [i32]) {
        let mut stream = self.seed.stream("integer mutations").at(self.generation, 0);
        for candidate in candidates.chunks_exact_mut(self.genes) {
            for (gene, &from) in candidate.iter_mut().zip(best) {
                *gene = round(f64::from(from) + self.strength * stream.normal(), self.largest, &mut stream);
            }
            if candidate == best {
                let at = stream.below(self.genes as u64) as usize;
                let up = stream.sign() > 0.0;
                // A gene at the edge of its range can only go back.
                let up = best[at] < self.largest && (up || best[at] == -self.largest);
                candidate[at] += if up { 1 } else { -1 };
            }
        }
    }

    fn tell(&mut self, (_, cost): (&[i32], f64), costs: &[f64]) {
        let population = self.population as f64;
        let target = 1.0 / (5.0 + 0.5 * population.sqrt());
        let damping = 1.0 + self.genes as f64 / (2.0 * population);
        let share = costs.iter().filter(|&&c| c < cost).count() as f64 / population;
        let factor = libm::exp((share - target) / ((1.0 - target) * damping));
        // Below one gene per candidate the forced change takes over, and smaller strengths would all be the same.
        self.strength = (self.strength * factor).clamp(1.0 / self.genes as f64, f64::from(self.largest));
        self.generation += 1;
    }

    fn check(&self) -> Result<(), String> {
        check_sizes(self.genes, self.population, 1).map_err(|error| error.to_string())?;
        let is_usable = self.strength > 0.0 && self.strength.is_finite() && self.largest > 0;
        if is_usable { Ok(()) } else { Err(format!("the strength {} cannot be", self.strength)) }
    }
}
