//! A program is refused in one line, or its layers can be read, run, patched and built again; what that takes is bounded
//! by the file.
#![no_main]

use forebay_akida::Program;
use forebay_akida::inspect::Inspection;
use forebay_software::Software;
use forebay_substrate::{Substrate, WeightPatch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let program = match Program::from_bytes(bytes.to_vec()) {
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
        Ok(program) => program,
    };
    // A stored 1-bit weight takes one bit.
    let weights: usize = program.layers().iter().map(|layer| layer.units * layer.inputs).sum();
    assert!(weights <= 8 * bytes.len(), "{weights} weights in {} bytes", bytes.len());
    assert!(!Inspection::of(&program).to_string().is_empty());
    let layers: Vec<_> = (0..program.layers().len()).map(|index| program.layer(index).expect("it exists")).collect();
    // Other compilers may place layers elsewhere; what is built here has the same layers.
    if let Ok(built) = program.to_builder().build() {
        let read: Vec<_> = (0..layers.len()).map(|index| built.layer(index).expect("it exists")).collect();
        assert!(read == layers);
    }
    let last = layers.len() - 1;
    let patch = WeightPatch { layer: last, input: layers[last].inputs - 1, unit: layers[last].units - 1, value: 1 };
    let mut patched = program.clone();
    patched.patch(&patch).expect("1 is a weight of any width");
    let mut expected = layers[last].weights.clone();
    *expected.last_mut().expect("a layer has weights") = 1;
    assert!(patched.layer(last).expect("it exists").weights == expected);

    let software = Software::new(program.device()).expect("a kernel form");
    let loaded = software.load(bytes).expect("it is a program");
    loaded.patch(&[patch]).expect("1 is a weight of any width");
    loaded.verify().expect("memory and bytes agree");
    let shape = *loaded.shape();
    let mut outputs = vec![0; shape.units];
    loaded.runner().expect("loaded").run(&vec![1; shape.inputs], &mut outputs).expect("ones are inputs of any width");
});
