//! An array is refused in one line, or it is written back with the same bits.
#![no_main]

use forebay::model::import::{npy_from_bytes, npy_to_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match npy_from_bytes(bytes) {
    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    Ok(array) => {
        let again = npy_from_bytes(&npy_to_bytes(array.view())).expect("what was written can be read");
        assert_eq!(again.dim(), array.dim());
        assert!(again.iter().zip(&array).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
});
