//! A ladder judges by errors that twins of both networks, stepped beside it, make as well.

use forebay::drift::{Action, DriftMonitor, DriftSettings, Ladder, Policy, Refit};
use forebay::model::Model;
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
    refit: Refit::Ridge(forebay::train::Ridge::Fixed(1e-4)),
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
                    assert_eq!(esn.state(), twin.state(), "only readouts are new");
                    assert_eq!(esn.session().steps(), ladder.steps());
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

/// A ladder with its network, driven from one action to the next.
struct Run {
    esn: HybridEsn<f64>,
    ladder: Ladder<f64>,
    step: usize,
    /// The network as it was before the last action.
    before: HybridEsn<f64>,
}

type Truth<'a> = &'a dyn Fn(usize) -> [f64; 2];

fn quiet(step: usize) -> [f64; 2] {
    truth(step, None, None)
}

fn flipped(step: usize) -> [f64; 2] {
    truth(step, Some(Change::Episode), None)
}

fn doubled(step: usize) -> [f64; 2] {
    truth(step, Some(Change::Scale), None)
}

/// With noise in the first output that no readout can tell.
fn loud(truth: Truth<'_>) -> impl Fn(usize) -> [f64; 2] {
    move |step| {
        let [first, second] = truth(step);
        [first + 0.3 * Seed(8).stream("loud").at(0, step as u64).normal(), second]
    }
}

impl Run {
    /// Has watched long enough, and nothing has happened.
    fn new(ladder: impl FnOnce(DriftMonitor, f64) -> Result<Ladder<f64>, Error>) -> Result<Self, Error> {
        let (esn, watched, error) = watched()?;
        let ladder = ladder(watched.monitor().clone(), error)?;
        let mut run = Self { before: esn.clone(), esn, ladder, step: 0 };
        run.steps(BEGINS, &quiet)?;
        Ok(run)
    }

    /// With this retraining.
    fn with(mut retrain: impl FnMut(&Model<f64>) -> Result<Model<f64>, Error> + Send + 'static) -> Result<Self, Error> {
        Self::new(|monitor, error| {
            Ok(Ladder::new(monitor, POLICY, error)?.with_retrain(Box::new(move |model, _, _| retrain(model))))
        })
    }

    /// What is done in the first step in which something is.
    fn until(&mut self, truth: Truth<'_>) -> Result<Vec<Action>, Error> {
        for _ in 0..1500 {
            let told = self.ladder.log().len();
            self.esn.step(&input(self.step))?;
            self.before = self.esn.clone();
            self.ladder.observe(&mut self.esn, &input(self.step), &truth(self.step))?;
            self.step += 1;
            let new = &self.ladder.log()[told..];
            if !new.is_empty() {
                return Ok(new.iter().map(|entry| entry.action.clone()).collect());
            }
        }
        panic!("nothing is done after {:?}", self.ladder.log().last())
    }

    /// So many steps in which nothing is done.
    fn steps(&mut self, steps: usize, truth: Truth<'_>) -> Result<(), Error> {
        let told = self.ladder.log().len();
        for _ in 0..steps {
            self.esn.step(&input(self.step))?;
            self.ladder.observe(&mut self.esn, &input(self.step), &truth(self.step))?;
            self.step += 1;
        }
        assert_eq!(self.ladder.log().len(), told, "{:?}", self.ladder.log().last());
        Ok(())
    }

    /// Until the refit was better than the model that the monitor knows, and not good enough; gives its error.
    fn until_escalated(&mut self) -> Result<f64, Error> {
        assert!(matches!(self.until(&doubled)?[..], [Action::Hold { .. }]));
        assert!(matches!(self.until(&doubled)?[..], [Action::Refit { .. }]));
        match self.until(&loud(&doubled))?[..] {
            [Action::Escalate { new, .. }] => Ok(new),
            ref other => panic!("{other:?}"),
        }
    }

    /// Until a refit to an episode was worse than the model that the monitor knows, which was not good either; gives the error of that.
    fn until_rolled_back(&mut self) -> Result<f64, Error> {
        assert!(matches!(self.until(&flipped)?[..], [Action::Hold { .. }]));
        assert!(matches!(self.until(&flipped)?[..], [Action::Refit { .. }]));
        match self.until(&loud(&quiet))?[..] {
            [Action::RollBack { old, .. }] => Ok(old),
            ref other => panic!("{other:?}"),
        }
    }
}

/// The same graph with another reservoir and no readout.
fn another(model: &Model<f64>) -> Result<Model<f64>, Error> {
    Model::generate(model.graph().clone(), 9)
}

fn failing(_: &Model<f64>) -> Result<Model<f64>, Error> {
    Err(Error::Misuse { what: "this retraining fails", instead: "try another".to_owned() })
}

/// A refit that came back after a worse retraining was taken for the model that the monitor was calibrated on: it was watched by the
/// errors of another model.
#[test]
fn a_refit_that_comes_back_is_learnt_anew() -> Result<(), Error> {
    let mut run = Run::with(another)?;
    run.until_escalated()?;
    assert!(matches!(run.until(&doubled)?[..], [Action::Retrain { .. }]));
    let done = run.until(&doubled)?;
    assert!(matches!(done[..], [Action::RollBack { .. }, Action::GiveBack { is_good: true, .. }]), "{done:?}");
    // The monitor of the old model may say that this one is another.
    let mut done = run.until(&doubled)?;
    if matches!(done[..], [Action::Again { .. }]) {
        done = run.until(&doubled)?;
    }
    assert_eq!((&done[..], run.ladder.monitor().steps()), (&[Action::Watch][..], 0));
    Ok(())
}

