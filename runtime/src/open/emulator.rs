//! Emulated chips by address.

use forebay_akida::bus::Bus;
use forebay_akida::transport::pcie::{PcieBus, PcieOptions};
use forebay_emulator::function::EmulatedFunction;
use forebay_emulator::{Emulator, Fault, Injection, Settings};

/// `:akd1000,pcie,fault=NAME,seed=7`.
pub(super) fn emulated(settings: &str) -> Option<Box<dyn Bus>> {
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

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::open::open_bus;

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
