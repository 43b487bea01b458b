//! Model files, and weights from elsewhere: what is written is read back to the bit, and nothing else is believed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use forebay::checkpoint::Checkpoint;
use forebay::fingerprint::Fingerprint;
use forebay::graph::{Graph, GraphError, Products, ReservoirSource};
use forebay::model::file::{FileError, ModelHeader};
use forebay::model::import::{ImportOptions, RowsOfWout, npy_from_bytes, npy_to_bytes, read_npy, write_npy};
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, Provenance, ReservoirParameters};
use forebay::reservoir::{Activation, Reservoir};
use forebay::train::{HeadReport, TrainingReport};
use forebay::weights::Csr;
use forebay::{Error, ReadoutOn, Real};
use ndarray::{Array1, Array2, array, concatenate};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

// ---- Models to write ----

/// Numbers without a pattern, the same in every run.
fn noise(seed: usize) -> impl FnMut() -> f64 {
    let mut state = seed as u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }
}

/// Sparse and dense reservoirs, feedback, delay, products, several inputs and heads.
fn deep<T: Real>() -> Result<Model<T>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let v = g.input("v", 1);
    let past = g.delay("past", u, 3);
    let both = g.concat("both", [u, past, v]);
    let sparse = Reservoir::new(60).density(0.05).leak_rate(0.3);
    let first = g.reservoir_with_feedback("first/layer", both, sparse, "y");
    let rates = (1..=20).map(|i| 0.05 * f64::from(i)).collect();
    let dense = Reservoir::new(20).density(1.0).leak_rates(rates).activation(Activation::BoundedRelu { max: 3.0 });
    let second = g.reservoir("second", first, dense);
    let hidden = g.dense("hidden", second, 7, 0.7);
    let bent = g.activation("bent", hidden, Activation::Tanh);
    let pairs = g.products("pairs", bent, Products::Unique { degree: 2 });
    g.readout("y", [first, pairs], 2);
    g.readout("z", [u, second], 1);
    let mut model = Model::<T>::generate(g.build()?, 11)?;
    let mut next = noise(3);
    for (name, features) in [("y", 60 + 28), ("z", 22)] {
        let outputs = model.head(name)?.width;
        let weights = Array2::from_shape_simple_fn((outputs, features), || T::from_f64(0.1 * next()));
        let bias = Array1::from_shape_simple_fn(outputs, || T::from_f64(next()));
        model = model.with_readout(name, weights.view(), bias.view())?;
    }
    let mut notes = serde_json::Map::new();
    notes.insert("columns".to_owned(), json!(["temperature", "Druck \u{1f4a7} \"\n"]));
    notes.insert("scaling".to_owned(), json!({"mean": 0.1 + 0.2, "deviation": 1e-300}));
    let head = HeadReport {
        name: "y".to_owned(),
        features: 88,
        ridge: 1e-7 / 3.0,
        rank: Some(87),
        train_nrmse: vec![Some(0.1 / 3.0), None],
    };
    let training = TrainingReport { washout: 100, steps: 5000, skipped: vec![3], heads: vec![head] };
    Ok(model.with_provenance(Provenance { seed: Some(u64::MAX), training: Some(training), notes }))
}

/// Two inputs, four sparse units, one output of input and state.
fn small() -> Result<Model<f32>, Error> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let x = g.reservoir("x", u, ReservoirSource::Given { units: 4, activation: Activation::Tanh });
    g.readout("y", [u, x], 1);
    let w_in = array![[0.5, -0.25], [1.0, 0.0], [0.0, 0.75], [-0.5, 0.125]];
    let w_res = Csr::new(4, 4, vec![0, 2, 3, 3, 5], vec![1, 3, 0, 0, 2], vec![0.5, -0.5, 0.25, 1.0, -0.75])
        .expect("a valid sparse matrix");
    let reservoir = ReservoirParameters {
        w_in: Matrix::from_dense("w_in", w_in.view())?,
        w_res: Matrix::from_csr("w_res", &w_res)?,
        w_feedback: None,
        bias: vec![0.0, 0.125, -0.25, 0.5],
        leak: LeakRates::uniform(0.5)?,
    };
    let w_out = array![[1.0, 2.0, 0.5, -1.5, 0.25, 3.0]];
    ModelBuilder::new(g.build()?).reservoir("x", reservoir)?.linear("y", w_out.view(), array![0.0625].view())?.build()
}

/// Bits of the outputs over 30 steps.
fn run<T: Real>(model: &Model<T>) -> Result<Vec<u64>, Error> {
    let mut next = noise(5);
    let inputs = Array2::from_shape_simple_fn((30, model.graph().inputs()), || T::from_f64(next()));
    Ok(model.session().run(inputs.view())?.iter().map(|y| y.bits()).collect())
}

// ---- Round trips of model files ----

fn round_trip<T: Real>() -> Result<(), Error> {
    let model = deep::<T>()?;
    let bytes = model.to_bytes()?;
    assert_eq!(model.to_bytes()?, bytes, "the same model, other bytes");
    let read = Model::<T>::from_bytes(&bytes)?;
    assert_eq!(read.to_bytes()?, bytes);
    assert_eq!(read.graph(), model.graph());
    assert_eq!(read.provenance(), model.provenance());
    assert_eq!(run(&read)?, run(&model)?);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("deep.forebay");
    model.save(&path)?;
    assert_eq!(fs::read(&path).expect("the file"), bytes);
    assert_eq!(Model::<T>::load(&path)?.to_bytes()?, bytes);

    let (header, graph) = ModelHeader::read(&path)?;
    assert_eq!((&graph, &header.provenance), (model.graph(), model.provenance()));
    assert_eq!(header.precision, T::NAME);
    let names: Vec<&str> = header.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let expected = [
        "first/layer/bias",
        "first/layer/leak",
        "first/layer/w_feedback",
        "first/layer/w_in",
        "first/layer/w_res.columns",
        "first/layer/w_res.starts",
        "first/layer/w_res.values",
        "hidden/bias",
        "hidden/weights",
        "second/bias",
        "second/leak",
        "second/w_in",
        "second/w_res",
        "y/bias",
        "y/weights",
        "z/bias",
        "z/weights",
    ];
    assert_eq!(names, expected);
    assert_eq!(header.tensors[14].shape, [2, 88]);
    assert_eq!(header.tensors[14].dtype, T::NAME.to_uppercase());
    Ok(())
}

