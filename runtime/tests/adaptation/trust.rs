//! Trust against known skill: one base of persistence, whatever the order of the calls, live and placed.

use forebay::conductor::{Base, ConductorSettings, HeadKind, Layout};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::{Seed, Stream};
use forebay::reservoir::Reservoir;
use forebay::train::{Ridge, Series};
use forebay::{Conductor, Error, Precision};
use ndarray::{Array2, s};
use proptest::prelude::*;

const VALUE: HeadKind = HeadKind::Regression { outputs: 1, base: Base::Persistence };

/// `count` heads that put out their input each, so that predictions are what the test feeds.
fn heads(count: usize, horizon: usize, window: usize) -> Result<Conductor<f64>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", count);
    let x = g.reservoir("x", u, Reservoir::new(4));
    g.readout("none", [x], 1);
    let model = Model::generate(g.build()?, 1)?;
    let names: Vec<String> = (0..count).map(name).collect();
    let mut layout = Layout::new(names.iter().map(|name| (&name[..], VALUE)));
    for head in &mut layout.heads {
        (head.trust.horizon, head.trust.window) = (Some(horizon), window);
    }
    let mut stream = Seed(1).stream("identity");
    let inputs = Array2::from_shape_simple_fn((2 * count + 50, count), || stream.normal());
    let series = Series::new(inputs.view(), inputs.view());
    let settings = ConductorSettings { washout: 0, ridge: Ridge::Fixed(1e-12), ..ConductorSettings::default() };
    Ok(Conductor::fit(&model, &["u"], &layout, &series, &settings)?.0)
}

fn name(head: usize) -> String {
    format!("head {head:03}")
}

/// `x(t) = phi x(t-1) + noise`.
fn walk(phi: f64, steps: usize, stream: &mut Stream) -> Vec<f64> {
    let spread = if phi < 1.0 { (1.0 / (1.0 - phi * phi)).sqrt() } else { 0.0 };
    let mut x = spread * stream.normal();
    let step = |_| {
        x = phi * x + stream.normal();
        x
    };
    (0..steps).map(step).collect()
}

/// A walk `y` and predictions of `y(t + h)` in step t whose mean squared error is `1 - skill` times that of persistence: their
/// error is that of persistence, a share `alike` of it, and that of another walk.
fn world(phi: f64, horizon: usize, skill: f64, alike: f64, steps: usize, stream: &mut Stream) -> (Vec<f64>, Vec<f64>) {
    let (y, z) = (walk(phi, steps + horizon, stream), walk(phi, steps + horizon, stream));
    let error = |t: usize| {
        let (own, other) = (y[t + horizon] - y[t], z[t + horizon] - z[t]);
        (1.0 - skill).sqrt() * (alike * own + (1.0 - alike * alike).sqrt() * other)
    };
    let predictions = (0..steps).map(|t| y[t + horizon] - error(t)).collect();
    (y, predictions)
}

