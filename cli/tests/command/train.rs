//! From a series to table, plot, model and report, and from the model to predictions.

use serde_json::Value;

use crate::support::{Folder, column, npy_f64, waves};

/// Settings under which a forecast takes a fraction of a second.
const QUICK: [&str; 7] = ["--units", "40", "--trials", "6", "--seeds", "3", "--force"];

fn forecast(folder: &Folder, more: &[&str]) -> String {
    folder.done(&[&["train"], more, &QUICK].concat())
}

fn score(report: &Value, name: &str) -> f64 {
    let rows = report["scores"].as_array().expect("scores");
    let row = rows.iter().find(|row| row["name"].as_str().is_some_and(|n| n.contains(name)));
    row.and_then(|row| row["test"].as_f64()).unwrap_or_else(|| panic!("no score of {name} in {report}"))
}

#[test]
fn a_learnable_series_is_forecast_better_than_by_persistence() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(500));
    let printed = forecast(&folder, &["waves.csv"]);
    for part in ["training", "validation", "test", "persistence", "linear autoregression", "network", " ± "] {
        assert!(printed.contains(part), "{part} in\n{printed}");
    }
    assert!(printed.contains("level, flow"), "the day is an axis, not a series\n{printed}");
    let report = folder.json("out/waves-network/report.json");
    assert!(score(&report, "echo state network") < 0.3 * score(&report, "persistence"), "{report}");
    assert_eq!(report["test_nrmse_per_seed"].as_array().map(Vec::len), Some(3));
    assert_eq!(report["test_forecast"].as_array().map(Vec::len), Some(100));
    assert!(folder.read("out/waves-network/forecast.png").starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn the_seasonal_baseline_is_exact_on_a_periodic_series() {
    let folder = Folder::new();
    folder.write("digits.csv", column(400, |t| [3, 1, 4, 1, 5, 9, 2][t % 7]));
    forecast(&folder, &["digits.csv", "--season", "7", "--horizon", "3"]);
    let report = folder.json("out/digits-network/report.json");
    assert_eq!(score(&report, "seasonal naive"), 0.0);
    assert!(score(&report, "persistence") > 1.0);
}

#[test]
fn the_same_command_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let files = ["model.forebay", "forecast.png", "report.json"];
    let mut known: Option<Vec<Vec<u8>>> = None;
    for (out, threads) in [("a", 1), ("b", 2), ("c", 2), ("d", 5)] {
        let outcome = folder.run_on(threads, &[&["train", "waves.csv", "--out", out], &QUICK[..]].concat());
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
    let arguments = [&["train", "waves.csv", "--horizon", "2", "--json"], &QUICK[..]].concat();
    let report = folder.done_json(&arguments);
    assert_eq!(report, folder.json("out/waves-network/report.json"));
    assert_eq!(report["plan"]["horizon"], 2);
    assert!(!report.to_string().contains(&folder.path("").display().to_string()), "no path of this machine");
}

#[test]
fn counts_and_shares_split_alike() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let split = |text: &str| {
        forecast(&folder, &["waves.csv", "--split", text]);
        folder.json("out/waves-network/report.json")["plan"]["split"].clone()
    };
    assert_eq!(split("0.6,0.2,0.2"), serde_json::json!([180, 60, 60]));
    assert_eq!(split("180,60,60"), serde_json::json!([180, 60, 60]));
    assert_eq!(split("0.5,0.2,0.1"), serde_json::json!([150, 60, 30]));
    // 0.7 x 700 is 489.99999999999994 in floats.
    folder.write("waves.csv", waves(700));
    assert_eq!(split("0.5,0.2,0.2"), serde_json::json!([350, 140, 140]));
}

