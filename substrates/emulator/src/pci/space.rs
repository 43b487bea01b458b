//! Configuration space: command, BARs, messages, reset, and the viewport onto the address windows.

use forebay_akida::Device;
use forebay_akida::chip::pcie::{config, viewport};

use super::{EXPRESS, MSI, PciDevice};
use crate::Violation;

/// Device control of the PCI Express capability: bit 15 resets the function.
const DEVICE_CONTROL: usize = EXPRESS + 8;

impl PciDevice {
    pub(super) fn config_word(&self, at: usize) -> u32 {
        let bytes = &self.config[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    pub(super) fn command(&self) -> u16 {
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

    pub(super) fn viewport_word(&self, at: usize) -> Option<u32> {
        let region = self.regions.get(&self.selected).copied().unwrap_or_default();
        match u16::try_from(at).ok()? {
            viewport::SELECT => Some(self.selected),
            viewport::CONTROL2 => Some(region.control),
            viewport::TARGET => Some(region.target),
            _ => None,
        }
        .filter(|_| self.device() == Device::Akd1000)
    }

    pub(super) fn viewport_write(&mut self, at: usize, value: u32) {
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

    /// The device writes a message: it arrives if it is the one that the system set up.
    pub(super) fn message(&mut self, address: u64, data: u32) -> Result<(), Violation> {
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
}
