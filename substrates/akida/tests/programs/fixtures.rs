//! Programs of the maker's compiler for random layers: the judge of every byte. See tests/fixtures/README.md.

use std::fs;
use std::path::{Path, PathBuf};

use forebay_akida::Program;
use forebay_akida::case::Case;
use forebay_substrate::WeightPatch;
use serde_json::Value;

pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) json: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

impl Fixture {
    fn value(&self) -> Value {
        serde_json::from_slice(&self.json).expect("fixtures are JSON")
    }
}

pub(crate) fn all() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fc");
    let entries = fs::read_dir(folder).expect("the fixtures are there").map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    let read = |path: PathBuf| Fixture {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        json: fs::read(&path).expect("readable"),
        bytes: fs::read(path.with_extension("bin")).expect("each has a program"),
    };
    paths.into_iter().map(read).collect()
}

fn number(value: &Value) -> usize {
    value.as_u64().expect("a number") as usize
}

#[test]
fn every_program_is_built_byte_for_byte() {
    let fixtures = all();
    assert_eq!(fixtures.len(), 40);
    for fixture in fixtures {
        let program = Case::from_json(&fixture.json).expect("a case").build().expect("it fits");
        assert_eq!(program.bytes().len(), fixture.bytes.len(), "{}", fixture.name);
        let differs = program.bytes().iter().zip(&fixture.bytes).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{}", fixture.name);
    }
}

#[test]
fn every_program_is_read_back() {
    for fixture in all() {
        let program = Program::from_bytes(fixture.bytes.clone()).expect("a program");
        let value = fixture.value();
        let processors = value["processors"].as_array().expect("a list");
        assert_eq!(program.info_bytes(), number(&value["program_info_size"]));
        assert_eq!(program.layers().len(), processors.len());
        for (layer, processor) in program.layers().iter().zip(processors) {
            let found = (usize::from(layer.np.col), usize::from(layer.np.row), usize::from(layer.np.id));
            assert_eq!(found, (number(&processor["col"]), number(&processor["row"]), number(&processor["id"])));
            assert_eq!(layer.np.kind.to_string(), processor["type"].as_str().expect("a name"));
        }
        let rebuilt = program.to_builder().build().expect("it fits");
        assert!(rebuilt.bytes() == fixture.bytes, "{}", fixture.name);
    }
}

#[test]
fn every_patch_changes_the_same_bytes() {
    for fixture in all() {
        for patch in fixture.value()["patches"].as_array().expect("a list") {
            let mut program = Program::from_bytes(fixture.bytes.clone()).expect("a program");
            let value = patch["value"].as_i64().expect("a number") as i8;
            let (layer, input, unit) = (number(&patch["layer"]), number(&patch["input"]), number(&patch["unit"]));
            program.patch(&WeightPatch { layer, input, unit, value }).expect("it exists");
            let changes: Vec<[usize; 3]> = (0..fixture.bytes.len())
                .filter(|&at| program.bytes()[at] != fixture.bytes[at])
                .map(|at| [at, fixture.bytes[at].into(), program.bytes()[at].into()])
                .collect();
            let expected: Vec<[usize; 3]> =
                serde_json::from_value(patch["changes"].clone()).expect("triples of numbers");
            assert_eq!(changes, expected, "{}: {patch}", fixture.name);
        }
    }
}