#[test]
fn predictions_continue_the_report() {
    let folder = Folder::new();
    let text = waves(300);
    folder.write("waves.csv", &text);
    folder.done(&["train", "waves.csv", "--horizon", "3", "--units", "40", "--trials", "4", "--seeds", "1"]);
    let model = "out/waves-network/model.forebay";
    let json = folder.done_json(&["predict", model, "waves.csv", "--json"]);
    assert_eq!(json["columns"], serde_json::json!(["level", "flow"]));
    assert_eq!((json["first_step"].as_u64(), json["horizon"].as_u64()), (Some(3), Some(3)));
    let forecast = json["forecast"].as_array().expect("rows");
    assert_eq!(forecast.len(), 300, "one row per row of data, so three steps lie past its end");
    // With one seed the report holds this model's forecasts, for rows 240 to 299.
    let report = folder.json("out/waves-network/report.json");
    assert_eq!(Value::from(forecast[237..297].to_vec()), report["test_forecast"]);

    let (csv, told) = folder.told(&["predict", model, "waves.csv"]);
    assert_eq!(csv.lines().count(), 301);
    assert!(csv.starts_with("day,level,flow\n3,"), "{}", &csv[..40]);
    assert!(
        told.starts_with(
            "waves.csv: day    clock   steps of 1 from 0 to 299, no gaps\nwaves.csv: level  series  numbers\n"
        ),
        "{told}"
    );
    assert_eq!(folder.told(&["predict", model, "waves.csv", "--out", "p.csv"]).0, "");
    assert_eq!(folder.read("p.csv"), csv.as_bytes());
    // The same numbers as an array.
    let rows: Vec<f64> = text.lines().skip(1).flat_map(|l| l.split(',').skip(1)).flat_map(str::parse).collect();
    let array = ndarray::Array2::from_shape_vec((300, 2), rows).expect("two columns");
    folder.write("waves.npy", npy_f64(array.view()));
    assert_eq!(folder.told(&["predict", model, "waves.npy"]).0, csv.replace("day,", "step,"));
}

/// With several networks the report scores their average and the file holds the first one alone, of which nothing was said.
#[test]
fn the_network_that_is_saved_has_the_score_that_is_told_of_it() {
    let folder = Folder::new();
    let text = waves(300);
    folder.write("waves.csv", &text);
    let printed = folder.done(&["train", "waves.csv", "--units", "40", "--trials", "4", "--seeds", "2"]);
    let report = folder.json("out/waves-network/report.json");
    let told = report["model"]["test_nrmse"].as_f64().expect("a score");
    assert_eq!((&report["model"]["network"], &report["model"]["of"]), (&1.into(), &2.into()));
    let line = printed
        .split_once("network 1 of 2 alone (seed 0), with a test NRMSE of ")
        .map(|(_, rest)| rest.split_once("; "));
    let (own, rest) = line.flatten().unwrap_or_else(|| panic!("a line about the model in\n{printed}"));
    assert!((own.parse::<f64>().expect("a number") - told).abs() < 0.01 * told, "{own} {told}");
    assert!(rest.starts_with("that of the average of 2 networks is "), "{rest}");

    let rows: Vec<f64> = text.lines().skip(241).flat_map(|l| l.split(',').skip(1)).flat_map(str::parse).collect();
    let truth = ndarray::Array2::from_shape_vec((60, 2), rows).expect("two columns");
    let json = folder.done_json(&["predict", "out/waves-network/model.forebay", "waves.csv", "--json"]);
    let made: Vec<Vec<f64>> = serde_json::from_value(json["forecast"].clone()).expect("rows");
    let of_saved = ndarray::Array2::from_shape_fn((60, 2), |(t, c)| made[239 + t][c]);
    let found = forebay::metrics::nrmse(truth.view(), of_saved.view()).expect("it varies");
    assert!((found - told).abs() < 1e-9 * told, "{found} {told}");
    assert!((score(&report, "average") - told).abs() > 1e-6 * told, "the average is another forecast");

    let printed = folder.done(&["train", "waves.csv", "--units", "40", "--trials", "4", "--seeds", "1", "--force"]);
    assert!(!printed.contains("network 1 of"), "{printed}");
}

#[test]
fn narrow_networks_predict_as_they_were_scored() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    let arguments = ["train", "waves.csv", "--precision", "f32", "--units", "40", "--trials", "4", "--seeds", "1"];
    folder.done(&arguments);
    assert_eq!(folder.done_json(&["inspect", "out/waves-network/model.forebay", "--json"])["precision"], "f32");
    let json = folder.done_json(&["predict", "out/waves-network/model.forebay", "waves.csv", "--json"]);
    let forecast = json["forecast"].as_array().expect("rows");
    let report = folder.json("out/waves-network/report.json");
    assert_eq!(report["precision"], "f32");
    assert_eq!(Value::from(forecast[239..299].to_vec()), report["test_forecast"]);
}

#[test]
fn networks_of_few_units_can_be_drawn() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    for units in ["1", "2", "3", "7"] {
        folder.done(&["train", "waves.csv", "--units", units, "--trials", "4", "--seeds", "4", "--force"]);
    }
}

