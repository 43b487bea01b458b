//! Learn the Lorenz attractor from a series, then run free.

use anyhow::Result;
use forebay::graph::Graph;
use forebay::metrics::ValidTime;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::systems::Lorenz63;
use ndarray::s;

fn main() -> Result<()> {
    let raw = Lorenz63::default().generate(7000, Seed(1))?;
    let scaler = Scaler::standardise(raw.slice(s![..5200, ..]))?;
    let series = scaler.transform(raw.view())?;

    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let recipe = Reservoir::new(300).spectral_radius(0.4).input_scaling(0.3).bias_scaling(1.8);
    let x = g.reservoir("x", u, recipe);
    g.readout("next", [u, x], 3);
    let model = Model::<f64>::generate(g.build()?, 1)?;

    let pair = Series::new(series.slice(s![..5199, ..]), series.slice(s![1..5200, ..]));
    let (trained, report) = Training::new().washout(200).ridge(1e-9).fit(&model, &[pair])?;
    println!("training NRMSE per coordinate: {:?}", report.heads[0].train_nrmse);

    let mut session = trained.session();
    session.run(series.slice(s![..5200, ..]))?;
    // The last output is the first forecast; 1,000 more follow from the forecasts themselves.
    let forecast = session.predict_free(1000)?;
    let valid = ValidTime { threshold: 0.4, dt: 0.02, lyapunov_exponent: 0.9056, spread: None };
    println!("valid for {:.1} Lyapunov times", valid.of(series.slice(s![5201..6201, ..]), forecast.view())?);
    trained.save(&std::env::temp_dir().join("lorenz.forebay"))?;
    Ok(())
}
