//! Drift under watch on the command line.

use serde_json::json;

use crate::support::{Folder, column, waves};

const SMALL: [&str; 10] =
    ["watch", "--headless", "--seed=0", "--units", "40", "--steps", "4000", "--change", "1000", "--json"];

#[test]
fn a_change_is_found_repaired_and_told() {
    let folder = Folder::new();
    let told = folder.done_json(&SMALL);
    let events = told["events"].as_array().expect("a list");
    let first = events.iter().find(|event| event["step"].as_u64() >= Some(1000)).expect("the change is noticed");
    assert_eq!((&first["action"], &told["change"]), (&json!("hold"), &json!(1000)));
    assert!(first["step"].as_u64() < Some(1050) && first["details"]["since"].is_u64(), "{first}");
    assert!(events.iter().any(|event| event["action"] == json!("refit")), "{events:?}");
    assert_eq!((&told["tested_on_silicon"], &told["steps"]), (&json!(false), &json!(4000)));
    // Held forecasts raise no alarms: they are no part of what the rate is of.
    let (alarms, watched) = (told["alarms"].as_u64(), told["watched"].as_u64().expect("a number"));
    let holds = events.iter().filter(|event| event["action"] == json!("hold")).count();
    assert!(alarms == Some(holds as u64) && (1000..2500).contains(&watched), "{told}");
    let expected = told["false_alarms_expected_without_change"].as_f64().expect("a number");
    assert!((expected - 1e-4 * watched as f64).abs() < 1e-12);

    // The same seed, the same result; only times differ.
    let timeless = |mut told: serde_json::Value| {
        for event in told["events"].as_array_mut().expect("a list") {
            event["seconds"] = json!(null);
        }
        told
    };
    assert_eq!(timeless(told), timeless(folder.done_json(&SMALL)));

    let text = folder.done(&[&SMALL[..9], &["--detector", "page-hinkley", "--substrate", "software:akd1000"]].concat());
    for part in [
        "alarm   ",
        "The stream changed in step 1000: noticed after ",
        "proves no drift",
        "software:akd1000. Tested on silicon: no.",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn a_file_is_watched_and_bad_arguments_are_told() {
    let folder = Folder::new();
    // The flow stands still near the end of the last third.
    let mut lines: Vec<String> = waves(2400).lines().map(str::to_owned).collect();
    for (t, line) in lines.iter_mut().enumerate().skip(2201) {
        *line = format!("{},{:.3},100", t - 1, (0.9 * t as f64).sin());
    }
    folder.write("waves.csv", lines.join("\n"));
    folder.write("short.csv", column(300, |t| t));
    folder.write("still.csv", format!("x\n{}", column(1200, |_| 1)));
    let told = folder.done_json(&["watch", "--file", "waves.csv", "--units", "50", "--json"]);
    assert_eq!((&told["columns"], &told["steps"]), (&json!(["level", "flow"]), &json!(800)));
    let since = told["events"].as_array().and_then(|events| events.last()).map(|event| event["step"].as_u64());
    assert!(since.flatten().is_some_and(|step| step >= 600), "{told}");

    for (arguments, tells) in [
        (&["--file", "short.csv"][..], "900 are needed"),
        (&["--file", "still.csv"], "spread of the drift-free stretch"),
        (&["--file", "nowhere.csv"], "cannot read nowhere.csv"),
        (&["--file", "waves.csv", "--change", "5"], "--change belongs to the built-in stream"),
        (&["--columns", "x"], "--columns belongs to --file"),
        (&["--change", "10000"], "--change must be at least 1"),
        (&["--rate", "0"], "rate of false alarms must be"),
        (&["--rate", "NaN"], "rate of false alarms must be"),
        (&["--units", "0"], "at least 1"),
        (&["--substrate", "silicon"], "silicon"),
        (&["--detector", "oracle"], "page-hinkley"),
    ] {
        let outcome = folder.run(&[&["watch", "--headless"], arguments].concat());
        assert_eq!((outcome.code, outcome.err.lines().count()), (Some(2), 1), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(tells), "{arguments:?}: {}", outcome.err);
    }
}

/// After a false alarm the old model is put back and watched on as before, of which the summary once knew nothing: it told of a fifth
/// of the steps that were watched, and that a change was held, which was noticed at once.
#[test]
fn steps_after_a_false_alarm_are_watched() {
    let folder = Folder::new();
    let watch = ["watch", "--headless", "--seed=1", "--rate", "1", "--steps", "12000", "--change", "11000"];
    let told = folder.done_json(&[&watch[..], &["--json"]].concat());
    let events = told["events"].as_array().expect("a list");
    let step = |event: &serde_json::Value| event["step"].as_u64().expect("a step");
    let (mut watched, mut since, mut back) = (0, Some(0), 0);
    for (index, event) in events.iter().enumerate() {
        let action = |index: usize| events[index]["action"].as_str().expect("a name");
        match (action(index), since) {
            ("hold", Some(start)) => (watched, since) = (watched + step(event) - start, None),
            ("watch", None) => since = Some(step(event)),
            ("give_back", None) if action(index - 1) == "roll_back" && event["details"]["is_good"] == json!(true) => {
                (since, back) = (Some(step(event)), back + 1);
            }
            _ => {}
        }
    }
    watched += since.map_or(0, |start| told["steps"].as_u64().expect("a number") - start);
    assert!(back > 0, "there is a false alarm: {events:?}");
    assert_eq!(told["watched"].as_u64(), Some(watched));
    let noticed =
        events.iter().any(|event| event["action"] == json!("hold") && (11_000..11_100).contains(&step(event)));
    let text = folder.done(&watch);
    assert_eq!(noticed, text.contains("The stream changed in step 11000: noticed after "), "{text}");
}
