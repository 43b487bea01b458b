//! `forebay steer`: the protocol on a small scale.

use crate::support::Folder;

/// Every table is the same for any number of threads, and the emulated chip gives the bits of the software.
#[test]
fn the_protocol_is_repeatable() {
    let folder = Folder::new();
    let run = |threads: usize, substrate: &str, out: &str| {
        let done = folder.run_on(threads, &["steer", "--scale", "0.01", "--substrate", substrate, "--out", out]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        let mut report = folder.json(&format!("{out}/steer.json"));
        let told = report["substrate"].take();
        assert_eq!(report["is_silicon"], false);
        for plot in ["reliability.png", "thermalisation.png", "plaquette.png"] {
            assert!(folder.read(&format!("{out}/{plot}")).starts_with(b"\x89PNG"));
        }
        (report, told, done.out)
    };
    let (one, told, out) = run(1, "software:akd1000", "one");
    let (two, ..) = run(2, "software:akd1000", "two");
    assert_eq!(one, two);
    let (emulated, emulator, _) = run(2, "emulator:akd1000", "emulated");
    assert_eq!(one, emulated);
    assert_ne!(told, emulator);

    assert!(out.contains("base rate") && out.contains("Tested on silicon: no."));
    for check in one["checks"].as_array().expect("checks") {
        assert_eq!(check["passed"], true, "{check}");
    }
    let kernels = one["kernels"].as_array().expect("kernels");
    for kernel in kernels.iter().filter(|kernel| kernel["is_exact"] == true) {
        assert_eq!(kernel["agrees"], true, "{kernel}");
    }
}

#[test]
fn a_scale_out_of_range_is_refused() {
    let folder = Folder::new();
    for scale in ["0", "-1", "1.5", "nan"] {
        let done = folder.run_on(1, &["steer", "--scale", scale]);
        assert_eq!(done.code, Some(2));
        assert!(done.err.contains("--scale must be above 0 and at most 1"), "{}", done.err);
    }
    assert!(folder.content().is_empty());
}
