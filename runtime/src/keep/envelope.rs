//! The bytes around every content: what it is, how long, and whether it is whole.

use super::KeepError;
use crate::hash::Fingerprint;

const MAGIC: [u8; 8] = *b"FBKEPT\0\0";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 32;
/// No kind has a longer name.
const LONGEST_KIND: usize = 64;

/// Puts the envelope of a kept file around a content of a kind of your own: every changed bit and every cut is noticed by [`open`].
///
/// The names in the [module's](super) table are taken. Whoever reads a content checks it all the same: anybody can seal anything.
///
/// # Errors
/// [`KeepError::Content`] for a name of more than 64 bytes, or with control characters.
///
/// ```
/// use forebay::keep::{KeepError, open, seal};
///
/// let bytes = seal("tide table", 2, b"high 6:12, low 12:31")?;
/// assert_eq!(open("tide table", 2, &bytes)?, b"high 6:12, low 12:31");
///
/// let mut damaged = bytes.clone();
/// damaged[50] ^= 1;
/// assert!(matches!(open("tide table", 2, &damaged), Err(KeepError::Checksum { .. })));
/// assert!(matches!(open("tide table", 2, &bytes[..70]), Err(KeepError::Truncated { .. })));
/// assert!(matches!(open("tide table", 3, &bytes), Err(KeepError::Version { found: 2, known: 3, .. })));
/// # Ok::<(), KeepError>(())
/// ```
pub fn seal(kind: &str, version: u32, content: &[u8]) -> Result<Vec<u8>, KeepError> {
    if !is_name(kind) {
        return Err(no_name());
    }
    let mut bytes = Vec::with_capacity(96 + kind.len() + content.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(version.to_le_bytes());
    bytes.extend((kind.len() as u64).to_le_bytes());
    bytes.extend(kind.as_bytes());
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(content);
    let checksum = blake3::hash(&bytes);
    bytes.extend(checksum.as_bytes());
    Ok(bytes)
}

/// The content of bytes that hold this kind in this version; they are whole, and no more is said of it.
///
/// # Errors
/// [`KeepError::Magic`], [`KeepError::Truncated`], [`KeepError::Surplus`], [`KeepError::Checksum`] for bytes that [`seal`] did not give;
/// [`KeepError::Kind`] and [`KeepError::Version`] for others than were asked for.
pub fn open<'a>(kind: &'static str, version: u32, bytes: &'a [u8]) -> Result<&'a [u8], KeepError> {
    let opened = Opened::of(bytes)?;
    if opened.kind != kind {
        return Err(KeepError::Kind { found: opened.kind.to_owned(), expected: kind });
    }
    if opened.version != version {
        return Err(KeepError::Version { of: kind, found: opened.version, known: version });
    }
    Ok(opened.content)
}

/// Kind and content of bytes of any kind.
pub(super) fn open_any(bytes: &[u8]) -> Result<(&str, &[u8]), KeepError> {
    Opened::of(bytes).map(|opened| (opened.kind, opened.content))
}

/// The kind of what kept bytes hold, by the name in the [module's](super) table; they are whole, and no more is said of them.
///
/// # Errors
/// [`KeepError`] for bytes that are not kept ones, damaged or cut off.
///
/// ```
/// use forebay::keep::{Keep, kind};
/// use forebay::train::online::Lms;
///
/// assert_eq!(kind(&Lms::new(2, 1, 0.5)?.to_bytes()?)?, "least mean squares");
/// # Ok::<(), forebay::Error>(())
/// ```
pub fn kind(bytes: &[u8]) -> Result<&str, KeepError> {
    Opened::of(bytes).map(|opened| opened.kind)
}

/// Whole bytes, taken apart.
struct Opened<'a> {
    kind: &'a str,
    version: u32,
    content: &'a [u8],
}

impl<'a> Opened<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, KeepError> {
        let start = &bytes[..bytes.len().min(MAGIC.len())];
        if start != MAGIC {
            return Err(KeepError::Magic { found: start.to_vec() });
        }
        let mut at = MAGIC.len();
        let version = u32::from_le_bytes(array(bytes, &mut at)?);
        if version != VERSION {
            return Err(KeepError::Version { of: "kept file", found: version, known: VERSION });
        }
        let version = u32::from_le_bytes(array(bytes, &mut at)?);
        let length = u64::from_le_bytes(array(bytes, &mut at)?);
        let kind = take(bytes, &mut at, length)?;
        let length = u64::from_le_bytes(array(bytes, &mut at)?);
        let content = take(bytes, &mut at, length)?;
        let end = at;
        let stored: [u8; CHECKSUM_BYTES] = array(bytes, &mut at)?;
        if at < bytes.len() {
            return Err(KeepError::Surplus { at, found: bytes.len() - at });
        }
        let computed = blake3::hash(&bytes[..end]);
        if computed != stored {
            let [stored, computed] = [stored, computed.into()].map(Fingerprint::from_bytes);
            return Err(KeepError::Checksum { stored, computed });
        }
        let kind = std::str::from_utf8(kind).ok().filter(|kind| is_name(kind)).ok_or_else(no_name)?;
        Ok(Self { kind, version, content })
    }
}

fn is_name(kind: &str) -> bool {
    kind.len() <= LONGEST_KIND && !kind.chars().any(char::is_control)
}

fn no_name() -> KeepError {
    KeepError::content("kind", "is no name of one")
}

fn take<'a>(bytes: &'a [u8], at: &mut usize, needed: u64) -> Result<&'a [u8], KeepError> {
    let rest = &bytes[*at..];
    match usize::try_from(needed).ok().and_then(|needed| rest.get(..needed)) {
        Some(taken) => {
            *at += taken.len();
            Ok(taken)
        }
        None => Err(KeepError::Truncated { at: *at, needed, found: rest.len() }),
    }
}

fn array<const N: usize>(bytes: &[u8], at: &mut usize) -> Result<[u8; N], KeepError> {
    Ok(take(bytes, at, N as u64)?.try_into().expect("as many as were taken"))
}
