//! Boards, emulators, and a machine that has no board.

use serde_json::json;

use crate::support::{Folder, small_json};

#[test]
fn a_machine_without_a_board_is_told_the_next_step() {
    let folder = Folder::new();
    let listed = folder.done_json(&["devices", "--json"]);
    // Whoever runs this may have a board: then the list is not empty, and the rest holds all the same.
    if listed["boards"] == json!([]) {
        let told = folder.done(&["devices"]);
        assert!(told.contains("No AKD1000 or AKD1500") && told.contains("software:akd1000"), "{told}");
        assert!(listed["iommu"] == json!(true) || told.contains("intel_iommu=on"), "{told}");
    }
    for (arguments, next) in [
        (&["devices", "bind", "ffff:ff:1f.7"][..], "`forebay devices` lists the boards"),
        (&["devices", "bind", "nonsense"], "0000:a1:00.0"),
        (&["devices", "info", "vfio:ffff:ff:1f.7"], "`forebay devices` lists the boards"),
        (&["devices", "info", "node:/dev/akida99"], "load the maker's kernel module"),
        (&["devices", "info", "node:/dev/null"], "/dev/akidaN"),
        (&["devices", "info", "gpu:0"], "emulator:akd1000"),
        (&["validate", "--device", "vfio:ffff:ff:1f.7"], "`forebay devices` lists the boards"),
        (&["sram", "read", "--device", "emulator:akd1000", "--at", "0xfcc00000"], "registers dump"),
        (&["sram", "read", "--device", "emulator:akd1000", "--at", "0x20000000"], "lists of the PCIe DMA engine"),
        (&["sram", "read", "--device", "emulator:akd1000", "--at", "0x40000000"], "0x20000100 to 0x30000000"),
        (&["sram", "write", "--device", "emulator:akd1000", "--at", "0x20001000", "--words", "1"], "--yes"),
        (&["sram", "test", "--device", "emulator:akd1000"], "--yes"),
        (&["emulate", "--device", "akd2000", "--socket", "x"], "AKD1000, AKD1500"),
    ] {
        let outcome = folder.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(next), "{arguments:?}: {}", outcome.err);
        assert_eq!(outcome.err.lines().count(), 1, "{arguments:?}: {}", outcome.err);
    }
}

#[test]
fn auto_tells_what_it_passed_over() {
    let folder = Folder::new();
    folder.write("model.json", small_json().to_string());
    folder.write("u.npy", crate::support::npy_f64(ndarray::Array2::from_elem((4, 1), 0.2).view()));
    let outcome = folder.run(&["run", "model.json", "--input", "u.npy", "--output", "y.npy", "--substrate", "auto"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("auto: "), "{}", outcome.err);
    assert!(
        outcome.err.contains("auto: software:akd1000") == outcome.err.contains("auto: not node"),
        "{}",
        outcome.err
    );
}

#[test]
fn an_emulator_runs_what_software_runs() {
    let folder = Folder::new();
    folder.write("model.json", small_json().to_string());
    let features = ndarray::Array2::from_shape_fn((200, 1), |(t, _)| (0.3 * t as f64).sin());
    folder.write("u.npy", crate::support::npy_f64(features.view()));
    let run = |substrate: &str| {
        let names = (format!("{substrate}.y.npy"), format!("{substrate}.x.npy"));
        folder.done(&[
            "run",
            "model.json",
            "--input",
            "u.npy",
            "--output",
            &names.0,
            "--states",
            &names.1,
            "--substrate",
            substrate,
        ]);
        (folder.read(&names.0), folder.read(&names.1))
    };
    let expected = run("software:akd1000");
    for substrate in ["emulator:akd1000", "emulator:akd1000,pcie"] {
        assert!(run(substrate) == expected, "{substrate}");
    }
    assert!(run("emulator:akd1500") == run("software:akd1500"));
}

#[test]
fn validate_ends_in_a_report_that_says_what_it_is_of() {
    let folder = Folder::new();
    for device in ["emulator:akd1000", "emulator:akd1500,pcie"] {
        let told = folder.done(&["validate", "--device", device, "--quick", "--report", "report.txt"]);
        let report = String::from_utf8(folder.read("report.txt")).expect("text");
        assert!(told.starts_with(&report));
        let pages: Vec<&str> = report.lines().filter(|line| line.contains("page ")).collect();
        assert_eq!(pages.len(), 5, "{report}");
        assert!(pages.iter().all(|page| page.starts_with("EMULATOR page")), "{report}");
        assert!(report.lines().last().is_some_and(|line| line.ends_with(" 0 failed")), "{report}");
        for number in 1..=22 {
            assert!(report.contains(&format!("question {number},")), "question {number}: {report}");
        }
    }
    // A device that misbehaves fails, and the report says where.
    let broken = folder.run(&["validate", "--device", "emulator:akd1000,fault=removal,seed=5", "--quick"]);
    assert_eq!(broken.code, Some(2), "{}", broken.err);
    assert!(String::from_utf8_lossy(&folder.read("forebay-report.txt")).contains("FAILED"));
}

#[test]
fn accesses_are_counted_kept_and_compared() {
    let folder = Folder::new();
    let bench = folder.done_json(&["bench", "device", "--json"]);
    let first = &bench["rows"][0]["counted"];
    assert!(first["register_reads"].as_u64().is_some_and(|reads| reads <= 3), "{first}");
    assert_eq!((&bench["is_silicon"], &bench["tested_on_silicon"]), (&json!(false), &json!(false)));
    let told = folder.done(&["bench", "device", "--substrate", "emulator:akd1500"]);
    assert!(told.starts_with("EMULATOR") && told.contains("no measurement"), "{told}");

    let trace = folder.done(&["trace", "--out", "kept.json"]);
    assert!(trace.starts_with("EMULATOR") && trace.contains("event-dma.DESC_STATUS"), "{trace}");
    assert!(folder.done(&["trace", "--compare", "kept.json"]).contains("the two write the same"));
    let other = folder.run(&["trace", "--device", "emulator:akd1500", "--compare", "kept.json"]);
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("first difference"), "{}", other.err);
}

#[test]
fn registers_and_memory_are_shown() {
    let folder = Folder::new();
    let dump = folder.done(&["registers", "dump", "--device", "emulator:akd1500"]);
    assert!(dump.starts_with("EMULATOR") && dump.contains("IP_VERSION = 0xbca10309"), "{dump}");
    let dump = folder.done_json(&["registers", "dump", "--device", "emulator:akd1000", "--json"]);
    assert!(dump["registers"].as_array().is_some_and(|list| list.len() > 80), "{dump}");
    let fixture = |name: &str| format!("{}/../substrates/akida/tests/fixtures/fc/{name}", env!("CARGO_MANIFEST_DIR"));
    let told = folder.done(&["sram", "dump", "--device", "emulator:akd1500", "--program", &fixture("fc_00.bin")]);
    assert!(told.contains("read back and equals the program"), "{told}");
    let word = ["sram", "write", "--device", "emulator:akd1500", "--at", "0x20001000", "--words", "1,0xff", "--yes"];
    assert!(folder.done(&word).contains("2 words written"));
    let info = folder.done(&["devices", "info", "emulator:akd1500"]);
    assert!(info.starts_with("EMULATOR") && info.contains("BC.A1.003.009"), "{info}");
    assert!(folder.done(&["devices", "reset", "emulator:akd1000"]).contains("an AKD1000 answers"));
}
