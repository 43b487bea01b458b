//! The chip: registers by address, resets, memory.
//!
//! * `jobs`: the three DMA controllers at work. `samples`: what they read and write of a sample.
//!
//! # Source
//! specs/device-interface.md.

mod jobs;
mod samples;

use std::collections::BTreeMap;
use std::ops::Range;

use forebay_akida::Device;
use forebay_akida::chip::address::{
    CHIP_INFO, CONFIG_DMA, CORE, CORE_BYTES, EPG, EPG_BYTES, EVENT_DMA, HRC_DMA, INTERRUPT, memory as device_memory,
};
use forebay_akida::chip::top::{
    CORE_RESET, NP_RESET, general, ip_version, mesh_info, mesh_info1, mesh_info2, mesh_info3, version_word,
};
use forebay_akida::chip::{Access, top};

use crate::controller::{Asked, Controller};
use crate::fault::Faults;
use crate::memory::{Memory, Store};
use crate::mesh::Mesh;
use crate::violation::Violation;

/// Space that a controller's registers take.
const CONTROLLER_BYTES: u32 = 0x100;

/// The controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Config,
    Event,
    Hrc,
}

/// The whole chip behind its bus.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) device: Device,
    /// Whether the version register reads 0, as legacy parts may.
    legacy_version: bool,
    pub(crate) memory: Memory,
    /// Top level, routing, interrupt controller: words that are kept as they come.
    words: BTreeMap<u32, u32>,
    config: Controller,
    event: Controller,
    hrc: Controller,
    mesh: Mesh,
    /// Nanoseconds since power-on, as far as the chip counts them.
    clock: u64,
    pub(crate) faults: Faults,
    pub(crate) violations: Vec<Violation>,
    /// Whether to note memory that is read before it was written.
    notes_unwritten: bool,
    /// Jobs done.
    pub(crate) jobs: u64,
}

impl Chip {
    pub(crate) fn new(device: Device, legacy_version: bool, own: Box<dyn Store>, notes_unwritten: bool) -> Self {
        Self {
            device,
            legacy_version,
            memory: Memory::new(device_memory(device), own),
            words: BTreeMap::new(),
            config: Controller::new("config-dma"),
            event: Controller::new("event-dma"),
            hrc: Controller::new("hrc-dma"),
            mesh: Mesh::new(device),
            clock: 0,
            faults: Faults::default(),
            violations: Vec::new(),
            notes_unwritten,
            jobs: 0,
        }
    }

    /// As after power-on, memory aside.
    pub(crate) fn reset(&mut self) {
        self.words.clear();
        self.reset_controllers();
        self.mesh.erase();
        self.faults.note_reset();
    }

    fn reset_controllers(&mut self) {
        self.config.reset();
        self.event.reset();
        self.hrc.reset();
    }

    fn controller(&mut self, which: Which) -> &mut Controller {
        match which {
            Which::Config => &mut self.config,
            Which::Event => &mut self.event,
            Which::Hrc => &mut self.hrc,
        }
    }

    /// Time passes.
    pub(crate) fn advance(&mut self, nanoseconds: u64) {
        self.clock = self.clock.saturating_add(nanoseconds);
        for which in [Which::Config, Which::Event, Which::Hrc] {
            let clock = self.clock;
            if self.controller(which).busy_until.is_some_and(|until| until <= clock) {
                self.controller(which).busy_until = None;
                if let Err(violation) = self.work(which) {
                    self.violations.push(violation);
                }
            }
        }
    }

    /// Time since power-on.
    pub(crate) fn clock(&self) -> u64 {
        self.clock
    }

    /// A register is read.
    pub(crate) fn read(&mut self, address: u32) -> Result<u32, Violation> {
        let value = self.read_true(address)?;
        Ok(self.faults.on_read(self.clock, address, value))
    }

