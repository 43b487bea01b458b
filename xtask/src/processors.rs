//! The same bytes on every processor: the commands run here, in every kernel form, on 1, 2 and 4 threads, and on emulated
//! processors, one with fused multiply-add and one without, and an ARM one; what they write is compared byte for byte.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::{Options, Outcome, cargo, target, works};

/// What is run, and the files of it that count; what it prints counts too.
struct Case {
    name: &'static str,
    program: Program,
    arguments: &'static [&'static str],
    files: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Program {
    /// The command.
    Forebay,
    /// Hashes of all that computes, by name: says where a difference comes from.
    Bits,
}

impl Program {
    fn path(self, options: &Options) -> PathBuf {
        target(options).join(match self {
            Self::Forebay => "release/forebay",
            Self::Bits => "release/examples/bits",
        })
    }
}

/// Settings of a network that is small enough for an emulator.
const SMALL: &str = r#"{"units": 40, "topology": "orthogonal", "spectral_radius": 0.931, "leak_rate": 0.937,
    "input_scaling": 0.0104, "bias_scaling": 0.291, "ridge": 3.2e-12, "squares": true, "activation": "tanh"}"#;

/// A few minutes under emulation, where fused multiply-add is a call where the processor has none.
const SHORT: &[Case] = &[
    Case { name: "bits", program: Program::Bits, arguments: &[], files: &[] },
    Case {
        name: "forecast",
        program: Program::Forebay,
        arguments: &["forecast", "--dataset", "nile", "--horizon", "3", "--out", "out", "--json"],
        files: &["model.forebay", "report.json"],
    },
    Case {
        name: "task",
        program: Program::Forebay,
        arguments: &["task", "narma10", "--seeds", "2", "--settings", "settings.json", "--json"],
        files: &[],
    },
    Case {
        name: "ladder",
        program: Program::Forebay,
        arguments: &[
            "ladder", "--task", "narma10", "--units", "12", "--seeds", "1", "--quick", "--out", "out", "--json",
        ],
        files: &["ladder.json"],
    },
    Case {
        name: "steer",
        program: Program::Forebay,
        arguments: &["steer", "--rehearsal", "--out", "out", "--json"],
        files: &["steer.json"],
    },
];

/// What takes hours there.
const LONG: &[Case] = &[
    Case { name: "bits", program: Program::Bits, arguments: &[], files: &[] },
    Case {
        name: "task",
        program: Program::Forebay,
        arguments: &["task", "narma10", "--seeds", "2", "--json"],
        files: &[],
    },
    Case {
        name: "ladder",
        program: Program::Forebay,
        arguments: &["ladder", "--task", "sunspots", "--units", "60", "--seeds", "2", "--out", "out", "--json"],
        files: &["ladder.json"],
    },
    Case {
        name: "steer",
        program: Program::Forebay,
        arguments: &["steer", "--scale", "0.01", "--out", "out", "--json"],
        files: &["steer.json"],
    },
];

/// Fields that measure time, and may differ.
const TIMES: [&str; 1] = ["step_us"];

/// Statuses of a run that ends by its own rules: done, or checks of few trajectories that were not within their errors.
const ENDS: [Option<i32>; 2] = [Some(0), Some(2)];

#[derive(Clone, Copy, PartialEq)]
enum Emulator {
    /// An x86-64 processor by its name.
    X86(&'static str),
    /// What `.ci/test-neon bits` compiles for aarch64.
    Arm,
}

impl Emulator {
    fn command(self, options: &Options, program: Program) -> Command {
        match self {
            Self::X86(cpu) => {
                let mut command = Command::new("qemu-x86_64");
                command.args(["-cpu", cpu]).arg(program.path(options));
                command
            }
            Self::Arm => {
                let mut command = Command::new("qemu-aarch64");
                command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(arm_bits(options));
                command
            }
        }
    }
}

/// The hashes of all that computes, for aarch64: what `.ci/test-neon bits` builds.
fn arm_bits(options: &Options) -> PathBuf {
    options.root.join("target/neon/build/aarch64-unknown-linux-gnu/release/examples/bits")
}

/// What `.ci/test-neon` ends with where something is missing, which it names.
const NOT_RUN: i32 = 77;

/// The emulated x86-64 processors: one with fused multiply-add, one without.
const EMULATED: [&str; 2] = ["Haswell", "Nehalem"];

/// One way to run all cases.
struct Way {
    name: String,
    emulator: Option<Emulator>,
    kernel: Option<&'static str>,
    threads: Option<usize>,
}

impl Way {
    fn native() -> Self {
        Self { name: "here".to_owned(), emulator: None, kernel: None, threads: None }
    }

