//! States on disk: a resumed session goes on with the same bits, and nothing damaged or foreign is taken up.

use std::sync::LazyLock;

use forebay::checkpoint::{Checkpoint, CheckpointError};
use forebay::fingerprint::Fingerprint;
use forebay::graph::{Graph, Products, ReservoirSource};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::reservoir::{Activation, Reservoir};
use forebay::{Compiler, Error, Form, Precision, Real};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

// ---- Models to run ----

/// Everything that has a state: two reservoirs, feedback, delays.
fn deep<T: Real>(seed: u64) -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let past = g.delay("past", u, 5);
    let both = g.concat("both", [u, past]);
    let first = g.reservoir_with_feedback("first", both, Reservoir::new(40).density(0.1).leak_rate(0.3), "y");
    let second = g.reservoir("second", first, Reservoir::new(20).density(1.0));
    let pairs = g.products("pairs", u, Products::Unique { degree: 2 });
    g.readout("y", [second, pairs], 2);
    let model = Model::<T>::generate(g.build()?, seed)?;
    let weights = Array2::from_shape_fn((2, 23), |(i, j)| T::from_f64(0.02 * (i as f64 + 1.0) * (j as f64 - 11.0)));
    model.with_readout("y", weights.view(), Array1::from_elem(2, T::from_f64(0.125)).view())
}

/// The same with its recurrent products on a processor, in ranges that were fitted to data.
fn compiled<T: Real>(address: &str, digits: u8) -> Result<Model<T>, Error> {
    let precision = Precision::new(digits, 1).expect("allowed");
    let data = Array2::from_shape_fn((60, 2), |(step, feature)| features::<T>(step as u64)[feature]);
    Compiler::new(forebay::open(address)?).precision(precision).calibrate(data.view()).compile(&deep(5)?)
}

fn features<T: Real>(step: u64) -> [T; 2] {
    [0.3, 0.7].map(|pace| T::from_f64((pace * step as f64).sin()))
}

/// Bits of the outputs of so many steps more.
fn go_on<T: Real>(session: &mut forebay::execute::Session<T>, steps: u64) -> Result<Vec<u64>, Error> {
    let mut bits = Vec::new();
    for _ in 0..steps {
        let features = features::<T>(session.steps());
        bits.extend(session.step(&features)?.iter().map(|y| y.bits()));
    }
    Ok(bits)
}

// ---- Going on ----

fn assert_goes_on<T: Real>(model: &Model<T>, twin: &Model<T>) -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.state");
    let mut session = model.session();
    go_on(&mut session, 13)?;
    session.checkpoint().save(&path)?;
    let expected = go_on(&mut session, 13)?;
    assert!(expected.iter().any(|&bits| bits != 0));

    let mut resumed = twin.session();
    go_on(&mut resumed, 4)?;
    resumed.resume(&Checkpoint::read(&path)?)?;
    assert_eq!(resumed.steps(), 13);
    assert_eq!(go_on(&mut resumed, 13)?, expected);
    assert_eq!(resumed.snapshot(), session.snapshot());
    Ok(())
}

#[test]
fn plain_models_go_on_with_the_same_bits() -> Result<(), Error> {
    fn both<T: Real>() -> Result<(), Error> {
        let model = deep::<T>(5)?;
        // As another process would have it: read from a file, run by another kernel form.
        assert_goes_on(&model, &Model::<T>::from_bytes(&model.to_bytes()?)?.with_form(Form::SCALAR))
    }
    both::<f32>()?;
    both::<f64>()
}

#[test]
fn hybrid_models_go_on_with_the_same_bits_on_any_substrate() -> Result<(), Error> {
    fn both<T: Real>() -> Result<(), Error> {
        let software = compiled::<T>("software:akd1000", 2)?;
        let emulator = compiled::<T>("emulator:akd1000", 2)?;
        assert_goes_on(&software, &software)?;
        assert_goes_on(&emulator, &emulator)?;
        assert_goes_on(&software, &emulator)?;
        assert_goes_on(&emulator, &compiled::<T>("software:akd1500", 2)?)
    }
    both::<f32>()?;
    both::<f64>()
}

#[test]
fn sections_come_back() -> Result<(), Error> {
    let checkpoint = deep::<f32>(5)?.session().checkpoint();
    let checkpoint = checkpoint.with_section("drift", [1, 2]).with_section("", []).with_section("drift", [3]);
    let again = Checkpoint::from_bytes(&checkpoint.to_bytes())?;
    assert_eq!(again, checkpoint);
    assert_eq!(again.sections().collect::<Vec<_>>(), [("", &[][..]), ("drift", &[3][..])]);
    assert_eq!(again.section("evolver"), None);
    Ok(())
}

// ---- Refusals ----

