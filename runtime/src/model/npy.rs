//! `NumPy`'s `.npy` and `.npz` bytes, with nothing allocated beyond what the bytes hold.

use std::io::{Cursor, Read, Seek, Write};

use forebay_kernels::Real;
use ndarray::{ArrayD, ArrayView2, ArrayViewD};
use ndarray_npy::{ReadNpyExt, ReadableElement, ViewElement, ViewNpyError, ViewNpyExt, WriteNpyExt};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::file::FileError;
use crate::error::Error;

const NPY: &str = ".npy array";
const NPZ: &str = ".npz archive";

/// Largest array inside an archive: compressed, a small file can claim a thousand times its size.
const LARGEST_ENTRY: u64 = 1 << 31;

/// An array of any shape, converted to f64, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NpyArray {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// Reads an array of floats or integers.
#[expect(clippy::cast_lossless, reason = "one macro for types with and without a lossless conversion")]
pub(super) fn read(bytes: &[u8]) -> Result<NpyArray, FileError> {
    macro_rules! first_of {
        ($($element:ty),*) => {
            $(match read_as::<$element>(bytes, |v| v as f64) {
                Err(Attempt::OtherType) => {}
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(array) => return Ok(array),
            })*
        };
    }
    first_of!(f64, f32, i64, i32, u8, u16, u32, i16, i8, u64);
    Err(FileError::format(NPY, "its values are not little-endian floats or integers"))
}

enum Attempt {
    OtherType,
    Failed(FileError),
}

fn read_as<E: Copy + ReadableElement + ViewElement>(
    bytes: &[u8],
    widen: impl Fn(E) -> f64,
) -> Result<NpyArray, Attempt> {
    let fail = |error: &dyn std::fmt::Display| Attempt::Failed(FileError::format(NPY, error));
    // A view compares the size claimed with the bytes there are; reading would allocate what is claimed.
    match ArrayViewD::<E>::view_npy(bytes) {
        // Alignment is checked last, so the size is right.
        Ok(_) | Err(ViewNpyError::MisalignedData) => {}
        Err(ViewNpyError::WrongDescriptor(_)) => return Err(Attempt::OtherType),
        Err(error) => return Err(fail(&error)),
    }
    let array = ArrayD::<E>::read_npy(Cursor::new(bytes)).map_err(|error| fail(&error))?;
    Ok(NpyArray { shape: array.shape().to_vec(), values: array.iter().copied().map(widen).collect() })
}

/// Writes a matrix in its own precision, row-major.
pub(super) fn write<T: Real>(writer: &mut (impl Write + Seek), array: ArrayView2<'_, T>) -> Result<(), Error> {
    let fail = |error: ndarray_npy::WriteNpyError| FileError::format(NPY, error);
    if T::NAME == "f32" {
        array.mapv(|v| v.to_f64() as f32).write_npy(writer).map_err(fail)?;
    } else {
        array.mapv(T::to_f64).write_npy(writer).map_err(fail)?;
    }
    Ok(())
}

/// Reads every array of an archive, with its name.
pub(super) fn read_npz(bytes: &[u8]) -> Result<Vec<(String, NpyArray)>, FileError> {
    let fail = |error: &dyn std::fmt::Display| FileError::format(NPZ, error);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| fail(&e))?;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| fail(&e))?;
        let Some(name) = entry.name().strip_suffix(".npy").map(str::to_owned) else { continue };
        let mut content = Vec::new();
        entry.take(LARGEST_ENTRY + 1).read_to_end(&mut content).map_err(|e| fail(&e))?;
        if content.len() as u64 > LARGEST_ENTRY {
            return Err(fail(&format!("array {name:?} is larger than {LARGEST_ENTRY} bytes")));
        }
        // Arrays of names or versions may lie beside the weights: what is no array of numbers is passed over.
        if let Ok(array) = read(&content) {
            arrays.push((name, array));
        }
    }
    Ok(arrays)
}

/// Writes matrices as a compressed archive; equal matrices give equal bytes.
pub(super) fn write_npz<T: Real>(arrays: &[(&str, ArrayView2<'_, T>)]) -> Result<Vec<u8>, Error> {
    let fail = |error: &dyn std::fmt::Display| FileError::format(NPZ, error);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // The default time of change is a fixed date, not now.
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, array) in arrays {
        let mut content = Cursor::new(Vec::new());
        write(&mut content, *array)?;
        archive.start_file(format!("{name}.npy"), options).map_err(|e| fail(&e))?;
        archive.write_all(&content.into_inner()).map_err(|e| fail(&e))?;
    }
    Ok(archive.finish().map_err(|e| fail(&e))?.into_inner())
}
