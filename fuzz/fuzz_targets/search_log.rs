//! The log of a search that somebody wrote is refused, or holds finite scores; so do its lines without their checksums, which
//! a fuzzer does not guess.
#![no_main]

use forebay::search::{self, Header, Trial};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((header, trials, torn))) = search::parse(bytes) {
        assert!(torn < bytes.len() as u64 && header.layout == 1);
        assert!(trials.iter().all(|trial| trial.score().is_none_or(f64::is_finite)));
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(trial) = serde_json::from_slice::<Trial>(line) {
            assert!(trial.score().is_none_or(f64::is_finite));
            let text = serde_json::to_string(&trial).expect("names and numbers");
            assert_eq!(serde_json::from_str::<Trial>(&text).expect("it was just written"), trial);
        }
        if let Ok(header) = serde_json::from_slice::<Header>(line) {
            let text = serde_json::to_string(&header).expect("names and numbers");
            assert_eq!(serde_json::from_str::<Header>(&text).expect("it was just written"), header);
        }
    }
});
