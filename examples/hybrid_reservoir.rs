//! The same echo state network in floats and with its recurrent product on a neural processor's substrate.

use anyhow::{Context, Result};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use forebay::{Compiler, Precision, metrics};
use forebay_zoo::systems::MackeyGlass;
use ndarray::s;

fn main() -> Result<()> {
    let series = MackeyGlass::default().generate(4001, Seed(1))?.mapv(|v| (v - 0.9) as f32);
    let (past, target) = (series.slice(s![..3000, ..]), series.slice(s![1..3001, ..]));

    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(200).spectral_radius(0.95));
    g.readout("next", [u, x], 1);
    let float = Model::<f32>::generate(g.build()?, 7)?;

    let training = Training::new().ridge(1e-5);
    let error = |model: &Model<f32>| -> Result<f64> {
        let forecast = model.session().run(series.slice(s![..4000, ..]))?;
        Ok(metrics::nrmse(series.slice(s![3001.., ..]), forecast.slice(s![3000.., ..]))?)
    };
    println!("f32            NRMSE {:.5}", error(&training.fit(&float, &[Series::new(past, target)])?.0)?);

    // No board is needed: the software substrate gives the integers that the processor's programs define.
    let software = forebay::open("software:akd1000")?;
    for (state_digits, weight_digits) in [(1, 1), (2, 2), (3, 2)] {
        let precision = Precision::new(state_digits, weight_digits).context("digits")?;
        let compiler = Compiler::new(software.clone()).precision(precision).calibrate(past);
        let hybrid = compiler.compile(&float)?;
        // The readout learns on the states that it will see.
        let (hybrid, _) = training.fit(&hybrid, &[Series::new(past, target)])?;
        println!("{state_digits} x {weight_digits} digits   NRMSE {:.5}", error(&hybrid)?);
        if state_digits == 2 {
            println!("\n{}", hybrid.plan().context("compiled")?);
        }
    }
    Ok(())
}
