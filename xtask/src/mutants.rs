//! `cargo xtask mutants --sample N [--seed S]`: changes the code in N places, one at a time, and looks whether a test notices.
//!
//! The places are drawn at random from what decides whether numbers are right. Each is judged by the test binaries that
//! are there to judge it, slow ones only where the others let it through; doc tests are left out. The mutants are those of `cargo mutants`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Options, Outcome, run as run_command, target, works};

/// Where mutants are drawn, and what judges them there.
struct Field {
    /// Files, as patterns of `cargo mutants`.
    files: &'static [&'static str],
    /// The package whose tests judge, which need not be the one that is changed.
    judge: &'static str,
    /// What judges, the quickest first: each takes what those before let through.
    passes: &'static [Pass],
}

/// Test binaries (`lib`: the tests inside the library), and parts of the names of their tests that are run; all if none is
/// named.
struct Pass {
    tests: &'static [&'static str],
    named: &'static [&'static str],
}

/// One hash of all that training gives.
const TRAINED: Pass = Pass { tests: &["training"], named: &["training_has_its_hash"] };

/// What is written and read again.
const KEPT: Pass = Pass { tests: &["keep"], named: &["bits::", "bytes::", "hostile::"] };

const QUICK_DRIFT: &[&str] = &[
    "drift_has_its_hash",
    "alarm_holds",
    "after_a_shift",
    "offset",
    "sums",
    "constant",
    "new_level",
    "run_length",
    "distances",
    "adwin",
    "whitening",
    "not_finite",
    "hysteresis",
    "page_hinkley",
];

const FIELDS: &[Field] = &[
    Field {
        files: &["runtime/src/train/*.rs"],
        judge: "forebay",
        passes: &[
            Pass {
                tests: &["linear_algebra", "training"],
                named: &["least_squares::", "scores::", "selection::", "solutions::"],
            },
            TRAINED,
            Pass { tests: &["training"], named: &["online::", "partial::", "noise::"] },
            // What counts a head's losses by the spread of its targets.
            Pass { tests: &["adaptation"], named: &["conductor::"] },
        ],
    },
    Field {
        files: &["runtime/src/train/online/*.rs"],
        judge: "forebay",
        passes: &[
            Pass {
                tests: &["training"],
                named: &["online::heads", "online::forgetting", "online_learners", "refused", "scale"],
            },
            TRAINED,
            Pass { tests: &["training", "network"], named: &["online::", "failed_calls::"] },
            KEPT,
            // Who goes on from the weights that there are.
            Pass { tests: &["esn"], named: &["learning::"] },
        ],
    },
    Field {
        files: &["runtime/src/drift/*.rs"],
        judge: "forebay",
        // The second has what is told from many samples.
        passes: &[
            Pass { tests: &["adaptation"], named: QUICK_DRIFT },
            Pass { tests: &["adaptation"], named: &["drift::", "drift_hostile::", "ladder::", "warnings::"] },
            Pass { tests: &["lib"], named: &["drift"] },
            KEPT,
        ],
    },
    Field {
        files: &["runtime/src/metrics.rs"],
        judge: "forebay",
        passes: &[Pass { tests: &["training"], named: &["metrics::"] }],
    },
    Field {
        files: &["kernels/src/solver/*.rs", "kernels/src/readout.rs"],
        judge: "forebay-kernels",
        passes: &[
            Pass { tests: &["kernels"], named: &["solver", "readout"] },
            Pass { tests: &["kernels"], named: &[] },
        ],
    },
];

/// How mutants ended, by the files that `cargo mutants` writes.
const ENDS: [&str; 4] = ["caught", "missed", "unviable", "timeout"];