#[test]
fn a_closed_loop_goes_on_where_the_data_end() {
    let folder = Folder::new();
    folder.write("sine.csv", column(400, |t| (0.2 * t as f64).sin()));
    forecast(&folder, &["sine.csv"]);
    let (csv, _) = folder.told(&["predict", "out/sine-network/model.forebay", "sine.csv", "--free", "30"]);
    let rows: Vec<(f64, f64)> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(',').and_then(|(t, y)| Some((t.parse().ok()?, y.parse().ok()?))))
        .collect();
    assert_eq!((rows.len(), rows[rows.len() - 1].0), (429, 429.0));
    for &(t, y) in &rows[399..] {
        assert!((y - (0.2 * t).sin()).abs() < 0.05, "step {t}: {y}");
    }
}

#[test]
fn gaps_are_filled_when_asked_and_told() {
    let folder = Folder::new();
    let mut lines: Vec<String> = waves(300).lines().map(str::to_owned).collect();
    lines[100] = "99,,120.5".to_owned();
    lines[101] = "100,nan,121".to_owned();
    folder.write("gaps.csv", lines.join("\n"));
    let printed = forecast(&folder, &["gaps.csv", "--fill", "linear"]);
    assert!(printed.contains("2 missing values"), "{printed}");
    assert_eq!(folder.json("out/gaps-network/report.json")["series"]["filled"], 2);
}

#[test]
fn shipped_sets_come_with_split_season_and_source() {
    let folder = Folder::new();
    let printed = forecast(&folder, &["--dataset", "nile"]);
    assert!(printed.starts_with("nile: 100 steps"), "{printed}");
    let report = folder.json("out/nile-network/report.json");
    assert_eq!(report["plan"]["split"], serde_json::json!([60, 20, 20]));
    assert!(report["series"]["origin"]["licence"].is_string());
}

