//! Running, showing and converting models; data sets; help.

use std::path::Path;

use ndarray::Array2;
use serde_json::Value;

use crate::support::{Folder, npy, npy_f64, small_json};

/// 400 steps through the two units of `small_json`, written out by hand.
fn by_hand(drive: &[f64]) -> Vec<[f64; 2]> {
    let (mut x, mut y) = (0.0, 0.0);
    let step = |u: &f64| {
        let new = [(0.5 * u + 0.4 * y + 0.1_f64).tanh(), (-0.3 * u - 0.4 * x + 0.1 * y).tanh()];
        (x, y) = (0.5 * x + 0.5 * new[0], 0.5 * y + 0.5 * new[1]);
        [x, y]
    };
    drive.iter().map(step).collect()
}

fn drive() -> Vec<f64> {
    (0..400).map(|t| (0.1 * f64::from(t)).sin() + 0.5 * (0.37 * f64::from(t)).cos()).collect()
}

fn with_drive() -> (Folder, Vec<f64>) {
    let (folder, drive) = (Folder::new(), drive());
    folder.write("model.json", small_json().to_string());
    folder.write("u.npy", npy_f64(Array2::from_shape_fn((drive.len(), 1), |(t, _)| drive[t]).view()));
    (folder, drive)
}

#[test]
fn states_follow_the_recurrence() {
    let (folder, drive) = with_drive();
    folder.done(&["run", "model.json", "--input", "u.npy", "--states", "x.npy", "--output", "y.npy"]);
    let states: Array2<f64> = ndarray_npy::read_npy(folder.path("x.npy")).expect("64-bit states");
    let outputs: Array2<f64> = ndarray_npy::read_npy(folder.path("y.npy")).expect("64-bit outputs");
    assert_eq!((states.dim(), outputs.dim()), ((400, 2), (400, 1)));
    for (t, [x, y]) in by_hand(&drive).into_iter().enumerate() {
        assert!((states[[t, 0]] - x).abs() < 1e-13 && (states[[t, 1]] - y).abs() < 1e-13, "step {t}");
        assert!((outputs[[t, 0]] - (x - y)).abs() < 1e-13, "step {t}");
    }
    folder.done(&["run", "model.json", "--input", "u.npy", "--states", "x32.npy", "--precision", "f32"]);
    let narrow: Array2<f32> = ndarray_npy::read_npy(folder.path("x32.npy")).expect("32-bit states");
    let largest = (&narrow.mapv(f64::from) - &states).iter().fold(0.0, |most: f64, d| most.max(d.abs()));
    assert!(largest < 1e-6 && largest > 0.0, "{largest}");
}

/// What was not in a file of somebody else's, and was chosen, is told.
#[test]
fn what_is_taken_of_a_foreign_file_is_told() {
    let (folder, _) = with_drive();
    let mut json = small_json();
    let object = json.as_object_mut().expect("an object");
    object.remove("provenance");
    object.remove("activation");
    folder.write("foreign.json", json.to_string());
    let [own, foreign] = ["model.json", "foreign.json"].map(|name| folder.run(&["run", name, "--input", "u.npy"]));
    assert_eq!((own.code, foreign.code, &own.out), (Some(0), Some(0), &foreign.out));
    let told = "foreign.json: JSON of 2 units, 1 inputs, 1 outputs, tanh, of which the file says nothing\n";
    assert_eq!((own.err.as_str(), foreign.err.as_str()), ("", told));
}

/// Ranges kept under other names of nodes were passed over, and the widest ones taken in their place.
#[test]
fn ranges_of_other_nodes_are_refused() {
    let (folder, _) = with_drive();
    let mut json = small_json();
    json["provenance"]["notes"]["compiled"] =
        serde_json::json!({"state_digits": 2, "weight_digits": 2, "ranges": {}, "heights": {}});
    folder.write("renamed.json", json.to_string());
    let run = |more: &[&str]| folder.run(&[&["run", "--input", "u.npy", "--substrate", "software"], more].concat());
    for refused in [run(&["renamed.json"]), folder.run(&["compile", "renamed.json"])] {
        assert!(refused.code == Some(2) && refused.err.contains("--calibrate u.npy"), "{refused:?}");
    }
    // In other digits nothing was kept; calibrated, all of it is.
    assert_eq!(run(&["renamed.json", "--digits", "3,2"]).code, Some(0));
    folder.done(&["compile", "renamed.json", "--calibrate", "u.npy", "--out", "c"]);
    assert_eq!(run(&["c/model.forebay"]).code, Some(0));
}

