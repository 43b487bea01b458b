//! Search on the user's own data and ranges: from a series to settings that other commands take.

use serde_json::{Value, json};

use crate::support::{Folder, waves};

/// A search that takes a second.
const QUICK: [&str; 12] = [
    "--range",
    "spectral_radius=0.5..1.2,log",
    "--range",
    "units=20..40,int",
    "--range",
    "topology=random|cycle",
    "--trials",
    "14",
    "--seeds",
    "2",
    "--seed",
    "3",
];

fn with_series() -> Folder {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    folder
}

fn search(folder: &Folder, log: &str, more: &[&str]) -> Value {
    folder.done_json(&[&["search", "waves.csv", "--json", "--log", log], &QUICK[..], more].concat())
}

fn trials(found: &Value) -> &Vec<Value> {
    found["trials"].as_array().expect("a list")
}

/// What is scored is what `forecast` makes of the winner's settings, to the last bit.
#[test]
fn the_winner_is_forecast_as_it_was_scored() {
    let folder = with_series();
    let found = search(&folder, "log.jsonl", &["--horizon", "2"]);
    assert_eq!((trials(&found).len(), &found["search"]["subject"]["task"]), (14, &json!("waves")));
    let best = &found["best"];
    assert!(trials(&found).iter().all(|trial| trial["score"].as_f64() >= best["score"].as_f64()));
    assert_eq!(folder.json("out/waves/settings.json"), best["settings"]);
    let units = best["settings"]["units"].as_u64().expect("a number");
    assert!((20..=40).contains(&units), "{units}");
    assert!(folder.read("out/waves/search.png").starts_with(b"\x89PNG"));
    let forecast = |more: &[&str]| {
        let settings = ["--settings", "out/waves/settings.json", "--seeds", "2", "--horizon", "2", "--json"];
        folder.done_json(&[&["train", "waves.csv", "--out", "f", "--force"], &settings[..], more].concat())
    };
    let report = forecast(&[]);
    assert_eq!(report["settings"], best["settings"]);
    assert_eq!(report["scores"][0]["validation"], best["score"]);
    // Narrow networks, and products on a substrate, are scored as what they are.
    let log = ["--log", "other.jsonl", "--horizon", "2", "--trials", "2"];
    let other = |more: &[&str]| {
        let ranges = ["--range", "ridge=0.1..1", "--range", "units=30", "--seeds", "2", "--force"];
        let command = [&["search", "waves.csv", "--json"], &ranges[..], &log, more].concat();
        folder.run(&command);
        folder.done_json(&command.iter().copied().filter(|word| *word != "--force").collect::<Vec<_>>())
    };
    let narrow = other(&["--precision", "f32"]);
    assert_eq!(forecast(&["--precision", "f32"])["scores"][0]["validation"], narrow["best"]["score"]);
    let placed = other(&["--substrate", "software:akd1000", "--digits", "2,1"]);
    let report = forecast(&["--substrate", "software:akd1000", "--digits", "2,1"]);
    let rows = report["scores"].as_array().expect("rows");
    let hybrid =
        rows.iter().find(|row| row["name"].as_str().is_some_and(|name| name.contains("2 x 1"))).expect("a row");
    assert_eq!(hybrid["validation"], placed["best"]["score"]);
    assert!(placed["search"]["subject"]["arithmetic"].as_str().is_some_and(|text| text.contains("2 x 1")));
}

/// The mean of the columns' NMSE is the NMSE of all: NRMSE^2 = (`NRMSE_1^2` + `NRMSE_2^2`) / 2 for one reservoir.
#[test]
fn targets_say_whose_error_counts() {
    let folder = with_series();
    let scores = |targets: &[&str]| {
        let fixed =
            ["--range", "ridge=1e-6..1,log", "--units", "20", "--seeds", "1", "--trials", "3", "--sampler", "random"];
        let command = [&["search", "waves.csv", "--json", "--force", "--log", "t.jsonl"], &fixed[..], targets].concat();
        folder.run(&command);
        let without: Vec<&str> = command.into_iter().filter(|word| *word != "--force").collect();
        let found = folder.done_json(&without);
        let mut scores: Vec<(u64, f64)> =
            trials(&found).iter().filter_map(|t| Some((t["trial"].as_u64()?, t["score"].as_f64()?))).collect();
        scores.sort_by_key(|score| score.0);
        scores.into_iter().map(|score| score.1).collect::<Vec<f64>>()
    };
    let (all, level, flow) = (scores(&[]), scores(&["--target", "level"]), scores(&["--target", "flow"]));
    assert_eq!(scores(&["--target", "level", "--target", "flow"]), all);
    assert_ne!(level, flow);
    for k in 0..3 {
        let both = f64::midpoint(level[k] * level[k], flow[k] * flow[k]).sqrt();
        assert!((both - all[k]).abs() < 1e-12 * all[k], "{both} {}", all[k]);
    }
}

