//! The experiment that `forebay steer` runs: settings, rules and comparisons are fixed here, none follows from its data.
//!
//! 1. Checks: reversibility, `<exp(-dH)> = 1`, strong coupling at beta 2, the plaquette of 4^4 at beta 6 and of 8^4 at 6.
//! 2. Equilibrium at beta 5.7 on 4^4 and 6^4, from a hot and from a cold start.
//! 3. Rejection: 4^4, beta 5.7, leapfrog of 8 and of 12 steps.
//! 4. Thermalisation: 24 chains of 120 trajectories on 4^4, 12 of 200 on 6^4, half hot, half cold; the first five of each are
//!    accepted whatever they do.
//! 5. The step by dual averaging, frozen.
//! 6. Delayed acceptance with a logistic and with a reservoir's screen beside plain trajectories: pass if within 3 standard
//!    errors. The naive abort beside them is expected to fail.
//!
//! No claim is made where the 95 % interval of a paired difference contains 0.
//!
//! A rehearsal runs every part once on a lattice of 2^4, to see that it runs here; its numbers say nothing of physics.

use std::sync::Arc;

use forebay::random::Seed;
use forebay::{Substrate, threads};
use serde::Serialize;

use super::rejection::{self, History, Study};
use super::screen::ReservoirScreen;
use super::thermalisation::{self, Chain, Equilibrium, Rule};
use super::{SteeringError, tuning};
use crate::autocorrelation::{self, Mean};
use crate::lattice::screened::{self, Logistic, Screen, Threshold};
use crate::lattice::{Hmc, Integrator, Lattice, LatticeError, Settings, Trajectory};

/// Coupling of all but the checks.
const BETA: f64 = 5.7;
/// Extent of the large lattice.
const LARGE: usize = 6;
/// Trajectories on the small lattice that cost as much as one on the large: 6^4 over 4^4.
const WEIGHT_OF_LARGE: u64 = 5;
/// Trajectories of a chain from a hot or cold start that are accepted whatever they do.
const FORCED: usize = 5;
/// The screen of delayed acceptance, and of the naive abort: fixed beforehand.
const SCREEN: Logistic = Logistic { centre: 1.5, slope: 3.0 };
const ABORT: Threshold = Threshold(1.0);

/// What to run.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Everything random follows from it.
    pub seed: u64,
    /// Lengths of all runs relative to the whole protocol, above 0 and at most 1.
    pub scale: f64,
    /// Every part once and as short as it can be, on 2^4 in place of all lattices, whatever the scale is; comparisons with plaquettes that
    /// are known for the full lattices are left out.
    pub rehearsal: bool,
    /// Where the integer reservoirs run.
    pub substrate: Arc<dyn Substrate>,
}

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The scale.
    pub scale: f64,
    /// Whether it was a [rehearsal](Protocol::rehearsal): then nothing here is physics.
    pub rehearsal: bool,
    /// Name and device of the substrate of the integer reservoirs.
    pub substrate: String,
    /// Whether that is silicon.
    pub is_silicon: bool,
    /// Checks, in order.
    pub checks: Vec<Check>,
    /// Equilibrium at beta 5.7.
    pub references: Vec<Reference>,
    /// Leapfrog of 8 and 12 steps.
    pub rejection: Vec<(usize, Study)>,
    /// The small lattice, 4^4, and the large one, 6^4.
    pub thermalisation: Vec<(String, Vec<Rule>)>,
    /// The first chains of each lattice, for plots: whether cold, then P.
    pub traces: Vec<(bool, Vec<f64>)>,
    /// The tuned step.
    pub tuning: Tuned,
    /// Plain, delayed, naive.
    pub kernels: Vec<Kernel>,
}

/// A number held against one that is known.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What is checked.
    pub name: String,
    /// Measured.
    pub value: f64,
    /// Its standard error, 0 if it has none.
    pub error: f64,
    /// Known.
    pub expected: f64,
    /// What it must be within.
    pub allowed: f64,
    /// Whether it is.
    pub passed: bool,
}

/// The mean plaquette of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Reference {
    /// For example `4^4, beta 5.7`.
    pub name: String,
    /// Mean, standard error, autocorrelation time and its error.
    pub plaquette: [f64; 4],
    /// Standard deviation of single values.
    pub sd: f64,
    /// Share of accepted trajectories.
    pub acceptance: f64,
    /// Trajectories.
    pub count: usize,
}