#[test]
fn models_are_read_back_to_the_bit() -> Result<(), Error> {
    round_trip::<f32>()?;
    round_trip::<f64>()
}

#[test]
fn the_other_precision_rounds_or_widens() -> Result<(), Error> {
    let (single, double) = (deep::<f32>()?, deep::<f64>()?);
    let widened = Model::<f64>::from_bytes(&single.to_bytes()?)?;
    assert_eq!(widened.readout("y")?.0, single.readout("y")?.0.mapv(f64::from));
    assert_eq!(Model::<f32>::from_bytes(&widened.to_bytes()?)?.to_bytes()?, single.to_bytes()?);
    let rounded = Model::<f32>::from_bytes(&double.to_bytes()?)?;
    assert_eq!(rounded.readout("y")?.0, double.readout("y")?.0.mapv(|w| w as f32));
    assert_eq!(run(&rounded)?, run(&single)?);
    Ok(())
}

/// A file that version 1 wrote stays readable; a change of the format needs a new version.
#[test]
fn version_1_stays_as_it_is() -> Result<(), Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/version-1.forebay");
    let model = Model::<f32>::load(&path)?;
    assert_eq!(run(&model)?, run(&small()?)?);
    assert_eq!(model.to_bytes()?, small()?.to_bytes()?);
    Ok(())
}

/// What is written today must be what was written yesterday: another format needs another version.
#[test]
fn version_2_stays_as_it_is() -> Result<(), Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/version-2.forebay");
    assert_eq!(run(&Model::<f32>::load(&path)?)?, run(&small()?)?);
    assert_eq!(small()?.to_bytes()?, fs::read(&path).expect("the file"));
    Ok(())
}

/// Of 200 bits flipped in a file without a checksum, 125 once gave other forecasts without a word.
#[test]
fn a_flipped_bit_or_a_missing_end_is_refused() -> Result<(), Error> {
    let model = deep::<f32>()?;
    let (plain, graph) = (plain::<f32>(2, true, 0.25, &[0.5])?.to_json()?, model.to_json()?);
    let checkpoint = model.session().checkpoint().with_section("more", vec![1, 2, 3]).to_bytes();
    let is_model = |bytes: &[u8]| Model::<f32>::from_bytes(bytes).is_ok();
    let is_json = |bytes: &[u8]| Model::<f32>::from_json(bytes).is_ok();
    let is_checkpoint = |bytes: &[u8]| Checkpoint::from_bytes(bytes).is_ok();
    let formats: [(&str, Vec<u8>, &dyn Fn(&[u8]) -> bool); 4] = [
        ("model", model.to_bytes()?, &is_model),
        ("JSON", plain.into_bytes(), &is_json),
        ("JSON of a graph", graph.into_bytes(), &is_json),
        ("checkpoint", checkpoint, &is_checkpoint),
    ];
    let mut next = noise(17);
    for (name, bytes, is_read) in formats {
        assert!(is_read(&bytes), "{name}");
        let mut place = |end: usize| ((next() + 0.5) * end as f64) as usize;
        for _ in 0..2000 {
            let (byte, bit) = (place(bytes.len()), place(8));
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << bit;
            assert!(!is_read(&flipped), "{name}: bit {bit} of byte {byte}");
            let end = place(bytes.len());
            assert!(!is_read(&bytes[..end]), "{name}: cut off at {end}");
        }
    }
    Ok(())
}

// ---- Files that are refused ----

/// A model file taken apart and put together by hand.
struct Raw {
    header: Value,
    tensors: BTreeMap<String, (String, Vec<usize>, Vec<u8>)>,
}

impl Raw {
    fn of<T: Real>(model: &Model<T>) -> Self {
        let bytes = model.to_bytes().expect("a model can be written");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
        let (text, data) = bytes[8..].split_at(length);
        let mut entries: serde_json::Map<String, Value> = serde_json::from_slice(text).expect("JSON");
        let header = entries.remove("__metadata__").expect("metadata");
        let mut header: Value = serde_json::from_str(header["forebay"].as_str().expect("text")).expect("JSON");
        // Version 1, which has no checksum: what is broken by hand is to be found by what it is.
        header["version"] = json!(1);
        header.as_object_mut().expect("an object").remove("checksum").expect("a checksum");
        let number = |value: &Value| value.as_u64().expect("a number") as usize;
        let tensor = |info: &Value| {
            let shape = info["shape"].as_array().expect("a list").iter().map(number).collect();
            let bytes = data[number(&info["data_offsets"][0])..number(&info["data_offsets"][1])].to_vec();
            (info["dtype"].as_str().expect("text").to_owned(), shape, bytes)
        };
        Self { header, tensors: entries.iter().map(|(name, info)| (name.clone(), tensor(info))).collect() }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&json!({"forebay": self.header.to_string()}))
    }

    fn bytes_with(&self, metadata: &Value) -> Vec<u8> {
        let (mut entries, mut data) = (json!({"__metadata__": metadata}), Vec::new());
        for (name, (dtype, shape, bytes)) in &self.tensors {
            let offsets = [data.len(), data.len() + bytes.len()];
            entries[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
            data.extend_from_slice(bytes);
        }
        with_length(entries.to_string().as_bytes(), &data)
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Vec<usize>, Vec<u8>) {
        self.tensors.get_mut(name).expect("the tensor")
    }

    fn set<const N: usize>(&mut self, name: &str, index: usize, value: [u8; N]) {
        self.tensor(name).2[index * N..][..N].copy_from_slice(&value);
    }
}

fn with_length(text: &[u8], data: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text, data].concat()
}

/// Fails unless the error is of the kind expected and one line that says `text`.
#[track_caller]
fn refused<R: std::fmt::Debug>(case: &str, result: Result<R, Error>, kind: fn(&Error) -> bool, text: &str) {
    let error = result.expect_err(case);
    let message = error.to_string();
    assert!(kind(&error), "{case}: {error:?}");
    assert!(message.contains(text), "{case}: {message}");
    assert!(!message.contains('\n') && message.len() < 300, "{case}: {message}");
}

macro_rules! kind {
    ($($pattern:tt)+) => { |error: &Error| matches!(error, $($pattern)+) };
}

