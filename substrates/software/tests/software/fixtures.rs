//! Outputs of the maker's software backend; see substrates/akida/tests/fixtures/README.md.

use std::fs;
use std::path::Path;

use forebay_akida::Program;
use forebay_kernels::Form;
use forebay_software::Software;
use forebay_substrate::{Substrate, WeightPatch};
use serde_json::Value;

fn numbers<T: TryFrom<i64, Error: std::fmt::Debug>>(value: &Value) -> Vec<T> {
    let list = value.as_array().expect("a list");
    list.iter().map(|v| T::try_from(v.as_i64().expect("a number")).expect("in range")).collect()
}

#[test]
fn outputs_are_those_of_the_makers_backend() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../akida/tests/fixtures/fc");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("the fixtures are there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        let bytes = fs::read(path.with_extension("bin")).expect("each has a program");
        let program = Program::from_bytes(bytes.clone()).expect("a program");
        let shape = program.input_shape();
        let samples: Vec<u8> = numbers(&case["inputs"]);
        let inputs: Vec<u8> = samples.chunks(shape.len()).flat_map(|sample| shape.to_flat(sample)).collect();
        let expected: Vec<i32> = numbers(&case["outputs"]);
        for form in Form::available() {
            let loaded = Software::with_form(program.device(), form).load(&bytes).expect("it loads");
            let mut outputs = vec![0; expected.len()];
            loaded.runner().expect("loaded").run(&inputs, &mut outputs).expect("legal inputs");
            assert_eq!(outputs, expected, "{}, {form}", path.display());
            // There and back again.
            let layer = program.layer(0).expect("a first layer");
            let patch = |value| WeightPatch { layer: 0, input: 0, unit: 0, value };
            let other = i8::from(layer.weights[0] != 1);
            loaded.patch(&[patch(other), patch(layer.weights[0])]).expect("a legal weight");
            loaded.verify().expect("as before");
            loaded.runner().expect("loaded").run(&inputs, &mut outputs).expect("legal inputs");
            assert_eq!(outputs, expected, "patched back: {}, {form}", path.display());
        }
        seen += 1;
    }
    assert_eq!(seen, 40);
}
