//! Many heads on one pass: what they learn, whom to trust, and that they leave each other alone.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay::conductor::{
    Base, Bin, Calibration, ConductorSettings, Definition, HeadKind, Layout, Prediction, Reliability, Rule,
};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series};
use forebay::{Compiler, Conductor, Error, Precision, Refusal, Substrate, SubstrateError};
use forebay_akida::Device;
use forebay_software::Software;
use forebay_substrate::{Capabilities, Loaded, Op, ProgramShape, Runner, Support, WeightPatch};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

const VALUE: HeadKind = HeadKind::Regression { outputs: 1, base: Base::Mean };

fn model(units: usize) -> Result<Model<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(units).leak_rate(0.7).spectral_radius(0.8));
    g.readout("none", [x], 1);
    Model::generate(g.build()?, 3)
}

/// A noisy oscillation, `[steps, 1]`.
fn wave(steps: usize) -> Array2<f64> {
    let mut noise = Seed(5).stream("wave");
    let (mut a, mut b) = (1.0, 0.0);
    Array2::from_shape_simple_fn((steps, 1), || {
        (a, b) = (0.96 * a - 0.25 * b + 0.1 * noise.normal(), 0.25 * a + 0.96 * b);
        a
    })
}

/// Next value, the third of the range it lies in, whether it is positive.
fn targets(wave: ArrayView2<'_, f64>) -> Array2<f64> {
    let steps = wave.nrows() - 1;
    Array2::from_shape_fn((steps, 3), |(t, k)| {
        let next = wave[[t + 1, 0]];
        [next, f64::from(u8::from(next > -0.3)) + f64::from(u8::from(next > 0.3)), f64::from(u8::from(next > 0.0))][k]
    })
}

/// A window of 512 steps: twenty turns of the wave, whose size changes slowly.
fn three() -> Layout {
    let kinds = [VALUE, HeadKind::Classification { classes: 3 }, HeadKind::Probability];
    let mut layout = Layout::new(NAMES.into_iter().zip(kinds));
    layout.heads.iter_mut().for_each(|head| head.trust.window = 512);
    layout
}

const NAMES: [&str; 3] = ["next", "third", "positive"];

fn conductor(units: usize, wave: ArrayView2<'_, f64>, targets: ArrayView2<'_, f64>) -> Result<Conductor<f64>, Error> {
    let series = Series::new(wave.slice(s![..targets.nrows(), ..]), targets);
    let settings = ConductorSettings { ridge: Ridge::Fixed(1e-3), ..ConductorSettings::default() };
    Ok(Conductor::fit(&model(units)?, &["u", "x"], &three(), &series, &settings)?.0)
}

#[test]
fn heads_of_every_kind_beat_their_base_rates() -> Result<(), Error> {
    let wave = wave(3001);
    let truth = targets(wave.view());
    let mut conductor = conductor(60, wave.view(), truth.slice(s![..2000, ..]))?;
    for t in 0..3000 {
        conductor.step(&[wave[[t, 0]]])?;
        for (k, name) in NAMES.into_iter().enumerate().filter(|_| t >= 2000) {
            conductor.observe(name, &[truth[[t, k]]])?;
        }
    }
    for (name, least) in NAMES.into_iter().zip([0.8, 0.5, 0.6]) {
        let trust = conductor.trust(name)?;
        assert!(trust.steps == 512 && trust.is_trusted, "{name}: {trust:?}");
        assert!(trust.skill > Some(least), "{name}: {trust:?}");
        assert!(conductor.trusted(name)?.is_some());
    }
    let outputs = conductor.outputs().to_vec();
    assert_eq!(outputs.len(), 5);
    assert_eq!(conductor.prediction("next")?, Prediction::Values(&outputs[..1]));
    let Prediction::Class(class, scores) = conductor.prediction("third")? else { panic!("a class") };
    assert_eq!(scores, &outputs[1..4]);
    assert!((0..3).all(|other| scores[class] > scores[other] || class <= other), "{class} of {scores:?}");
    assert_eq!(conductor.prediction("positive")?, Prediction::Probability(outputs[4]));
    conductor.forget("next")?;
    assert!(!conductor.trust("next")?.is_trusted && conductor.trust("third")?.is_trusted);
    Ok(())
}

