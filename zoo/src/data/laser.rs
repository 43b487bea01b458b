//! The Santa Fe laser series, from the user's own file.

use std::path::Path;

use ndarray::Array2;

use super::DataError;

/// Reads laser intensities from a text file of the user, as [`parse_laser`] does.
///
/// The data set of the Santa Fe competition has no clear licence, so it is not shipped.
///
/// # Errors
/// [`DataError::Read`] if the file cannot be read, else as [`parse_laser`].
pub fn santa_fe_laser(path: &Path) -> Result<Array2<f64>, DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    parse_laser(&bytes)
}

/// Intensities 0 to 255, separated by line breaks, blanks or commas; `[steps, 1]`. A first line that is no number is
/// taken for a header.
///
/// # Errors
/// [`DataError::NotText`], [`DataError::Empty`], [`DataError::Line`] for anything but numbers from 0 to 255.
pub fn parse_laser(bytes: &[u8]) -> Result<Array2<f64>, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DataError::NotText { at: error.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for field in line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|f| !f.is_empty()) {
            match field.parse::<f64>() {
                Ok(value) if (0.0..=255.0).contains(&value) => values.push(value),
                Err(_) if index == 0 => {}
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

#[cfg(test)]
mod tests {
    use super::{DataError, parse_laser};

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
        for (text, bad_line) in [("1\n2\nx", 3), ("1\n256", 2), ("-1", 1), ("1\nNaN", 2)] {
            match parse_laser(text.as_bytes()) {
                Err(DataError::Line { line, .. }) => assert_eq!(line, bad_line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
