//! `forebay bench lattice`: trajectories per second on one thread.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use forebay::random::Seed;
use forebay::threads::Pool;
use forebay_zoo::lattice::{Hmc, Integrator, Lattice, Settings};
use forebay_zoo::stats;
use serde_json::json;

use crate::output::{self, align};

/// Trajectories of the lattice: Omelyan's scheme, 8 steps, beta 6.
#[derive(Args, Debug)]
pub(crate) struct BenchLattice {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Timed groups of trajectories, of which the median counts.
const SAMPLES: usize = 15;
/// Work of a group in sites times trajectories.
const GROUP: usize = 20_000;

impl BenchLattice {
    pub(super) fn run(self) -> Result<()> {
        let pool = Pool::new(1)?;
        let figures = [4, 6, 8].map(|extent| pool.install(|| measure(extent)));
        let figures = figures.into_iter().collect::<Result<Vec<_>>>()?;
        let processor = output::processor();
        if self.json {
            let told: Vec<_> = figures.iter().map(Figure::json).collect();
            return output::print_json(&json!({"processor": processor, "threads": 1, "lattices": told}));
        }
        let titles = ["lattice", "ms per trajectory", "trajectories per s", "us per site and force"];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        rows.extend(figures.iter().map(|figure| {
            let cells = [1e3 * figure.seconds, 1.0 / figure.seconds, 1e6 * figure.per_site()];
            let mut row = vec![format!("{}^4", figure.extent)];
            row.extend(cells.iter().zip([2, 1, 3]).map(|(v, digits)| format!("{v:.digits$}")));
            row
        }));
        output::print(&format!("{processor}, one thread; medians of {SAMPLES}; SU(3), beta 6, 2MN of 8 steps\n"))?;
        output::print(&align(&rows))
    }
}

struct Figure {
    extent: usize,
    seconds: f64,
    forces: f64,
}

impl Figure {
    fn per_site(&self) -> f64 {
        self.seconds / self.forces / self.extent.pow(4) as f64
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "extent": self.extent,
            "seconds_per_trajectory": self.seconds,
            "forces_per_trajectory": self.forces,
            "seconds_per_site_and_force": self.per_site(),
        })
    }
}

fn measure(extent: usize) -> Result<Figure> {
    let settings = Settings { beta: 6.0, integrator: Integrator::Omelyan, steps: 8, length: 1.0 };
    let mut chain = Hmc::new(Lattice::hot([extent; 4], Seed(1))?, settings, Seed(1))?;
    let count = (GROUP / extent.pow(4)).max(2);
    let mut forces = 0;
    let times: Vec<f64> = (0..=SAMPLES)
        .map(|_| {
            let start = Instant::now();
            forces = (0..count).map(|_| chain.trajectory().forces).sum();
            start.elapsed().as_secs_f64() / count as f64
        })
        .skip(1)
        .collect();
    Ok(Figure { extent, seconds: stats::median(&times), forces: f64::from(forces) / count as f64 })
}
