//! A feed-forward network that stays on the processor from end to end: bounded rectifiers between dense layers.

use anyhow::{Context, Result};
use forebay::Compiler;
use forebay::graph::Graph;
use forebay::metrics;
use forebay::model::Model;
use forebay::train::{Series, Training};
use ndarray::{Array2, s};

fn main() -> Result<()> {
    // Learn x^2 - y on random layers; only the readout is trained, on the host.
    let points = Array2::from_shape_fn((3000, 2), |(t, k)| ((t * [37, 53][k]) % 1009) as f32 / 504.5 - 1.0);
    let target = Array2::from_shape_fn((3000, 1), |(t, _)| points[[t, 0]] * points[[t, 0]] - points[[t, 1]]);

    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let a = g.dense("a", u, 120, 1.0);
    let a = g.bounded_relu("a clipped", a, 1.0);
    let b = g.dense("b", a, 80, 0.3);
    let b = g.bounded_relu("b clipped", b, 1.0);
    g.readout("y", [b], 1);
    let float = Model::<f32>::generate(g.build()?, 3)?;

    let (train, test) = (s![..2000, ..], s![2000.., ..]);
    let training = Training::new().washout(0).ridge(1e-2);
    let error = |model: &Model<f32>| -> Result<f64> {
        let (model, _) = training.fit(model, &[Series::new(points.slice(train), target.slice(train))])?;
        Ok(metrics::nrmse(target.slice(test), model.session().run(points.slice(test))?.view())?)
    };
    println!("f32              NRMSE {:.4}", error(&float)?);
    // Levels, thresholds and steps of the rectifiers are fitted to what the data cause.
    let compiler = Compiler::new(forebay::open("software:akd1500")?).calibrate(points.slice(train));
    let chain = compiler.compile(&float)?;
    println!("4-bit chain      NRMSE {:.4}\n\n{}", error(&chain)?, chain.plan().context("compiled")?);
    Ok(())
}
