//! A checkpoint is refused in one line, or it is written back the same; also where the checksum is right over wrong content.
#![no_main]

use forebay::checkpoint::{Checkpoint, CheckpointError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // A fuzzer does not find a hash: the error names the right one, so put that at the end and read again.
    let mut bytes = bytes.to_vec();
    if let Err(CheckpointError::Checksum { computed, .. }) = Checkpoint::from_bytes(&bytes) {
        let end = bytes.len() - computed.as_bytes().len();
        bytes.truncate(end);
        bytes.extend(computed.as_bytes());
    }
    match Checkpoint::from_bytes(&bytes) {
        Ok(checkpoint) => assert_eq!(checkpoint.to_bytes(), bytes),
        Err(error) => {
            assert!(!matches!(error, CheckpointError::Checksum { .. }), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
});
