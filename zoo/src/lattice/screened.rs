//! Trajectories that a screen may end at half time.
//!
//! ```text
//! z0 = (U, P) --n/2 steps--> zm --n/2 steps--> zN
//! ```
//!
//! A screen a(half path) in [0, 1] looks at the energies of a half path. Delayed acceptance ends the trajectory at zm with
//! probability `1 - g0`, g0 = a(z0 -> zm), which saves the second half; else it accepts zN with probability
//! `min(1, exp(H0 - HN) gN / g0)`, gN = a(zN -> zm): the same screen on the way back. Then
//! `pi(z0) g0 min(1, pi(zN) gN / (pi(z0) g0))` is symmetric in z0 and zN, so the chain keeps its distribution. Acceptance can
//! only fall (Peskun); the screen pays where the forces it saves are worth more than that.
//!
//! [`naive`] ends trajectories in the same way but leaves out the correction. It is here because it is what people try first:
//! it gives wrong results.
//!
//! Source: Christen, Fox, Journal of Computational and Graphical Statistics 14, 795 (2005), for acceptance in two stages.

use super::hmc::{Energy, Hmc, Trajectory};

/// A frozen function of the energies along a half path, first the end of the trajectory, last its middle; in [0, 1], where 0
/// stays exact but may keep a chain from going where it should.
///
/// It must not change during production, and must see nothing but its argument.
pub trait Screen {
    /// The probability of going on.
    fn pass(&self, half_path: &[Energy]) -> f64;

    /// Whether it needs the energies after every step, and not those at the two ends only. The chain then notes them, whether it
    /// is [`observing`](Hmc::observing) otherwise or not.
    fn sees_every_step(&self) -> bool {
        false
    }
}

impl<F: Fn(&[Energy]) -> f64> Screen for F {
    fn pass(&self, half_path: &[Energy]) -> f64 {
        self(half_path)
    }
}

/// Goes on with probability `1 / (1 + exp(slope (dH - centre)))`, where dH is the change of H over the half path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logistic {
    /// dH at which half of the trajectories go on.
    pub centre: f64,
    /// Steepness.
    pub slope: f64,
}

impl Screen for Logistic {
    fn pass(&self, half_path: &[Energy]) -> f64 {
        1.0 / (1.0 + libm::exp(self.slope * (change(half_path) - self.centre)))
    }
}

/// Goes on where the change of H over the half path is at most this. Exact too, but such a chain may mix badly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold(pub f64);

impl Screen for Threshold {
    fn pass(&self, half_path: &[Energy]) -> f64 {
        if change(half_path) <= self.0 { 1.0 } else { 0.0 }
    }
}

fn change(half_path: &[Energy]) -> f64 {
    match half_path {
        [start, .., end] => end.total() - start.total(),
        _ => 0.0,
    }
}

/// One trajectory with delayed acceptance: exact. With an odd number of steps there is no middle, and the screen sees the
/// paths up to one step short of it from either side.
pub fn delayed(chain: &mut Hmc, screen: &(impl Screen + ?Sized)) -> Trajectory {
    run(chain, screen, true)
}

/// One trajectory that is ended where the screen says so and accepted as if there were none: **biased**, a counter-example.
pub fn naive(chain: &mut Hmc, screen: &(impl Screen + ?Sized)) -> Trajectory {
    run(chain, screen, false)
}

/// More than certain is certain; NaN stays.
fn at_most_one(probability: f64) -> f64 {
    if probability > 1.0 { 1.0 } else { probability }
}

fn run(chain: &mut Hmc, screen: &(impl Screen + ?Sized), corrected: bool) -> Trajectory {
    let observed = chain.observe(chain.is_observing() || screen.sees_every_step());
    let trajectory = run_observed(chain, screen, corrected);
    chain.observe(observed);
    trajectory
}

fn run_observed(chain: &mut Hmc, screen: &(impl Screen + ?Sized), corrected: bool) -> Trajectory {
    let steps = chain.settings().steps;
    let half = steps / 2;
    let start = chain.begin();
    if half > 0 {
        chain.advance(half);
    }
    let middle = chain.path().len();
    let forward = at_most_one(screen.pass(chain.path()));
    let delta_h = |chain: &Hmc| chain.path()[chain.path().len() - 1].total() - start.total();
    // Written so that a NaN ends the trajectory.
    let goes_on = chain.draw(0) < forward;
    if !goes_on {
        let delta_h = delta_h(chain);
        return chain.end(start, delta_h, false, true);
    }
    // The screen sees as many steps on the way back: with an odd number, a step in the middle belongs to neither half.
    if steps % 2 == 1 {
        chain.advance(1);
    }
    if half > 0 {
        chain.advance(half);
    }
    let delta_h = delta_h(chain);
    let end = chain.path().len();
    let mut back: Vec<Energy> = chain.path()[end - middle..].to_vec();
    back.reverse();
    let ratio = if corrected { at_most_one(screen.pass(&back)) / forward } else { 1.0 };
    let accepted = chain.draw(1) < libm::exp(-delta_h) * ratio;
    chain.end(start, delta_h, accepted, false)
}
