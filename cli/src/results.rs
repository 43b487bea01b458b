//! A folder that holds the results of one run, which another run does not replace unasked.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::output;

/// Key of a run's stamp in its report and in the notes of its model.
pub(crate) const STAMP: &str = "run";

/// What a run is told apart by: 12 hexadecimal digits that follow from all it starts from. The same run has the same stamp, for it has
/// the same results.
pub(crate) fn stamp(data: &[u8], asked: &impl Serialize) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for part in [env!("CARGO_PKG_VERSION").as_bytes(), &serde_json::to_vec(asked)?, data] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    Ok(hasher.finalize().to_hex()[..12].to_owned())
}

/// Where results go.
pub(crate) struct Results<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// All files of the run, first the report in JSON.
    pub files: &'a [&'a str],
    /// What the report of this run has and those of others have not.
    pub identity: Value,
}

impl Results<'_> {
    /// Before the work: whether the results can be written, and would replace none of another run.
    pub(crate) fn check(&self, force: bool) -> Result<()> {
        output::check_folder(self.folder)?;
        let there: Vec<&str> = self.files.iter().copied().filter(|file| self.path(file).is_file()).collect();
        ensure!(
            force || there.is_empty() || self.is_same(),
            "{} holds {} of another run: write elsewhere with --out FOLDER, or replace with --force",
            self.folder.display(),
            there.join(", "),
        );
        Ok(())
    }

    /// The path of one of the files.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Whether the report that is there is this run's.
    fn is_same(&self) -> bool {
        let told = self.report().zip(self.identity.as_object());
        told.is_some_and(|(report, identity)| identity.iter().all(|(key, value)| report.get(key) == Some(value)))
    }

    fn report(&self) -> Option<Value> {
        // Reports of ours are far smaller; a special file under the name is none.
        const LONGEST: u64 = 1 << 28;
        let path = self.path(self.files[0]);
        let mut bytes = Vec::new();
        if !path.is_file() {
            return None;
        }
        std::fs::File::open(&path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
