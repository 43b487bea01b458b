//! The `forebay` command: arguments, files, tables, plots. All that computes is in the crates below.
//!
//! Exit codes: 0 done; 3 a network that the processor cannot hold, with its reason as JSON on standard output; 2 arguments or input that cannot be used, with one line on standard error that says what to do; 1
//! a failure of the program itself.

mod commands;
mod forecasting;
mod ink;
mod output;
mod plot;
mod reading;
mod results;
mod series;
mod view;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use forebay::threads::Pool;
use forebay_akida::BuildError;
use forebay_substrate::{Refusal, SubstrateError};

use commands::Command;

/// Reservoir computing from the shell: forecast series, run trained models, measure.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, max_term_width = 100, after_help = FIRST_STEPS)]
struct Arguments {
    /// Threads for what can be split; no result depends on their number. All cores if not given
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  forebay forecast --dataset sunspots     forecast a shipped series: tables, plot, page, model
  forebay forecast my.csv --horizon 12    forecast your own
  forebay data list                       the shipped series
  forebay task lorenz --seeds 10          a benchmark task

All of it runs on the host. Tested on silicon: no.";

/// Runs the command line; `arguments` start with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A defect of the program is told in one line, too.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), |place| format!(" at {}:{}", place.file(), place.line()));
        let why = panic.payload_as_str().unwrap_or("unknown");
        fail(&format!("this is a defect of forebay, please report it: {why}{place}"));
    }));
    std::panic::catch_unwind(AssertUnwindSafe(|| run_arguments(arguments))).unwrap_or(ExitCode::FAILURE)
}

fn run_arguments(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let pool = arguments.threads.map_or_else(Pool::of_all_cores, Pool::new);
    let done = pool.map_err(anyhow::Error::from).and_then(|pool| pool.install(|| arguments.command.run()));
    match done {
        Ok(()) => {
            for line in output::take_told() {
                eprintln!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if refusal(&error).is_some() => refused(&error),
        Err(error) => fail(&chain(&error)),
    }
}

/// An error and its causes, each told once: many errors name their cause themselves.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        told if told.ends_with(&cause) => told.to_owned(),
        told => format!("{told}: {cause}"),
    })
}

/// The processor's reason, if that is what an error comes from.
fn refusal(error: &anyhow::Error) -> Option<&Refusal> {
    error.chain().find_map(|cause| {
        if let Some(forebay::Error::Refused(refusal)) = cause.downcast_ref() {
            return Some(refusal);
        }
        if let Some(BuildError::Refused(refusal)) = cause.downcast_ref() {
            return Some(refusal);
        }
        if let Some(SubstrateError::Refused(refusal)) = cause.downcast_ref() {
            return Some(refusal);
        }
        cause.downcast_ref()
    })
}

/// Tells programs on standard output and people on standard error.
fn refused(error: &anyhow::Error) -> ExitCode {
    if let Some(refusal) = refusal(error) {
        let told = serde_json::json!({"refused": {"kind": refusal.kind(), "message": refusal.to_string()}});
        let _ = output::print_json(&told);
    }
    let _ = fail(&chain(error));
    ExitCode::from(3)
}

/// Help and version go out as they are; a usage error becomes one line.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        // A command without its subcommand asks for help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = output::print(&error.render().to_string());
            ExitCode::SUCCESS
        }
        _ => {
            let text = error.render().to_string();
            let told: Vec<&str> = text.lines().map(str::trim).take_while(|l| !l.starts_with("Usage:")).collect();
            let told = told.join(" ");
            let told = told.trim().trim_start_matches("error:").trim();
            fail(&format!("{told} (see `forebay --help`)"))
        }
    }
}

fn fail(message: &str) -> ExitCode {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("error: {line}");
    ExitCode::from(2)
}
