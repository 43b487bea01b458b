//! Content that somebody made up, under a checksum that is right: refused, or a thing that works; never a panic.

use forebay::fingerprint::Fingerprint;
use forebay::keep::{Keep, KeepError};
use forebay::random::{Seed, Stream};
use forebay::train::online::{Lms, OnlineTrainer, Rls};
use forebay::{Conductor, Error, drift::DriftMonitor};

use crate::things::{Thing, cases, content_start, deep_of, sealed};

/// Numbers that things are not made for.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    255,
    1 << 16,
    1 << 31,
    1 << 40,
    1 << 63,
    u64::MAX,
    0x7ff0_0000_0000_0000, // infinity
    0x7ff0_0000_0000_0001, // a signalling NaN
    0xbff0_0000_0000_0000, // -1
    0x7fef_ffff_ffff_ffff, // the largest number
    0x8000_0000_0000_0001, // the smallest below 0
];

/// Bytes with a place in the content changed.
fn forged(bytes: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let (start, end) = (content_start(&bytes), bytes.len() - 32);
    for _ in 0..=stream.below(2) {
        // Models and sessions have checksums of their own: what lies behind them is looked at more closely.
        let first = if stream.below(2) == 0 { start } else { start + (end - start) * 3 / 4 };
        let at = first + stream.below((end - first) as u64) as usize;
        match stream.below(4) {
            0 => bytes[at] ^= 1 << stream.below(8),
            1 => bytes[at] = stream.below(256) as u8,
            _ => {
                let number = NUMBERS[stream.below(NUMBERS.len() as u64) as usize].to_le_bytes();
                let length = number.len().min(end - at);
                bytes[at..at + length].copy_from_slice(&number[..length]);
            }
        }
    }
    sealed(bytes)
}

#[test]
fn forged_content_is_refused_or_works() -> Result<(), Error> {
    let mut stream = Seed(3).stream("forgeries");
    for case in cases()? {
        let mut refused = 0;
        let tries = if case.is_exact { 3000 } else { 1500 };
        for number in 0..tries {
            let bytes = forged(&case.bytes, &mut stream);
            match (case.load)(&bytes, 60) {
                // What was taken is what the bytes say, all of them.
                Ok((again, _)) => assert!(!case.is_exact || again == bytes, "{} {number}", case.name),
                Err(error) => {
                    assert!(!matches!(error, Error::Keep(KeepError::Checksum { .. })), "{error}");
                    assert!(!error.to_string().contains('\n'), "{error}");
                    refused += 1;
                }
            }
        }
        println!("{}: {refused} of {tries} refused", case.name);
        assert!(refused > tries / 20, "{}: {refused} of {tries}", case.name);
    }
    Ok(())
}

/// Eight bytes at one place of the content after the other, with no number or the largest one in them.
#[test]
fn every_number_of_a_learner_is_looked_at() -> Result<(), Error> {
    fn all<A: Thing>(counts_at_the_end: usize) -> Result<(), Error> {
        let bytes = A::made()?.to_bytes()?;
        let (start, end) = (content_start(&bytes), bytes.len() - 32);
        for at in (start..end).step_by(8) {
            for number in [f64::NAN.to_bits(), f64::INFINITY.to_bits(), u64::MAX] {
                // As a count it may be.
                if at + 8 * counts_at_the_end >= end && number != u64::MAX {
                    continue;
                }
                let mut forged = bytes.clone();
                forged[at..at + 8].copy_from_slice(&number.to_le_bytes());
                match A::from_bytes(&sealed(forged)) {
                    Err(Error::Keep(KeepError::Content { .. })) => {}
                    Err(error) => panic!("{} at {}: {error}", A::KIND, at - start),
                    Ok(_) => panic!("{} at {}: {number:x} was taken", A::KIND, at - start),
                }
            }
        }
        Ok(())
    }
    all::<Rls>(1)?;
    all::<Lms>(0)
}

/// The bytes of `thing` with `from` in the content replaced by `to`, both of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let start = content_start(bytes);
    let at = bytes[start..].windows(from.len()).position(|window| window == from).expect("it is there") + start;
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    sealed(bytes)
}