#[test]
fn a_killed_search_goes_on_and_shards_add_up() {
    let folder = with_series();
    let whole = search(&folder, "log.jsonl", &["--chains", "2"]);
    let log = folder.read("log.jsonl");
    // Killed in the middle of a line; the log is then what it would have been.
    folder.write("log.jsonl", &log[..log.len() * 2 / 3]);
    let command = [&["search", "waves.csv", "--json", "--chains", "2", "--log", "log.jsonl"], &QUICK[..]].concat();
    let resumed = folder.run(&command);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(resumed.err.lines().count() == 1 && resumed.err.contains("log.jsonl was not finished"), "{}", resumed.err);
    assert!(folder.read("log.jsonl") == log);
    assert_eq!(serde_json::from_str::<Value>(&resumed.out).expect("JSON")["best"], whole["best"]);

    for index in ["0/2", "1/2"] {
        let name = format!("{}.jsonl", &index[..1]);
        let arguments = [&["search", "waves.csv", "--shard", index], &QUICK[..], &["--log", &name]].concat();
        let text = folder.done(&arguments);
        assert!(text.contains("7 of 7 trials") || text.contains("0 of 7 trials"), "{text}");
        assert!(text.contains("--merge"), "{text}");
    }
    let merged = folder.done(&["search", "--merge", "0.jsonl,1.jsonl", "--log", "merged.jsonl"]);
    assert!(merged.contains("14 trials in merged.jsonl") && merged.contains("--chains 2"), "{merged}");
    assert!(folder.read("merged.jsonl") == log);
}

#[test]
fn halving_spends_less_on_most_trials() {
    let folder = with_series();
    for (what, largest) in [("steps", 180), ("seeds", 2)] {
        let log = format!("{what}.jsonl");
        let found = search(&folder, &log, &["--halving", what, "--factor", "2"]);
        let budgets: Vec<u64> = trials(&found).iter().filter_map(|trial| trial["budget"].as_u64()).collect();
        assert_eq!((budgets.len(), budgets[0]), (14, largest), "{what}");
        assert!(budgets.is_sorted_by(|a, b| a >= b) && budgets[13] < largest, "{budgets:?}");
        let full = budgets.iter().filter(|budget| **budget == largest).count();
        assert!((1..=7).contains(&full), "{budgets:?}");
        // Lines of the log were called trials: as many as there had been runs, and all of them known when some were new.
        let lines = String::from_utf8(folder.read(&log)).expect("text");
        let lines: Vec<&str> = lines.lines().collect();
        folder.write(&log, lines[..lines.len() - 2].join("\n") + "\n");
        let command =
            [&["search", "waves.csv", "--log", &log, "--halving", what, "--factor", "2"], &QUICK[..]].concat();
        let scorings = lines.len() - 1;
        assert!(scorings > 14, "{scorings}");
        for known in [scorings - 2, scorings] {
            let told = folder.done(&command);
            assert!(told.contains(&format!("{known} of {scorings} scorings from the log")), "{told}");
        }
    }
}

#[test]
fn a_task_takes_the_settings_that_were_found() {
    let folder = Folder::new();
    let ranges = ["--range", "units=10..20,int", "--range", "topology=cycle|orthogonal"];
    let command = [&["search", "memory", "--trials", "2", "--seeds", "1", "--json"], &ranges[..]].concat();
    let found = folder.done_json(&command);
    let run = folder.done_json(&["task", "memory", "--settings", "out/memory/settings.json", "--seeds", "1", "--json"]);
    assert_eq!(run["settings"], found["best"]["settings"]);

    // Scores of few digits stood below "f64", the task's own arithmetic.
    assert_eq!(run["arithmetic"], "f64 on the host");
    let digits = ["--substrate", "software:akd1000", "--digits", "1,1"];
    let command = ["task", "memory", "--settings", "out/memory/settings.json", "--seeds", "1"];
    let text = folder.done(&[&command[..], &digits].concat());
    assert!(text.contains("arithmetic of this run: 1 x 1 digits on"), "{text}");
}

