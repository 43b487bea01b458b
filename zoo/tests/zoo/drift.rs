//! Recovery of a forecasting network when the Lorenz system under it changes.

use std::time::{Duration, Instant};

use forebay::drift::{Action, DriftMonitor, DriftSettings, Ladder, Policy, Refit, View};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series, Training};
use forebay::{Compiler, Error, HybridEsn};
use forebay_zoo::systems::Lorenz63;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

/// Lorenz-63 that turns from rho = 28 to `rho` after `before` steps, standardised roughly, with measurement noise.
fn stream(rho: f64, before: usize, after: usize, seed: u64) -> Array2<f64> {
    let old = Lorenz63::default().generate(before, Seed(seed)).expect("the parameters are good");
    let last = old.row(before - 1);
    let changed = Lorenz63 { rho, ..Lorenz63::default() };
    let new = changed.follow([last[0], last[1], last[2]], after + 1).expect("the parameters are good");
    let mut series = concatenate(Axis(0), &[old.view(), new.slice(s![1.., ..])]).expect("three columns each");
    let mut noise = Seed(seed).stream("measurement");
    for mut row in series.rows_mut() {
        for (value, (centre, spread)) in row.iter_mut().zip([(0.0, 8.0), (0.0, 9.0), (23.5, 8.6)]) {
            *value = (*value - centre) / spread + 0.02 * noise.normal();
        }
    }
    series
}

fn model(units: usize) -> Model<f64> {
    let mut g = Graph::builder();
    let u = g.input("u", 3);
    let x = g.reservoir("x", u, Reservoir::new(units).spectral_radius(0.4).input_scaling(0.3).bias_scaling(1.0));
    g.readout("next", [u, x], 3);
    Model::generate(g.build().expect("the graph fits together"), 1).expect("the reservoir can be drawn")
}

fn train(model: &Model<f64>, series: ArrayView2<'_, f64>, washout: usize) -> Model<f64> {
    let steps = series.nrows() - 1;
    let pair = Series::new(series.slice(s![..steps, ..]), series.slice(s![1.., ..]));
    Training::new().washout(washout).ridge(Ridge::decades(-7, 0)).fit(model, &[pair]).expect("it can be trained").0
}

/// One-step errors of a model on a series from its 100th step on, `[steps - 101, 3]`.
fn residuals(model: &Model<f64>, series: ArrayView2<'_, f64>) -> Array2<f64> {
    let steps = series.nrows() - 1;
    let forecast = model.session().run(series.slice(s![..steps, ..])).expect("it runs");
    (&forecast - &series.slice(s![1.., ..])).slice(s![100.., ..]).to_owned()
}

fn rms(values: &Array2<f64>) -> f64 {
    (values.iter().map(|e| e * e).sum::<f64>() / values.len() as f64).sqrt()
}

/// Runs a ladder over a series; gives it, the network and the time of the longest observation.
fn run(
    mut esn: HybridEsn<f64>,
    mut ladder: Ladder<f64>,
    series: ArrayView2<'_, f64>,
) -> (HybridEsn<f64>, Ladder<f64>, Duration) {
    let mut longest = Duration::ZERO;
    for (now, next) in series.rows().into_iter().zip(series.rows().into_iter().skip(1)) {
        let (now, next) = (now.to_vec(), next.to_vec());
        esn.step(&now).expect("the values are finite");
        let start = Instant::now();
        ladder.observe(&mut esn, &now, &next).expect("shapes agree");
        longest = longest.max(start.elapsed());
    }
    (esn, ladder, longest)
}

fn monitor(errors: &Array2<f64>) -> DriftMonitor {
    let settings = DriftSettings { view: View::Magnitude, rate: 0.05, ..DriftSettings::default() };
    DriftMonitor::calibrate(settings, errors.view()).expect("it can be calibrated")
}

fn print(ladder: &Ladder<f64>) {
    for entry in ladder.log() {
        println!("{:6} {:?} {:.1?}", entry.step, entry.action, entry.took);
    }
}

/// Names of the actions in order.
fn path(ladder: &Ladder<f64>) -> Vec<String> {
    let name = |action: &Action| format!("{action:?}").split(' ').next().unwrap_or_default().to_owned();
    ladder.log().iter().map(|entry| name(&entry.action)).collect()
}

