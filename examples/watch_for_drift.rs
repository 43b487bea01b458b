//! A Lorenz system changes under a trained network: the drift is noticed, the readout refitted, control given back.

use anyhow::Result;
use forebay::drift::{DriftMonitor, DriftSettings, Ladder, Policy, Refit, View};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series, Training};
use forebay::{HybridEsn, metrics};
use forebay_zoo::systems::Lorenz63;
use ndarray::{Axis, concatenate, s};

fn main() -> Result<()> {
    // Rho turns from 28 to 35 in step 10,000; measurements are noisy.
    let old = Lorenz63::default().generate(10_000, Seed(2))?;
    let last = old.row(9999);
    let new = Lorenz63 { rho: 35.0, ..Lorenz63::default() }.follow([last[0], last[1], last[2]], 6000)?;
    let mut noise = Seed(2).stream("measurement");
    let series = concatenate(Axis(0), &[old.view(), new.view()])?.mapv(|v| v / 10.0 + 0.02 * noise.normal());

    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let recipe = Reservoir::new(100).spectral_radius(0.4).input_scaling(0.3).bias_scaling(1.0);
    let x = g.reservoir("x", u, recipe);
    g.readout("next", [u, x], 3);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let pair = Series::new(series.slice(s![..4000, ..]), series.slice(s![1..4001, ..]));
    let (trained, _) = Training::new().ridge(1e-4).fit(&model, &[pair])?;

    // What is normal: the errors of 5,000 steps that the readout has not seen.
    let mut esn = HybridEsn::from_model(trained)?;
    let forecast = esn.run(series.slice(s![3900..9000, ..]))?;
    let (truth, forecast) = (series.slice(s![4001..9001, ..]), forecast.slice(s![100.., ..]));
    let settings = DriftSettings { rate: 0.1, view: View::Magnitude, ..DriftSettings::default() };
    let monitor = DriftMonitor::calibrate(settings, (&forecast - &truth).view())?;
    let policy = Policy { refit_after: 2000, refit: Refit::Ridge(Ridge::Fixed(1e-4)), ..Policy::default() };
    let mut ladder = Ladder::new(monitor, policy, metrics::rmse(truth, forecast)?)?;

    for t in 9000..series.nrows() - 1 {
        let input = series.row(t).to_vec();
        let output = esn.step(&input)?[0];
        let told = ladder.log().len();
        ladder.observe(&mut esn, &input, &series.row(t + 1).to_vec())?;
        for entry in &ladder.log()[told..] {
            println!(
                "step {t}: {:?} ({:.1?}); forecast {output:+.3}, truth {:+.3}",
                entry.action,
                entry.took,
                series[[t + 1, 0]]
            );
        }
    }
    println!("In control: {}. Tested on silicon: no.", ladder.is_trusted());
    Ok(())
}
