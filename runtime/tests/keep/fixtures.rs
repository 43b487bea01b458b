//! Files of version 1 go on loading, and compute what they did.

use std::path::PathBuf;

use forebay::drift::{DriftMonitor, Watched};
use forebay::keep::Keep;
use forebay::parallel::ParallelReservoirs;
use forebay::train::classify::Classifier;
use forebay::train::online::{Lms, OnlineTrainer, Rls};
use forebay::train::sequence::SequenceRegression;
use forebay::{Conductor, Error, HybridEsn};

use crate::things::{KEPT_AT, Thing};

/// Steps that a ladder makes before it trains: sums of training may differ in their last bits from machine to machine.
const MORE: u64 = 20;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/kept").join(format!("version-1-{name}.kept"))
}

/// Loads a file, and gives its name with the hash of what it then computes.
fn computed<A: Thing>(name: &'static str) -> Result<(&'static str, String), Error> {
    let path = path(name);
    let mut thing = A::load(&path)?;
    assert!(thing.to_bytes()? == std::fs::read(&path).expect("it was loaded"), "{name}: it is written back the same");
    let bits: Vec<u8> = thing.go_on(KEPT_AT, MORE).iter().flat_map(|bits| bits.to_le_bytes()).collect();
    Ok((name, blake3::hash(&bits).to_hex()[..16].to_owned()))
}

#[test]
fn files_of_version_1_compute_what_they_did() -> Result<(), Error> {
    let found = [
        computed::<Rls>("rls")?,
        computed::<Lms>("lms")?,
        computed::<OnlineTrainer<f64, Rls>>("trainer")?,
        computed::<DriftMonitor>("monitor")?,
        computed::<Classifier<f64>>("classifier")?,
        computed::<Conductor<f32>>("conductor")?,
        computed::<Watched<f64>>("ladder")?,
        computed::<ParallelReservoirs>("parallel")?,
        computed::<HybridEsn<f64>>("network")?,
        computed::<SequenceRegression<f64>>("sequences")?,
    ];
    let expected = [
        ("rls", "9fff6b5286130b89"),
        ("lms", "c311d3b60b229d62"),
        ("trainer", "a5aacf63db8a5b5a"),
        ("monitor", "5b850e23c6d3adaa"),
        ("classifier", "f4d2be1d1ec0c3a6"),
        ("conductor", "dbe55b774199490a"),
        ("ladder", "f2bb6e0ad1a2b64a"),
        ("parallel", "4b1f12b0c5f2ef96"),
        ("network", "25ac306885b3140e"),
        ("sequences", "820dd2a674fdf7d2"),
    ];
    assert_eq!(found.each_ref().map(|(name, hash)| (*name, &hash[..])), expected);
    Ok(())
}

/// Writes them anew, for a version after this one.
#[test]
#[ignore = "writes the files that the other test reads"]
fn write_files() -> Result<(), Error> {
    std::fs::create_dir_all(path("x").parent().expect("a folder")).expect("it can be made");
    Rls::made()?.save(&path("rls"))?;
    Lms::made()?.save(&path("lms"))?;
    OnlineTrainer::<f64, Rls>::made()?.save(&path("trainer"))?;
    DriftMonitor::made()?.save(&path("monitor"))?;
    Classifier::<f64>::made()?.save(&path("classifier"))?;
    Conductor::<f32>::made()?.save(&path("conductor"))?;
    Watched::<f64>::made()?.save(&path("ladder"))?;
    ParallelReservoirs::made()?.save(&path("parallel"))?;
    HybridEsn::<f64>::made()?.save(&path("network"))?;
    SequenceRegression::<f64>::made()?.save(&path("sequences"))
}
