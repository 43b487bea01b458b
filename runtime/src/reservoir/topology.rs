//! Which units are connected, and how weights are distributed.

use serde::{Deserialize, Serialize};

/// Which units of a reservoir are connected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Topology {
    /// Every entry of the matrix is present with the same chance, independently of the others (Erdős-Rényi).
    Random {
        /// The chance, in (0, 1].
        density: f64,
    },
    /// Every unit listens to the same number of others, chosen at random; itself may be among them.
    FixedDegree {
        /// Entries per row, from 1 to the number of units.
        per_row: usize,
    },
    /// One directed cycle with equal weights: unit i listens to unit i - 1.
    ///
    /// Weights are 1 before scaling, whatever the distribution. Distinguish the units by input signs, for example with
    /// [`Distribution::Bernoulli`].
    ///
    /// # Source
    /// A. Rodan, P. Tiňo, "Minimum complexity echo state network", 2011.
    Cycle,
    /// A random orthogonal matrix, uniform over the orthogonal group, whatever the distribution.
    ///
    /// Drawing takes `4/3 N^3` operations.
    Orthogonal,
}

/// How the values of weights are distributed before they are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Distribution {
    /// Uniform in [-1, 1).
    Uniform,
    /// Normal with mean 0 and variance 1.
    Normal,
    /// 1 or -1, with equal chance.
    Bernoulli,
}

/// One value for all, or one for each unit or channel.
///
/// In JSON it is a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrEach {
    /// One value for all.
    One(f64),
    /// One value for each.
    Each(Vec<f64>),
}

impl OneOrEach {
    /// The values as a slice: one, or one for each.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }
}