/// 200 heads of known skill at each horizon, half of it zero or below: how often each is trusted in a window of its own, and
/// whether the skill seen is the one there is.
#[test]
fn heads_without_skill_are_seldom_trusted() -> Result<(), Error> {
    let (count, window, windows) = (200, 256, 8);
    for horizon in [1, 5, 20] {
        let mut stream = Seed(horizon as u64).stream("worlds");
        let steps = window * windows + 2 * horizon;
        let skill = |head: usize| [0.0, 0.0, -0.3, 0.4, 0.0, -0.05, 0.8, 0.4][head % 8];
        let worlds: Vec<_> = (0..count)
            .map(|head| {
                let (phi, alike) = ([1.0, 0.99, 0.9][head % 3], [0.0, 0.7, 0.3][head / 3 % 3]);
                world(phi, horizon, skill(head), alike, steps, &mut stream)
            })
            .collect();
        let mut conductor = heads(count, horizon, window)?;
        let mut seen = vec![Vec::new(); count];
        let (mut trusted, mut asked, mut above, mut bounds) = ([0; 2], [0; 2], 0, 0);
        for t in 0..steps {
            let features: Vec<f64> = worlds.iter().map(|(_, predictions)| predictions[t]).collect();
            conductor.step(&features)?;
            let Some(told) = t.checked_sub(horizon) else { continue };
            for (head, (y, _)) in worlds.iter().enumerate() {
                conductor.observe_at(&name(head), told as u64, &[y[told + horizon]])?;
                // The first `horizon` predictions have no persistence.
                if told < horizon || (told + 1 - horizon) % window != 0 {
                    continue;
                }
                let trust = conductor.trust(&name(head))?;
                assert_eq!(trust.steps, window);
                let (has_skill, lower) = (usize::from(skill(head) > 0.0), trust.lower.expect("the window is full"));
                trusted[has_skill] += usize::from(trust.is_trusted);
                asked[has_skill] += 1;
                above += usize::from(lower > skill(head));
                bounds += 1;
                seen[head].push(trust.skill.expect("walks never stand still"));
            }
        }
        let share = |of: usize, all: usize| 100.0 * of as f64 / all as f64;
        println!(
            "h = {horizon}: {:.2} % of {} windows without skill trusted, {:.1} % of {} with; bound above the skill in {:.2} %",
            share(trusted[0], asked[0]),
            asked[0],
            share(trusted[1], asked[1]),
            asked[1],
            share(above, bounds)
        );
        assert_eq!(asked[0] + asked[1], count * windows);
        assert!(20 * trusted[0] <= asked[0] && 20 * above <= bounds, "{trusted:?} of {asked:?}, {above} of {bounds}");
        assert!(trusted[1] > trusted[0], "skill is found");
        // Ratios of few independent errors are skewed, so medians; at h = 20 a window holds a dozen.
        for chosen in [-0.3, 0.0, 0.4, 0.8] {
            let mut of: Vec<f64> = (0..count).filter(|&h| skill(h) == chosen).flat_map(|h| seen[h].clone()).collect();
            of.sort_by(f64::total_cmp);
            let median = of[of.len() / 2];
            println!("  skill {chosen}: median seen {median:.3}");
            assert!((median - chosen).abs() < if horizon == 20 { 0.15 } else { 0.05 }, "{chosen}: {median}");
        }
    }
    Ok(())
}

/// The forecast of persistence was frozen inside `step`, so a head told the truth after the step was compared with a forecast
/// older by the horizon and one more, and a head without skill was trusted.
#[test]
fn persistence_does_not_depend_on_the_order_of_calls() -> Result<(), Error> {
    for horizon in [1, 5, 20] {
        let steps = 600;
        let (y, predictions) = world(1.0, horizon, -0.05, 0.5, steps, &mut Seed(3).stream("world"));
        let mut trusts = Vec::new();
        for order in 0..4 {
            let mut conductor = heads(1, horizon, 512)?;
            let head = name(0);
            for t in 0..steps {
                let tell = |conductor: &mut Conductor<f64>, told: usize| {
                    conductor.observe_at(&head, told as u64, &[y[told + horizon]])
                };
                let late = t.checked_sub(horizon);
                if let (0, Some(told)) = (order, late) {
                    tell(&mut conductor, told)?;
                }
                conductor.step(&[predictions[t]])?;
                match (order, late) {
                    (1, Some(told)) => tell(&mut conductor, told)?,
                    (2, _) => conductor.observe(&head, &[y[t + horizon]])?,
                    // Ten at a time.
                    (3, _) if t % 10 == 9 => (t - 9..=t).try_for_each(|told| tell(&mut conductor, told))?,
                    _ => {}
                }
            }
            // What is not told yet.
            let rest = if order < 2 { steps - horizon } else { steps };
            (rest..steps).try_for_each(|told| conductor.observe_at(&head, told as u64, &[y[told + horizon]]))?;
            trusts.push(conductor.trust(&head)?);
        }
        // By hand, over the newest 512.
        let rows = steps - 512..steps;
        let square = |a: f64| a * a;
        let loss: f64 = rows.clone().map(|t| square(predictions[t] - y[t + horizon])).sum();
        let base: f64 = rows.map(|t| square(y[t] - y[t + horizon])).sum();
        let skill = trusts[0].skill.expect("it is scored");
        assert!((skill - (1.0 - loss / base)).abs() < 1e-6, "h = {horizon}: {skill}, {}", 1.0 - loss / base);
        assert!(!trusts[0].is_trusted, "h = {horizon}: {:?}", trusts[0]);
        assert!(trusts.iter().all(|trust| trust == &trusts[0]), "h = {horizon}: {trusts:?}");
    }
    Ok(())
}

