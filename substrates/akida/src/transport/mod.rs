//! Ways to a board: VFIO, the maker's kernel node, and what both share.
//!
//! * [`function`]: a PCIe function as a user program sees it: configuration space, BARs, buffers for DMA, messages.
//!   VFIO is one implementation, the emulator's PCIe side another.
//! * [`pcie`]: the bus over such a function: address windows, single accesses; [`dma`]: bulk transfers by the chip's own
//!   engine; [`cost`]: when those are less work.
//! * [`node`]: the bus over the maker's kernel driver.
//! * `vfio`, `file`, [`sysfs`]: Linux. Unsafe code is in `map` and `ioctl` only.
//!
//! Tested on silicon: no.

pub mod cost;
pub mod dma;
#[cfg(target_os = "linux")]
mod file;
pub mod function;
#[cfg(target_os = "linux")]
mod ioctl;
#[cfg(target_os = "linux")]
mod map;
pub mod node;
pub mod pcie;
pub mod sysfs;
#[cfg(target_os = "linux")]
mod vfio;

use std::fmt;
use std::str::FromStr;

use crate::bus::{Bus, BusError};

use self::pcie::PcieOptions;
use self::sysfs::{Bdf, NoBdf};
#[cfg(target_os = "linux")]
pub use self::{file::open_node, vfio::VfioFunction};

/// Where a board is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A PCI function that vfio-pci has: `vfio:0000:a1:00.0`.
    Vfio(Bdf),
    /// A node of the maker's kernel driver: `node:/dev/akida0`.
    Node(String),
}

/// Text that is no address of a board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No such kind.
    #[error("{text:?} is no address of a board: it looks like vfio:0000:a1:00.0 or node:/dev/akida0")]
    Kind {
        /// What was given.
        text: String,
    },
    /// No PCI address.
    #[error(transparent)]
    Bdf(#[from] NoBdf),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once(':') {
            Some(("vfio", bdf)) => Ok(Self::Vfio(bdf.parse()?)),
            Some(("node", path)) if !path.is_empty() => Ok(Self::Node(path.to_owned())),
            _ => Err(AddressError::Kind { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vfio(bdf) => write!(f, "vfio:{bdf}"),
            Self::Node(path) => write!(f, "node:{path}"),
        }
    }
}

/// Opens the way to a board.
///
/// # Errors
/// [`BusError`] with the next step.
pub fn open(address: &Address, options: PcieOptions) -> Result<Box<dyn Bus>, BusError> {
    #[cfg(target_os = "linux")]
    return match address {
        Address::Vfio(bdf) => Ok(Box::new(pcie::PcieBus::open(VfioFunction::open(bdf)?, "vfio", options)?)),
        Address::Node(path) => Ok(Box::new(open_node(path)?)),
    };
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (address, options);
        Err(BusError::Unsupported { what: "a board", transport: "this operating system: only Linux is" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_back() {
        for text in ["vfio:0000:a1:00.0", "node:/dev/akida0"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
        assert!("vfio:a1".parse::<Address>().is_err());
        assert!("pci:0000:a1:00.0".parse::<Address>().is_err());
        assert!("node:".parse::<Address>().is_err());
    }
}
