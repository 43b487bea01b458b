//! Training: heads of several groups in one run, and series side by side. Rows of a table belong together.

use std::hint::black_box;

use divan::Bencher;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use ndarray::{Array2, Array3, s};

fn main() {
    divan::main();
}

fn noise(steps: usize, columns: usize) -> Array2<f64> {
    let mut numbers = Seed(1).stream("noise");
    Array2::from_shape_simple_fn((steps, columns), || numbers.normal())
}

/// One reservoir of 500 units, and so many heads: each reads it with other nodes beside.
fn heads(count: usize) -> Model<f64> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 1);
    let x = g.reservoir("x", u, Reservoir::new(500));
    let sources = [vec![u, past, x], vec![u, x], vec![past, x], vec![x]];
    for (head, sources) in sources.into_iter().take(count).enumerate() {
        g.readout(&format!("y{head}"), sources, 1);
    }
    Model::generate(g.build().expect("a graph"), 1).expect("a model")
}

/// 3,000 steps of 500 units.
#[divan::bench(args = [1, 4], sample_count = 5, sample_size = 1)]
fn groups_of_heads(bencher: Bencher<'_, '_>, count: usize) {
    let (model, u, y) = (heads(count), noise(3000, 2), noise(3000, count));
    let training = Training::new().ridge(1e-3);
    bencher.bench_local(|| training.fit(&model, &[Series::new(u.view(), y.view())]).expect("it trains").1);
}

fn large() -> Model<f64> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, Reservoir::new(2000).density(1.0).unscaled().input_scaling(0.1));
    g.readout("y", [x], 1);
    Model::generate(g.build().expect("a graph"), 1).expect("a model")
}

/// 16 series of 100 steps, 2,000 units, one by one or in a batch.
#[divan::bench(args = ["one by one", "side by side"], sample_count = 5, sample_size = 1)]
fn runs(bencher: Bencher<'_, '_>, how: &str) {
    let model = large();
    let series = noise(1600, 2).into_shape_with_order((16, 100, 2)).expect("as many");
    bencher.bench_local(|| -> Array3<f64> {
        if how == "side by side" {
            return model.batch(1).expect("a batch").run(series.view()).expect("it runs");
        }
        let mut outputs = Array3::zeros((16, 100, 1));
        for (index, series) in series.outer_iter().enumerate() {
            outputs.slice_mut(s![index, .., ..]).assign(&model.session().run(series).expect("it runs"));
        }
        black_box(outputs)
    });
}

/// The same steps in a training, as one series or as 16.
#[divan::bench(args = [1, 16], sample_count = 3, sample_size = 1)]
fn series(bencher: Bencher<'_, '_>, count: usize) {
    let (model, u, y) = (large(), noise(1600, 2), noise(1600, 1));
    let steps = 1600 / count;
    let part = |index: usize| s![index * steps..(index + 1) * steps, ..];
    let all: Vec<Series<'_, f64>> = (0..count).map(|i| Series::new(u.slice(part(i)), y.slice(part(i)))).collect();
    let training = Training::new().washout(10).ridge(1e-3);
    bencher.bench_local(|| training.fit(&model, &all).expect("it trains").1);
}
