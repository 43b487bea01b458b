//! Kuramoto-Sivashinsky turbulence, forecast by sixteen local reservoirs that pass the edges of their patches on.
//!
//! `local_reservoirs [steps] [patches]`: length of the training series and the number of patches it is taken from.

use std::time::Instant;

use anyhow::Result;
use forebay::ParallelReservoirs;
use forebay::metrics::{ValidTime, spread};
use forebay::parallel::PatchGrid;
use forebay::random::Seed;
use forebay::reservoir::{Reservoir, Topology};
use forebay::train::Training;
use forebay_zoo::systems::KuramotoSivashinsky;
use ndarray::{Axis, s};

/// Rows of a forecast, and of the known values before it.
const HORIZON: usize = 600;
const WARM_UP: usize = 100;

fn main() -> Result<()> {
    let argument = |n, default| std::env::args().nth(n).map_or(Ok(default), |text| text.parse::<usize>());
    let (steps, patches, starts) = (argument(1, 10_000)?, argument(2, 4)?, 20);
    let system = KuramotoSivashinsky { length: 44.0, points: 128, ..KuramotoSivashinsky::default() };
    let series = system.generate(steps + starts * HORIZON, Seed(1))?;
    let (known, unknown) = (series.slice(s![..steps, ..]), series.slice(s![steps.., ..]));

    let start = Instant::now();
    let grid = PatchGrid::new(128, 16, 8)?;
    let topology = Topology::FixedDegree { per_row: 6 };
    let recipe = Reservoir::new(1000).topology(topology).spectral_radius(0.4).input_scaling(0.1);
    let drawn = ParallelReservoirs::generate(grid, recipe, 1)?;
    let trained_on = (0..patches).map(|patch| patch * grid.patches() / patches);
    let (trained, report) = drawn.fit(known, trained_on, &Training::new().ridge(1e-8))?;
    println!("{} steps of {patches} patches: trained in {:.1?}", report.steps, start.elapsed());

    // Valid until the error's root mean square over the grid is half a standard deviation; in units of time.
    let metric = ValidTime { threshold: 0.5, dt: system.dt, lyapunov_exponent: 1.0, spread: Some(spread(known)) };
    let start = Instant::now();
    let mut run = trained.start()?;
    let mut times = Vec::with_capacity(starts);
    for part in unknown.axis_chunks_iter(Axis(0), HORIZON) {
        run.warm_up(part.slice(s![..WARM_UP, ..]))?;
        let forecast = run.forecast(HORIZON - WARM_UP)?;
        times.push(metric.of(part.slice(s![WARM_UP.., ..]), forecast.view())?);
    }
    println!("{starts} forecasts in {:.1?}", start.elapsed());
    times.sort_by(f64::total_cmp);
    let (median, [first, .., last]) = (f64::midpoint(times[starts / 2 - 1], times[starts / 2]), &times[..]) else {
        anyhow::bail!("no starts");
    };
    println!("valid for {median:.1} time units (median; {first} to {last}), {:.1} Lyapunov times", 0.080 * median);
    Ok(())
}