/// From row 2,600 on one head's truth comes in random order: it alone falls, and the others stay.
#[test]
fn a_head_whose_world_is_shuffled_loses_trust_and_others_keep_it() -> Result<(), Error> {
    let wave = wave(4001);
    let truth = targets(wave.view());
    let mut shuffled = truth.column(0).to_vec();
    Seed(1).stream("order").shuffle(&mut shuffled[2600..]);
    let mut conductor = conductor(60, wave.view(), truth.slice(s![..2000, ..]))?;
    let (mut fallen, mut wrongly) = (None, 0);
    for t in 0..4000 {
        conductor.step(&[wave[[t, 0]]])?;
        if t < 2000 {
            continue;
        }
        conductor.observe("next", &[shuffled[t]])?;
        conductor.observe("third", &[truth[[t, 1]]])?;
        conductor.observe("positive", &[truth[[t, 2]]])?;
        if t >= 2300 {
            let others = [conductor.trust("third")?, conductor.trust("positive")?];
            assert!(others.iter().all(|trust| trust.is_trusted), "step {t}: {others:?}");
            let is_trusted = conductor.trust("next")?.is_trusted;
            assert!(is_trusted || t >= 2600, "step {t}");
            if !is_trusted && fallen.is_none() {
                fallen = Some(t);
            }
            wrongly += usize::from(is_trusted && t >= 2600 + 512);
        }
    }
    let fallen = fallen.expect("it falls");
    assert!(fallen < 2600 + 512, "as soon as the window shows it: {fallen}");
    assert_eq!(wrongly, 0, "and does not come back");
    Ok(())
}

/// Heads trained on noise: a lower bound of 97.5 % lets few of them through.
#[test]
fn noise_earns_no_trust() -> Result<(), Error> {
    let count = 36;
    let wave = wave(3000);
    let mut noise = Seed(9).stream("noise");
    let truth = Array2::from_shape_simple_fn((3000, count), || noise.normal());
    let names: Vec<String> = (1..=count).map(|i| format!("head {i:02}")).collect();
    let layout = Layout::new(names.iter().map(|name| (&name[..], VALUE)));
    let (train, test) = (s![..1000, ..], 1000..3000);
    let series = Series::new(wave.slice(train), truth.slice(train));
    let (mut conductor, _) = Conductor::fit(&model(30)?, &["x"], &layout, &series, &ConductorSettings::default())?;
    let (mut trusted, mut asked) = (0, 0);
    for t in test {
        conductor.step(&[wave[[t, 0]]])?;
        for (k, name) in names.iter().enumerate() {
            conductor.observe(name, &[truth[[t, k]]])?;
            if t >= 1256 {
                trusted += usize::from(conductor.trust(name)?.is_trusted);
                asked += 1;
            }
        }
    }
    println!("trusted without skill: {trusted} of {asked}");
    assert!(40 * trusted < asked, "{trusted} of {asked}");
    Ok(())
}

#[test]
fn truth_may_come_late_within_the_memory() -> Result<(), Error> {
    let wave = wave(2600);
    let truth = targets(wave.view());
    let mut prompt = conductor(40, wave.view(), truth.slice(s![..1500, ..]))?;
    let mut late = prompt.clone();
    for t in 1500..2500 {
        prompt.step(&[wave[[t, 0]]])?;
        prompt.observe("next", &[truth[[t, 0]]])?;
        late.step(&[wave[[t, 0]]])?;
        if t >= 1500 + 63 {
            late.observe_at("next", late.steps() - 64, &[truth[[t - 63, 0]]])?;
        }
    }
    // The last truths, out of order.
    for step in (1000 - 63..1000_u64).rev() {
        late.observe_at("next", step, &[truth[[1500 + step as usize, 0]]])?;
    }
    let (a, b) = (prompt.trust("next")?, late.trust("next")?);
    let difference = a.skill.expect("scored") - b.skill.expect("scored");
    assert!(difference.abs() < 1e-12 && a.steps == b.steps, "{a:?} and {b:?}");
    assert!(matches!(late.observe_at("next", 935, &[0.0]), Err(Error::Range { .. })), "too late");
    assert!(matches!(late.observe_at("next", 1000, &[0.0]), Err(Error::Range { .. })), "too early");
    assert!(matches!(late.observe_at("next", 999, &[0.0]), Err(Error::Misuse { .. })), "twice");
    late.reset();
    assert!(matches!(late.observe("next", &[0.0]), Err(Error::Range { .. })), "no step yet");
    assert_eq!(late.trust("next")?, b, "trust belongs to the weights");
    Ok(())
}

