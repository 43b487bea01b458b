//! Running the binary, and files for it to read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ndarray::ArrayView2;
use tempfile::TempDir;

/// A folder of its own to run the binary in.
pub(crate) struct Folder(TempDir);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the temporary folder takes files");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file below, with its bytes.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        fn visit(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                found.insert(path.clone(), fs::read(&path).ok());
                if path.is_dir() {
                    visit(&path, found);
                }
            }
        }
        let mut found = BTreeMap::new();
        visit(self.0.path(), &mut found);
        found
    }

    /// Runs `forebay` here on this many threads.
    pub(crate) fn run_on(&self, threads: usize, arguments: &[&str]) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
            // Without a command there is nothing to split.
            .args(if arguments.is_empty() { vec![] } else { vec!["--threads".to_owned(), threads.to_string()] })
            .args(arguments)
            .current_dir(self.0.path())
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
        Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs `forebay` here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_on(2, arguments)
    }

    /// Runs `forebay` here, which must succeed without a word on standard error; gives what it printed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!outcome.out.contains('\u{1b}'), "{arguments:?}: no colours in a file");
        outcome.out
    }

    /// Runs `forebay` here, which must succeed; gives what it printed on standard output and on standard error.
    pub(crate) fn told(&self, arguments: &[&str]) -> (String, String) {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        (outcome.out, outcome.err)
    }

    /// Like [`done`](Self::done), for output that is JSON and nothing else.
    pub(crate) fn done_json(&self, arguments: &[&str]) -> serde_json::Value {
        let out = self.done(arguments);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }
}

/// A column of this many rows.
pub(crate) fn column<V: std::fmt::Display>(rows: usize, value: impl Fn(usize) -> V) -> String {
    (0..rows).map(|t| value(t).to_string() + "\n").collect()
}

/// Two columns that a network can learn: a slow and a fast oscillation, and a number of the row in front.
pub(crate) fn waves(rows: usize) -> String {
    let mut text = "day,level,flow\n".to_owned();
    for t in 0..rows {
        let phase = t as f64;
        let (level, flow) = ((0.31 * phase).sin() + 0.3 * (0.17 * phase).cos(), (0.23 * phase).cos() * 40.0 + 100.0);
        text += &format!("{t},{level:.6},{flow:.6}\n");
    }
    text
}

/// The bytes of a `.npy` file, whatever its header claims.
pub(crate) fn npy(descr: &str, fortran_order: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let mut header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("a short header").to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A matrix of 64-bit floats as `.npy`.
pub(crate) fn npy_f64(array: ArrayView2<'_, f64>) -> Vec<u8> {
    let data: Vec<u8> = array.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy("'<f8'", false, &format!("({}, {})", array.nrows(), array.ncols()), &data)
}

/// A JSON file of weights: two units, one input, one output.
pub(crate) fn small_json() -> serde_json::Value {
    serde_json::json!({
        "w_in": [0.5, -0.3], "w_res": [0.0, 0.4, -0.4, 0.1], "w_out": [1.0, -1.0],
        "input_size": 1, "reservoir_size": 2, "output_size": 1, "leak_rate": 0.5, "bias": [0.1, 0.0],
        "activation": "tanh", "provenance": {"seed": null, "training": null, "notes": {}},
    })
}