    fn read_true(&mut self, address: u32) -> Result<u32, Violation> {
        check_alignment(address)?;
        if let Some((which, offset)) = controller_at(address) {
            return Ok(self.controller(which).read(offset));
        }
        let [info1, info2, info3] = mesh_info(self.device);
        let is_known = top::REGISTERS.iter().any(|register| CORE + register.offset == address)
            || (EPG..EPG + EPG_BYTES).contains(&address)
            || top::INTERRUPT_REGISTERS.iter().any(|register| INTERRUPT + register.offset == address);
        match address.wrapping_sub(CORE) {
            ip_version::OFFSET if self.legacy_version => Ok(0),
            ip_version::OFFSET => Ok(version_word(self.device.version())),
            mesh_info1::OFFSET => Ok(info1),
            mesh_info2::OFFSET => Ok(info2),
            mesh_info3::OFFSET => Ok(info3),
            _ if address == CHIP_INFO && self.device == Device::Akd1000 => Ok(2),
            _ if is_known => Ok(self.words.get(&address).copied().unwrap_or(0)),
            _ => Err(Violation::NoRegister { address }),
        }
    }

    /// A register is written.
    pub(crate) fn write(&mut self, address: u32, value: u32) -> Result<(), Violation> {
        check_alignment(address)?;
        if let Some((which, offset)) = controller_at(address) {
            return match self.controller(which).write(offset, value)? {
                Asked::Nothing => Ok(()),
                Asked::Work => self.work(which),
                Asked::Burst => self.burst(),
            };
        }
        let in_core = address.wrapping_sub(CORE);
        let known = [(CORE, top::REGISTERS), (INTERRUPT, top::INTERRUPT_REGISTERS)]
            .into_iter()
            .flat_map(|(base, registers)| registers.iter().map(move |register| (base + register.offset, register)))
            .find(|(at, _)| *at == address);
        match known {
            Some((_, register)) if register.access == Access::ReadOnly => {
                return Err(Violation::ReadOnly { register: register.name.to_owned() });
            }
            None if !(EPG..EPG + EPG_BYTES).contains(&address) => return Err(Violation::NoRegister { address }),
            _ => {}
        }
        let old = self.words.insert(address, value).unwrap_or(0);
        if in_core == general::OFFSET {
            let rising = value & !old;
            if rising & CORE_RESET != 0 {
                self.reset_controllers();
                self.faults.note_reset();
            }
            if rising & NP_RESET != 0 {
                self.mesh.erase();
            }
        }
        Ok(())
    }

    /// The host reads memory; registers only as single words.
    pub(crate) fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Violation> {
        if is_register(address) {
            if bytes.len() != 4 {
                return Err(Violation::Width { address, bytes: bytes.len() });
            }
            bytes.copy_from_slice(&self.read(address)?.to_le_bytes());
            return Ok(());
        }
        self.read_memory(address, bytes, "host")
    }

    /// The host writes memory; registers only as single words.
    pub(crate) fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), Violation> {
        if is_register(address) {
            let word = bytes.try_into().map_err(|_| Violation::Width { address, bytes: bytes.len() })?;
            return self.write(address, u32::from_le_bytes(word));
        }
        self.memory.write(address, bytes)
    }

    fn read_memory(&mut self, address: u32, bytes: &mut [u8], by: &'static str) -> Result<(), Violation> {
        let was_written = self.memory.read(address, bytes)?;
        if was_written || !self.notes_unwritten {
            return Ok(());
        }
        Err(Violation::Unwritten { address, bytes: bytes.len(), by })
    }

    fn read_words(&mut self, address: u32, count: usize) -> Result<Vec<u32>, Violation> {
        if !self.memory.contains(address, 4 * count) {
            return Err(Violation::Unmapped { address, bytes: 4 * count });
        }
        let mut bytes = vec![0; 4 * count];
        self.read_memory(address, &mut bytes, "device")?;
        Ok(bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect())
    }

    fn write_words(&mut self, address: u32, words: &[u32]) -> Result<(), Violation> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.memory.write(address, &bytes)
    }
}

fn check_alignment(address: u32) -> Result<(), Violation> {
    if address.is_multiple_of(4) { Ok(()) } else { Err(Violation::Width { address, bytes: 4 }) }
}

fn is_register(address: u32) -> bool {
    let registers: [Range<u32>; 2] = [CORE..CORE + CORE_BYTES, 0xF000_0000..0xF800_0000];
    registers.iter().any(|range| range.contains(&address))
}

fn controller_at(address: u32) -> Option<(Which, u32)> {
    [(CONFIG_DMA, Which::Config), (EVENT_DMA, Which::Event), (HRC_DMA, Which::Hrc)]
        .into_iter()
        .map(|(base, which)| (which, address.wrapping_sub(base)))
        .find(|(_, offset)| *offset < CONTROLLER_BYTES)
}
