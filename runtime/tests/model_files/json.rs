//! Models as JSON.

use crate::{deep, kind, plain, refused, run, small};
use std::fs;

use forebay::fingerprint::Fingerprint;
use forebay::graph::{Graph, Op, ReservoirSource};
use forebay::model::file::FileError;
use forebay::model::import::ImportOptions;
use forebay::model::{LeakRates, Matrix, Model, ModelBuilder, ReservoirParameters};
use forebay::reservoir::Activation;
use forebay::{Compiler, Error, Real};
use ndarray::{Array2, array};

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
        let x = if feedback {
            g.reservoir_with_feedback("reservoir", u, recipe, "output")
        } else {
            g.reservoir("reservoir", u, recipe)
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

/// Written as flat arrays, nodes came back as `input`, `reservoir` and `output`, and the ranges that a compilation kept under their own
/// names were not found: compiled again, the model had the integers of the widest range, without a word.
#[test]
fn json_keeps_the_names_of_nodes_and_the_ranges_kept_under_them() -> Result<(), Error> {
    let features = Array2::from_shape_fn((40, 2), |(t, c)| (0.3 * t as f32 + c as f32).sin());
    let software = || Compiler::<f32>::new(forebay::open("software:akd1000").expect("it is built in"));
    let compiled = software().calibrate(features.view()).compile(&small()?)?;
    let read = Model::<f32>::from_json(compiled.to_json()?.as_bytes())?;
    let names =
        |model: &Model<f32>| model.graph().nodes().iter().map(|node| node.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&read), ["u", "x", "y"]);
    assert_eq!(Fingerprint::of_model(&read), Fingerprint::of_model(&small()?));
    let again = software().compile(&read)?;
    assert_eq!(Fingerprint::of_model(&again), Fingerprint::of_model(&compiled));
    let programs = |model: &Model<f32>| model.programs().iter().map(|p| p.bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(programs(&again), programs(&compiled));
    assert_eq!(run(&again)?, run(&compiled)?);
    // Without them it is another model.
    assert_ne!(Fingerprint::of_model(&software().compile(&small()?)?), Fingerprint::of_model(&compiled));
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

/// `--activation relu` ran as tanh, and options for arrays of a .npz were passed over.
#[test]
fn options_are_used_or_refused() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [plain, tanh, graph, own] =
        ["plain.json", "tanh.json", "graph.json", "own.forebay"].map(|name| folder.path().join(name));
    let silent = JSON.replacen(r#", "activation": "identity""#, "", 1);
    assert!(!silent.contains("activation"));
    fs::write(&plain, &silent).expect("written");
    let said = silent.replacen('{', r#"{"activation": "tanh", "#, 1);
    fs::write(&tanh, said).expect("written");
    fs::write(&graph, deep::<f64>()?.to_json()?).expect("written");
    deep::<f64>()?.save(&own)?;
    let relu = ImportOptions { activation: Some(Activation::Relu), ..ImportOptions::default() };
    let rows = ImportOptions { row_vectors: true, ..ImportOptions::default() };
    let model = Model::<f64>::import(&plain, &relu)?;
    let Op::Reservoir { weights, .. } = model.graph().nodes()[1].op() else { panic!("a reservoir") };
    assert_eq!(weights.activation(), Activation::Relu);
    for (path, options) in [
        (&tanh, &relu),
        (&graph, &relu),
        (&own, &relu),
        (&plain, &rows),
        (&tanh, &rows),
        (&graph, &rows),
        (&own, &rows),
    ] {
        let error = Model::<f64>::import(path, options).expect_err("an option that is not used");
        assert!(error.to_string().contains("leave"), "{}: {error}", path.display());
    }
    Ok(())
}
