//! Tuning the step before production.

use crate::lattice::{Hmc, LatticeError, Settings};

/// Dual averaging of the logarithm of the step size towards a rate of acceptance.
///
/// ```text
/// H = (1 - 1/(m + t0)) H + (target - alpha) / (m + t0),   log e = mu - sqrt(m) / gamma H,
/// log e_bar = m^-kappa log e + (1 - m^-kappa) log e_bar,   mu = log 10 e0
/// ```
///
/// with gamma .05, t0 10, kappa .75. Only during thermalisation: the step is then frozen at `e_bar`, because a chain whose step
/// follows its own history does not sample what it should.
///
/// Source: Hoffman, Gelman, Journal of Machine Learning Research 15, 1593 (2014).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualAveraging {
    target: f64,
    mu: f64,
    turns: f64,
    error: f64,
    log_step: f64,
    log_average: f64,
}

impl DualAveraging {
    /// Starts at a step, above 0; `target` is a rate of acceptance, .65 for leapfrog, .8 to .9 for Omelyan's scheme.
    pub fn new(step: f64, target: f64) -> Self {
        let log_step = libm::log(step);
        Self { target, mu: libm::log(10.0 * step), turns: 0.0, error: 0.0, log_step, log_average: log_step }
    }

    /// Takes up the acceptance probability `min(1, exp(-dH))` of the last trajectory.
    pub fn update(&mut self, acceptance: f64) {
        const GAMMA: f64 = 0.05;
        const T0: f64 = 10.0;
        const KAPPA: f64 = 0.75;
        let acceptance = if acceptance.is_finite() { acceptance.clamp(0.0, 1.0) } else { 0.0 };
        self.turns += 1.0;
        let rate = 1.0 / (self.turns + T0);
        self.error += rate * (self.target - acceptance - self.error);
        self.log_step = self.mu - self.turns.sqrt() / GAMMA * self.error;
        let weight = libm::pow(self.turns, -KAPPA);
        self.log_average += weight * (self.log_step - self.log_average);
    }

    /// The step of the next trajectory while tuning.
    pub fn step(&self) -> f64 {
        libm::exp(self.log_step)
    }

    /// The step to freeze; the first one before any [`update`](Self::update).
    pub fn frozen(&self) -> f64 {
        libm::exp(self.log_average)
    }
}

/// Tunes a chain's step over `trajectories` of its own, then freezes the number of steps that fits its length. The
/// trajectories of the tuning belong to no sample.
///
/// # Errors
/// [`LatticeError::Range`] for a target outside (0, 1), or no trajectories to tune on; the chain is as it was then.
pub fn tune(chain: &mut Hmc, target: f64, trajectories: usize) -> Result<Settings, LatticeError> {
    let original = chain.settings();
    if !(target > 0.0 && target < 1.0) {
        let expected = "between 0 and 1";
        return Err(LatticeError::Range { what: "the acceptance aimed at", expected, found: target });
    }
    if trajectories == 0 {
        let expected = "at least 1";
        return Err(LatticeError::Range { what: "the number of trajectories to tune on", expected, found: 0.0 });
    }
    // Steps are at most 0.5 long, and a thousand of them, or as many as there were, must do.
    let least = (2.0 * original.length).ceil().max(1.0);
    let most = least.max(1000.0).max(original.steps as f64);
    let steps_of = |step: f64| (original.length / step).round().clamp(least, most) as usize;
    let mut averaging = DualAveraging::new(original.length / original.steps as f64, target);
    for _ in 0..trajectories {
        chain.set_settings(Settings { steps: steps_of(averaging.step()), ..original })?;
        averaging.update(libm::exp(-chain.trajectory().delta_h));
    }
    let frozen = Settings { steps: steps_of(averaging.frozen()), ..original };
    chain.set_settings(frozen)?;
    Ok(frozen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Integrator, Lattice};
    use forebay::random::Seed;

    /// No trajectories once froze a step of 1, as if it had been found.
    #[test]
    fn nothing_is_tuned_on_nothing() -> Result<(), LatticeError> {
        assert_eq!(DualAveraging::new(0.1, 0.8).frozen(), libm::exp(libm::log(0.1)));
        let settings = Settings { beta: 5.7, integrator: Integrator::Leapfrog, steps: 8, length: 1.0 };
        let mut chain = Hmc::new(Lattice::cold([2; 4])?, settings, Seed(1))?;
        assert!(matches!(tune(&mut chain, 0.8, 0), Err(LatticeError::Range { .. })));
        assert_eq!(chain.settings(), settings);
        Ok(())
    }

    /// On an acceptance that falls smoothly with the step, the frozen step is where it meets the target.
    #[test]
    fn the_step_meets_its_target() {
        let mut averaging = DualAveraging::new(0.01, 0.8);
        let mut noise = Seed(1).stream("noise");
        for _ in 0..3000 {
            averaging.update(libm::exp(-averaging.step()) + 0.05 * noise.normal());
        }
        let expected = -libm::log(0.8);
        assert!((averaging.frozen() / expected - 1.0).abs() < 0.1, "{}", averaging.frozen());
        averaging.update(f64::NAN);
        assert!(averaging.frozen().is_finite());
    }
}
