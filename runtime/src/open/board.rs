//! Boards and emulators, and which board there is.

use forebay_akida::Board;
use forebay_akida::bus::Bus;
use forebay_akida::driver::{Driver, DriverError, Options};
use forebay_akida::transport::pcie::PcieOptions;
use forebay_akida::transport::sysfs::System;
use forebay_akida::transport::{self, Address};
use forebay_substrate::SubstrateError;

#[cfg(feature = "emulator")]
use super::emulator::emulated;
use super::unknown;
use crate::error::Error;

/// Opens the device of this address for the driver: a board or an emulator, not the software substrate.
///
/// # Errors
/// As [`open`](super::open).
pub fn open_board(address: &str, options: Options) -> Result<Board, Error> {
    Board::open(open_bus(address)?, options).map_err(driver_error)
}

/// Opens the device of this address for its registers and memory.
///
/// # Errors
/// As [`open`](super::open).
pub fn open_bus(address: &str) -> Result<Box<dyn Bus>, Error> {
    #[cfg(feature = "emulator")]
    if let Some(settings) = address.strip_prefix("emulator") {
        return emulated(settings).ok_or_else(|| unknown(address));
    }
    let parsed = address.parse::<Address>().map_err(|_| unknown(address))?;
    transport::open(&parsed, PcieOptions::default()).map_err(|error| driver_error(error.into()))
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
}