fn refused<T: Real>(model: &Model<T>, checkpoint: &Checkpoint) -> Result<CheckpointError, Error> {
    let mut session = model.session();
    go_on(&mut session, 3)?;
    let before = session.snapshot();
    let Err(Error::Checkpoint(error)) = session.resume(checkpoint) else { panic!("it was taken up") };
    assert_eq!(session.snapshot(), before);
    assert!(!error.to_string().contains('\n'), "{error}");
    Ok(error)
}

#[test]
fn other_models_are_refused_by_both_names() -> Result<(), Error> {
    let checkpoint = deep::<f64>(5)?.session().checkpoint();
    let other = deep::<f64>(6)?;
    let expected = CheckpointError::Model { checkpoint: checkpoint.model(), session: Fingerprint::of_model(&other) };
    let error = refused(&other, &checkpoint)?;
    assert_eq!(error, expected);
    assert!(error.to_string().contains(&checkpoint.model().to_string()), "{error}");
    let expected = CheckpointError::Precision { checkpoint: "f64", session: "f32" };
    assert_eq!(refused(&deep::<f32>(5)?, &checkpoint)?, expected);

    // The same weights compute something else on a processor, and in other digits.
    let checkpoint = deep::<f32>(5)?.session().checkpoint();
    let hybrid = compiled::<f32>("software:akd1000", 2)?;
    assert!(matches!(refused(&hybrid, &checkpoint)?, CheckpointError::Model { .. }));
    let coarser = compiled::<f32>("software:akd1000", 1)?;
    assert!(matches!(refused(&coarser, &hybrid.session().checkpoint())?, CheckpointError::Model { .. }));
    Ok(())
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("none");
    assert!(matches!(Checkpoint::read(&path), Err(Error::File(_))));
    std::fs::write(&path, "PK\u{3}\u{4}").expect("the temporary folder takes files");
    let Err(Error::Checkpoint(error)) = Checkpoint::read(&path) else { panic!("it was read") };
    assert_eq!(error, CheckpointError::Magic { found: b"PK\x03\x04".to_vec() });
    assert_eq!(Checkpoint::from_bytes(b""), Err(CheckpointError::Magic { found: Vec::new() }));
}

/// Two units, one input, one output; state, feedback and output are given by hand.
fn tiny() -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, ReservoirSource::Given { units: 2, activation: Activation::Identity });
    g.readout("y", [x], 1);
    let reservoir = ReservoirParameters {
        w_in: Matrix::from_dense("w_in", array![[0.5_f32], [-1.0]].view())?,
        w_res: Matrix::from_dense("w_res", Array2::zeros((2, 2)).view())?,
        w_feedback: None,
        bias: vec![0.0; 2],
        leak: LeakRates::uniform(1.0)?,
    };
    let builder = ModelBuilder::new(g.build()?).reservoir("x", reservoir)?;
    builder.linear("y", array![[1.0, 0.25]].view(), array![0.0].view())?.build()
}

/// The layout written out: after one step with input 1 the state is 0.5, -1, the output 0.5 - 0.25 = 0.25.
fn by_hand(version: u32, bits: u32, model: &[u8], count: u64, values: &[u8], sections: u64, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"FBSTATE\0".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(model);
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(count.to_le_bytes());
    bytes.extend(values);
    bytes.extend(sections.to_le_bytes());
    bytes.extend(rest);
    let checksum = blake3::hash(&bytes);
    bytes.extend(checksum.as_bytes());
    bytes
}

/// 0.5, -1, feedback 0.25, output 0.25 as f32.
const VALUES: [u8; 16] = [0, 0, 0, 0x3F, 0, 0, 0x80, 0xBF, 0, 0, 0x80, 0x3E, 0, 0, 0x80, 0x3E];
/// Sections "a" of no bytes and "b" of 0xEE.
const SECTIONS: [u8; 35] =
    [1, 0, 0, 0, 0, 0, 0, 0, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'b', 1, 0, 0, 0, 0, 0, 0, 0, 0xEE];

#[test]
fn the_layout_is_as_written_by_hand() -> Result<(), Error> {
    let model = tiny()?;
    let mut session = model.session();
    assert_eq!(session.step(&[1.0])?, [0.25]);
    let checkpoint = session.checkpoint().with_section("b", [0xEE]).with_section("a", []);
    let fingerprint = Fingerprint::of_model(&model);
    let bytes = by_hand(1, 32, fingerprint.as_bytes(), 4, &VALUES, 2, &SECTIONS);
    assert_eq!(checkpoint.to_bytes(), bytes);
    assert_eq!(bytes.len(), 64 + 16 + 8 + 35 + 32);
    let read = Checkpoint::from_bytes(&bytes)?;
    assert_eq!((read.steps(), read.precision(), read.model()), (1, "f32", fingerprint));
    let mut resumed = model.session();
    resumed.resume(&read)?;
    assert_eq!(resumed.snapshot(), session.snapshot());
    Ok(())
}

