//! Substrates by address.

use std::sync::Arc;

use forebay_akida::Device;
use forebay_software::Software;
use forebay_substrate::Substrate;

use crate::error::Error;

/// Opens the substrate of this address.
///
/// | address | what it is |
/// |---|---|
/// | `software:akd1000`, `software:akd1500` | exact integer execution of that device's programs on the host |
/// | `software` | the same as `software:akd1000` |
///
/// # Errors
/// [`Error::Unknown`] with the addresses that exist; [`Error::Kernel`] if the environment forces a kernel form that the
/// CPU lacks.
///
/// # Examples
/// ```
/// let software = forebay::open("software:akd1500")?;
/// assert_eq!(software.capabilities().device, "AKD1500");
/// # Ok::<(), forebay::Error>(())
/// ```
pub fn open(address: &str) -> Result<Arc<dyn Substrate>, Error> {
    let (kind, device) = address.split_once(':').unwrap_or((address, "akd1000"));
    match (kind, device.to_uppercase().parse::<Device>()) {
        ("software", Ok(device)) => Ok(Arc::new(Software::new(device)?)),
        _ => Err(Error::Unknown {
            kind: "substrate",
            name: address.to_owned(),
            available: "software:akd1000, software:akd1500".to_owned(),
        }),
    }
}
