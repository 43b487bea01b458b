//! Substrates and devices by address.

#[cfg(feature = "driver")]
mod board;
#[cfg(feature = "emulator")]
mod emulator;

use std::sync::Arc;

use forebay_akida::Device;
use forebay_software::Software;
use forebay_substrate::Substrate;

#[cfg(feature = "driver")]
pub(crate) use self::board::driver_error;
#[cfg(feature = "driver")]
pub use self::board::{Choice, choose, open_board, open_bus};
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
/// Boards and `auto` need the feature `driver`, emulators the feature `emulator`; both are there by default.
///
/// An emulator takes options after commas: `pcie` (through its PCIe side), `fault=NAME` and `seed=NUMBER` (see
/// `forebay_emulator::Fault`).
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
    #[cfg(feature = "driver")]
    if address == "auto" {
        return open(&choose().address);
    }
    let (kind, device) = address.split_once(':').unwrap_or((address, "akd1000"));
    match (kind, device.to_uppercase().parse::<Device>()) {
        ("software", Ok(device)) => Ok(Arc::new(Software::new(device)?)),
        ("software", Err(_)) => Err(unknown(address)),
        #[cfg(feature = "driver")]
        _ => Ok(Arc::new(open_board(address, forebay_akida::driver::Options::default())?)),
        #[cfg(not(feature = "driver"))]
        _ => Err(unknown(address)),
    }
}

/// What this build can open.
#[cfg(feature = "emulator")]
const AVAILABLE: &str = "software:akd1000, software:akd1500, emulator:akd1000, emulator:akd1500, vfio:0000:a1:00.0, \
                         node:/dev/akida0, auto";
#[cfg(all(feature = "driver", not(feature = "emulator")))]
const AVAILABLE: &str = "software:akd1000, software:akd1500, vfio:0000:a1:00.0, node:/dev/akida0, auto (emulators \
                         need forebay's feature `emulator`)";
#[cfg(not(feature = "driver"))]
const AVAILABLE: &str = "software:akd1000, software:akd1500 (boards and auto need forebay's feature `driver`, emulators \
                         its feature `emulator`)";

fn unknown(address: &str) -> Error {
    Error::Unknown { kind: "substrate", name: address.to_owned(), available: AVAILABLE.to_owned() }
}
