//! What ran on a substrate is kept in floats, and not taken for the same.

use forebay::conductor::{Base, ConductorSettings, HeadKind, Layout};
use forebay::drift::{Action, Watched};
use forebay::keep::{Keep, KeepError, KeepWithModel, model};
use forebay::model::Model;
use forebay::train::classify::{Classifier, Pooling};
use forebay::train::online::{OnlineFeedback, OnlineTrainer, Rls};
use forebay::train::{Ridge, Series};
use forebay::{Compiler, Conductor, Error, HybridEsn, Precision};
use ndarray::{Array2, s};

use crate::things::{KEPT_AT, Thing, deep, small, wave};

fn compiled(float: &Model<f64>, digits: u8, is_calibrated: bool) -> Result<Model<f64>, Error> {
    let precision = Precision::new(digits, 1).expect("allowed");
    let data = Array2::from_shape_fn((60, 2), |(step, k)| wave(step as u64, k as u64));
    let compiler = Compiler::new(forebay::open("software:akd1000")?).precision(precision);
    if is_calibrated { compiler.calibrate(data.view()).compile(float) } else { compiler.compile(float) }
}

#[test]
fn a_compiled_trainer_needs_its_compilation_again() -> Result<(), Error> {
    let on_chip = compiled(&deep()?, 2, true)?;
    let rls = Rls::new(13, 1, 1.0, 1e-2)?;
    let mut trainer = OnlineTrainer::new(&on_chip, "z", rls, OnlineFeedback::Own)?;
    let go_on = |trainer: &mut OnlineTrainer<f64, Rls>, from: u64| -> Result<Vec<u64>, Error> {
        let mut bits = Vec::new();
        for step in from..from + 200 {
            bits.push(trainer.step(&[wave(step, 0), wave(step, 1)], &[wave(step + 2, 0)])?[0].to_bits());
        }
        Ok(bits)
    };
    go_on(&mut trainer, 0)?;
    let bytes = trainer.to_bytes()?;

    let error = OnlineTrainer::<f64, Rls>::from_bytes(&bytes).expect_err("no file holds a substrate");
    assert!(matches!(error, Error::Keep(KeepError::Compiled { .. })), "{error}");
    let float = model::<f64>(&bytes)?;
    for other in [float.clone(), compiled(&float, 3, true)?] {
        let error = OnlineTrainer::<f64, Rls>::from_bytes_with(&bytes, &other).expect_err("another arithmetic");
        assert!(matches!(error, Error::Keep(KeepError::Model { .. })), "{error}");
    }
    // The ranges that were fitted to data are in the model's notes.
    let again = compiled(&float, 2, false)?;
    let mut loaded = OnlineTrainer::<f64, Rls>::from_bytes_with(&bytes, &again)?;
    assert_eq!(loaded.to_bytes()?, bytes);
    assert_eq!(go_on(&mut loaded, KEPT_AT)?, go_on(&mut trainer, KEPT_AT)?);

    // Floats may be given as well; and a float file needs no model.
    let float = OnlineTrainer::<f64, Rls>::made()?;
    OnlineTrainer::<f64, Rls>::from_bytes_with(&float.to_bytes()?, float.session().model())?;
    Ok(())
}

/// Refused alone, and with its compilation the same.
fn assert_needs_compilation<A: Thing + KeepWithModel<f64>>(mut thing: A) -> Result<A, Error> {
    let bytes = thing.to_bytes()?;
    let error = A::from_bytes(&bytes).err().expect("no file holds a substrate");
    assert!(matches!(error, Error::Keep(KeepError::Compiled { .. })), "{}: {error}", A::KIND);
    let esn = HybridEsn::from_model(model::<f64>(&bytes)?)?.with_substrate(forebay::open("software:akd1000")?)?;
    let mut loaded = A::from_bytes_with(&bytes, esn.model())?;
    assert!(loaded.to_bytes()? == bytes, "{}", A::KIND);
    assert!(thing.go_on(KEPT_AT, 40) == loaded.go_on(KEPT_AT, 40), "{}", A::KIND);
    Ok(loaded)
}

#[test]
fn so_do_classifiers_conductors_and_ladders() -> Result<(), Error> {
    let on_chip = |inputs| Compiler::new(forebay::open("software:akd1000")?).compile(&small::<f64>(inputs)?);
    let sequences: Vec<Array2<f64>> =
        (0..20).map(|n| Array2::from_shape_fn((12, 1), |(t, _)| wave(t as u64, n))).collect();
    let views: Vec<_> = sequences.iter().map(|sequence| sequence.view()).collect();
    let labels: Vec<usize> = (0..20).map(|n| n % 2).collect();
    let ridge = Ridge::Fixed(0.1);
    assert_needs_compilation(Classifier::fit(&on_chip(1)?, "none", &[Pooling::Mean], &ridge, &views, &labels, 2)?)?;

    let layout = Layout::new([("ahead", HeadKind::Regression { outputs: 2, base: Base::Mean })]);
    let inputs = Array2::from_shape_fn((400, 2), |(t, k)| wave(t as u64, k as u64));
    let series = Series::new(inputs.view(), inputs.view());
    let (mut conductor, _) = Conductor::fit(&on_chip(2)?, &["x"], &layout, &series, &ConductorSettings::default())?;
    conductor.go_on(0, 50);
    assert_needs_compilation(conductor)?;

    // From here on the ladder holds; then a model is on trial, which was compiled by training.
    let Watched { esn, ladder } = Watched::<f64>::made()?;
    let watched = Watched { esn: esn.with_substrate(forebay::open("software:akd1000")?)?, ladder };
    let mut watched = assert_needs_compilation(watched)?;
    watched.go_on(KEPT_AT, 25);
    assert!(matches!(watched.ladder.log().last().map(|entry| &entry.action), Some(Action::Refit { .. })));
    let error = watched.to_bytes().expect_err("it is on trial");
    assert!(matches!(error, Error::Keep(KeepError::NotKept { .. })), "{error}");
    Ok(())
}

#[test]
fn a_placed_head_is_refused_by_name() -> Result<(), Error> {
    let layout = Layout::new([("value", HeadKind::Regression { outputs: 1, base: Base::Mean })]);
    let inputs = Array2::from_shape_fn((400, 2), |(t, k)| wave(t as u64, k as u64));
    let targets = Array2::from_shape_fn((400, 1), |(t, _)| wave(t as u64 + 1, 0));
    let series = Series::new(inputs.view(), targets.view());
    let (mut conductor, _) = Conductor::fit(&deep()?, &["first"], &layout, &series, &ConductorSettings::default())?;
    let later = Series::new(inputs.slice(s![200.., ..]), targets.slice(s![200.., ..]));
    let digits = Precision::new(3, 2).expect("allowed");
    conductor.place("value", forebay::open("software:akd1000")?, digits, &later)?;
    let error = conductor.to_bytes().expect_err("it is placed");
    let expected = KeepError::Placed { head: "value".to_owned() };
    assert!(matches!(&error, Error::Keep(found) if *found == expected), "{error}");
    conductor.unplace("value")?;
    Conductor::<f64>::from_bytes(&conductor.to_bytes()?)?;
    Ok(())
}
