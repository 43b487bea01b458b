//! The crate without any of its features: a network is made, trained, compiled, stepped and forecasts.
//!
//! `cargo run -p forebay-bare`, as `cargo xtask features` does; not with `--workspace`, whose other members ask for the features.

use forebay::{Esn, HybridEsn, metrics};
use ndarray::{Array2, s};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let series = Array2::from_shape_fn((1200, 1), |(t, _)| (0.2 * t as f64).sin() * (0.031 * t as f64).cos());
    let (seen, unseen) = series.view().split_at(ndarray::Axis(0), 1150);
    let mut esn = Esn::new(200).leak_rate(0.5).seed(1).fit_next(seen)?;
    let forecast = esn.forecast(50)?;
    let error = metrics::nrmse(forecast.view(), unseen)?;
    println!("50 steps ahead: NRMSE {error:.4}");
    assert!(error < 0.1, "a sum of two waves is learnt");

    let mut hybrid = HybridEsn::from_model(esn.model().clone())?
        .with_precision(4, 3)?
        .with_substrate(forebay::open("software:akd1000")?)?;
    let mut floats = HybridEsn::from_model(esn.model().clone())?;
    let (a, b) = (hybrid.run(seen.slice(s![..200, ..]))?, floats.run(seen.slice(s![..200, ..]))?);
    let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("4 x 3 digits and floats are at most {apart:.1e} apart");
    assert!(apart > 0.0 && apart < 0.05, "the integers compute, and nearly what the floats do");

    let refused = forebay::open("vfio:0000:a1:00.0").expect_err("this build has no driver");
    println!("{refused}");
    Ok(())
}