/// Files with a right checksum whose content is wrong: what a forger, or a mistake in another program, would write.
#[test]
fn content_that_cannot_be_is_refused_by_name() -> Result<(), Error> {
    let model = tiny()?;
    let fingerprint = *Fingerprint::of_model(&model).as_bytes();
    let error = |bytes: Vec<u8>| Checkpoint::from_bytes(&bytes).expect_err("it cannot be read");
    let forged =
        |count, values: &[u8], sections, rest: &[u8]| by_hand(1, 32, &fingerprint, count, values, sections, rest);
    let length = |what, at, needed, found| CheckpointError::Length { what, at, needed, found };

    assert_eq!(error(by_hand(2, 32, &fingerprint, 0, &[], 0, &[])), CheckpointError::Version { found: 2, known: 1 });
    assert_eq!(error(by_hand(1, 16, &fingerprint, 0, &[], 0, &[])), CheckpointError::Width { found: 16 });
    // Counts that must not be believed, nor multiplied, nor allocated.
    for count in [7, u64::MAX / 4, u64::MAX] {
        let needed = count.saturating_mul(4);
        assert_eq!(error(forged(count, &VALUES, 0, &[])), length("values", 64, needed, 24), "{count}");
    }
    assert_eq!(error(forged(4, &VALUES, u64::MAX, &SECTIONS)), length("length of a name", 123, 8, 0));
    let mut long = SECTIONS;
    long[..8].fill(0xFF);
    assert_eq!(error(forged(4, &VALUES, 2, &long)), length("name of a section", 96, u64::MAX, 27));
    assert_eq!(error(forged(4, &VALUES, 1, &SECTIONS)), length("end", 105, 0, 18));
    // Names that are no text, and twice the same.
    let mut names = SECTIONS;
    names[8] = 0xFF;
    let section = |index, why| CheckpointError::Section { index, why };
    assert_eq!(error(forged(4, &VALUES, 2, &names)), section(0, "is not UTF-8"));
    names[8] = b'b';
    assert_eq!(error(forged(4, &VALUES, 2, &names)), section(1, "is not above the one before it"));
    // A count that the next step could not add to.
    let mut counted = by_hand(1, 32, &fingerprint, 4, &VALUES, 0, &[]);
    counted.truncate(counted.len() - 32);
    counted[48..56].fill(0xFF);
    counted.extend(blake3::hash(&counted).as_bytes());
    assert_eq!(error(counted), CheckpointError::Steps { found: u64::MAX, most: u64::MAX / 2 });
    // A number that no session holds.
    let mut values = VALUES;
    values[10..12].copy_from_slice(&[0x80, 0x7F]);
    assert_eq!(error(forged(4, &values, 0, &[])), CheckpointError::NonFinite { index: 2 });
    // Whole, of this model, and yet of another length.
    let short = Checkpoint::from_bytes(&forged(3, &VALUES[..12], 0, &[]))?;
    let mut session = model.session();
    let Err(Error::Checkpoint(error)) = session.resume(&short) else { panic!("it was taken up") };
    assert_eq!(
        (error, session.snapshot()),
        (CheckpointError::Values { expected: 4, found: 3 }, model.session().snapshot())
    );
    Ok(())
}

// ---- Damage ----

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut session = deep::<f64>(5).expect("a model").session();
    go_on(&mut session, 7).expect("it runs");
    session.checkpoint().with_section("drift", [7; 9]).to_bytes()
});

proptest! {
    #[test]
    fn every_flipped_bit_is_an_error(bit in 0..8 * WHOLE.len()) {
        let mut bytes = WHOLE.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Checkpoint::from_bytes(&bytes).is_err());
    }

    #[test]
    fn every_cut_and_every_surplus_is_an_error(
        length in 0..WHOLE.len(),
        surplus in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        prop_assert!(Checkpoint::from_bytes(&WHOLE[..length]).is_err());
        prop_assert!(Checkpoint::from_bytes(&[&WHOLE[..], &surplus].concat()).is_err());
    }

    /// With a right checksum over it, anything is read without a panic, and what is read is written back the same.
    #[test]
    fn forged_bytes_are_an_error_or_a_checkpoint(
        at in 8..WHOLE.len() - 32,
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0xFF)], 0..24),
        cut in 0..64_usize,
    ) {
        let mut forged = WHOLE[..WHOLE.len() - 32].to_vec();
        forged.splice(at..(at + bytes.len()).min(WHOLE.len() - 32), bytes);
        forged.truncate(forged.len() - cut % 8);
        forged.extend(blake3::hash(&forged).as_bytes());
        if let Ok(checkpoint) = Checkpoint::from_bytes(&forged) {
            prop_assert_eq!(checkpoint.to_bytes(), forged);
        }
    }
}
