//! `forebay predict`.

mod feed;
mod going;
mod journal;
mod lines;
mod network;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use forebay_forecast::service::ForecastFile;

use crate::reading::ReadingArguments;

/// Go on with a forecast on the rows that follow: one line of forecasts for each. Or apply a network that `train` saved.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay predict out/sales/model.forebay new.csv               rows that follow, one or many
  forebay predict out/sales/model.forebay new.csv --next        only the path after the last one
  forebay predict out/sales/model.forebay test.csv --from test  the forecasts that were scored
  tail -f load.csv | forebay predict out/load/model.forebay - --state load.state
  forebay predict out/net/model.forebay sales.csv --free 24     a network, in closed loop")]
pub(crate) struct Predict {
    /// A model saved by `forebay forecast` or `forebay train`
    model: PathBuf,
    /// A CSV file or the like with the model's columns (also .gz, JSON Lines), or a .npy array; - for standard input, which a forecast
    /// takes line by line
    data: PathBuf,
    /// Where a forecast goes on
    #[arg(long, value_enum, default_value = "end")]
    from: From,
    /// Print what is forecast after the last row, 1 to all steps ahead, instead of a line for each row
    #[arg(long)]
    next: bool,
    /// Keep the rows that were taken in this file: the next run goes on after them, whatever ended this one
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Of a network with horizon 1: go on for this many steps after the data in closed loop
    #[arg(long, default_value_t = 0, value_name = "STEPS")]
    free: usize,
    #[command(flatten)]
    reading: ReadingArguments,
    /// Write the forecasts here instead of to standard output
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Print JSON: of a forecast a line for each row, with all steps ahead and all intervals
    #[arg(long)]
    json: bool,
}

/// Where a forecast goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// After the last row of its file.
    End,
    /// Before its test part, as it was scored.
    Test,
}

impl Predict {
    pub(super) fn run(self) -> Result<()> {
        if starts_as_kept(&self.model)? {
            return self.go_on();
        }
        let only = [(self.next, "--next"), (self.state.is_some(), "--state"), (self.from == From::Test, "--from test")];
        if let Some((_, option)) = only.iter().find(|(given, _)| *given) {
            bail!("{option} is for forecasts: {} is a network", self.model.display());
        }
        ensure!(
            !(self.json && self.out.is_some()),
            "--out writes CSV: leave out --json, or send standard output to a file"
        );
        self.of_network()
    }

    fn go_on(&self) -> Result<()> {
        ensure!(self.free == 0, "--free is for networks: a forecast has its path, see --next");
        let cannot = || format!("cannot use {}", self.model.display());
        let bytes = std::fs::read(&self.model).with_context(cannot)?;
        let file = ForecastFile::from_bytes(&bytes).with_context(cannot)?;
        going::run(self, file, &bytes)
    }
}

/// Whether a file starts as the kept ones do.
fn starts_as_kept(path: &Path) -> Result<bool> {
    let cannot = || format!("cannot use {}", path.display());
    ensure!(path.is_file(), "{}: it is not a regular file", cannot());
    let mut start = [0; 6];
    let mut file = std::fs::File::open(path).with_context(cannot)?;
    // A shorter file is none of either kind.
    Ok(std::io::Read::read_exact(&mut file, &mut start).is_ok() && &start == b"FBKEPT")
}
