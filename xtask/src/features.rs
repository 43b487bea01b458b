//! The library with some of its features and with none: it compiles without warnings, and with none it is small and computes.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{Options, Outcome, cargo};

/// Sets that are compiled; with all features the tests are.
const SETS: [&str; 4] = ["", "files", "driver", "threads"];

/// Crates that a build without features has, its own included, at most.
const MOST_CRATES: usize = 39;

pub(crate) fn check(options: &Options) -> Outcome {
    match crates(options, &["--no-default-features"]).and_then(|bare| Ok((bare, crates(options, &[])?))) {
        Ok((bare, whole)) => {
            println!("crates of forebay and what it needs: {bare} without features, {whole} with those of the default");
            if bare > MOST_CRATES {
                return Outcome::Failed(format!("{bare} crates without features, at most {MOST_CRATES} are meant"));
            }
        }
        Err(why) => return Outcome::Failed(why),
    }
    for set in SETS {
        println!("-- features: {}", if set.is_empty() { "none" } else { set });
        if let Err(why) = compiles_without_warning(options, set) {
            return Outcome::Failed(format!("features {set:?}: {why}"));
        }
    }
    cargo(options, &["run", "--quiet", "-p", "forebay-bare"])
}

fn compiles_without_warning(options: &Options, features: &str) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["check", "--quiet", "-p", "forebay", "--no-default-features", "--features", features]);
    let output =
        command.current_dir(&options.root).output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    // Warnings are told again where nothing has changed; to deny them by RUSTFLAGS would compile every dependency anew.
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && told.trim().is_empty() { Ok(()) } else { Err(told.into_owned()) }
}

/// How many crates a build of the library compiles and links.
fn crates(options: &Options, more: &[&str]) -> Result<usize, String> {
    let mut command = Command::new("cargo");
    command.args(["tree", "-p", "forebay", "-e", "normal", "--prefix", "none", "--format", "{p}"]).args(more);
    let output =
        command.current_dir(&options.root).output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).collect::<BTreeSet<_>>().len())
}