#[test]
fn a_file_put_together_by_hand_is_read() -> Result<(), Error> {
    let model = small()?;
    assert_eq!(run(&Model::<f32>::from_bytes(&Raw::of(&model).bytes())?)?, run(&model)?);
    Ok(())
}

#[test]
fn bytes_that_are_no_model_are_refused() -> Result<(), Error> {
    let model = small()?;
    let (good, raw) = (model.to_bytes()?, Raw::of(&model));
    let format = kind!(Error::File(FileError::Format { .. }));
    let read = |bytes: &[u8]| Model::<f32>::from_bytes(bytes);
    refused("nothing", read(&[]), format, "shorter than 8 bytes");
    refused("7 bytes", read(&good[..7]), format, "shorter than 8 bytes");
    refused("endless header", read(&[0xff; 16]), format, "18446744073709551615 bytes of header, but 8 follow");
    refused("cut header", read(&good[..100]), format, "but 92 follow");
    refused("no JSON", read(&with_length(b"{\"\n\n\n", &[])), format, "not a usable model file");
    refused("no text", read(&with_length(b"{\"\xff\":1}", &[])), format, "not a usable model file");
    refused("deep JSON", read(&with_length("[".repeat(100_000).as_bytes(), &[])), format, "not a usable model file");
    refused("no metadata", read(&with_length(b"{}", &[])), format, "no forebay header");
    refused("foreign", read(&raw.bytes_with(&json!({"format": "pt"}))), format, "no forebay header");
    refused("header of another type", read(&raw.bytes_with(&json!({"forebay": 1}))), format, "not a usable model file");
    let length = kind!(Error::File(FileError::Length { .. }));
    refused("cut data", read(&good[..good.len() - 1]), length, "cut off or damaged");
    refused("longer data", read(&[&good[..], &[0]].concat()), length, "cut off or damaged");
    let offsets = |text: &str, data: &[u8]| read(&with_length(text.as_bytes(), data));
    let overlap =
        r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
    refused("overlap", offsets(overlap, &[0; 3]), format, "not a usable model file");
    let huge = r#"{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#;
    refused("huge shape", offsets(huge, &[0; 8]), format, "not a usable model file");
    let backwards = r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}}"#;
    refused("backwards", offsets(backwards, &[0; 8]), format, "not a usable model file");
    Ok(())
}