#[test]
fn a_new_head_leaves_the_others_bits() -> Result<(), Error> {
    let wave = wave(2501);
    let truth = targets(wave.view());
    let mut alone = conductor(60, wave.view(), truth.slice(s![..2000, ..]))?;
    let mut joined = alone.clone();
    let two = HeadKind::Regression { outputs: 2, base: Base::Persistence };
    let mut added = Layout { heads: vec![Definition::new("added", two)] };
    added.heads[0].trust.horizon = Some(1);
    let series = Series::new(wave.slice(s![..2000, ..]), truth.slice(s![..2000, ..2]));
    for t in 2000..2500 {
        let expected = alone.step(&[wave[[t, 0]]])?.to_vec();
        if t == 2200 {
            joined.add(&added, &series, &ConductorSettings::default())?;
            assert!(matches!(joined.prediction("added"), Err(Error::Misuse { .. })), "it has seen no step");
            // A prediction from before the addition is still there.
            joined.observe_at("next", 199, &[truth[[2199, 0]]])?;
            alone.observe_at("next", 199, &[truth[[2199, 0]]])?;
            assert!(matches!(joined.observe_at("added", 199, &[0.0, 0.0]), Err(Error::Range { .. })));
        }
        assert_eq!(joined.step(&[wave[[t, 0]]])?[..5], expected[..], "step {t}");
        for (k, name) in NAMES.into_iter().enumerate().filter(|&(k, _)| k > 0 || t != 2199) {
            alone.observe(name, &[truth[[t, k]]])?;
            joined.observe(name, &[truth[[t, k]]])?;
        }
        if t >= 2200 {
            joined.observe("added", &[truth[[t, 0]], truth[[t, 1]]])?;
        }
    }
    for name in NAMES {
        assert_eq!(alone.weights(name)?, joined.weights(name)?);
        assert_eq!(alone.trust(name)?, joined.trust(name)?);
    }
    assert!(joined.trust("added")?.skill.is_some());
    assert!(
        matches!(joined.add(&added, &series, &ConductorSettings::default()), Err(Error::Misuse { .. })),
        "the name is taken"
    );
    Ok(())
}

/// Events whose probability is known, learned from one input and its past: forecasts are frequencies, nearly.
#[test]
fn probabilities_mean_what_they_say() -> Result<(), Error> {
    let (train, steps) = (20_000, 40_000);
    let mut stream = Seed(4).stream("events");
    let input = Array2::from_shape_simple_fn((steps, 1), || stream.normal());
    // The chance depends on this input and the one before: one step of memory.
    let chance = |t: usize| {
        let z = 1.5 * input[[t, 0]] - 0.8 * input[[t.saturating_sub(1), 0]] - 0.7;
        1.0 / (1.0 + (-z).exp())
    };
    let events = Array2::from_shape_fn((steps, 1), |(t, _)| f64::from(u8::from(stream.uniform() < chance(t))));
    let layout = Layout::new([("event", HeadKind::Probability)]);
    let series = Series::new(input.slice(s![..train, ..]), events.slice(s![..train, ..]));
    let (mut conductor, fits) =
        Conductor::fit(&model(50)?, &["u", "x"], &layout, &series, &ConductorSettings::default())?;
    let held_back = fits[0].reliability.as_ref().expect("it is a probability");
    let (mut found, mut known, mut happened) = (Vec::new(), Vec::new(), Vec::new());
    for t in train..steps {
        found.push(conductor.step(&[input[[t, 0]]])?[0]);
        known.push(chance(t));
        happened.push(events[[t, 0]] == 1.0);
    }
    let reliability = Reliability::of(&found, &happened, 10)?;
    let ideal = Reliability::of(&known, &happened, 10)?;
    println!(
        "Brier {:.5}, of the true chances {:.5}, base rate {:.5}, held back {:.5}",
        reliability.brier, ideal.brier, reliability.base_brier, held_back.brier
    );
    // A linear score through a logistic curve is not quite the chance: up to 0.04 of a bin is the
    // model's, the rest counting.
    for &Bin { count, forecast, frequency } in &reliability.bins {
        let (Some(p), Some(f)) = (forecast, frequency) else { continue };
        let error = (p * (1.0 - p) / count as f64).sqrt();
        println!("{count:6} predictions of {p:.4}: {f:.4}, {:+.2} standard errors", (f - p) / error);
        assert!((f - p).abs() < 0.04 + 3.0 * error, "{p}: {f}");
    }
    assert!(reliability.brier < ideal.brier + 0.004 && reliability.skill() > Some(0.25), "{}", reliability.brier);
    assert!((held_back.brier - reliability.brier).abs() < 0.01);
    Ok(())
}