#[test]
fn gaps_and_wrong_orders_of_truths() -> Result<(), Error> {
    let (y, predictions) = world(1.0, 3, 0.2, 0.5, 100, &mut Seed(4).stream("world"));
    let mut conductor = heads(1, 3, 64)?;
    let head = name(0);
    let (mut loss, mut base, mut count) = (0.0, 0.0, 0);
    let told: Vec<usize> = (0..40).filter(|t| t % 5 != 2 && !(15..25).contains(t)).collect();
    for t in 0..40 {
        conductor.step(&[predictions[t]])?;
        if !told.contains(&t) {
            continue;
        }
        conductor.observe(&head, &[y[t + 3]])?;
        // The newest truth of a time up to t is that of a step up to t - 3.
        if let Some(known) = told.iter().rfind(|&&known| known + 3 <= t) {
            loss += (predictions[t] - y[t + 3]) * (predictions[t] - y[t + 3]);
            base += (y[known + 3] - y[t + 3]) * (y[known + 3] - y[t + 3]);
            count += 1;
        }
    }
    let trust = conductor.trust(&head)?;
    assert!((trust.skill.expect("scored") - (1.0 - loss / base)).abs() < 1e-6 && trust.steps == count, "{trust:?}");
    // A truth that was left out may not come behind a later one: what it would change has been counted.
    for (step, value) in [(22, y[25]), (39, y[42])] {
        assert!(matches!(conductor.observe_at(&head, step, &[value]), Err(Error::Misuse { .. })), "{step}");
    }
    assert_eq!(conductor.trust(&head)?, trust, "nothing has changed");
    // After a reset nothing of the old past is left, and the first predictions do not count.
    conductor.reset();
    for t in 0..4 {
        conductor.step(&[predictions[t]])?;
        conductor.observe(&head, &[y[t + 3]])?;
        assert_eq!(conductor.trust(&head)?.steps, count + usize::from(t == 3));
    }
    Ok(())
}

/// `place` compared with the row before, which for longer horizons is not known yet: skill -3.91 instead of -0.04.
#[test]
fn live_host_and_placed_skill_have_one_base() -> Result<(), Error> {
    for horizon in [1, 5, 20] {
        let (count, steps) = (6, 800);
        let mut stream = Seed(5).stream("worlds");
        let skill = |head: usize| [0.0, -0.05, 0.3, 0.6, -0.3, 0.1][head];
        let worlds: Vec<_> = (0..count).map(|head| world(0.9, horizon, skill(head), 0.4, steps, &mut stream)).collect();
        let inputs = Array2::from_shape_fn((steps, count), |(t, head)| worlds[head].1[t]);
        let fresh = heads(count, horizon, 400)?;
        let mut live = fresh.clone();
        for t in 0..steps {
            live.step(&inputs.row(t).to_vec())?;
            for (head, (y, _)) in worlds.iter().enumerate() {
                live.observe(&name(head), &[y[t + horizon]])?;
            }
        }
        for (head, (y, _)) in worlds.iter().enumerate() {
            let truth = Array2::from_shape_fn((steps, 1), |(t, _)| y[t + horizon]);
            let series = Series::new(inputs.view(), truth.view());
            let mut placing = fresh.clone();
            let precision = Precision::new(3, 3).expect("allowed");
            let report = placing.place(&name(head), forebay::open("software:akd1000")?, precision, &series)?;
            let (live, host) = (live.trust(&name(head))?.skill.expect("scored"), report.host_skill.expect("scored"));
            let placed = report.placed_skill.expect("scored");
            println!("h = {horizon}, skill {}: live {live:.4}, host {host:.4}, placed {placed:.4}", skill(head));
            assert!(report.steps == 400 && (live - host).abs() < 1e-9, "h = {horizon}: live {live}, host {host}");
            assert!((placed - host).abs() < 0.05, "h = {horizon}: placed {placed}, host {host}");
        }
        // Where the first half is shorter than the horizon, what has no base is left out.
        let short = Series::new(inputs.slice(s![..10, ..]), inputs.slice(s![..10, ..1]));
        let report = fresh.clone().place(&name(0), forebay::open("software:akd1000")?, Precision::default(), &short)?;
        assert_eq!((report.steps, report.host_skill.is_some()), (if horizon == 20 { 0 } else { 5 }, horizon < 20));
    }
    Ok(())
}

