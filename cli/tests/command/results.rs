//! Where results go: what was there is not lost, and what belongs together says so.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Command;

use forebay::model::file::ModelHeader;

use crate::support::{Folder, waves};

const QUICK: [&str; 7] = ["--units", "20", "--trials", "2", "--seeds", "1", "--no-hybrid"];

/// Two files of one name shared a folder, and the second run took the first's results away without a word.
#[test]
fn results_of_another_run_are_replaced_only_if_asked() {
    let folder = Folder::new();
    for (place, rows) in [("a", 300), ("b", 280)] {
        fs::create_dir(folder.path(place)).expect("a folder");
        folder.write(&format!("{place}/data.csv"), waves(rows));
    }
    let run = |file: &str, more: &[&str]| folder.run(&[&["train", file], &QUICK[..], more].concat());
    assert_eq!(run("a/data.csv", &[]).code, Some(0));
    let first = folder.content();
    let report = folder.json("out/data-network/report.json");
    let stamp = report["run"].as_str().expect("a stamp");
    let (header, _) = ModelHeader::read(&folder.path("out/data-network/model.forebay")).expect("a model");
    assert_eq!(header.provenance.notes["run"], stamp, "report and model are of one run");

    for (file, more) in
        [("b/data.csv", &[][..]), ("a/data.csv", &["--horizon", "3"]), ("a/data.csv", &["--split", "0.5,0.2,0.2"])]
    {
        let outcome = run(file, more);
        assert_eq!(outcome.code, Some(2), "{file} {more:?}");
        assert!(outcome.err.contains("out/data-network holds") && outcome.err.contains("--force"), "{}", outcome.err);
        assert_eq!(folder.content(), first, "nothing was touched");
    }
    // The same run has the same results.
    assert_eq!(run("a/data.csv", &[]).code, Some(0));
    assert_eq!(folder.content(), first);
    assert_eq!(run("b/data.csv", &["--out", "elsewhere"]).code, Some(0));
    assert_eq!(run("b/data.csv", &["--force"]).code, Some(0));
    assert_ne!(folder.json("out/data-network/report.json")["run"], stamp);
    // A model alone is a result, too; so is a report that is none of ours.
    fs::remove_file(folder.path("out/data-network/report.json")).expect("it is there");
    assert_eq!(run("b/data.csv", &[]).code, Some(2));
    folder.write("out/data-network/report.json", "{}");
    assert_eq!(run("b/data.csv", &[]).code, Some(2));
}

/// Equal values that are filled in one file and true in the other are judged otherwise: another run.
#[test]
fn a_filled_value_is_not_a_true_one() {
    let folder = Folder::new();
    let column = |missing: bool| {
        crate::support::column(200, |t| match t {
            181 if missing => "NA".to_owned(),
            181 => (180 * 37 % 101).to_string(),
            _ => (t * 37 % 101).to_string(),
        })
    };
    folder.write("x.csv", column(true));
    let run = || folder.run(&[&["train", "x.csv", "--fill", "hold"], &QUICK[..]].concat());
    assert_eq!(run().code, Some(0));
    folder.write("x.csv", column(false));
    let outcome = run();
    assert!(outcome.code == Some(2) && outcome.err.contains("of another run"), "{outcome:?}");
}

#[test]
fn other_commands_do_not_replace_results_either() {
    let folder = Folder::new();
    let ladder = |more: &[&str]| {
        let all = [&["ladder", "--task", "narma10", "--units", "10", "--seeds", "1", "--quick"], more].concat();
        folder.run(&all).code
    };
    assert_eq!(ladder(&[]), Some(0));
    assert_eq!(ladder(&[]), Some(0));
    assert_eq!(ladder(&["--substrate", "software:akd1500"]), Some(2));
    assert_eq!(ladder(&["--substrate", "software:akd1500", "--force"]), Some(0));
    fs::create_dir(folder.path("out/steer")).expect("a folder");
    folder.write("out/steer/steer.json", r#"{"seed": 1, "scale": 1.0, "rehearsal": true, "substrate": "another"}"#);
    let outcome = folder.run(&["steer", "--rehearsal"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("out/steer holds steer.json"), "{outcome:?}");
}

/// A link, a pipe or a device under the name of a result was renamed over: the link's file stayed old, the pipe's reader waited
/// for ever, and as root a device was gone.
#[test]
fn links_are_followed_and_special_files_written_into() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    folder.done(&[&["train", "waves.csv", "--out", "o"], &QUICK[..]].concat());
    let predict = |out: &str| folder.run(&["predict", "o/model.forebay", "waves.csv", "--out", out]);
    folder.write("real.csv", "old");
    symlink("real.csv", folder.path("link.csv")).expect("a link");
    assert_eq!(predict("link.csv").code, Some(0));
    assert!(fs::symlink_metadata(folder.path("link.csv")).expect("it is there").is_symlink());
    let expected = folder.read("real.csv");
    assert!(expected.len() > 100);

    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe)
    });
    assert_eq!(predict("pipe").code, Some(0));
    assert_eq!(reader.join().expect("it ends").expect("it was written"), expected);
    assert!(fs::metadata(&pipe).expect("it is there").file_type().is_fifo());

    for device in ["/dev/null", "/dev/full"] {
        let outcome = predict(device);
        assert_eq!(outcome.code, Some(if device == "/dev/null" { 0 } else { 2 }), "{outcome:?}");
        assert!(fs::metadata(device).expect("it is there").file_type().is_char_device(), "{device}");
        assert!(outcome.code == Some(0) || outcome.err.lines().count() == 1, "{}", outcome.err);
    }

    // Results that are links into another folder stay links; a folder that is none says so before the work.
    fs::create_dir(folder.path("store")).expect("a folder");
    fs::create_dir(folder.path("p")).expect("a folder");
    for name in ["model.forebay", "report.json", "forecast.png"] {
        symlink(format!("../store/{name}"), folder.path(&format!("p/{name}"))).expect("a link");
    }
    folder.done(&[&["train", "waves.csv", "--out", "p"], &QUICK[..]].concat());
    for name in ["model.forebay", "report.json", "forecast.png"] {
        assert!(fs::symlink_metadata(folder.path(&format!("p/{name}"))).expect("it is there").is_symlink(), "{name}");
        assert_eq!(folder.read(&format!("store/{name}")), folder.read(&format!("o/{name}")), "{name}");
    }
    for out in ["pipe", "waves.csv"] {
        let outcome = folder.run(&[&["train", "waves.csv", "--out", out], &QUICK[..]].concat());
        assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1), "{outcome:?}");
    }
    assert_eq!(folder.read("waves.csv"), waves(300).into_bytes());
}

/// A run that cannot keep one of its files keeps none.
#[test]
fn files_that_belong_together_are_all_new_or_all_old() {
    let folder = Folder::new();
    folder.write("waves.csv", waves(300));
    folder.done(&[&["train", "waves.csv", "--out", "o"], &QUICK[..]].concat());
    let first = folder.content();
    // A link into a folder that is not there can't be written beside.
    fs::remove_file(folder.path("o/forecast.png")).expect("it is there");
    symlink("/nowhere/forecast.png", folder.path("o/forecast.png")).expect("a link");
    let outcome =
        folder.run(&[&["train", "waves.csv", "--out", "o", "--horizon", "2", "--force"], &QUICK[..]].concat());
    assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1), "{outcome:?}");
    for name in ["model.forebay", "report.json"] {
        assert_eq!(Some(folder.read(&format!("o/{name}"))), first[&folder.path(&format!("o/{name}"))], "{name}");
    }
}
