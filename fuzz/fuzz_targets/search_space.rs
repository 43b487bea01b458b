//! Ranges that somebody wrote are refused, or read back as they are printed and hold what they draw.
#![no_main]

use forebay::search::Space;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(space) = text.parse::<Space>() else { return };
    assert_eq!(space.to_string().parse::<Space>().as_ref(), Ok(&space));
    for trial in [0, 1, u64::MAX] {
        let drawn = space.draw(1, trial);
        for (name, range) in space.iter() {
            assert!(drawn.get(name).is_some_and(|value| range.contains(value)), "{name}={range}");
        }
    }
    for (_, range) in space.iter() {
        assert!(range.contains(&range.at(0.0)) && range.contains(&range.at(1.0)), "{range}");
    }
});
