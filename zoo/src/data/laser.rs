//! The Santa Fe laser series, from the user's own file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use forebay::model::import::npy_from_bytes;
use ndarray::Array2;

use super::DataError;

/// Reads laser intensities from a text or `.npy` file of the user, as [`parse_laser`] does.
///
/// The data set of the Santa Fe competition has no clear licence, so it is not shipped.
///
/// # Errors
/// [`DataError::Read`] if the file cannot be read, [`DataError::TooLarge`] above 16 MiB, else as [`parse_laser`].
pub fn santa_fe_laser(path: &Path) -> Result<Array2<f64>, DataError> {
    let mut bytes = Vec::new();
    // A device or pipe has no length to check before reading.
    let read = File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    read.map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > LIMIT {
        return Err(DataError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    parse_laser(&bytes)
}

/// Intensities 0 to 255 as `[steps, 1]`, from either of two layouts.
///
/// Text: numbers separated by line breaks, blanks, commas or semicolons; a first line without any number is taken for a
/// header. `.npy`, known by its first bytes: one dimension, or two of which one is 1, of any number type.
///
/// # Errors
/// Text: [`DataError::NotText`], [`DataError::Empty`], [`DataError::Line`] for anything but numbers from 0 to 255.
/// `.npy`: [`DataError::Npy`], [`DataError::Columns`], [`DataError::Value`].
pub fn parse_laser(bytes: &[u8]) -> Result<Array2<f64>, DataError> {
    if bytes.starts_with(b"\x93NUMPY") { from_npy(bytes) } else { from_text(bytes) }
}

fn from_npy(bytes: &[u8]) -> Result<Array2<f64>, DataError> {
    let array = npy_from_bytes(bytes).map_err(|source| DataError::Npy { source: Box::new(source) })?;
    let columns = array.nrows().min(array.ncols());
    if columns != 1 {
        return Err(DataError::Columns { expected: 1, found: columns });
    }
    if let Some((step, &value)) = array.iter().enumerate().find(|(_, v)| !(0.0..=255.0).contains(*v)) {
        return Err(DataError::Value { step, value, expected: "numbers from 0 to 255" });
    }
    let steps = array.len();
    Ok(array.into_shape_with_order((steps, 1)).expect("one of the two dimensions is 1"))
}

fn from_text(bytes: &[u8]) -> Result<Array2<f64>, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DataError::NotText { at: error.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fields = || line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|f| !f.is_empty());
        if index == 0 && fields().all(|field| field.parse::<f64>().is_err()) {
            continue;
        }
        for field in fields() {
            match field.parse::<f64>() {
                Ok(value) if (0.0..=255.0).contains(&value) => values.push(value),
                _ => return Err(DataError::line(index + 1, "numbers from 0 to 255", field)),
            }
        }
    }
    if values.is_empty() {
        return Err(DataError::Empty);
    }
    let steps = values.len();
    Ok(Array2::from_shape_fn((steps, 1), |(t, _)| values[t]))
}

/// The series has ten thousand values.
const LIMIT: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::fs::File;

    use forebay::model::import::npy_to_bytes;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::{DataError, LIMIT, parse_laser, santa_fe_laser};

    #[test]
    fn common_layouts_are_read() -> Result<(), DataError> {
        for text in ["86\n141\n95\n", "intensity\n86\n141\n95", "86 141\n95", "\u{feff}86,141,95"] {
            let series = parse_laser(text.as_bytes())?;
            assert_eq!(series.as_slice(), Some(&[86.0, 141.0, 95.0][..]), "{text:?}");
        }
        Ok(())
    }

    #[test]
    fn bad_files_say_where() {
        assert!(matches!(parse_laser(b""), Err(DataError::Empty)));
        assert!(matches!(parse_laser(b"1\n2\xff"), Err(DataError::NotText { at: 3 })));
        for (text, bad_line) in [("1\n2\nx", 3), ("1\n256", 2), ("-1", 1), ("1\nNaN", 2), ("86 x 95\n1", 1)] {
            match parse_laser(text.as_bytes()) {
                Err(DataError::Line { line, .. }) => assert_eq!(line, bad_line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn npy_files_are_read() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("laser.npy");
        for series in [array![[86.0], [141.0], [95.0]], array![[86.0, 141.0, 95.0]]] {
            std::fs::write(&path, npy_to_bytes(series.view()))?;
            assert_eq!(santa_fe_laser(&path)?, array![[86.0], [141.0], [95.0]]);
        }
        // Bytes as NumPy writes them for `numpy.array([86, 141, 95], dtype="uint8")`.
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(format!("{:117}\n", "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }").bytes());
        bytes.extend([86, 141, 95]);
        assert_eq!(parse_laser(&bytes)?, array![[86.0], [141.0], [95.0]]);
        Ok(())
    }

    #[test]
    fn bad_npy_files_say_what_is_wrong() {
        let parse = |series: Array2<f64>| parse_laser(&npy_to_bytes(series.view()));
        assert!(matches!(parse(Array2::zeros((4, 3))), Err(DataError::Columns { expected: 1, found: 3 })));
        assert!(matches!(parse(array![[1.0], [-1.0]]), Err(DataError::Value { step: 1, value: -1.0, .. })));
        assert!(matches!(parse(array![[f64::NAN]]), Err(DataError::Value { step: 0, .. })));
        let whole = npy_to_bytes(array![[1.0], [2.0]].view());
        for length in 6..whole.len() {
            assert!(matches!(parse_laser(&whole[..length]), Err(DataError::Npy { .. })), "cut at {length}");
        }
    }

    #[test]
    fn a_file_without_end_is_not_read_to_it() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("zeros");
        File::create(&path)?.set_len(LIMIT + 1)?;
        assert!(matches!(santa_fe_laser(&path), Err(DataError::TooLarge { limit: LIMIT, .. })));
        let missing = santa_fe_laser(&folder.path().join("missing"));
        assert!(matches!(missing, Err(DataError::Read { .. })));
        Ok(())
    }

    proptest! {
        #[test]
        fn any_bytes_give_intensities_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), npy: bool) {
            if npy {
                bytes.splice(..0, *b"\x93NUMPY\x01\x00");
            }
            if let Ok(series) = parse_laser(&bytes) {
                prop_assert!(series.ncols() == 1 && series.iter().all(|v| (0.0..=255.0).contains(v)));
            }
        }
    }
}
