//! Hybrid Monte Carlo.

use forebay::random::{Seed, Stream};

use super::configuration::{Lattice, draw_momenta};
use super::su3::Algebra;
use super::sweep;
use super::{LatticeError, check};

/// How the equations of motion are integrated; both schemes are reversible, keep volumes and are of second order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrator {
    /// Half a kick, a drift, half a kick: one force per step.
    Leapfrog,
    /// The scheme with the smallest error of two forces per step ("2MN"), lambda = 0.1931833275037836.
    ///
    /// Source: Omelyan, Mryglod, Folk, Computer Physics Communications 151, 272 (2003).
    Omelyan,
}

const LAMBDA: f64 = 0.193_183_327_503_783_6;

/// Trajectories after which links are brought back onto SU(3); rounding moves them off by about 1e-15 in each.
const REUNITARIZE_EVERY: u64 = 16;

/// Parameters of a trajectory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Coupling, 0 or more.
    pub beta: f64,
    /// Scheme.
    pub integrator: Integrator,
    /// Steps of a trajectory, at least 1.
    pub steps: usize,
    /// Length of a trajectory tau, in the time of the module's equations; at most 0.5 per step.
    pub length: f64,
}

impl Settings {
    fn check(&self) -> Result<(), LatticeError> {
        check("beta", "0 or more", self.beta, self.beta >= 0.0)?;
        check("the number of steps", "1 to 2^24", self.steps as f64, (1..=1 << 24).contains(&self.steps))?;
        let step = self.length / self.steps as f64;
        check("the length of a step", "above 0 and at most 0.5", step, step > 0.0 && step <= 0.5)
    }
}

/// The two parts of H.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Energy {
    /// T.
    pub kinetic: f64,
    /// S.
    pub potential: f64,
}

impl Energy {
    /// H = T + S.
    pub fn total(&self) -> f64 {
        self.kinetic + self.potential
    }
}

/// One trajectory's outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trajectory {
    /// Counted from 0.
    pub number: u64,
    /// Energies at the start, with fresh momenta.
    pub start: Energy,
    /// H at the end minus H at the start; of the part that was run, if it was ended early.
    pub delta_h: f64,
    /// Whether the end became the new configuration.
    pub accepted: bool,
    /// Whether a screen ended it at half time.
    pub aborted: bool,
    /// P of the configuration after the decision.
    pub plaquette: f64,
    /// Forces that were computed.
    pub forces: u32,
}

/// A Markov chain of configurations.
///
/// Every trajectory refreshes all momenta, integrates, and accepts with probability `min(1, exp(-dH))`. Random numbers depend
/// on the seed, the trajectory's number and the link alone. Between trajectories the links are brought back onto SU(3) now and
/// then, never inside one.
///
/// ```
/// use forebay::random::Seed;
/// use forebay_zoo::lattice::{Hmc, Integrator, Lattice, Settings};
///
/// let settings = Settings { beta: 6.0, integrator: Integrator::Omelyan, steps: 8, length: 1.0 };
/// let mut chain = Hmc::new(Lattice::hot([4, 4, 4, 4], Seed(1))?, settings, Seed(1))?;
/// let mut accepted = 0;
/// for _ in 0..40 {
///     accepted += u32::from(chain.trajectory().accepted);
/// }
/// assert!(accepted > 20 && chain.lattice().plaquette() > 0.4);
/// # Ok::<(), forebay_zoo::lattice::LatticeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hmc {
    settings: Settings,
    momentum_numbers: Stream,
    decision_numbers: Stream,
    number: u64,
    current: Point,
    proposal: Point,
    momenta: Vec<[Algebra; 4]>,
    observe: bool,
    path: Vec<Energy>,
    forces: u32,
}

/// A configuration with its force.
#[derive(Clone, Debug)]
struct Point {
    lattice: Lattice,
    forces: Vec<[Algebra; 4]>,
    /// Sum of `Re tr U V` over all links: twelve times that of `Re tr / 3` over all plaquettes.
    traces: f64,
}

