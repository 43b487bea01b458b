//! The BARs: address windows, and the registers of the endpoint and of its controller behind them.

use std::sync::{Arc, PoisonError};

use forebay_akida::Device;
use forebay_akida::chip::address::{CORE, CORE_BYTES, DBI, HOST_WINDOW, MEMORY};
use forebay_akida::chip::pcie::{ENABLE, MATCHED_BAR, Side, config, edma, hdma, unrolled, viewport};

use super::{CONFIG_BYTES, Host, PciDevice, Region};
use crate::Violation;
use crate::memory::{Store, Unmapped};

impl PciDevice {
    /// Bytes of a BAR: 4 MiB each on the AKD1000 as field notes say; of the AKD1500 only what must be there is known.
    pub fn bar_bytes(device: Device, bar: u8) -> u64 {
        match (device, bar) {
            (Device::Akd1000, 0 | 2 | 4) => 4 << 20,
            (Device::Akd1500, 0) => 64 << 10,
            (Device::Akd1500, 2 | 4) => 1 << 20,
            _ => 0,
        }
    }

    /// Memory that the BAR of device memory shows, if its window is where it should be.
    pub fn shows_memory(&self) -> bool {
        self.target(4, 0) == Some(MEMORY)
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
