//! The four domains: inputs, targets, and a recipe each.

use forebay::conductor::{Base, HeadKind, Layout};
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use ndarray::{Array1, Array2, ArrayView2, s};

use super::SurrogateError;
use crate::data;
use crate::lattice::{Hmc, Integrator, Lattice, Settings};
use crate::scalers::Scaler;
use crate::systems::Lorenz63;

/// A series with heads.
pub(super) struct Domain {
    pub(super) name: &'static str,
    /// `[rows, inputs]`, standardised on the training rows.
    pub(super) inputs: Array2<f64>,
    /// `[rows, heads]`, standardised on the training rows; events are 1 or 0.
    pub(super) targets: Array2<f64>,
    pub(super) layout: Layout,
    /// Per head the input whose latest value persistence repeats, in the same units.
    pub(super) latest: Vec<Option<usize>>,
    /// Rows after which losses are taken as independent: the slowest cycle, or several times the slowest decay.
    pub(super) cycle: usize,
    leak_rate: f64,
    spectral_radius: f64,
    input_scaling: f64,
}

impl Domain {
    pub(super) fn reservoir(&self, units: usize) -> Reservoir {
        Reservoir::new(units)
            .density((8.0 / units as f64).min(1.0))
            .leak_rate(self.leak_rate)
            .spectral_radius(self.spectral_radius)
            .input_scaling(self.input_scaling)
    }
}

const VALUE: HeadKind = HeadKind::Regression { outputs: 1, base: Base::Mean };

/// All domains with `train + test` rows; scaled on the rows from `first` to `train`.
pub(super) fn all(first: usize, train: usize, test: usize) -> Result<Vec<Domain>, SurrogateError> {
    let rows = train + test;
    let scaled = |series: ArrayView2<'_, f64>| -> Result<Array2<f64>, SurrogateError> {
        Ok(Scaler::standardise(series.slice(s![first..train, ..]))?.transform(series)?)
    };
    Ok(vec![lattice(rows, &scaled)?, lorenz(rows, &scaled)?, heat(rows, &scaled)?, sunspots(rows, &scaled)?])
}

