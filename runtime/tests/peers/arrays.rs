//! The arrays of one network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;

use forebay::model::import::npy_from_bytes;
use ndarray::{Array2, ArrayView2};
use zip::ZipArchive;

/// What one library computed for one network, as `make.py` describes it.
pub(crate) struct Network {
    /// `library, network`: what stands in every failure.
    pub(crate) name: String,
    arrays: BTreeMap<String, Array2<f64>>,
}

impl Network {
    pub(crate) fn of_reservoirpy(name: &str) -> Self {
        Self::open("reservoirpy", name)
    }

    pub(crate) fn of_pyrcn(name: &str) -> Self {
        Self::open("pyrcn", name)
    }

    pub(crate) fn open(library: &str, name: &str) -> Self {
        let mut archive = archive(library);
        let prefix = format!("{name}/");
        let entries: Vec<String> = archive.file_names().flatten().map(|entry| entry.to_string()).collect();
        let mut arrays = BTreeMap::new();
        for entry in entries {
            let Some(array) = entry.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".npy")) else { continue };
            let mut bytes = Vec::new();
            archive.by_name(&entry).expect("listed").read_to_end(&mut bytes).expect("the archive is whole");
            arrays.insert(array.to_owned(), npy_from_bytes(&bytes).expect("an array of floats"));
        }
        assert!(!arrays.is_empty(), "{library}.npz has no network {name}: run make.py");
        Self { name: format!("{library}, {name}"), arrays }
    }

    pub(crate) fn array(&self, array: &str) -> ArrayView2<'_, f64> {
        match self.arrays.get(array) {
            Some(found) => found.view(),
            None => panic!("{}: no array {array}, only {:?}", self.name, self.arrays.keys()),
        }
    }

    pub(crate) fn has(&self, array: &str) -> bool {
        self.arrays.contains_key(array)
    }

    /// The only value of an array.
    pub(crate) fn number(&self, array: &str) -> f64 {
        let found = self.array(array);
        assert_eq!(found.len(), 1, "{}: {array} is no number", self.name);
        found[[0, 0]]
    }

    pub(crate) fn count(&self, array: &str) -> usize {
        self.number(array) as usize
    }

    /// The values of an array one after the other.
    pub(crate) fn values(&self, array: &str) -> Vec<f64> {
        self.array(array).iter().copied().collect()
    }

    pub(crate) fn arrays(&self) -> impl Iterator<Item = (&str, &Array2<f64>)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }
}

/// The networks of a library.
pub(crate) fn networks(library: &str) -> BTreeSet<String> {
    let archive = archive(library);
    let entries = archive.file_names().flatten();
    entries.filter_map(|entry| entry.split_once('/').map(|(network, _)| network.to_owned())).collect()
}

fn archive(library: &str) -> ZipArchive<File> {
    let path = format!("{}/tests/peers/{library}.npz", env!("CARGO_MANIFEST_DIR"));
    ZipArchive::new(File::open(path).expect("committed beside this file")).expect("a .npz archive")
}