#[test]
fn a_washout_drops_the_first_steps_only() {
    let (folder, _) = with_drive();
    folder.done(&["run", "model.json", "--input", "u.npy", "--states", "all.npy"]);
    let summary = folder.done_json(&[
        "run",
        "model.json",
        "--input",
        "u.npy",
        "--states",
        "late.npy",
        "--washout",
        "150",
        "--json",
    ]);
    assert_eq!((summary["steps"].as_u64(), summary["washout"].as_u64()), (Some(250), Some(150)));
    let read = |name| ndarray_npy::read_npy::<_, Array2<f64>>(folder.path(name)).expect("states");
    assert_eq!(read("late.npy"), read("all.npy").slice(ndarray::s![150.., ..]));
}

#[test]
fn layouts_and_types_of_features_do_not_matter() {
    let folder = Folder::new();
    let mut wide = small_json();
    wide["input_size"] = 2.into();
    wide["w_in"] = serde_json::json!([0.5, -0.25, -0.3, 0.75]);
    folder.write("model.json", wide.to_string());
    let values = [[1_i32, -2], [3, 4], [0, -1]];
    let bytes = |order: &[i32]| order.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect::<Vec<u8>>();
    let rows: Vec<i32> = values.iter().flatten().copied().collect();
    let columns: Vec<i32> = (0..2).flat_map(|c| values.iter().map(move |row| row[c])).collect();
    let narrow: Vec<u8> = rows.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
    let whole: Vec<u8> = rows.iter().flat_map(|v| i64::from(*v).to_le_bytes()).collect();
    let arrays = [
        ("rows.npy", npy("'<f8'", false, "(3, 2)", &bytes(&rows))),
        ("columns.npy", npy("'<f8'", true, "(3, 2)", &bytes(&columns))),
        ("narrow.npy", npy("'<f4'", false, "(3, 2)", &narrow)),
        ("whole.npy", npy("'<i8'", false, "(3, 2)", &whole)),
    ];
    let mut known = None;
    for (name, array) in arrays {
        folder.write(name, array);
        folder.done(&["run", "model.json", "--input", name, "--states", "x.npy"]);
        let states = folder.read("x.npy");
        assert_eq!(*known.get_or_insert_with(|| states.clone()), states, "{name}");
    }
}

#[test]
fn conversions_keep_the_states() {
    let (folder, _) = with_drive();
    let states = |model: &str| {
        let outcome = folder.run(&["run", model, "--input", "u.npy", "--states", "x.npy", "--output", "y.npy"]);
        // What is taken of an archive is told, also of one of our own: it has no header that says so.
        let told = if model.contains("npz") { format!("{model}: W of 2 x 2, Win of 2 x 1") } else { String::new() };
        assert!(outcome.code == Some(0) && outcome.err.starts_with(&told), "{model}: {outcome:?}");
        assert_eq!(outcome.err.lines().count(), usize::from(!told.is_empty()));
        (folder.read("x.npy"), folder.read("y.npy"))
    };
    let known = states("model.json");
    for (from, to) in [
        ("model.json", "a.forebay"),
        ("a.forebay", "b.json"),
        ("b.json", "c.npz"),
        ("a.forebay", "d.npz"),
        ("a.forebay", "e.forebay"),
    ] {
        folder.done(&["convert", from, to]);
        assert_eq!(states(to), known, "{from} to {to}");
    }
    assert_eq!(folder.read("a.forebay"), folder.read("e.forebay"));
    folder.done(&["convert", "model.json", "narrow.forebay", "--precision", "f32"]);
    assert_eq!(folder.done_json(&["inspect", "narrow.forebay", "--json"])["precision"], "f32");
    assert!(folder.read("narrow.forebay").len() < folder.read("a.forebay").len());
}

#[test]
fn inspection_shows_graph_sizes_and_precision() {
    let (folder, _) = with_drive();
    folder.done(&["convert", "model.json", "model.forebay"]);
    for model in ["model.json", "model.forebay"] {
        let text = folder.done(&["inspect", model]);
        assert!(text.contains("reservoir") && text.contains("given weights"), "{text}");
        let json = folder.done_json(&["inspect", model, "--json"]);
        assert_eq!((&json["inputs"], &json["units"], &json["outputs"]), (&1.into(), &2.into(), &1.into()));
        let dot = folder.done(&["inspect", model, "--graphviz"]);
        assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    }
}

