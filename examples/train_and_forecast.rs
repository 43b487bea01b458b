//! Learn the Lorenz attractor from a series, then run free.

use anyhow::Result;
use forebay::Esn;
use forebay::metrics::ValidTime;
use forebay::random::Seed;
use forebay_zoo::scalers::Scaler;
use forebay_zoo::systems::Lorenz63;
use ndarray::s;

fn main() -> Result<()> {
    let raw = Lorenz63::default().generate(7000, Seed(1))?;
    let scaler = Scaler::standardise(raw.slice(s![..5200, ..]))?;
    let series = scaler.transform(raw.view())?;

    let settings = Esn::new(300).spectral_radius(0.4).input_scaling(0.3).bias_scaling(1.8).seed(1);
    let mut esn = settings.washout(200).ridge(1e-9).fit_next(series.slice(s![..5200, ..]))?;
    println!("training NRMSE per coordinate: {:?}", esn.report().map(|report| &report.heads[0].train_nrmse));

    let forecast = esn.forecast(1000)?;
    let valid = ValidTime { threshold: 0.4, dt: 0.02, lyapunov_exponent: 0.9056, spread: None };
    println!("valid for {:.1} Lyapunov times", valid.of(series.slice(s![5200..6200, ..]), forecast.view())?);
    esn.model().save(&std::env::temp_dir().join("lorenz.forebay"))?;
    Ok(())
}
