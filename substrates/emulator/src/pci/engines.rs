//! The DMA engines: doorbells, lists of elements, copies between the host and the chip, and the end of a transfer.

use std::sync::PoisonError;

use forebay_akida::chip::pcie::list::{CYCLE, ELEMENT_BYTES, LINK, LOCAL_INTERRUPT, REMOTE_INTERRUPT, TOGGLE};
use forebay_akida::chip::pcie::{Side, config, edma, hdma};

use super::PciDevice;
use crate::Violation;
use crate::fault::TransferFault;

/// Most elements of a list that are walked: one that never ends is aborted.
const MOST_ELEMENTS: usize = 100_000;

impl PciDevice {
    pub(super) fn ring_edma(&mut self, side: Side, value: u32) -> Result<(), Violation> {
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

    pub(super) fn ring_hdma(&mut self, side: Side, base: u32) -> Result<(), Violation> {
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
}
