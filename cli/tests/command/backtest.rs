//! Forecasts tested on several stretches, and on folders of series.

use crate::support::{Folder, column, waves};

/// A stretch is what a forecast with that test part says: the same fit, the same numbers.
#[test]
fn a_stretch_is_a_forecast_of_the_rows_before_it() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let told =
        folder.done_json(&["backtest", "waves.csv", "--horizon", "2", "--origins", "3", "--target", "level", "--json"]);
    let stretches = told["targets"][0]["stretches"].as_array().expect("stretches");
    assert_eq!(stretches.iter().map(|of| of["from_row"].as_u64()).collect::<Vec<_>>(), [150, 200, 250].map(Some));
    for (number, (learnt, rest)) in [(150, 50), (200, 50), (250, 50)].into_iter().enumerate() {
        let split = format!("{},{},{rest}", learnt - 10, 10);
        let out = format!("o{number}");
        let arguments = [
            "forecast",
            "waves.csv",
            "--horizon",
            "2",
            "--target",
            "level",
            "--split",
            &split,
            "--out",
            &out,
            "--json",
        ];
        let report = folder.done_json(&arguments);
        let scores = &report["targets"][0]["horizons"][1]["scores"];
        assert_eq!(scores, &stretches[number]["scores"], "{number}");
    }
    let printed = folder.done(&["backtest", "waves.csv", "--horizon", "2", "--origins", "3"]);
    assert!(
        printed.contains("level\nfrom") && printed.contains("\nflow\n") && printed.contains("geometric mean"),
        "{printed}"
    );
    for (more, tells) in [
        (&["--origins", "0"][..], "--origins"),
        (&["--origins", "100"], "fewer --origins"),
        (&["--from", "1.5"], "--from"),
        (&["--split", "1,1,1"], "--split"),
    ] {
        let outcome = folder.run(&[&["backtest", "waves.csv", "--horizon", "2"], more].concat());
        assert!(outcome.code == Some(2) && outcome.err.contains(tells), "{outcome:?}");
    }
}

#[test]
fn a_folder_is_compared_file_by_file() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("all")).expect("a folder");
    folder.write("all/a.csv", waves(300));
    folder.write("all/b.csv", column(200, |t| t * t % 17));
    folder.write("all/bad.csv", "x,y\n1,2\n3\n");
    folder.write("all/notes.md", "no series");
    let told = folder.done_json(&["compare", "all", "--json"]);
    let lines = told["lines"].as_array().expect("lines");
    let name = |line: &serde_json::Value| {
        format!("{}:{}", line["file"].as_str().expect("a file"), line["target"].as_str().unwrap_or("-"))
    };
    assert_eq!(
        lines.iter().map(name).collect::<Vec<_>>(),
        ["all/a.csv:level", "all/a.csv:flow", "all/b.csv:column 1", "all/bad.csv:-"]
    );
    assert_eq!(told["refused"], 1);
    let report = folder.done_json(&["forecast", "all/a.csv", "--json"]);
    assert_eq!(lines[1]["scores"], report["targets"][1]["horizons"][0]["scores"]);
    let printed = folder.done(&["compare", "all"]);
    assert!(printed.contains("left out: all/bad.csv: in all/bad.csv: line 3"), "{printed}");
    let outcome = folder.run(&["compare", "all/bad.csv"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("none of the files"), "{outcome:?}");
}
