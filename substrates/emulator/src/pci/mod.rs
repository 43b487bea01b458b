//! The PCIe side of a chip: configuration space, windows, DMA engines, messages.
//!
//! * `space`: configuration space and messages. `bars`: windows and the registers behind them. `engines`: DMA.
//!
//! # Source
//! specs/device-interface.md, "the way in", "PCIe DMA engines".

mod bars;
mod engines;
mod space;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use forebay_akida::Device;
use forebay_akida::chip::pcie::{EMULATOR_SUBSYSTEM, VENDOR, config, device_id};

use crate::memory::Store;
use crate::{Emulator, Violation};

/// Memory of the host by bus address.
pub type Host = Arc<Mutex<Box<dyn Store>>>;

/// Bytes of configuration space.
pub const CONFIG_BYTES: usize = 4096;

/// Where the PCI Express and the message capabilities are.
const EXPRESS: usize = 0x40;
const MSI: usize = 0x80;

/// Called for each message.
pub type OnMessage = Box<dyn FnMut() + Send>;

/// A chip as a PCIe function.
pub struct PciDevice {
    emulator: Emulator,
    config: Box<[u8; CONFIG_BYTES]>,
    host: Host,
    on_message: Option<OnMessage>,
    /// Address windows by region: target, BAR.
    regions: BTreeMap<u32, Region>,
    /// Region that the viewport shows, and its registers by (region, offset).
    selected: u32,
    /// Registers of the DMA engines, of the unrolled windows, and behind the engine's viewport.
    words: BTreeMap<u32, u32>,
    channels: BTreeMap<(u32, u32), u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Region {
    target: u32,
    control: u32,
}

impl fmt::Debug for PciDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PciDevice").field("emulator", &self.emulator).finish_non_exhaustive()
    }
}

impl PciDevice {
    /// A chip in a slot, with the memory of its host.
    pub fn new(emulator: Emulator, host: Host) -> Self {
        let device = emulator.settings.device;
        let mut space = Box::new([0; CONFIG_BYTES]);
        let mut put = |at: usize, word: u32| space[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(0x00, u32::from(device_id(device)) << 16 | u32::from(VENDOR));
        put(0x04, 0x0010_0000); // status: there is a capability list
        put(0x08, 0x0400_0001); // class as field notes say [R], revision 1
        for bar in [0, 2, 4] {
            put(0x10 + 4 * bar, 0x0C); // 64 bits, prefetchable
        }
        put(0x2C, u32::from(EMULATOR_SUBSYSTEM) << 16 | u32::from(VENDOR));
        put(0x34, EXPRESS as u32);
        put(EXPRESS, 0x0002_0010 | (MSI as u32) << 8); // endpoint, version 2
        put(EXPRESS + 4, 0x1000_8000); // function-level reset
        put(EXPRESS + 12, if device == Device::Akd1000 { 0x12 } else { 0x22 }); // Gen2, one or two lanes
        put(EXPRESS + 16, if device == Device::Akd1000 { 0x0012_0000 } else { 0x0022_0000 });
        put(MSI, 0x0080_0005); // one vector, 64-bit address
        // Only what the host sets up is behind the window.
        emulator.chip().memory.set_window(None);
        Self {
            emulator,
            config: space,
            host,
            on_message: None,
            regions: BTreeMap::new(),
            selected: 0,
            words: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }

    /// Who is told of messages.
    pub fn on_message(&mut self, on_message: Option<OnMessage>) {
        self.on_message = on_message;
    }

    /// The chip.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    fn device(&self) -> Device {
        self.emulator.settings.device
    }

    fn note(&self, violation: Violation) {
        self.emulator.chip().violations.push(violation);
    }

    /// A function-level reset: the chip, windows, engines; memory keeps its content.
    pub fn reset(&mut self) {
        self.regions.clear();
        self.words.clear();
        self.channels.clear();
        let command = usize::from(config::COMMAND);
        self.config[command..command + 2].fill(0);
        self.config[MSI + 2] &= !1;
        let mut chip = self.emulator.chip();
        chip.memory.set_window(None);
        chip.reset();
    }

    /// Time passes for the chip.
    pub fn advance(&self, nanoseconds: u64) {
        self.emulator.chip().advance(nanoseconds);
    }
}
