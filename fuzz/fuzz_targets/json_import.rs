//! JSON weights are refused in one line, or they are a model that is written back the same.
#![no_main]

use forebay::Error;
use forebay::model::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let model = match Model::<f64>::from_json(bytes) {
        Ok(model) => model,
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
    };
    let written = model.to_json().expect("what JSON gave, JSON can hold");
    let again = Model::<f64>::from_json(written.as_bytes()).expect("what was written can be read");
    assert_eq!(again.to_json().expect("as before"), written);
    match model.session().step(&vec![1.0; model.graph().inputs()]) {
        Ok(outputs) => assert!(outputs.iter().all(|y| y.is_finite())),
        Err(error) => assert!(matches!(error, Error::Overflow { .. }), "{error}"),
    }
});
