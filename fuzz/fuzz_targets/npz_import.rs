//! An archive of arrays is refused in one line, or it is a model that is written back the same.
#![no_main]

use forebay::ReadoutOn;
use forebay::model::Model;
use forebay::model::import::ImportOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let told = ImportOptions { bias_in_w_in: true, readout_on: Some(ReadoutOn::BiasInputState), ..ImportOptions::default() };
    for options in [ImportOptions::default(), told] {
        match Model::<f64>::from_npz(bytes, &options) {
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
            Ok(model) => {
                let written = model.to_npz().expect("what an archive gave, an archive can hold");
                let again =
                    Model::<f64>::from_npz(&written, &ImportOptions::default()).expect("what was written can be read");
                assert_eq!(again.to_npz().expect("as before"), written);
            }
        }
    }
});
