//! Substrates and devices by address.

use std::sync::Arc;

use forebay_akida::bus::Bus;
use forebay_akida::driver::{Driver, DriverError, Options};
use forebay_akida::transport::pcie::{PcieBus, PcieOptions};
use forebay_akida::transport::sysfs::System;
use forebay_akida::transport::{self, Address};
use forebay_akida::{Board, Device};
use forebay_emulator::function::EmulatedFunction;
use forebay_emulator::{Emulator, Fault, Injection, Settings};
use forebay_software::Software;
use forebay_substrate::{Substrate, SubstrateError};

use crate::error::Error;

/// Opens the substrate of this address.
///
/// | address | what it is |
/// |---|---|
/// | `software:akd1000`, `software:akd1500` | exact integer execution of that device's programs on the host |
/// | `software` | the same as `software:akd1000` |
/// | `emulator:akd1000`, `emulator:akd1500` | the driver on a chip emulated at register level; slow, and not silicon |
/// | `vfio:0000:a1:00.0` | a board that the kernel's vfio-pci has |
/// | `node:/dev/akida0` | a board behind the maker's kernel driver |
/// | `auto` | the first of the boards, else `software:akd1000`; see [`choose`] |
///
/// An emulator takes options after commas: `pcie` (through its PCIe side), `fault=NAME` and `seed=NUMBER` (see
/// [`forebay_emulator::Fault`]).
///
/// # Errors
/// [`Error::Unknown`] with the addresses that exist; [`Error::Kernel`] if the environment forces a kernel form that the
/// CPU lacks; [`Error::Substrate`] for a board that cannot be used, with the next step.
///
/// # Examples
/// ```
/// let software = forebay::open("software:akd1500")?;
/// assert_eq!(software.capabilities().device, "AKD1500");
/// let emulator = forebay::open("emulator:akd1000")?;
/// assert!(!emulator.capabilities().is_silicon);
/// # Ok::<(), forebay::Error>(())
/// ```
pub fn open(address: &str) -> Result<Arc<dyn Substrate>, Error> {
    if address == "auto" {
        return open(&choose().address);
    }
    let (kind, device) = address.split_once(':').unwrap_or((address, "akd1000"));
    match (kind, device.to_uppercase().parse::<Device>()) {
        ("software", Ok(device)) => Ok(Arc::new(Software::new(device)?)),
        ("software", Err(_)) => Err(unknown(address)),
        _ => Ok(Arc::new(open_board(address, Options::default())?)),
    }
}

/// Opens the device of this address for the driver: a board or an emulator, not the software substrate.
///
/// # Errors
/// As [`open`].
pub fn open_board(address: &str, options: Options) -> Result<Board, Error> {
    Board::open(open_bus(address)?, options).map_err(driver_error)
}

/// Opens the device of this address for its registers and memory.
///
/// # Errors
/// As [`open`].
pub fn open_bus(address: &str) -> Result<Box<dyn Bus>, Error> {
    if let Some(settings) = address.strip_prefix("emulator") {
        return emulator(settings).ok_or_else(|| unknown(address));
    }
    let parsed = address.parse::<Address>().map_err(|_| unknown(address))?;
    transport::open(&parsed, PcieOptions::default()).map_err(|error| driver_error(error.into()))
}

/// `:akd1000,pcie,fault=NAME,seed=7`.
fn emulator(settings: &str) -> Option<Box<dyn Bus>> {
    let settings = if settings.is_empty() { "akd1000" } else { settings.strip_prefix(':')? };
    let mut parts = settings.split(',');
    let mut chip = Settings::new(parts.next()?.to_uppercase().parse().ok()?);
    let (mut has_pcie, mut seed, mut faults) = (false, 0, Vec::new());
    for part in parts {
        match part.split_once('=') {
            None if part == "pcie" => has_pcie = true,
            Some(("fault", name)) => faults.push(name.parse::<Fault>().ok()?),
            Some(("seed", number)) => seed = number.parse().ok()?,
            _ => return None,
        }
    }
    chip.faults = faults.into_iter().map(|fault| Injection::seeded(fault, seed)).collect();
    let emulator = Emulator::new(chip);
    if !has_pcie {
        return Some(Box::new(emulator.bus()));
    }
    let bus = PcieBus::open(EmulatedFunction::new(emulator, true), "emulator", PcieOptions::default());
    Some(Box::new(bus.ok()?))
}

fn unknown(address: &str) -> Error {
    Error::Unknown {
        kind: "substrate",
        name: address.to_owned(),
        available: "software:akd1000, software:akd1500, emulator:akd1000, emulator:akd1500, vfio:0000:a1:00.0, \
                    node:/dev/akida0, auto"
            .to_owned(),
    }
}

pub(crate) fn driver_error(error: DriverError) -> Error {
    Error::Substrate(SubstrateError::Device(Box::new(error)))
}

/// What `auto` stands for on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The address.
    pub address: String,
    /// Addresses that were passed over, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// The first device that can be used: boards that vfio-pci has by PCI address, then nodes of the maker's kernel driver by
/// name, then the software substrate. Emulators are never chosen: they are slower and no truer.
pub fn choose() -> Choice {
    choose_on(&System::default(), &|address| {
        let bus = open_bus(address).map_err(|error| chain(&error))?;
        Driver::open(bus, Options::default()).map(drop).map_err(|error| chain(&error))
    })
}

fn choose_on(system: &System, works: &dyn Fn(&str) -> Result<(), String>) -> Choice {
    let mut skipped = Vec::new();
    for board in system.boards() {
        let address = format!("vfio:{}", board.bdf);
        let missing = system.missing(&board);
        let tried = if missing.is_empty() { works(&address) } else { Err(missing.join("; ")) };
        match tried {
            Ok(()) => return Choice { address, skipped },
            Err(why) => skipped.push((address, why)),
        }
    }
    if skipped.is_empty() {
        skipped.push(("vfio".to_owned(), "the system lists no AKD1000 or AKD1500".to_owned()));
    }
    let nodes = system.nodes();
    if nodes.is_empty() {
        skipped.push(("node".to_owned(), "there is no /dev/akidaN or /dev/akd1500_N".to_owned()));
    }
    for node in nodes {
        let address = format!("node:{node}");
        match works(&address) {
            Ok(()) => return Choice { address, skipped },
            Err(why) => skipped.push((address, why)),
        }
    }
    Choice { address: "software:akd1000".to_owned(), skipped }
}

/// An error and its causes in one line, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_board_auto_is_software_and_says_why() {
        let choice = choose_on(&System::new("/nonexistent"), &|_| Ok(()));
        assert_eq!(choice.address, "software:akd1000");
        let kinds: Vec<&str> = choice.skipped.iter().map(|(address, _)| &address[..]).collect();
        assert_eq!(kinds, ["vfio", "node"]);
    }

    #[test]
    fn emulators_take_options() {
        for address in ["emulator", "emulator:akd1500", "emulator:akd1000,pcie", "emulator:akd1000,fault=reset,seed=3"]
        {
            assert!(!open_bus(address).expect("it is known").identity().is_silicon, "{address}");
        }
        for address in
            ["emulator:akd2000", "emulator:akd1000,fault=gremlins", "emulatorakd1000", "pci:1", "emulator:akd1000,x"]
        {
            assert!(matches!(open_bus(address), Err(Error::Unknown { .. })), "{address}");
        }
    }
}
