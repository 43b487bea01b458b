//! Fingerprints of devices: what they compute, in one hash.

use std::fmt;
use std::time::Instant;

use forebay_akida::driver::{Checking, Options};
use forebay_akida::{Board, Device};
use forebay_substrate::{Substrate, SubstrateError};
use serde::Serialize;

use super::cases::{TestProgram, programs};
use super::identity::Identity;
use crate::error::Error;
use crate::hash::{Fingerprint, Hasher};
use crate::open::{choose, open, open_board};

const CASE_CONTEXT: &str = "forebay conformance case v1";
const CONTEXT: &str = "forebay conformance fingerprint v1";

/// Failures after which the rest of the test programs is left out: a device that is gone would cost a deadline each.
const MOST_FAILURES: usize = 3;

/// Which device it is, a hash of what it computes, and how it fared.
///
/// The conformance fingerprint hashes the outputs of fixed programs on fixed inputs. It is equal for all good devices
/// of a kind and for the software twin; a faulty weight memory or processor, or wrong firmware, gives another. It is
/// not a PUF, not secret, and holds no entropy: anybody can compute it without a device.
///
/// Each FNP3 is filled to the last word, each FNP2 holds a layer of 169 x 320 weights; see `specs/fingerprint.md` for
/// what that finds and what it does not. Tested on silicon: no.
///
/// ```
/// use forebay::fingerprint::DeviceFingerprint;
///
/// let software = DeviceFingerprint::at("software:akd1500")?;
/// assert!(software.matches(&software.twin()?));
/// assert_eq!(software.min_entropy(), None);
/// # Ok::<(), forebay::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceFingerprint {
    /// Which device.
    pub identity: Identity,
    /// What became of each test program.
    pub cases: Vec<Case>,
    /// How it fared; never part of a comparison.
    pub health: Health,
}

/// What became of one test program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Which processor and memory, or which arithmetic.
    pub name: String,
    /// Hash of its outputs; `None` if it did not run.
    pub outputs: Option<Fingerprint>,
    /// Why it did not run.
    pub failure: Option<String>,
}

/// How a device fared while its fingerprint was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Test programs that ended in an error.
    pub errors: usize,
    /// Times that the driver reset the device and programmed it again; `None` without a driver.
    pub recoveries: Option<u64>,
    /// Wall time of one sample over all test programs, as the host saw it; `None` if nothing ran.
    pub latency: Option<Latency>,
}

/// Percentiles by nearest rank.
///
/// # Units
/// Microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Smallest.
    pub least: f64,
    /// Half are at most this.
    pub median: f64,
    /// 90 % are at most this.
    pub p90: f64,
    /// 99 % are at most this.
    pub p99: f64,
    /// Largest.
    pub most: f64,
}

impl DeviceFingerprint {
    /// Takes the fingerprint of the device at this address, see [`open`](crate::open()).
    ///
    /// The driver's own comparison with exact arithmetic is off, so that the hash is of what the device gave.
    ///
    /// # Errors
    /// As [`open`](crate::open()); what goes wrong later is in the cases.
    pub fn at(address: &str) -> Result<Self, Error> {
        match address {
            "auto" => Self::at(&choose().address),
            software if software.starts_with("software") => Self::of(&*open(software)?),
            board => Self::of_board(&open_board(board, Options { checking: Checking::Never, ..Options::default() })?),
        }
    }

    /// Takes the fingerprint of a substrate.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it does not say for which device it runs programs.
    pub fn of(substrate: &dyn Substrate) -> Result<Self, Error> {
        let identity = Identity::of(substrate);
        let device: Device = identity.device.parse().map_err(|_| Error::Misuse {
            what: "a fingerprint needs to know the device",
            instead: format!("the substrate says {:?}; give one for AKD1000 or AKD1500", identity.device),
        })?;
        let (mut cases, mut micros, mut errors) = (Vec::new(), Vec::new(), 0);
        for program in programs(device)? {
            let result = match errors {
                MOST_FAILURES => Err("left out after earlier failures".to_owned()),
                _ => run(substrate, &program, &mut micros).map_err(|error| {
                    errors += 1;
                    error.to_string()
                }),
            };
            let name = program.name;
            cases.push(match result {
                Ok(outputs) => Case { name, outputs: Some(outputs), failure: None },
                Err(failure) => Case { name, outputs: None, failure: Some(failure) },
            });
        }
        let health = Health { errors, recoveries: None, latency: Latency::of(micros) };
        Ok(Self { identity, cases, health })
    }

    /// Takes the fingerprint of a board, with what it says of itself.
    ///
    /// With [`Checking`] on, as boards are opened by default, a wrong result ends as an error in its case.
    ///
    /// # Errors
    /// [`Error::Substrate`] if the device does not answer at all.
    pub fn of_board(board: &Board) -> Result<Self, Error> {
        let identity = Identity::of_board(board)?;
        let mut taken = Self::of(board)?;
        taken.identity = identity;
        taken.health.recoveries = Some(board.with_driver(|driver| driver.recoveries()));
        Ok(taken)
    }