/// A frozen step.
#[derive(Clone, Debug, Serialize)]
pub struct Tuned {
    /// Acceptance aimed at.
    pub target: f64,
    /// Steps per trajectory before and after.
    pub steps: [usize; 2],
    /// Acceptance in production with its standard error.
    pub acceptance: [f64; 2],
}

/// One way of running trajectories.
#[derive(Clone, Debug, Serialize)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Whether it keeps the distribution, by proof.
    pub is_exact: bool,
    /// Mean, standard error, autocorrelation time and its error.
    pub plaquette: [f64; 4],
    /// Difference of the plaquette from plain trajectories in standard errors.
    pub sigmas: f64,
    /// Share of accepted trajectories.
    pub acceptance: f64,
    /// Share of trajectories ended at half time.
    pub aborted: f64,
    /// Forces per trajectory.
    pub forces: f64,
    /// `2 tau x forces`: forces per independent plaquette.
    pub cost: f64,
    /// Whether it is within 3 standard errors of plain trajectories.
    pub agrees: bool,
    /// Trajectories.
    pub count: usize,
}

/// Lengths and lattices of the parts.
struct Counts {
    /// None in a rehearsal.
    scale: Option<f64>,
}

impl Counts {
    /// A length that is scaled, down to `least`.
    fn of(&self, full: usize, least: usize, rehearsed: usize) -> usize {
        self.scale.map_or(rehearsed, |scale| ((full as f64 * scale) as usize).max(least))
    }

    /// An even number of chains, at least four: two folds with a hot and a cold one each.
    fn pairs(&self, full: usize) -> usize {
        2 * self.of(full / 2, 2, 2)
    }

    /// What no scale shortens: a short run is no reason to begin before equilibrium.
    fn whole(&self, full: usize, rehearsed: usize) -> usize {
        if self.scale.is_some() { full } else { rehearsed }
    }

    /// Extents of the lattices, the small one first.
    fn lattices(&self) -> &'static [usize] {
        if self.scale.is_some() { &[4, LARGE] } else { &[2] }
    }

    /// Extent of the lattice of all that has one only.
    fn small(&self) -> usize {
        self.lattices()[0]
    }

    /// Leapfrog steps of trajectories whose rejection is predicted.
    fn leapfrogs(&self) -> &'static [usize] {
        if self.scale.is_some() { &[8, 12] } else { &[8] }
    }

    /// Chains towards equilibrium, and trajectories of each.
    fn chains(&self, extent: usize) -> [usize; 2] {
        if extent == LARGE { [self.pairs(12), 200] } else { [self.pairs(24), self.whole(120, 60)] }
    }
}

impl Protocol {
    /// The trajectories of the whole, weighted by their sites over 256: the length of a progress bar.
    pub fn length(&self) -> u64 {
        let n = self.counts();
        let chains = |extent| n.chains(extent).iter().product::<usize>();
        let histories = n.leapfrogs().len() * n.of(6000, 600, 220);
        let tuned = n.of(300, 100, 30) + n.of(1000, 200, 30);
        let small = 2 * n.of(4000, 400, 100) + histories + chains(n.small()) + tuned + 4 * n.of(10_000, 500, 60);
        if self.rehearsal {
            return small as u64;
        }
        let known = n.of(1000, 200, 0) + n.of(2000, 200, 0) + 16 * n.of(200, 16, 0);
        let large = 2 * n.of(800, 100, 0) + chains(LARGE);
        (small + known) as u64 + WEIGHT_OF_LARGE * large as u64
    }

    fn counts(&self) -> Counts {
        Counts { scale: (!self.rehearsal).then_some(self.scale) }
    }

