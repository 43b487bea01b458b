//! A ladder judges by errors that twins of both networks, stepped beside it, make as well.

use forebay::drift::{Action, DriftMonitor, DriftSettings, Ladder, Policy};
use forebay::random::Seed;
use forebay::{Error, Esn, HybridEsn};
use ndarray::{Array2, s};

/// What goes wrong, from step 400 on.
#[derive(Clone, Copy)]
enum Change {
    /// Twice as large, for good: a new readout is right.
    Scale,
    /// Turned over for so long that the readout is fitted to it, and is judged after it.
    Episode,
    /// Noise that no readout can tell.
    Noise,
}

const BEGINS: usize = 400;
const POLICY: Policy = Policy {
    refit_after: 300,
    retrain_after: 500,
    trial: 100,
    washout: 20,
    good_enough: 3.0,
    recalibrate: 200,
    refit: forebay::drift::Refit::Ridge(forebay::train::Ridge::Fixed(1e-4)),
};

fn input(step: usize) -> [f64; 2] {
    [libm::sin(0.31 * step as f64), libm::cos(0.17 * step as f64)]
}

/// Two outputs, the second quieter; `hold` is the step of the alarm.
fn truth(step: usize, change: Option<Change>, hold: Option<usize>) -> [f64; 2] {
    let [mut noise, mut loud] = [0, 1].map(|line| Seed(7).stream("noise").at(line, step as u64));
    let ([a, b], [c, d]) = (input(step), input(step.saturating_sub(1)));
    let (mut first, second) = (a * d, 0.1 * (b + c) + 0.002 * noise.normal());
    let gathered = |hold: usize| step > hold + POLICY.refit_after;
    match change {
        Some(Change::Scale) => first *= 2.0,
        Some(Change::Episode) if hold.is_none_or(|hold| !gathered(hold)) => first = -first,
        Some(Change::Noise) => first += 0.8 * loud.normal(),
        Some(Change::Episode) | None => {}
    }
    [first + 0.02 * noise.normal(), second]
}

/// The network, the ladder that begins to watch it, and the error that it knows.
fn watched() -> Result<(HybridEsn<f64>, Ladder<f64>, f64), Error> {
    // Long after, and before anything has changed.
    let rows = |of: &dyn Fn(usize) -> [f64; 2]| Array2::from_shape_fn((600, 2), |(t, k)| of(100_000 + t)[k]);
    let (inputs, targets) = (rows(&input), rows(&|step| truth(step, None, None)));
    let mut esn = Esn::new(30).washout(50).ridge(1e-4).fit(inputs.view(), targets.view())?;
    esn.reset();
    let residuals = esn.run(inputs.view())? - &targets;
    let settled = residuals.slice(s![100.., ..]);
    let before = settled.mapv(|e| e * e).mean().expect("numbers").sqrt();
    let monitor = DriftMonitor::calibrate(DriftSettings::default(), settled)?;
    esn.reset();
    Ok((esn, Ladder::new(monitor, POLICY, before)?, before))
}

/// Runs until control is given back, and checks every verdict; gives the names of what was done.
fn verdicts(change: Change) -> Result<Vec<&'static str>, Error> {
    let (mut esn, mut ladder, before) = watched()?;
    let (mut done, mut hold, mut ended) = (Vec::new(), None, false);
    // The network that ran before a new readout came, with the errors of both.
    let mut trial: Option<(HybridEsn<f64>, [f64; 2], usize)> = None;
    let (mut seen, mut last) = (0, f64::NAN);
    for step in 0..3000 {
        let (features, truth) = (input(step), truth(step, (step >= BEGINS).then_some(change), hold));
        let square = |outputs: &[f64]| outputs.iter().zip(&truth).map(|(y, t)| (y - t) * (y - t)).sum::<f64>();
        let new = square(esn.step(&features)?);
        if let Some((old, errors, steps)) = &mut trial {
            errors[0] += square(old.step(&features)?);
            errors[1] += new;
            *steps += 1;
        }
        let twin = esn.clone();
        ladder.observe(&mut esn, &features, &truth)?;
        let log: Vec<Action> = ladder.log()[seen..].iter().map(|entry| entry.action.clone()).collect();
        seen = ladder.log().len();
        for action in log {
            let judged = |trial: &Option<(HybridEsn<f64>, [f64; 2], usize)>| {
                let (_, errors, steps) = trial.as_ref().expect("a trial was under way");
                assert_eq!(*steps, POLICY.trial);
                errors.map(|error| (error / (2 * steps) as f64).sqrt())
            };
            let close =
                |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12 * expected, "{found} {expected}");
            done.push(match action {
                Action::Hold { .. } => {
                    assert!(step >= BEGINS, "a false alarm at {step}: choose another seed");
                    hold = Some(step);
                    "hold"
                }
                Action::Refit { steps } | Action::Retrain { steps } => {
                    let is_first = matches!(action, Action::Refit { .. });
                    assert_eq!(steps, if is_first { POLICY.refit_after } else { POLICY.retrain_after });
                    trial = Some((twin.clone(), [0.0; 2], 0));
                    if is_first { "refit" } else { "retrain" }
                }
                Action::RollBack { old, new } => {
                    let [by_old, by_new] = judged(&trial);
                    close(old, by_old);
                    close(new, by_new);
                    assert!(new >= old);
                    let (back, _, _) = trial.as_ref().expect("as above");
                    assert_eq!(esn.model().readout("output")?, back.model().readout("output")?);
                    last = old;
                    "roll back"
                }
                Action::Escalate { new, limit } => {
                    let [by_old, by_new] = judged(&trial);
                    close(new, by_new);
                    assert!(new < by_old && new > limit);
                    last = new;
                    "escalate"
                }
                Action::GiveBack { error, before: was, is_good } => {
                    assert_eq!(was, before);
                    if done.last() != Some(&"roll back") && done.last() != Some(&"escalate") {
                        last = judged(&trial)[1];
                    }
                    close(error, last);
                    assert_eq!(is_good, error <= POLICY.good_enough * was);
                    ended = true;
                    if is_good { "good" } else { "not good" }
                }
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(ladder.is_trusted(), ended || hold.is_none());
        if ended {
            return Ok(done);
        }
    }
    panic!("no end of {done:?}")
}

#[test]
fn a_change_that_can_be_learnt_is() -> Result<(), Error> {
    assert_eq!(verdicts(Change::Scale)?, ["hold", "refit", "good"]);
    Ok(())
}

#[test]
fn what_was_learnt_of_an_episode_is_taken_back() -> Result<(), Error> {
    assert_eq!(verdicts(Change::Episode)?, ["hold", "refit", "roll back", "good"]);
    Ok(())
}

#[test]
fn noise_climbs_the_whole_ladder_and_is_not_called_good() -> Result<(), Error> {
    let done = verdicts(Change::Noise)?;
    assert_eq!((done[..2].to_vec(), done.last()), (vec!["hold", "refit"], Some(&"not good")));
    assert!(done.contains(&"retrain"), "{done:?}");
    Ok(())
}
