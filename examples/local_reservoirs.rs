//! Kuramoto-Sivashinsky turbulence forecast by sixteen local reservoirs that pass their edges to each other.
//!
//! Without an argument a quick run; `cargo run --release --example local_reservoirs full` is the full one.

use std::time::Instant;

use anyhow::Result;
use forebay::metrics::{ValidTime, spread};
use forebay::parallel::{Grid, ParallelReservoirs};
use forebay::reservoir::{Reservoir, Topology};
use forebay::train::Training;
use forebay_zoo::systems::KuramotoSivashinsky;
use ndarray::s;

fn main() -> Result<()> {
    let arg = |i: usize, d: f64| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(d);
    let (steps, units, patches) = (arg(1, 10_000.0) as usize, arg(2, 1000.0) as usize, arg(3, 16.0) as usize);
    let (rho, sin, bias, ridge, degree, starts, overlap, warm) = (
        arg(4, 0.4),
        arg(5, 0.2),
        arg(6, 0.1),
        arg(7, 1e-8),
        arg(8, 6.0) as usize,
        arg(9, 20.0) as usize,
        arg(10, 8.0) as usize,
        arg(11, 100.0) as usize,
    );
    let seed = arg(12, 1.0) as u64;
    let horizon = 400;
    let system = KuramotoSivashinsky { length: 44.0, points: 128, ..KuramotoSivashinsky::default() };
    let start = Instant::now();
    let series = system.generate(steps + 1 + starts * horizon, forebay::random::Seed(1))?;
    let known = series.slice(s![..=steps, ..]);
    println!("series {:.1?}", start.elapsed());
    let start = Instant::now();

    let recipe = Reservoir::new(units)
        .topology(Topology::FixedDegree { per_row: degree })
        .spectral_radius(rho)
        .input_scaling(sin)
        .bias_scaling(bias);
    let drawn = ParallelReservoirs::generate(Grid::new(128, 16, overlap)?, recipe, seed)?;
    println!("drawn {:.1?}", start.elapsed());
    let training = Training::new().washout(100).ridge(ridge);
    let (trained, report) = drawn.fit(known, (0..16).step_by(16 / patches), &training)?;
    println!(
        "trained after {:.1?}, ridge {} nrmse {:?}",
        start.elapsed(),
        report.heads[0].ridge,
        report.heads[0].train_nrmse[0]
    );

    let metric = ValidTime { threshold: 0.5, dt: 0.25, lyapunov_exponent: 1.0, spread: Some(spread(known)) };
    let mut run = trained.start()?;
    let mut times = Vec::new();
    for k in 0..starts {
        let first = steps + 1 + k * horizon;
        run.warm_up(series.slice(s![first - warm..first, ..]))?;
        let forecast = run.forecast(horizon)?;
        times.push(metric.of(series.slice(s![first..first + horizon, ..]), forecast.view())?);
    }
    times.sort_by(f64::total_cmp);
    println!("valid {times:.1?} median {:.1} total {:.1?}", times[starts / 2], start.elapsed());
    Ok(())
}
