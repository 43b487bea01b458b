//! `forebay bench`: this machine's limits, and a step beside them.

mod batch;
mod hybrid;
mod limits;
pub(super) mod shared;
mod step;

use anyhow::Result;
use clap::{Args, Subcommand};

use self::batch::batch;
use self::hybrid::hybrid;
use self::limits::limits;
use self::step::step;

/// Measure this machine's limits and the speed of a step: medians on one thread.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What this machine can do at most: reading, multiply-adds, gathers
    Limits {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Matrix part and whole step of reservoirs, beside the limits measured in the same run
    Step {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Integer products and hybrid steps of the software substrate, beside the limits and the f32 step of the same run
    Hybrid {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Accesses of an inference on a device, counted, beside a cost model
    Device(super::bench_device::BenchDevice),
    /// Many streams through matrix-matrix products beside single steps
    Batch {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Trajectories of the SU(3) lattice
    Lattice(super::bench_lattice::BenchLattice),
    Train(super::bench_train::BenchTrain),
}

impl Bench {
    pub(super) fn run(self) -> Result<()> {
        match self.what {
            What::Limits { json } => limits(json),
            What::Step { json } => step(json),
            What::Hybrid { json } => hybrid(json),
            What::Device(command) => command.run(),
            What::Lattice(command) => command.run(),
            What::Batch { json } => batch(json),
            What::Train(command) => command.run(),
        }
    }
}