/// Known slope and intercept come back, and on fresh events forecasts are frequencies within the error of counting;
/// what can be told apart without error stays finite; one outcome alone is no error.
#[test]
fn calibration_finds_the_curve() -> Result<(), Error> {
    let mut stream = Seed(6).stream("scores");
    let mut events = |count: usize| -> (Vec<f64>, Vec<bool>) {
        let chance = |score: f64| 1.0 / (1.0 + (-(12.0 * score - 36.5)).exp());
        let scores = (0..count).map(|_| 3.0 + 0.1 * stream.normal());
        scores.collect::<Vec<_>>().into_iter().map(|score| (score, stream.uniform() < chance(score))).unzip()
    };
    let (scores, happened) = events(100_000);
    let found = Calibration::fit(&scores, &happened)?;
    assert!((found.slope - 12.0).abs() < 0.5 && (found.intercept + 36.5).abs() < 1.5, "{found:?}");
    let (scores, happened) = events(20_000);
    let forecasts: Vec<f64> = scores.iter().map(|&score| found.probability(score)).collect();
    let chi_squared = Reliability::of(&forecasts, &happened, 10)?.bins.iter().fold(0.0, |sum, bin| {
        let (Some(p), Some(f)) = (bin.forecast, bin.frequency) else { return sum };
        sum + (f - p) * (f - p) * bin.count as f64 / (p * (1.0 - p))
    });
    assert!(chi_squared < 29.6, "the 0.999 quantile with 10 degrees of freedom: {chi_squared}");
    let parted = Calibration::fit(&[-2.0, -1.0, 1.0, 2.0], &[false, false, true, true])?;
    assert!(parted.slope > 0.0 && parted.slope.is_finite() && parted.probability(2.0) < 1.0);
    let never = Calibration::fit(&[0.5; 8], &[false; 8])?;
    assert!((never.probability(0.5) - 0.1).abs() < 1e-9, "Platt's target 1 / (8 + 2): {}", never.probability(0.5));
    assert!(matches!(Calibration::fit(&[], &[]), Err(Error::Shape { .. })));
    assert!(matches!(Calibration::fit(&[f64::NAN], &[true]), Err(Error::NonFinite { .. })));
    assert!(matches!(Reliability::of(&[1.5], &[true], 10), Err(Error::Range { .. })));
    Ok(())
}

/// Hybrids and placed heads: the same bits on the software substrate and the emulated chip.
#[test]
fn every_substrate_gives_the_same_bits() -> Result<(), Error> {
    let wave = wave(481);
    let truth = targets(wave.view());
    let precision = Precision::new(1, 1).expect("one digit each");
    let run = |address: &str| -> Result<Vec<f64>, Error> {
        let substrate = forebay::open(address)?;
        let compiler = Compiler::new(substrate.clone()).precision(precision).calibrate(wave.slice(s![..200, ..]));
        let hybrid = compiler.compile(&model(24)?)?;
        let series = Series::new(wave.slice(s![..240, ..]), truth.slice(s![..240, ..]));
        let settings = ConductorSettings { washout: 20, ridge: Ridge::Fixed(1e-2), ..ConductorSettings::default() };
        let (mut conductor, _) = Conductor::fit(&hybrid, &["u", "x"], &three(), &series, &settings)?;
        let unseen = s![240..360, ..];
        for (k, name) in NAMES.into_iter().enumerate() {
            let truth = truth.slice(s![240..360, k..=k]);
            let series = Series::new(wave.slice(unseen), truth);
            let report = conductor.place(name, substrate.clone(), precision, &series)?;
            println!("{address} {name}: {report:?}");
            assert!(report.steps == 60 && report.placed_skill > Some(0.0), "{name}: {report:?}");
        }
        let mut outputs = Vec::new();
        for t in 360..480 {
            outputs.extend_from_slice(conductor.step(&[wave[[t, 0]]])?);
            for (k, name) in NAMES.into_iter().enumerate() {
                conductor.observe(name, &[truth[[t, k]]])?;
            }
        }
        for name in NAMES {
            let trust = conductor.trust(name)?;
            outputs.extend([trust.skill.expect("scored"), trust.lower.expect("scored")]);
        }
        Ok(outputs)
    };
    let software = run("software:akd1000")?;
    assert_eq!(software, run("emulator:akd1000")?);
    assert_eq!(software.len(), 120 * 5 + 6);
    Ok(())
}

