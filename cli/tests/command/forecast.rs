//! From a series to tables, plot, page, model and report.

use serde_json::Value;

use crate::support::{Folder, column, waves};

/// The member's or the combination's NRMSE of the last step ahead.
fn score(report: &Value, name: &str) -> f64 {
    let last = report["targets"][0]["horizons"].as_array().and_then(|all| all.last()).expect("a horizon");
    if name == "combined" {
        return last["scores"]["combined"]["nrmse"].as_f64().expect("a score");
    }
    let members = last["scores"]["members"].as_array().expect("members");
    let member = members.iter().find(|member| member["member"] == name);
    member.and_then(|member| member["score"]["nrmse"].as_f64()).unwrap_or_else(|| panic!("no {name} in {last}"))
}

#[test]
fn a_series_is_forecast_scored_and_shown() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(500));
    let printed = folder.done(&["forecast", "waves.csv", "--horizon", "4"]);
    for part in ["day    clock", "combined", "persistence", "90 % intervals held", "steps ahead", "model   out/waves"] {
        assert!(printed.contains(part), "{part} in\n{printed}");
    }
    let report = folder.json("out/waves/report.json");
    assert!(score(&report, "combined") < 0.1 * score(&report, "persistence"), "{report}");
    let targets = report["targets"].as_array().expect("targets");
    assert_eq!(targets.iter().map(|target| &target["name"]).collect::<Vec<_>>(), ["level", "flow"]);
    for target in targets {
        assert_eq!(target["horizons"].as_array().map(Vec::len), Some(4));
        assert_eq!(target["test"]["forecast"].as_array().map(Vec::len), Some(100));
        assert_eq!(target["future"]["times"], serde_json::json!(["500", "501", "502", "503"]));
    }
    assert!(folder.read("out/waves/forecast.png").starts_with(b"\x89PNG\r\n\x1a\n"));
    let page = String::from_utf8(folder.read("out/waves/forecast.html")).expect("text");
    let stamp = report["run"].as_str().expect("a stamp");
    assert!(page.contains(stamp) && page.contains("forecast waves.csv --horizon 4"), "no stamp or command");
    let inspected = folder.done_json(&["inspect", "out/waves/model.forebay", "--json"]);
    assert_eq!(inspected["run"], stamp);
}

/// The score of a row is that of the numbers that are told, by another's arithmetic.
#[test]
fn scores_are_those_of_the_forecasts_that_are_told() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(400));
    let report = folder.done_json(&["forecast", "waves.csv", "--target", "flow", "--horizon", "2", "--json"]);
    let test = &report["targets"][0]["test"];
    let numbers = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).expect("numbers") };
    let (truth, forecast) = (numbers(&test["truth"]), numbers(&test["forecast"]));
    let of_file: Vec<f64> = waves(400)
        .lines()
        .skip(321)
        .map(|line| line.split(',').nth(2).expect("flow").parse().expect("a number"))
        .collect();
    assert_eq!(truth, of_file);
    let array = |values: &[f64]| ndarray::Array2::from_shape_vec((80, 1), values.to_vec()).expect("one column");
    let found = forebay::metrics::nrmse(array(&truth).view(), array(&forecast).view()).expect("it varies");
    assert!((found - score(&report, "combined")).abs() < 1e-12 * found, "{found}");
    // Persistence two steps ahead is the value two rows before.
    let held: Vec<f64> = waves(400)
        .lines()
        .skip(319)
        .take(80)
        .map(|l| l.split(',').nth(2).expect("flow").parse().expect("a number"))
        .collect();
    let found = forebay::metrics::nrmse(array(&truth).view(), array(&held).view()).expect("it varies");
    assert!((found - score(&report, "persistence")).abs() < 1e-9 * found, "{found}");
    let inside = |ends: &Value, truth: &f64| {
        let [low, high]: [f64; 2] = serde_json::from_value(ends.clone()).expect("two ends");
        (low..=high).contains(truth)
    };
    let nine = &test["intervals"][2];
    let count =
        nine["ends"].as_array().expect("ends").iter().zip(&truth).filter(|(ends, truth)| inside(ends, truth)).count();
    let told = &report["targets"][0]["horizons"][1]["intervals"][2];
    assert_eq!(
        (nine["coverage"].as_f64(), told["adaptive"]["inside"].as_f64()),
        (Some(0.9), Some(count as f64 / 80.0))
    );
}

