//! Forgetting: as fast as the textbook forgets where the features tell anew, and bounded where they do not.

use forebay::Error;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::online::{OnlineLearner, Rls};

use super::textbook::{Textbook, Wide};

/// Updates, and gives the error before.
fn step(rls: &mut Rls, phi: &[f64], y: f64) -> Result<f64, Error> {
    let mut output = [0.0];
    rls.predict(phi, &mut output)?;
    rls.update(phi, &[y])?;
    Ok(y - output[0])
}

fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

/// A constant 1 and 100 states of a reservoir, with a target of its last inputs and some noise.
fn reservoir_states(steps: usize, smooth: bool) -> Result<Vec<(Vec<f64>, f64)>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(100));
    g.readout("y", [x], 1);
    let mut session = Model::<f64>::generate(g.build()?, 5)?.session();
    let mut stream = Seed(5).stream("input");
    let mut last = [0.0; 3];
    (0..steps)
        .map(|t| {
            let waves = 0.3 * (libm::sin(0.2 * t as f64) + libm::sin(0.311 * t as f64));
            let u = if smooth { waves } else { stream.uniform_in(-1.0, 1.0) };
            session.step(&[u])?;
            last = [u, last[0], last[1]];
            let phi = std::iter::once(1.0).chain(session.node("x")?.iter().copied()).collect();
            Ok((phi, last[2] + 0.5 * last[1] * last[0] + 0.02 * stream.normal()))
        })
        .collect()
}

/// Regression: forgetting was off while the trace of P was above its start, the normal state of a reservoir; .457 instead of
/// .027 in an error after the target had changed its sign.
#[test]
fn after_a_change_the_error_falls_as_the_textbooks_does() -> Result<(), Error> {
    const CHANGE: usize = 700;
    for (smooth, forgetting) in [(false, 0.99), (false, 0.999), (true, 0.99)] {
        let data = reservoir_states(CHANGE + 1000, smooth)?;
        for ridge in [1.0, 1e-2, 1e-6] {
            let mut rls = Rls::new(101, 1, forgetting, ridge)?;
            let mut textbook = Textbook::<Wide>::new(101, forgetting, ridge);
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            for (t, (phi, y)) in data.iter().enumerate() {
                let y = if t < CHANGE { *y } else { -y };
                found.push(step(&mut rls, phi, y)?);
                expected.push(textbook.update(phi, y));
            }
            for range in [CHANGE..CHANGE + 100, CHANGE + 100..CHANGE + 300, CHANGE + 300..CHANGE + 1000] {
                let [found, expected] = [&found, &expected].map(|errors| root_mean_square(&errors[range.clone()]));
                assert!(
                    (found / expected - 1.0).abs() < 0.1,
                    "smooth {smooth}, lambda {forgetting}, ridge {ridge:e}, steps {range:?}: {found} against {expected}"
                );
            }
            if !smooth {
                assert_eq!(rls.held().updates, 0, "noise excites every direction");
            }
        }
    }
    Ok(())
}

/// Regression: one feature that never moves, or is there twice, stopped forgetting in all directions.
#[test]
fn a_dead_and_a_doubled_feature_stop_no_other_from_forgetting() -> Result<(), Error> {
    let mut stream = Seed(31).stream("features");
    let (mut rls, mut textbook) = (Rls::new(5, 1, 0.98, 1e-4)?, Textbook::<Wide>::new(3, 0.98, 1e-4));
    for t in 0..20_000 {
        let (a, b) = (stream.normal(), stream.normal());
        let sign = if t < 10_000 { 1.0 } else { -1.0 };
        let y = sign * (2.0 * a - b) + 0.01 * stream.normal();
        let found = step(&mut rls, &[1.0, a, 0.0, b, a], y)?;
        let expected = textbook.update(&[1.0, a, b], y);
        // By then the penalties, which differ for a doubled feature, are forgotten.
        if t > 1500 {
            assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "step {t}: {found} against {expected}");
        }
    }
    assert_eq!(rls.held().directions, 2);
    Ok(())
}

