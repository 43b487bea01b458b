//! Four small surrogates side by side on one device: a lattice gauge theory, a chaotic flow, a heated rod, the sun.
//!
//! Each is a hybrid reservoir under a [`Conductor`], stepped in turns with the others. On the same test rows stands
//! the forecast it has to beat, chosen on training rows alone; the difference of their losses comes with an interval,
//! and without a claim where that contains zero.
//!
//! | domain | sees | heads | to beat |
//! |---|---|---|---|
//! | lattice | SU(3) on 4^4 at half a trajectory: P, T, change of H | acceptance; the next P | past rows: linear, calibrated for the event |
//! | lorenz | x of Lorenz-63 | x five rows on; z now | persistence, past rows: linear |
//! | heat | three noisy sensors of a rod | a sensor's next reading; the temperature between two | the same |
//! | sunspots | square roots of monthly numbers | the next month's | the same |
//!
//! ```
//! use forebay_zoo::surrogates::{Size, Surrogates};
//!
//! let software = forebay::open("software:akd1000")?;
//! let mut surrogates = Surrogates::train(Size::small(), &|_| software.clone())?;
//! for outcome in surrogates.compare()? {
//!     println!("{outcome}");
//! }
//! # Ok::<(), forebay_zoo::surrogates::SurrogateError>(())
//! ```

mod domains;
mod linear;
mod named;

use std::fmt;
use std::sync::Arc;

use forebay::conductor::{ConductorSettings, HeadKind};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::train::{Ridge, Series, TrainError};
use forebay::{Compiler, Conductor, Substrate};
use ndarray::s;
use serde::Serialize;

use self::domains::Domain;
use crate::data::DataError;
use crate::lattice::LatticeError;
use crate::scalers::ScalerError;
use crate::stats::{self, MeanInterval, square};
use crate::systems::SystemError;

pub use self::named::named;

/// Why surrogates cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurrogateError {
    /// A size out of range.
    #[error("{what} must be {expected}, found {found}")]
    Size {
        /// Which number.
        what: &'static str,
        /// The allowed range.
        expected: &'static str,
        /// The value given.
        found: usize,
    },
    /// The network or its device.
    #[error(transparent)]
    Forebay(#[from] forebay::Error),
    /// A baseline without a solution.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A flow that cannot be generated.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A chain that cannot be run.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// A series that cannot be loaded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A series that cannot be scaled.
    #[error(transparent)]
    Scaler(#[from] ScalerError),
}

/// How large the surrogates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Units of each reservoir, 4 to 256.
    pub units: usize,
    /// Rows to learn from, after a washout of 50; 100 to 2,000.
    pub train: usize,
    /// Rows to be judged on; 80 to 1,000.
    pub test: usize,
}

impl Size {
    /// 64 units, 1,000 rows to learn from and 1,000 for the test.
    pub fn full() -> Self {
        Self { units: 64, train: 1000, test: 1000 }
    }

    /// 12 units, 120 rows to learn from and 80 for the test: for emulators, which are slow. Too few for claims.
    pub fn small() -> Self {
        Self { units: 12, train: 120, test: 80 }
    }

    fn check(self) -> Result<(), SurrogateError> {
        let ranges = [
            ("the number of units", "4 to 256", self.units, 4..=256),
            ("the number of training rows", "100 to 2,000", self.train, 100..=2000),
            ("the number of test rows", "80 to 1,000", self.test, 80..=1000),
        ];
        for (what, expected, found, range) in ranges {
            if !range.contains(&found) {
                return Err(SurrogateError::Size { what, expected, found });
            }
        }
        Ok(())
    }
}

/// Rows at the start of every series while the state forgets that it began at rest.
const WASHOUT: usize = 50;

/// Most stretches of the test rows whose means are taken as independent, and the fewest that give an interval.
const MOST_BLOCKS: usize = 10;
const FEWEST_BLOCKS: usize = 3;