    fn all(long: bool) -> Vec<Self> {
        let kernels = [("scalar", true), ("avx2", has_avx2()), ("avx512", has_avx512())];
        let kernels = kernels.into_iter().filter(|(_, there)| *there).map(|(kernel, _)| Self {
            name: format!("kernel-{kernel}"),
            kernel: Some(kernel),
            ..Self::native()
        });
        let threads = [1, 2, 4].map(|n| Self { name: format!("threads-{n}"), threads: Some(n), ..Self::native() });
        let emulated =
            EMULATED.map(|cpu| Self { name: cpu.to_owned(), emulator: Some(Emulator::X86(cpu)), ..Self::native() });
        // The long cases say nothing new of threads and kernels.
        if long { emulated.into() } else { kernels.chain(threads).chain(emulated).collect() }
    }

    fn arm() -> Self {
        Self { name: "aarch64".to_owned(), emulator: Some(Emulator::Arm), ..Self::native() }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

/// What a case wrote: names and bytes, times left out.
type Written = Vec<(String, Vec<u8>)>;

pub(crate) fn short(options: &Options) -> Outcome {
    compare(options, SHORT, false)
}

pub(crate) fn long(options: &Options) -> Outcome {
    compare(options, LONG, true)
}

fn compare(options: &Options, cases: &[Case], long: bool) -> Outcome {
    if (ARCH, OS) != ("x86_64", "linux") {
        return Outcome::NotRun("the emulated processors are x86-64 under Linux".to_owned());
    }
    if !works("qemu-x86_64", &["--version"]) {
        return Outcome::NotRun("qemu-x86_64 is missing (Debian package qemu-user)".to_owned());
    }
    let build = ["build", "--quiet", "--release", "--workspace", "--bin", "forebay", "--example", "bits"];
    if let Outcome::Failed(why) = cargo(options, &build) {
        return Outcome::Failed(why);
    }
    // Compiled anew if anything has changed, like the programs of this machine.
    let arm = Command::new("bash").args([".ci/test-neon", "bits"]).current_dir(&options.root).status();
    let has_arm = match arm.map(|status| status.code()) {
        Ok(Some(0)) => true,
        Ok(Some(NOT_RUN)) => false,
        _ => return Outcome::Failed("the hashes cannot be compiled for aarch64".to_owned()),
    };
    let mut runs = Vec::new();
    for case in cases {
        let expected = match run(options, case, &Way::native()) {
            Ok(expected) => Arc::new(expected),
            Err(why) => return Outcome::Failed(why),
        };
        let arm = (matches!(case.program, Program::Bits) && has_arm).then(Way::arm);
        // All that computes, on an emulated x86-64: 20 minutes and more, longer than all the rest together.
        let slow = |way: &Way| matches!(case.program, Program::Bits) && matches!(way.emulator, Some(Emulator::X86(_)));
        let ways = Way::all(long).into_iter().chain(arm).filter(|way| long || !slow(way));
        runs.extend(ways.map(|way| (case, way, Arc::clone(&expected))));
    }
    // Emulators first: they take longest, and compute on one core each.
    runs.sort_by_key(|(_, way, _)| way.emulator.is_none());
    let wrong = side_by_side(options, &runs);
    if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(wrong.join(", ")) }
}

/// Makes all runs, as many at once as there are cores; gives what was not as expected.
fn side_by_side(options: &Options, runs: &[(&Case, Way, Arc<Written>)]) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((case, way, expected)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let start = Instant::now();
            let found = run(options, case, way).map(|found| differences(expected, &found));
            let seconds = start.elapsed().as_secs_f32();
            let verdict = match &found {
                Ok(differences) if differences.is_empty() => "same bytes",
                Ok(_) => "DIFFERENT",
                Err(_) => "no result",
            };
            let mut text = format!("{:9} {:14} {verdict} ({seconds:.1} s)", case.name, way.name);
            found.unwrap_or_else(|why| vec![why]).iter().for_each(|line| text += &format!("\n    {line}"));
            println!("{text}");
            if verdict != "same bytes" {
                wrong.lock().expect("no thread panics").push(format!("{verdict}: {} ({})", case.name, way.name));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    wrong.into_inner().expect("no thread panics")
}

/// Runs a case in a folder of its own and gives what it wrote.
fn run(options: &Options, case: &Case, way: &Way) -> Result<Written, String> {
    let folder = target(options).join("processors").join(&way.name).join(case.name);
    let told = |what: &str, error: std::io::Error| format!("{what} {}: {error}", folder.display());
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(told("cannot empty", error)),
        _ => {}
    }
    fs::create_dir_all(&folder).map_err(|error| told("cannot make", error))?;
    fs::write(folder.join("settings.json"), SMALL).map_err(|error| told("cannot write into", error))?;
    let program = case.program.path(options);
    // What an emulator says of features that it leaves out goes to the error stream and is no part of the output.
    let mut command =
        way.emulator.map_or_else(|| Command::new(&program), |emulator| emulator.command(options, case.program));
    if let (Program::Forebay, Some(threads)) = (case.program, way.threads) {
        command.args([OsString::from("--threads"), threads.to_string().into()]);
    }
    match way.kernel {
        Some(kernel) => command.env("FOREBAY_KERNEL", kernel),
        None => command.env_remove("FOREBAY_KERNEL"),
    };
    let output = command.args(case.arguments).current_dir(&folder).stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    if !ENDS.contains(&output.status.code()) || output.stdout.is_empty() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ({}) ended with {}: {}", case.name, way.name, output.status, error.trim()));
    }
    let mut written = vec![("output".to_owned(), without_times(&output.stdout))];
    for name in case.files {
        let path = folder.join("out").join(name);
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        written.push(((*name).to_owned(), if is_json(&path) { without_times(&bytes) } else { bytes }));
    }
    Ok(written)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// Text without the lines of [`TIMES`]: JSON is printed with a line per field.
fn without_times(text: &[u8]) -> Vec<u8> {
    let is_time = |line: &&[u8]| {
        let field = line.trim_ascii_start();
        TIMES.iter().any(|time| field.starts_with(format!("\"{time}\":").as_bytes()))
    };
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_time(line)).collect::<Vec<_>>().concat()
}

/// Where two writings differ: a line each, with the first place.
fn differences(expected: &Written, found: &Written) -> Vec<String> {
    let mut told = Vec::new();
    for ((name, a), (_, b)) in expected.iter().zip(found) {
        if a == b {
            continue;
        }
        let lines =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().map(|t| t.lines().map(str::to_owned).collect());
        let (a_lines, b_lines): (Option<Vec<String>>, Option<Vec<String>>) = (lines(a), lines(b));
        if let Some((a, b)) = a_lines.zip(b_lines) {
            let differing = a.iter().zip(&b).filter(|(a, b)| a != b);
            let count = differing.clone().count() + a.len().abs_diff(b.len());
            told.push(format!("{name}: {count} of {} lines differ", a.len()));
            told.extend(differing.take(12).map(|(a, b)| format!("  here {}; there {}", a.trim(), b.trim())));
        } else {
            let first = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
            told.push(format!("{name}: {} and {} bytes, from byte {first} on", a.len(), b.len()));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{differences, without_times};

    #[test]
    fn times_are_left_out_and_nothing_else() {
        let text = b"{\n  \"mean\": 1.5,\n  \"step_us\": 3.25,\n  \"units\": 4\n}\n";
        assert_eq!(without_times(text), b"{\n  \"mean\": 1.5,\n  \"units\": 4\n}\n");
        assert_eq!(without_times(b"step_us 3"), b"step_us 3");
    }

    #[test]
    fn a_difference_in_the_last_digit_is_told() {
        let one = |bytes: &[u8]| vec![("report.json".to_owned(), bytes.to_vec())];
        assert!(differences(&one(b"0.1\n"), &one(b"0.1\n")).is_empty());
        let told = differences(&one(b"a\n0.12345678901234567\n"), &one(b"a\n0.12345678901234568\n"));
        assert!(told[0].contains("1 of 2 lines") && told[1].contains("0.12345678901234568"), "{told:?}");
        assert!(!differences(&one(b"a\n"), &one(b"a\nb\n")).is_empty());
        assert!(differences(&one(&[0xff, 1, 2]), &one(&[0xff, 1, 3]))[0].contains("from byte 2"));
    }
}