pub(crate) fn run(options: &Options, sample: usize, seed: u64) -> Outcome {
    if !works("cargo", &["mutants", "--version"]) {
        return Outcome::NotRun("cargo-mutants is missing: cargo install --locked cargo-mutants".to_owned());
    }
    let mut all = Vec::new();
    for (k, field) in FIELDS.iter().enumerate() {
        match list(options, field) {
            Ok(names) => all.extend(names.into_iter().map(|name| (name, k))),
            Err(why) => return Outcome::Failed(why),
        }
    }
    all.sort();
    let found = all.len();
    draw(&mut all, sample, seed);
    let drawn = all.len();
    println!("{drawn} of {found} mutants, drawn with seed {seed}");
    let mut fields: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (name, k) in all {
        fields.entry(k).or_default().push(name);
    }
    let mut ends: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (k, names) in fields {
        let mut left = names;
        for (number, pass) in FIELDS[k].passes.iter().enumerate() {
            if left.is_empty() {
                break;
            }
            let folder = target(options).join(format!("mutants/{k}-{number}"));
            if let Err(why) = judge(options, &FIELDS[k], pass, &left, &folder) {
                return Outcome::Failed(why);
            }
            let mut missed = Vec::new();
            for end in ENDS {
                // A way to end that no mutant took leaves an empty file, or none.
                let text = fs::read_to_string(folder.join(format!("mutants.out/{end}.txt"))).unwrap_or_default();
                // Some kinds of mutants are tried whatever names are asked for.
                let names = text.lines().filter(|name| left.iter().any(|left| left == name)).map(str::to_owned);
                // What a pass lets through has not ended.
                if end == "missed" { missed.extend(names) } else { ends.entry(end).or_default().extend(names) }
            }
            left = missed;
        }
        ends.entry("missed").or_default().extend(left);
    }
    let of = |end: &str| ends.get(end).map_or(&[][..], Vec::as_slice);
    for end in ["missed", "timeout"] {
        for name in of(end) {
            println!("{end}: {name}");
        }
    }
    let told: Vec<String> = ENDS.iter().map(|end| format!("{} {end}", of(end).len())).collect();
    println!("{}", told.join(", "));
    let ended: usize = ENDS.iter().map(|end| of(end).len()).sum();
    if ended != drawn {
        return Outcome::Failed(format!("{drawn} mutants were drawn and {ended} ended"));
    }
    // Survivors are for people to judge: some change nothing that can be seen.
    if of("caught").is_empty() && !of("missed").is_empty() {
        return Outcome::Failed("no mutant was caught: the tests did not run".to_owned());
    }
    Outcome::Passed
}

/// Names of all mutants of a field.
fn list(options: &Options, field: &Field) -> Result<Vec<String>, String> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--colors", "never"]).current_dir(&options.root).stdin(Stdio::null());
    field.files.iter().for_each(|file| {
        command.args(["--file", file]);
    });
    let output = command.output().map_err(|error| format!("cargo mutants cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo mutants --list: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Runs these mutants against one pass of the field's tests; what became of them is written below `folder`.
fn judge(options: &Options, field: &Field, pass: &Pass, names: &[String], folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut command = Command::new("cargo");
    // A mutant that takes five times as long as the code does, and 20 seconds, counts as one that hangs.
    command.args(["mutants", "--colors", "never", "--no-shuffle"]);
    command.args(["--test-package", field.judge, "--profile", "mutants"]).arg("--output").arg(folder);
    for file in field.files {
        command.args(["--file", file]);
    }
    for name in names {
        command.arg("--re").arg(format!("^{}$", escaped(name)));
    }
    // For building, too: other test binaries would be linked for every mutant.
    for test in pass.tests {
        command.arg(if *test == "lib" { "--cargo-arg=--lib".to_owned() } else { format!("--cargo-arg=--test={test}") });
    }
    // First what goes to cargo, then what goes to the tests.
    command.args(["--", "--"]).args(pass.named);
    // One target folder for all copies of the tree, so that the dependencies are built once.
    command.env("CARGO_TARGET_DIR", target(options).join("mutants/target"));
    // Few random cases find a wrong line; many find a rare one.
    command.env("PROPTEST_CASES", "32");
    match run_command(command.current_dir(&options.root)) {
        Outcome::Failed(why) if !folder.join("mutants.out/outcomes.json").exists() => Err(why),
        // It fails if a mutant survives, which is what was asked.
        _ => Ok(()),
    }
}

/// A text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    // Less and greater mean the ends of a word if they are escaped.
    let special = |c: char| c.is_ascii_punctuation() && !matches!(c, '_' | '<' | '>');
    text.chars().fold(String::new(), |mut escaped, c| {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

/// Keeps `sample` items, drawn by the seed alone, in their order. Source of the generator: Steele, Lea, Flood, OOPSLA (2014).
fn draw<T>(items: &mut Vec<T>, sample: usize, seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    while items.len() > sample {
        let at = (next() % items.len() as u64) as usize;
        items.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::{draw, escaped};

    #[test]
    fn a_draw_is_by_the_seed_alone() {
        let drawn = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            draw(&mut items, 7, seed);
            items
        };
        assert_eq!(drawn(1).len(), 7);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert!(drawn(3).windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn names_are_taken_literally() {
        assert_eq!(escaped("a/b_c.rs:1:2: replace + with *"), r"a\/b_c\.rs\:1\:2\: replace \+ with \*");
        assert_eq!(escaped("Vec<f64>"), "Vec<f64>");
    }
}
