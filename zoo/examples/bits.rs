//! Hashes of what every machine must compute alike, a line each: two machines compare theirs with `diff`.
//!
//! `cargo xtask processors` runs it on this machine and on emulated ones. Names say where a difference comes from.

use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::{Reservoir, Topology};
use forebay::train::online::{OnlineLearner, Rls};
use forebay::train::{Ridge, Selection, Series, Training};
use forebay::{Precision, Real};
use forebay_zoo::baselines::Autoregression;
use forebay_zoo::lattice::{Hmc, Integrator, Lattice, Settings};
use forebay_zoo::scalers::Scaler;
use forebay_zoo::stats::MeanInterval;
use forebay_zoo::steering::logistic::Logistic;
use forebay_zoo::surrogates::{Size, Surrogates};
use forebay_zoo::systems::{
    Henon, KuramotoSivashinsky, Lorenz63, MackeyGlass, MultipleSine, Rossler, largest_exponent, narma10,
};
use forebay_zoo::tasks::{self, Arithmetic, Part};
use forebay_zoo::{autocorrelation, data};
use ndarray::{Array2, ArrayView2, Axis, s};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    randomness();
    systems()?;
    lattice()?;
    summaries()?;
    reservoirs::<f32>("f32")?;
    reservoirs::<f64>("f64")?;
    training()
}

/// Prints a name and the hash of some numbers.
fn tell(name: &str, values: impl IntoIterator<Item = f64>) {
    let mut hash = blake3::Hasher::new();
    let mut count = 0;
    for value in values {
        hash.update(&value.to_bits().to_le_bytes());
        count += 1;
    }
    println!("{name:32} {count:7} {}", &hash.finalize().to_hex()[..16]);
}

fn randomness() {
    let mut stream = Seed(1).stream("bits");
    tell("random/uniform", (0..2000).map(|_| stream.uniform()));
    tell("random/normal", (0..2000).map(|_| stream.normal()));
}

fn systems() -> Result<()> {
    let seed = Seed(1);
    tell("system/lorenz", Lorenz63::default().generate(500, seed)?);
    tell("system/rossler", Rossler::default().generate(500, seed)?);
    tell("system/henon", Henon::default().generate(500, seed)?);
    tell("system/mackey-glass", MackeyGlass::default().generate(500, seed)?);
    tell("system/narma10", narma10(500, seed)?.1);
    tell("system/multiple-sine", MultipleSine::default().generate(500)?);
    let grid = KuramotoSivashinsky { length: 22.0, points: 64, ..KuramotoSivashinsky::default() };
    tell("system/kuramoto-sivashinsky", grid.generate(60, seed)?);
    let henon = Henon::default();
    let step = |x: &mut [f64]| x.copy_from_slice(&henon.map([x[0], x[1]]));
    tell("system/lyapunov", [largest_exponent(step, &[0.1, 0.1], 50, 500)]);
    Ok(())
}

fn lattice() -> Result<()> {
    let settings = Settings { beta: 5.7, integrator: Integrator::Omelyan, steps: 4, length: 1.0 };
    // Eight lanes, four, and one; one block group and several.
    for extents in [[4, 4, 4, 4], [2, 3, 4, 6], [3, 3, 3, 3], [8, 8, 4, 2]] {
        let mut chain = Hmc::new(Lattice::hot(extents, Seed(1))?, settings, Seed(2))?;
        let mut told: Vec<f64> = Vec::new();
        for _ in 0..2 {
            let trajectory = chain.trajectory();
            told.extend([trajectory.delta_h, trajectory.plaquette]);
        }
        let mut lattice = chain.lattice().clone();
        lattice.reunitarize();
        let polyakov = lattice.polyakov_loop();
        told.extend([lattice.plaquette(), polyakov.re, polyakov.im, lattice.deviation()]);
        tell(&format!("lattice/{extents:?}"), told);
    }
    Ok(())
}

fn summaries() -> Result<()> {
    let mut stream = Seed(3).stream("bits");
    let noise: Vec<f64> = (0..600).map(|_| stream.normal()).collect();
    let interval = |n: usize| MeanInterval::of(&noise[..n]).half_width.unwrap_or(f64::NAN);
    tell("stats/interval", [2, 3, 4, 5, 10, 11, 100, 600].map(interval));
    let mean = autocorrelation::mean(&noise).map_or([f64::NAN; 3], |m| [m.value, m.error, m.tau]);
    tell("stats/autocorrelation", mean);
    let features = Array2::from_shape_fn((200, 3), |(t, c)| noise[3 * t + c]);
    let labels: Vec<bool> = features.rows().into_iter().map(|x| x[0] + 0.5 * x[1] > 0.3 * x[2]).collect();
    let logistic = Logistic::choose(features.view(), &labels, &[1e-3, 1e-1, 10.0])?;
    tell("steering/logistic", features.rows().into_iter().map(|row| logistic.probability(row)));
    Ok(())
}