/// What a placed head loses falls with the digits, and the host's product comes back as it was.
#[test]
fn a_placed_head_says_what_it_costs() -> Result<(), Error> {
    let wave = wave(4001);
    let truth = targets(wave.view());
    let mut conductor = conductor(60, wave.view(), truth.slice(s![..2000, ..]))?;
    let mut host = conductor.clone();
    let series = Series::new(wave.slice(s![2000..3000, ..]), truth.slice(s![2000..3000, ..1]));
    let mut last = f64::INFINITY;
    for (state, weight, bound) in [(1, 1, 0.5), (2, 2, 0.05), (3, 3, 1e-2)] {
        let precision = Precision::new(state, weight).expect("allowed");
        let report = conductor.place("next", forebay::open("software:akd1000")?, precision, &series)?;
        println!("{state} x {weight}: {report:?}");
        let difference = report.difference.expect("the outputs vary");
        assert!(difference < bound && difference < last, "{state} x {weight}: {report:?}");
        last = difference;
    }
    let rows = s![3000..3100, ..];
    let compared: Result<Vec<bool>, Error> = wave
        .slice(rows)
        .iter()
        .map(
            |&u| Ok(conductor.step(&[u])?[0] == host.step(&[u])?[0] || conductor.outputs()[1..] != host.outputs()[1..]),
        )
        .collect();
    assert!(compared?.iter().all(|same| !same), "one head moved, the others did not");
    conductor.unplace("next")?;
    assert_eq!(conductor.step(&[0.3])?, host.step(&[0.3])?);
    Ok(())
}

/// Predictions that the host had made were still waiting for their truth when a head was placed, and made the other product
/// trusted: 380 of them, of a head whose product was worthless.
#[test]
fn what_another_product_said_earns_no_trust() -> Result<(), Error> {
    let wave = wave(3001);
    let truth = targets(wave.view());
    let mut conductor = conductor(60, wave.view(), truth.slice(s![..2000, ..]))?;
    let series = Series::new(wave.slice(s![..2000, ..]), truth.slice(s![..2000, ..1]));
    let (precision, substrate) = (Precision::new(1, 1).expect("allowed"), forebay::open("software:akd1000")?);
    for place in [true, false] {
        for _ in 0..200 {
            conductor.step(&[wave[[2000 + conductor.steps() as usize, 0]]])?;
        }
        let before = conductor.steps();
        if place {
            conductor.place("next", substrate.clone(), precision, &series)?;
        } else {
            conductor.unplace("next")?;
        }
        // Truths that come late, with the steps of the new product between them.
        for late in 0..30_u64 {
            let row = 2000 + conductor.steps() as usize;
            conductor.step(&[wave[[row, 0]]])?;
            let step = before - 30 + late;
            conductor.observe_at("next", step, &[truth[[2000 + step as usize, 0]]])?;
            conductor.observe_at("third", step, &[truth[[2000 + step as usize, 1]]])?;
        }
        assert_eq!(conductor.trust("next")?.steps, 0);
        assert!(conductor.trust("third")?.steps >= 30, "the others go on");
        let step = conductor.steps() - 1;
        conductor.observe_at("next", step, &[truth[[2000 + step as usize, 0]]])?;
        assert_eq!(conductor.trust("next")?.steps, 1);
    }
    Ok(())
}

/// Noise about 123456789.123: the mean of 20,000 truths was off by more than their spread, and a head that knew nothing was
/// trusted with a skill of .9.
#[test]
fn nothing_is_learnt_from_noise_at_any_offset() -> Result<(), Error> {
    for (offset, spread) in [(0.0, 1.0), (123_456_789.123, 1e-5), (1e8 / 3.0, 1e-6)] {
        let mut noise = Seed(9).stream("noise");
        let truth = Array2::from_shape_simple_fn((20_000, 1), || offset + spread * noise.normal());
        let input = Array2::from_shape_simple_fn((22_000, 1), || noise.normal());
        let layout = Layout::new([("noise", VALUE)]);
        let series = Series::new(input.slice(s![..20_000, ..]), truth.view());
        let settings = ConductorSettings { ridge: Ridge::Fixed(1e-3), ..ConductorSettings::default() };
        let mut conductor = Conductor::fit(&model(20)?, &["u", "x"], &layout, &series, &settings)?.0;
        for t in 0..2000 {
            conductor.step(&[input[[20_000 + t, 0]]])?;
            conductor.observe("noise", &[offset + spread * noise.normal()])?;
        }
        let trust = conductor.trust("noise")?;
        assert!(trust.skill < Some(0.05) && !trust.is_trusted, "{offset}: {trust:?}");
    }
    Ok(())
}