    /// Runs all of it on the threads of the [pool](forebay::threads) that calls; results do not depend on their number. `tick` is told of
    /// finished work in the unit of [`length`](Self::length).
    ///
    /// # Errors
    /// [`SteeringError`].
    pub fn run(&self, tick: &(dyn Fn(u64) + Sync)) -> Result<Report, SteeringError> {
        if !(self.scale > 0.0 && self.scale <= 1.0) {
            let expected = "above 0 and at most 1";
            return Err(LatticeError::Range { what: "the scale", expected, found: self.scale }.into());
        }
        let n = self.counts();
        let seed = Seed(self.seed);
        let ((checks, references), (rejections, thermal)) = threads::join(
            || threads::join(|| self.checks(&n, tick), || self.references(&n, tick)),
            || {
                threads::join(
                    || threads::try_map(n.leapfrogs().iter().copied(), |steps| self.history(steps, &n, tick)),
                    || threads::try_map(n.lattices().iter().copied(), |extent| self.chains(extent, &n, tick)),
                )
            },
        );
        let (mut checks, (references, weight, starts)) = (checks?, references?);
        // Behind what can be told of single trajectories.
        checks.insert(2, weight);
        checks.extend(starts);
        let histories = rejections?;
        let thermal = thermal?;

        let rejection = threads::try_map(n.leapfrogs().iter().copied().zip(&histories), |(steps, history)| {
            Ok::<_, SteeringError>((steps, rejection::study(history, &self.substrate, seed.child("study"))?))
        })?;
        let traces = thermal[0].iter().take(8).map(|chain| (chain.is_cold, chain.plaquettes.clone())).collect();
        let rules = |chains: &[Chain], reference: &Reference| {
            let equilibrium = Equilibrium { mean: reference.plaquette[0], sd: reference.sd };
            thermalisation::study(chains, equilibrium, Some(&self.substrate), seed.child("rules"))
        };
        let thermalisation = n.lattices().iter().zip(thermal.iter().zip(&references));
        let thermalisation = thermalisation.map(|(extent, (chains, reference))| {
            Ok::<_, SteeringError>((format!("{extent}^4"), rules(chains, reference)?))
        });
        let thermalisation = thermalisation.collect::<Result<Vec<_>, _>>()?;

        let (tuned, kernels) = threads::join(|| self.tuned(&n, tick), || self.kernels(&histories[0], &n, tick));
        Ok(Report {
            seed: self.seed,
            scale: self.scale,
            rehearsal: self.rehearsal,
            substrate: format!("{}, {}", self.substrate.capabilities().name, self.substrate.capabilities().device),
            is_silicon: self.substrate.capabilities().is_silicon,
            checks,
            references,
            rejection,
            thermalisation,
            traces,
            tuning: tuned?,
            kernels: kernels?,
        })
    }

    fn seed(&self, name: &str) -> Seed {
        Seed(self.seed).child(name)
    }

    /// A chain of Omelyan's scheme in equilibrium.
    fn equilibrated(&self, name: &str, extent: usize, beta: f64, steps: usize) -> Result<Hmc, SteeringError> {
        self.equilibrated_from(name, extent, beta, steps, false)
    }

    fn equilibrated_from(
        &self,
        name: &str,
        extent: usize,
        beta: f64,
        steps: usize,
        is_cold: bool,
    ) -> Result<Hmc, SteeringError> {
        let seed = self.seed(name);
        let settings = Settings { beta, integrator: Integrator::Omelyan, steps, length: 1.0 };
        let start = if is_cold { Lattice::cold([extent; 4]) } else { Lattice::hot([extent; 4], seed) }?;
        let mut chain = Hmc::new(start, settings, seed)?;
        for _ in 0..FORCED {
            chain.forced_trajectory();
        }
        for _ in 0..self.counts().whole(200, 20) {
            chain.trajectory();
        }
        Ok(chain)
    }

    fn checks(&self, n: &Counts, tick: &(dyn Fn(u64) + Sync)) -> Result<Vec<Check>, SteeringError> {
        let small = n.small();
        let (delta_h, distance) = self.equilibrated("reversibility", small, BETA, 10)?.reversibility();
        let reversibility = vec![
            check(&format!("|dH| there and back, {small}^4"), delta_h.abs(), 0.0, 0.0, 1e-9 / 16.0),
            check("largest change of a link there and back", distance, 0.0, 0.0, 1e-12),
        ];
        if self.rehearsal {
            return Ok(reversibility);
        }
        let mut strong = self.equilibrated("strong coupling", 4, 2.0, 6)?;
        let strong = run(&mut strong, n.of(1000, 200, 0), 1, tick, Hmc::trajectory);
        let mut six = self.equilibrated("beta 6", 4, 6.0, 8)?;
        let six = run(&mut six, n.of(2000, 200, 0), 1, tick, Hmc::trajectory);
        let mut large = self.equilibrated("beta 6 large", 8, 6.0, 9)?;
        let large = run(&mut large, n.of(200, 16, 0), 16, tick, Hmc::trajectory);
        let plaquette = |name: &str, run: &[Trajectory], expected: f64, error: f64, systematic: f64| {
            let found = mean_plaquette(run);
            let allowed = 3.0 * libm::hypot(found.error, error) + systematic;
            check(name, found.value, found.error, expected, allowed)
        };
        let series = 2.0 / 18.0 + 4.0 / 216.0 - 5.0 * 16.0 / 93312.0;
        let known = [
            plaquette("P, 4^4, beta 2: strong coupling to beta^4", &strong, series, 0.0, 5e-4),
            plaquette("P, 4^4, beta 6: an independent program", &six, 0.596_32, 0.000_46, 0.0),
            plaquette("P, 8^4, beta 6: an independent program", &large, 0.593_52, 0.000_22, 0.0),
        ];
        Ok(reversibility.into_iter().chain(known).collect())
    }

