//! AKD1000 and AKD1500 at register and DMA level: what a driver can try itself on without a board.
//!
//! ```text
//! driver ── Bus ──► registers, descriptor rings, configuration packets ──► processors compute from the bits they received
//! ```
//!
//! The emulator answers as specs/device-interface.md says a chip does, and no more is known of chips. Registers,
//! descriptors and packets are declared once, in `forebay-akida`; everything that those mean to the chip is decoded here,
//! from the specification, so that a mistake of the side that writes programs shows.
//!
//! * `chip`: registers by address, resets, jobs. `controller`: a DMA controller. `mesh`, `processor`: layers from
//!   register blocks and weight bits.
//! * [`pci`], [`function`]: the chip's PCIe side, and a machine around it in this process.
//! * `server`: the same over a vfio-user socket, for virtual machines (Linux).
//! * [`memory`]: what the chip addresses. [`fault`]: faults by name and seed. [`violation`]: what a host does wrong.
//!
//! Nothing of this is silicon, nor says anything of its speed.

mod chip;
mod controller;
pub mod fault;
pub mod function;
pub mod memory;
mod mesh;
pub mod pci;
mod processor;
#[cfg(target_os = "linux")]
pub mod server;
pub mod violation;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_akida::Device;
use forebay_akida::bus::{Bus, BusError, Counters, Identity, Memory};
use forebay_akida::chip::address::{HOST_WINDOW, MEMORY, RESERVED_BYTES, memory as device_memory};

use crate::chip::Chip;
pub use crate::fault::{Fault, Injection};
use crate::memory::{Pages, Store};
pub use crate::violation::Violation;

/// What kind of chip is emulated, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The chip.
    pub device: Device,
    /// Whether an access that violates the interface fails; violations are noted in any case.
    pub strict: bool,
    /// Whether the version register of an AKD1000 reads 0, as legacy parts may; what silicon does is not known.
    pub legacy_version: bool,
    /// Bytes of host memory that an AKD1500 sees; 0 for none. At most 32 MiB.
    pub host_bytes: u32,
    /// What goes wrong.
    pub faults: Vec<Injection>,
}

impl Settings {
    /// A strict chip without faults; an AKD1500 sees 2 MiB of the host.
    pub fn new(device: Device) -> Self {
        let host_bytes = if device == Device::Akd1500 { 2 << 20 } else { 0 };
        Self { device, strict: true, legacy_version: device == Device::Akd1000, host_bytes, faults: Vec::new() }
    }
}

/// An emulated chip, to be reached through any number of buses.
#[derive(Clone, Debug)]
pub struct Emulator {
    chip: Arc<Mutex<Chip>>,
    settings: Settings,
}

impl Emulator {
    /// A chip after power-on.
    ///
    /// # Examples
    /// ```
    /// use forebay_akida::Device;
    /// use forebay_akida::bus::Bus;
    /// use forebay_emulator::{Emulator, Settings};
    ///
    /// let emulator = Emulator::new(Settings::new(Device::Akd1500));
    /// assert_eq!(emulator.bus().read(0xFCC0_0000)?, 0xBCA1_0309);
    /// assert!(emulator.bus().read(0xFCC0_0002).is_err()); // registers are aligned words
    /// assert_eq!(emulator.violations().len(), 1);
    /// # Ok::<(), forebay_akida::bus::BusError>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self::with_memory(settings, Box::new(Pages::default()))
    }

    /// A chip whose memory is somebody else's.
    pub fn with_memory(settings: Settings, memory: Box<dyn Store>) -> Self {
        let mut chip = Chip::new(settings.device, settings.legacy_version, memory, settings.strict);
        for injection in &settings.faults {
            chip.faults.add(*injection);
        }
        if let Some(window) = host_window(&settings) {
            chip.memory.set_window(Some((window, Box::new(Pages::default()))));
        }
        Self { chip: Arc::new(Mutex::new(chip)), settings }
    }

    /// A way to the chip.
    pub fn bus(&self) -> EmulatorBus {
        let version = match self.settings.device {
            Device::Akd1000 => "NSoC_v2",
            Device::Akd1500 => "AKD1500",
        };
        let identity = Identity {
            name: format!("emulator:{}", self.settings.device.to_string().to_lowercase()),
            description: format!("Emulator/{version}"),
            is_silicon: false,
        };
        EmulatorBus { emulator: self.clone(), identity, counters: Counters::default() }
    }

    /// What hosts did wrong so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.chip().violations.clone()
    }

    /// Faults that happened so far.
    pub fn faults(&self) -> Vec<Fault> {
        self.chip().faults.happened.clone()
    }

    /// Samples done so far.
    pub fn jobs(&self) -> u64 {
        self.chip().jobs
    }

    /// Takes the device away: from now on every read is all ones.
    pub fn remove(&self) {
        self.chip().faults.remove();
    }

    /// Adds a fault, counted from what has happened so far as [`Injection`] says.
    pub fn inject(&self, injection: Injection) {
        self.chip().faults.add(injection);
    }

    fn chip(&self) -> MutexGuard<'_, Chip> {
        // A panic elsewhere leaves the chip as it was: whatever it then holds, it answers.
        self.chip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host_window(settings: &Settings) -> Option<Range<u32>> {
    let bytes = settings.host_bytes.min(32 << 20);
    (settings.device == Device::Akd1500 && bytes > 0).then(|| HOST_WINDOW..HOST_WINDOW + bytes)
}

