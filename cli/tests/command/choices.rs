//! What is chosen by scores: a log says what it is of, a score says which way is better.

use std::fs;

use serde_json::json;

use crate::support::{Folder, Outcome};

const SEARCH: [&str; 8] = ["search", "memory", "--trials", "2", "--seeds", "1", "--log", "log.jsonl"];

fn refused(outcome: &Outcome, tells: &[&str]) {
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{outcome:?}");
    for part in tells.iter().chain(&["--log", "--force"]) {
        assert!(outcome.err.contains(part), "{part}: {}", outcome.err);
    }
}

/// A log was once known by the numbers of its trials alone: scores in floats were handed back as those of integers, and
/// capacities of one task as errors of another.
#[test]
fn a_log_of_another_search_is_refused_by_name() {
    let folder = Folder::new();
    folder.done(&SEARCH);
    let log = folder.read("log.jsonl");
    let other: [(&[&str], &[&str]); 4] = [
        (&["--substrate", "software:akd1000", "--digits", "1,1"], &["arithmetic", "f64 on the host", "1 x 1 digits"]),
        (&["--seed", "7"], &["its seed is"]),
        (&["--seeds", "2"], &["its budgets is"]),
        (&[], &["task", "memory", "narma10"]),
    ];
    for (changed, tells) in other {
        let mut arguments: Vec<&str> = SEARCH.iter().copied().chain(changed.iter().copied()).collect();
        match changed {
            [] => arguments[1] = "narma10",
            // The number of seeds is given once.
            ["--seeds", _] => drop(arguments.drain(4..6)),
            _ => {}
        }
        refused(&folder.run(&arguments), tells);
        assert!(folder.read("log.jsonl") == log, "{changed:?}: a refused log is left as it is");
    }
    // The same search goes on, in a shard too.
    let more = ["search", "memory", "--trials", "3", "--seeds", "1", "--log", "log.jsonl", "--shard", "0/1", "--json"];
    let found = folder.done_json(&more);
    assert_eq!((&found["resumed"], &found["metric"]["better"]), (&json!(2), &json!("larger")));
    let scores: Vec<f64> =
        found["trials"].as_array().expect("a list").iter().filter_map(|t| t["score"].as_f64()).collect();
    assert!(
        scores.len() == 3 && scores.windows(2).all(|pair| pair[0] >= pair[1]),
        "larger capacities first: {scores:?}"
    );
    let text = folder.done(&SEARCH);
    for part in
        ["f64 on the host", "larger is better", "memory capacity, steps", "2 of 2 trials from the log", "1 more"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_log_without_its_first_line_is_refused() {
    let folder = Folder::new();
    folder.done(&SEARCH);
    let log = String::from_utf8(folder.read("log.jsonl")).expect("text");
    let trials: String = log.split_inclusive('\n').skip(1).collect();
    folder.write("log.jsonl", &trials);
    refused(&folder.run(&SEARCH), &["earlier version"]);
    assert_eq!(fs::read_to_string(folder.path("log.jsonl")).expect("the log is there"), trials);
    let anew = folder.run(&[&SEARCH[..], &["--force"]].concat());
    assert_eq!((anew.code, anew.err.as_str()), (Some(0), "log.jsonl is begun anew\n"));
    assert_eq!(String::from_utf8(folder.read("log.jsonl")).expect("text").lines().count(), 3);
}

/// Every score but five was once called an NMSE, and a vote of networks had float scores as those without refit.
#[test]
fn a_ladder_names_the_tasks_own_score() {
    let folder = Folder::new();
    let climb = |task: &str, units: &str| {
        let text = folder
            .done(&["ladder", "--task", task, "--units", units, "--seeds", "1", "--quick", "--out", "l", "--force"]);
        (text, folder.json("l/ladder.json")["climbs"][0].clone())
    };
    let (text, climbed) = climb("memory", "10");
    assert!(text.contains("memory capacity, steps: larger is better") && !text.contains("NMSE"), "{text}");
    assert_eq!(climbed["metric"], json!({"name": "memory capacity", "unit": "steps", "better": "larger"}));
    let (text, climbed) = climb("vowels", "8");
    assert!(text.contains("without refit: none, the task cannot keep a readout of floats"), "{text}");
    assert!(!text.contains("training the readout on hybrid states"), "{text}");
    let rungs = climbed["rungs"].as_array().expect("a list");
    assert!(rungs.iter().all(|rung| rung["without_refit"].is_null()), "{rungs:?}");
}

/// Digits without a substrate were once ignored.
#[test]
fn digits_need_a_substrate() {
    let folder = Folder::new();
    for command in [&["task", "memory", "--seeds", "1"][..], &["search", "memory", "--trials", "1"]] {
        let outcome = folder.run(&[command, &["--digits", "2,2"]].concat());
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.err.contains("--substrate"), "{}", outcome.err);
    }
}
