//! Many independent streams through one reservoir: the weights are read once per step for all of them.

use std::time::Instant;

use anyhow::Result;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use forebay::threads::Pool;
use ndarray::Array3;

fn main() -> Result<()> {
    let (streams, steps) = (64, 500);
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(400).density(1.0));
    g.readout("y", [x], 1);
    let model = Model::<f32>::generate(g.build()?, 1)?;
    let features = Array3::from_shape_fn((streams, steps, 1), |(s, t, _)| (0.01 * (t * (s + 1)) as f32).sin());

    let start = Instant::now();
    let together = Pool::of_all_cores()?.install(|| model.batch(streams)?.run(features.view()))?;
    let batch_time = start.elapsed();

    let start = Instant::now();
    let mut same = true;
    for (stream, expected) in features.outer_iter().zip(together.outer_iter()) {
        let outputs = model.session().run(stream)?;
        same &= outputs.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
    }
    let single_time = start.elapsed();
    println!("{streams} streams of {steps} steps: together {batch_time:.1?}, one by one {single_time:.1?}");
    println!("every bit equal: {same}");
    Ok(())
}
