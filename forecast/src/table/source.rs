//! From bytes to text: compressed files, marks of encodings, formats that are none of ours.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::error::TableError;

/// Most bytes of text. Cells are counted in 32 bits and kept beside the text, so a reader takes about twice as much memory.
pub(super) const MOST_BYTES: usize = 1 << 30;

/// First bytes of formats that people try, with what to do instead.
const OTHERS: [(&[u8], &str, &str); 12] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx, .npz)", "save the sheet as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save the sheet as CSV"),
    (b"PAR1", "Parquet", "write it as CSV, as with pandas.read_parquet(..).to_csv(..)"),
    (b"ARROW1", "Arrow or Feather", "write it as CSV, as with pandas.read_feather(..).to_csv(..)"),
    (b"\x89HDF", "HDF5 or NetCDF 4", "write the series as CSV, as with ncdump or h5dump"),
    (b"CDF\x01", "NetCDF", "write the series as CSV"),
    (b"CDF\x02", "NetCDF", "write the series as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "write the table as CSV, as with sqlite3 -csv"),
    (b"\x93NUMPY", "an array of numpy", "give it the ending .npy"),
    (b"BZh", "compressed by bzip2", "expand it, or compress it with gzip"),
    (b"\xfd7zXZ\0", "compressed by xz", "expand it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "expand it, or compress it with gzip"),
];

/// The text of a file, without a byte order mark; `.gz` is expanded, whatever the file is named.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, TableError> {
    if bytes.starts_with(b"\x1f\x8b") {
        let expanded = expand(bytes)?;
        let text = plain(&expanded)?.to_owned();
        return Ok(Cow::Owned(text));
    }
    plain(bytes).map(Cow::Borrowed)
}

fn expand(bytes: &[u8]) -> Result<Vec<u8>, TableError> {
    let mut expanded = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(MOST_BYTES as u64 + 1).read_to_end(&mut expanded);
    read.map_err(|error| TableError::Gzip { reason: error.to_string() })?;
    Ok(expanded)
}

fn plain(bytes: &[u8]) -> Result<&str, TableError> {
    if bytes.len() > MOST_BYTES {
        return Err(TableError::TooLong { most: MOST_BYTES });
    }
    if let Some((_, what, next)) = OTHERS.iter().find(|(mark, ..)| bytes.starts_with(mark)) {
        return Err(TableError::OtherFormat { what, next });
    }
    if is_utf16(bytes) {
        let next = "save it as UTF-8, as with iconv -f utf-16 -t utf-8";
        return Err(TableError::OtherFormat { what: "UTF-16 text and not UTF-8", next });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| TableError::Encoding { byte: error.valid_up_to() })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A byte order mark of UTF-16, or every second byte zero, as in such text without one.
fn is_utf16(bytes: &[u8]) -> bool {
    let pairs: Vec<&[u8]> = bytes.chunks_exact(2).take(32).collect();
    let zero = |place: usize| pairs.len() > 3 && pairs.iter().all(|pair| pair[place] == 0 && pair[1 - place] != 0);
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || zero(0) || zero(1)
}
