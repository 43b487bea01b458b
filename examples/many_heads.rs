//! Several quantities from one pass: the reservoir is stepped once, each head reads it.

use anyhow::Result;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series, Training};
use forebay_zoo::systems::Lorenz63;
use ndarray::{Array2, s};

fn main() -> Result<()> {
    let orbit = Lorenz63::default().generate(4001, Seed(2))?.mapv(|v| v / 10.0);
    // The network sees x only; heads give y, z now, and x five steps ahead.
    let steps = 3995;
    let x = orbit.slice(s![..steps, ..1]);
    let targets = Array2::from_shape_fn((steps, 3), |(t, head)| match head {
        0 => orbit[[t, 1]],
        1 => orbit[[t, 2]],
        _ => orbit[[t + 5, 0]],
    });

    let mut g = Graph::builder();
    let u = g.input("x", 1);
    let r = g.reservoir("reservoir", u, Reservoir::new(300).leak_rate(0.6).spectral_radius(0.9));
    g.readout("y", [u, r], 1);
    g.readout("z", [u, r], 1);
    g.readout("x in five steps", [u, r], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    println!("{}", model.graph());

    let series = Series::new(x, targets.view());
    let (trained, report) = Training::new().ridge(Ridge::decades(-10, 0)).fit(&model, &[series])?;
    for head in &report.heads {
        println!("{:16} NRMSE {:.4} (ridge {:e})", head.name, head.train_nrmse[0].unwrap_or(f64::NAN), head.ridge);
    }
    let mut session = trained.session();
    session.run(x)?;
    println!("last z: {:.3}, true {:.3}", session.head("z")?[0], orbit[[steps - 1, 2]]);
    Ok(())
}
