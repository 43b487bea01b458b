//! Programs, compiled models and the ladder on the command line.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Folder, npy_f64, small_json};

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../substrates/akida/tests/fixtures/fc");
    folder.join(name).to_str().expect("a plain path").to_owned()
}

/// Build, run and patch as the files of the maker's compiler say; the library's tests go through all of them.
#[test]
fn programs_are_built_run_and_patched() {
    let folder = Folder::new();
    for name in ["fc_00", "fc_22", "fc_23", "fc_28", "fc_31", "fc_35"] {
        let (json, bin) = (fixture(&format!("{name}.json")), fixture(&format!("{name}.bin")));
        let expected = std::fs::read(&bin).expect("the fixture is there");
        let case: Value = serde_json::from_slice(&std::fs::read(&json).expect("there")).expect("JSON");
        folder.done(&["program", "build", "--spec", &json, "--out", "made.bin"]);
        assert!(folder.read("made.bin") == expected, "{name}");
        let run = folder.done_json(&["program", "run", "--program", "made.bin", "--inputs", &json, "--json"]);
        assert_eq!(run["outputs"], case["outputs"], "{name}");
        assert_eq!(run["tested_on_silicon"], json!(false));
        for patch in case["patches"].as_array().expect("a list") {
            let text = |key: &str| patch[key].to_string();
            let (layer, input, unit, value) = (text("layer"), text("input"), text("unit"), text("value"));
            let place = ["--layer", &layer, "--input", &input, "--unit", &unit, "--value", &value];
            let files = ["program", "patch", "--program", "made.bin", "--out", "patched.bin"];
            folder.done(&[&files[..], &place[..]].concat());
            let patched = folder.read("patched.bin");
            let changes: Vec<[usize; 3]> = (0..expected.len())
                .filter(|&at| patched[at] != expected[at])
                .map(|at| [at, expected[at].into(), patched[at].into()])
                .collect();
            assert_eq!(json!(changes), patch["changes"], "{name}: {patch}");
        }
        assert!(folder.done(&["program", "verify", "made.bin"]).contains("read back as written"));
        let view = folder.done_json(&["program", "inspect", "made.bin", "--json"]);
        assert_eq!(view["layers"].as_array().map(Vec::len), case["layers"].as_array().map(Vec::len));
        assert_eq!(view["program_bytes"], case["program_size"]);
        let drawn = folder.done(&["program", "inspect", "--program", "made.bin"]);
        assert!(drawn.contains("tested on silicon: no") && drawn.contains("\ncolumn "), "{drawn}");
    }
}

#[test]
fn what_a_device_cannot_hold_has_a_code_of_its_own() {
    let folder = Folder::new();
    let layer = |inputs: usize, units: usize, bits: u32| {
        json!({
            "inputs": inputs, "units": units, "weights_bits": bits, "activation": false, "act_bits": 4,
            "weights": "8".repeat(inputs * units), "threshold": null, "act_step": null,
        })
    };
    let file = |shape: [usize; 3], bits: u32, layers: Vec<Value>| {
        json!({"device": "AKD1000", "input_shape": shape, "input_bits": bits, "layers": layers}).to_string()
    };
    let cases = [
        (file([1, 1, 57_335], 4, vec![layer(57_335, 1, 1)]), "inputs", "The maximum value is 57334."),
        (file([2048, 1, 1], 4, vec![layer(2048, 1, 1)]), "field", "Attempted to write value 2048 into a 11-bit field"),
        (file([5000, 1, 1], 4, vec![layer(5000, 1, 1)]), "input_side", "The maximum input width is 4096 (got 5000)."),
        (file([1, 1, 2], 3, vec![layer(2, 1, 4)]), "input_bits", "Input bitwidth should be 1, 2 or 4."),
        (file([1, 1, 2], 8, vec![layer(2, 1, 4)]), "after_wide_output", "requires more than 4 bits."),
        (file([1, 1, 2], 4, vec![layer(2, 1, 8)]), "weight_bits", "Weight bits should be between 1 and 4 inclusive."),
        (file([1, 1, 2], 4, vec![layer(2, 2, 4), layer(2, 2, 4)]), "after_wide_output", "requires more than 4 bits."),
    ];
    for (json, kind, message) in cases {
        folder.write("layers.json", json);
        let before = folder.content();
        let outcome = folder.run(&["program", "build", "--spec", "layers.json", "--out", "made.bin"]);
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        let told: Value = serde_json::from_str(&outcome.out).expect("JSON on standard output");
        assert_eq!(told["refused"]["kind"], kind);
        let text = told["refused"]["message"].as_str().expect("text");
        assert!(text.contains(message), "{text}");
        assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
        assert!(folder.content() == before, "nothing is left behind");
    }
}