fn reservoirs<T: Real>(precision: &str) -> Result<()> {
    let narma = narma10(400, Seed(1))?.0;
    let input = Scaler::standardise(narma.view())?.transform(narma.view())?.mapv(T::from_f64);
    for (name, topology) in [
        ("random", Topology::Random { density: 0.1 }),
        ("dense", Topology::Random { density: 1.0 }),
        ("orthogonal", Topology::Orthogonal),
        ("cycle", Topology::Cycle),
    ] {
        let settings = tasks::Settings { units: 70, topology, ..tasks::by_name("narma10")?.settings() };
        let model = Model::<T>::generate(settings.network(1, 1)?, 1)?;
        tell(&format!("states/{precision}/{name}"), states(&model, input.view())?);
        let hybrid = forebay::Compiler::new(forebay::open("software:akd1000")?)
            .precision(Precision::default())
            .calibrate(input.view())
            .compile(&model)?;
        tell(&format!("states/hybrid/{precision}/{name}"), states(&hybrid, input.view())?);
    }
    Ok(())
}

fn states<T: Real>(model: &Model<T>, input: ArrayView2<'_, T>) -> Result<Vec<f64>> {
    let mut session = model.session();
    let mut seen = Vec::new();
    for row in input.rows() {
        session.step(&row.to_vec())?;
        seen.extend(session.node("reservoir")?.iter().map(|v| v.to_f64()));
    }
    Ok(seen)
}

/// Two heads on a network that hears one of them, from two series: weights and scores.
fn shared(training: &Training) -> Result<(Vec<f64>, Vec<f64>)> {
    let (input, target) = narma10(600, Seed(2))?;
    let targets = ndarray::concatenate(Axis(1), &[target.view(), input.view()])?;
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir_with_feedback("x", u, Reservoir::new(40), "y");
    g.readout("y", [u, x], 1);
    g.readout("past", [x], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let series =
        [0..400, 400..600].map(|rows| Series::new(input.slice(s![rows.clone(), ..]), targets.slice(s![rows, ..])));
    let (trained, report) = training.fit(&model, &series)?;
    let (mut weights, mut scores) = (Vec::new(), Vec::new());
    for head in report.heads {
        let (of_head, bias) = trained.readout(&head.name)?;
        weights.extend(of_head.iter().chain(&bias));
        scores.extend(head.train_nrmse.into_iter().flatten().chain([head.ridge]));
    }
    Ok((weights, scores))
}

fn training() -> Result<()> {
    let (input, target) = narma10(600, Seed(1))?;
    let task = tasks::by_name("narma10")?;
    let settings = tasks::Settings { units: 50, ..task.settings() };
    let model = Model::<f64>::generate(settings.network(1, 1)?, 1)?;
    for (name, ridge) in [("fixed", Ridge::Fixed(1e-8)), ("decades", Ridge::decades(-10, 0))] {
        let series = Series::new(input.view(), target.view());
        let (trained, _) = Training::new().washout(50).ridge(ridge).fit(&model, &[series])?;
        let (weights, bias) = trained.readout("output")?;
        tell(&format!("trained/ridge/{name}"), weights.iter().chain(bias.iter()).copied());
    }
    let (shared, report) = shared(
        &Training::new()
            .washout(50)
            .ridge(Ridge::Grid { values: vec![1e-8, 1e-4, 1e-1], selection: Selection::KFold(3) }),
    )?;
    tell("trained/heads with folds", shared.into_iter().chain(report));
    let mut rls = Rls::new(3, 1, 0.99, 1e-3)?;
    for (t, y) in target.iter().enumerate().skip(2) {
        rls.update(&[1.0, input[[t - 1, 0]], target[[t - 1, 0]]], &[*y])?;
    }
    tell("trained/recursive", rls.weights().iter().copied());
    let sunspots = data::load("sunspots")?.values;
    let autoregression = Autoregression::fit(sunspots.slice(s![..600, ..]), 12, 1)?;
    tell("trained/autoregression", autoregression.weights().iter().copied());
    let small = tasks::Settings { units: 20, ..tasks::by_name("vowels")?.settings() };
    let errors = tasks::by_name("vowels")?.measure_in(&small, &Arithmetic::F32, 0, Part::Test)?.main();
    tell("trained/vowels", [errors]);
    let software = forebay::open("software:akd1000")?;
    let outcomes = Surrogates::train(Size::small(), &|_| software.clone())?.compare()?;
    tell("trained/surrogates", outcomes.iter().flat_map(|o| [o.loss, o.baseline_loss, o.gain.mean]));
    Ok(())
}
