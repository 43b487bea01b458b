//! A reservoir as the screen of delayed acceptance.

use std::sync::Arc;

use forebay::Substrate;
use forebay::random::Seed;
use ndarray::{Array2, ArrayView2, s};

use super::SteeringError;
use super::logistic::Logistic;
use super::rejection::{History, changes};
use super::reservoir::Features;
use crate::lattice::Energy;
use crate::lattice::screened::Screen;
use crate::stats::square;

/// A frozen reservoir that reads half a path from rest and says how likely its trajectory is accepted.
///
/// It keeps the conditions of [`screened`](crate::lattice::screened): its weights do not change, its state begins at rest for
/// every path, it sees the same numbers from either end, and it never says 0. One chain must stay with one screen: in floats
/// and in integers it is two different ones, while software, emulator and board of the same integers are the same.
///
/// It reads the energies after every step, which the chain notes for it, and belongs to trajectories of as many steps as those
/// it was trained on: on others it says NaN, which ends them all.
#[derive(Clone, Debug)]
pub struct ReservoirScreen {
    /// Steps of half a path.
    half: usize,
    features: Features,
    logistic: Logistic,
    /// Spread of dH and of the change of T.
    scales: [f64; 2],
}

/// Least probability of going on.
const FLOOR: f64 = 0.02;

impl ReservoirScreen {
    /// Trains on trajectories of a plain chain; 50 units in plain 4-bit integers on the substrate.
    ///
    /// # Errors
    /// [`SteeringError::TooShort`] for fewer than 100 trajectories or paths without a middle; [`SteeringError::Reservoir`].
    pub fn train(history: &History, substrate: Arc<dyn Substrate>, seed: Seed) -> Result<Self, SteeringError> {
        history.check("a screen", 100)?;
        let half = history.half();
        let plain: Vec<Array2<f64>> = history.paths.iter().map(|path| changes(&path[..=half], [1.0; 2])).collect();
        let spread = |c: usize| {
            let squares = plain.iter().map(|change| square(change[[half - 1, c]])).sum::<f64>();
            (squares / plain.len() as f64).sqrt().max(1e-12)
        };
        let scales = [spread(0), spread(1)];
        let inputs: Vec<Array2<f64>> = history.paths.iter().map(|path| changes(&path[..=half], scales)).collect();
        let views: Vec<ArrayView2<'_, f64>> = inputs.iter().map(|input| input.view()).collect();
        let sample = ndarray::concatenate(ndarray::Axis(0), &views).expect("equal widths");
        let features = Features::draw(2, 50, 1.0, seed.child("screen"))?.on(substrate, sample.view())?;
        let mut states = Array2::zeros((inputs.len(), 50));
        for (input, mut row) in inputs.iter().zip(states.rows_mut()) {
            row.assign(&ndarray::aview1(&features.after(input.view())?));
        }
        let outcomes: Vec<bool> = history.trajectories.iter().map(|t| t.accepted).collect();
        let logistic = Logistic::choose(states.slice(s![.., ..]), &outcomes, &[1.0, 10.0, 100.0])?;
        Ok(Self { half, features, logistic, scales })
    }
}

impl Screen for ReservoirScreen {
    /// The probability of acceptance, doubled: only trajectories that are more likely rejected than not are ever ended. NaN,
    /// which ends the trajectory, if the device fails or the path has another number of steps.
    fn pass(&self, half_path: &[Energy]) -> f64 {
        if half_path.len() != self.half + 1 {
            return f64::NAN;
        }
        let Ok(state) = self.features.after(changes(half_path, self.scales).view()) else { return f64::NAN };
        (2.0 * self.logistic.probability(ndarray::aview1(&state))).clamp(FLOOR, 1.0)
    }

    fn sees_every_step(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::screened::delayed;
    use crate::lattice::{Hmc, Integrator, Lattice, Settings, Trajectory};

    /// A chain that noted no energies under way once gave the screen two points instead of five: another screen, without a word.
    #[test]
    fn a_chain_that_does_not_observe_is_screened_alike() -> Result<(), Box<dyn std::error::Error>> {
        let settings = Settings { beta: 5.7, integrator: Integrator::Leapfrog, steps: 8, length: 1.0 };
        let fine = Settings { integrator: Integrator::Omelyan, ..settings };
        let mut chain = Hmc::new(Lattice::cold([2, 2, 2, 4])?, fine, Seed(1))?;
        for _ in 0..60 {
            chain.trajectory();
        }
        chain.set_settings(settings)?;
        let history = History::record(chain.clone(), 150, &|| {});
        let screen = ReservoirScreen::train(&history, forebay::open("software:akd1000")?, Seed(2))?;
        let run = |mut chain: Hmc| -> Vec<Trajectory> { (0..30).map(|_| delayed(&mut chain, &screen)).collect() };
        let found = run(chain.clone());
        assert_eq!(found, run(chain.clone().observing()));
        let ended = found.iter().filter(|t| t.aborted).count();
        assert!(ended < found.len(), "all {ended} were ended");
        // Afterwards the chain observes no more than before.
        delayed(&mut chain, &screen);
        chain.trajectory();
        assert_eq!(chain.path().len(), 2);
        // Trajectories of another number of steps have another kind of half.
        chain.set_settings(Settings { steps: 10, ..settings })?;
        assert!((0..20).all(|_| delayed(&mut chain, &screen).aborted));
        Ok(())
    }
}
