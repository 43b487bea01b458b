//! What a substrate says of itself.

use std::fmt;
use std::fs;

use forebay_akida::Board;
use forebay_akida::chip::address;
use forebay_akida::chip::top::{ip_version, version_text};
use forebay_akida::driver::DriverError;
use forebay_akida::transport::sysfs::{Bdf, System};
use forebay_substrate::Substrate;
use serde::Serialize;

use crate::error::Error;
use crate::open::driver_error;

/// Which device it is, as far as it tells.
///
/// A name to keep records apart, not security: everything in it can be copied, and two boards of the same kind differ
/// in their slots only. No source speaks of a serial number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The substrate's name, for boards their address.
    pub name: String,
    /// Which chip its programs are for.
    pub device: String,
    /// Whether it is silicon; false for software and emulators.
    pub is_silicon: bool,
    /// The chip's version register as text, such as `BC.A1.003.009`; `None` without registers. Legacy parts read 0.
    pub version_register: Option<String>,
    /// What the transport knows of the chip in words; `None` without one.
    pub transport: Option<String>,
    /// Numbers of the PCI function; `None` if it is none that this machine shows.
    pub pci: Option<PciIds>,
}

impl Identity {
    /// What any substrate says.
    pub fn of(substrate: &dyn Substrate) -> Self {
        let about = substrate.capabilities().clone();
        let (version_register, transport, pci) = (None, None, None);
        Self { name: about.name, device: about.device, is_silicon: about.is_silicon, version_register, transport, pci }
    }

    /// What a board says, with its version register and the numbers of its PCI function.
    ///
    /// # Errors
    /// [`Error::Substrate`] if the device does not answer.
    pub fn of_board(board: &Board) -> Result<Self, Error> {
        let (version, transport) = board
            .with_driver(|driver| {
                let bus = driver.bus();
                let version = bus.read(address::CORE + ip_version::OFFSET)?;
                Ok((version, bus.identity().description.clone()))
            })
            .map_err(|error: DriverError| driver_error(error))?;
        let mut identity = Self::of(board);
        identity.version_register = Some(version_text(version.to_be_bytes()));
        identity.transport = Some(transport);
        let bdf = identity.name.strip_prefix("vfio:").and_then(|bdf| bdf.parse().ok());
        identity.pci = bdf.and_then(|bdf| PciIds::read(&System::default(), &bdf));
        Ok(identity)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let silicon = if self.is_silicon { "yes" } else { "no" };
        write!(f, "{} ({}), silicon: {silicon}", self.name, self.device)?;
        if let Some(version) = &self.version_register {
            write!(f, "\n              version register {version} (0 on legacy parts)")?;
        }
        if let Some(transport) = self.transport.as_ref().filter(|text| !text.is_empty()) {
            write!(f, "\n              {transport}")?;
        }
        if let Some(pci) = &self.pci {
            write!(f, "\n              PCI {pci}")?;
        }
        Ok(())
    }
}

/// Numbers of a PCI function, as the kernel shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PciIds {
    /// Domain, bus, device and function: the slot.
    pub slot: String,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Subsystem's vendor id.
    pub subsystem_vendor: u16,
    /// Subsystem's device id.
    pub subsystem_device: u16,
    /// Revision.
    pub revision: u16,
}

impl PciIds {
    /// Reads them from the system's tree; `None` if there is no such function.
    pub fn read(system: &System, bdf: &Bdf) -> Option<Self> {
        let number = |file: &str| {
            let text = fs::read_to_string(system.function(bdf).join(file)).ok()?;
            u16::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
        };
        Some(Self {
            slot: bdf.to_string(),
            vendor: number("vendor")?,
            device: number("device")?,
            subsystem_vendor: number("subsystem_vendor")?,
            subsystem_device: number("subsystem_device")?,
            revision: number("revision")?,
        })
    }
}

impl fmt::Display for PciIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, vendor, device, subsystem_vendor, subsystem_device, revision } = self;
        write!(f, "{vendor:04x}:{device:04x}, subsystem {subsystem_vendor:04x}:{subsystem_device:04x}, ")?;
        write!(f, "revision {revision:02x}, slot {slot}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_kernel_shows_them() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let system = System::new(root.path());
        let bdf: Bdf = "0000:a1:00.0".parse().expect("a PCI address");
        assert_eq!(PciIds::read(&system, &bdf), None);
        let folder = system.function(&bdf);
        fs::create_dir_all(&folder).expect("the temporary folder takes folders");
        let files = [
            ("vendor", "0x1e7c\n"),
            ("device", "0xbca1\n"),
            ("subsystem_vendor", "0x1e7c\n"),
            ("subsystem_device", "0x0001\n"),
            ("revision", "0x01\n"),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("the temporary folder takes files");
        }
        let ids = PciIds::read(&system, &bdf).expect("all files are there");
        assert_eq!(ids.to_string(), "1e7c:bca1, subsystem 1e7c:0001, revision 01, slot 0000:a1:00.0");
    }
}
