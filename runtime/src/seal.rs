//! A checksum over every byte of a file, inside of it: BLAKE3 with zeros in its own place.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::FileError;

/// In place of the checksum while it is worked out: as long as one.
pub(crate) const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Its field in JSON. Nothing that has names in it is written before, so that the first one is it.
pub(crate) const IN_JSON: &[u8] = br#""checksum":""#;
/// Its field in JSON that is a text inside of JSON.
pub(crate) const IN_TEXT: &[u8] = br#"\"checksum\":\""#;

/// Puts the checksum into its empty place behind `field`.
pub(crate) fn close(field: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, FileError> {
    let place = place(field, &bytes).filter(|place| bytes[place.clone()] == *EMPTY.as_bytes());
    let place = place.ok_or_else(|| FileError::format("model", &"its checksum has no place"))?;
    let checksum = blake3::hash(&bytes).to_hex();
    bytes[place].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// Compares the bytes with the checksum that they hold behind `field`.
pub(crate) fn check(field: &[u8], bytes: &[u8], checksum: &str) -> Result<(), FileError> {
    let place = place(field, bytes).filter(|place| bytes[place.clone()] == *checksum.as_bytes());
    let place = place.ok_or(FileError::Checksum)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place.start]).update(EMPTY.as_bytes()).update(&bytes[place.end..]);
    if hasher.finalize().to_hex().as_str() == checksum { Ok(()) } else { Err(FileError::Checksum) }
}

/// A value as a JSON object whose first field is the checksum over all of the text.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, FileError> {
    let fail = |why: &dyn std::fmt::Display| FileError::format("JSON with a checksum", why);
    let text = serde_json::to_vec(value).map_err(|error| fail(&error))?;
    let fields = text.strip_prefix(b"{").filter(|rest| *rest != b"}").ok_or_else(|| fail(&"it has no fields"))?;
    close(IN_JSON, [START, EMPTY.as_bytes(), END, fields].concat())
}

/// What [`to_json`] wrote, or an object without a checksum, which earlier versions wrote; says whether there was one.
pub(crate) fn from_json<V: DeserializeOwned>(bytes: &[u8]) -> Result<(V, bool), FileError> {
    let parse = |text: &[u8]| serde_json::from_slice(text).map_err(|error| FileError::format("JSON object", &error));
    let Some(rest) = bytes.strip_prefix(START) else { return Ok((parse(bytes)?, false)) };
    let (checksum, rest) = rest.split_at_checked(EMPTY.len()).ok_or(FileError::Checksum)?;
    let fields = rest.strip_prefix(END).ok_or(FileError::Checksum)?;
    check(IN_JSON, bytes, std::str::from_utf8(checksum).map_err(|_| FileError::Checksum)?)?;
    Ok((parse(&[b"{", fields].concat())?, true))
}

/// Around the checksum of an object that begins with it.
const START: &[u8] = br#"{"checksum":""#;
const END: &[u8] = br#"","#;

fn place(field: &[u8], bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = bytes.windows(field.len()).position(|window| window == field)? + field.len();
    (bytes.len() >= start + EMPTY.len()).then_some(start..start + EMPTY.len())
}
