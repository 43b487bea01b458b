//! OpenAI-ES: a gradient from mirrored pairs, followed by Adam.

use forebay_substrate::Precision;
use serde::{Deserialize, Serialize};

use super::strategy::{Strategy, check_sizes, check_vector, order, round};
use crate::error::Error;
use crate::random::Seed;

/// OpenAI-ES on a real vector that is rounded to integers, at random so that its mean stays.
///
/// ```text
/// x[2k] = mean + sigma e[k],  x[2k + 1] = mean - sigma e[k],  e ~ N(0, I)
/// g = 1 / (lambda sigma) * sum over k of (r[2k] - r[2k + 1]) e[k]       r: ranks of costs, from -1/2 (best) to 1/2
/// mean <- Adam(mean, g; rate = sigma / 5),   sigma <- max(0.999 sigma, 1/2 level)
/// ```
///
/// # Source
/// Salimans, Ho, Chen, Sidor, Sutskever, arXiv:1703.03864 (2017); Kingma, Ba, arXiv:1412.6980 (2014).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Antithetic {
    seed: Seed,
    generation: u64,
    population: usize,
    largest: i32,
    sigma: f64,
    mean: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    /// `[population / 2, genes]`, of the generation that was asked for last.
    #[serde(skip)]
    drawn: Vec<f64>,
    #[serde(skip)]
    order: Vec<usize>,
    #[serde(skip)]
    ranks: Vec<f64>,
}

/// Decay of Adam's two moments, and what keeps its division finite.
const MOMENTS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
/// Step of Adam per step of the search.
const RATE: f64 = 0.2;
/// Decay of the step per generation, and where it ends, in levels: below, rounding would be all that is searched.
const DECAY: f64 = 0.999;
const LEAST_SIGMA: f64 = 0.5;

impl Antithetic {
    /// With the mean at `start` and a step of a tenth of the largest weight.
    ///
    /// # Errors
    /// [`Error::Range`] without genes, or for a population that is not even, 2 to 4,096.
    pub fn new(start: &[i32], precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        check_sizes(start.len(), population, 2)?;
        if !population.is_multiple_of(2) {
            let (expected, found) = ("even: candidates come in pairs".to_owned(), population.to_string());
            return Err(Error::Range { what: "population", expected, found });
        }
        let largest = precision.weight_max();
        let mean: Vec<f64> = start.iter().map(|&w| f64::from(w)).collect();
        let zeros = vec![0.0; mean.len()];
        Ok(Self {
            seed,
            generation: 0,
            population,
            largest,
            sigma: (0.1 * f64::from(largest)).max(LEAST_SIGMA),
            mean,
            first: zeros.clone(),
            second: zeros,
            drawn: Vec::new(),
            order: Vec::new(),
            ranks: Vec::new(),
        })
    }
}

/// Ranks of costs from -1/2 to 1/2; equal costs share the middle of their ranks.
fn ranks(costs: &[f64], sorted: &[usize], ranks: &mut Vec<f64>) {
    ranks.clear();
    ranks.resize(costs.len(), 0.0);
    let mut start = 0;
    while start < sorted.len() {
        let cost = costs[sorted[start]];
        let equal = sorted[start..].iter().take_while(|&&k| costs[k] == cost).count();
        let middle = start as f64 + 0.5 * (equal as f64 - 1.0);
        sorted[start..start + equal].iter().for_each(|&k| ranks[k] = middle / (costs.len() as f64 - 1.0) - 0.5);
        start += equal;
    }
}

impl Strategy for Antithetic {
    fn genes(&self) -> usize {
        self.mean.len()
    }

    fn population(&self) -> usize {
        self.population
    }

    fn ask(&mut self, _best: &[i32], candidates: &mut [i32]) {
        let genes = self.mean.len();
        let mut stream = self.seed.stream("mirrored draws").at(self.generation, 0);
        self.drawn.resize(self.population / 2 * genes, 0.0);
        for (pair, drawn) in candidates.chunks_exact_mut(2 * genes).zip(self.drawn.chunks_exact_mut(genes)) {
            let (plus, minus) = pair.split_at_mut(genes);
            for (i, e) in drawn.iter_mut().enumerate() {
                *e = stream.normal();
                plus[i] = round(self.mean[i] + self.sigma * *e, self.largest, &mut stream);
                minus[i] = round(self.mean[i] - self.sigma * *e, self.largest, &mut stream);
            }
        }
    }

    fn tell(&mut self, _best: (&[i32], f64), costs: &[f64]) {
        order(costs, &mut self.order);
        ranks(costs, &self.order, &mut self.ranks);
        self.generation += 1;
        let genes = self.mean.len();
        let largest = f64::from(self.largest);
        let [unbias_first, unbias_second] = MOMENTS.map(|decay| 1.0 - libm::pow(decay, self.generation as f64));
        for i in 0..genes {
            let pairs = self.ranks.chunks_exact(2).zip(self.drawn.chunks_exact(genes));
            let sum: f64 = pairs.map(|(rank, e)| (rank[0] - rank[1]) * e[i]).sum();
            let g = sum / (self.population as f64 * self.sigma);
            self.first[i] = MOMENTS[0] * self.first[i] + (1.0 - MOMENTS[0]) * g;
            self.second[i] = MOMENTS[1] * self.second[i] + (1.0 - MOMENTS[1]) * g * g;
            let step = self.first[i] / unbias_first / ((self.second[i] / unbias_second).sqrt() + EPSILON);
            self.mean[i] = (self.mean[i] - RATE * self.sigma * step).clamp(-largest, largest);
        }
        self.sigma = (DECAY * self.sigma).max(LEAST_SIGMA);
    }

    fn check(&self) -> Result<(), String> {
        let genes = self.mean.len();
        check_sizes(genes, self.population, 2).map_err(|error| error.to_string())?;
        for (what, values) in [("the mean", &self.mean), ("a moment", &self.first), ("a moment", &self.second)] {
            check_vector(what, values, genes)?;
        }
        let is_usable = self.sigma >= LEAST_SIGMA && self.sigma.is_finite() && self.largest > 0;
        if is_usable && self.population.is_multiple_of(2) && self.second.iter().all(|&v| v >= 0.0) {
            return Ok(());
        }
        Err("step, moments or population cannot be".to_owned())
    }
}
