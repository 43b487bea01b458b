//! `.npy` arrays of floats and integers.
//!
//! ```text
//! 6 bytes       "\x93NUMPY"
//! 2 bytes       version 1.0, 2.0 or 3.0
//! 2 or 4 bytes  length of the header, little-endian; 2 in version 1.0
//! header        a Python dict: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }
//! values        to the end of the file
//! ```
//!
//! Sizes that a header claims are compared with the bytes there are before anything is allocated.
//!
//! # Source
//! `NumPy` Enhancement Proposal 1, "A Simple File Format for `NumPy` Arrays".

mod header;

use std::path::Path;

use forebay_kernels::Real;
use ndarray::{Array2, ArrayView2};

use self::header::{Header, with_header};
use crate::disk::{read_file, write_aside};
use crate::error::Error;
use crate::error::{FileError, shortened_name};

/// Reads a `.npy` file as `[rows, columns]`; one dimension becomes one column. Floats and integers of any size and byte
/// order are converted to f64.
///
/// # Errors
/// [`Error::File`] for a file that is no `.npy`, is cut off, or holds another type or more dimensions.
pub fn read_npy(path: &Path) -> Result<Array2<f64>, Error> {
    npy_from_bytes(&read_file(path)?)
}

/// The array of the bytes of a `.npy` file, as [`read_npy`] gives it.
///
/// # Errors
/// As [`read_npy`].
pub fn npy_from_bytes(bytes: &[u8]) -> Result<Array2<f64>, Error> {
    Ok(NpyArray::parse("array", bytes)?.into_matrix())
}

/// Writes `[rows, columns]` as a `.npy` file in its own precision, aside first, then renamed.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn write_npy<T: Real>(path: &Path, array: ArrayView2<'_, T>) -> Result<(), Error> {
    write_aside(path, &npy_to_bytes(array))
}

/// The bytes [`write_npy`] writes: version 1.0, little-endian, row-major.
pub fn npy_to_bytes<T: Real>(array: ArrayView2<'_, T>) -> Vec<u8> {
    let (rows, columns) = array.dim();
    let width = size_of::<T>();
    let header = format!("{{'descr': '<f{width}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let mut bytes = with_header(&header);
    bytes.reserve(array.len() * width);
    bytes.extend(array.iter().flat_map(|value| value.bits().to_le_bytes().into_iter().take(width)));
    bytes
}

/// An array of at most two dimensions, converted to f64, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NpyArray {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl NpyArray {
    /// Reads an array; `name` stands in the errors.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self, FileError> {
        let (header, data) = Header::parse(name, bytes)?;
        let refuse = |expected: String, found: String| Err(FileError::array(name, expected, found));
        // No dimensions are a single value.
        let (rows, columns) = match header.shape[..] {
            [] => (1, 1),
            [rows] => (rows, 1),
            [rows, columns] => (rows, columns),
            ref more => return refuse("one or two dimensions".to_owned(), format!("{} dimensions", more.len())),
        };
        let element = header.element(name)?;
        let bytes_needed = rows.checked_mul(columns).and_then(|count| count.checked_mul(element.width));
        if bytes_needed != Some(data.len()) {
            let expected = format!("{rows} x {columns} values of {} bytes", element.width);
            return refuse(expected, format!("{} bytes", data.len()));
        }
        if data.is_empty() {
            return refuse("at least one row and column".to_owned(), format!("{rows} x {columns}"));
        }
        let value_at = |index: usize| element.widen(&data[index * element.width..][..element.width]);
        let values = if header.fortran_order {
            (0..rows * columns).map(|i| value_at(i / columns + rows * (i % columns))).collect()
        } else {
            (0..rows * columns).map(value_at).collect()
        };
        Ok(Self { rows, columns, values })
    }

    /// Rows and columns; one dimension is one column.
    pub(super) fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The values of one row or one column.
    pub(super) fn into_vector(self) -> Option<Vec<f64>> {
        (self.rows == 1 || self.columns == 1).then_some(self.values)
    }

    pub(super) fn into_matrix(self) -> Array2<f64> {
        Array2::from_shape_vec((self.rows, self.columns), self.values).expect("rows x columns values were read")
    }
}

