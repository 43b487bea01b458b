//! Bytes of files: read, mapped, written aside and renamed.
//!
//! Everything this library writes goes through [`write_aside`]; a program that writes several files that belong together makes an
//! [`Aside`] of each, and lets them take their names when all are there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, FileError};

/// Opens a regular file; a folder opens, too, and a pipe or a device may never end.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// The bytes of a file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| FileError::Io { action: "read", path: path.to_owned(), source })
}

/// The first bytes of a file, at most 512.
pub(crate) fn read_start(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.take(512).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| FileError::Io { action: "read", path: path.to_owned(), source })
}

/// Maps a file into memory for reading.
pub(crate) fn map(path: &Path) -> Result<memmap2::Mmap, FileError> {
    let fail = |source| FileError::Io { action: "read", path: path.to_owned(), source };
    let file = open(path).map_err(fail)?;
    // SAFETY: the map is private to the caller, read-only and outlives every borrow of its bytes. What the type system
    // cannot promise is that no other process writes into the file or truncates it meanwhile; that is asked of the caller
    // in the documentation of `load`. This crate replaces files by renaming and never writes into one. Should it happen
    // all the same, text is parsed from a copy and every number is checked after it was copied out, so changed bytes
    // lead to an error or to other weights; a truncated file ends the process by SIGBUS.
    unsafe { memmap2::Mmap::map(&file) }.map_err(fail)
}

/// Writes bytes beside `path` and renames, so that the file is either the old one or the whole new one.
///
/// A link is followed and stays one; what is no regular file, such as a pipe or a terminal, is written into.
///
/// ```no_run
/// forebay::disk::write_aside("results.csv".as_ref(), b"step,x\n0,1.5\n")?;
/// # Ok::<(), forebay::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] with the path and the system's reason; a file that was there is as it was.
pub fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Aside::write(path, bytes)?.persist()
}

/// The bytes of a file that are on the disk, and have not taken its name yet; dropped, they are gone and nothing happened.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// To be renamed.
    Beside { file: tempfile::NamedTempFile, target: PathBuf },
    /// What is there is no regular file: it takes the bytes as they come.
    Stream { bytes: Vec<u8>, target: PathBuf },
}

impl Aside {
    /// Writes the bytes beside the file of this path, or of the one that a link leads to.
    ///
    /// # Errors
    /// [`Error::File`] if they can't be written there.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let place = Place::of(path, bytes);
        let place = place.map_err(|source| FileError::Io { action: "write", path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), place })
    }

    /// Gives the file its new bytes.
    ///
    /// # Errors
    /// [`Error::File`]; the old file is still there.
    pub fn persist(self) -> Result<(), Error> {
        let done = match self.place {
            Place::Beside { file, target } => file.persist(&target).map(|_| ()).map_err(|error| error.error),
            Place::Stream { bytes, target } => {
                fs::OpenOptions::new().write(true).open(&target).and_then(|mut file| file.write_all(&bytes))
            }
        };
        done.map_err(|source| FileError::Io { action: "write", path: self.path, source }.into())
    }
}

impl Place {
    fn of(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let target = followed(path)?;
        if fs::metadata(&target).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(Self::Stream { bytes: bytes.to_vec(), target });
        }
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut aside = tempfile::Builder::new();
        // Temporary files are private by default; a model is as readable as any file its owner writes.
        #[cfg(unix)]
        aside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = aside.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(Self::Beside { file, target })
    }
}

/// Links a path goes through at most, as the kernel has it.
const MOST_LINKS: usize = 40;

/// Where a path leads through its links, whether or not there is a file at the end.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().map_or(target.clone(), |folder| folder.join(&target)),
            // It is no link, or not there.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "too many links"))
}
