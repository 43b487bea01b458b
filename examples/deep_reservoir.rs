//! A stack of reservoirs, slow on top of fast, and two side by side; the readout sees all of them.

use anyhow::Result;
use forebay::graph::Graph;
use forebay::metrics;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Series, Training};
use forebay_zoo::systems::MackeyGlass;
use ndarray::s;

fn main() -> Result<()> {
    let series = MackeyGlass::default().generate(4020, Seed(3))?;
    let horizon = 20;

    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let fast = g.reservoir("fast", u, Reservoir::new(100).leak_rate(1.0));
    let slow = g.reservoir("slow", fast, Reservoir::new(100).leak_rate(0.2).input_scaling(0.3));
    let aside = g.reservoir("aside", u, Reservoir::new(100).leak_rate(0.5).spectral_radius(1.1));
    let all = g.concat("all", [fast, slow, aside]);
    g.readout("y", [u, all], 1);
    let graph = g.build()?;
    println!("{graph}\nGraphviz:\n{}", graph.to_graphviz());

    let model = Model::<f64>::generate(graph, 1)?;
    let (inputs, targets) = (series.slice(s![..4000, ..]), series.slice(s![horizon.., ..]));
    let train = Series::new(inputs.slice(s![..3000, ..]), targets.slice(s![..3000, ..]));
    let (trained, _) = Training::new().ridge(1e-8).fit(&model, &[train])?;
    let forecast = trained.session().run(inputs)?;
    let error = metrics::nrmse(targets.slice(s![3000..4000, ..]), forecast.slice(s![3000.., ..]))?;
    println!("{horizon} steps ahead on unseen steps: NRMSE {error:.4}");
    Ok(())
}
