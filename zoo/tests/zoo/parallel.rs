//! Local reservoirs on the Kuramoto-Sivashinsky equation: how far they forecast, and that it is their neighbours' doing.

use std::error::Error;

use forebay::metrics::{ValidTime, spread};
use forebay::parallel::PatchGrid;
use forebay::random::Seed;
use forebay::reservoir::{Reservoir, Topology};
use forebay::train::Training;
use forebay::{ParallelReservoirs, Precision};
use forebay_zoo::systems::KuramotoSivashinsky;
use ndarray::{Axis, s};

const KNOWN: usize = 6000;
const STARTS: usize = 20;
const WARM_UP: usize = 100;
/// Rows of warm-up and forecast; 100 units of time are forecast.
const PART: usize = WARM_UP + 400;

/// Median over 20 starts of the time until the error's root mean square over the grid is half a standard deviation.
fn median_valid_time(units: usize, overlap: usize, digits: Option<Precision>) -> Result<f64, Box<dyn Error>> {
    let system = KuramotoSivashinsky { length: 44.0, points: 128, ..KuramotoSivashinsky::default() };
    let series = system.generate(KNOWN + STARTS * PART, Seed(1))?;
    let (known, unknown) = (series.slice(s![..KNOWN, ..]), series.slice(s![KNOWN.., ..]));
    let topology = Topology::FixedDegree { per_row: 6 };
    let recipe = Reservoir::new(units).topology(topology).spectral_radius(0.4).input_scaling(0.1);
    let mut drawn = ParallelReservoirs::generate(PatchGrid::new(128, 16, overlap)?, recipe, 1)?;
    if let Some(precision) = digits {
        drawn = drawn.with_substrate(forebay::open("software:akd1000")?, precision, known)?;
    }
    let (trained, _) = drawn.fit(known, (0..16).step_by(4), &Training::new().ridge(1e-8))?;

    let metric = ValidTime { threshold: 0.5, dt: system.dt, lyapunov_exponent: 1.0, spread: Some(spread(known)) };
    let mut run = trained.start()?;
    let mut times = Vec::with_capacity(STARTS);
    for part in unknown.axis_chunks_iter(Axis(0), PART) {
        run.warm_up(part.slice(s![..WARM_UP, ..]))?;
        let forecast = run.forecast(PART - WARM_UP)?;
        times.push(metric.of(part.slice(s![WARM_UP.., ..]), forecast.view())?);
    }
    times.sort_by(f64::total_cmp);
    println!("{units} units, overlap {overlap}: {times:?}");
    Ok(f64::midpoint(times[STARTS / 2 - 1], times[STARTS / 2]))
}

#[test]
fn kuramoto_sivashinsky_is_forecast_for_25_time_units() -> Result<(), Box<dyn Error>> {
    let found = median_valid_time(1000, 8, None)?;
    assert!(found > 25.0, "{found}");
    Ok(())
}

/// A patch that sees no neighbour cannot know what comes in over its ends.
#[test]
fn without_the_neighbours_there_is_no_forecast() -> Result<(), Box<dyn Error>> {
    let found = median_valid_time(1000, 0, None)?;
    assert!(found < 10.0, "{found}");
    Ok(())
}

/// The recurrent product in two digits each for states and weights loses little of what half the units reach in floats.
#[test]
fn hybrid_reservoirs_forecast_as_well() -> Result<(), Box<dyn Error>> {
    let found = median_valid_time(500, 8, Precision::new(2, 2))?;
    assert!(found > 25.0, "{found}");
    Ok(())
}