#[test]
fn programs_that_cannot_be_used_are_told_in_one_line() {
    let folder = Folder::new();
    let bin = fixture("fc_02.bin");
    folder.write("text.bin", "not a program");
    folder.write("cut.bin", &std::fs::read(&bin).expect("there")[..500]);
    folder.write("empty.bin", "");
    folder.write("none.json", "{}");
    folder.write("short.json", r#"{"inputs": [1, 2, 3]}"#);
    folder.write("large.json", json!({"inputs": vec![2; 20]}).to_string());
    folder.write("larger.json", json!({"inputs": vec![300; 20]}).to_string());
    let patch = |rest: &str| format!("program patch --program {bin} --out x.bin {rest}");
    let cases = [
        ("program inspect text.bin".to_owned(), "takes"),
        ("program inspect cut.bin".to_owned(), "takes"),
        ("program inspect empty.bin".to_owned(), "takes 4 bytes"),
        ("program inspect missing.bin".to_owned(), "cannot read"),
        ("program inspect".to_owned(), "which program"),
        ("program verify cut.bin".to_owned(), "cannot use"),
        (format!("program run --program {bin} --inputs none.json"), "missing field"),
        (format!("program run --program {bin} --inputs short.json"), "samples of 20"),
        (format!("program run --program {bin} --inputs large.json"), "must be in 0..=1, found 2"),
        (format!("program run --program {bin} --inputs larger.json"), "invalid value"),
        (format!("program run --program {bin} --inputs large.json --substrate board:0"), "no substrate named"),
        (format!("program verify {bin} --substrate software:akd1500"), "this one is for AKD1000"),
        ("program build --spec none.json --out x.bin".to_owned(), "missing field"),
        (patch("--layer 1 --input 0 --unit 0 --value 1"), "no layer 1: the program has 1"),
        (patch("--layer 0 --input 20 --unit 0 --value 1"), "no input 20"),
        (patch("--layer 0 --input 0 --unit 8 --value 1"), "no unit 8"),
        (patch("--layer 0 --input 0 --unit 0 --value -8"), "-7 to 7, found -8"),
        (patch("--layer 0 --input 0 --unit 0 --value 200"), "200"),
    ];
    let before = folder.content();
    for (arguments, tells) in cases {
        let outcome = folder.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert_eq!(outcome.code, Some(2), "{arguments}: {outcome:?}");
        assert!(outcome.err.lines().count() == 1 && outcome.err.contains(tells), "{arguments}: {}", outcome.err);
        assert!(outcome.out.is_empty() && folder.content() == before, "{arguments}");
    }
}

#[test]
fn a_model_is_compiled_and_run_on_a_substrate() {
    let folder = Folder::new();
    folder.write("model.json", small_json().to_string());
    let features = ndarray::Array2::from_shape_fn((60, 1), |(t, _)| (0.3 * t as f64).sin());
    folder.write("u.npy", npy_f64(features.view()));
    let plan = folder.done(&["compile", "model.json", "--digits", "3,2", "--calibrate", "u.npy", "--out", "programs"]);
    assert!(plan.contains("states of 3 digits, weights of 2 digits (tested on silicon: no)"), "{plan}");
    assert!(plan.contains("2 inputs x 4 units on FNP3 (1,3,0)"), "{plan}");
    let json = folder.json("programs/plan.json");
    assert_eq!(json["regions"][0]["program_bytes"], folder.read("programs/program-0.bin").len());
    assert!(folder.done(&["program", "verify", "programs/program-0.bin"]).contains("read back"));

    let run = |more: &[&str], out: &str| {
        let arguments = [&["run", "model.json", "--input", "u.npy", "--states", out, "--json"], more].concat();
        folder.done_json(&arguments)
    };
    run(&[], "float.npy");
    let told = run(&["--substrate", "software:akd1500", "--digits", "3,2"], "hybrid.npy");
    assert_eq!(told["plan"]["device"], "AKD1500");
    let states = |name: &str| -> ndarray::Array2<f64> { ndarray_npy::read_npy(folder.path(name)).expect("a matrix") };
    let worst = (&states("float.npy") - &states("hybrid.npy")).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
    assert!(worst > 0.0 && worst < 1e-2, "{worst}");
    // The compiled model has its digits and ranges with it: run on other features, it is still the same network.
    folder.write("other.npy", npy_f64((&features * 0.3).view()));
    let again = ["run", "programs/model.forebay", "--substrate", "software", "--input", "other.npy", "--json"];
    assert_eq!(folder.done_json(&again)["plan"]["state_digits"], 3);
    folder.done(&["compile", "programs/model.forebay", "--out", "again"]);
    assert!(folder.read("again/program-0.bin") == folder.read("programs/program-0.bin"));
    for digits in ["0,1", "5,1", "2", "2,4", "x,y"] {
        let outcome = folder.run(&["compile", "model.json", "--digits", digits]);
        assert_eq!(outcome.code, Some(2), "{digits}: {outcome:?}");
        assert!(outcome.err.contains("1 to 4 for states, 1 to 3 for weights"), "{}", outcome.err);
    }
}

#[test]
fn the_ladder_is_climbed() {
    let folder = Folder::new();
    let arguments = ["ladder", "--task", "vowels", "--units", "30", "--seeds", "1", "--quick", "--out", "l"];
    let text = folder.done(&arguments);
    for part in ["vowels, 30 units", "f32 ", "1 x 1", "4 x 3", "FNP3", "plot: l/ladder.png"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(folder.read("l/ladder.png").starts_with(b"\x89PNG"));
    let report = folder.json("l/ladder.json");
    assert_eq!(report["tested_on_silicon"], json!(false));
    let rungs = report["climbs"][0]["rungs"].as_array().expect("a list").clone();
    assert_eq!(rungs.len(), 5);
    // A 2 x 2 program has two stored units a row and runs two samples a step.
    assert_eq!((&rungs[2]["program"]["units"], &rungs[2]["program"]["inferences"]), (&json!(60), &json!(2)));
    assert_eq!(folder.run(&["ladder", "--task", "chess"]).code, Some(2));
}
