//! The state of an evolution that somebody wrote is refused, or goes on: no panic, no memory beyond what it can use.
#![no_main]

use std::sync::OnceLock;

use forebay::evolve::{NpuEvolver, Search, State, LiveWeights};
use forebay::{Error, Precision, Substrate};
use forebay_akida::Device;
use forebay_software::Software;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static SOFTWARE: OnceLock<Software> = OnceLock::new();
    let Ok(state) = serde_json::from_slice::<State<Search>>(bytes) else { return };
    let substrate: &dyn Substrate = SOFTWARE.get_or_init(|| Software::new(Device::Akd1000).expect("a form"));
    let digits = Precision::new(1, 1).expect("one digit each");
    let weights = LiveWeights::load(substrate, &[1, -2, 3, 0, 7, -7, 0, 1], 1, digits).expect("eight weights");
    let Ok(mut evolver) = NpuEvolver::resume(weights, state) else { return };
    let mut fitness = |genome: &[i32]| -> Result<f64, Error> {
        Ok(genome.iter().map(|&gene| f64::from(gene * gene)).sum())
    };
    for _ in 0..3 {
        if evolver.generation(&mut fitness).is_err() {
            break;
        }
    }
    assert!(evolver.best().iter().all(|gene| (-7..=7).contains(gene)));
});
