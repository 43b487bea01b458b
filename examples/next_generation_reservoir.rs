//! A next-generation reservoir: no recurrence at all, only delays and products (Gauthier et al. 2021).

use anyhow::Result;
use forebay::graph::{Graph, Products};
use forebay::metrics::ValidTime;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::train::{Series, Training};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::systems::Lorenz63;
use ndarray::s;

fn main() -> Result<()> {
    let raw = Lorenz63::default().generate(3000, Seed(4))?;
    let series = Scaler::standardise(raw.view())?.transform(raw.view())?;

    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let past = g.delay("past", u, 1);
    let both = g.concat("both", [u, past]);
    let squares = g.products("second order", both, Products::Unique { degree: 2 });
    let cubes = g.products("third order", both, Products::Unique { degree: 3 });
    g.readout("next", [both, squares, cubes], 3);
    let model = Model::<f64>::generate(g.build()?, 0)?;
    println!("{}", model.graph());

    // Few steps are enough: there is nothing to wash out but the delay.
    let train = Series::new(series.slice(s![..999, ..]), series.slice(s![1..1000, ..]));
    let (trained, _) = Training::new().washout(2).ridge(1e-9).fit(&model, &[train])?;
    let mut session = trained.session();
    session.run(series.slice(s![..1000, ..]))?;
    let forecast = session.predict_free(1000)?;
    let valid = ValidTime { threshold: 0.4, dt: 0.02, lyapunov_exponent: 0.9056, spread: None };
    println!("valid for {:.1} Lyapunov times", valid.of(series.slice(s![1001..2001, ..]), forecast.view())?);
    Ok(())
}