    /// The fingerprint of the exact software for the same device.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn twin(&self) -> Result<Self, Error> {
        Self::at(&format!("software:{}", self.identity.device.to_lowercase()))
    }

    /// Hash of the outputs of all test programs; `None` if one of them did not run.
    pub fn conformance(&self) -> Option<Fingerprint> {
        let mut hasher = Hasher::new(CONTEXT);
        for case in &self.cases {
            hasher.text(&case.name);
            hasher.bytes(case.outputs?.as_bytes());
        }
        Some(hasher.finish())
    }

    /// Whether both ran all test programs and gave the same outputs.
    pub fn matches(&self, other: &Self) -> bool {
        self.conformance().is_some_and(|hash| other.conformance() == Some(hash))
    }

    /// Names of the test programs that another fingerprint does not have with the same outputs.
    pub fn differences(&self, other: &Self) -> Vec<&str> {
        let same = |case: &&Case| {
            let twin = other.cases.iter().find(|twin| twin.name == case.name);
            case.outputs.is_some() && twin.is_some_and(|twin| twin.outputs == case.outputs)
        };
        self.cases.iter().filter(|case| !same(case)).map(|case| case.name.as_str()).collect()
    }

    /// Always `None`: the same bits on every good device are no entropy, not even 0 bits of a usable kind.
    pub fn min_entropy(&self) -> Option<f64> {
        None
    }
}

/// Runs every sample of a program by itself; gives the hash of the outputs.
fn run(substrate: &dyn Substrate, program: &TestProgram, micros: &mut Vec<f64>) -> Result<Fingerprint, SubstrateError> {
    let loaded = substrate.load(&program.bytes)?;
    let mut runner = loaded.runner()?;
    let mut outputs = vec![0; loaded.shape().units];
    let mut hasher = Hasher::new(CASE_CONTEXT);
    for sample in program.inputs.chunks_exact(program.width) {
        let begin = Instant::now();
        runner.run(sample, &mut outputs)?;
        micros.push(begin.elapsed().as_secs_f64() * 1e6);
        hasher.number(outputs.len() as u64);
        for output in &outputs {
            hasher.bytes(&output.to_le_bytes());
        }
    }
    // The next program finds its processor free.
    loaded.unload()?;
    Ok(hasher.finish())
}

impl Latency {
    fn of(mut micros: Vec<f64>) -> Option<Self> {
        micros.sort_by(f64::total_cmp);
        let count = micros.len();
        let (&least, &most) = (micros.first()?, micros.last()?);
        let rank = |percent: usize| micros[(percent * count).div_ceil(100).clamp(1, count) - 1];
        Some(Self { least, median: rank(50), p90: rank(90), p99: rank(99), most })
    }
}

impl fmt::Display for DeviceFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "identity      {}", self.identity)?;
        match self.conformance() {
            Some(hash) => writeln!(f, "conformance   {hash}")?,
            None => writeln!(f, "conformance   none: not every test program ran")?,
        }
        writeln!(f, "              {} test programs, {} errors", self.cases.len(), self.health.errors)?;
        for Case { name, failure, .. } in &self.cases {
            if let Some(failure) = failure {
                writeln!(f, "              {name}: {failure}")?;
            }
        }
        if let Some(Latency { median, p90, p99, most, .. }) = self.health.latency {
            let whose = if self.identity.is_silicon { "" } else { ", not a device's" };
            writeln!(f, "latency       on {}{whose}, wall time of a sample in us:", self.identity.name)?;
            writeln!(f, "              median {median:.1}, 90 % {p90:.1}, 99 % {p99:.1}, largest {most:.1}")?;
        }
        if let Some(recoveries) = self.health.recoveries {
            writeln!(f, "recoveries    {recoveries}")?;
        }
        f.write_str("This is not a PUF, not secret, no entropy. Tested on silicon: no.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let latency = Latency::of((1..=200).rev().map(f64::from).collect()).expect("200 values");
        assert_eq!(latency, Latency { least: 1.0, median: 100.0, p90: 180.0, p99: 198.0, most: 200.0 });
        let one = Latency::of(vec![3.0]).expect("one value");
        assert_eq!((one.least, one.p99), (3.0, 3.0));
        assert_eq!(Latency::of(Vec::new()), None);
    }

    #[test]
    fn two_that_did_not_run_do_not_match() {
        let mut taken = DeviceFingerprint::at("software").expect("software is always there");
        taken.cases[3] = Case { name: "a".to_owned(), outputs: None, failure: Some("gone".to_owned()) };
        assert!(!taken.matches(&taken.clone()));
        assert_eq!(taken.differences(&taken.clone()), ["a"]);
    }
}
