//! `forebay trace`: every access of an inference.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use forebay_akida::driver::{Driver, Options};
use forebay_akida::trace::{Step, Traced, first_difference};
use forebay_akida::{Device, Program};

use super::devices::device_address;
use super::samples;
use crate::output;

/// Record every access of loading a program, one inference and unloading; print it decoded, keep it, compare it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay trace --device emulator:akd1000
  forebay trace --device emulator:akd1500 --program layers.bin --out emulator.json
  forebay trace --device vfio:0000:a1:00.0 --program layers.bin --compare emulator.json

Two traces are compared by what they write, in order; reads leave nothing behind.")]
pub(crate) struct TraceCommand {
    /// A board (`forebay devices` lists them) or emulator:akd1000
    #[arg(long, default_value = "emulator:akd1000")]
    device: String,
    /// A program; by default one layer of 8 units over 16 inputs
    #[arg(long, value_name = "PROGRAM.bin")]
    program: Option<PathBuf>,
    /// Keep the trace, as JSON
    #[arg(long, value_name = "TRACE.json")]
    out: Option<PathBuf>,
    /// Compare with a trace that was kept
    #[arg(long, value_name = "TRACE.json")]
    compare: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl TraceCommand {
    pub(super) fn run(self) -> Result<()> {
        let bus = forebay::open_bus(&device_address(&self.device))?;
        let is_silicon = bus.identity().is_silicon;
        let (bus, trace) = Traced::new(bus);
        let mut driver = Driver::open(Box::new(bus), Options { depth: 1, ..Options::default() })?;
        let program = self.program(driver.device())?;
        let id = driver.load(program.clone())?;
        let inputs = samples::inputs(&program, 1);
        let mut outputs = vec![0; program.layers().last().map_or(0, |layer| layer.units)];
        driver.run(id, &inputs, &mut outputs)?;
        driver.unprogram()?;
        drop(driver);
        let steps = trace.take();
        if let Some(path) = &self.out {
            output::write_file(path, &serde_json::to_vec(&steps)?)?;
        }
        if let Some(path) = &self.compare {
            return compare(&steps, path);
        }
        if self.json {
            return output::print_json(&serde_json::json!({"is_silicon": is_silicon, "steps": steps}));
        }
        let mut text = String::new();
        if !is_silicon {
            text.push_str("EMULATOR: these accesses went to no silicon.\n");
        }
        for (number, step) in (1..).zip(&steps) {
            text.push_str(&format!("{number:4} {step}\n"));
        }
        output::print(&text)
    }

    fn program(&self, device: Device) -> Result<Program> {
        let Some(path) = &self.program else { return samples::potentials(device, 16, 8) };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Program::from_bytes(bytes).with_context(|| format!("cannot use {}", path.display()))
    }
}

fn compare(steps: &[Step], path: &PathBuf) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let kept: Vec<Step> = serde_json::from_slice(&bytes).with_context(|| format!("{} is no trace", path.display()))?;
    let told = |step: Option<Step>| step.map_or("nothing".to_owned(), |step| step.to_string());
    match first_difference(steps, &kept) {
        None => output::print("the two write the same, in the same order\n"),
        Some((here, there)) => bail!("first difference: {} here, {} in {}", told(here), told(there), path.display()),
    }
}
