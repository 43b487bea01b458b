//! `forebay devices`: boards of this machine.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use forebay_akida::bus::Bus;
use forebay_akida::chip::top::{ip_version, mesh_info1, mesh_info2, mesh_info3, version_text};
use forebay_akida::chip::{address, name};
use forebay_akida::driver::{Driver, Options};
use forebay_akida::transport::sysfs::{Bdf, Listed, Step, System};
use serde_json::{Value, json};

use crate::output;

/// List boards: address, driver, IOMMU group, and what is missing to use them.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  forebay devices
  forebay devices bind 0000:a1:00.0      as root: hands the board to vfio-pci
  forebay devices info vfio:0000:a1:00.0
  forebay validate --device vfio:0000:a1:00.0 --report report.txt

Only `bind` and `unbind` need root, and they print what they write. Tested on silicon: no."
)]
pub(crate) struct Devices {
    #[command(subcommand)]
    what: Option<What>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What a device says of itself
    Info {
        /// A PCI address, or vfio:.., node:.., emulator:..
        device: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Hand a board to vfio-pci (as root)
    Bind(Handing),
    /// Give a board back to the kernel's own choice of driver (as root)
    Unbind(Handing),
    /// Reset a device from outside its core, then look whether it answers
    Reset {
        /// A PCI address, or vfio:.., node:.., emulator:..
        device: String,
    },
}

#[derive(Args, Debug)]
struct Handing {
    /// The board's PCI address
    bdf: Bdf,
    /// Only print the commands
    #[arg(long)]
    dry_run: bool,
}

impl Devices {
    pub(super) fn run(self) -> Result<()> {
        let system = System::default();
        match self.what {
            None => list(&system, self.json),
            Some(What::Info { device, json }) => info(&system, &device, json),
            Some(What::Bind(handing)) => bind(&system, &handing),
            Some(What::Unbind(handing)) => {
                let board = board(&system, &handing.bdf)?;
                write(&system, &handing, &system.unbind_steps(&board))
            }
            Some(What::Reset { device }) => reset(&device),
        }
    }
}

/// A device's address: a bare PCI address is one through VFIO.
pub(super) fn device_address(device: &str) -> String {
    match device.parse::<Bdf>() {
        Ok(bdf) => format!("vfio:{bdf}"),
        Err(_) => device.to_owned(),
    }
}

fn list(system: &System, as_json: bool) -> Result<()> {
    let boards = system.boards();
    let nodes = system.nodes();
    let has_iommu = std::fs::read_dir(system.path("/sys/kernel/iommu_groups")).is_ok_and(|mut d| d.next().is_some());
    if as_json {
        let boards: Vec<Value> = boards
            .iter()
            .map(|board| json!({"board": board, "address": format!("vfio:{}", board.bdf), "missing": system.missing(board)}))
            .collect();
        return output::print_json(&json!({
            "boards": boards, "nodes": nodes, "iommu": has_iommu, "tested_on_silicon": false,
        }));
    }
    let mut text = String::new();
    if boards.is_empty() {
        text.push_str("No AKD1000 or AKD1500 on this machine's PCI bus.\n");
        text.push_str("  Is a board plugged in? `lspci -d 1e7c:` shows it if the system sees it; after plugging in, boot again.\n");
        if !has_iommu {
            text.push_str(
                "  There is no IOMMU either: before a board can be used through VFIO, turn it on in the firmware (VT-d, AMD-Vi)\n  \
                 and, on Intel machines, add intel_iommu=on to the kernel's command line.\n",
            );
        }
        text.push_str(
            "  Everything runs without a board: `--substrate software:akd1000` (exact, fast) or `emulator:akd1000`.\n",
        );
    }
    for board in &boards {
        text.push_str(&describe(system, board));
    }
    for node in &nodes {
        text.push_str(&format!("{node}: the maker's kernel driver; use it as node:{node}\n"));
    }
    text.push_str("Tested on silicon: no.\n");
    output::print(&text)
}

fn describe(system: &System, board: &Listed) -> String {
    let Listed { bdf, device, driver, group, .. } = board;
    let kind = if board.is_emulator { format!("{device} (EMULATOR)") } else { device.to_string() };
    let driver = driver.as_deref().unwrap_or("none");
    let group = group.map_or("none".to_owned(), |group| group.to_string());
    let mut text = format!("{bdf}  {kind}  driver {driver}  IOMMU group {group}\n");
    let missing = system.missing(board);
    if missing.is_empty() {
        text.push_str(&format!("  ready: vfio:{bdf}\n"));
    }
    for step in missing {
        text.push_str(&format!("  missing: {step}\n"));
    }
    if board.may_sleep {
        text.push_str(&format!(
            "  advice: its link may go to sleep, with which the maker's driver says it stops responding; as root:\n    \
             echo 0 > /sys/bus/pci/devices/{bdf}/link/l0s_aspm; echo 0 > /sys/bus/pci/devices/{bdf}/link/l1_aspm\n"
        ));
    }
    text
}

fn board(system: &System, bdf: &Bdf) -> Result<Listed> {
    system.board(bdf).with_context(|| {
        format!("there is no AKD1000 or AKD1500 at {bdf}: `forebay devices` lists the boards of this machine")
    })
}

fn bind(system: &System, handing: &Handing) -> Result<()> {
    let board = board(system, &handing.bdf)?;
    if board.group.is_none() {
        bail!("{} cannot be handed to vfio-pci: {}", board.bdf, system.missing(&board).join("; "));
    }
    let has_driver = system.path("/sys/bus/pci/drivers/vfio-pci").exists();
    if !has_driver && !handing.dry_run {
        bail!("the kernel's vfio-pci is not loaded: run `modprobe vfio-pci` as root first");
    }
    let steps = system.bind_steps(&board);
    if steps.is_empty() {
        return output::print(&format!("{} is vfio-pci's already\n", board.bdf));
    }
    write(system, handing, &steps)?;
    if handing.dry_run {
        return Ok(());
    }
    let bound = self::board(system, &handing.bdf)?;
    if bound.driver.as_deref() != Some("vfio-pci") {
        bail!("{} was not taken by vfio-pci: the end of `dmesg` says why", bound.bdf);
    }
    output::print(&describe(system, &bound))
}

fn write(system: &System, handing: &Handing, steps: &[Step]) -> Result<()> {
    for step in steps {
        output::print(&format!("{step}\n"))?;
    }
    if handing.dry_run {
        return Ok(());
    }
    system.take(steps).map_err(|(step, error)| {
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ": run this command as root, or the lines above yourself",
            _ => "",
        };
        anyhow::anyhow!("cannot write to {} ({error}){hint}", step.file.display())
    })
}

