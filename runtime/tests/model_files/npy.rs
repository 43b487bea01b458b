//! Arrays alone.

use crate::npz::npy;
use crate::{kind, refused};
use std::io::Cursor;

use forebay::Error;
use forebay::model::file::FileError;
use forebay::model::import::{npy_from_bytes, read_npy, write_npy};
use ndarray::{Array2, array};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};

#[test]
fn npy_files_are_written_and_read() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("series.npy");
    let series = array![[0.1, -2.5], [1e-300, 3.0], [f64::MAX, 0.0]];
    write_npy(&path, series.view())?;
    assert_eq!(read_npy(&path)?, series);
    write_npy(&path, series.mapv(|value| value as f32 / 4.0).slice(ndarray::s![..2, ..]))?;
    assert_eq!(read_npy(&path)?, array![[f64::from(0.025_f32), -0.625], [0.0, 0.75]]);
    // Somebody else's reader and writer.
    let bytes = npy(&series);
    assert_eq!(Array2::<f64>::read_npy(Cursor::new(&bytes)).expect("a .npy array"), series);
    let mut columns = Vec::new();
    series.t().write_npy(&mut columns).expect("bytes in memory");
    assert_eq!(npy_from_bytes(&columns)?, series.t());
    let array = kind!(Error::File(FileError::Array { .. }));
    refused("cut", npy_from_bytes(&bytes[..bytes.len() - 1]), array, "3 x 2 values of 8 bytes, found 47 bytes");
    refused("longer", npy_from_bytes(&[&bytes[..], &[0]].concat()), array, "3 x 2 values of 8 bytes, found 49 bytes");
    Ok(())
}