/// The one text of a `.npy` array, as `numpy.savez(path, name="text")` writes it.
pub(super) fn text_from_npy(name: &str, bytes: &[u8]) -> Result<String, FileError> {
    let (header, data) = Header::parse(name, bytes)?;
    let refuse = |found: String| FileError::array(name, "one text, such as <U8", found);
    if header.shape.iter().any(|&n| n != 1) {
        return Err(refuse(format!("{} of shape {:?}", shortened_name(header.descr), header.shape)));
    }
    let no_text = || refuse(shortened_name(header.descr));
    let (kind, length) = header.descr.split_at_checked(2).ok_or_else(no_text)?;
    let length: usize = length.parse().map_err(|_| no_text())?;
    let width = if kind == "|S" { 1 } else { 4 };
    if length.checked_mul(width) != Some(data.len()) {
        return Err(refuse(format!("{} bytes", data.len())));
    }
    let point = |bytes: &[u8; 4]| match kind {
        "<U" => char::from_u32(u32::from_le_bytes(*bytes)),
        _ => char::from_u32(u32::from_be_bytes(*bytes)),
    };
    let text: Option<String> = match kind {
        "|S" => String::from_utf8(data.to_vec()).ok(),
        "<U" | ">U" => data.as_chunks::<4>().0.iter().map(point).collect(),
        _ => return Err(no_text()),
    };
    // NumPy fills up with zeros.
    text.map(|text| text.trim_end_matches('\0').to_owned()).ok_or_else(|| refuse("characters that are none".to_owned()))
}

