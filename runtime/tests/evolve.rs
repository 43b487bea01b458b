use std::time::Instant;

use forebay::evolve::{NpuEvolver, Objective, Search, Weights, Window};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::{Error, Precision};
use ndarray::{Array2, s};

fn narma(steps: usize, seed: Seed) -> (Array2<f64>, Array2<f64>) {
    let mut stream = seed.stream("NARMA-10");
    let u: Vec<f64> = (0..steps + 10).map(|_| stream.uniform_in(0.0, 0.5)).collect();
    let mut y = vec![0.0; steps + 11];
    for t in 9..steps + 10 {
        let past: f64 = y[t - 9..=t].iter().sum();
        y[t + 1] = (0.3 * y[t] + 0.05 * y[t] * past + 1.5 * u[t - 9] * u[t] + 0.1).min(1.0);
    }
    (Array2::from_shape_fn((steps, 1), |(t, _)| u[10 + t]), Array2::from_shape_fn((steps, 1), |(t, _)| y[11 + t]))
}

fn states(units: usize, inputs: &Array2<f64>, seed: u64) -> Result<Array2<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", inputs.ncols());
    let x = g.reservoir("x", u, Reservoir::new(units).spectral_radius(0.9));
    g.readout("y", [x], 1);
    let model = Model::<f64>::generate(g.build()?, seed)?;
    let mut rows = Vec::new();
    model.session().run_with(inputs.view(), |session| rows.extend_from_slice(session.node("x").expect("there")))?;
    Ok(Array2::from_shape_vec((inputs.nrows(), units), rows).expect("rows"))
}

#[test]
fn explore() -> Result<(), Error> {
    let software = forebay::open("software:akd1000")?;
    let units = 50;
    for (window, generations) in [(100, 2000), (500, 2000)] {
        let p = Precision::new(1, 1).unwrap();
        for seed in 1..5 {
            let (u, y) = narma(200 + window + 1000, Seed(seed));
            let x = states(units, &u, seed)?;
            let w = Window::new(x.slice(s![200..200 + window, ..]), y.slice(s![200..200 + window, ..]), p)?;
            let held = w.with_samples(x.slice(s![200 + window.., ..]), y.slice(s![200 + window.., ..]))?;
            let b = w.baseline(10.0)?;
            for objective in ["mse", "quant", "side"] {
                let o = || match objective {
                    "mse" => Objective::MeanSquare,
                    "quant" => Objective::of_bits(3, w.targets()),
                    _ => Objective::Side { threshold: w.targets().iter().sum::<f64>() / w.samples() as f64 },
                };
                let ridge = w.cost_of(b.ridge.weights.as_slice().unwrap(), &o())?;
                let rounded = w.cost_of(&b.real(&b.rounded), &o())?;
                print!("{window} seed {seed} {objective:5} ridge {ridge:.2e} rounded {rounded:.2e} held {:.2e} {:.2e}:", held.cost_of(b.ridge.weights.as_slice().unwrap(), &o())?, held.cost_of(&b.real(&b.rounded), &o())?);
                for (n, start) in [("zero", vec![0; units]), ("rnd", b.rounded.clone())] {
                    for search in [Search::plus(units, p, 10, Seed(seed))?, Search::antithetic(&start, p, 10, Seed(seed))?] {
                        let name = format!("{search:?}")[..4].to_owned();
                        let weights = Weights::load(&*software, &start, 1, p)?;
                        let mut f = w.fitness(&weights, &b.scale, o())?;
                        let mut e = NpuEvolver::new(weights, search)?;
                        for _ in 0..generations {
                            e.generation(&mut f)?;
                        }
                        let r = e.report();
                        print!(
                            "  {n} {name} {:.2e} ({:.3} h {:.3}) {:.0}/s",
                            e.cost().unwrap(),
                            e.cost().unwrap() / rounded,
                            held.cost_of(&b.real(e.best()), &o())? / held.cost_of(&b.real(&b.rounded), &o())?,
                            r.generations_per_second()
                        );
                    }
                }
                println!();
            }
        }
    }
    Ok(())
}