#[test]
fn searches_that_cannot_be_are_refused() {
    let folder = with_series();
    folder.write("foreign.jsonl", "a,b\n1,2\n");
    let before = folder.content();
    let cases = [
        ("", "forebay search --dataset sunspots"),
        ("nothing", "neither a file nor a task"),
        ("missing.csv", "cannot read missing.csv"),
        ("waves.csv --range", "--range"),
        ("waves.csv --range ridge", "name=low..high"),
        ("waves.csv --range ridge=1..0", "below the high end"),
        ("waves.csv --range ridge=0..1,log", "above 0"),
        ("waves.csv --range radius=0..1", "no setting \"radius\""),
        ("waves.csv --range leak_rate=0.5..1.5", "leak_rate must lie above 0 and up to 1"),
        ("waves.csv --range units=10..20", ",int"),
        ("waves.csv --range topology=ring", "orthogonal"),
        ("waves.csv --range ridge=0..1 --range ridge=0..2", "two ranges"),
        ("waves.csv --trials 0", "--trials must be 1 to 1000000"),
        ("waves.csv --trials 10000000", "--trials must be 1 to 1000000"),
        ("waves.csv --seeds 0", "--seeds"),
        ("waves.csv --target depth", "level, flow"),
        ("waves.csv --target level --target level", "twice"),
        ("waves.csv --horizon 0", "horizon"),
        ("waves.csv --horizon 200", "horizon"),
        ("waves.csv --units 0", "--units"),
        ("waves.csv --shard 3/3", "the shard must be"),
        ("waves.csv --shard one", "--shard needs I/N"),
        ("waves.csv --shard 0/3 --chains 2", "multiple of 3"),
        ("waves.csv --factor 3", "--halving"),
        ("waves.csv --halving steps --factor 1", "at least 2"),
        ("waves.csv --halving seeds --seeds 3 --factor 4", "at most 3"),
        ("waves.csv --halving seeds --seeds 1", "nothing to halve"),
        ("waves.csv --sampler best", "tpe"),
        ("waves.csv --digits 2,2", "--substrate"),
        ("waves.csv --dataset sunspots", "--dataset"),
        ("waves.csv --file x", "laser"),
        ("waves.csv --log foreign.jsonl", "is no log of a search"),
        ("waves.csv --log .", "cannot use the log"),
        ("memory --horizon 2", "--horizon belongs to a series"),
        ("memory --halving steps", "--halving steps belongs to a series"),
        ("--merge foreign.jsonl --log new.jsonl", "is no log of a search"),
        ("--merge missing.jsonl --log new.jsonl", "cannot use the log missing.jsonl"),
        ("--merge foreign.jsonl --log foreign.jsonl", "is there already"),
        ("--merge foreign.jsonl", "--log"),
    ];
    for (arguments, tells) in cases {
        let words: Vec<&str> = std::iter::once("search").chain(arguments.split_whitespace()).collect();
        let outcome = folder.run(&words);
        let one_line = outcome.err.lines().count() == 1 && outcome.err.starts_with("error: ");
        assert!(outcome.code == Some(2) && one_line && outcome.err.contains(tells), "{arguments}: {outcome:?}");
        assert!(outcome.out.is_empty() && folder.content() == before, "{arguments}");
    }
    // Given settings leave nothing to choose.
    folder.write("bad.json", "{}");
    for (arguments, tells) in [("--settings bad.json", "no settings"), ("--settings bad.json --trials 3", "--trials")] {
        let words: Vec<&str> = ["train", "waves.csv"].into_iter().chain(arguments.split_whitespace()).collect();
        let outcome = folder.run(&words);
        assert!(outcome.code == Some(2) && outcome.err.contains(tells), "{outcome:?}");
    }
}
