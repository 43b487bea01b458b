//! `cargo xtask ci`: format, lints, tests, docs, licences, kernels under an ARM emulator, fuzzing, comparison with numpy.
//!
//! `cargo xtask long` has what takes hours, `cargo xtask mutants --sample N` looks for code that no test judges.
//!
//! A check whose tool is missing on this machine is listed as NOT RUN at the end, never passed in silence.

mod features;
mod long;
mod modules;
mod mutants;
mod page;
mod platform;
mod processors;

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

/// How one check ended.
enum Outcome {
    Passed,
    Failed(String),
    NotRun(String),
}

/// One named check.
struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&Options) -> Outcome,
}

/// What the command line asks for.
struct Options {
    root: PathBuf,
    /// Seconds per fuzz target.
    fuzz_seconds: u32,
}

const CHECKS: &[Check] = &[
    Check { name: "fmt", about: "formatting", run: |o| cargo(o, &["fmt", "--all", "--check"]) },
    Check { name: "clippy", about: "lints, pedantic, no warnings", run: clippy },
    Check { name: "test", about: "all tests and doc examples", run: test },
    Check { name: "examples", about: "every example runs", run: examples },
    Check { name: "doc", about: "every public item documented, no dead links", run: doc },
    Check {
        name: "platform",
        about: "no function of the platform's mathematics in library code",
        run: platform::check,
    },
    Check { name: "features", about: "the library with some of its features, and with none", run: features::check },
    Check { name: "modules", about: "the modules of runtime import one another in one direction", run: modules::check },
    Check {
        name: "numpy",
        about: "states against a recurrence, least squares against singular values, in numpy",
        run: numpy,
    },
    Check { name: "schema", about: "generated code of program files is that of the schemas (flatc)", run: schema },
    Check { name: "deny", about: "licences, sources, duplicates (cargo-deny)", run: deny },
    Check { name: "vm", about: "the driver through a real kernel, in a virtual machine", run: vm },
    Check { name: "mpi", about: "local reservoirs over the ranks of an MPI job", run: mpi },
    Check { name: "neon", about: "kernels compiled for aarch64, run under qemu", run: neon },
    Check {
        name: "processors",
        about: "the same bytes in every kernel form and on emulated processors",
        run: processors::short,
    },
    Check {
        name: "page",
        about: "the page of a forecast in a browser, narrow, wide, dark, on paper",
        run: page::check,
    },
    Check { name: "fuzz", about: "every parser (cargo-fuzz, nightly)", run: fuzz },
];

fn main() -> ExitCode {
    let mut options = Options { root: root(), fuzz_seconds: 6 };
    let mut wanted = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--fuzz-seconds" {
            match arguments.next().and_then(|s| s.parse().ok()) {
                Some(seconds) => options.fuzz_seconds = seconds,
                None => return usage(),
            }
        } else if argument == "mutants" {
            return mutants(arguments, &options);
        } else if argument == "long" {
            return long(arguments, &options);
        } else if argument == "ci" {
            wanted.extend(CHECKS);
        } else if let Some(check) = CHECKS.iter().find(|check| check.name == argument) {
            wanted.push(check);
        } else {
            return usage();
        }
    }
    if wanted.is_empty() {
        return usage();
    }
    report(&wanted, &options)
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask ci [--fuzz-seconds N], or any of these checks:");
    list(CHECKS);
    eprintln!("cargo xtask long all, or any of these:");
    list(long::SETS);
    eprintln!("cargo xtask mutants --sample N [--seed S]");
    ExitCode::from(2)
}

fn list(checks: &[Check]) {
    for check in checks {
        eprintln!("  {:15} {}", check.name, check.about);
    }
}

/// The long sets that are named, or a list of them.
fn long(names: impl Iterator<Item = String>, options: &Options) -> ExitCode {
    let mut wanted = Vec::new();
    for name in names {
        match long::SETS.iter().find(|set| set.name == name) {
            _ if name == "all" => wanted.extend(long::SETS),
            Some(set) => wanted.push(set),
            None => return usage(),
        }
    }
    if wanted.is_empty() {
        list(long::SETS);
        return ExitCode::SUCCESS;
    }
    report(&wanted, options)
}

