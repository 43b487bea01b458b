//! A checksum over every byte of a file, inside of it: BLAKE3 with zeros in its own place.

use super::FileError;

/// In place of the checksum while it is worked out: as long as one.
pub(in crate::model) const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Its field in JSON. Nothing that has names in it is written before, so that the first one is it.
pub(in crate::model) const IN_JSON: &[u8] = br#""checksum":""#;
/// Its field in JSON that is a text inside of JSON.
pub(in crate::model) const IN_TEXT: &[u8] = br#"\"checksum\":\""#;

/// Puts the checksum into its empty place behind `field`.
pub(in crate::model) fn close(field: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, FileError> {
    let place = place(field, &bytes).filter(|place| bytes[place.clone()] == *EMPTY.as_bytes());
    let place = place.ok_or_else(|| FileError::format("model", &"its checksum has no place"))?;
    let checksum = blake3::hash(&bytes).to_hex();
    bytes[place].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// Compares the bytes with the checksum that they hold behind `field`.
pub(in crate::model) fn check(field: &[u8], bytes: &[u8], checksum: &str) -> Result<(), FileError> {
    let place = place(field, bytes).filter(|place| bytes[place.clone()] == *checksum.as_bytes());
    let place = place.ok_or(FileError::Checksum)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place.start]).update(EMPTY.as_bytes()).update(&bytes[place.end..]);
    if hasher.finalize().to_hex().as_str() == checksum { Ok(()) } else { Err(FileError::Checksum) }
}

fn place(field: &[u8], bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = bytes.windows(field.len()).position(|window| window == field)? + field.len();
    (bytes.len() >= start + EMPTY.len()).then_some(start..start + EMPTY.len())
}