#[test]
fn a_season_is_found_and_exact_on_a_periodic_series() {
    let folder = Folder::new();
    folder.write("digits.csv", column(400, |t| [3, 1, 4, 1, 5, 9, 2][t % 7]));
    let printed = folder.done(&["forecast", "digits.csv", "--horizon", "3"]);
    assert!(printed.contains("season of 7 steps (found"), "{printed}");
    let report = folder.json("out/digits/report.json");
    assert!(score(&report, "seasonal_naive") < 1e-12 && score(&report, "combined") < 1e-6, "{report}");
    let without = folder.done(&["forecast", "digits.csv", "--season", "none", "--out", "o"]);
    assert!(without.contains("no season") && !without.contains("seasonal naive"), "{without}");
}

#[test]
fn the_same_command_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let files = ["model.forebay", "forecast.png", "report.json"];
    let mut known: Option<Vec<Vec<u8>>> = None;
    for (out, threads) in [("a", 1), ("b", 2), ("c", 5)] {
        let outcome = folder.run_on(threads, &["forecast", "waves.csv", "--horizon", "2", "--out", out]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let bytes = files.iter().map(|file| folder.read(&format!("{out}/{file}"))).collect();
        match &known {
            None => known = Some(bytes),
            Some(known) => assert!(*known == bytes, "{out}, {threads} thread(s)"),
        }
    }
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let report = folder.done_json(&["forecast", "waves.csv", "--json"]);
    assert_eq!(report, folder.json("out/waves/report.json"));
    assert!(!report.to_string().contains(&folder.path("").display().to_string()), "no path of this machine");
}

/// Values that come later change no forecast that was made before them.
#[test]
fn a_scrambled_future_changes_no_forecast() {
    let folder = Folder::new();
    let series = |scrambled: bool| {
        column(400, |t| {
            let t = if scrambled && t >= 350 { 1000 - t } else { t };
            10.0 + (t as f64 * 0.31).sin() + 0.2 * ((t * t % 17) as f64)
        })
    };
    let mut forecasts = Vec::new();
    for (out, scrambled) in [("a", false), ("b", true)] {
        folder.write("x.csv", series(scrambled));
        let report = folder.done_json(&["forecast", "x.csv", "--horizon", "3", "--out", out, "--json"]);
        let forecast: Vec<f64> =
            serde_json::from_value(report["targets"][0]["test"]["forecast"].clone()).expect("rows");
        forecasts.push(forecast);
    }
    // Rows 320 to 399 are the test part; that of row 352 was made at row 349.
    assert_eq!(forecasts[0][..33], forecasts[1][..33]);
    assert_ne!(forecasts[0][33..], forecasts[1][33..]);
}

/// A column that is known ahead was a target like any other: forecast, averaged into the score, and of no use.
#[test]
fn what_is_known_ahead_is_used_and_not_forecast() {
    let folder = Folder::new();
    // Nothing that was foretells it.
    let driver = |t: usize| ((t * t * t * 7919 + t * 4729) % 1009) as f64 / 1009.0;
    let mut text = "y,u\n".to_owned();
    for t in 0..460 {
        let y = if t < 450 { (10.0 * driver(t) + 0.01 * ((t * 37 % 101) as f64)).to_string() } else { String::new() };
        text += &format!("{y},{}\n", driver(t));
    }
    folder.write("in.csv", text);
    let both = folder.done_json(&["forecast", "in.csv", "--target", "y", "--out", "a", "--json"]);
    let printed = folder.done(&["forecast", "in.csv", "--target", "y", "--known", "u", "--horizon", "2", "--out", "b"]);
    assert!(
        printed.contains("10 rows after the last value of a target: what is known ahead is read from them"),
        "{printed}"
    );
    assert!(printed.contains("u: input, known ahead; not forecast"), "{printed}");
    let known = folder.json("b/report.json");
    assert_eq!(known["series"]["columns"], serde_json::json!({"targets": ["y"], "past": [], "ahead": ["u"]}));
    assert_eq!(known["series"]["rows"], 450);
    assert!(score(&known, "combined") < 0.2 * score(&both, "combined"), "{}", score(&known, "combined"));
    // The path knows what is planned for its rows.
    for (step, ahead) in known["targets"][0]["future"]["path"].as_array().expect("a path").iter().enumerate() {
        let found = ahead["forecast"]["value"].as_f64().expect("a number");
        assert!((found - 10.0 * driver(450 + step)).abs() < 1.5, "{step}: {found}");
    }
    let past = folder.done_json(&["forecast", "in.csv", "--inputs", "u", "--out", "c", "--json"]);
    assert_eq!(past["series"]["columns"], serde_json::json!({"targets": ["y"], "past": ["u"], "ahead": []}));
}

