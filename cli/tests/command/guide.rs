//! The page for newcomers: its commands, as a shell runs them.

use std::path::Path;
use std::process::Command;

use crate::support::Folder;

/// All blocks of commands of a page, in their order.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().expect("a block ends"));
    blocks.collect::<Vec<&str>>().join("\n")
}

#[test]
fn the_commands_of_the_forecasting_page_run_and_agree() {
    let folder = Folder::new();
    let page = include_str!("../../../docs/forecasting.md");
    let script = format!("set -euo pipefail\n{}", commands(page));
    let binary = Path::new(env!("CARGO_BIN_EXE_forebay")).parent().expect("a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").expect("there is a PATH"));
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(folder.path(""))
        .env("PATH", path)
        .output()
        .expect("bash");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");

    // Twelve lines for the new rows at once; then the same in two parts, line by line.
    let lines: Vec<&str> = out.lines().collect();
    let heads: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].starts_with("time,co2,")).collect();
    assert_eq!(heads.len(), 3, "{out}");
    let whole = &lines[heads[0] + 1..heads[0] + 13];
    assert_eq!(lines[heads[2] + 1..heads[2] + 5], whole[..4]);
    let rest: Vec<serde_json::Value> =
        lines[heads[2] + 5..heads[2] + 13].iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (line, row) in whole[4..].iter().zip(&rest) {
        let told: f64 = line.split(',').nth(1).expect("a forecast").parse().expect("a number");
        assert_eq!(row["targets"]["co2"][3]["forecast"].as_f64(), Some(told), "{line} {row}");
    }
    // The path is what the last row gives.
    assert_eq!(lines[heads[1] + 4], whole[11]);
    for file in ["run/model.forebay", "run/forecast.png", "run/forecast.html", "run/report.json", "run2/report.json"] {
        assert!(folder.path(file).is_file(), "{file}");
    }
}
