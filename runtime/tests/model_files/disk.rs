//! What is on the disk: all or nothing, links, permissions.

use crate::{kind, refused, small};
use std::fs;
use std::path::Path;

use forebay::Error;
use forebay::model::Model;
use forebay::model::file::{FileError, ModelHeader};
use forebay::model::import::{ImportOptions, read_npy};

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("a plain name")).collect();
    names.sort();
    names
}

#[test]
fn saving_is_all_or_nothing() -> Result<(), Error> {
    let model = small()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = |name: &str| folder.path().join(name);
    let io = kind!(Error::File(FileError::Io { action: "write", .. }));
    refused("no such folder", model.save(&here("none/model.forebay")), io, "none/model.forebay");
    assert_eq!(names_in(folder.path()), [""; 0]);

    // A folder in the way fails at the last moment, when the temporary file is already written.
    fs::create_dir(here("taken.forebay")).expect("a folder");
    fs::write(here("taken.forebay/inside"), b"kept").expect("a file");
    refused("a folder", model.save(&here("taken.forebay")), io, "taken.forebay");
    refused("a folder", model.export(&here("taken.forebay")), io, "taken.forebay");
    assert_eq!(names_in(folder.path()), ["taken.forebay"]);
    assert_eq!(names_in(&here("taken.forebay")), ["inside"]);

    fs::write(here("model.forebay"), vec![0; 100_000]).expect("a file");
    model.save(&here("model.forebay"))?;
    assert_eq!(fs::read(here("model.forebay")).expect("the file"), model.to_bytes()?);
    assert_eq!(names_in(folder.path()), ["model.forebay", "taken.forebay"]);
    Ok(())
}

/// A link was once replaced by the file, and a device such as /dev/stdout would have been.
#[cfg(unix)]
#[test]
fn links_are_followed_and_devices_written_into() -> Result<(), Error> {
    use std::os::unix::fs::symlink;
    let model = small()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let here = |name: &str| folder.path().join(name);
    fs::create_dir(here("store")).expect("a folder");
    symlink("store/model.forebay", here("link")).expect("a link");
    symlink("link", here("second")).expect("a link");
    for name in ["link", "second"] {
        model.save(&here(name))?;
        assert_eq!(fs::read(here("store/model.forebay")).expect("the file"), model.to_bytes()?);
        assert!(fs::symlink_metadata(here(name)).expect("the link").is_symlink());
    }
    assert_eq!(names_in(&here("store")), ["model.forebay"]);
    model.save(Path::new("/dev/null"))?;
    assert!(!fs::metadata("/dev/null").expect("the device").is_file());
    symlink("circle", here("circle")).expect("a link");
    refused("circle", model.save(&here("circle")), kind!(Error::File(FileError::Io { action: "write", .. })), "circle");
    Ok(())
}

/// Temporary files are readable by their owner alone; once such a file became the model, nobody else could use it.
#[cfg(unix)]
#[test]
fn saved_files_have_the_usual_permissions() -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("the file").permissions().mode();
    small()?.save(&folder.path().join("model.forebay"))?;
    fs::write(folder.path().join("other"), b"").expect("a file");
    assert_eq!(mode("model.forebay"), mode("other"));
    Ok(())
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let io = kind!(Error::File(FileError::Io { action: "read", .. }));
    let options = ImportOptions::default();
    for name in ["none.forebay", "none.json", "none.npz"] {
        refused(name, Model::<f32>::import(&folder.path().join(name), &options), io, name);
    }
    refused("header", ModelHeader::read(&folder.path().join("none")), io, "none");
    refused("npy", read_npy(&folder.path().join("none.npy")), io, "none.npy");
    refused("a folder", Model::<f32>::load(folder.path()), io, "not a regular file");
    refused("a device", Model::<f32>::load(Path::new("/dev/zero")), io, "not a regular file");
    refused("an endless array", read_npy(Path::new("/dev/zero")), io, "not a regular file");
    fs::write(folder.path().join("empty.forebay"), b"").expect("a file");
    let format = kind!(Error::File(FileError::Format { .. }));
    refused("empty", Model::<f32>::load(&folder.path().join("empty.forebay")), format, "shorter than 8 bytes");
}
