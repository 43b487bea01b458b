//! From bytes to text: compressed files, marks of encodings, formats that are none of ours.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::error::{FormatError, TableError};
use super::formats;

/// Most bytes of text. Cells are counted in 32 bits and kept beside the text, so a reader takes about twice as much memory.
const MOST_BYTES: usize = 1 << 30;

/// The bytes of a file; what gzip made smaller is expanded, whatever the file is named.
pub(super) fn expanded(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TableError> {
    if !bytes.starts_with(b"\x1f\x8b") {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut expanded = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(MOST_BYTES as u64 + 1).read_to_end(&mut expanded);
    read.map_err(|error| FormatError::Gzip { reason: error.to_string() })?;
    Ok(Cow::Owned(expanded))
}

/// The text of a file without a byte order mark, and what is told of its encoding.
pub(super) fn text(bytes: &[u8]) -> Result<(Cow<'_, str>, Option<String>), TableError> {
    let too_long = FormatError::TooLong { most: MOST_BYTES };
    if bytes.len() > MOST_BYTES {
        return Err(too_long.into());
    }
    if let Some((what, next)) = formats::other(bytes) {
        return Err(FormatError::OtherFormat { what, next }.into());
    }
    if let Some(text) = of_utf16(bytes) {
        let text = text?;
        return if text.len() > MOST_BYTES {
            Err(too_long.into())
        } else {
            Ok((Cow::Owned(text), Some("the file is text in UTF-16, by its first two bytes".to_owned())))
        };
    }
    let text = std::str::from_utf8(bytes).map_err(|error| FormatError::Encoding { byte: error.valid_up_to() })?;
    Ok((Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)), None))
}

/// The text of UTF-16 with its mark; without one, every second byte zero tells it, and it is refused, as is UTF-32.
fn of_utf16(bytes: &[u8]) -> Option<Result<String, FormatError>> {
    let refused = |what| FormatError::OtherFormat { what, next: "save it as UTF-8, as with iconv -f utf-16 -t utf-8" };
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, 0, 0, ..] => return Some(Err(refused("UTF-32 text and not UTF-8"))),
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            let pairs: Vec<&[u8]> = bytes.chunks_exact(2).take(32).collect();
            let zero =
                |place: usize| pairs.len() > 3 && pairs.iter().all(|pair| pair[place] == 0 && pair[1 - place] != 0);
            return (zero(0) || zero(1)).then(|| Err(refused("UTF-16 text without its mark and not UTF-8")));
        }
    };
    let (pairs, rest) = bytes[2..].as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    let text = String::from_utf16(&units).ok().filter(|_| rest.is_empty());
    Some(text.ok_or_else(|| refused("UTF-16 text that is damaged")))
}