/// Missing values were filled, and what was filled was learnt from and scored.
#[test]
fn missing_values_stay_missing() {
    let folder = Folder::new();
    let value = |t: usize| (t as f64 * 0.4).sin() * 10.0;
    folder.write("x.csv", column(300, |t| if t % 9 == 4 { "NA".to_owned() } else { value(t).to_string() }));
    let report = folder.done_json(&["forecast", "x.csv", "--json"]);
    let horizon = &report["targets"][0]["horizons"][0];
    let known = (240..300).filter(|t| t % 9 != 4).count();
    assert_eq!(horizon["scores"]["rows"], known);
    assert_eq!((&horizon["fit"]["rows"], &horizon["fit"]["known"]), (&240.into(), &(240 - 27).into()));
    assert!(
        report["targets"][0]["notes"].to_string().contains("27 values missing in the first part, 6 in the test rows")
    );
    let told = folder.done(&["forecast", "x.csv", "--fill", "linear", "--out", "o"]);
    assert!(told.contains("--fill is not needed here"), "{told}");
    assert_eq!(folder.json("o/report.json")["targets"], report["targets"]);
}

#[test]
fn results_of_another_run_are_replaced_only_if_asked() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path(name)).expect("a folder");
        folder.write(&format!("{name}/data.csv"), waves(if name == "a" { 200 } else { 210 }));
    }
    assert_eq!(folder.run(&["forecast", "a/data.csv"]).code, Some(0));
    assert_eq!(folder.run(&["forecast", "a/data.csv"]).code, Some(0), "the same run has the same results");
    let before = folder.content();
    for more in [
        &["b/data.csv"][..],
        &["a/data.csv", "--seed", "1"],
        &["a/data.csv", "--known", "flow"],
        &["a/data.csv", "--networks-between", "0"],
    ] {
        let outcome = folder.run(&[&["forecast"], more].concat());
        assert!(outcome.code == Some(2) && outcome.err.contains("of another run"), "{more:?}: {outcome:?}");
    }
    assert!(folder.content() == before, "nothing is lost");
    folder.done(&["forecast", "b/data.csv", "--force"]);
    assert!(folder.content() != before);
}

/// What is no regular file is written into, and a link is followed: `--out` once replaced both.
#[cfg(unix)]
#[test]
fn links_and_pipes_stay_what_they_are() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = Folder::new();
    folder.write("x.csv", column(120, |t| t * 37 % 101));
    std::fs::create_dir_all(folder.path("o")).expect("a folder");
    folder.write("elsewhere.html", "old");
    symlink(folder.path("elsewhere.html"), folder.path("o/forecast.html")).expect("a link");
    let made =
        std::process::Command::new("mkfifo").arg(folder.path("o/report.json")).status().expect("mkfifo is there");
    assert!(made.success());
    let pipe = folder.path("o/report.json");
    let reader = std::thread::spawn(move || std::fs::read(pipe).expect("the pipe ends"));
    folder.done(&["forecast", "x.csv", "--out", "o", "--force"]);
    let report: Value = serde_json::from_slice(&reader.join().expect("it was read")).expect("a report");
    assert_eq!(report["targets"][0]["name"], "column 1");
    assert!(std::fs::symlink_metadata(folder.path("o/forecast.html")).expect("it is there").is_symlink());
    assert!(folder.read("elsewhere.html").starts_with(b"<!DOCTYPE html>"));
    let kind = std::fs::symlink_metadata(folder.path("o/report.json")).expect("it is there").file_type();
    assert!(kind.is_fifo());
}