#[test]
fn persistence_is_the_last_truth_of_the_time() -> Result<(), Error> {
    let wave = wave(1301);
    let kind = HeadKind::Regression { outputs: 1, base: Base::Persistence };
    let mut layout = Layout::new([("next", kind)]);
    layout.heads[0].trust.horizon = Some(1);
    let (inputs, next) = (wave.slice(s![..1300, ..]), wave.slice(s![1.., ..]));
    let train = s![..1000, ..];
    let settings = ConductorSettings { washout: 100, ridge: Ridge::decades(-6, 1), held_back: 0.25, memory: 8 };
    let series = Series::new(inputs.slice(train), next.slice(train));
    let (mut conductor, fits) = Conductor::fit(&model(40)?, &["x"], &layout, &series, &settings)?;
    assert_eq!((fits[0].steps, fits[0].reliability.is_none()), (900, true));
    let (mut squares, mut of_base) = (0.0, 0.0);
    for t in 1000..1016 {
        let y = conductor.step(&[wave[[t, 0]]])?[0];
        // Truth is told two steps late, and yet the forecast to beat is that of one step before: the value of this time. The
        // first prediction has none and does not count.
        if t > 1000 {
            squares += (y - next[[t, 0]]).powi(2);
            of_base += (wave[[t, 0]] - next[[t, 0]]).powi(2);
        }
        if t >= 1002 {
            conductor.observe_at("next", conductor.steps() - 3, &[next[[t - 2, 0]]])?;
        }
    }
    conductor.observe_at("next", 14, &[next[[1014, 0]]])?;
    conductor.observe_at("next", 15, &[next[[1015, 0]]])?;
    let (trust, expected) = (conductor.trust("next")?, 1.0 - squares / of_base);
    assert!((trust.skill.expect("scored") - expected).abs() < 1e-9, "{trust:?}, {expected}");
    assert_eq!((trust.steps, trust.lower), (15, None), "fewer than the minimum");
    Ok(())
}

/// Errors of several values count in units of each value's own spread: without it a loud one, which is noise here, is all that counts.
#[test]
fn a_loud_value_does_not_drown_a_quiet_one() -> Result<(), Error> {
    let (wave, mut noise) = (wave(1301), Seed(8).stream("loud"));
    let truth =
        Array2::from_shape_fn((1300, 2), |(t, k)| if k == 0 { wave[[t + 1, 0]] } else { 300.0 * noise.normal() });
    let mut layout = Layout::new([("both", HeadKind::Regression { outputs: 2, base: Base::Mean })]);
    layout.heads[0].trust.window = 300;
    let series = Series::new(wave.slice(s![..1000, ..]), truth.slice(s![..1000, ..]));
    let settings = ConductorSettings { washout: 100, ridge: Ridge::Fixed(1e-3), ..ConductorSettings::default() };
    let (mut conductor, fits) = Conductor::fit(&model(40)?, &["x"], &layout, &series, &settings)?;
    let learnt = truth.slice(s![100..100 + fits[0].steps, ..]);
    let (means, variances) = (learnt.mean_axis(Axis(0)).expect("rows"), learnt.var_axis(Axis(0), 0.0));
    let (mut loss, mut of_base) = (0.0, 0.0);
    for t in 1000..1300 {
        let outputs = conductor.step(&[wave[[t, 0]]])?.to_vec();
        conductor.observe("both", &truth.row(t).to_vec())?;
        for k in 0..2 {
            loss += (outputs[k] - truth[[t, k]]).powi(2) / variances[k];
            of_base += (means[k] - truth[[t, k]]).powi(2) / variances[k];
        }
    }
    let (trust, expected) = (conductor.trust("both")?, 1.0 - loss / of_base);
    assert_eq!(trust.steps, 300);
    assert!((trust.skill.expect("scored") - expected).abs() < 1e-9 && expected > 0.3, "{trust:?}, {expected}");
    Ok(())
}