#[test]
fn data_sets_are_listed_described_and_exported() {
    let folder = Folder::new();
    let listed = folder.done_json(&["data", "list", "--json"]);
    let names: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|set| set["name"].as_str()).collect();
    assert_eq!(names, ["sunspots", "elnino", "nile", "co2"]);
    let text = folder.done(&["data", "list"]);
    assert!(names.iter().all(|name| text.contains(name)), "{text}");
    let shown = folder.done(&["data", "show", "co2"]);
    for part in ["Mauna Loa", "public domain", "2284", "Keeling"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert_eq!(folder.done_json(&["data", "show", "co2", "--json"])["season"], 52);
    // What is exported can be read again.
    folder.done(&["data", "export", "nile", "nile.csv"]);
    let out = folder.done(&["data", "export", "nile"]);
    assert_eq!(out.as_bytes(), folder.read("nile.csv"));
    assert_eq!(out.lines().count(), 101);
    let quick = ["--units", "10", "--trials", "1", "--seeds", "1"];
    let from_file = folder.done_json(&[&["train", "nile.csv", "--json"], &quick[..]].concat());
    let shipped = folder.done_json(&[&["train", "--dataset", "nile", "--json"], &quick[..]].concat());
    assert_eq!(from_file["scores"], shipped["scores"]);
}

#[test]
fn help_says_where_to_start() {
    let folder = Folder::new();
    assert!(folder.done(&[]).contains("forebay forecast --dataset sunspots"));
    assert!(folder.done(&["data"]).contains("forebay data export sunspots sunspots.csv"));
    for command in ["forecast", "predict", "run", "inspect", "convert", "data", "completions"] {
        let help = folder.done(&[command, "--help"]);
        assert!(help.contains("Usage: forebay"), "{help}");
        if command != "completions" && command != "data" {
            assert!(help.contains("Examples:"), "{help}");
        }
    }
    assert!(folder.done(&["--version"]).starts_with("forebay 0."));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(folder.done(&["completions", shell]).contains("forecast"), "{shell}");
    }
}

/// Files of every kind that the library keeps, and of a session: each is told by what it is, and a damaged one is refused.
#[test]
fn inspection_tells_what_was_kept() {
    let folder = Folder::new();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/data/kept");
    let mut seen = 0;
    for (name, holds, field, value) in [
        ("rls", "recursive least squares", "features", 6.into()),
        ("lms", "least mean squares", "outputs", 2.into()),
        ("trainer", "online trainer", "units", 20.into()),
        ("monitor", "drift monitor", "channels", 2.into()),
        ("classifier", "classifier", "classes", 3.into()),
        ("sequences", "sequence regression", "vector", 2.into()),
        ("conductor", "conductor", "precision", Value::from("f32")),
        ("ladder", "drift ladder", "trusted", false.into()),
        ("parallel", "parallel reservoirs", "points", 12.into()),
        ("network", "network", "inputs", 2.into()),
    ] {
        let path = kept.join(format!("version-1-{name}.kept"));
        let path = path.to_str().expect("a path in UTF-8");
        let told = folder.done_json(&["inspect", path, "--json"]);
        assert_eq!((&told["holds"], &told[field]), (&holds.into(), &value), "{told}");
        assert!(folder.done(&["inspect", path]).contains(holds));
        let drawn = folder.run(&["inspect", path, "--graphviz"]);
        assert_eq!(drawn.code, Some(if told["units"].is_null() { 2 } else { 0 }), "{name}: {}", drawn.err);
        let mut damaged = std::fs::read(path).expect("it is there");
        let middle = damaged.len() / 2;
        damaged[middle] ^= 4;
        folder.write("damaged.kept", &damaged);
        let refused = folder.run(&["inspect", "damaged.kept"]);
        assert!(refused.code == Some(2) && refused.err.contains("damaged"), "{name}: {}", refused.err);
        seen += 1;
    }
    assert_eq!(seen, std::fs::read_dir(&kept).expect("a folder").count(), "a kind was added");
}
