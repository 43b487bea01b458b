//! What the benches share: timings, what is told of the machine, and reservoirs to measure.

use std::time::{Duration, Instant};

use anyhow::Result;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::{Reservoir, Topology};
use forebay::{Form, Real};
use forebay_zoo::stats;
use serde::Serialize;

use crate::output;

/// For the rates of the machine.
pub(super) const LIMITS_BUDGET: Duration = Duration::from_secs(4);
/// For one figure, each time it is measured.
const BUDGET: Duration = Duration::from_millis(60);
/// Times the whole list is measured, some ten seconds apart: what else runs on the machine comes and goes.
pub(super) const ROUNDS: usize = 3;
/// Timings of one figure, of which the median counts.
const SAMPLES: usize = 15;

/// Median seconds per call, after a warm-up.
pub(super) fn median_seconds(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().max(Duration::from_nanos(20));
    let share = BUDGET / SAMPLES as u32;
    let calls = (share.as_nanos() / once.as_nanos()).clamp(1, 1_000_000) as usize;
    let times: Vec<f64> = (0..=SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() / calls as f64
        })
        .skip(1)
        .collect();
    stats::median(&times)
}

/// Processor and cores, for the reader of a figure.
#[derive(Serialize)]
pub(in crate::commands) struct Machine {
    processor: String,
    cores: usize,
    kernel: &'static str,
}

pub(in crate::commands) fn machine(form: Form) -> Machine {
    Machine {
        processor: output::processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        kernel: form.name(),
    }
}

impl Machine {
    pub(in crate::commands) fn line(&self) -> String {
        format!("{}, {} core(s), kernel {}; medians, one thread\n\n", self.processor, self.cores, self.kernel)
    }
}

/// A random reservoir without the cost of its spectral radius: speed does not depend on the values.
pub(in crate::commands) fn model<T: Real>(units: usize, density: f64, outputs: usize) -> Result<Model<T>> {
    let mut g = Graph::builder();
    let u = g.input("input", 3);
    let recipe = Reservoir::new(units).topology(Topology::Random { density }).unscaled();
    let x = g.reservoir("reservoir", u, recipe);
    g.readout("output", [x], outputs);
    Ok(Model::generate(g.build()?, 1)?)
}