/// Names mean nothing to the library: 11 and 36 heads are data.
#[test]
fn layouts_are_data() -> Result<(), Error> {
    let kinds = |i: usize| match i % 3 {
        0 => VALUE,
        1 => HeadKind::Classification { classes: 2 + i % 4 },
        _ => HeadKind::Probability,
    };
    let wave = wave(1200);
    for count in [11, 36] {
        let heads = (0..count).map(|i| Definition::new(format!("head {:02}", i + 1), kinds(i)));
        let layout = Layout { heads: heads.collect() };
        let text = serde_json::to_string(&layout).expect("it is plain data");
        assert_eq!(serde_json::from_str::<Layout>(&text).expect("it was written here"), layout);
        let mut stream = Seed(count as u64).stream("truth");
        let columns: Vec<Array2<f64>> = layout
            .heads
            .iter()
            .map(|head| {
                let classes = head.kind.rows().max(2) as u64;
                Array2::from_shape_simple_fn((1200, head.kind.columns()), || match head.kind {
                    HeadKind::Regression { .. } => stream.normal(),
                    _ => stream.below(classes) as f64,
                })
            })
            .collect();
        let views: Vec<ArrayView2<'_, f64>> = columns.iter().map(|column| column.view()).collect();
        let targets = concatenate(Axis(1), &views).expect("rows agree");
        let series = Series::new(wave.view(), targets.view());
        let (mut conductor, fits) =
            Conductor::fit(&model(40)?, &["x"], &layout, &series, &ConductorSettings::default())?;
        assert_eq!((fits.len(), conductor.step(&[0.1])?.len()), (count, layout.rows()));
    }
    let written =
        include_str!("../../../specs/conductor.md").split("```json").nth(1).and_then(|rest| rest.split("```").next());
    let written: Layout = serde_json::from_str(written.expect("the layout of the specification")).expect("it is one");
    assert_eq!((written.heads.len(), written.heads[8].trust.threshold), (11, 0.05));
    let text = r#"{"heads": [{"name": "a", "kind": "probability", "trust": {"window": 100}, "colour": 3}]}"#;
    assert!(serde_json::from_str::<Layout>(text).is_err(), "no field is ignored");
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<(), Error> {
    let wave = wave(1001);
    let truth = targets(wave.view());
    let model = model(20)?;
    let series = Series::new(wave.slice(s![..1000, ..]), truth.view());
    let fit = |layout: &Layout, series: &Series<'_, f64>, settings: &ConductorSettings| {
        Conductor::fit(&model, &["x"], layout, series, settings).map(drop)
    };
    let settings = ConductorSettings::default();
    let head = |kind: HeadKind, trust: Rule| Layout { heads: vec![Definition { name: "a".to_owned(), kind, trust }] };
    for layout in [
        Layout::default(),
        head(HeadKind::Regression { outputs: 0, base: Base::Mean }, Rule::default()),
        head(HeadKind::Regression { outputs: usize::MAX, base: Base::Mean }, Rule::default()),
        head(HeadKind::Classification { classes: 1 }, Rule::default()),
        head(VALUE, Rule { window: 15, ..Rule::default() }),
        head(VALUE, Rule { minimum: 257, ..Rule::default() }),
        head(VALUE, Rule { window: usize::MAX, ..Rule::default() }),
        head(VALUE, Rule { threshold: f64::NAN, ..Rule::default() }),
        head(VALUE, Rule { threshold: 1.0, ..Rule::default() }),
    ] {
        assert!(matches!(fit(&layout, &series, &settings), Err(Error::Range { .. })), "{layout:?}");
    }
    for names in [["a", "a"], ["a", ""]] {
        let layout = Layout::new(names.map(|name| (name, VALUE)));
        assert!(matches!(fit(&layout, &series, &settings), Err(Error::Misuse { .. })), "{names:?}");
    }
    for bad in [
        ConductorSettings { memory: 0, ..settings.clone() },
        ConductorSettings { memory: usize::MAX, ..settings.clone() },
        ConductorSettings { held_back: 1.0, ..settings.clone() },
        ConductorSettings { held_back: f64::NAN, ..settings.clone() },
    ] {
        assert!(matches!(fit(&three(), &series, &bad), Err(Error::Range { .. })), "{bad:?}");
    }
    for bad in [
        ConductorSettings { washout: usize::MAX, ..settings.clone() },
        ConductorSettings { washout: 999, ..settings.clone() },
        ConductorSettings { ridge: Ridge::Fixed(-1.0), ..settings.clone() },
        ConductorSettings { ridge: Ridge::decades(0, -1), ..settings.clone() },
    ] {
        assert!(matches!(fit(&three(), &series, &bad), Err(Error::Train(_))), "{bad:?}");
    }
    for (row, column, value) in [(3, 1, 3.0), (3, 1, 0.5), (3, 1, -1.0), (7, 2, 2.0)] {
        let mut truth = truth.clone();
        truth[[row, column]] = value;
        let series = Series::new(series.inputs, truth.view());
        assert!(matches!(fit(&three(), &series, &settings), Err(Error::Range { .. })), "{value}");
    }
    let short = Series::new(wave.slice(s![..999, ..]), truth.view());
    assert!(matches!(fit(&three(), &short, &settings), Err(Error::Shape { .. })));
    let nodes = |nodes: &[&str]| Conductor::fit(&model, nodes, &three(), &series, &settings).map(drop);
    assert!(matches!(nodes(&["nothing"]), Err(Error::Unknown { .. })));
    assert!(matches!(nodes(&[]), Err(Error::Shape { .. })));

    let (mut conductor, _) = Conductor::fit(&model, &["x"], &three(), &series, &settings)?;
    assert!(matches!(conductor.prediction("next"), Err(Error::Misuse { .. })));
    conductor.step(&[0.1])?;
    let before = conductor.outputs().to_vec();
    assert!(matches!(conductor.step(&[f64::NAN]), Err(Error::NonFinite { .. })));
    assert_eq!((conductor.outputs(), conductor.steps()), (&before[..], 1));
    assert!(matches!(conductor.observe("nobody", &[0.0]), Err(Error::Unknown { .. })));
    assert!(matches!(conductor.observe("next", &[f64::INFINITY]), Err(Error::NonFinite { .. })));
    assert!(matches!(conductor.observe("next", &[0.0, 0.0]), Err(Error::Shape { .. })));
    assert!(matches!(conductor.observe("third", &[3.0]), Err(Error::Range { .. })));
    conductor.observe("third", &[2.0])?;
    Ok(())
}