/// One head beside the best of the forecasts it has to beat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The domain.
    pub domain: String,
    /// The head.
    pub head: String,
    /// Whether losses are Brier scores; else squared errors in units of the training rows' variance.
    pub is_probability: bool,
    /// Mean loss on the test rows.
    pub loss: f64,
    /// The forecast to beat: of those there are, the one with the smallest loss on the last quarter of the training
    /// rows.
    pub baseline: String,
    /// Its mean loss on the test rows.
    pub baseline_loss: f64,
    /// Baseline's loss minus the head's, with a 95 % interval from the means of [`blocks`](Self::blocks) stretches of the
    /// test rows, weighed by their lengths; no interval, and no claim, with fewer than three.
    pub gain: MeanInterval,
    /// Stretches of equal length, each at least as long as the domain's slowest cycle; at most ten.
    pub blocks: usize,
    /// The head's skill against its base rate over the last predictions, as its conductor saw it; none without one.
    pub skill: Option<f64>,
    /// Whether the conductor trusts it in the end.
    pub is_trusted: bool,
}

/// What an interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The head loses less than the baseline.
    Better,
    /// It loses more.
    Worse,
    /// The interval contains zero, or there is none.
    NoClaim,
}

impl Outcome {
    /// Whether the gain's interval is on one side of zero.
    pub fn verdict(&self) -> Verdict {
        match self.gain.half_width {
            Some(half) if self.gain.mean > half => Verdict::Better,
            Some(half) if self.gain.mean < -half => Verdict::Worse,
            _ => Verdict::NoClaim,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loss = if self.is_probability { "Brier" } else { "NMSE" };
        write!(f, "{:8} {:10} {loss:5} {:.4}; {} ", self.domain, self.head, self.loss, self.baseline)?;
        write!(f, "{:.4}; gain {:+.4} ", self.baseline_loss, self.gain.mean)?;
        match self.gain.half_width {
            Some(half) => write!(f, "+- {half:.4} ({} stretches): ", self.blocks)?,
            None => f.write_str("(too few rows for an interval): ")?,
        }
        f.write_str(match self.verdict() {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::NoClaim => "no claim",
        })?;
        let skill = self.skill.unwrap_or(f64::NAN);
        write!(f, "; {} (skill {skill:.3})", if self.is_trusted { "trusted" } else { "not trusted" })
    }
}

/// A domain under way.
struct Running {
    domain: Domain,
    conductor: Conductor<f64>,
    /// Losses on the test rows, per head.
    losses: Vec<Vec<f64>>,
}

/// A trained surrogate of every domain, each with its program.
pub struct Surrogates {
    running: Vec<Running>,
    size: Size,
    /// The next test row.
    row: usize,
}

impl Surrogates {
    /// Trains all of them, each on the substrate that `place` gives for its name.
    ///
    /// Sizes, seeds and settings are fixed, so all numbers have the same bits on every substrate of a machine.
    ///
    /// # Errors
    /// [`SurrogateError::Size`]; [`SurrogateError::Forebay`] if a substrate fails or refuses.
    pub fn train(size: Size, place: &dyn Fn(&str) -> Arc<dyn Substrate>) -> Result<Self, SurrogateError> {
        size.check()?;
        let train = WASHOUT + size.train;
        let mut running = Vec::new();
        for domain in domains::all(WASHOUT, train, size.test)? {
            let mut g = Graph::builder();
            let u = g.input("u", domain.inputs.ncols());
            let x = g.reservoir("x", u, domain.reservoir(size.units));
            g.readout("none", [x], 1);
            let float = Model::<f64>::generate(g.build()?, 1)?;
            let inputs = domain.inputs.slice(s![..train, ..]);
            let hybrid = Compiler::new(place(domain.name)).calibrate(inputs).compile(&float)?;
            let series = Series::new(inputs, domain.targets.slice(s![..train, ..]));
            let settings =
                ConductorSettings { washout: WASHOUT, ridge: Ridge::decades(-6, 2), ..ConductorSettings::default() };
            let (mut conductor, _) = Conductor::fit(&hybrid, &["u", "x"], &domain.layout, &series, &settings)?;
            // The state at the start of the test rows.
            for row in domain.inputs.slice(s![train - WASHOUT..train, ..]).rows() {
                conductor.step(&row.to_vec())?;
            }
            let losses = vec![Vec::with_capacity(size.test); domain.layout.heads.len()];
            running.push(Running { domain, conductor, losses });
        }
        Ok(Self { running, size, row: train })
    }