/// What an access takes on the emulator's clock: about what a read over PCIe takes.
const ACCESS_NANOSECONDS: u64 = 1000;

/// A bus to an emulated chip in this process.
///
/// Its clock is the emulator's own: it runs on with accesses and pauses, not with the time of day, so that deadlines of
/// seconds pass at once and runs are repeatable.
#[derive(Debug)]
pub struct EmulatorBus {
    emulator: Emulator,
    identity: Identity,
    counters: Counters,
}

impl EmulatorBus {
    fn access<R>(&self, gone: R, access: impl FnOnce(&mut Chip) -> Result<R, Violation>) -> Result<R, BusError> {
        let mut chip = self.emulator.chip();
        chip.advance(ACCESS_NANOSECONDS);
        if chip.faults.is_gone() {
            return Ok(gone);
        }
        match access(&mut chip) {
            Ok(result) => Ok(result),
            Err(violation) => {
                chip.violations.push(violation.clone());
                if self.emulator.settings.strict {
                    let what = "the emulator does not allow this".to_owned();
                    return Err(BusError::Other { what, source: Box::new(violation) });
                }
                Ok(gone)
            }
        }
    }
}

/// Words that a block touches.
fn words(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

impl Bus for EmulatorBus {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        self.counters.register_reads += 1;
        self.access(u32::MAX, |chip| chip.read(address))
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        self.counters.register_writes += 1;
        self.access((), |chip| chip.write(address, value))
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        if address >= HOST_WINDOW && host_window(&self.emulator.settings).is_some() {
            self.counters.host_bytes += bytes.len() as u64;
        } else {
            self.counters.memory_reads += words(bytes.len());
            self.counters.bytes_read += bytes.len() as u64;
        }
        let mut read = false;
        self.access((), |chip| {
            read = true;
            chip.read_block(address, bytes)
        })?;
        if !read {
            bytes.fill(0xFF);
        }
        Ok(())
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        if address >= HOST_WINDOW && host_window(&self.emulator.settings).is_some() {
            self.counters.host_bytes += bytes.len() as u64;
        } else {
            self.counters.memory_writes += words(bytes.len());
            self.counters.bytes_written += bytes.len() as u64;
        }
        self.access((), |chip| chip.write_block(address, bytes))
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn memory(&self) -> Memory {
        let device = device_memory(self.emulator.settings.device);
        Memory { device: MEMORY + RESERVED_BYTES..device.end, host: host_window(&self.emulator.settings) }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.emulator.chip().clock())
    }

    fn pause(&mut self, time: Duration) {
        self.emulator.chip().advance(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn reset(&mut self) -> Result<(), BusError> {
        let mut chip = self.emulator.chip();
        if chip.faults.is_gone() {
            return Err(BusError::Gone { how: "it does not answer to a reset" });
        }
        chip.reset();
        Ok(())
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
