//! A layer file is refused in one line, or its program can be built or is refused, and read back.
#![no_main]

use forebay_akida::Program;
use forebay_akida::case::Case;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match Case::from_json(bytes) {
    Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    Ok(case) => match case.build() {
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        Ok(program) => assert!(Program::from_bytes(program.bytes().to_vec()).as_ref() == Ok(&program)),
    },
});
