//! Hashes of devices and models, and statistics of measured responses.

use crate::support::{Folder, small_json};

#[test]
fn a_good_device_equals_its_software_twin() {
    let folder = Folder::new();
    let software = folder.done_json(&["fingerprint", "--substrate", "software:akd1500", "--json"]);
    let emulator = folder.done_json(&["fingerprint", "--substrate", "emulator:akd1500", "--json"]);
    assert!(software["conformance"].as_str().is_some_and(|hash| hash.len() == 64), "{software}");
    assert_eq!(emulator["conformance"], software["conformance"]);
    assert_eq!((&emulator["equals_software"], &emulator["min_entropy"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(emulator["device"]["identity"]["is_silicon"], false);
    assert_eq!(emulator["device"]["identity"]["version_register"], "BC.A1.003.009");
    let told = folder.done(&["fingerprint", "--substrate", "emulator:akd1000"]);
    assert!(told.starts_with("software twin equal\n"), "{told}");
    let told = folder.done(&["fingerprint"]);
    assert!(
        told.starts_with("software twin is what this is: nothing compared") && told.contains("(AKD1000), silicon: no"),
        "{told}"
    );
    assert!(told.ends_with("This is not a PUF, not secret, no entropy. Tested on silicon: no.\n"), "{told}");
}

#[test]
fn a_faulty_device_is_told_and_ends_in_an_error() {
    let folder = Folder::new();
    let outcome = folder.run(&["fingerprint", "--substrate", "emulator:akd1500,fault=removal,seed=3"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.out.starts_with("software twin DIFFERENT\n"), "{}", outcome.out);
    assert!(outcome.err.contains("differs from the exact software, or failed, in"), "{}", outcome.err);
}

#[test]
fn a_model_has_its_fingerprint_in_every_file() {
    let folder = Folder::new();
    folder.write("model.json", small_json().to_string());
    folder.done(&["convert", "model.json", "model.forebay"]);
    let of = |file| folder.done_json(&["fingerprint", "--model", file, "--json"])["model"].clone();
    assert_eq!(of("model.json"), of("model.forebay"));
    assert_eq!(of("model.json")["precision"], "f64");
    let mut other = small_json();
    other["w_res"][1] = 0.400_000_01.into();
    folder.write("other.json", other.to_string());
    assert_ne!(of("other.json")["weights"], of("model.json")["weights"]);
    let told = folder.done(&["fingerprint", "--model", "model.json"]);
    assert!(told.contains("\nweights       ") && told.contains("\nmodel         "), "{told}");
}

#[test]
fn deterministic_responses_are_no_puf() {
    let folder = Folder::new();
    let rows = |bits: [&str; 3]| {
        let row = |(device, bits): (usize, &str)| format!("{device},1,{bits}\n{device},2,{bits}\n");
        "device,repeat,bits\n".to_owned() + &bits.into_iter().enumerate().map(row).collect::<String>()
    };
    folder.write("same.csv", rows(["0110"; 3]));
    let told = folder.done(&["fingerprint", "puf", "same.csv"]);
    assert!(told.contains("uniqueness    0.0000") && told.contains("min-entropy   0.0000"), "{told}");
    assert!(told.contains("this is not a PUF and holds no entropy"), "{told}");
    folder.write("apart.csv", rows(["0110", "1100", "0011"]));
    let told = folder.done_json(&["fingerprint", "puf", "apart.csv", "--json"]);
    assert_eq!((&told["devices"], &told["repeats"], &told["bits"]), (&3.into(), &2.into(), &4.into()));
    // Distances 2/4, 2/4 and 4/4.
    assert!((told["uniqueness"].as_f64().expect("three devices") - 2.0 / 3.0).abs() < 1e-12, "{told}");
    assert_eq!((&told["reliability"], &told["tells_devices_apart"]), (&1.0.into(), &true.into()));
}

#[test]
fn readings_that_do_not_fit_are_refused_by_line() {
    let folder = Folder::new();
    for (rows, why) in [
        ("", "there is no reading"),
        ("a,1,01\nb,1,011\n", "line 2 has 3 bits"),
        ("a,1,01\na,2,0x\n", "line 2: bits are written as 0 and 1"),
        ("a,1,01\na,1,11\n", "line 2: reading \"1\" of device \"a\" is there twice"),
        ("a,1,01\na,2,11\nb,1,00\n", "every device needs the same"),
        ("a,1\n", "line 1 has 2 cells"),
        ("a,1,\n", "line 1 has 0 bits"),
    ] {
        folder.write("readings.csv", rows);
        let outcome = folder.run(&["fingerprint", "puf", "readings.csv"]);
        assert_eq!(outcome.code, Some(2), "{rows:?}: {}", outcome.out);
        assert!(outcome.err.contains(why) && outcome.err.lines().count() == 1, "{rows:?}: {}", outcome.err);
    }
}
