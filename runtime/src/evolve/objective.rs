//! Costs of a window's outputs.

use std::fmt;

use crate::error::Error;
use crate::train::select::argmax;

/// A cost of the user's own: outputs and targets, `[samples, outputs]` each, to a finite number; lower is better.
pub type Cost = dyn Fn(&[f64], &[f64]) -> f64 + Send + Sync;

/// What is made small.
///
/// With outputs `y[s][o]` and targets `t[s][o]`, means over all samples and outputs unless said otherwise:
#[non_exhaustive]
pub enum Objective {
    /// `mean (y - t)^2`, which ridge regression solves in closed form for real weights.
    MeanSquare,
    /// `mean (q(y) - t)^2`, where `q` rounds to the nearest of so many levels over a range, as an output of few bits
    /// would be. Constant almost everywhere as a function of the weights.
    Quantised {
        /// Smallest output.
        low: f64,
        /// Largest output, not below `low`; if it is `low`, that is the only output.
        high: f64,
        /// Number of levels, at least 2.
        levels: u32,
    },
    /// Share of outputs that lie on another side of a threshold than their target; on it counts as above.
    Side {
        /// The threshold.
        threshold: f64,
    },
    /// Share of samples whose largest output is not that of the largest target: classification with one output per
    /// class. Of equal ones the first is the largest.
    Classes,
    /// Any other.
    Custom(Box<Cost>),
}

impl fmt::Debug for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MeanSquare => write!(f, "MeanSquare"),
            Self::Quantised { low, high, levels } => write!(f, "Quantised {{ {low}..={high}, {levels} levels }}"),
            Self::Side { threshold } => write!(f, "Side {{ {threshold} }}"),
            Self::Classes => write!(f, "Classes"),
            Self::Custom(_) => write!(f, "Custom"),
        }
    }
}

impl Objective {
    /// [`Quantised`](Self::Quantised) to 2^`bits` levels over the range of these targets, with 1 to 31 bits. What other numbers of
    /// bits or no targets give is refused where costs are [asked for](super::Window::cost_of).
    ///
    /// ```
    /// use forebay::evolve::Objective;
    ///
    /// let objective = Objective::of_bits(1, &[0.0, 1.0]);
    /// assert_eq!(objective.cost(1, &[0.4, 0.6], &[0.0, 1.0]), 0.0);
    /// assert_eq!(objective.cost(1, &[0.6, 0.6], &[0.0, 1.0]), 0.5);
    /// ```
    pub fn of_bits(bits: u32, targets: &[f64]) -> Self {
        let low = targets.iter().copied().fold(f64::INFINITY, f64::min);
        let high = targets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::Quantised { low, high, levels: 1_u32.checked_shl(bits).unwrap_or(0) }
    }

    /// `Err` for what nothing can be rounded to.
    pub(super) fn check(&self) -> Result<(), Error> {
        let range = |what, expected: &str, found| Error::Range { what, expected: expected.to_owned(), found };
        match self {
            Self::Quantised { levels: levels @ ..=1, .. } => {
                Err(range("levels", "at least 2, from 1 to 31 bits", levels.to_string()))
            }
            Self::Quantised { low, high, .. } if !(low <= high && (high - low).is_finite()) => {
                Err(range("the range of the levels", "finite, from low to high", format!("{low} to {high}")))
            }
            _ => Ok(()),
        }
    }

    /// The cost of outputs, `[samples, outputs]` with `width` outputs; allocates nothing.
    ///
    /// # Shapes
    /// `outputs` and `targets` have one length; of unequal ones the shorter counts.
    pub fn cost(&self, width: usize, outputs: &[f64], targets: &[f64]) -> f64 {
        let count = outputs.len().min(targets.len()).max(1) as f64;
        let mean =
            |of: &dyn Fn(f64, f64) -> f64| outputs.iter().zip(targets).map(|(&y, &t)| of(y, t)).sum::<f64>() / count;
        match self {
            Self::MeanSquare => outputs.iter().zip(targets).map(|(y, t)| (y - t) * (y - t)).sum::<f64>() / count,
            &Self::Quantised { low, high, levels } => {
                let step = (high - low) / f64::from(levels.max(2) - 1);
                let top = f64::from(levels.max(2) - 1);
                mean(&|y, t| {
                    let level = if step > 0.0 { ((y - low) / step).round_ties_even().clamp(0.0, top) } else { 0.0 };
                    let rounded = low + step * level;
                    (rounded - t) * (rounded - t)
                })
            }
            &Self::Side { threshold } => mean(&|y, t| f64::from(u8::from((y >= threshold) != (t >= threshold)))),
            Self::Classes => {
                let width = width.max(1);
                let samples = outputs.chunks_exact(width).zip(targets.chunks_exact(width));
                let wrong = samples.filter(|(y, t)| argmax(y) != argmax(t)).count();
                wrong as f64 * width as f64 / count
            }
            Self::Custom(cost) => cost(outputs, targets),
        }
    }
}