impl Point {
    fn new(lattice: Lattice) -> Self {
        let forces = vec![[Algebra::ZERO; 4]; lattice.links.len()];
        let mut point = Self { lattice, forces, traces: 0.0 };
        point.update();
        point
    }

    fn update(&mut self) {
        let Lattice { geometry, links, instructions } = &self.lattice;
        self.traces = sweep::force(*instructions, geometry, links, &mut self.forces);
    }

    fn copy_from(&mut self, other: &Self) {
        self.lattice.links.copy_from_slice(&other.lattice.links);
        self.forces.copy_from_slice(&other.forces);
        self.traces = other.traces;
    }

    fn plaquette(&self) -> f64 {
        self.traces / (72 * self.lattice.sites()) as f64
    }

    fn potential(&self, beta: f64) -> f64 {
        beta * (6.0 * self.lattice.sites() as f64 - self.traces / 12.0)
    }
}

impl Hmc {
    /// A chain that starts from this configuration.
    ///
    /// # Errors
    /// [`LatticeError::Range`].
    pub fn new(lattice: Lattice, settings: Settings, seed: Seed) -> Result<Self, LatticeError> {
        settings.check()?;
        let momenta = vec![[Algebra::ZERO; 4]; lattice.links.len()];
        let current = Point::new(lattice);
        Ok(Self {
            settings,
            momentum_numbers: seed.stream("momenta"),
            decision_numbers: seed.stream("decisions"),
            number: 0,
            proposal: current.clone(),
            current,
            momenta,
            observe: false,
            path: Vec::new(),
            forces: 0,
        })
    }

    /// Notes the energies after every step of a trajectory from now on, see [`path`](Self::path).
    #[must_use]
    pub fn observing(mut self) -> Self {
        self.observe = true;
        self
    }

    pub(super) fn is_observing(&self) -> bool {
        self.observe
    }

    /// Whether energies are noted after every step from now on; returns whether they were until now.
    pub(super) fn observe(&mut self, every_step: bool) -> bool {
        std::mem::replace(&mut self.observe, every_step)
    }

    /// The current configuration.
    pub fn lattice(&self) -> &Lattice {
        &self.current.lattice
    }

    /// P of the current configuration.
    pub fn plaquette(&self) -> f64 {
        self.current.plaquette()
    }

    /// The parameters.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Changes the parameters. Only before production: a chain whose parameters follow its own history no longer samples the
    /// distribution it should.
    ///
    /// # Errors
    /// [`LatticeError::Range`]; nothing has changed then.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), LatticeError> {
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// Trajectories so far.
    pub fn trajectories(&self) -> u64 {
        self.number
    }

    /// The energies along the last trajectory, start first: after every step if [`observing`](Self::observing), else at
    /// start and end, and where a screen looked.
    pub fn path(&self) -> &[Energy] {
        &self.path
    }

    /// Runs one trajectory.
    pub fn trajectory(&mut self) -> Trajectory {
        let start = self.begin();
        self.advance(self.settings.steps);
        let delta_h = self.path[self.path.len() - 1].total() - start.total();
        let accepted = self.draw(1) < libm::exp(-delta_h);
        self.end(start, delta_h, accepted, false)
    }

    /// Runs one trajectory and accepts it whatever its dH: to get away from a start where everything would be rejected, such
    /// as a cold one of a large lattice. It does not keep the distribution; discard what comes of it.
    pub fn forced_trajectory(&mut self) -> Trajectory {
        let start = self.begin();
        self.advance(self.settings.steps);
        let delta_h = self.path[self.path.len() - 1].total() - start.total();
        self.end(start, delta_h, true, false)
    }

    /// Fresh momenta at the current configuration.
    pub(super) fn begin(&mut self) -> Energy {
        let geometry = &self.current.lattice.geometry;
        draw_momenta(geometry, &self.momentum_numbers, self.number, &mut self.momenta);
        self.proposal.copy_from(&self.current);
        self.forces = 0;
        self.path.clear();
        self.note()
    }

    fn energy(&self) -> Energy {
        let kinetic = sweep::kinetic(&self.proposal.lattice.geometry, &self.momenta);
        Energy { kinetic, potential: self.proposal.potential(self.settings.beta) }
    }

