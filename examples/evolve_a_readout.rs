//! A readout in 4-bit weights, evolved on a running substrate by live patches, beside ridge regression.

use anyhow::{Context, Result};
use forebay::Precision;
use forebay::evolve::{LiveWeights, NpuEvolver, Objective, Search, Window};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay_zoo::systems::narma10;
use ndarray::{Array2, s};

fn main() -> Result<()> {
    let (input, target) = narma10(300, Seed(1))?;
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(50).spectral_radius(0.9));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let mut states = Vec::new();
    model
        .session()
        .run_with(input.view(), |session| states.extend_from_slice(session.node("x").unwrap_or_default()))?;
    let states = Array2::from_shape_vec((300, 50), states)?;

    // 100 samples after a washout; states and weights of one 4-bit digit.
    let digit = Precision::new(1, 1).context("allowed")?;
    let window = Window::new(states.slice(s![200.., ..]), target.slice(s![200.., ..]), digit)?;
    let baseline = window.baseline(10.0)?;
    let real: Vec<f64> = baseline.ridge.weights.iter().copied().collect();

    let software = forebay::open("software:akd1000")?;
    println!("cost on the window               ridge f64    rounded    evolved");
    let threshold = target.slice(s![200.., ..]).mean().context("samples")?;
    let objectives = || [Objective::MeanSquare, Objective::of_bits(4, window.targets()), Objective::Side { threshold }];
    let names = ["squared error", "squared error of 4-bit outputs", "share on the wrong side"];
    for ((name, objective), shown) in names.into_iter().zip(objectives()).zip(objectives()) {
        let weights = LiveWeights::load(&*software, &baseline.rounded, 1, digit)?;
        let mut fitness = window.fitness(&weights, &baseline.scale, objective)?;
        let mut evolver = NpuEvolver::new(weights, Search::plus(50, digit, 10, Seed(1))?)?;
        for _ in 0..1000 {
            evolver.generation(&mut fitness)?;
        }
        evolver.weights().loaded().verify()?;
        let rounded = window.cost_of(&baseline.real(&baseline.rounded), &shown)?;
        let evolved = evolver.cost().context("scored")?;
        println!("{name:31} {:10.5} {rounded:10.5} {evolved:10.5}", window.cost_of(&real, &shown)?);
    }
    println!("\nExact integers in software here, and the same bits on every substrate. Tested on silicon: no.");
    Ok(())
}