    /// Runs from a hot and a cold start on each lattice; `<exp(-dH)>` of the small one; whether the starts agree.
    fn references(
        &self,
        n: &Counts,
        tick: &(dyn Fn(u64) + Sync),
    ) -> Result<(Vec<Reference>, Check, Vec<Check>), SteeringError> {
        let one = |extent: usize, is_cold: bool| -> Result<Vec<Trajectory>, SteeringError> {
            let name = format!("reference {extent} {is_cold}");
            let (steps, count, weight) =
                if extent == LARGE { (8, n.of(800, 100, 0), WEIGHT_OF_LARGE) } else { (6, n.of(4000, 400, 100), 1) };
            let mut chain = self.equilibrated_from(&name, extent, BETA, steps, is_cold)?;
            Ok(run(&mut chain, count, weight, tick, Hmc::trajectory))
        };
        let runs = n.lattices().iter().flat_map(|&extent| [(extent, false), (extent, true)]);
        let runs = threads::try_map(runs, |(extent, is_cold)| one(extent, is_cold))?;
        let weights: Vec<f64> = runs[0].iter().map(|t| libm::exp(-t.delta_h)).collect();
        let weight = autocorrelation::mean(&weights).expect("a run of finite numbers");
        let weight =
            check(&format!("<exp(-dH)>, {}^4", n.small()), weight.value, weight.error, 1.0, 3.0 * weight.error);
        let (mut references, mut starts) = (Vec::new(), Vec::new());
        for (extent, pair) in n.lattices().iter().zip(runs.chunks_exact(2)) {
            let [hot, cold] = [mean_plaquette(&pair[0]), mean_plaquette(&pair[1])];
            let error = libm::hypot(hot.error, cold.error);
            let name = format!("P from a hot less from a cold start, {extent}^4, beta {BETA}");
            starts.push(check(&name, hot.value - cold.value, error, 0.0, 3.0 * error));
            references.push(Reference {
                name: format!("{extent}^4, beta {BETA}"),
                plaquette: [
                    0.5 * (hot.value + cold.value),
                    0.5 * error,
                    0.5 * (hot.tau + cold.tau),
                    0.5 * libm::hypot(hot.tau_error, cold.tau_error),
                ],
                sd: (0.5 * (hot.variance + cold.variance)).sqrt(),
                acceptance: 0.5 * (share(&pair[0], |t| t.accepted) + share(&pair[1], |t| t.accepted)),
                count: pair[0].len() + pair[1].len(),
            });
        }
        Ok((references, weight, starts))
    }

    fn history(&self, steps: usize, n: &Counts, tick: &(dyn Fn(u64) + Sync)) -> Result<History, SteeringError> {
        let mut chain = self.equilibrated(&format!("rejection {steps}"), n.small(), BETA, 8)?;
        chain.set_settings(leapfrog(steps))?;
        Ok(History::record(chain, n.of(6000, 600, 220), &|| tick(1)))
    }

    fn chains(&self, extent: usize, n: &Counts, tick: &(dyn Fn(u64) + Sync)) -> Result<Vec<Chain>, SteeringError> {
        let ([count, length], weight) = (n.chains(extent), if extent == LARGE { WEIGHT_OF_LARGE } else { 1 });
        let one = |i: usize| {
            let seed = self.seed(&format!("thermalisation {extent} {i}"));
            let is_cold = i % 2 == 1;
            let start = if is_cold { Lattice::cold([extent; 4]) } else { Lattice::hot([extent; 4], seed) }?;
            let settings = Settings { beta: BETA, integrator: Integrator::Omelyan, steps: 8, length: 1.0 };
            let mut chain = Hmc::new(start, settings, seed)?;
            // From a cold start of 6^4 everything would be rejected at first.
            let mut run = self::run(&mut chain, FORCED, weight, tick, Hmc::forced_trajectory);
            run.extend(self::run(&mut chain, length - FORCED, weight, tick, Hmc::trajectory));
            Ok(Chain { plaquettes: run.iter().map(|t| t.plaquette).collect(), is_cold })
        };
        threads::try_map(0..count, one)
    }

