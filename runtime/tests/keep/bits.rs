//! What was loaded goes on with the bits of what was saved.

use forebay::checkpoint::Checkpoint;
use forebay::drift::{Action, DriftMonitor, Watched};
use forebay::keep::Keep;
use forebay::parallel::ParallelReservoirs;
use forebay::train::classify::Classifier;
use forebay::train::online::{Lms, OnlineTrainer, Rls};
use forebay::train::sequence::SequenceRegression;
use forebay::{Conductor, Error};

use crate::things::{KEPT_AT, Thing, deep, monitor, monitors};

const MORE: u64 = 1000;

fn assert_goes_on<A: Thing>(mut thing: A, name: &str) -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("thing.kept");
    thing.save(&path)?;
    let mut loaded = A::load(&path)?;
    assert!(loaded.to_bytes()? == thing.to_bytes()?, "{name}: equal things give equal bytes");
    let (expected, found) = (thing.go_on(KEPT_AT, MORE), loaded.go_on(KEPT_AT, MORE));
    assert!(expected.len() as u64 >= MORE / 10 && expected.iter().any(|&bits| bits > 1 << 32), "{name}");
    let differs = expected.iter().zip(&found).position(|(a, b)| a != b);
    assert!(expected.len() == found.len() && differs.is_none(), "{name}: value {differs:?} differs");
    // In the end they are the same all over.
    assert!(loaded.to_bytes()? == thing.to_bytes()?, "{name}: after {MORE} steps");
    Ok(())
}

fn made<A: Thing>() -> Result<(), Error> {
    assert_goes_on(A::made()?, A::KIND)
}

#[test]
fn learners() -> Result<(), Error> {
    made::<Rls>()?;
    made::<Lms>()
}

#[test]
fn trainers() -> Result<(), Error> {
    made::<OnlineTrainer<f64, Rls>>()?;
    made::<OnlineTrainer<f32, Rls>>()?;
    made::<OnlineTrainer<f32, Lms>>()
}

/// In every stage: warming up, watching, in the cool-down, gathering what is to be normal, in the middle of a block.
#[test]
fn monitors_in_every_stage() -> Result<(), Error> {
    for (name, settings) in monitors() {
        let mut alarms = 0;
        for steps in [0, 5, 150, 215, 230, 260, 333, 461, 777] {
            let monitor = monitor(settings.clone(), steps)?;
            alarms = alarms.max(monitor.alarms());
            assert_goes_on(monitor, &format!("{name} after {steps} steps"))?;
        }
        assert!(alarms > 0, "{name}: no alarm was kept");
    }
    Ok(())
}

#[test]
fn classifiers() -> Result<(), Error> {
    made::<Classifier<f64>>()?;
    made::<Classifier<f32>>()
}

#[test]
fn regressions_of_sequences() -> Result<(), Error> {
    made::<SequenceRegression<f64>>()?;
    made::<SequenceRegression<f32>>()
}

#[test]
fn conductors() -> Result<(), Error> {
    made::<Conductor<f64>>()?;
    made::<Conductor<f32>>()?;
    // At rest again, with the trust that was earned.
    let mut conductor = Conductor::<f64>::made()?;
    conductor.reset();
    assert_goes_on(conductor, "a conductor that was reset")
}

#[test]
fn reservoirs_of_a_grid() -> Result<(), Error> {
    made::<ParallelReservoirs>()
}

/// Learner and monitor beside a session in one checkpoint.
#[test]
fn sections_of_a_checkpoint() -> Result<(), Error> {
    let model = deep::<f64>()?;
    let mut session = model.session();
    session.step(&[0.5, -0.5])?;
    let (mut rls, mut monitor) = (Rls::made()?, DriftMonitor::made()?);
    let run = session.checkpoint().with_section("rls", rls.to_bytes()?).with_section("monitor", monitor.to_bytes()?);
    let kept = Checkpoint::from_bytes(&run.to_bytes())?;

    let mut resumed = model.session();
    resumed.resume(&kept)?;
    assert_eq!(resumed.step(&[0.25, 0.0])?, session.step(&[0.25, 0.0])?);
    let section = |name| kept.section(name).expect("it was put there");
    assert_eq!(Rls::from_bytes(section("rls"))?.go_on(0, 100), rls.go_on(0, 100));
    assert_eq!(DriftMonitor::from_bytes(section("monitor"))?.go_on(0, 100), monitor.go_on(0, 100));
    assert!(Rls::from_bytes(section("monitor")).is_err());
    Ok(())
}

/// In every stage: watching, holding, on trial, recalibrating. Times that training took are told and differ.
#[test]
fn ladders_in_every_stage() -> Result<(), Error> {
    let mut watched = Watched::<f64>::made()?;
    let mut stages = Vec::new();
    let mut step = watched.ladder.steps();
    for _ in 0..24 {
        watched.go_on(step, 37);
        step += 37;
        let stage = match watched.ladder.log().last().map(|entry| &entry.action) {
            Some(Action::Hold { .. } | Action::Escalate { .. }) => "holding",
            Some(Action::Refit { .. } | Action::Retrain { .. }) => "trying",
            Some(Action::GiveBack { .. } | Action::Again { .. }) => "recalibrating",
            _ => "watching",
        };
        let bytes = watched.to_bytes()?;
        let (mut one, mut other) = (Watched::<f64>::from_bytes(&bytes)?, Watched::<f64>::from_bytes(&bytes)?);
        assert!(one.to_bytes()? == bytes, "{stage}");
        if !stages.contains(&stage) {
            stages.push(stage);
            let expected = one.go_on(step, 1000);
            assert!(expected == other.go_on(step, 1000), "{stage} at step {step}");
            // The one that was never on disk.
            assert!(expected == watched.go_on(step, 1000), "{stage} at step {step}");
            watched = Watched::from_bytes(&bytes)?;
        }
    }
    assert_eq!(stages.len(), 4, "{stages:?} {:?}", watched.ladder.log());
    Ok(())
}

/// Code is in no file: a ladder that had some of the caller's does not go on without.
#[test]
fn a_ladder_asks_for_its_retraining() -> Result<(), Error> {
    let Watched { esn, ladder } = Watched::<f64>::made()?;
    let ladder = ladder.with_retrain(Box::new(|model, _, _| Ok(model.clone())));
    let Watched { mut esn, mut ladder } = Watched::from_bytes(&Watched { esn, ladder }.to_bytes()?)?;
    esn.step(&[0.5])?;
    let error = ladder.observe(&mut esn, &[0.5], &[0.5]).expect_err("it lacks its retraining");
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
    let steps = ladder.steps();
    let mut ladder = ladder.with_retrain(Box::new(|model, _, _| Ok(model.clone())));
    ladder.observe(&mut esn, &[0.5], &[0.5])?;
    assert_eq!(ladder.steps(), steps + 1);
    Ok(())
}
