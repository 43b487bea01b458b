//! Archives of arrays, in every order of columns.

use crate::{kind, noise, plain, refused, run};
use std::io::{Cursor, Write};

use forebay::fingerprint::Fingerprint;
use forebay::graph::{Graph, ReservoirSource};
use forebay::model::file::FileError;
use forebay::model::import::{ImportOptions, RowsOfWout, npy_to_bytes};
use forebay::model::{Model, ModelBuilder};
use forebay::reservoir::Activation;
use forebay::{Error, ReadoutOn};
use ndarray::{Array1, Array2, array, concatenate};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("{name}.npy"), options).expect("an entry");
        archive.write_all(bytes).expect("bytes in memory");
    }
    archive.finish().expect("an archive").into_inner()
}

pub(crate) fn npy(array: &Array2<f64>) -> Vec<u8> {
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
    // What was there of a readout was read and dropped, and its outputs were said to be zero.
    for part in [("Wout_input", npy(&Array2::ones((1, 3)))), ("Wout_bias", npy(&array![[1.0]]))] {
        let name = part.0;
        let arrays = [good[0].clone(), good[1].clone(), part];
        refused(name, read(&npz(&arrays)), missing, &format!("no array \"Wout\", only W, Win, {name}"));
    }
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
