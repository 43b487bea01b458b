//! `forebay validate`: all that a board's owner should run once, and the report of it.

mod checks;
mod questions;
mod report;
mod shared;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use forebay_akida::bus::Bus;

use super::devices::device_address;
use crate::output;

use self::report::Report;
use self::shared::Shared;

/// Identity, the questions that only a board can answer, conformance, patches, read-back, latency: one report.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay validate --device vfio:0000:a1:00.0 --report report.txt
  forebay validate --device emulator:akd1000

It resets the device and writes to its memory; nothing is left on it. Nobody has run this on silicon yet: if you have a
board, please send the report file with an issue of the project, whatever it says.")]
pub(crate) struct Validate {
    /// A board (`forebay devices` lists them) or emulator:akd1000
    #[arg(long)]
    device: String,
    /// Write the report here
    #[arg(long, value_name = "REPORT.txt", default_value = "forebay-report.txt")]
    report: PathBuf,
    /// Fewer repetitions
    #[arg(long)]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(super) fn run(self) -> Result<()> {
        let address = device_address(&self.device);
        let bus = Shared::new(forebay::open_bus(&address)?);
        let mut report = Report::new(&address, bus.identity().is_silicon);
        let bar = output::progress(5, "validating");
        let steps: [(&str, Check); 5] = [
            ("identity", checks::identity),
            ("questions", questions::ask),
            ("conformance", checks::conformance),
            ("patches", checks::patches),
            ("latency", checks::latency),
        ];
        let plan = Plan { address, bus, quick: self.quick };
        for (name, step) in steps {
            report.page(name);
            if let Err(error) = step(&mut report, &plan) {
                report.failed(&format!("{name} ended early"), &format!("{error:#}"));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let text = report.to_string();
        output::write_file(&self.report, text.as_bytes())?;
        if self.json {
            output::print_json(&report)?;
        } else {
            output::print(&text)?;
            output::print(&format!("\nThe report is in {}.\n", self.report.display()))?;
        }
        match report.failures() {
            0 => Ok(()),
            failures => bail!("{failures} checks failed: see {}", self.report.display()),
        }
    }
}

/// Writes one page.
type Check = fn(&mut Report, &Plan) -> Result<()>;

/// What to do, and how thoroughly.
struct Plan {
    address: String,
    bus: Shared,
    quick: bool,
}