type Scaled<'a> = &'a dyn Fn(ArrayView2<'_, f64>) -> Result<Array2<f64>, SurrogateError>;

/// Trajectories that the chain takes to forget its cold start, finer ones.
const THERMALISATION: usize = 60;

/// A chain of SU(3) on 4^4 at beta 5.7, with a leapfrog coarse enough that a good part of the trajectories is refused.
///
/// A row is a trajectory at half time: the plaquette before it, the kinetic energy it began with, how H has changed.
/// Nothing in it comes from the second half.
fn lattice(rows: usize, scaled: Scaled<'_>) -> Result<Domain, SurrogateError> {
    let settings = Settings { beta: 5.7, integrator: Integrator::Leapfrog, steps: 8, length: 1.0 };
    let fine = Settings { integrator: Integrator::Omelyan, ..settings };
    let mut chain = Hmc::new(Lattice::cold([4, 4, 4, 4])?, fine, Seed(1))?.observing();
    for _ in 0..THERMALISATION {
        chain.trajectory();
    }
    chain.set_settings(settings)?;
    let mut inputs = Array2::zeros((rows + 1, 3));
    let mut accepted = Array1::zeros(rows + 1);
    for row in 0..=rows {
        let before = chain.plaquette();
        let trajectory = chain.trajectory();
        let half = chain.path()[settings.steps / 2].total() - trajectory.start.total();
        inputs.row_mut(row).assign(&ndarray::aview1(&[before, trajectory.start.kinetic, half]));
        accepted[row] = f64::from(u8::from(trajectory.accepted));
    }
    let inputs = scaled(inputs.view())?;
    // The plaquette after a trajectory is the one before the next.
    let targets =
        Array2::from_shape_fn((rows, 2), |(t, head)| if head == 0 { accepted[t] } else { inputs[[t + 1, 0]] });
    let layout = Layout::new([("accepted", HeadKind::Probability), ("plaquette", VALUE)]);
    let latest = vec![None, Some(0)];
    Ok(Domain {
        name: "lattice",
        inputs: inputs.slice(s![..rows, ..]).to_owned(),
        targets,
        layout,
        latest,
        // The plaquette forgets itself within about 10 trajectories.
        cycle: 50,
        leak_rate: 1.0,
        spectral_radius: 0.5,
        input_scaling: 0.3,
    })
}

/// Rows ahead that x of Lorenz-63 is forecast.
const HORIZON: usize = 5;

fn lorenz(rows: usize, scaled: Scaled<'_>) -> Result<Domain, SurrogateError> {
    let orbit = scaled(Lorenz63::default().generate(rows + HORIZON, Seed(2))?.view())?;
    let column = |row: usize, head: usize| if head == 0 { orbit[[row + HORIZON, 0]] } else { orbit[[row, 2]] };
    Ok(Domain {
        name: "lorenz",
        inputs: orbit.slice(s![..rows, ..1]).to_owned(),
        targets: Array2::from_shape_fn((rows, 2), |(row, head)| column(row, head)),
        layout: Layout::new([("ahead", VALUE), ("unobserved", VALUE)]),
        latest: vec![Some(0), None],
        // Two units of time: the orbit stays on one side for about as long.
        cycle: 100,
        leak_rate: 0.6,
        spectral_radius: 0.8,
        input_scaling: 0.6,
    })
}

/// Points of the rod, and solver steps between two rows.
const POINTS: usize = 24;
const SUBSTEPS: usize = 8;

/// A rod whose left end follows a hidden random walk with friction and whose right end is kept cold:
/// `T_i <- T_i + 0.4 (T_(i-1) - 2 T_i + T_(i+1))`, eight times per row. Three sensors read with noise.
fn heat(rows: usize, scaled: Scaled<'_>) -> Result<Domain, SurrogateError> {
    let mut stream = Seed(3).stream("heat");
    let mut rod = [0.0_f64; POINTS + 2];
    let transient = 200;
    let mut sensors = Array2::zeros((rows + 1, 3));
    let mut hidden = Array2::zeros((rows + 1, 1));
    for row in 0..rows + 1 + transient {
        rod[0] = 0.95 * rod[0] + stream.normal();
        for _ in 0..SUBSTEPS {
            let old = rod;
            for i in 1..=POINTS {
                rod[i] = old[i] + 0.4 * (old[i - 1] - 2.0 * old[i] + old[i + 1]);
            }
        }
        let noise: [f64; 3] = std::array::from_fn(|_| 0.05 * stream.normal());
        if let Some(row) = row.checked_sub(transient) {
            for ((to, point), noise) in sensors.row_mut(row).iter_mut().zip([3, 9, 18]).zip(noise) {
                *to = rod[point] + noise;
            }
            hidden[[row, 0]] = rod[6];
        }
    }
    let (sensors, hidden) = (scaled(sensors.view())?, scaled(hidden.view())?);
    Ok(Domain {
        name: "heat",
        inputs: sensors.slice(s![..rows, ..]).to_owned(),
        targets: Array2::from_shape_fn(
            (rows, 2),
            |(row, head)| {
                if head == 0 { sensors[[row + 1, 1]] } else { hidden[[row, 0]] }
            },
        ),
        layout: Layout::new([("ahead", VALUE), ("unobserved", VALUE)]),
        latest: vec![Some(1), None],
        // The walk and the rod forget within about 20 rows each.
        cycle: 100,
        leak_rate: 0.6,
        spectral_radius: 0.6,
        input_scaling: 0.2,
    })
}

fn sunspots(rows: usize, scaled: Scaled<'_>) -> Result<Domain, SurrogateError> {
    let roots = data::load("sunspots")?.values.mapv(f64::sqrt);
    // The last rows there are: early years were counted with poorer means.
    let roots = scaled(roots.slice(s![roots.nrows() - rows - 1.., ..]))?;
    Ok(Domain {
        name: "sunspots",
        inputs: roots.slice(s![..rows, ..]).to_owned(),
        targets: roots.slice(s![1.., ..]).to_owned(),
        layout: Layout::new([("ahead", VALUE)]),
        latest: vec![Some(0)],
        // Eleven years.
        cycle: 132,
        leak_rate: 0.3,
        spectral_radius: 1.0,
        input_scaling: 0.3,
    })
}