/// A model's columns are names: a number among them once was a place in the file, and an invented name of a file without a header
/// matched another invented one.
#[test]
fn a_model_takes_its_columns_by_their_names_and_no_others() {
    let folder = Folder::new();
    let sensors = |columns: &[usize]| {
        let header: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let row =
            |t: usize| columns.iter().map(move |c| format!(",{:.5}", (*c as f64).powi(3) + (0.2 * t as f64).sin()));
        let rows = column(300, |t| format!("{t}{}", row(t).collect::<String>()));
        format!("time,{}\n{rows}", header.join(","))
    };
    folder.write("all.csv", sensors(&[1, 2, 3]));
    folder.write("some.csv", sensors(&[1, 3]));
    folder.write("twice.csv", sensors(&[2, 1, 2]));
    forecast(&folder, &["all.csv", "--columns", "2", "--out", "o"]);
    assert!(folder.told(&["predict", "o/model.forebay", "all.csv"]).0.starts_with("time,2\n"));
    for (file, tells) in [("some.csv", "there is no column \"2\""), ("twice.csv", "2 columns are named \"2\"")] {
        let outcome = folder.run(&["predict", "o/model.forebay", file]);
        assert!(outcome.code == Some(2) && outcome.out.is_empty() && outcome.err.contains(tells), "{outcome:?}");
    }
    let outcome = folder.run(&["train", "twice.csv", "--columns", "2"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("say which by its number"), "{outcome:?}");

    let wave = |t: usize| format!("{:.5}", (0.2 * t as f64).sin());
    folder.write("plain.csv", column(300, wave));
    folder.write("counted.csv", column(300, |t| format!("{t},{}", wave(t))));
    folder.write("wide.csv", column(300, |t| format!("{},{0}", wave(t))));
    forecast(&folder, &["plain.csv", "--out", "p"]);
    let of = |file: &str| folder.run(&["predict", "p/model.forebay", file]);
    assert_eq!(of("counted.csv").out, of("plain.csv").out);
    assert!(of("plain.csv").out.lines().count() == 301 && of("wide.csv").code == Some(2));
}

/// A file without names was read in its own order, whatever the model's was, and for a model whose columns have names without a word.
#[test]
fn columns_of_a_file_without_names_are_those_of_the_model() {
    let folder = Folder::new();
    let named = waves(300);
    let plain: String = named.lines().skip(1).filter_map(|l| Some(l.split_once(',')?.1.to_owned() + "\n")).collect();
    folder.write("plain.csv", &plain);
    folder.write("named.csv", format!("level,flow\n{plain}"));
    let predicted = |model: &str, data: &str| {
        let outcome = folder.run(&["predict", &format!("{model}/model.forebay"), data, "--json"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let json: Value = serde_json::from_str(&outcome.out).expect("JSON");
        assert_eq!(outcome.err, "", "standard error is for people");
        (json["forecast"].clone(), json["reading"]["notes"].clone())
    };
    forecast(&folder, &["named.csv", "--columns", "flow,level", "--out", "n"]);
    forecast(&folder, &["plain.csv", "--columns", "2,1", "--out", "p"]);
    let (expected, silent) = predicted("n", "named.csv");
    assert_eq!(silent, serde_json::json!([]));
    assert!(predicted("p", "plain.csv") == (expected, silent), "other columns, or a word about them");
    let (_, told) = predicted("n", "plain.csv");
    let line = "it names no columns: column 1 is taken as \"flow\", column 2 is taken as \"level\"";
    assert_eq!(told, serde_json::json!([line]));
}

/// What was taken of a table is told before all else, in every command that reads one.
#[test]
fn what_a_file_was_read_as_is_told() {
    let folder = Folder::new();
    let rows = |extra: &str| column(900, |t| format!("{:.5}{extra}", 20.0 + (0.2 * t as f64).sin()));
    folder.write("numbered.csv", format!("0\n{}", rows("")));
    folder.write("mixed.csv", format!("level,state\n1,open\n{}", rows(",shut")));
    let quick = |file| [&["train", file, "--out", "o"], &QUICK[..]].concat();
    let names = "the first line is taken as names of columns (--header no if it is data)\n";
    let none = "no clock: rows are taken as evenly spaced steps\n";
    let (out, err) = folder.told(&quick("numbered.csv"));
    assert!(
        out.starts_with(&format!("0  series  numbers\n{none}{names}\nnumbered: 900 steps")) && err.is_empty(),
        "{out}{err}"
    );
    assert_eq!(folder.json("o/report.json")["series"]["columns"], serde_json::json!(["0"]));
    let (_, err) = folder.told(&["predict", "o/model.forebay", "numbered.csv"]);
    assert_eq!(err, format!("numbered.csv: 0  series  numbers\nnumbered.csv: {none}"), "the model's own name");
    let (_, err) = folder.told(&["watch", "--file", "numbered.csv", "--units", "20", "--headless"]);
    assert!(err.ends_with(&format!("numbered.csv: {names}")), "{err}");
    let (out, _) = folder.told(&[&quick("numbered.csv")[..], &["--header", "no"]].concat());
    assert!(out.starts_with("column 1  series  numbers\n") && !out.contains("first line"), "{out}");
    assert_eq!(folder.json("o/report.json")["series"]["steps"], 901);
    let (out, _) = folder.told(&quick("mixed.csv"));
    assert!(out.starts_with("level  series  numbers\nstate  left out: text (\"open\" on line 2)\n"), "{out}");
    let report = folder.json("o/report.json");
    assert_eq!(
        (&report["reading"]["columns"][1]["role"], &report["reading"]["clock"]),
        (&"left out".into(), &Value::Null)
    );
}

/// One bad cell left the column out that was meant, and a clock with a gap was forecast.
#[test]
fn files_that_could_be_meant_otherwise_are_refused_with_the_next_step() {
    let folder = Folder::new();
    let value = |t: usize| format!("{:.3}", 50.0 + 10.0 * (0.3 * t as f64).sin());
    folder.write(
        "bad.csv",
        "humidity,load\n".to_owned()
            + &column(300, |t| if t == 7 { "5,?".into() } else { format!("{},{}", t % 7, value(t)) }),
    );
    folder.write(
        "gap.csv",
        "epoch,load\n".to_owned() + &column(300, |t| format!("{},{}", 1_700_000_000 + 3600 * (t + t / 200), value(t))),
    );
    folder.write(
        "runs.csv",
        "unit,cycle,temp\n".to_owned() + &column(300, |t| format!("{},{},{}", t / 50, t % 50, value(t))),
    );
    let refused = |arguments: &str, tells: &str| {
        let outcome = folder.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert!(
            outcome.code == Some(2) && outcome.out.is_empty() && outcome.err.contains(tells),
            "{arguments}: {outcome:?}"
        );
    };
    for command in ["train", "search", "watch --headless --file"] {
        refused(&format!("{command} bad.csv"), "line 9, column \"load\": \"?\" is no finite number");
        refused(
            &format!("{command} gap.csv"),
            "has 1 gap(s), 1 step(s) of hour in all: the first, of 1, before line 202",
        );
        refused(&format!("{command} runs.csv"), "6 series under each other in column \"unit\"");
    }
    forecast(&folder, &["bad.csv", "--missing", "?", "--fill", "hold"]);
    let report = folder.json("out/bad-network/report.json");
    assert_eq!(
        (&report["series"]["filled"], &report["series"]["columns"]),
        (&1.into(), &serde_json::json!(["humidity", "load"]))
    );
    let printed = forecast(&folder, &["gap.csv", "--gaps", "fill", "--fill", "hold", "--out", "g"]);
    assert!(printed.starts_with("epoch  clock   every hour from 1700000000 to 1701080000, 1 gap(s)"), "{printed}");
    assert_eq!(folder.json("g/report.json")["series"]["steps"], 301);
    let (csv, _) = folder.told(&["predict", "g/model.forebay", "gap.csv", "--gaps", "fill", "--fill", "hold"]);
    assert!(csv.lines().last().is_some_and(|line| line.starts_with("1701083600,")), "{csv}");
    refused("predict g/model.forebay gap.csv", "before line 202");
    refused("train runs.csv --id unit", "one series is read at a time");
    refused("train gap.csv --gaps mark", "--gaps fill");
    refused("watch --headless --fill hold", "--fill belongs to --file");
    refused("search memory --gaps fill", "--gaps belongs to a series of your own");
}

/// Steps were numbered where the data have dates.
#[test]
fn forecasts_have_the_times_of_the_file() {
    let folder = Folder::new();
    let day = |t: usize| format!("2023-{:02}-{:02}", 1 + t / 28, 1 + t % 28);
    let wave = |t: usize| (0.4 * t as f64).sin();
    let rows = column(28, |t| format!("{},{:.4}", day(t), wave(t)));
    let more = column(310, |t| format!("{t},{:.4}", wave(t)));
    folder.write("train.csv", format!("t,\"a, b\"\n{more}"));
    folder.write("new.csv", format!("\"Date, UTC\",\"a, b\"\n{rows}"));
    forecast(&folder, &["train.csv", "--columns", "\"a, b\"", "--out", "o"]);
    let (csv, _) = folder.told(&["predict", "o/model.forebay", "new.csv", "--free", "3"]);
    assert!(csv.starts_with("\"Date, UTC\",\"a, b\"\n2023-01-02,"), "{csv}");
    let last: Vec<&str> =
        csv.lines().rev().take(3).filter_map(|line| line.split_once(',')).map(|(time, _)| time).collect();
    assert_eq!(last, ["2023-01-31", "2023-01-30", "2023-01-29"]);
    let json = folder.done_json(&["predict", "o/model.forebay", "new.csv", "--json"]);
    assert_eq!((&json["times"][0], &json["reading"]["clock"]["step"]), (&"2023-01-02".into(), &"day".into()));
}

/// Numbers stood under other names where a name has a comma.
#[test]
fn a_name_is_one_cell_whatever_is_in_it() {
    let folder = Folder::new();
    let rows = column(300, |t| format!("{:.5},{:.5}", (0.2 * t as f64).sin(), (0.3 * t as f64).cos()));
    folder.write("in.csv", format!("\"temp, inside\",\"the \"\"other\"\"\"\n{rows}"));
    forecast(&folder, &["in.csv", "--out", "o"]);
    let (told, _) = folder.told(&["predict", "o/model.forebay", "in.csv"]);
    assert!(told.starts_with("step,\"temp, inside\",\"the \"\"other\"\"\"\n"), "{}", &told[..60]);
}

/// The readout learns changes and gives levels; the score that was kept with the model was that of the changes: about 1 for a
/// random walk, whose levels are known to within a few hundredths.
#[test]
fn the_score_that_is_kept_is_of_the_model_that_is_kept() {
    let folder = Folder::new();
    let (mut level, mut state) = (0.0, 1_u64);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        level += (state >> 40) as f64 / f64::from(1 << 24) - 0.5;
        format!("{level}\n")
    };
    let walk: String = (0..1500).map(|_| next()).collect();
    folder.write("walk.csv", walk);
    forecast(&folder, &["walk.csv", "--out", "o"]);
    folder.done(&["convert", "o/model.forebay", "o/model.json"]);
    let kept = folder.json("o/model.json")["provenance"]["training"]["heads"][0]["train_nrmse"][0].as_f64();
    assert!(kept.is_some_and(|score| score > 0.0 && score < 0.3), "{kept:?}");
}
