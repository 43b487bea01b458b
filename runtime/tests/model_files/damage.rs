//! Files that are damaged, or put together wrongly.

use crate::{deep, kind, noise, plain, refused, run, small};
use std::collections::BTreeMap;

use forebay::checkpoint::Checkpoint;
use forebay::graph::GraphError;
use forebay::model::Model;
use forebay::model::file::FileError;
use forebay::reservoir::Reservoir;
use forebay::{Error, Real};
use ndarray::{Array2, array};
use serde_json::{Value, json};

/// Name, bytes, and whether bytes are taken for it.
type Format<'a> = (&'a str, Vec<u8>, &'a dyn Fn(&[u8]) -> bool);

/// Of 200 bits flipped in a file without a checksum, 125 once gave other forecasts without a word.
#[test]
fn a_flipped_bit_or_a_missing_end_is_refused() -> Result<(), Error> {
    let model = deep::<f32>()?;
    let (plain, graph) = (plain::<f32>(2, true, 0.25, &[0.5])?.to_json()?, model.to_json()?);
    let checkpoint = model.session().checkpoint().with_section("more", vec![1, 2, 3]).to_bytes();
    let is_model = |bytes: &[u8]| Model::<f32>::from_bytes(bytes).is_ok();
    let is_json = |bytes: &[u8]| Model::<f32>::from_json(bytes).is_ok();
    let is_checkpoint = |bytes: &[u8]| Checkpoint::from_bytes(bytes).is_ok();
    let formats: [Format<'_>; 4] = [
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
