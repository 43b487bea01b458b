//! The arrays of an archive: each read once, and none passed over.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};

use forebay_kernels::Real;
use ndarray::Array2;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::{FileError, shortened_name};
use crate::model::npy::{NpyArray, npy_to_bytes, text_from_npy};

pub(super) const NPZ: &str = ".npz of ESN weights";

/// The arrays of an archive by name, unpacked one at a time.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be unpacked: a small archive can claim a thousand times its size, or the same array many
    /// times.
    budget: u64,
    /// Names that were asked for and are there.
    used: BTreeSet<String>,
}

/// Arrays may unpack to this, or to the size of the archive if that is more.
const LARGEST_UNPACKED: u64 = 1 << 30;

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, FileError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| FileError::format(NPZ, &e))?;
        Ok(Self { zip, budget: LARGEST_UNPACKED.max(bytes.len() as u64), used: BTreeSet::new() })
    }

    pub(super) fn required(&mut self, name: &str) -> Result<NpyArray, FileError> {
        match self.find(name)? {
            Some(array) => Ok(array),
            None => Err(self.missing(name)),
        }
    }

    /// An array that may be missing, unless the caller gave it a name of his own.
    pub(super) fn optional(&mut self, name: &str, default: &str) -> Result<Option<NpyArray>, FileError> {
        match self.find(name)? {
            None if name != default => Err(self.missing(name)),
            found => Ok(found),
        }
    }

    pub(super) fn vector(
        &mut self,
        name: &str,
        default: &str,
        lengths: &[usize],
    ) -> Result<Option<Vec<f64>>, FileError> {
        let Some(array) = self.optional(name, default)? else { return Ok(None) };
        let found = dimensions(array.dim());
        match array.into_vector() {
            Some(values) if lengths.contains(&values.len()) => Ok(Some(values)),
            _ => {
                let one_of = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                Err(FileError::array(name, format!("{one_of} values in one row or column"), found))
            }
        }
    }

    /// Whether an array of this name is there, read or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}.npy")).is_some()
    }

    fn find(&mut self, name: &str) -> Result<Option<NpyArray>, FileError> {
        self.content(name)?.map(|content| NpyArray::parse(name, &content)).transpose()
    }

    /// The text of an array that is one.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, FileError> {
        self.content(name)?.map(|content| text_from_npy(name, &content)).transpose()
    }

    fn content(&mut self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let fail = |why: &dyn std::fmt::Display| FileError::format(NPZ, &format!("array {name:?}: {why}"));
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(fail(&error)),
        };
        let size = entry.size();
        self.budget = self.budget.checked_sub(size).ok_or_else(|| {
            let left = self.budget;
            fail(&format!("it unpacks to {size} bytes, {left} are allowed: save it without compression"))
        })?;
        let mut content = Vec::new();
        // One byte more than claimed reaches the end of an honest entry, where its checksum is compared.
        entry.take(size + 1).read_to_end(&mut content).map_err(|e| fail(&e))?;
        self.used.insert(name.to_owned());
        Ok(Some(content))
    }

    /// Refuses what nothing used, unless it may be left out.
    pub(super) fn finish(&self, ignored: &[String]) -> Result<(), FileError> {
        let names = self.zip.file_names().flatten();
        let mut unused: Vec<String> = (names.map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned()))
            .filter(|name| !self.used.contains(name) && !ignored.contains(name))
            .collect();
        unused.sort_unstable();
        FileError::unless_unused("arrays", &unused)
    }

    fn missing(&self, name: &str) -> FileError {
        let plain = |name: Cow<'_, str>| shortened_name(name.strip_suffix(".npy").unwrap_or(&name));
        let mut names: Vec<String> = self.zip.file_names().flatten().map(plain).collect();
        names.sort_unstable();
        if names.iter().any(|name| name == "indptr") {
            return FileError::format(
                NPZ,
                &"it is one sparse matrix of SciPy: save dense arrays by numpy.savez instead",
            );
        }
        let more = names.len().saturating_sub(MOST_NAMES);
        names.truncate(MOST_NAMES);
        if more > 0 || names.is_empty() {
            names.push(if more > 0 { format!("{more} more") } else { "nothing".to_owned() });
        }
        let available = names.join(", ");
        FileError::Missing { array: name.to_owned(), available }
    }
}

/// Names listed in an error.
const MOST_NAMES: usize = 12;

pub(super) fn append<T: Real>(
    archive: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    array: &Array2<T>,
) -> Result<(), FileError> {
    append_bytes(archive, name, &npy_to_bytes(array.view()))
}

pub(super) fn append_bytes(
    archive: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    bytes: &[u8],
) -> Result<(), FileError> {
    let large = u32::try_from(bytes.len()).is_err();
    // The default time of change is a fixed date, so that equal arrays give equal bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(large);
    archive.start_file(format!("{name}.npy"), options).map_err(|e| FileError::format(NPZ, &e))?;
    archive.write_all(bytes).map_err(|e| FileError::format(NPZ, &e))
}

pub(super) fn dimensions((rows, columns): (usize, usize)) -> String {
    format!("{rows} x {columns}")
}
