//! Formats that are none of ours, by their bytes.

/// First bytes of formats that people try, what they are, and what to do instead.
const MARKS: [(&[u8], &str, &str); 28] = [
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save the sheet as CSV"),
    (b"PAR1", "Parquet", "write it as CSV, as with pandas.read_parquet(..).to_csv(..)"),
    (b"PARE", "Parquet, encrypted", "write it as CSV, as with pandas.read_parquet(..).to_csv(..)"),
    (b"ARROW1", "Arrow or Feather", "write it as CSV, as with pandas.read_feather(..).to_csv(..)"),
    (b"FEA1", "Feather", "write it as CSV, as with pandas.read_feather(..).to_csv(..)"),
    (b"Obj\x01", "Avro", "write it as CSV or as JSON Lines"),
    (b"\x89HDF", "HDF5 or NetCDF 4", "write the series as CSV, as with ncdump or h5dump"),
    (b"CDF\x01", "NetCDF", "write the series as CSV"),
    (b"CDF\x02", "NetCDF", "write the series as CSV"),
    (b"CDF\x05", "NetCDF", "write the series as CSV"),
    (b"SIMPLE  =", "FITS", "write the table as CSV"),
    (b"MATLAB 5.0", "a MAT-file of MATLAB", "write the series as CSV, as with writematrix"),
    (b"RDX2\n", "a workspace of R (.RData)", "write the series as CSV, as with write.csv"),
    (b"RDX3\n", "a workspace of R (.RData)", "write the series as CSV, as with write.csv"),
    (b"X\n\0\0", "an object of R (.rds)", "write the series as CSV, as with write.csv"),
    (b"<stata_dta>", "a Stata file (.dta)", "write it as CSV, as with pandas.read_stata(..).to_csv(..)"),
    (b"SQLite format 3\0", "an SQLite database", "write the table as CSV, as with sqlite3 -csv"),
    (b"\x80\x03", "a pickle of Python", "write it as CSV, as with pandas.read_pickle(..).to_csv(..)"),
    (b"\x80\x04", "a pickle of Python", "write it as CSV, as with pandas.read_pickle(..).to_csv(..)"),
    (b"\x80\x05", "a pickle of Python", "write it as CSV, as with pandas.read_pickle(..).to_csv(..)"),
    (b"%PDF-", "a PDF", "copy the table into a text file"),
    (b"<?xml", "XML", "write the table as CSV"),
    (b"\x1f\x8b", "compressed by gzip twice", "expand it once"),
    (b"BZh", "compressed by bzip2", "expand it, or compress it with gzip"),
    (b"\xfd7zXZ\0", "compressed by xz", "expand it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "expand it, or compress it with gzip"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "expand it, or compress it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
];

/// What a file is, if it is none of text, and what to do.
pub(super) fn other(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(zip(bytes));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", "unpack it and name one of its files"));
    }
    let start = bytes.trim_ascii_start();
    let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|found| found.eq_ignore_ascii_case(tag));
    if begins(b"<!doctype html") || begins(b"<html") {
        return Some(("a page of the web (HTML)", "download the table itself, as CSV"));
    }
    MARKS.iter().find(|(mark, ..)| bytes.starts_with(mark)).map(|(_, what, next)| (*what, *next))
}

/// What a zip archive is, by the names in it.
fn zip(bytes: &[u8]) -> (&'static str, &'static str) {
    let is_any = |is: &dyn Fn(&[u8]) -> bool| names(bytes).any(is);
    if is_any(&|name| name.starts_with(b"xl/")) {
        ("an Excel workbook (.xlsx)", "save the sheet as CSV")
    } else if is_any(&|name| name == b"content.xml") {
        ("an OpenDocument sheet (.ods)", "save the sheet as CSV")
    } else if is_any(&|name| name.ends_with(b".npy")) {
        (
            "an archive of numpy (.npz)",
            "write the one array as .npy, as with numpy.save(\"x.npy\", numpy.load(..)[\"name\"])",
        )
    } else {
        ("a zip archive", "unpack it and name one of its files")
    }
}

/// The names in a zip archive, of its local headers and of its directory: that of an archive that is cut off is not there.
fn names(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let at = |start: usize| {
        let (length, name) = match bytes.get(start..start + 4)? {
            b"PK\x03\x04" => (26, 30),
            b"PK\x01\x02" => (28, 46),
            _ => return None,
        };
        let length = bytes.get(start + length..start + length + 2)?;
        bytes.get(start + name..)?.get(..usize::from(u16::from_le_bytes([length[0], length[1]])))
    };
    (0..bytes.len().saturating_sub(4)).filter_map(at)
}