fn mutants(mut arguments: impl Iterator<Item = String>, options: &Options) -> ExitCode {
    let (mut sample, mut seed) = (None, 1);
    while let Some(argument) = arguments.next() {
        let Some(value) = arguments.next().and_then(|value| value.parse::<u64>().ok()) else { return usage() };
        match argument.as_str() {
            "--sample" => sample = Some(value as usize),
            "--seed" => seed = value,
            _ => return usage(),
        }
    }
    let Some(sample) = sample else { return usage() };
    ended("mutants", mutants::run(options, sample, seed))
}

/// Tells how one thing ended.
fn ended(name: &str, outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Passed => return ExitCode::SUCCESS,
        Outcome::Failed(why) => eprintln!("{name} FAILED: {why}"),
        Outcome::NotRun(why) => eprintln!("{name} NOT RUN: {why}"),
    }
    ExitCode::FAILURE
}

/// Runs the checks, all of them even after a failure, and lists how each ended.
fn report(wanted: &[&Check], options: &Options) -> ExitCode {
    let results: Vec<(&str, f32, Outcome)> = wanted
        .iter()
        .map(|check| {
            println!("\n== {}: {}", check.name, check.about);
            let start = Instant::now();
            let outcome = (check.run)(options);
            let seconds = start.elapsed().as_secs_f32();
            println!("== {} took {seconds:.0} s", check.name);
            (check.name, seconds, outcome)
        })
        .collect();
    println!("\n== summary");
    let mut failed = false;
    for (name, seconds, outcome) in &results {
        let (word, why) = match outcome {
            Outcome::Passed => ("ok", ""),
            Outcome::Failed(why) => ("FAILED", why.as_str()),
            Outcome::NotRun(why) => ("NOT RUN", why.as_str()),
        };
        failed |= matches!(outcome, Outcome::Failed(_));
        println!("{name:15} {word:8} {seconds:7.1} s  {why}");
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// Where cargo builds.
fn target(options: &Options) -> PathBuf {
    options.root.join(env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

fn run(command: &mut Command) -> Outcome {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(format!("{} ended with {status}", command.get_program().display())),
        Err(error) => Outcome::Failed(format!("{} cannot be started: {error}", command.get_program().display())),
    }
}

fn cargo(options: &Options, arguments: &[&str]) -> Outcome {
    run(Command::new("cargo").args(arguments).current_dir(&options.root))
}

/// Whether a command can be started and succeeds, its output thrown away.
fn works(program: &str, arguments: &[&str]) -> bool {
    let quiet = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    quiet.is_ok_and(|output| output.status.success())
}

/// All tests; those that failed are named again at the end, where a log of hours is read first.
fn test(options: &Options) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--no-fail-fast"]).current_dir(&options.root).stdin(Stdio::null());
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::Failed(format!("cargo cannot be started: {error}")),
    };
    let mut failed = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            failed.push(name.to_owned());
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Outcome::Passed,
        // None is named where something does not compile.
        Ok(status) => {
            failed.push(format!("cargo ended with {status}"));
            Outcome::Failed(failed.join(", "))
        }
        Err(error) => Outcome::Failed(format!("cargo cannot be waited for: {error}")),
    }
}