    fn note(&mut self) -> Energy {
        let energy = self.energy();
        self.path.push(energy);
        energy
    }

    /// Integrates so many steps; momenta and links are at the same time before and after.
    pub(super) fn advance(&mut self, steps: usize) {
        let step = self.settings.length / self.settings.steps as f64;
        let edge = match self.settings.integrator {
            Integrator::Leapfrog => 0.5 * step,
            Integrator::Omelyan => LAMBDA * step,
        };
        self.kick(edge);
        for remaining in (0..steps).rev() {
            match self.settings.integrator {
                Integrator::Leapfrog => self.drift(step),
                Integrator::Omelyan => {
                    self.drift(0.5 * step);
                    self.kick((1.0 - 2.0 * LAMBDA) * step);
                    self.drift(0.5 * step);
                }
            }
            if remaining == 0 || self.observe {
                self.kick(edge);
                self.note();
                if remaining > 0 {
                    self.kick(edge);
                }
            } else {
                self.kick(2.0 * edge);
            }
        }
    }

    fn kick(&mut self, time: f64) {
        let factor = -self.settings.beta / 6.0 * time;
        sweep::kick(self.proposal.lattice.instructions, &mut self.momenta, &self.proposal.forces, factor);
    }

    fn drift(&mut self, time: f64) {
        let lattice = &mut self.proposal.lattice;
        sweep::drift(lattice.instructions, &mut lattice.links, &self.momenta, time);
        self.proposal.update();
        self.forces += 1;
    }

    /// The number of this trajectory's decision `which`; always drawn, so that streams stay aligned.
    pub(super) fn draw(&self, which: u64) -> f64 {
        self.decision_numbers.at(self.number, which).uniform()
    }

    pub(super) fn end(&mut self, start: Energy, delta_h: f64, accepted: bool, aborted: bool) -> Trajectory {
        if accepted {
            std::mem::swap(&mut self.current, &mut self.proposal);
        }
        let number = self.number;
        self.number += 1;
        if self.number.is_multiple_of(REUNITARIZE_EVERY) {
            self.current.lattice.reunitarize();
            self.current.update();
            self.forces += 1;
        }
        let plaquette = self.current.plaquette();
        Trajectory { number, start, delta_h, accepted, aborted, plaquette, forces: self.forces }
    }

    /// Runs a trajectory, turns the momenta round and runs it back: the error of H and the largest difference of any link's
    /// entry. The chain stays as it was.
    pub fn reversibility(&self) -> (f64, f64) {
        let mut copy = self.clone();
        let start = copy.begin();
        copy.advance(self.settings.steps);
        for lane in copy.momenta.iter_mut().flatten().flat_map(|momentum| &mut momentum.0) {
            lane.0.iter_mut().for_each(|p| *p = -*p);
        }
        copy.advance(self.settings.steps);
        let delta_h = copy.energy().total() - start.total();
        let distance = copy.proposal.lattice.distance(&self.current.lattice).unwrap_or(f64::NAN);
        (delta_h, distance)
    }

    /// The slope of the action along random momenta, from the force and from a central difference of width `2 h`.
    pub fn force_check(&self, h: f64) -> (f64, f64) {
        let mut copy = self.clone();
        copy.begin();
        let products = copy.momenta.iter().flatten().zip(copy.current.forces.iter().flatten());
        let lanes = self.current.lattice.geometry.active;
        let inner: f64 = products
            .map(|(p, f)| {
                let product = |e: usize| (0..lanes).map(|l| p.0[e].0[l] * f.0[e].0[l]).sum::<f64>();
                (0..3).map(product).sum::<f64>() + 2.0 * (3..9).map(product).sum::<f64>()
            })
            .sum();
        let mut action = |time: f64| {
            copy.proposal.copy_from(&self.current);
            copy.drift(time);
            copy.proposal.potential(self.settings.beta)
        };
        let numeric = (action(h) - action(-h)) / (2.0 * h);
        (self.settings.beta / 3.0 * inner, numeric)
    }
}
