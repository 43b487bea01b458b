//! sep-CMA-ES: a normal distribution with one variance per gene.
//!
//! Written here because the libraries there are adapt full covariances, draw from generators of their own, and use the
//! platform's logarithm: none gives the same bits everywhere or stores its state between generations.

use forebay_substrate::Precision;
use serde::{Deserialize, Serialize};

use super::strategy::{Strategy, check_sizes, check_vector, order, round};
use crate::error::Error;
use crate::random::Seed;

/// sep-CMA-ES on a real vector that is rounded to integers, at random so that its mean stays.
///
/// ```text
/// x = mean + sigma sqrt(C) z,  z ~ N(0, I),  C diagonal;  candidate = round(x)
/// ```
///
/// Mean, step size and variances are adapted as in CMA-ES with its default settings; the learning rate of the variances is
/// larger by `(genes + 2) / 3`. Memory and time per candidate are linear in the genes.
///
/// # Source
/// Ros, Hansen, "A simple modification in CMA-ES achieving linear time and space complexity", PPSN X (2008).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separable {
    seed: Seed,
    generation: u64,
    population: usize,
    largest: i32,
    mean: Vec<f64>,
    sigma: f64,
    variances: Vec<f64>,
    sigma_path: Vec<f64>,
    path: Vec<f64>,
    /// `[population, genes]`, of the generation that was asked for last.
    #[serde(skip)]
    drawn: Vec<f64>,
    #[serde(skip)]
    order: Vec<usize>,
    /// `LiveWeights` of the better half by rank, their sum 1.
    #[serde(skip)]
    weights: Vec<f64>,
}

impl Separable {
    /// With the mean at `start` and a step size of a fifth of the largest weight.
    ///
    /// # Errors
    /// [`Error::Range`] without genes, with fewer than 4 or more than 4,096 candidates.
    pub fn new(start: &[i32], precision: Precision, population: usize, seed: Seed) -> Result<Self, Error> {
        check_sizes(start.len(), population, 4)?;
        let largest = precision.weight_max();
        let genes = start.len();
        Ok(Self {
            seed,
            generation: 0,
            population,
            largest,
            mean: start.iter().map(|&w| f64::from(w)).collect(),
            sigma: 0.2 * f64::from(largest),
            variances: vec![1.0; genes],
            sigma_path: vec![0.0; genes],
            path: vec![0.0; genes],
            drawn: Vec::new(),
            order: Vec::new(),
            weights: Vec::new(),
        })
    }

    /// The step size, in levels.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }
}

/// `LiveWeights` of the better half by rank: `ln((population + 1) / 2) - ln(rank)`, divided by their sum.
fn fill_weights(population: usize, weights: &mut Vec<f64>) {
    let middle = libm::log(0.5 * (population as f64 + 1.0));
    weights.clear();
    weights.extend((1..=population / 2).map(|rank| middle - libm::log(rank as f64)));
    let total: f64 = weights.iter().sum();
    for weight in weights {
        *weight /= total;
    }
}

impl Strategy for Separable {
    fn genes(&self) -> usize {
        self.mean.len()
    }

    fn population(&self) -> usize {
        self.population
    }

    fn ask(&mut self, _best: &[i32], candidates: &mut [i32]) {
        let genes = self.mean.len();
        let mut stream = self.seed.stream("separable draws").at(self.generation, 0);
        self.drawn.resize(self.population * genes, 0.0);
        for (candidate, drawn) in candidates.chunks_exact_mut(genes).zip(self.drawn.chunks_exact_mut(genes)) {
            for (i, (gene, z)) in candidate.iter_mut().zip(drawn).enumerate() {
                *z = stream.normal();
                let x = self.mean[i] + self.sigma * self.variances[i].sqrt() * *z;
                *gene = round(x, self.largest, &mut stream);
            }
        }
    }

    fn tell(&mut self, _best: (&[i32], f64), costs: &[f64]) {
        let n = self.mean.len() as f64;
        if self.weights.is_empty() {
            fill_weights(self.population, &mut self.weights);
        }
        let effective = 1.0 / self.weights.iter().map(|w| w * w).sum::<f64>();
        let sigma_rate = (effective + 2.0) / (n + effective + 3.0);
        let damping = 1.0 + 2.0 * (((effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + sigma_rate;
        let path_rate = 4.0 / (n + 4.0);
        let rank_one = 2.0 / ((n + 2.0_f64.sqrt()) * (n + 2.0_f64.sqrt()));
        let rank_mu = ((2.0 * effective - 1.0) / ((n + 2.0) * (n + 2.0) + effective)).min(1.0);
        let full = rank_one / effective + (1.0 - 1.0 / effective) * rank_mu;
        let rate = (full * (n + 2.0) / 3.0).min(1.0);

        order(costs, &mut self.order);
        let genes = self.mean.len();
        let mut length = 0.0;
        for i in 0..genes {
            let z: f64 = self.weights.iter().zip(&self.order).map(|(w, &k)| w * self.drawn[k * genes + i]).sum();
            let p = &mut self.sigma_path[i];
            *p = (1.0 - sigma_rate) * *p + (sigma_rate * (2.0 - sigma_rate) * effective).sqrt() * z;
            length += *p * *p;
        }
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        let length = length.sqrt();
        let settled = 1.0 - libm::pow(1.0 - sigma_rate, 2.0 * (self.generation as f64 + 1.0));
        let moves = length / settled.sqrt() < (1.4 + 2.0 / (n + 1.0)) * expected;
        let largest = f64::from(self.largest);
        for i in 0..genes {
            let (mut z, mut zz) = (0.0, 0.0);
            for (weight, &k) in self.weights.iter().zip(&self.order) {
                let drawn = self.drawn[k * genes + i];
                z += weight * drawn;
                zz += weight * drawn * drawn;
            }
            let variance = self.variances[i];
            let step = variance.sqrt() * z;
            self.mean[i] = (self.mean[i] + self.sigma * step).clamp(-largest, largest);
            let gain = if moves { (path_rate * (2.0 - path_rate) * effective).sqrt() } else { 0.0 };
            self.path[i] = (1.0 - path_rate) * self.path[i] + gain * step;
            let lost = if moves { 0.0 } else { path_rate * (2.0 - path_rate) * variance };
            let one = self.path[i] * self.path[i] + lost;
            let new = (1.0 - rate) * variance + rate / effective * one + rate * (1.0 - 1.0 / effective) * variance * zz;
            self.variances[i] = new.clamp(1e-12, 1e12);
        }
        let factor = libm::exp((sigma_rate / damping * (length / expected - 1.0)).min(1.0));
        self.sigma = (self.sigma * factor).clamp(1e-9, largest);
        self.generation += 1;
    }

    fn check(&self) -> Result<(), String> {
        let genes = self.mean.len();
        check_sizes(genes, self.population, 4).map_err(|error| error.to_string())?;
        for (what, values) in [
            ("the mean", &self.mean),
            ("variances", &self.variances),
            ("the path", &self.path),
            ("the path of the step size", &self.sigma_path),
        ] {
            check_vector(what, values, genes)?;
        }
        let is_usable = self.sigma > 0.0 && self.sigma.is_finite() && self.largest > 0;
        if is_usable && self.variances.iter().all(|&v| v > 0.0) {
            return Ok(());
        }
        Err(format!("the step size {} or a variance cannot be", self.sigma))
    }
}