fn clippy(options: &Options) -> Outcome {
    cargo(options, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn doc(options: &Options) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    run(command.current_dir(&options.root))
}

fn examples(options: &Options) -> Outcome {
    let folder = options.root.join("examples");
    let Ok(entries) = folder.read_dir() else {
        return Outcome::Failed(format!("{} cannot be read", folder.display()));
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .filter(|name| folder.join(format!("{name}.rs")).exists())
        .collect();
    names.sort();
    // Built with the whole workspace, as the tests are: a build of their own would compile the dependencies anew with
    // other features.
    if let Outcome::Failed(why) = cargo(options, &["build", "--quiet", "--workspace", "--examples"]) {
        return Outcome::Failed(why);
    }
    let target = target(options);
    for name in &names {
        println!("-- example {name}");
        let mut command = Command::new(target.join("debug/examples").join(name));
        if let Outcome::Failed(why) = run(command.current_dir(&options.root)) {
            return Outcome::Failed(format!("{name}: {why}"));
        }
    }
    Outcome::Passed
}

fn numpy(options: &Options) -> Outcome {
    if !works("python3", &["-c", "import numpy"]) {
        return Outcome::NotRun("python3 with numpy is missing: pip install numpy".to_owned());
    }
    for script in ["cli/tests/recurrence.py", "runtime/tests/lstsq.py"] {
        if let Outcome::Failed(why) = run(Command::new("python3").arg(script).current_dir(&options.root)) {
            return Outcome::Failed(format!("{script}: {why}"));
        }
    }
    Outcome::Passed
}

/// Version of the schema compiler that the checked-in code comes from.
const FLATC_VERSION: &str = "flatc version 25.12.19";

/// Generates the code of the program files anew and compares it with what is checked in.
fn schema(options: &Options) -> Outcome {
    let installed = options.root.join("target/flatc/bin/flatc");
    let named = env::var_os("FLATC").map(PathBuf::from);
    let mut tried = named.into_iter().chain([PathBuf::from("flatc"), installed]);
    let is_right = |flatc: &PathBuf| {
        let version = Command::new(flatc).arg("--version").output();
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == FLATC_VERSION)
    };
    let Some(flatc) = tried.find(is_right) else {
        return Outcome::NotRun(format!("needs {FLATC_VERSION}: on the path, or named by FLATC"));
    };
    let folder = options.root.join("substrates/akida");
    let fresh = options.root.join("target/schema");
    let names = ["program_info", "program_data"];
    let files = names.map(|name| folder.join(format!("schema/{name}.fbs")));
    if let Outcome::Failed(why) = run(Command::new(flatc).arg("--rust").arg("-o").arg(&fresh).args(files)) {
        return Outcome::Failed(why);
    }
    for name in names.map(|name| format!("{name}_generated.rs")) {
        let read = |folder: &Path| std::fs::read(folder.join(&name)).ok();
        if read(&fresh) != read(&folder.join("src/generated")) {
            return Outcome::Failed(format!(
                "{name} is not what flatc makes of its schema: copy it from {}",
                fresh.display()
            ));
        }
    }
    Outcome::Passed
}

fn deny(options: &Options) -> Outcome {
    if !works("cargo", &["deny", "--version"]) {
        return Outcome::NotRun("cargo-deny is missing: cargo install --locked cargo-deny".to_owned());
    }
    // Advisories need a database from the network; licences, bans and sources do not.
    cargo(options, &["deny", "check", "licenses", "bans", "sources"])
}

fn neon(options: &Options) -> Outcome {
    script(options, ".ci/test-neon")
}

fn vm(options: &Options) -> Outcome {
    script(options, ".ci/test-vm")
}

fn mpi(options: &Options) -> Outcome {
    script(options, ".ci/test-mpi")
}

/// A script that says by itself when packages cannot be had.
fn script(options: &Options, name: &str) -> Outcome {
    let script = options.root.join(name);
    let mut command = Command::new("bash");
    match command.arg(script).current_dir(&options.root).stdin(Stdio::null()).status() {
        // The script's agreed code for packages that cannot be had.
        Ok(status) if status.code() == Some(77) => Outcome::NotRun("packages are missing, see above".to_owned()),
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(format!("ended with {status}")),
        Err(error) => Outcome::Failed(format!("bash cannot be started: {error}")),
    }
}

fn fuzz(options: &Options) -> Outcome {
    if !works("cargo", &["+nightly", "fuzz", "--version"]) {
        return Outcome::NotRun("needs the nightly toolchain and: cargo install --locked cargo-fuzz".to_owned());
    }
    let listed = Command::new("cargo").args(["+nightly", "fuzz", "list"]).current_dir(&options.root).output();
    let Ok(listed) = listed else {
        return Outcome::Failed("cargo fuzz list cannot be started".to_owned());
    };
    // All at once, on all cores; one by one each would be linked while the others wait.
    if let Outcome::Failed(why) = cargo(options, &["+nightly", "fuzz", "build"]) {
        return Outcome::Failed(why);
    }
    let seconds = format!("-max_total_time={}", options.fuzz_seconds);
    for target in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        println!("-- fuzz target {target}");
        let limits = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"];
        let mut arguments = vec!["+nightly", "fuzz", "run", target, "--", &seconds];
        arguments.extend(limits);
        if let Outcome::Failed(why) = cargo(options, &arguments) {
            return Outcome::Failed(format!("{target}: {why}"));
        }
    }
    Outcome::Passed
}