/// What a device says of itself: nothing is changed.
pub(super) fn identity(bus: &mut dyn Bus) -> Result<Value> {
    let about = bus.identity().clone();
    let version = bus.read(address::CORE + ip_version::OFFSET)?;
    let registers: Vec<Value> = [ip_version::OFFSET, mesh_info1::OFFSET, mesh_info2::OFFSET, mesh_info3::OFFSET]
        .into_iter()
        .map(|offset| {
            let at = address::CORE + offset;
            Ok(json!({"register": name(at), "address": format!("{at:#010x}"), "value": format!("{:#010x}", bus.read(at)?)}))
        })
        .collect::<Result<_>>()?;
    let memory = bus.memory();
    Ok(json!({
        "address": about.name,
        "is_silicon": about.is_silicon,
        "transport": about.description,
        "version_register": version_text(version.to_be_bytes()),
        "registers": registers,
        "device_memory": [format!("{:#010x}", memory.device.start), format!("{:#010x}", memory.device.end)],
        "host_memory": memory.host.map(|host| [format!("{:#010x}", host.start), format!("{:#010x}", host.end)]),
    }))
}

fn info(system: &System, device: &str, as_json: bool) -> Result<()> {
    let address = device_address(device);
    let mut bus = forebay::open_bus(&address)?;
    let mut told = identity(&mut *bus)?;
    let is_silicon = bus.identity().is_silicon;
    let driver = Driver::open(bus, Options::default())?;
    told["capabilities"] = serde_json::to_value(driver.capabilities())?;
    if as_json {
        return output::print_json(&told);
    }
    let mut text = String::new();
    if !is_silicon {
        text.push_str("EMULATOR: this is no board.\n");
    }
    let field = |name: &str| told[name].as_str().unwrap_or("-").to_owned();
    text.push_str(&format!("{}: an {}\n", field("address"), driver.device()));
    text.push_str(&format!("  version register {} (0 on legacy parts)\n", field("version_register")));
    text.push_str(&format!(
        "  memory {} to {}\n",
        field_of(&told["device_memory"], 0),
        field_of(&told["device_memory"], 1)
    ));
    if told["host_memory"].is_array() {
        text.push_str(&format!("  sees the host's memory at {}\n", field_of(&told["host_memory"], 0)));
    }
    for register in told["registers"].as_array().into_iter().flatten() {
        let word = register["value"].as_str().unwrap_or("-");
        text.push_str(&format!("  {:24} {word}\n", register["register"].as_str().unwrap_or("-")));
    }
    if let Some(bdf) = address.strip_prefix("vfio:").and_then(|bdf| bdf.parse::<Bdf>().ok())
        && let Some(board) = system.board(&bdf)
    {
        text.push_str(&describe(system, &board));
    }
    text.push_str("Tested on silicon: no.\n");
    output::print(&text)
}

fn field_of(value: &Value, index: usize) -> String {
    value[index].as_str().unwrap_or("-").to_owned()
}

fn reset(device: &str) -> Result<()> {
    let mut bus = forebay::open_bus(&device_address(device))?;
    bus.reset().context("the device cannot be reset from outside its core")?;
    bus.pause(Duration::from_millis(10));
    let driver = Driver::open(bus, Options::default()).context("it does not answer after the reset")?;
    output::print(&format!("reset; an {} answers\n", driver.device()))
}
