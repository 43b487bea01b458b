//! Damaged and foreign bytes are refused, by what they are.

use forebay::drift::DriftMonitor;
use forebay::keep::{Keep, KeepError, kind, model};
use forebay::random::Seed;
use forebay::train::classify::Classifier;
use forebay::train::online::{Lms, OnlineTrainer, Rls};
use forebay::{Conductor, Error};

use crate::things::{Case, Thing, cases, content_start, deep, sealed};

const TRIES: usize = 2000;

fn refused(case: &Case, bytes: &[u8], what: &str) -> Error {
    match (case.load)(bytes, 0) {
        Ok(_) => panic!("{}: {what} was taken", case.name),
        Err(error) => {
            assert!(!error.to_string().contains('\n') && error.to_string().len() < 500, "{error}");
            error
        }
    }
}

#[test]
fn equal_things_give_equal_bytes() -> Result<(), Error> {
    for (one, other) in cases()?.into_iter().zip(cases()?) {
        assert!(one.bytes == other.bytes, "{}", one.name);
        assert!((one.load)(&one.bytes, 0)?.0 == one.bytes, "{}", one.name);
        assert_eq!(kind(&one.bytes)?, one.name);
    }
    Ok(())
}

#[test]
fn every_flipped_bit_is_refused() -> Result<(), Error> {
    let mut stream = Seed(1).stream("flips");
    for case in cases()? {
        let mut bytes = case.bytes.clone();
        for _ in 0..TRIES {
            let bit = stream.below(8 * bytes.len() as u64) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
            refused(&case, &bytes, &format!("a flip of bit {bit}"));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    Ok(())
}

#[test]
fn every_truncation_and_every_surplus_is_refused() -> Result<(), Error> {
    let mut stream = Seed(2).stream("cuts");
    for case in cases()? {
        for number in 0..TRIES {
            let short = stream.below(case.bytes.len() as u64) as usize;
            // The ends one after the other, then anywhere.
            let length = match number {
                0..100 => number,
                100..200 => case.bytes.len() + 99 - number,
                _ => short,
            };
            let error = refused(&case, &case.bytes[..length], &format!("{length} bytes"));
            let is_told = matches!(error, Error::Keep(KeepError::Truncated { .. } | KeepError::Magic { .. }));
            assert!(is_told, "{}: {length} bytes: {error}", case.name);
        }
        for surplus in [&[0][..], &[0; 32], &case.bytes] {
            let error = refused(&case, &[&case.bytes, surplus].concat(), "more bytes");
            assert!(matches!(error, Error::Keep(KeepError::Surplus { .. })), "{error}");
        }
    }
    Ok(())
}

/// Bytes inside of the content that nothing reads, under a checksum that is right.
#[test]
fn surplus_inside_is_refused() -> Result<(), Error> {
    for case in cases()? {
        let mut bytes = case.bytes.clone();
        let length_at = content_start(&bytes) - 8;
        let length = u64::from_le_bytes(bytes[length_at..length_at + 8].try_into().expect("8 bytes"));
        bytes[length_at..length_at + 8].copy_from_slice(&(length + 1).to_le_bytes());
        let end = bytes.len() - 32;
        bytes.insert(end, 0);
        let error = refused(&case, &sealed(bytes), "a byte more");
        assert!(matches!(error, Error::Keep(KeepError::Content { field: "end", .. })), "{error}");
    }
    Ok(())
}

#[test]
fn another_kind_is_refused_by_name() -> Result<(), Error> {
    let cases = cases()?;
    for one in &cases {
        for other in cases.iter().filter(|other| other.name != one.name) {
            let error = refused(one, &other.bytes, other.name);
            let text = format!("this file holds: {}, not: {}; load it as what it is", other.name, one.name);
            assert_eq!(error.to_string(), text);
        }
    }
    Ok(())
}

#[test]
fn what_else_is_foreign_is_refused_by_what_it_is() -> Result<(), Error> {
    let rls = Rls::made()?.to_bytes()?;
    for foreign in [&b""[..], b"FB", b"FBSTATE\0", b"{\"heads\": []}", &deep::<f64>()?.to_bytes()?] {
        let error = Rls::from_bytes(foreign).expect_err("it is no kept file");
        assert!(matches!(error, Error::Keep(KeepError::Magic { .. })), "{error}");
    }
    for (at, of) in [(8, "kept file"), (12, "recursive least squares")] {
        let mut newer = rls.clone();
        newer[at] = 2;
        let error = Rls::from_bytes(&sealed(newer)).expect_err("it is newer");
        let text = format!("the {of} has version 2, this program reads version 1: use a newer forebay");
        assert_eq!(error.to_string(), text);
    }
    // Other float types, and other learners in the same trainer.
    let trainer = OnlineTrainer::<f64, Rls>::made()?.to_bytes()?;
    let error = OnlineTrainer::<f32, Rls>::from_bytes(&trainer).expect_err("another float type");
    assert_eq!(error.to_string(), "this file is in f64, it was asked for in f32: load it in f64");
    let error = OnlineTrainer::<f64, Lms>::from_bytes(&trainer).expect_err("other learners");
    assert!(error.to_string().contains("recursive least squares"), "{error}");
    assert!(Conductor::<f32>::from_bytes(&Conductor::<f64>::made()?.to_bytes()?).is_err());
    assert!(Classifier::<f64>::from_bytes(&Classifier::<f32>::made()?.to_bytes()?).is_err());
    Ok(())
}

#[test]
fn the_model_inside_can_be_had() -> Result<(), Error> {
    let trainer = OnlineTrainer::<f64, Rls>::made()?;
    let found = model::<f64>(&trainer.to_bytes()?)?;
    assert_eq!(found.to_bytes()?, trainer.session().model().to_bytes()?);
    let error = model::<f64>(&DriftMonitor::made()?.to_bytes()?).expect_err("it has none");
    assert_eq!(error.to_string(), "this file holds: drift monitor, which has no model; load it as what it is");
    Ok(())
}