/// The `.npy` array that [`text_from_npy`] reads.
pub(super) fn text_to_npy(text: &str) -> Vec<u8> {
    let length = text.chars().count().max(1);
    let mut bytes = with_header(&format!("{{'descr': '<U{length}', 'fortran_order': False, 'shape': (), }}"));
    bytes.extend(text.chars().flat_map(|point| u32::from(point).to_le_bytes()));
    bytes.resize(bytes.len() + 4 * (length - text.chars().count()), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn of_type(descr: &str, data: &[u8]) -> Array2<f64> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}\n");
        npy_from_bytes(&npy(&header, data)).unwrap()
    }

    #[test]
    fn every_type_and_byte_order_is_widened() {
        let both = array![[-2.0], [1.0]];
        assert_eq!(of_type("|i1", &[0xfe, 1]), both);
        assert_eq!(of_type("<i2", &[0xfe, 0xff, 1, 0]), both);
        assert_eq!(of_type(">i2", &[0xff, 0xfe, 0, 1]), both);
        assert_eq!(of_type("<i4", &[(-2_i32).to_le_bytes(), 1_i32.to_le_bytes()].concat()), both);
        assert_eq!(of_type("<i8", &[(-2_i64).to_le_bytes(), 1_i64.to_le_bytes()].concat()), both);
        assert_eq!(of_type("<f4", &[(-2_f32).to_le_bytes(), 1_f32.to_le_bytes()].concat()), both);
        assert_eq!(of_type(">f4", &[(-2_f32).to_be_bytes(), 1_f32.to_be_bytes()].concat()), both);
        assert_eq!(of_type(">f8", &[(-2_f64).to_be_bytes(), 1_f64.to_be_bytes()].concat()), both);
        assert_eq!(of_type("|u1", &[254, 1]), array![[254.0], [1.0]]);
        assert_eq!(of_type(">u2", &[0xff, 0xfe, 0, 1]), array![[65534.0], [1.0]]);
        let large = 18_446_744_073_709_551_615.0;
        assert_eq!(of_type("<u8", &[u64::MAX.to_le_bytes(), 1_u64.to_le_bytes()].concat()), array![[large], [1.0]]);
    }

    #[test]
    fn both_orders_of_storage_give_the_same_matrix() {
        let rows = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}", &[1, 2, 3, 4, 5, 6]);
        let columns = npy("{\"shape\":(2,3),'fortran_order':True,'descr':'|u1',}  \n", &[1, 4, 2, 5, 3, 6]);
        assert_eq!(npy_from_bytes(&rows).unwrap(), array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(npy_from_bytes(&columns).unwrap(), npy_from_bytes(&rows).unwrap());
    }

    #[test]
    fn what_is_written_is_read_back_and_aligned() {
        let single = array![[0.1_f32, -0.0], [f32::MIN_POSITIVE, f32::MAX]];
        let bytes = npy_to_bytes(single.view());
        assert_eq!(bytes.len(), 128 + 16);
        assert_eq!(npy_from_bytes(&bytes).unwrap(), single.mapv(f64::from));
        let double = array![[0.1_f64], [-5e-324], [f64::MAX]];
        assert_eq!(npy_from_bytes(&npy_to_bytes(double.view())).unwrap(), double);
        assert_eq!(npy_to_bytes(double.t()), npy_to_bytes(double.t().as_standard_layout().view()));
    }

    #[test]
    fn a_text_is_read_as_numpy_writes_it() {
        for text in ["tanh", "é{\"a\": 1}", ""] {
            let bytes = text_to_npy(text);
            assert_eq!(text_from_npy("activation", &bytes).unwrap(), text);
            assert_eq!(bytes.len() % 4, 0);
        }
        let of = |descr: &str, shape: &str, data: &[u8]| {
            text_from_npy(
                "a",
                &npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n"), data),
            )
        };
        assert_eq!(of("|S6", "(1,)", b"tanh\0\0").unwrap(), "tanh");
        assert_eq!(of(">U1", "()", &[0, 0, 0, b't']).unwrap(), "t");
        for (descr, shape, data) in [
            ("<U1", "(2,)", &[0_u8; 8][..]),
            ("<U2", "()", &[0; 4]),
            ("<U1", "()", &[0xff; 4]),
            ("|S1", "()", &[0xff]),
            ("<f8", "()", &[0; 8]),
            ("<U", "()", &[]),
            ("<", "()", &[]),
            ("|O", "()", &[0; 8]),
        ] {
            assert!(of(descr, shape, data).is_err(), "{descr} {shape}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_one_line() {
        let with = |entries: &str| npy(&format!("{{{entries}}}\n"), &[0; 8]);
        let good = "'descr': '<f8', 'fortran_order': False, 'shape': (1,)";
        assert!(npy_from_bytes(&with(good)).is_ok());
        let cases = [
            (b"PK\x03\x04".to_vec(), "does not start with"),
            (b"\x93NUMPY\x04\x00\x01\x00".to_vec(), "version is 4.0"),
            (b"\x93NUMPY\x01\x00\x01".to_vec(), "ends inside the header"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}".to_vec(), "ends inside the header"),
            (npy("\u{fffd}", &[0; 8])[..11].to_vec(), "ends inside the header"),
            (npy(&"(".repeat(60_000), &[]), "no dict"),
            (with(&good.replace("'shape'", "'size'")), "no dict"),
            (with(&good.replace("(1,)", "(1")), "no dict"),
            (with(&good.replace("(1,)", "(-1,)")), "no dict"),
            (with(&good.replace("(1,)", "(99999999999999999999,)")), "no dict"),
            (with(&good.replace("<f8", "<c16")), "found <c16"),
            (with(&good.replace("<f8", "=f8")), "found =f8"),
            (with(&good.replace("<f8", &"é\\n".repeat(99))), ".."),
            (with(&good.replace("<f8", "|O")), ".toarray()"),
            (with(&good.replace("'<f8'", "[('a', '<f8')]")), "found [..]"),
            (with(&good.replace("(1,)", "(1, 1, 1)")), "found 3 dimensions"),
            (with(&good.replace("(1,)", "(2,)")), "found 8 bytes"),
            (with(&good.replace("(1,)", "(4294967296, 4294967296)")), "found 8 bytes"),
            (with(&good.replace("<f8", "<f4")), "found 8 bytes"),
            (npy(&format!("{{{}}}", good.replace("(1,)", "(0, 3)")), &[]), "at least one row and column"),
        ];
        for (bytes, text) in cases {
            let error = npy_from_bytes(&bytes).unwrap_err();
            assert!(matches!(error, Error::File(FileError::Format { .. } | FileError::Array { .. })), "{error}");
            let error = error.to_string();
            assert!(error.contains(text) && !error.contains('\n') && error.len() < 200, "{error}");
        }
    }
}