#[test]
fn headers_that_do_not_hold_together_are_refused() -> Result<(), Error> {
    let model = small()?;
    let read = |edit: &dyn Fn(&mut Value)| {
        let mut raw = Raw::of(&model);
        edit(&mut raw.header);
        Model::<f32>::from_bytes(&raw.bytes())
    };
    let format = kind!(Error::File(FileError::Format { .. }));
    refused(
        "other format",
        read(&|h| h["format"] = json!("a\nb")),
        format,
        "its format is 'a\\nb', not 'forebay-model'",
    );
    let version = kind!(Error::File(FileError::Version { found: 3, known: 2 }));
    let newer = |h: &mut Value| *h = json!({"format": "forebay-model", "version": 3, "layers": []});
    refused("newer version", read(&newer), version, "version 3, this program reads up to version 2");
    refused(
        "version 0",
        read(&|h| h["version"] = json!(0)),
        kind!(Error::File(FileError::Version { .. })),
        "version 0",
    );
    refused("no checksum", read(&|h| h["version"] = json!(2)), format, "its checksum is missing");
    refused("a checksum too early", read(&|h| h["checksum"] = json!("0".repeat(64))), format, "has no checksum");
    refused("no version", read(&|h| *h = json!({"format": "forebay-model"})), format, "version");
    refused("unknown key", read(&|h| h["more"] = json!(1)), format, "more");
    refused("half floats", read(&|h| h["precision"] = json!("f16")), format, "not f32 or f64");
    refused("seed", read(&|h| h["provenance"]["seed"] = json!(-1)), format, "not a usable model header");
    let node = |node: usize, op: &'static str| {
        move |h: &mut Value| h["graph"][node][1] = serde_json::from_str(op).expect("JSON")
    };
    refused("unknown node", read(&node(1, r#"{"lstm": {}}"#)), format, "lstm");
    let range = kind!(Error::Graph(GraphError::Range { .. }));
    refused("no features", read(&node(0, r#"{"input": {"features": 0}}"#)), range, "\"u\"");
    refused("too wide", read(&node(0, r#"{"input": {"features": 18446744073709551615}}"#)), range, "\"u\"");
    refused("long delay", read(&node(1, r#"{"delay": {"source": 0, "steps": 18446744073709551615}}"#)), range, "\"x\"");
    let source = kind!(Error::Graph(GraphError::Source { .. }));
    refused("loop", read(&node(1, r#"{"activation": {"source": 1, "function": "tanh"}}"#)), source, "\"x\"");
    let missing = kind!(Error::Graph(GraphError::Missing { .. }));
    refused("no readout", read(&|h| _ = h["graph"].as_array_mut().expect("a list").pop()), missing, "readout");
    let name = kind!(Error::Graph(GraphError::Name { .. }));
    refused("same name", read(&|h| h["graph"][1][0] = json!("u")), name, "used twice");
    let feedback = kind!(Error::Graph(GraphError::Feedback { .. }));
    refused("feedback", read(&|h| h["graph"][1][1]["reservoir"]["feedback"] = json!("u")), feedback, "\"u\"");
    let recipe = |h: &mut Value| {
        let mut recipe = serde_json::to_value(Reservoir::new(4)).expect("JSON");
        recipe["spectral_radius"] = json!(-1.0);
        h["graph"][1][1]["reservoir"]["weights"] = json!({"generated": recipe});
    };
    refused("recipe", read(&recipe), kind!(Error::Reservoir { .. }), "spectral_radius is -1");
    Ok(())
}

#[test]
fn tensors_that_do_not_fit_the_graph_are_refused() -> Result<(), Error> {
    let model = small()?;
    let read = |edit: &dyn Fn(&mut Raw)| {
        let mut raw = Raw::of(&model);
        edit(&mut raw);
        Model::<f32>::from_bytes(&raw.bytes())
    };
    let tensor = kind!(Error::File(FileError::Tensor { .. }));
    let more_units =
        |raw: &mut Raw| raw.header["graph"][1][1]["reservoir"]["weights"]["given"]["units"] = json!(1 << 20);
    refused(
        "more units",
        read(&more_units),
        tensor,
        "\"x/w_in\": expected F32, shape [1048576, 2], found F32, shape [4, 2]",
    );
    refused("missing", read(&|raw| _ = raw.tensors.remove("x/bias")), tensor, "\"x/bias\"");
    refused("half sparse", read(&|raw| _ = raw.tensors.remove("x/w_res.columns")), tensor, "\"x/w_res.columns\"");
    refused(
        "type",
        read(&|raw| raw.tensor("y/bias").0 = "I32".to_owned()),
        tensor,
        "expected F32, 1 values, found I32",
    );
    refused("precision", read(&|raw| raw.header["precision"] = json!("f64")), tensor, "expected F64");
    refused("transposed", read(&|raw| raw.tensor("x/w_in").1 = vec![2, 4]), tensor, "found F32, shape [2, 4]");
    refused("column", read(&|raw| raw.tensor("x/bias").1 = vec![4, 1]), tensor, "found F32, shape [4, 1]");
    let two_leaks = |raw: &mut Raw| *raw.tensor("x/leak") = ("F32".to_owned(), vec![2], vec![0; 8]);
    refused("two leaks", read(&two_leaks), tensor, "expected F32, 1 or 4 values, found F32, shape [2]");
    let surplus = kind!(Error::File(FileError::Surplus { .. }));
    let more = |raw: &mut Raw| _ = raw.tensors.insert("x/w_feedback".to_owned(), ("U8".to_owned(), vec![0], vec![]));
    refused("surplus", read(&more), surplus, "\"x/w_feedback\"");
    let dense_too =
        |raw: &mut Raw| _ = raw.tensors.insert("x/w_res".to_owned(), ("F32".to_owned(), vec![4, 4], vec![0; 64]));
    refused("dense and sparse", read(&dense_too), surplus, "\"x/w_res\"");

    let starts = |raw: &mut Raw, values: [u64; 5]| {
        raw.tensor("x/w_res.starts").2 = values.iter().flat_map(|s| s.to_le_bytes()).collect();
    };
    refused("row ends early", read(&|raw| starts(raw, [0, 3, 2, 3, 5])), tensor, "row 1 ends before it starts");
    refused("first row", read(&|raw| starts(raw, [1, 2, 3, 3, 5])), tensor, "\"x/w_res\"");
    refused("too many entries", read(&|raw| starts(raw, [0, 2, 3, 3, 6])), tensor, "U32, 6 values");
    refused("endless entries", read(&|raw| starts(raw, [0, 2, 3, 3, u64::MAX])), tensor, "\"x/w_res.columns\"");
    refused(
        "column order",
        read(&|raw| raw.set("x/w_res.columns", 0, 3_u32.to_le_bytes())),
        tensor,
        "columns of row 0",
    );
    refused(
        "column range",
        read(&|raw| raw.set("x/w_res.columns", 4, 4_u32.to_le_bytes())),
        tensor,
        "columns of row 3",
    );

    let finite = kind!(Error::NonFinite { .. });
    for (name, shown) in
        [("x/w_in", "x/w_in"), ("x/w_res.values", "x/w_res"), ("x/bias", "bias of \"x\""), ("y/weights", "\"y\"")]
    {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            refused(name, read(&|raw| raw.set(name, 1, value.to_le_bytes())), finite, shown);
        }
    }
    for value in [0.0, -0.5, 1.5, f32::NAN] {
        refused(
            "leak",
            read(&|raw| raw.set("x/leak", 0, value.to_le_bytes())),
            kind!(Error::Range { .. }),
            "leak rate",
        );
    }
    let too_large = model.with_readout("y", Array2::from_elem((1, 6), f32::MAX).view(), array![0.0].view())?;
    let mut raw = Raw::of(&Model::<f64>::from_bytes(&too_large.to_bytes()?)?);
    raw.set("y/weights", 2, 1e39_f64.to_le_bytes());
    assert!(Model::<f64>::from_bytes(&raw.bytes()).is_ok());
    refused("beyond f32", Model::<f32>::from_bytes(&raw.bytes()), finite, "index 2");
    Ok(())
}

// ---- Writing ----

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

// ---- Plain ESNs, JSON ----

/// Input, reservoir and readout of the layout given.
fn plain<T: Real>(inputs: usize, reads_input: bool, intercept: f64, leak: &[f64]) -> Result<Model<T>, Error> {
    let (units, outputs) = (5, 2);
    let mut next = noise(inputs);
    let mut draw = |shape: (usize, usize)| Array2::from_shape_simple_fn(shape, || T::from_f64(next()));
    let mut g = Graph::builder();
    let u = g.input("input", inputs);
    let x = g.reservoir("reservoir", u, ReservoirSource::Given { units, activation: Activation::Tanh });
    let sources = if reads_input { vec![u, x] } else { vec![x] };
    g.readout("output", sources, outputs);
    let parameters = ReservoirParameters {
        w_in: Matrix::from_dense("w_in", draw((units, inputs)).view())?,
        w_res: Matrix::from_dense("w_res", draw((units, units)).view())?,
        w_feedback: None,
        bias: draw((1, units)).into_iter().collect(),
        leak: LeakRates::new(leak.iter().map(|a| T::from_f64(*a)).collect())?,
    };
    let w_out = draw((outputs, units + if reads_input { inputs } else { 0 }));
    let bias = Array1::from_elem(outputs, T::from_f64(intercept));
    ModelBuilder::new(g.build()?)
        .reservoir("reservoir", parameters)?
        .linear("output", w_out.view(), bias.view())?
        .build()
}

#[test]
fn json_is_read_back_to_the_bit() -> Result<(), Error> {
    fn check<T: Real>() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("plain.JSON");
        let model = plain::<T>(3, false, 0.0, &[0.1])?;
        model.export(&path)?;
        let read = Model::<T>::import(&path, &ImportOptions::default())?;
        assert_eq!(read.to_bytes()?, model.to_bytes()?);
        assert_eq!(read.to_json()?, model.to_json()?);
        Ok(())
    }
    check::<f32>()?;
    check::<f64>()
}

const JSON: &str = r#"{"w_in": [0.5, -0.25], "w_res": [0.0, 1, 0.5, 0.125], "w_out": [1.0, 2.0, 3.0, 4.0], "input_size": 1,
    "reservoir_size": 2, "output_size": 2, "leak_rate": 0.5, "bias": [0.25, 0.75], "activation": "identity"}"#;

#[test]
fn json_means_what_it_says() -> Result<(), Error> {
    let mut session = Model::<f64>::from_json(JSON.as_bytes())?.session();
    // x = 0.5 (W_in u + b), then x' = 0.5 x + 0.5 (W_in u + W_res x + b); y = W_out x.
    assert_eq!(session.step(&[1.0])?, [0.375 + 2.0 * 0.25, 3.0 * 0.375 + 4.0 * 0.25]);
    let x = [0.1875 + 0.5 * (0.5 + 0.25 + 0.25), 0.125 + 0.5 * (-0.25 + 0.75 + 0.5 * 0.375 + 0.125 * 0.25)];
    assert_eq!(session.step(&[1.0])?, [x[0] + 2.0 * x[1], 3.0 * x[0] + 4.0 * x[1]]);
    Ok(())
}

#[test]
fn json_that_does_not_hold_together_is_refused() {
    let read = |old: &str, new: &str| {
        assert!(JSON.contains(old), "{old}");
        Model::<f32>::from_json(JSON.replacen(old, new, 1).as_bytes())
    };
    let format = kind!(Error::File(FileError::Format { .. }));
    refused("no JSON", Model::<f32>::from_json(b"w_in = 1"), format, "not a usable JSON of a model");
    refused("no bytes", Model::<f32>::from_json(b""), format, "not a usable JSON of a model");
    refused("deep", Model::<f32>::from_json("[".repeat(100_000).as_bytes()), format, "not a usable JSON");
    refused("no w_res", read("w_res", "w_reservoir"), format, "w_res");
    refused("twice", read("\"leak_rate\"", "\"bias\": [], \"leak_rate\""), format, "duplicate field `bias`");
    refused("text", read("0.125", "\"0.125\""), format, "not a usable JSON of a model");
    refused("NaN", read("0.125", "NaN"), format, "not a usable JSON of a model");
    refused("beyond f64", read("0.125", "1e999"), format, "not a usable JSON of a model");
    refused("negative size", read("\"input_size\": 1", "\"input_size\": -1"), format, "not a usable JSON of a model");
    let array = kind!(Error::File(FileError::Array { .. }));
    refused(
        "short w_res",
        read("0.0, 1, ", ""),
        array,
        "w_res: expected reservoir_size x reservoir_size = 2 x 2 values, found 2",
    );
    refused("inputs", read("\"input_size\": 1", "\"input_size\": 2"), array, "input_size = 2 x 2 values, found 2");
    refused("no inputs", read("\"input_size\": 1", "\"input_size\": 0"), array, "found 2");
    refused("empty", read("[0.5, -0.25]", "[]"), array, "found 0");
    let huge = "\"output_size\": 9223372036854775809";
    refused("overflow", read("\"output_size\": 2", huge), array, "w_out: expected output_size x reservoir_size");
    refused("activation", read("identity", "softsign\\n"), format, "unknown variant `softsign");
    // A key that was passed over could have been the bias under another name.
    let unused = kind!(Error::File(FileError::Unused { .. }));
    refused("unknown", read("\"bias\"", "\"biases\""), unused, "also holds keys that nothing uses: biases");
    let ignoring = ImportOptions { ignored: vec!["by".to_owned()], ..ImportOptions::default() };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.txt");
    fs::write(&path, JSON.replacen("\"bias\"", "\"by\": \"hand\", \"bias\"", 1)).expect("a file");
    refused("by", Model::<f32>::import(&path, &ImportOptions::default()), unused, "by");
    assert!(Model::<f32>::import(&path, &ignoring).is_ok());
    let readout = "\"w_out_input\": [1.0], \"output_size\"";
    refused("readout", read("\"output_size\"", readout), array, "w_out_input: expected output_size x input_size");
    let intercept = "\"w_out_bias\": [1.0], \"output_size\"";
    refused("intercept", read("\"output_size\"", intercept), array, "w_out_bias: expected output_size = 2 values");
    refused("bias", read("[0.25, 0.75]", "[0.25]"), kind!(Error::Shape { .. }), "bias");
    refused("leak", read("\"leak_rate\": 0.5", "\"leak_rate\": 1.5"), kind!(Error::Range { .. }), "leak rate");
    refused("beyond f32", read("0.125", "1e39"), kind!(Error::NonFinite { .. }), "w_res");
}

/// Once only the barest networks could be written: no intercept, no input read by the readout, no second reservoir.
#[test]
fn json_holds_every_model() -> Result<(), Error> {
    let with = |activation: Activation, feedback: bool| {
        let mut g = Graph::builder();
        let u = g.input("input", 1);
        let recipe = ReservoirSource::Given { units: 3, activation };
        let x = match feedback {
            true => g.reservoir_with_feedback("reservoir", u, recipe, "output"),
            false => g.reservoir("reservoir", u, recipe),
        };
        g.readout("output", [x], 1);
        let matrix = |columns| Matrix::from_dense("w", Array2::from_elem((3, columns), 0.25_f32).view());
        let parameters = ReservoirParameters {
            w_in: matrix(1)?,
            w_res: matrix(3)?,
            w_feedback: feedback.then(|| matrix(1)).transpose()?,
            bias: vec![0.5; 3],
            leak: LeakRates::uniform(0.5)?,
        };
        ModelBuilder::new(g.build()?)
            .reservoir("reservoir", parameters)?
            .linear("output", array![[1.0, 2.0, 3.0]].view(), array![0.5].view())?
            .build()
    };
    let models = [
        ("several nodes", deep()?),
        ("readout of the input", plain(2, true, 0.0, &[1.0])?),
        ("intercept", plain(2, false, 0.5, &[1.0])?),
        ("leak per unit", plain(2, true, 0.5, &[0.1, 0.2, 0.3, 0.4, 0.5])?),
        ("bounded relu", with(Activation::BoundedRelu { max: 0.1 }, false)?),
        ("identity", with(Activation::Identity, false)?),
        ("feedback", with(Activation::Tanh, true)?),
        ("all of it", with(Activation::BoundedRelu { max: 1.5 }, true)?),
    ];
    for (name, model) in models {
        let text = model.to_json()?;
        let read = Model::<f32>::from_json(text.as_bytes())?;
        assert_eq!(read.to_bytes()?, model.to_bytes()?, "{name}");
        assert_eq!(read.to_json()?, text, "{name}");
        assert_eq!(Fingerprint::of_model(&read), Fingerprint::of_model(&model), "{name}");
        if name != "several nodes" {
            let read = Model::<f32>::from_npz(&model.to_npz()?, &ImportOptions::default())?;
            assert_eq!(Fingerprint::of_model(&read), Fingerprint::of_model(&model), "{name} as .npz");
        }
    }
    let limit = kind!(Error::File(FileError::NotExpressible { .. }));
    refused("deep as .npz", deep::<f32>()?.to_npz(), limit, "11 nodes");
    Ok(())
}

/// What is edited by hand goes without.
fn without_checksum(text: &str) -> String {
    let start = text.find("\"checksum\":\"").expect("a checksum");
    let rest = &text[start + "\"checksum\":\"".len() + 64 + "\",".len()..];
    text[..start].to_owned() + rest
}

#[test]
fn a_graph_as_json_must_hold_together() -> Result<(), Error> {
    let text = without_checksum(&deep::<f32>()?.to_json()?);
    let read = |old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        Model::<f32>::from_json(text.replacen(old, new, 1).as_bytes())
    };
    let tensor = kind!(Error::File(FileError::Tensor { .. }));
    refused("missing", read("/bias\":{", "/biases\":{"), tensor, "no tensor of this name");
    let surplus = kind!(Error::File(FileError::Surplus { .. }));
    refused("more", read("\"tensors\":{", "\"tensors\":{\"a/b\":{\"shape\":[0],\"values\":[]},"), surplus, "a/b");
    let unused = kind!(Error::File(FileError::Unused { .. }));
    refused("key", read("\"version\"", "\"comment\":1,\"version\""), unused, "comment");
    let version = kind!(Error::File(FileError::Version { .. }));
    refused("version", read("\"version\":1", "\"version\":2"), version, "version 2");
    let format = kind!(Error::File(FileError::Format { .. }));
    refused("format", read("forebay-graph", "onnx"), format, "missing field `w_in`");
    Ok(())
}

// ---- NumPy ----

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("{name}.npy"), options).expect("an entry");
        archive.write_all(bytes).expect("bytes in memory");
    }
    archive.finish().expect("an archive").into_inner()
}

fn npy(array: &Array2<f64>) -> Vec<u8> {
    npy_to_bytes(array.view())
}

#[test]
fn npz_is_read_back_to_the_bit() -> Result<(), Error> {
    for inputs in [1, 3] {
        for (reads_input, intercept) in [(false, 0.0), (false, 0.3), (true, 0.0), (true, 0.3)] {
            for leak in [&[0.3][..], &[0.1, 0.2, 0.3, 0.4, 0.5]] {
                let single = plain::<f32>(inputs, reads_input, intercept, leak)?;
                let read = Model::<f32>::from_npz(&single.to_npz()?, &ImportOptions::default())?;
                // The note says what was taken; all else is the model.
                let read = read.with_provenance(single.provenance().clone());
                assert_eq!(read.to_bytes()?, single.to_bytes()?);
                let double = plain::<f64>(inputs, reads_input, intercept, leak)?;
                let read = Model::<f64>::from_npz(&double.to_npz()?, &ImportOptions::default())?;
                let read = read.with_provenance(double.provenance().clone());
                assert_eq!(read.to_bytes()?, double.to_bytes()?);
                assert_eq!(read.to_npz()?, double.to_npz()?);
            }
        }
    }
    Ok(())
}

/// A readout of `[x; u]` was taken for `[u; x]` and its forecasts were wrong by 39.9, without a word.
#[test]
fn npz_layouts_mean_the_same_numbers() -> Result<(), Error> {
    let model = plain::<f64>(2, true, 0.25, &[0.5])?;
    let expected = run(&model)?;
    let reservoir = model.reservoir("reservoir")?;
    let (w, w_in) = (reservoir.w_res.to_dense(), reservoir.w_in.to_dense());
    let bias = Array2::from_shape_vec((5, 1), reservoir.bias.clone()).expect("5 values");
    let (readout, intercept) = model.readout("output")?;
    let intercept = intercept.insert_axis(ndarray::Axis(1));
    let (of_input, of_state) = readout.view().split_at(ndarray::Axis(1), 2);
    let lr = npy(&array![[0.5]]);
    let of = |w_out: &Array2<f64>| {
        [("W", npy(&w)), ("Win", npy(&w_in)), ("bias", npy(&bias)), ("Wout", npy(w_out)), ("lr", lr.clone())]
    };
    let read =
        |arrays: &[(&str, Vec<u8>)], options: &ImportOptions| run(&Model::<f64>::from_npz(&npz(arrays), options)?);
    let options = ImportOptions::default();
    let ambiguous = kind!(Error::File(FileError::Ambiguous { .. }));
    for on in ReadoutOn::ALL.into_iter().filter(|on| on.has_bias() && on.has_input()) {
        let parts: Vec<_> = on
            .name()
            .split('-')
            .map(|part| match part {
                "bias" => intercept.view(),
                "input" => of_input,
                _ => of_state,
            })
            .collect();
        let w_out = ndarray::concatenate(ndarray::Axis(1), &parts).expect("one row each");
        let said = ImportOptions { readout_on: Some(on), ..options.clone() };
        assert_eq!(read(&of(&w_out), &said)?, expected, "{on}");
        refused(on.name(), read(&of(&w_out), &options), ambiguous, "say which (readout_on)");
        let transposed = of(&w_out.t().to_owned());
        assert_eq!(read(&transposed, &said)?, expected, "{on} transposed");
    }

    let said = ImportOptions { readout_on: Some(ReadoutOn::BiasInputState), ..options.clone() };
    let w_out = concatenate![ndarray::Axis(1), intercept, readout];
    let wide = npy(&concatenate![ndarray::Axis(1), bias, w_in]);
    let in_front = [("W", npy(&w)), ("Win", wide), ("Wout", npy(&w_out)), ("lr", lr.clone())];
    let bias_in_w_in = ImportOptions { bias_in_w_in: true, ..said.clone() };
    assert_eq!(read(&in_front, &bias_in_w_in)?, expected, "bias in Win");

    let mut rows = of(&w_out);
    (rows[0].1, rows[1].1) = (npy(&w.t().to_owned()), npy(&w_in.t().to_owned()));
    refused("rows", read(&rows, &said), kind!(Error::File(FileError::Array { .. })), "row_vectors");
    assert_eq!(read(&rows, &ImportOptions { row_vectors: true, ..said.clone() })?, expected, "x W");

    let apart =
        [("r", npy(&w)), ("i", npy(&w_in)), ("b", npy(&bias)), ("o", npy(&readout)), ("c", npy(&intercept)), ("a", lr)];
    let own = |name: &str| name.to_owned();
    let names =
        ImportOptions { w: own("r"), w_in: own("i"), w_out: own("o"), bias: own("b"), leak: own("a"), ..options };
    let names = ImportOptions { output_bias: Some(own("c")), readout_on: Some(ReadoutOn::InputState), ..names };
    assert_eq!(read(&apart, &names)?, expected, "own names");
    let absent = ImportOptions { output_bias: Some(own("d")), ..names.clone() };
    let missing = kind!(Error::File(FileError::Missing { .. }));
    refused("own name", Model::<f64>::from_npz(&npz(&apart), &absent), missing, "\"d\", only a, b, c, i, o, r");
    let forgotten = ImportOptions { output_bias: None, ..names };
    let unused = kind!(Error::File(FileError::Unused { .. }));
    refused("forgotten", Model::<f64>::from_npz(&npz(&apart), &forgotten), unused, "arrays that nothing uses: c;");
    Ok(())
}

/// As many outputs as units, or one more: an archive that says what it is has one meaning all the same.
#[test]
fn own_archives_are_never_open() -> Result<(), Error> {
    for outputs in [5, 6, 7, 8] {
        for reads_input in [false, true] {
            let model = plain::<f64>(2, reads_input, 0.5, &[0.5])?;
            let mut g = Graph::builder();
            let u = g.input("input", 2);
            let x = g.reservoir("reservoir", u, ReservoirSource::Given { units: 5, activation: Activation::Tanh });
            if reads_input {
                g.readout("output", [u, x], outputs)
            } else {
                g.readout("output", [x], outputs)
            };
            let mut next = noise(outputs);
            let features = if reads_input { 7 } else { 5 };
            let model = ModelBuilder::new(g.build()?)
                .reservoir("reservoir", model.reservoir("reservoir")?.clone())?
                .linear(
                    "output",
                    Array2::from_shape_simple_fn((outputs, features), &mut next).view(),
                    Array1::from_shape_simple_fn(outputs, &mut next).view(),
                )?
                .build()?;
            let read = Model::<f64>::from_npz(&model.to_npz()?, &ImportOptions::default())?;
            assert_eq!(Fingerprint::of_model(&read), Fingerprint::of_model(&model), "{outputs} outputs");
        }
    }
    Ok(())
}

/// Feedback weights in an array of their own and as the last columns of Win; one bias for all units.
#[test]
fn npz_with_feedback_and_one_bias() -> Result<(), Error> {
    let (w, w_in, fed_back) = (array![[0.0, 0.5], [-0.5, 0.0]], array![[1.0], [0.5]], array![[0.25], [-0.75]]);
    let w_out = npy(&array![[2.0, 3.0]]);
    let options = ImportOptions::default();
    let own = [
        ("W", npy(&w)),
        ("Win", npy(&w_in)),
        ("Wfb", npy(&fed_back)),
        ("Wout", w_out.clone()),
        ("bias", npy(&array![[0.125]])),
    ];
    // x = tanh(W x + Win u + Wfb y + b), y = Wout x, by hand.
    let mut session = Model::<f64>::from_npz(&npz(&own), &options)?.session();
    let (mut x, mut y) = ([0.0_f64; 2], 0.0);
    for u in [0.3, -0.2, 0.9] {
        let sum = |i: usize| w[[i, 0]] * x[0] + w[[i, 1]] * x[1] + w_in[[i, 0]] * u + fed_back[[i, 0]] * y + 0.125;
        x = [sum(0).tanh(), sum(1).tanh()];
        y = 2.0 * x[0] + 3.0 * x[1];
        assert!((session.step(&[u])?[0] - y).abs() < 1e-14);
    }
    let merged = [
        ("W", npy(&w)),
        ("Win", npy(&concatenate![ndarray::Axis(1), w_in, fed_back])),
        ("Wout", w_out),
        ("bias", npy(&array![[0.125]])),
    ];
    let said = ImportOptions { feedback_in_w_in: true, ..options.clone() };
    let one = Model::<f64>::from_npz(&npz(&own), &options)?;
    let other = Model::<f64>::from_npz(&npz(&merged), &said)?;
    assert_eq!(Fingerprint::of_model(&one), Fingerprint::of_model(&other));
    let twice = kind!(Error::File(FileError::Twice { .. }));
    refused("twice", Model::<f64>::from_npz(&npz(&own), &said), twice, "Wfb and Win both give the feedback");
    Ok(())
}

/// As many outputs as features: nothing tells rows from columns.
#[test]
fn a_square_readout_is_open_until_its_rows_are_named() -> Result<(), Error> {
    let arrays = [
        ("W", npy(&array![[0.0, 0.5], [-0.5, 0.0]])),
        ("Win", npy(&array![[1.0, 0.0, 0.0], [0.5, 0.0, 0.0]])),
        ("Wout", npy(&array![[1.0, 2.0], [0.0, 1.0]])),
    ];
    let bytes = npz(&arrays);
    let read =
        |rows_of_w_out| Model::<f64>::from_npz(&bytes, &ImportOptions { rows_of_w_out, ..ImportOptions::default() });
    let ambiguous = kind!(Error::File(FileError::Ambiguous { .. }));
    refused("open", read(None), ambiguous, "Wout of 2 x 2 could be outputs x columns or columns x outputs");
    let first = |model: Model<f64>| Ok::<f64, Error>(model.session().step(&[1.0, 0.0, 0.0])?[0]);
    let x = [1_f64.tanh(), 0.5_f64.tanh()];
    assert!((first(read(Some(RowsOfWout::Outputs))?)? - (x[0] + 2.0 * x[1])).abs() < 1e-14);
    assert!((first(read(Some(RowsOfWout::Features))?)? - x[0]).abs() < 1e-14);
    Ok(())
}

#[test]
fn one_input_leaves_the_readout_open_until_it_is_named() -> Result<(), Error> {
    let arrays = [
        ("W", npy(&array![[0.0, 0.5], [-0.5, 0.0]])),
        ("Win", npy(&array![[1.0], [0.5]])),
        ("Wout", npy(&array![[7.0, 2.0, 3.0]])),
    ];
    let bytes = npz(&arrays);
    let read = |readout_on| Model::<f64>::from_npz(&bytes, &ImportOptions { readout_on, ..ImportOptions::default() });
    let ambiguous = kind!(Error::File(FileError::Ambiguous { .. }));
    refused(
        "open",
        read(None),
        ambiguous,
        "1 x 3 could be bias-state, state-bias, input-state, state-input: say which",
    );
    let array = kind!(Error::File(FileError::Array { .. }));
    refused("wrong", read(Some(ReadoutOn::BiasInputState)), array, "outputs x 4 for bias-input-state, found 1 x 3");
    let at_rest = |model: Model<f64>| Ok::<f64, Error>(model.session().step(&[0.0])?[0]);
    assert_eq!(at_rest(read(Some(ReadoutOn::BiasState))?)?, 7.0);
    assert_eq!(at_rest(read(Some(ReadoutOn::StateBias))?)?, 3.0);
    assert_eq!(at_rest(read(Some(ReadoutOn::InputState))?)?, 0.0);
    // States alone need no readout; without lr there is no leak.
    let states = Model::<f64>::from_npz(&npz(&arrays[..2]), &ImportOptions::default())?;
    let mut session = states.session();
    assert_eq!(session.step(&[1.0])?, [0.0]);
    assert!((session.node("reservoir")?[0] - 1_f64.tanh()).abs() < 1e-15);
    let note = states.provenance().notes["import"].as_str().expect("a text");
    for what in ["no bias", "no leak", "no readout", "tanh"] {
        assert!(note.contains(what), "{note}");
    }
    Ok(())
}

#[test]
fn npz_that_does_not_hold_together_is_refused() {
    let good = [
        ("W", npy(&array![[0.0, 0.5], [-0.5, 0.0]])),
        ("Win", npy(&Array2::ones((2, 3)))),
        ("Wout", npy(&Array2::ones((1, 2)))),
        ("bias", npy(&array![[0.1], [0.2]])),
        ("lr", npy(&array![[0.5]])),
    ];
    let options = ImportOptions::default();
    let read = |bytes: &[u8]| Model::<f32>::from_npz(bytes, &options);
    assert!(read(&npz(&good)).is_ok());
    let with = |name: &str, array: &Array2<f64>| {
        let arrays = good.clone().map(|(n, bytes)| if n == name { (n, npy(array)) } else { (n, bytes) });
        read(&npz(&arrays))
    };
    let format = kind!(Error::File(FileError::Format { .. }));
    refused("no archive", read(b"PK\x03\x04"), format, "not a usable .npz");
    refused("cut", read(&npz(&good)[..200]), format, "not a usable .npz");
    let missing = kind!(Error::File(FileError::Missing { .. }));
    refused("no W", read(&npz(&good[1..])), missing, "no array \"W\", only Win, Wout, bias, lr: name yours");
    refused("nothing", read(&npz(&[])), missing, "only nothing");
    let array = kind!(Error::File(FileError::Array { .. }));
    refused("not square", with("W", &Array2::ones((2, 4))), array, "W: expected 2 x 2, found 2 x 4");
    refused("Win", with("Win", &Array2::ones((3, 2))), array, "Win: expected 2 x inputs, found 3 x 2");
    refused(
        "bias",
        with("bias", &Array2::ones((3, 1))),
        array,
        "bias: expected 1 or 2 values in one row or column, found 3 x 1",
    );
    refused("lr", with("lr", &Array2::ones((3, 1))), array, "lr: expected 1 or 2 values");
    refused("leak", with("lr", &array![[0.0]]), kind!(Error::Range { .. }), "leak rate");
    refused("Wout", with("Wout", &Array2::ones((4, 7))), array, "outputs x 2 for the state, 3 with a bias");
    refused("NaN", with("W", &array![[0.0, f64::NAN], [0.0, 0.0]]), kind!(Error::NonFinite { .. }), "w_res");
    refused("beyond f32", with("Win", &Array2::from_elem((2, 3), 1e39)), kind!(Error::NonFinite { .. }), "w_in");

    let twice = kind!(Error::File(FileError::Twice { .. }));
    let bias_in_w_in = ImportOptions { bias_in_w_in: true, ..options.clone() };
    refused("two biases", Model::<f32>::from_npz(&npz(&good), &bias_in_w_in), twice, "bias and Win both give the bias");
    let mut both = good.clone();
    both[2].1 = npy(&Array2::ones((1, 3)));
    both[3] = ("Wout_bias", npy(&array![[1.0]]));
    let said = ImportOptions { readout_on: Some(ReadoutOn::BiasState), ..options.clone() };
    let intercepts = "Wout_bias and Wout both give the readout's intercept";
    refused("two intercepts", Model::<f32>::from_npz(&npz(&both), &said), twice, intercepts);

    let object = b"\x93NUMPY\x01\x00\x36\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }".to_vec();
    refused("object", read(&npz(&[("W", object)])), array, "sparse matrix");
    let parts = ["indices", "indptr", "format", "shape", "data"].map(|name| (name, npy(&array![[1.0]])));
    refused("scipy", read(&npz(&parts)), format, "sparse matrix of SciPy");

    // An entry that claims to unpack to almost 4 GiB, in its own header and in the directory.
    let mut bomb = npz(&good);
    let length = (good[0].1.len() as u32).to_le_bytes();
    let places: Vec<usize> =
        (0..bomb.len() - 8).filter(|&i| bomb[i..i + 4] == length && bomb[i + 4..i + 8] == length).collect();
    assert!(places.len() >= 2, "the entry's sizes stand in two places");
    for place in places {
        bomb[place + 4..place + 8].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    }
    refused("bomb", read(&bomb), format, "unpacks to 4294967280 bytes");
    // A byte of W changed: the checksum tells.
    let mut damaged = npz(&good);
    let place = damaged.windows(8).position(|bytes| bytes == 0.5_f64.to_le_bytes()).expect("the value");
    damaged[place] ^= 1;
    refused("damaged", read(&damaged), format, "array \"W\"");
}

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
