//! Local reservoirs over the ranks of an MPI job: `mpirun -n RANKS parallel_mpi RANKS`.
//!
//! Prints a hash of the forecast, which is the same for any number of ranks.

use forebay::Error;
use forebay::parallel::mpi::traits::Communicator;
use forebay::parallel::mpi::{Threading, initialize_with_threading};
use forebay::parallel::{MpiHalo, ParallelReservoirs, PatchGrid};
use forebay::reservoir::Reservoir;
use forebay::train::Training;
use ndarray::{Array2, s};

const POINTS: usize = 96;

fn main() -> std::process::ExitCode {
    let Some(ranks) = std::env::args().nth(1).and_then(|argument| argument.parse().ok()) else {
        eprintln!("usage: mpirun -n RANKS parallel_mpi RANKS");
        return std::process::ExitCode::from(2);
    };
    let (universe, _) = initialize_with_threading(Threading::Funneled).expect("MPI is initialised here only");
    let world = universe.world();
    match MpiHalo::new(&world, ranks).and_then(forecast) {
        Ok(forecast) if world.rank() == 0 => {
            let bytes: Vec<u8> = forecast.iter().flat_map(|value| value.to_le_bytes()).collect();
            println!("forecast {}", blake3::hash(&bytes).to_hex());
        }
        Ok(_) => {}
        Err(error) => {
            eprintln!("rank {}: {error}", world.rank());
            // The other ranks may wait for this one.
            world.abort(1);
        }
    }
    std::process::ExitCode::SUCCESS
}

/// Chaotic maps on a ring, sixteen patches of it, 400 steps ahead.
fn forecast(halo: MpiHalo) -> Result<Array2<f64>, Error> {
    let mut series = Array2::from_shape_fn((2000, POINTS), |(_, i)| 0.5 + 0.3 * (i as f64).sin());
    for step in 1..series.nrows() {
        for i in 0..POINTS {
            let map = |i: usize| 3.9 * series[[step - 1, i]] * (1.0 - series[[step - 1, i]]);
            series[[step, i]] = 0.6 * map(i) + 0.2 * (map((i + 1) % POINTS) + map((i + POINTS - 1) % POINTS));
        }
    }
    let recipe = Reservoir::new(200).spectral_radius(0.4).input_scaling(0.5);
    let drawn = ParallelReservoirs::generate(PatchGrid::new(POINTS, 16, 4)?, recipe, 1)?;
    let (trained, _) = drawn.fit(series.view(), (0..16).step_by(4), &Training::new().ridge(1e-6))?;
    let mut run = trained.start_on(halo)?;
    run.warm_up(series.slice(s![1900.., ..]))?;
    run.forecast(400)
}
