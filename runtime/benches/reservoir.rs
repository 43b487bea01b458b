//! A step, a batch, a training run; `forebay bench` prints the same beside the machine's limits.

use divan::{Bencher, black_box};
use forebay::Real;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series, Training};
use ndarray::Array2;

fn main() {
    divan::main();
}

/// 3 inputs, 1 output; speed does not depend on the values, so the spectral radius is left as drawn.
fn model<T: Real>(units: usize, density: f64) -> Model<T> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let x = g.reservoir("x", u, Reservoir::new(units).density(density).unscaled());
    g.readout("y", [x], 1);
    let graph = g.build().expect("the graph fits together");
    Model::generate(graph, 1).expect("the reservoir can be drawn")
}

#[divan::bench(types = [f32, f64], args = [100, 200, 500, 1000, 2000])]
fn step_dense<T: Real>(bencher: Bencher<'_, '_>, units: usize) {
    let mut session = model::<T>(units, 1.0).session();
    let input = [T::from_f64(0.1); 3];
    bencher.bench_local(|| session.step(black_box(&input)).map(|y| y[0]));
}

#[divan::bench(types = [f32, f64], args = [500, 1000, 2000, 5000])]
fn step_sparse_10_percent<T: Real>(bencher: Bencher<'_, '_>, units: usize) {
    let mut session = model::<T>(units, 0.1).session();
    let input = [T::from_f64(0.1); 3];
    bencher.bench_local(|| session.step(black_box(&input)).map(|y| y[0]));
}

#[divan::bench(args = [200, 500, 1000])]
fn batch_of_64_dense(bencher: Bencher<'_, '_>, units: usize) {
    let mut batch = model::<f32>(units, 1.0).batch(64).expect("there are streams");
    let input = [0.1; 64 * 3];
    bencher.bench_local(|| batch.step(black_box(&input)).map(|y| y[0]));
}

/// 2,000 steps, 10 % density.
fn train(bencher: Bencher<'_, '_>, units: usize, ridge: &Ridge) {
    let model = model::<f64>(units, 0.1);
    let mut stream = Seed(1).stream("series");
    let inputs = Array2::from_shape_simple_fn((2000, 3), || stream.uniform_in(-1.0, 1.0));
    let targets = Array2::from_shape_simple_fn((2000, 1), || stream.uniform_in(-1.0, 1.0));
    let training = Training::new().ridge(ridge.clone());
    bencher.bench_local(|| training.fit(&model, &[Series::new(inputs.view(), targets.view())]));
}

#[divan::bench(args = [200, 1000], sample_count = 5)]
fn train_one_penalty(bencher: Bencher<'_, '_>, units: usize) {
    train(bencher, units, &Ridge::Fixed(1e-6));
}

#[divan::bench(args = [200, 1000], sample_count = 5)]
fn train_ten_penalties(bencher: Bencher<'_, '_>, units: usize) {
    train(bencher, units, &Ridge::decades(-9, 0));
}