    /// Steps all surrogates in turns over the test rows, and sets each head beside its baseline.
    ///
    /// # Errors
    /// [`SurrogateError::Forebay`] if a substrate fails; another call goes on from there. [`SurrogateError::Train`] if
    /// a baseline has no solution.
    pub fn compare(&mut self) -> Result<Vec<Outcome>, SurrogateError> {
        let train = WASHOUT + self.size.train;
        while self.row < train + self.size.test {
            for running in self.running.iter_mut().filter(|running| train + running.losses[0].len() == self.row) {
                running.step(self.row)?;
            }
            self.row += 1;
        }
        let mut outcomes = Vec::new();
        for running in &self.running {
            outcomes.extend(running.outcomes(train)?);
        }
        Ok(outcomes)
    }
}

impl fmt::Debug for Surrogates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.running.iter().map(|running| running.domain.name).collect();
        f.debug_struct("Surrogates").field("domains", &names).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Running {
    fn step(&mut self, row: usize) -> Result<(), SurrogateError> {
        let Self { domain, conductor, losses } = self;
        let outputs = conductor.step(&domain.inputs.row(row).to_vec())?;
        let truth = domain.targets.row(row);
        for ((losses, output), truth) in losses.iter_mut().zip(outputs).zip(truth) {
            losses.push((output - truth) * (output - truth));
        }
        // Truths that lie in the future are told at once: no head's base rate looks at them.
        for (head, truth) in domain.layout.heads.iter().zip(truth) {
            conductor.observe(&head.name, &[*truth])?;
        }
        Ok(())
    }

    fn outcomes(&self, train: usize) -> Result<Vec<Outcome>, SurrogateError> {
        let Self { domain, conductor, losses } = self;
        let mut outcomes = Vec::new();
        for (column, (head, losses)) in domain.layout.heads.iter().zip(losses).enumerate() {
            let is_probability = head.kind == HeadKind::Probability;
            let baseline = linear::best(domain, column, is_probability, WASHOUT, train)?;
            let rows = train..train + losses.len();
            let of_baseline: Vec<f64> =
                rows.map(|row| square(baseline.forecast[row] - domain.targets[[row, column]])).collect();
            let gains: Vec<f64> = of_baseline.iter().zip(losses).map(|(baseline, loss)| baseline - loss).collect();
            let (means, gain) = stretches(&gains, domain.cycle);
            let trust = conductor.trust(&head.name)?;
            outcomes.push(Outcome {
                domain: domain.name.to_owned(),
                head: head.name.clone(),
                is_probability,
                loss: stats::mean(losses),
                baseline: baseline.name,
                baseline_loss: stats::mean(&of_baseline),
                gain,
                blocks: means.len(),
                skill: trust.skill,
                is_trusted: trust.is_trusted,
            });
        }
        Ok(outcomes)
    }
}

/// Means of stretches that are at least a cycle long, as many as there are but at most ten; and the mean of all with an
/// interval from them. A shorter stretch says again what its neighbour said: its mean is not another observation.
fn stretches(gains: &[f64], cycle: usize) -> (Vec<f64>, MeanInterval) {
    let blocks = (gains.len() / cycle).min(MOST_BLOCKS);
    let blocks = if blocks < FEWEST_BLOCKS { 0 } else { blocks };
    let block = |b: usize| &gains[b * gains.len() / blocks..(b + 1) * gains.len() / blocks];
    let means: Vec<f64> = (0..blocks).map(|b| stats::mean(block(b))).collect();
    let none = MeanInterval { mean: stats::mean(gains), half_width: None, sd: None, n: 0 };
    (means, if blocks == 0 { none } else { MeanInterval::of_stretches(gains, blocks) })
}

#[cfg(test)]
mod tests {
    use super::stretches;

    /// A gain that swings with a cycle of 132 rows says nothing; stretches of 40 rows took a rising half for a trend.
    #[test]
    fn a_cycle_is_no_trend() {
        let gains: Vec<f64> = (0..400).map(|t| if t % 132 < 66 { 1.0 } else { -1.0 }).collect();
        let (means, interval) = stretches(&gains, 132);
        assert_eq!(means.len(), 3);
        assert!(interval.half_width.is_some_and(|half| half > interval.mean.abs()), "{interval:?}");
        let (means, interval) = stretches(&gains[..263], 132);
        assert_eq!((means.len(), interval.half_width), (0, None));
        assert_eq!(stretches(&gains, 7).0.len(), 10);
    }
}
