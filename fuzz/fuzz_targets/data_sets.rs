//! The readers of the user's laser file and of the vowels' layout.
#![no_main]

use forebay_zoo::data::{parse_laser, parse_vowels};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(series) = parse_laser(bytes) {
        assert!(series.iter().all(|v| (0.0..=255.0).contains(v)));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(vowels) = parse_vowels(text)
    {
        assert!(vowels.train.iter().chain(&vowels.test).all(|s| s.class < 9 && s.values.ncols() == 12));
    }
});
