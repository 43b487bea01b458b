//! The subcommands, one file each.

mod backtest;
mod bench;
mod bench_device;
mod bench_lattice;
mod bench_train;
mod compare;
mod compile;
mod convert;
mod data;
mod devices;
mod emulate;
mod evolve;
mod fingerprint;
mod forecast;
mod inspect;
mod ladder;
mod models;
mod placement;
mod predict;
mod program;
mod registers;
mod run;
mod samples;
mod search;
mod solve;
mod sram;
mod steer;
pub(crate) mod substrates;
mod task;
mod trace;
mod train;
mod validate;
mod watch;

use anyhow::Result;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Forecast a series: members combined, scored beside each of them, with intervals; table, plot, page, model, report
    Forecast(forecast::Forecast),
    /// Go on with a forecast, or apply a network, on the rows that follow
    Predict(predict::Predict),
    /// Test a forecast on several stretches of a series
    Backtest(backtest::Backtest),
    /// Forecast all series of a folder: a table
    Compare(compare::Compare),
    /// Train one network that forecasts a series, to be placed on a processor
    Train(train::Train),
    /// Run any model on raw features from a .npy file; write outputs and states
    Run(run::Run),
    /// Show what a model file holds
    Inspect(inspect::Inspect),
    /// Put a model's products on a processor: plan and programs
    Compile(compile::Compile),
    /// Build, run, inspect, verify and patch the processor's programs
    Program(program::ProgramCommand),
    /// Boards of this machine: list, look, bind, unbind, reset
    Devices(devices::Devices),
    /// All that a board's owner should run once: ends in a report to send
    Validate(validate::Validate),
    /// Hashes: which device, does it compute as it should, which model
    Fingerprint(fingerprint::FingerprintCommand),
    /// Memory of a device: dump, read, write, scan, test
    Sram(sram::Sram),
    /// Registers of a device, decoded
    Registers(registers::Registers),
    /// Every access of an inference, decoded, kept, compared
    Trace(trace::TraceCommand),
    /// Serve an emulated chip to a virtual machine
    Emulate(emulate::Emulate),
    /// What each digit of precision buys, and what it costs
    Ladder(ladder::LadderCommand),
    /// Poisson and heat equations to f64 accuracy with 4-bit products
    Solve(solve::Solve),
    /// Watch a forecasting network for drift, and repair it
    Watch(watch::Watch),
    /// Evolve a readout's integer weights by live patches, beside ridge regression
    Evolve(evolve::Evolve),
    /// Convert between .forebay, .json and .npz
    Convert(convert::Convert),
    /// The shipped data sets
    Data(data::Data),
    /// Run a benchmark task with its stored settings
    Task(task::TaskCommand),
    /// Search settings on validation data: of a series, or of a benchmark task
    Search(search::SearchCommand),
    /// A lattice that keeps predictions honest: rejection, thermalisation, delayed acceptance
    Steer(steer::Steer),
    /// Measure this machine's limits and the speed of a step
    Bench(bench::Bench),
    /// Print completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

impl Command {
    /// Runs it.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Forecast(command) => command.run(),
            Self::Predict(command) => command.run(),
            Self::Backtest(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Run(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Compile(command) => command.run(),
            Self::Program(command) => command.run(),
            Self::Devices(command) => command.run(),
            Self::Validate(command) => command.run(),
            Self::Fingerprint(command) => command.run(),
            Self::Sram(command) => command.run(),
            Self::Registers(command) => command.run(),
            Self::Trace(command) => command.run(),
            Self::Emulate(command) => command.run(),
            Self::Ladder(command) => command.run(),
            Self::Solve(command) => command.run(),
            Self::Watch(command) => command.run(),
            Self::Evolve(command) => command.run(),
            Self::Convert(command) => command.run(),
            Self::Data(command) => command.run(),
            Self::Task(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Steer(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut crate::Arguments::command(), "forebay", &mut script);
                crate::output::print(&String::from_utf8_lossy(&script))
            }
        }
    }
}
