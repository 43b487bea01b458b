//! Input that cannot be used: status 2, one line on standard error that helps, nothing left behind.

use std::fmt::Write as _;

use ndarray::Array2;

use crate::support::{Folder, column, npy, npy_f64, small_json, waves};

/// What the user types, and a part of the answer that tells what is wrong or what to do.
struct Refusal {
    arguments: String,
    tells: &'static str,
}

fn refusal(arguments: impl Into<String>, tells: &'static str) -> Refusal {
    Refusal { arguments: arguments.into(), tells }
}

fn check(folder: &Folder, refusals: &[Refusal]) {
    let before = folder.content();
    let mut wrong = String::new();
    for Refusal { arguments, tells } in refusals {
        let outcome = folder.run(&arguments.split_whitespace().collect::<Vec<_>>());
        let one_line = outcome.err.ends_with('\n') && outcome.err.lines().count() == 1;
        let good = outcome.code == Some(2)
            && one_line
            && outcome.err.starts_with("error: ")
            && outcome.err.contains(tells)
            && !outcome.err.contains("panicked")
            && outcome.out.is_empty();
        if !good {
            let _ = writeln!(wrong, "forebay {arguments}\n  expected {tells:?}\n  found {outcome:?}");
        }
        if folder.content() != before {
            let _ = writeln!(wrong, "forebay {arguments}\n  left something behind");
            break;
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn tables_that_hold_no_series() {
    let folder = Folder::new();
    let constant = column(200, |_| 7.5);
    let late = column(300, |t| if t < 180 { 3 } else { t % 5 });
    let files: &[(&str, &[u8], &str)] = &[
        ("empty.csv", b"", "empty"),
        ("blank.csv", b"\n\n  \n", "empty"),
        ("mark.csv", b"\xef\xbb\xbf", "empty"),
        ("header.csv", b"a,b\n", "at least 2"),
        ("one-row.csv", b"a,b\n1,2\n", "at least 2"),
        ("one-cell.csv", b"5", "at least 2"),
        ("ragged.csv", b"a,b\n1,2\n3\n4,5\n", "line 3"),
        ("wide.csv", b"a;b\n1;2\n3;4\n5;6;7\n", "line 4"),
        ("blanks.csv", b"a b\n1 2\n3 4 5\n", "line 3"),
        ("gap.csv", b"a,b\n1,2\n,3\n4,5\n", "--fill linear"),
        ("nan.csv", b"a\n1\n2\nNaN\n4\n", "line 4"),
        ("na.csv", b"a\n1\nNA\n3\n", "--fill linear"),
        ("infinite.csv", b"a\n1\n2\ninf\n", "line 4"),
        ("huge.csv", b"a\n1\n2\n1e999\n", "line 4"),
        ("words.csv", b"name\nann\nbob\ncy\n", "no column holds only numbers"),
        ("latin.csv", b"a\n1\n2\n\xe9\n", "UTF-8 text from byte 6"),
        ("utf16.csv", b"\xff\xfea\0\n\x001\0\n\0", "at least 2"),
        ("nul.csv", b"a\n\0\n\0\n", "no column holds only numbers"),
        ("quote.csv", b"a,b\n1,\"2\n3,4\n", ""),
        ("short.csv", b"a\n1\n2\n4\n3\n", "longer series"),
        ("constant.csv", constant.as_bytes(), "constant"),
        ("late.csv", late.as_bytes(), "constant"),
    ];
    let mut refusals = Vec::new();
    for (name, bytes, tells) in files {
        folder.write(name, bytes);
        refusals.push(refusal(format!("train {name}"), tells));
    }
    folder.write("overflow.csv", column(200, |t| format!("{}e307", t % 9)));
    refusals.push(refusal("train overflow.csv", "finite"));
    let nothing: String = "x,\n".repeat(100);
    folder.write("nothing.csv", format!("a,b\n{nothing}"));
    refusals.push(refusal("train nothing.csv --columns b --fill linear", "holds no values"));
    check(&folder, &refusals);
}

#[test]
fn plans_that_do_not_fit_the_series() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    folder.write("file", "not a folder");
    let cases = [
        ("", "forebay train --dataset sunspots"),
        ("missing.csv", "missing.csv"),
        (".", "cannot read"),
        ("waves.csv --columns depth", "day, level, flow"),
        ("waves.csv --columns 9", "day, level, flow"),
        ("waves.csv --columns 0", "day, level, flow"),
        ("waves.csv --columns level,level", "twice"),
        ("waves.csv --horizon 0", "horizon"),
        ("waves.csv --horizon 250", "horizon"),
        ("waves.csv --horizon 18446744073709551615", "horizon"),
        ("waves.csv --horizon -1", "-1"),
        ("waves.csv --horizon 1.5", "--horizon"),
        ("waves.csv --split 0.5,0.5", "three numbers"),
        ("waves.csv --split 0.6,0.3,0.3", "add up"),
        ("waves.csv --split 0.5,0,0.5", "above 0"),
        ("waves.csv --split 0.5,NaN,0.5", "above 0"),
        ("waves.csv --split 0.5,0.5,-0.1", "above 0"),
        ("waves.csv --split a,b,c", "--split"),
        ("waves.csv --split 200,100,100", "the series has 300"),
        ("waves.csv --split 1e300,1e300,1e300", "the series has 300"),
        ("waves.csv --split 298,1,1", "--split"),
        ("waves.csv --units 0", "--units must be 1 to"),
        ("waves.csv --units 1000000000000", "--units must be 1 to"),
        ("waves.csv --units many", "--units"),
        ("waves.csv --seeds 0", "--seeds must be 1 to"),
        ("waves.csv --seeds 18446744073709551615", "--seeds must be 1 to"),
        ("waves.csv --trials 0", "--trials must be 1 to"),
        ("waves.csv --season 0", "--season"),
        ("waves.csv --season 200", "less than the 180 for training"),
        ("waves.csv --fill cubic", "linear"),
        ("waves.csv --precision f16", "f32"),
        ("waves.csv --out file", "file"),
        ("waves.csv --out file/below", "file/below"),
        ("waves.csv --dataset sunspots", "--dataset"),
        ("waves.csv --speed 9", "--speed"),
        ("--dataset sunspot", "did you mean sunspots?"),
        ("--dataset weather", "sunspots, elnino"),
        ("--dataset sunspots --columns a", "--columns"),
    ];
    let refusals: Vec<Refusal> = cases.iter().map(|(rest, tells)| refusal(format!("train {rest}"), tells)).collect();
    check(&folder, &refusals);
}

#[test]
fn model_files_that_lie() {
    let folder = Folder::new();
    folder.write("u.npy", npy_f64(Array2::from_elem((5, 1), 0.25).view()));
    folder.write("good.json", small_json().to_string());
    folder.done(&["convert", "good.json", "good.forebay"]);
    let good = folder.read("good.forebay");
    folder.done(&["convert", "good.json", "good.npz"]);
    let npz = folder.read("good.npz");

    let mut refusals = vec![
        refusal("inspect missing.forebay", "missing.forebay"),
        refusal("inspect .", "."),
        refusal("inspect u.npy", "u.npy"),
    ];
    for length in [0, 4, 8, 100, good.len() / 2, good.len() - 1] {
        folder.write(&format!("cut-{length}.forebay"), &good[..length]);
        refusals.push(refusal(format!("inspect cut-{length}.forebay"), "cannot use"));
        refusals.push(refusal(format!("run cut-{length}.forebay --input u.npy"), "cannot use"));
    }
    let mut hostile = |name: &str, bytes: Vec<u8>, tells| {
        folder.write(name, bytes);
        refusals.push(refusal(format!("run {name} --input u.npy"), tells));
    };
    let longer: Vec<u8> = good.iter().copied().chain([0; 8]).collect();
    hostile("longer.forebay", longer, "cannot use");
    for (name, length) in [("most", u64::MAX), ("gigabytes", 1 << 40), ("beyond", good.len() as u64)] {
        let bytes = length.to_le_bytes().into_iter().chain(good[8..].iter().copied()).collect();
        hostile(&format!("{name}.forebay"), bytes, "cannot use");
    }
    // A header that claims a terabyte of weights.
    let header = r#"{"reservoir/w_res":{"dtype":"F64","shape":[400000,400000],"data_offsets":[0,1280000000000]}}"#;
    let bytes = (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).collect();
    hostile("terabyte.forebay", bytes, "cannot use");
    let noise = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    hostile("noise.forebay", noise, "cannot use");
    // The same length, another number of units in the graph than in the tensors; another precision.
    let text = String::from_utf8_lossy(&good[8..]).find("f64").expect("the header names its precision") + 8;
    let mut other = good.clone();
    other[text..text + 3].copy_from_slice(b"f32");
    hostile("precision.forebay", other, "checksum");

    let json = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = small_json();
        change(&mut value);
        value.to_string().into_bytes()
    };
    hostile("cut.json", small_json().to_string().into_bytes()[..40].to_vec(), "cannot use");
    hostile("list.json", b"[1, 2, 3]".to_vec(), "cannot use");
    hostile("deep.json", "[".repeat(200_000).into_bytes(), "cannot use");
    hostile("short.json", json(&|v| v["w_res"] = serde_json::json!([1.0])), "w_res");
    hostile("words.json", json(&|v| v["w_in"] = serde_json::json!(["a", "b"])), "cannot use");
    hostile("vast.json", json(&|v| v["reservoir_size"] = serde_json::json!(u64::MAX)), "w_res");
    hostile("square.json", json(&|v| v["reservoir_size"] = serde_json::json!(1_u64 << 32)), "w_res");
    hostile("none.json", json(&|v| v["reservoir_size"] = serde_json::json!(0)), "w_res");
    hostile("fast.json", json(&|v| v["leak_rate"] = serde_json::json!(1.5)), "1.5");
    hostile("still.json", json(&|v| v["leak_rate"] = serde_json::json!(0.0)), "0");
    hostile("bias.json", json(&|v| v["bias"] = serde_json::json!([1.0, 2.0, 3.0])), "bias");
    hostile("huge.json", small_json().to_string().replace("-0.4", "1e999").into_bytes(), "cannot use");
    hostile("cut.npz", npz[..npz.len() / 2].to_vec(), "cannot use");
    hostile("turned.npz", npz.iter().rev().copied().collect(), "cannot use");
    hostile("not-a-zip.npz", b"PK\x03\x04 and so on".to_vec(), "cannot use");
    hostile("empty.npz", Vec::new(), "cannot use");
    refusals.extend([
        refusal("run good.npz --w V --input u.npy", "only W, Win, Wout"),
        refusal("run good.npz --w Win --input u.npy", "expected"),
        refusal("run good.npz --readout-on bias-state --input u.npy", "Wout"),
        refusal("run good.npz --lr Win --bias lr --input u.npy", "nothing uses: bias"),
    ]);
    check(&folder, &refusals);
}

#[test]
fn features_that_cannot_be_run() {
    let folder = Folder::new();
    folder.write("model.json", small_json().to_string());
    folder.write("u.npy", npy_f64(Array2::from_elem((5, 1), 0.25).view()));
    let eight = [0_u8; 8];
    let nan = npy_f64(Array2::from_elem((5, 1), f64::NAN).view());
    let arrays: &[(&str, Vec<u8>, &str)] = &[
        ("empty.npy", Vec::new(), "empty.npy"),
        ("text.npy", b"1.0\n2.0\n".to_vec(), "text.npy"),
        ("cut.npy", npy("'<f8'", false, "(5, 1)", &eight), "cut.npy"),
        ("longer.npy", npy("'<f8'", false, "(1, 1)", &[0; 16]), "longer.npy"),
        ("vast.npy", npy("'<f8'", false, "(1000000000000, 1)", &eight), "vast.npy"),
        ("overflow.npy", npy("'<f8'", false, "(4294967296, 4294967296)", &eight), "overflow.npy"),
        ("negative.npy", npy("'<f8'", false, "(-1, 1)", &eight), "negative.npy"),
        ("complex.npy", npy("'<c16'", false, "(1, 1)", &[0; 16]), "floats or integers"),
        ("strings.npy", npy("'<U2'", false, "(1, 1)", &eight), "floats or integers"),
        ("objects.npy", npy("'|O'", false, "(1, 1)", &eight), "floats or integers"),
        ("record.npy", npy("[('a', '<f8')]", false, "(1, 1)", &eight), "record.npy"),
        ("cube.npy", npy("'<f8'", false, "(1, 1, 1)", &eight), "two dimensions"),
        ("nothing.npy", npy("'<f8'", false, "(0, 1)", &[]), "nothing"),
        ("wide.npy", npy("'<f8'", false, "(1, 2)", &[0; 16]), "[steps, 1]"),
        ("nan.npy", nan, "finite"),
    ];
    let mut refusals = Vec::new();
    for (name, bytes, tells) in arrays {
        folder.write(name, bytes);
        refusals.push(refusal(format!("run model.json --input {name} --states x.npy --output y.npy"), tells));
    }
    refusals.extend([
        refusal("run model.json", "--input"),
        refusal("run model.json --input missing.npy", "missing.npy"),
        refusal("run model.json --input u.npy --washout 5", "washout"),
        refusal("run model.json --input u.npy --washout 18446744073709551615", "washout"),
        refusal("run model.json --input u.npy --precision f16", "f32"),
        refusal("run model.json --input u.npy --output missing/y.npy", "missing/y.npy"),
        refusal("run model.json --input u.npy --output u.npy/y.npy", "u.npy/y.npy"),
        refusal("run model.json --input u.npy --states x.npy --output missing/y.npy", "missing/y.npy"),
        refusal("convert model.json", "TO"),
        refusal("convert model.json model.txt", ".forebay, .json or .npz"),
        refusal("convert model.json missing/model.npz", "missing/model.npz"),
        refusal("convert model.json model.npz --precision f8", "f32"),
        refusal("inspect model.json --json --graphviz", "--graphviz"),
        refusal("data export sunspot s.csv", "did you mean sunspots?"),
        refusal("data show laser", "sunspots, elnino"),
        refusal("data export nile missing/nile.csv", "missing/nile.csv"),
        refusal("completions bsh", "bash"),
        refusal("forcast", "forecast"),
        refusal("--nonsense", "--nonsense"),
    ]);
    check(&folder, &refusals);
}

#[test]
fn predictions_that_cannot_be_made() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let quick = ["--units", "20", "--trials", "2", "--seeds", "1"];
    let train = |name: &str, more: &[&str]| {
        folder.done(&[&["train", "waves.csv", "--out", name], &quick[..], more].concat());
    };
    train("one", &["--columns", "level"]);
    train("two", &["--horizon", "2"]);
    folder.write("raw.json", small_json().to_string());
    folder.done(&["convert", "raw.json", "raw.forebay"]);
    folder.write("words.csv", "level\nhigh\nlow\n");
    folder.write("other.csv", "depth,width\n1,2\n3,4\n");
    folder.write("gap.csv", "level\n1\n\n2\nNA\n");
    folder.write("empty.csv", "");
    folder.write("wide.npy", npy_f64(Array2::zeros((4, 2)).view()));
    folder.write("nan.npy", npy_f64(Array2::from_elem((4, 1), f64::NAN).view()));
    folder.write("nothing.npy", npy("'<f8'", false, "(0, 1)", &[]));
    check(
        &folder,
        &[
            refusal("predict one/model.forebay", "DATA"),
            refusal("predict one/model.forebay missing.csv", "missing.csv"),
            refusal("predict missing.forebay waves.csv", "missing.forebay"),
            refusal("predict raw.forebay waves.csv", "forebay run"),
            refusal("predict waves.csv waves.csv", "cannot use waves.csv"),
            refusal("predict one/report.json waves.csv", "report.json"),
            refusal("predict one/model.forebay words.csv", "high"),
            refusal("predict one/model.forebay other.csv", "depth, width"),
            refusal("predict one/model.forebay gap.csv", "--fill linear"),
            refusal("predict one/model.forebay empty.csv", "empty"),
            refusal("predict one/model.forebay wide.npy", "1 column"),
            refusal("predict one/model.forebay nan.npy", "nothing but NaN"),
            refusal("predict one/model.forebay nothing.npy", "at least one row"),
            refusal("predict one/model.forebay waves.csv --free 18446744073709551615", "--free"),
            refusal("predict one/model.forebay waves.csv --free 1000000000000", "--free"),
            refusal("predict one/model.forebay waves.csv --free -3", "-3"),
            refusal("predict two/model.forebay waves.csv --free 10", "horizon 1"),
            refusal("predict one/model.forebay waves.csv --out missing/p.csv", "missing/p.csv"),
            refusal("predict one/model.forebay waves.csv --out p.csv --json", "--json"),
        ],
    );
}