fn field<A: Keep>(bytes: &[u8]) -> String {
    match A::from_bytes(bytes) {
        Ok(_) => "taken".to_owned(),
        Err(Error::Keep(KeepError::Content { field, .. })) => field.to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_wrong_is_said() -> Result<(), Error> {
    let rls = Rls::new(3, 1, 0.5, 1e-3)?.to_bytes()?;
    let put = |at: usize, value: u64| {
        let mut bytes = rls.clone();
        let at = content_start(&bytes) + 8 * at;
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        field::<Rls>(&sealed(bytes))
    };
    // Features, outputs, forgetting, least power, 3 weights, 3 of U, 3 of D, 3 powers, directions and updates held.
    assert_eq!(put(0, 0), "number of features");
    assert_eq!(put(0, 1 << 40), "weights");
    assert_eq!(put(1, 4), "factor U of the covariance");
    assert_eq!(put(2, 1.5_f64.to_bits()), "forgetting");
    assert_eq!(put(3, 1.0_f64.to_bits()), "powers");
    assert_eq!(put(4, f64::NAN.to_bits()), "weights");
    assert_eq!(put(7, f64::INFINITY.to_bits()), "factor U of the covariance");
    assert_eq!(put(10, (-1.0_f64).to_bits()), "factor D of the covariance");
    assert_eq!(put(10, 0), "factor D of the covariance");
    assert_eq!(put(13, 0), "powers");
    assert_eq!(put(16, 4), "number of held directions");
    assert_eq!(put(16, 1), "number of held updates");
    assert_eq!(put(17, u64::MAX), "number of held updates");

    let monitor = DriftMonitor::made()?;
    let bytes = monitor.to_bytes()?;
    let settings = monitor.settings();
    let whitener = monitor.whitener(0).expect("channel 0");
    let float = |from: f64, to: f64| field::<DriftMonitor>(&replaced(&bytes, &from.to_le_bytes(), &to.to_le_bytes()));
    assert_eq!(float(settings.rate, 0.0), "settings");
    assert_eq!(float(settings.warn_at, 0.4), "settings");
    assert_eq!(float(whitener.spread(), 0.0), "spread of a whitener");
    assert_eq!(float(whitener.spread(), -whitener.spread()), "spread of a whitener");
    assert_eq!(float(whitener.coefficients()[0], 3.0), "coefficients of a whitener");
    let steps = monitor.steps().to_le_bytes();
    assert_eq!(field::<DriftMonitor>(&replaced(&bytes, &steps, &u64::MAX.to_le_bytes())), "step count");

    let conductor = Conductor::<f64>::made()?.to_bytes()?;
    let name = |from: &str, to: &str| field::<Conductor<f64>>(&replaced(&conductor, from.as_bytes(), to.as_bytes()));
    assert_eq!(name("whether", "whetheR"), "taken");
    assert_eq!(name("which", "ahead"), "head");
    Ok(())
}

/// Whole models with checksums of their own, in the place of the one that ran.
#[test]
fn another_model_is_refused_under_any_fingerprint() -> Result<(), Error> {
    let bytes = OnlineTrainer::<f64, Rls>::made()?.to_bytes()?;
    let (own, other) = (deep_of::<f64>(5)?, deep_of::<f64>(6)?);
    let (own_bytes, other_bytes) = (own.to_bytes()?, other.to_bytes()?);
    assert_eq!(own_bytes.len(), other_bytes.len());
    let swapped = replaced(&bytes, &own_bytes, &other_bytes);
    assert_eq!(field::<OnlineTrainer<f64, Rls>>(&swapped), "model");
    // The session tells, too.
    let (own, other) = (Fingerprint::of_model(&own), Fingerprint::of_model(&other));
    let swapped = replaced(&swapped, own.as_bytes(), other.as_bytes());
    let error = OnlineTrainer::<f64, Rls>::from_bytes(&swapped).expect_err("the state is of another model");
    assert!(matches!(error, Error::Checkpoint(_)), "{error}");
    // Nor is a model taken for a compiled one, or a compiled one for floats.
    let mut marked = bytes.clone();
    let mark = content_start(&bytes) + 1 + 32;
    assert_eq!(std::mem::replace(&mut marked[mark], 1), 0);
    let error = OnlineTrainer::<f64, Rls>::from_bytes(&sealed(marked)).expect_err("it is marked as compiled");
    assert!(matches!(error, Error::Keep(KeepError::Compiled { .. })), "{error}");
    Ok(())
}

/// A product of two sizes that wraps around would be small.
#[test]
fn sizes_that_are_not_there_are_refused_at_once() -> Result<(), Error> {
    for features in [u64::MAX, 1 << 62, 1 << 33] {
        let mut bytes = Lms::new(1, 1, 0.5)?.to_bytes()?;
        let start = content_start(&bytes);
        for at in [start, start + 8] {
            bytes[at..at + 8].copy_from_slice(&features.to_le_bytes());
        }
        assert_eq!(field::<Lms>(&sealed(bytes)), "weights");
    }
    Ok(())
}
