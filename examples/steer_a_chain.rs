//! Steering a Markov chain without breaking it: the step is tuned and then frozen, and a screen that ends hopeless trajectories at
//! half time is corrected for in the acceptance. Leaving out the correction gives a wrong answer, shown beside.

use anyhow::{Context, Result};
use forebay::random::Seed;
use forebay_zoo::autocorrelation::{self, Mean};
use forebay_zoo::lattice::screened::{self, Logistic, Threshold};
use forebay_zoo::lattice::{Hmc, Integrator, Lattice, Settings, Trajectory};
use forebay_zoo::steering::tuning;

/// Each run goes on from the same configuration with random numbers of its own.
fn run(chain: &Hmc, seed: u64, step: impl Fn(&mut Hmc) -> Trajectory) -> Result<Mean> {
    let mut chain = Hmc::new(chain.lattice().clone(), chain.settings(), Seed(seed))?;
    let plaquettes: Vec<f64> = (0..1500).map(|_| step(&mut chain).plaquette).collect();
    autocorrelation::mean(&plaquettes).context("a series")
}

fn main() -> Result<()> {
    // Decided before production: thermalise with the better integrator, tune its step, freeze it.
    let omelyan = Settings { beta: 5.7, integrator: Integrator::Omelyan, steps: 10, length: 1.0 };
    let mut chain = Hmc::new(Lattice::hot([4; 4], Seed(1))?, omelyan, Seed(1))?;
    for _ in 0..200 {
        chain.trajectory();
    }
    let frozen = tuning::tune(&mut chain, 0.85, 200)?;
    let reference = run(&chain, 2, Hmc::trajectory)?;
    println!("{} steps, frozen: plaquette {:.4} +- {:.4}", frozen.steps, reference.value, reference.error);

    // A coarse integrator, and what may and may not be done about its rejected trajectories.
    chain.set_settings(Settings { integrator: Integrator::Leapfrog, steps: 8, ..omelyan })?;
    let exact = run(&chain, 3, |chain| screened::delayed(chain, &Logistic { centre: 1.5, slope: 3.0 }))?;
    let naive = run(&chain, 4, |chain| screened::naive(chain, &Threshold(1.0)))?;
    for (name, mean) in [("delayed acceptance", exact), ("naive abort, biased", naive)] {
        let sigmas = mean.sigmas_from(&reference);
        println!("{name:20} {:.4} +- {:.4}, {sigmas:+.1} standard errors", mean.value, mean.error);
    }
    Ok(())
}