    fn tuned(&self, n: &Counts, tick: &(dyn Fn(u64) + Sync)) -> Result<Tuned, SteeringError> {
        const TARGET: f64 = 0.85;
        let mut chain = self.equilibrated("tuning", n.small(), BETA, 20)?;
        let before = chain.settings().steps;
        let count = n.of(300, 100, 30);
        let after = tuning::tune(&mut chain, TARGET, count)?.steps;
        tick(count as u64);
        let run = run(&mut chain, n.of(1000, 200, 30), 1, tick, Hmc::trajectory);
        let accepted: Vec<f64> = run.iter().map(|t| f64::from(u8::from(t.accepted))).collect();
        let mean = autocorrelation::mean(&accepted).expect("a run of finite numbers");
        Ok(Tuned { target: TARGET, steps: [before, after], acceptance: [mean.value, mean.error] })
    }

    fn kernels(
        &self,
        history: &History,
        n: &Counts,
        tick: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<Kernel>, SteeringError> {
        type Step<'a> = Box<dyn Fn(&mut Hmc) -> Trajectory + Send + Sync + 'a>;
        let reservoir = ReservoirScreen::train(history, Arc::clone(&self.substrate), self.seed("screen"))?;
        let reservoir: &(dyn Screen + Sync) = &reservoir;
        let steps: Vec<(String, bool, Step<'_>)> = vec![
            ("plain".to_owned(), true, Box::new(Hmc::trajectory)),
            ("delayed, logistic screen".to_owned(), true, Box::new(|chain| screened::delayed(chain, &SCREEN))),
            (
                "delayed, reservoir of 50, int4".to_owned(),
                true,
                Box::new(move |chain| screened::delayed(chain, reservoir)),
            ),
            ("naive abort".to_owned(), false, Box::new(|chain| screened::naive(chain, &ABORT))),
        ];
        let runs = threads::try_map(steps.into_iter().enumerate(), |(i, (name, is_exact, step))| {
            let mut chain = self.equilibrated(&format!("kernel {i}"), n.small(), BETA, 8)?.observing();
            chain.set_settings(leapfrog(8))?;
            let run = run(&mut chain, n.of(10_000, 500, 60), 1, tick, |chain| step(chain));
            Ok::<_, SteeringError>((name, is_exact, run))
        })?;
        let plain = mean_plaquette(&runs[0].2);
        let kernel = |(name, is_exact, run): &(String, bool, Vec<Trajectory>)| {
            let mean = mean_plaquette(run);
            let forces = run.iter().map(|t| f64::from(t.forces)).sum::<f64>() / run.len() as f64;
            // The plain run against itself differs by nothing.
            let sigmas = if mean == plain { 0.0 } else { mean.sigmas_from(&plain) };
            Kernel {
                name: name.clone(),
                is_exact: *is_exact,
                plaquette: four(&mean),
                sigmas,
                acceptance: share(run, |t| t.accepted),
                aborted: share(run, |t| t.aborted),
                forces,
                cost: 2.0 * mean.tau * forces,
                agrees: sigmas.abs() < 3.0,
                count: run.len(),
            }
        };
        Ok(runs.iter().map(kernel).collect())
    }
}

fn leapfrog(steps: usize) -> Settings {
    Settings { beta: BETA, integrator: Integrator::Leapfrog, steps, length: 1.0 }
}

fn run(
    chain: &mut Hmc,
    count: usize,
    weight: u64,
    tick: &(dyn Fn(u64) + Sync),
    step: impl Fn(&mut Hmc) -> Trajectory,
) -> Vec<Trajectory> {
    let one = |_| {
        let outcome = step(chain);
        tick(weight);
        outcome
    };
    (0..count).map(one).collect()
}

fn mean_plaquette(run: &[Trajectory]) -> Mean {
    let series: Vec<f64> = run.iter().map(|t| t.plaquette).collect();
    autocorrelation::mean(&series).expect("a run of finite numbers")
}

fn four(mean: &Mean) -> [f64; 4] {
    [mean.value, mean.error, mean.tau, mean.tau_error]
}

fn share(run: &[Trajectory], what: impl Fn(&Trajectory) -> bool) -> f64 {
    run.iter().filter(|t| what(t)).count() as f64 / run.len() as f64
}

fn check(name: &str, value: f64, error: f64, expected: f64, allowed: f64) -> Check {
    let passed = (value - expected).abs() <= allowed;
    Check { name: name.to_owned(), value, error, expected, allowed, passed }
}