/// The software substrate, which fails when told to.
#[derive(Debug)]
struct Faulty(Software, Arc<AtomicBool>);

#[derive(Debug)]
struct FaultyProgram(Arc<dyn Loaded>, Arc<AtomicBool>);

#[derive(Debug)]
struct FaultyRunner(Box<dyn Runner>, Arc<AtomicBool>);

impl Substrate for Faulty {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        self.0.supports(op)
    }
    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        Ok(Arc::new(FaultyProgram(self.0.load(program)?, Arc::clone(&self.1))))
    }
}

impl Loaded for FaultyProgram {
    fn shape(&self) -> &ProgramShape {
        self.0.shape()
    }
    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        Ok(Box::new(FaultyRunner(self.0.runner()?, Arc::clone(&self.1))))
    }
    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        self.0.patch(patches)
    }
    fn verify(&self) -> Result<(), SubstrateError> {
        self.0.verify()
    }
    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.0.read_memory(layer, words)
    }
    fn unload(&self) -> Result<(), SubstrateError> {
        self.0.unload()
    }
}

impl Runner for FaultyRunner {
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
        if self.1.load(Ordering::Relaxed) { Err(SubstrateError::Unloaded) } else { self.0.run(inputs, outputs) }
    }
    fn generation(&self) -> u64 {
        self.0.generation()
    }
}

/// The model has made its step by the time a head fails; it goes back, as if there had been none.
#[test]
fn a_failing_head_leaves_everything_as_it_was() -> Result<(), Error> {
    let wave = wave(1201);
    let truth = targets(wave.view());
    let mut conductor = conductor(20, wave.view(), truth.slice(s![..800, ..]))?;
    let series = Series::new(wave.slice(s![800..1000, ..]), truth.slice(s![800..1000, ..1]));
    let fails = Arc::new(AtomicBool::new(false));
    let faulty = Arc::new(Faulty(Software::new(Device::Akd1000)?, Arc::clone(&fails)));
    conductor.place("next", faulty, Precision::default(), &series)?;
    let mut undisturbed = conductor.clone();
    for t in 1000..1100 {
        if t % 3 == 0 {
            fails.store(true, Ordering::Relaxed);
            let before = conductor.outputs().to_vec();
            let failed = conductor.step(&[0.7]);
            assert!(matches!(failed, Err(Error::Substrate(SubstrateError::Unloaded))));
            assert_eq!((conductor.outputs(), conductor.steps()), (&before[..], t as u64 - 1000));
            fails.store(false, Ordering::Relaxed);
        }
        assert_eq!(conductor.step(&[wave[[t, 0]]])?, undisturbed.step(&[wave[[t, 0]]])?);
    }
    Ok(())
}
