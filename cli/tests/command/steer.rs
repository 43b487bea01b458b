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

/// Seconds instead of minutes, and nobody can take its numbers for physics.
#[test]
fn a_rehearsal_says_what_it_is() {
    let folder = Folder::new();
    let done = folder.run_on(2, &["steer", "--rehearsal"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("a rehearsal on a lattice of 2^4") && !done.out.contains("6^4"), "{}", done.out);
    let report = folder.json("out/steer/steer.json");
    assert_eq!(report["rehearsal"], true);
    let names: Vec<&str> =
        report["thermalisation"].as_array().expect("rules").iter().filter_map(|r| r[0].as_str()).collect();
    assert_eq!(names, ["2^4"]);
    // What is known of 4^4 and 8^4 is not compared with what is neither.
    let checks = report["checks"].as_array().expect("checks");
    assert!(
        !checks.is_empty() && checks.iter().all(|check| !check["name"].as_str().expect("a name").contains("program"))
    );
    // All parts ran.
    assert_eq!(report["kernels"].as_array().map(Vec::len), Some(4));
    assert_eq!(report["rejection"].as_array().map(Vec::len), Some(1));
    let both = folder.run_on(1, &["steer", "--rehearsal", "--scale", "0.5"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
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
