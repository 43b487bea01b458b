//! `forebay registers`.

use anyhow::Result;
use clap::{Args, Subcommand};
use forebay_akida::chip::{address, locate};
use forebay_akida::driver::{Driver, Options};
use serde_json::json;

use super::devices::device_address;
use crate::output;

/// Registers of a device.
#[derive(Args, Debug)]
pub(crate) struct Registers {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read all registers that are known, decoded; writes nothing
    #[command(after_help = "\
Example:
  forebay registers dump --device emulator:akd1000

Only registers that the sources name are read; the event routing block is left alone, since nobody has read it.")]
    Dump {
        /// A board (`forebay devices` lists them) or emulator:akd1000
        #[arg(long)]
        device: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Registers {
    pub(super) fn run(self) -> Result<()> {
        let What::Dump { device, json } = self.what;
        let bus = forebay::open_bus(&device_address(&device))?;
        let is_silicon = bus.identity().is_silicon;
        let mut driver = Driver::open(bus, Options::default())?;
        let words = driver.dump()?;
        if json {
            let registers: Vec<_> = words
                .iter()
                .filter_map(|&(at, value)| {
                    let (block, register) = locate(at)?;
                    Some(json!({
                        "address": format!("{at:#010x}"), "block": block.name, "name": register.name,
                        "value": value, "about": register.about, "source": register.source,
                    }))
                })
                .collect();
            return output::print_json(&json!({
                "device": driver.device(), "is_silicon": is_silicon, "registers": registers,
            }));
        }
        let mut text =
            if is_silicon { String::new() } else { "EMULATOR: these are no registers of silicon.\n".to_owned() };
        let mut last = "";
        for (at, value) in words {
            let Some((block, register)) = locate(at) else { continue };
            if block.name != last {
                text.push_str(&format!("{} at {:#010x}\n", block.name, address::CORE + (block.base - address::CORE)));
                last = block.name;
            }
            text.push_str(&format!("  +{:02x} {}\n", register.offset, register.describe(value)));
        }
        output::print(&text)
    }
}
