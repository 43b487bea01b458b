//! Generations of a 50-unit readout in 4-bit weights: population 10, a window of 100 samples, patches included.

use divan::Bencher;
use forebay::Precision;
use forebay::evolve::{LiveWeights, NpuEvolver, Objective, ReadoutFitness, Search, Window};
use forebay::random::Seed;
use ndarray::Array2;

fn main() {
    divan::main();
}

const UNITS: usize = 50;
const POPULATION: usize = 10;
const SAMPLES: usize = 100;

/// Speed hardly depends on the values, so states and targets are drawn.
fn evolver(strategy: &str) -> Result<(NpuEvolver, ReadoutFitness), forebay::Error> {
    let mut stream = Seed(1).stream("states");
    let states = Array2::from_shape_simple_fn((SAMPLES, UNITS), || stream.uniform_in(-1.0, 1.0));
    let targets = Array2::from_shape_simple_fn((SAMPLES, 1), || stream.uniform_in(-1.0, 1.0));
    let precision = Precision::new(1, 1).unwrap_or_default();
    let window = Window::new(states.view(), targets.view(), precision)?;
    let baseline = window.baseline(1.0)?;
    let software = forebay::open("software:akd1000")?;
    let weights = LiveWeights::load(&*software, &baseline.rounded, 1, precision)?;
    let fitness = window.fitness(&weights, &baseline.scale, Objective::MeanSquare)?;
    let search = match strategy {
        "plus" => Search::plus(UNITS, precision, POPULATION, Seed(1))?,
        "sep-cma" => Search::separable(&baseline.rounded, precision, POPULATION, Seed(1))?,
        _ => Search::antithetic(&baseline.rounded, precision, POPULATION, Seed(1))?,
    };
    Ok((NpuEvolver::new(weights, search)?, fitness))
}

/// 100 generations: 1,000 candidates.
#[divan::bench(args = ["plus", "sep-cma", "openai"])]
fn hundred_generations(bencher: Bencher<'_, '_>, strategy: &str) {
    let (mut evolver, mut fitness) = evolver(strategy).expect("sizes fit together");
    bencher.bench_local(|| (0..100).map(|_| evolver.generation(&mut fitness).expect("it runs")).sum::<f64>());
}