/// The model that the monitor knows may come back from the second trial too, and what was normal still is.
#[test]
fn the_model_that_is_known_comes_back_from_either_trial() -> Result<(), Error> {
    let mut run = Run::with(another)?;
    run.until_rolled_back()?;
    assert!(matches!(run.until(&quiet)?[..], [Action::Retrain { .. }]));
    let done = run.until(&quiet)?;
    assert!(matches!(done[..], [Action::RollBack { .. }, Action::GiveBack { is_good: true, .. }]), "{done:?}");
    run.steps(POLICY.recalibrate + 50, &quiet)?;
    assert_eq!(run.ladder.monitor().steps(), run.ladder.steps());
    Ok(())
}

/// Control was given back with an error that is not a number, although a trial had told that of the model in control.
#[test]
fn a_retraining_that_fails_leaves_the_last_error() -> Result<(), Error> {
    for until in [Run::until_escalated, Run::until_rolled_back] {
        let mut run = Run::with(failing)?;
        let known = until(&mut run)?;
        let done = run.until(&loud(&quiet))?;
        assert!(
            matches!(done[..], [Action::Failed { .. }, Action::GiveBack { error, is_good: false, .. }] if error == known),
            "{done:?}, and the error is {known}"
        );
    }
    // Without a trial since the alarm there is none, whatever was before.
    let refit = Refit::RecursiveLeastSquares { forgetting: 2.0, ridge: 1.0 };
    let mut retrained = 0;
    let mut run = Run::new(|monitor, error| {
        let ladder = Ladder::new(monitor, Policy { refit, ..POLICY }, error)?;
        Ok(ladder.with_retrain(Box::new(move |model, _, _| {
            retrained += 1;
            if retrained == 1 { Ok(model.clone()) } else { failing(model) }
        })))
    })?;
    let shifted = |step: usize| quiet(step).map(|y| y + 5.0);
    while run.ladder.log().last().is_none_or(|entry| entry.action != Action::Watch) {
        run.until(&loud(&quiet))?;
    }
    let errors = |run: &Run| {
        let error = |action: &Action| if let Action::GiveBack { error, .. } = action { Some(*error) } else { None };
        run.ladder.log().iter().filter_map(|entry| error(&entry.action)).collect::<Vec<f64>>()
    };
    assert!(matches!(errors(&run)[..], [error] if error > 0.0), "{:?}", run.ladder.log());
    while errors(&run).len() == 1 {
        run.until(&shifted)?;
    }
    assert!(errors(&run)[1].is_nan(), "{:?}", run.ladder.log());
    Ok(())
}

/// A new reservoir was tried from the state of the old one, and after a worse trial the old reservoir went on from the state of the new.
#[test]
fn every_reservoir_has_a_state_of_its_own() -> Result<(), Error> {
    let mut run = Run::with(another)?;
    assert!(matches!(run.until(&flipped)?[..], [Action::Hold { .. }]));
    let gathered = run.step;
    assert!(matches!(run.until(&flipped)?[..], [Action::Refit { .. }]));
    assert!(matches!(run.until(&loud(&quiet))?[..], [Action::RollBack { .. }]));
    assert!(matches!(run.until(&quiet)?[..], [Action::Retrain { .. }]));
    let (mut old, mut new) = (run.before.clone(), run.esn.fork());
    for step in gathered..run.step {
        new.step(&input(step))?;
    }
    assert_eq!(run.esn.state(), new.state());
    assert_ne!(run.esn.state(), old.state());
    assert_eq!(run.esn.session().steps(), POLICY.retrain_after as u64);

    let tried = run.step;
    assert!(matches!(run.until(&quiet)?[0], Action::RollBack { .. }));
    for step in tried..run.step {
        old.step(&input(step))?;
    }
    assert_eq!(run.esn.state(), old.state());
    assert_eq!(run.esn.session().outputs(), old.session().outputs());
    assert_eq!(run.esn.session().steps(), run.step as u64);
    Ok(())
}

/// The next trial is held against the errors that were seen while what is normal was learnt anew.
#[test]
fn a_repair_is_the_normal_that_the_next_one_is_held_against() -> Result<(), Error> {
    let mut run = Run::with(failing)?;
    assert!(matches!(run.until(&doubled)?[..], [Action::Hold { .. }]));
    assert!(matches!(run.until(&doubled)?[..], [Action::Refit { .. }]));
    assert!(matches!(run.until(&doubled)?[..], [Action::GiveBack { is_good: true, .. }]));
    let mut squares = 0.0;
    for _ in 0..POLICY.recalibrate {
        let truth = doubled(run.step);
        squares += run.esn.step(&input(run.step))?.iter().zip(truth).map(|(y, t)| (y - t).powi(2)).sum::<f64>();
        run.ladder.observe(&mut run.esn, &input(run.step), &truth)?;
        run.step += 1;
    }
    assert_eq!(run.ladder.log().last().map(|entry| &entry.action), Some(&Action::Watch));
    assert!(matches!(run.until(&quiet)?[..], [Action::Hold { .. }]));
    assert!(matches!(run.until(&quiet)?[..], [Action::Refit { .. }]));
    let done = run.until(&quiet)?;
    let [Action::GiveBack { before, .. }] = done[..] else { panic!("{done:?}") };
    let expected = (squares / (2 * POLICY.recalibrate) as f64).sqrt();
    assert!((before - expected).abs() < 1e-12 * expected, "{before}, {expected}");
    Ok(())
}
