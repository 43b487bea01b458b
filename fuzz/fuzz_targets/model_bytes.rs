//! A model file is refused in one line, or it is a model that runs and is written back the same.
#![no_main]

use forebay::model::Model;
use forebay::{Error, Real};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read::<f32>(bytes);
    read::<f64>(bytes);
});

fn read<T: Real>(bytes: &[u8]) {
    let model = match Model::<T>::from_bytes(bytes) {
        Ok(model) => model,
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
    };
    let written = model.to_bytes().expect("a model can be written");
    let again = Model::<T>::from_bytes(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes().expect("a model can be written"), written);
    match model.session().step(&vec![T::ONE; model.graph().inputs()]) {
        Ok(outputs) => assert!(outputs.iter().all(|y| y.is_finite())),
        Err(error) => assert!(matches!(error, Error::Overflow { .. }), "{error}"),
    }
}