/// A million steps that excite one direction of 20: the textbook's P is beyond f64 after 35,000 of them.
#[test]
fn a_million_steps_of_constant_input_leave_a_learner_that_follows() -> Result<(), Error> {
    const FEATURES: usize = 20;
    let (mut stream, mut constant) = (Seed(32).stream("features"), [0.0; FEATURES]);
    for x in &mut constant {
        *x = stream.normal();
    }
    let mut rls = Rls::new(FEATURES, 1, 0.98, 1e-6)?;
    let mut noise = || -> [f64; FEATURES] { std::array::from_fn(|_| stream.normal()) };
    let target = |phi: &[f64], sign: f64| sign * (phi[0] - 0.5 * phi[7] + 2.0 * phi[19]);
    for _ in 0..500 {
        let phi = noise();
        step(&mut rls, &phi, target(&phi, 1.0))?;
    }
    assert_eq!(rls.held().updates, 0);
    for t in 0..1_000_000 {
        let error = step(&mut rls, &constant, 3.0)?;
        assert!(t < 2000 || error.abs() < 1e-9, "step {t}: {error}");
    }
    assert_eq!(rls.held().directions, FEATURES - 1);
    assert!(rls.held().updates > 990_000, "{:?}", rls.held());
    let largest = rls.weights().iter().fold(0.0_f64, |most, w| most.max(w.abs()));
    assert!(largest < 100.0, "weights of {largest:e} come from rounding");
    // A new map that agrees with the old on what was seen all the time: a contradiction there would make any learner err by
    // as much as random equations, as many as unknowns, happen to be singular.
    let product = |phi: &[f64]| phi.iter().zip(&constant).map(|(a, b)| a * b).sum::<f64>();
    let agreed = (3.0 - target(&constant, -1.0)) / product(&constant);
    let (mut errors, mut fresh_errors) = (Vec::new(), Vec::new());
    let mut fresh = Rls::new(FEATURES, 1, 0.98, 1e-6)?;
    for _ in 0..400 {
        let phi = noise();
        let y = target(&phi, -1.0) + agreed * product(&phi);
        errors.push(step(&mut rls, &phi, y)?);
        fresh_errors.push(step(&mut fresh, &phi, y)?);
    }
    // As many steps as features fit any target, so that a learner that knows nothing errs on the way as well.
    let [worst, worst_fresh] =
        [&errors, &fresh_errors].map(|errors| errors.iter().fold(0.0_f64, |most, e| most.max(e.abs())));
    assert!(worst < 10.0 * worst_fresh, "it burst: {worst} against {worst_fresh}");
    let late = root_mean_square(&errors[200..]);
    assert!(late < 1e-8, "{late:e}");
    assert_eq!(rls.held().directions, 0);
    Ok(())
}

#[test]
fn nothing_is_held_without_forgetting() -> Result<(), Error> {
    let mut rls = Rls::new(3, 1, 1.0, 1e-12)?;
    for _ in 0..100_000 {
        rls.update(&[1.0, 1.0, 0.0], &[2.0])?;
    }
    assert_eq!(rls.held().updates, 0);
    // Ridge regression on all steps, which shares the weight.
    assert!((rls.weights()[[0, 0]] - 1.0).abs() < 1e-6 && rls.weights()[[0, 2]] == 0.0, "{}", rls.weights());
    Ok(())
}

#[test]
#[ignore = "ten million steps take about half a minute"]
fn ten_million_steps_do_not_wear_it_out() -> Result<(), Error> {
    const FEATURES: usize = 8;
    let mut stream = Seed(33).stream("features");
    let mut rls = Rls::new(FEATURES, 1, 0.999, 1e-3)?;
    let mut recent = Vec::new();
    for t in 0..10_000_000_u64 {
        // Long stretches of noise, of one direction alone, and of nearly doubled features.
        let a = stream.normal();
        let phi: [f64; FEATURES] = match t / 100_000 % 3 {
            0 => std::array::from_fn(|_| stream.normal()),
            1 => std::array::from_fn(|i| a * (1.0 + i as f64)),
            _ => std::array::from_fn(|i| a + 1e-6 * i as f64 * stream.normal()),
        };
        let y = phi[0] - 3.0 * phi[7];
        let error = step(&mut rls, &phi, y)?;
        if t % 300_000 >= 50_000 && t % 300_000 < 100_000 {
            recent.push(error);
        }
        if t % 300_000 == 100_000 {
            let size = root_mean_square(&recent);
            assert!(size < 1e-9, "step {t}: {size:e}");
            recent.clear();
        }
    }
    Ok(())
}
