//! Evolution on the command line.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Folder;

#[test]
fn evolved_weights_are_shown_beside_ridge() {
    let folder = Folder::new();
    let told = folder.done(&["evolve", "--generations", "60", "--plot", "costs.png"]);
    for part in [
        "NARMA-10, 50 units",
        "ridge, f64 weights",
        "ridge, rounded to 4 bits",
        "evolved integers",
        "60 generations of 10 candidates, 100 samples each",
        "dominates",
        "not of a device. Tested on silicon: no.",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert!(folder.read("costs.png").starts_with(b"\x89PNG"));

    // Every strategy and objective, and the same bits on an emulated chip.
    let small = ["evolve", "--units", "10", "--window", "20", "--population", "4", "--generations", "3", "--json"];
    for strategy in ["plus", "sep-cma", "openai"] {
        for objective in ["mse", "quantised", "side"] {
            let run = |substrate: &str| {
                let chosen = ["--strategy", strategy, "--objective", objective, "--substrate", substrate];
                let evolved = folder.done_json(&[&small[..], &chosen].concat());
                assert_eq!((&evolved["generations"], &evolved["tested_on_silicon"]), (&json!(3), &json!(false)));
                (evolved["genome"].clone(), evolved["rows"].clone())
            };
            let software = run("software:akd1000");
            let [_, rounded, evolved] = [0, 1, 2].map(|row| software.1[row]["window"].as_f64().expect("a cost"));
            assert!(evolved <= rounded, "{strategy} {objective}");
            if objective == "mse" {
                assert_eq!(software, run("emulator:akd1000"), "{strategy}");
            }
        }
    }
    let timed = folder.done_json(&["evolve", "--task", "mackey-glass", "--seconds", "0.1", "--json"]);
    assert!(timed["generations"].as_u64() > Some(0));
}

/// Killed without warning and resumed, a search ends with the genome of one that nobody disturbed.
#[test]
fn a_killed_search_is_resumed() {
    let folder = Folder::new();
    let search = ["--strategy", "sep-cma", "--objective", "quantised", "--window", "30", "--json"];
    let whole = ["--generations", "12000"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["evolve", "--state", "kept.json"])
        .args(search)
        .args(whole)
        .current_dir(folder.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let begin = Instant::now();
    while !folder.path("kept.json").exists() && begin.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing is flushed, nothing is cleaned up.
    child.kill().expect("it runs, or has ended");
    child.wait().expect("it has ended");
    let kept = folder.json("kept.json")["state"]["generations"].as_u64().expect("a number");
    assert!((1..12_000).contains(&kept), "killed after {kept} generations");

    let resumed = folder.done_json(&[&["evolve", "--json", "--resume", "kept.json"], &whole[..]].concat());
    let alone = folder.done_json(&[&["evolve"], &search[..], &whole[..]].concat());
    for field in ["genome", "cost", "generations", "rows", "settings"] {
        assert_eq!(resumed[field], alone[field], "{field}");
    }
    assert_eq!(resumed["this_run"]["generations"], json!(12_000 - kept));
    assert_eq!(folder.json("kept.json")["state"]["generations"], json!(12_000));
}

#[test]
fn evolution_tells_what_is_wrong() {
    let folder = Folder::new();
    folder.done(&["evolve", "--units", "10", "--generations", "1", "--state", "kept.json"]);
    let text = String::from_utf8(folder.read("kept.json")).expect("JSON");
    folder.write("edited.json", text.replace("\"units\":10", "\"units\":20"));
    // As an earlier version wrote it, without a checksum.
    let (_, fields) = text.split_once("\",").expect("the checksum is first");
    let earlier = format!("{{{fields}").replace("\"version\":2", "\"version\":1");
    folder.write("other.json", earlier.replace("\"units\":10", "\"units\":20"));
    folder.write("cut.json", &text[..text.len() / 2]);
    fs::create_dir(folder.path("folder")).expect("a folder");
    for (arguments, tells) in [
        (&["--units", "0"][..], "--units must be 1 to 4096"),
        (&["--window", "1"], "--window must be 2 to 100000"),
        (&["--population", "0"], "population must be 1 to 4096"),
        (&["--population", "3", "--strategy", "sep-cma"], "population must be 4"),
        (&["--population", "5", "--strategy", "openai"], "population must be even"),
        (&["--weight-digits", "4"], "--weight-digits 1 to 3"),
        (&["--ridge=-1"], "ridge must be"),
        (&["--seconds=-1"], "--seconds must be above 0"),
        (&["--seconds", "1", "--generations", "1"], "cannot be used with"),
        (&["--resume", "none.json"], "cannot resume none.json"),
        (&["--resume", "cut.json"], "cannot resume cut.json"),
        (&["--resume", "edited.json"], "checksum"),
        (&["--resume", "other.json"], "genome"),
        (&["--resume", "kept.json", "--ridge", "9"], "cannot be used with"),
        (&["--state", "folder", "--generations", "1"], "cannot write folder"),
        // Somebody repeats the first command after a crash: nothing is lost.
        (&["--state", "kept.json", "--generations", "1"], "go on with --resume kept.json"),
        (&["--resume", "kept.json", "--seed", "3"], "cannot be used with"),
    ] {
        let outcome = folder.run(&[&["evolve"], arguments].concat());
        assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(tells), "{arguments:?}: {}", outcome.err);
    }
}