#[test]
fn a_refit_comes_near_a_freshly_trained_network() {
    let (learnt, quiet, before, after) = (6000, 6000, 2000, 8000);
    let series = stream(35.0, learnt + quiet + before, after, 2);
    let trained = train(&model(150), series.slice(s![..learnt, ..]), 100);
    let errors = residuals(&trained, series.slice(s![learnt..learnt + quiet, ..]));
    let fresh = train(&model(150), stream(35.0, 1000, 7000, 3).slice(s![1000.., ..]), 100);
    let unseen = stream(35.0, 1000, 6000, 4);
    let error = |model: &Model<f64>| rms(&residuals(model, unseen.slice(s![1000.., ..])));
    let best = error(&fresh);
    assert!(error(&trained) > 3.0 * best, "the change is worth an alarm");

    for refit in [Refit::Ridge(Ridge::decades(-7, 0)), Refit::RecursiveLeastSquares { forgetting: 1.0, ridge: 1e-4 }] {
        let policy = Policy { refit_after: 3000, retrain_after: 6000, refit: refit.clone(), ..Policy::default() };
        let ladder = Ladder::new(monitor(&errors), policy, rms(&errors)).expect("the policy is good");
        let esn = HybridEsn::from_model(trained.clone()).expect("one reservoir");
        let (esn, ladder, longest) = run(esn, ladder, series.slice(s![learnt + quiet.., ..]));
        println!("{refit:?}: the stream changes in step {before}");
        print(&ladder);
        let repaired = error(esn.model());
        println!("longest observation {longest:.1?}");
        println!("one-step error: old {:.4}, repaired {repaired:.4}, fresh {best:.4}\n", error(&trained));
        assert_eq!(path(&ladder)[..3], ["Hold", "Refit", "GiveBack"]);
        let hold = ladder.log()[0].step;
        assert!((before as u64..before as u64 + 50).contains(&hold), "alarm in step {hold}");
        assert!(repaired < 1.1 * best, "{repaired} against {best}");
    }
}

#[test]
fn a_worse_model_is_rolled_back() {
    let series = stream(35.0, 7000, 3000, 2);
    let trained = train(&model(60), series.slice(s![..3000, ..]), 100);
    let errors = residuals(&trained, series.slice(s![3000..6000, ..]));
    // A refit whose penalty leaves next to nothing of the readout, and a retraining that returns rubbish.
    let policy = Policy {
        refit_after: 400,
        retrain_after: 800,
        refit: Refit::Ridge(Ridge::Fixed(1e12)),
        recalibrate: 500,
        ..Policy::default()
    };
    let rubbish = |model: &Model<f64>, _: ArrayView2<'_, f64>, _: ArrayView2<'_, f64>| {
        let (weights, bias) = model.readout("next")?;
        model.with_readout("next", (-weights).view(), bias.view())
    };
    let ladder = Ladder::new(monitor(&errors), policy.clone(), rms(&errors)).expect("the policy is good");
    let esn = HybridEsn::from_model(trained.clone()).expect("one reservoir");
    let (esn, ladder, _) = run(esn, ladder.with_retrain(Box::new(rubbish)), series.slice(s![6000..9300, ..]));
    print(&ladder);
    assert_eq!(path(&ladder)[..6], ["Hold", "Refit", "RollBack", "Retrain", "RollBack", "GiveBack"]);
    assert_eq!(esn.model().readout("next").ok(), trained.readout("next").ok(), "the old weights are back");
    assert!(matches!(ladder.log()[5].action, Action::GiveBack { is_good: false, .. }));

    // A training that fails is told, and the network stays as it was.
    let fails = |_: &Model<f64>, _: ArrayView2<'_, f64>, _: ArrayView2<'_, f64>| {
        Err(Error::Misuse { what: "no", instead: "never".to_owned() })
    };
    let ladder = Ladder::new(monitor(&errors), policy, rms(&errors)).expect("the policy is good");
    let esn = HybridEsn::from_model(trained.clone()).expect("one reservoir");
    let (_, ladder, _) = run(esn, ladder.with_retrain(Box::new(fails)), series.slice(s![6000..9000, ..]));
    assert_eq!(path(&ladder)[..5], ["Hold", "Refit", "RollBack", "Failed", "GiveBack"]);
}

#[test]
fn the_same_bits_on_software_and_on_the_emulated_chip() {
    let series = stream(60.0, 1100, 500, 5);
    let mut seen = Vec::new();
    for address in ["software:akd1000", "emulator:akd1000"] {
        let start = Instant::now();
        let compiler =
            Compiler::new(forebay::open(address).expect("it is there")).calibrate(series.slice(s![..400, ..]));
        let hybrid = compiler.compile(&model(24)).expect("the chip takes it");
        let trained = train(&hybrid, series.slice(s![..400, ..]), 50);
        let errors = residuals(&trained, series.slice(s![400..1000, ..]));
        let policy = Policy {
            refit_after: 200,
            retrain_after: 300,
            trial: 50,
            washout: 50,
            recalibrate: 200,
            ..Policy::default()
        };
        let ladder = Ladder::new(monitor(&errors), policy, rms(&errors)).expect("the policy is good");
        let esn = HybridEsn::from_model(trained).expect("one reservoir");
        let (mut esn, ladder, _) = run(esn, ladder, series.slice(s![1000.., ..]));
        print(&ladder);
        println!("{address}: {:.1?}", start.elapsed());
        assert!(path(&ladder).contains(&"Refit".to_owned()));
        let bits: Vec<u64> = esn.session().outputs().iter().map(|y| y.to_bits()).collect();
        let actions: Vec<(u64, Action)> = ladder.log().iter().map(|entry| (entry.step, entry.action.clone())).collect();
        seen.push((bits, actions, esn.model().readout("next").expect("the head is there")));
    }
    assert_eq!(seen[0], seen[1]);
}
