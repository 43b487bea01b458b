//! The PCIe side of a chip: configuration space, windows, DMA engines, messages.
//!
//! # Source
//! specs/device-interface.md, "the way in", "PCIe DMA engines".

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_akida::Device;
use forebay_akida::chip::address::{CORE, CORE_BYTES, DBI, HOST_WINDOW, MEMORY};
use forebay_akida::chip::pcie::list::{CYCLE, ELEMENT_BYTES, LINK, LOCAL_INTERRUPT, REMOTE_INTERRUPT, TOGGLE};
use forebay_akida::chip::pcie::{
    EMULATOR_SUBSYSTEM, ENABLE, MATCHED_BAR, Side, VENDOR, config, device_id, edma, hdma, unrolled, viewport,
};

use crate::fault::TransferFault;
use crate::memory::{Store, Unmapped};
use crate::{Emulator, Violation};

/// Memory of the host by bus address.
pub type Host = Arc<Mutex<Box<dyn Store>>>;

/// Bytes of configuration space.
pub const CONFIG_BYTES: usize = 4096;
/// Where the PCI Express and the message capabilities are.
const EXPRESS: usize = 0x40;
const MSI: usize = 0x80;
/// Device control of the PCI Express capability: bit 15 resets the function.
const DEVICE_CONTROL: usize = EXPRESS + 8;
/// Most elements of a list that are walked: one that never ends is aborted.
const MOST_ELEMENTS: usize = 100_000;

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

    /// Bytes of a BAR: 4 MiB each on the AKD1000 as field notes say; of the AKD1500 only what must be there is known.
    pub fn bar_bytes(device: Device, bar: u8) -> u64 {
        match (device, bar) {
            (Device::Akd1000, 0 | 2 | 4) => 4 << 20,
            (Device::Akd1500, 0) => 64 << 10,
            (Device::Akd1500, 2 | 4) => 1 << 20,
            _ => 0,
        }
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

    fn config_word(&self, at: usize) -> u32 {
        let bytes = &self.config[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn command(&self) -> u16 {
        self.config_word(usize::from(config::COMMAND)) as u16
    }

    /// Reads configuration space; all ones outside, or once the device is gone.
    pub fn config_read(&self, at: usize, bytes: &mut [u8]) {
        bytes.fill(0xFF);
        if self.emulator.chip().faults.is_gone() {
            return;
        }
        for (offset, byte) in (at..).zip(bytes.iter_mut()) {
            let viewport_word = self.viewport_word(offset & !3);
            if let Some(&kept) = self.config.get(offset) {
                *byte = viewport_word.map_or(kept, |word| word.to_le_bytes()[offset & 3]);
            }
        }
    }

    /// Writes configuration space: command, BARs, messages, reset, windows; the rest keeps its value.
    pub fn config_write(&mut self, at: usize, bytes: &[u8]) {
        if self.emulator.chip().faults.is_gone() {
            return;
        }
        if at.is_multiple_of(4) && bytes.len() == 4 && viewport::RANGE.contains(&(at as u16)) {
            self.viewport_write(at, u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            return;
        }
        for (offset, &byte) in (at..).zip(bytes) {
            let is_writable = matches!(offset, 0x04 | 0x05 | 0x0C | 0x3C | 0x10..=0x27)
                || (DEVICE_CONTROL..DEVICE_CONTROL + 2).contains(&offset)
                || (EXPRESS + 16..EXPRESS + 18).contains(&offset)
                || offset == MSI + 2
                || (MSI + 4..MSI + 14).contains(&offset);
            if is_writable {
                self.config[offset] = byte;
            }
        }
        // Sizes show as zeros below them; bits 3:0 of the low half keep the kind.
        for bar in [0_u8, 2, 4] {
            let place = 0x10 + 4 * usize::from(bar);
            let mask = !(Self::bar_bytes(self.device(), bar) as u32 - 1);
            let word = self.config_word(place) & mask | 0x0C;
            self.config[place..place + 4].copy_from_slice(&word.to_le_bytes());
        }
        if self.config[MSI + 2] & !1 != 0x80 {
            // Enable is the one bit of control that can be set.
            self.config[MSI + 2] = self.config[MSI + 2] & 1 | 0x80;
        }
        if self.config[DEVICE_CONTROL + 1] & 0x80 != 0 {
            self.config[DEVICE_CONTROL + 1] &= 0x7F;
            self.reset();
        }
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

    fn viewport_word(&self, at: usize) -> Option<u32> {
        let region = self.regions.get(&self.selected).copied().unwrap_or_default();
        match u16::try_from(at).ok()? {
            viewport::SELECT => Some(self.selected),
            viewport::CONTROL2 => Some(region.control),
            viewport::TARGET => Some(region.target),
            _ => None,
        }
        .filter(|_| self.device() == Device::Akd1000)
    }

    fn viewport_write(&mut self, at: usize, value: u32) {
        if self.device() != Device::Akd1000 {
            return;
        }
        match at as u16 {
            viewport::SELECT => self.selected = value,
            viewport::CONTROL2 => self.regions.entry(self.selected).or_default().control = value,
            viewport::TARGET => self.regions.entry(self.selected).or_default().target = value,
            _ => {}
        }
    }

    /// The device address behind a byte of a BAR.
    fn target(&self, bar: u8, offset: u32) -> Option<u32> {
        let is_of =
            |region: &&Region| region.control & ENABLE != 0 && MATCHED_BAR.get(region.control) == u32::from(bar);
        let mut inbound = self.regions.iter().filter(|(number, _)| **number >> 31 == 1).map(|(_, region)| region);
        inbound.find(is_of).map(|region| region.target.wrapping_add(offset))
    }

    fn is_controller(&self, bar: u8) -> bool {
        self.device() == Device::Akd1500 && bar == 0
    }

    /// Whether accesses reach BARs at all.
    fn is_awake(&self) -> bool {
        self.command() & config::MEMORY_SPACE != 0 && !self.emulator.chip().faults.is_gone()
    }

    /// Time passes for the chip.
    pub fn advance(&self, nanoseconds: u64) {
        self.emulator.chip().advance(nanoseconds);
    }

    /// Reads a BAR; what breaks a rule is noted and reads all ones.
    pub fn bar_read(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) {
        if !self.is_awake() {
            bytes.fill(0xFF);
            return;
        }
        if let Err(violation) = self.try_read(bar, offset, bytes) {
            self.note(violation);
            bytes.fill(0xFF);
        }
    }

    /// Writes a BAR; what breaks a rule is noted.
    pub fn bar_write(&mut self, bar: u8, offset: u32, bytes: &[u8]) {
        if !self.is_awake() {
            return;
        }
        if let Err(violation) = self.try_write(bar, offset, bytes) {
            self.note(violation);
        }
    }

    fn try_read(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) -> Result<(), Violation> {
        if self.is_controller(bar) {
            word_access(offset, bytes.len())?;
            bytes.copy_from_slice(&self.words.get(&offset).copied().unwrap_or(0).to_le_bytes());
            return Ok(());
        }
        let target = self.target(bar, offset).ok_or(Violation::NoWindow { bar })?;
        match target {
            DBI..0xF900_0000 => {
                word_access(target, bytes.len())?;
                let word = self.endpoint_read(target - DBI);
                bytes.copy_from_slice(&word.to_le_bytes());
                Ok(())
            }
            _ => self.emulator.chip().read_block(target, bytes),
        }
    }

    fn try_write(&mut self, bar: u8, offset: u32, bytes: &[u8]) -> Result<(), Violation> {
        if self.is_controller(bar) {
            return self.controller_write(offset, word_of(offset, bytes)?);
        }
        let target = self.target(bar, offset).ok_or(Violation::NoWindow { bar })?;
        match target {
            DBI..0xF900_0000 => self.endpoint_write(target - DBI, word_of(target, bytes)?),
            // A write of 64 bits to registers is two of 32: buses may join them.
            _ if bytes.len() == 8 && (CORE..CORE + CORE_BYTES).contains(&target) => {
                let mut chip = self.emulator.chip();
                chip.write_block(target, &bytes[..4])?;
                chip.write_block(target + 4, &bytes[4..])
            }
            _ => self.emulator.chip().write_block(target, bytes),
        }
    }

    /// The endpoint's own registers: configuration space, windows, DMA engine.
    fn endpoint_read(&self, at: u32) -> u32 {
        match at {
            edma::CTRL => 0x0002_0002,
            at if behind_viewport(at) => {
                let viewport = self.words.get(&edma::VIEWPORT).copied().unwrap_or(0);
                self.channels.get(&(viewport, at)).copied().unwrap_or(0)
            }
            at if edma::RANGE.contains(&at) => self.words.get(&at).copied().unwrap_or(0),
            at if (at as usize) < CONFIG_BYTES => {
                self.viewport_word(at as usize).unwrap_or_else(|| self.config_word(at as usize))
            }
            _ => 0,
        }
    }

    fn endpoint_write(&mut self, at: u32, value: u32) -> Result<(), Violation> {
        if viewport::RANGE.contains(&(at.min(0xFFFF) as u16)) {
            self.viewport_write(at as usize, value);
            return Ok(());
        }
        if behind_viewport(at) {
            let viewport = self.words.get(&edma::VIEWPORT).copied().unwrap_or(0);
            self.channels.insert((viewport, at), value);
            return Ok(());
        }
        if !edma::RANGE.contains(&at) {
            return Err(Violation::ReadOnly { register: format!("endpoint register {at:#x}") });
        }
        for side in [Side::Write, Side::Read] {
            let registers = edma::registers(side);
            if at == registers.doorbell {
                return self.ring_edma(side, value);
            }
            if at == registers.clear {
                *self.words.entry(registers.status).or_default() &= !value;
                return Ok(());
            }
            if at == registers.status {
                return Err(Violation::ReadOnly { register: "the DMA engine's status".to_owned() });
            }
        }
        self.words.insert(at, value);
        Ok(())
    }

    fn ring_edma(&mut self, side: Side, value: u32) -> Result<(), Violation> {
        let (channel, registers) = (value & 0b111, edma::registers(side));
        if value >> 31 == 1 {
            return Ok(());
        }
        let word = |at: u32| self.words.get(&at).copied().unwrap_or(0);
        let behind = |at: u32| self.channels.get(&(edma::viewport(side, channel), at)).copied().unwrap_or(0);
        if word(registers.enable) & 1 == 0 || behind(edma::CONTROL1) != edma::WALK_LIST || channel > 1 {
            return Err(Violation::NotReady { what: "the DMA engine's channel was not set up" });
        }
        let list = behind(edma::LIST_LOW);
        let fault = self.emulator.chip().faults.on_transfer();
        let walked = self.walk(side, list, fault);
        let (bit, asks_message) = match &walked {
            Ok(asks_message) => (edma::done(channel), *asks_message),
            Err(_) => (edma::aborted(channel), true),
        };
        *self.words.entry(registers.status).or_default() |= bit;
        let is_masked = self.words.get(&registers.mask).copied().unwrap_or(0) & bit != 0;
        if asks_message && !is_masked && fault != Some(TransferFault::LostInterrupt) {
            let [low, high] = if walked.is_ok() { registers.done_address } else { registers.abort_address };
            let word = |at: u32| self.words.get(&at).copied().unwrap_or(0);
            let address = u64::from(word(high)) << 32 | u64::from(word(low));
            let data = word(registers.message_data) >> (16 * channel) & 0xFFFF;
            self.message(address, data)?;
        }
        walked.map(drop)
    }

    /// The BAR of the AKD1500's PCIe controller: HDMA and windows.
    fn controller_write(&mut self, at: u32, value: u32) -> Result<(), Violation> {
        for channel in 0..hdma::CHANNELS {
            for side in [Side::Write, Side::Read] {
                let base = hdma::base(side, channel);
                match at.wrapping_sub(base) {
                    hdma::DOORBELL if value & 1 == 1 => return self.ring_hdma(side, base),
                    hdma::CLEAR => {
                        *self.words.entry(base + hdma::INTERRUPT).or_default() &= !value;
                        return Ok(());
                    }
                    _ => {}
                }
            }
        }
        self.words.insert(at, value);
        // Windows: inbound regions, and the outbound one onto the host.
        for region in 0..8 {
            let outbound = unrolled::BASE + unrolled::STRIDE * region;
            let inbound = outbound + unrolled::INBOUND;
            let word = |at: u32| self.words.get(&at).copied().unwrap_or(0);
            if at == inbound + unrolled::CONTROL2 || at == inbound + unrolled::TARGET_LOW {
                let (target, control) = (word(inbound + unrolled::TARGET_LOW), word(inbound + unrolled::CONTROL2));
                self.regions.insert(1 << 31 | region, Region { target, control });
            }
            if at == outbound + unrolled::CONTROL2 && region == 0 {
                let (start, end) = (word(outbound + unrolled::BASE_LOW), word(outbound + unrolled::LIMIT));
                let target = u64::from(word(outbound + unrolled::TARGET_HIGH)) << 32
                    | u64::from(word(outbound + unrolled::TARGET_LOW));
                let is_open = value & ENABLE != 0 && start >= HOST_WINDOW && end > start && end < u32::MAX;
                let window = is_open.then(|| {
                    let store: Box<dyn Store> = Box::new(Window { host: Arc::clone(&self.host), target });
                    (start..end + 1, store)
                });
                self.emulator.chip().memory.set_window(window);
            }
        }
        Ok(())
    }

    fn ring_hdma(&mut self, side: Side, base: u32) -> Result<(), Violation> {
        let word = |at: u32| self.words.get(&(base + at)).copied().unwrap_or(0);
        if word(hdma::ENABLE) & 1 == 0 || word(hdma::CONTROL1) & 1 == 0 || word(hdma::CYCLE) != 3 {
            return Err(Violation::NotReady { what: "the DMA engine's channel was not set up" });
        }
        let list = word(hdma::LIST_LOW);
        let fault = self.emulator.chip().faults.on_transfer();
        let walked = self.walk(side, list, fault);
        *self.words.entry(base + hdma::INTERRUPT).or_default() |= if walked.is_ok() { 1 } else { 4 };
        self.words.insert(base + hdma::STATUS, 3);
        walked.map(drop)
    }

    /// Walks a list; says whether its end asks for a message.
    fn walk(&mut self, side: Side, list: u32, fault: Option<TransferFault>) -> Result<bool, Violation> {
        if self.command() & config::BUS_MASTER == 0 {
            return Err(Violation::NoBusMaster { what: "a DMA transfer" });
        }
        let (mut at, mut cycle, mut asks_message) = (list, CYCLE, false);
        for _ in 0..MOST_ELEMENTS {
            let mut element = [0; ELEMENT_BYTES as usize];
            self.emulator.chip().memory.read(at, &mut element)?;
            let word = |k: usize| u32::from_le_bytes([element[k], element[k + 1], element[k + 2], element[k + 3]]);
            let wide = |k: usize| u64::from(word(k + 4)) << 32 | u64::from(word(k));
            let control = word(0);
            if control & LINK != 0 {
                if control & TOGGLE != 0 {
                    cycle ^= CYCLE;
                }
                at = word(8);
                continue;
            }
            if control & CYCLE != cycle {
                return Ok(asks_message);
            }
            let bytes = word(4) as usize;
            let iova = if fault == Some(TransferFault::Unmapped) {
                0xDEAD_0000_0000
            } else {
                wide(if side == Side::Write { 16 } else { 8 })
            };
            let inner = word(if side == Side::Write { 8 } else { 16 });
            self.copy(side, inner, iova, bytes)?;
            asks_message |= control & (REMOTE_INTERRUPT | LOCAL_INTERRUPT) == REMOTE_INTERRUPT | LOCAL_INTERRUPT;
            at = at.wrapping_add(ELEMENT_BYTES);
        }
        Err(Violation::NotReady { what: "a DMA list without an end" })
    }

    fn copy(&mut self, side: Side, inner: u32, iova: u64, bytes: usize) -> Result<(), Violation> {
        let unmapped = Violation::Iova { iova, bytes };
        if bytes > 64 << 20 {
            return Err(unmapped);
        }
        let mut data = vec![0; bytes];
        // One lock at a time: the chip takes the host's when it uses its window.
        let host = || self.host.lock().unwrap_or_else(PoisonError::into_inner);
        match side {
            Side::Write => {
                self.emulator.chip().read_block(inner, &mut data)?;
                host().write(iova, &data).map_err(|_| unmapped)
            }
            Side::Read => {
                host().read(iova, &mut data).map_err(|_| unmapped)?;
                self.emulator.chip().write_block(inner, &data)
            }
        }
    }

    /// The device writes a message: it arrives if it is the one that the system set up.
    fn message(&mut self, address: u64, data: u32) -> Result<(), Violation> {
        let low = self.config_word(MSI + 4);
        let expected = u64::from(self.config_word(MSI + 8)) << 32 | u64::from(low);
        let is_on = self.config[MSI + 2] & 1 == 1;
        if !is_on || address != expected || data != self.config_word(MSI + 12) & 0xFFFF {
            return Err(Violation::Iova { iova: address, bytes: 4 });
        }
        if let Some(on_message) = &mut self.on_message {
            on_message();
        }
        Ok(())
    }

    /// What the system does to turn messages on: for a host in this process.
    pub(crate) fn set_message(&mut self, address: u64, data: u16) {
        self.config[MSI + 4..MSI + 12].copy_from_slice(&address.to_le_bytes());
        self.config[MSI + 12..MSI + 14].copy_from_slice(&data.to_le_bytes());
        self.config[MSI + 2] |= 1;
    }

    /// Whether these bytes of configuration space hold the message's address or data, which VFIO does not show.
    pub(crate) fn is_message(at: usize) -> bool {
        (MSI + 4..MSI + 14).contains(&at)
    }

    /// Memory that the BAR of device memory shows, if its window is where it should be.
    pub fn shows_memory(&self) -> bool {
        self.target(4, 0) == Some(MEMORY)
    }
}

fn behind_viewport(at: u32) -> bool {
    (edma::CONTROL1..=edma::LIST_HIGH).contains(&at)
}

fn word_access(address: u32, bytes: usize) -> Result<(), Violation> {
    if bytes == 4 && address.is_multiple_of(4) { Ok(()) } else { Err(Violation::Width { address, bytes }) }
}

fn word_of(address: u32, bytes: &[u8]) -> Result<u32, Violation> {
    word_access(address, bytes.len())?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// What the AKD1500's window shows of the host.
#[derive(Debug)]
struct Window {
    host: Host,
    target: u64,
}

impl Store for Window {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped> {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        host.read(self.target.wrapping_add(at), bytes)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        host.write(self.target.wrapping_add(at), bytes)
    }
}