#[test]
fn horizons_are_said_and_fit_the_window() -> Result<(), Error> {
    let fits = |horizon: Option<usize>, window: usize, kind: HeadKind| {
        let mut g = Graph::builder();
        let u = g.input("u", 1);
        let x = g.reservoir("x", u, Reservoir::new(4));
        g.readout("none", [x], 1);
        let mut layout = Layout::new([("a", kind)]);
        (layout.heads[0].trust.horizon, layout.heads[0].trust.window) = (horizon, window);
        let series = walk(0.9, 100, &mut Seed(1).stream("series"));
        let series = Array2::from_shape_vec((100, 1), series).expect("one column");
        let pair = Series::new(series.view(), series.view());
        let settings = ConductorSettings { washout: 10, ..ConductorSettings::default() };
        Conductor::fit(&Model::generate(g.build()?, 1)?, &["x"], &layout, &pair, &settings).map(drop)
    };
    let mean = HeadKind::Regression { outputs: 1, base: Base::Mean };
    assert!(matches!(fits(None, 256, VALUE), Err(Error::Misuse { .. })), "persistence needs a horizon");
    assert!(fits(None, 256, mean).is_ok() && fits(Some(32), 256, VALUE).is_ok());
    for (horizon, window) in [(0, 256), (33, 256), (usize::MAX, 256), (9, 64)] {
        assert!(matches!(fits(Some(horizon), window, mean), Err(Error::Range { .. })), "{horizon} {window}");
    }
    // Errors over 20 steps are no observations of their own in stretches of 8: up to one window in ten was trusted.
    let mut conductor = heads(1, 20, 256)?;
    let (y, predictions) = world(1.0, 20, 0.9, 0.0, 300, &mut Seed(6).stream("world"));
    for t in 0..200 {
        conductor.step(&[predictions[t]])?;
        conductor.observe(&name(0), &[y[t + 20]])?;
        let trust = conductor.trust(&name(0))?;
        assert_eq!(trust.lower.is_some(), trust.steps >= 160, "step {t}: {trust:?}");
    }
    assert!(conductor.trust(&name(0))?.is_trusted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One to five heads with truths missing at random, any offset and unit, of which some stand still: no panic, no trust from
    /// a window that is empty or constant, and counts that add up.
    #[test]
    fn trust_is_earned(
        count in 1_usize..=5,
        share in 0.0..1.0_f64,
        exponent in -9..=12_i32,
        offset in prop::sample::select(vec![0.0, 1e8, -1e8]),
        seed in 0_u64..1000,
    ) {
        let unit = (0..exponent.abs()).fold(1.0, |unit, _| if exponent < 0 { unit / 10.0 } else { unit * 10.0 });
        let mut conductor = heads(count, 2, 64).expect("it fits");
        let mut stream = Seed(seed).stream("worlds");
        let worlds: Vec<_> = (0..count).map(|_| world(0.9, 2, 0.0, 0.3, 400, &mut stream)).collect();
        let mut told = vec![Vec::new(); count];
        for t in 0..400 {
            let features: Vec<f64> = worlds.iter().map(|(_, p)| offset + unit * p[t]).collect();
            conductor.step(&features).expect("it is finite");
            for (head, (y, _)) in worlds.iter().enumerate() {
                // The last head's truth stands still.
                let truth = offset + unit * if head + 1 == count { 1.0 } else { y[t + 2] };
                let missing = stream.uniform() < share;
                let result = conductor.observe(&name(head), &[if missing { f64::NAN } else { truth }]);
                prop_assert_eq!(result.is_err(), missing);
                if !missing {
                    told[head].push(t);
                }
                let trust = conductor.trust(&name(head)).expect("it is there");
                let scored = told[head].iter().filter(|&&t| told[head].iter().any(|&known| known + 2 <= t)).count();
                prop_assert_eq!(trust.steps, scored.min(64));
                prop_assert!(!trust.is_trusted || (trust.steps == 64 && trust.lower > Some(0.0)));
                prop_assert!(!(trust.is_trusted && head + 1 == count), "a truth that stands still: {:?}", trust);
            }
        }
    }
}
