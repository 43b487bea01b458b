//! Our own files: read back to the bit, and those of earlier versions.

use crate::{deep, run, small};
use std::fs;
use std::path::Path;

use forebay::model::file::ModelHeader;
use forebay::model::import::ImportOptions;
use forebay::model::{Model, Provenance};
use forebay::{Error, Real};
use serde_json::json;

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

/// A header's length may begin like a pickle; one model in thirty-two was refused as one.
#[test]
fn a_model_of_any_length_is_taken_for_what_it_is() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.forebay");
    let (model, mut lengths) = (small()?, std::collections::BTreeSet::new());
    for length in 0..300 {
        let mut provenance = Provenance::default();
        provenance.notes.insert("text".to_owned(), json!("x".repeat(length)));
        let model = model.clone().with_provenance(provenance);
        model.save(&path)?;
        lengths.insert(fs::read(&path).expect("written")[0]);
        let read = Model::<f32>::import(&path, &ImportOptions::default())?;
        assert_eq!(read.to_bytes()?, model.to_bytes()?);
    }
    assert!(lengths.contains(&0x80) && lengths.len() == 32, "{lengths:?}");
    Ok(())
}
