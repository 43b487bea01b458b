//! The bus over a PCIe function: address windows, single accesses, bulk transfers.
//!
//! # Source
//! specs/device-interface.md, "the way in" \[K\]\[D\]\[I\].

use std::ops::Range;
use std::time::Duration;

use crate::bus::{Bus, BusError, Counters, Identity, Memory};
use crate::chip::address::{HOST_WINDOW, MEMORY, RESERVED_BYTES, memory as device_memory};
use crate::chip::pcie::{
    self, EMULATOR_SUBSYSTEM, HostMemory, Place, VENDOR, WINDOWS_SETTLE, config, viewport, window_writes, windows,
};
use crate::device::Device;

use super::cost::{read_by_dma, write_by_dma};
use super::dma::{DmaEngine, DmaOptions, LIST_BYTES, Transfer};
use super::function::{Function, HostBuffer};

/// How a board is used over PCIe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcieOptions {
    /// Bulk transfers by the chip's DMA engine; `None` for single accesses only.
    pub dma: Option<DmaOptions>,
    /// Memory of the host for an AKD1500 to see; halved down to 64 KiB while it cannot be had, 0 for none. The maker's driver
    /// takes up to 16 MiB.
    pub host_bytes: u32,
    /// Wait after the windows were set up; the maker's driver waits a second.
    pub settle: Duration,
}

impl Default for PcieOptions {
    fn default() -> Self {
        Self { dma: Some(DmaOptions::default()), host_bytes: 2 << 20, settle: WINDOWS_SETTLE }
    }
}

/// A board over PCIe.
#[derive(Debug)]
pub struct PcieBus<F> {
    function: F,
    device: Device,
    identity: Identity,
    options: PcieOptions,
    /// Device addresses behind BARs.
    windows: Vec<(Range<u32>, u8)>,
    host: Option<Box<dyn HostBuffer>>,
    dma: Option<DmaEngine>,
    /// Why there is no bulk transfer although it was asked for.
    dma_refusal: Option<BusError>,
    counters: Counters,
}

/// Least memory of the host that is worth a window.
const LEAST_HOST_BYTES: u32 = 64 << 10;

impl<F: Function> PcieBus<F> {
    /// Makes the chip behind a function reachable: memory space and bus mastering on, windows set up, DMA engine ready.
    ///
    /// # Errors
    /// [`BusError::Unsupported`] for another device; [`BusError::Gone`] if nothing answers; others if the system refuses.
    pub fn open(mut function: F, transport: &'static str, options: PcieOptions) -> Result<Self, BusError> {
        let id = function.config_read(config::ID)?;
        if id == u32::MAX {
            return Err(BusError::Gone { how: "its configuration space reads all ones" });
        }
        let device = pcie::device(id as u16, (id >> 16) as u16);
        let device =
            device.ok_or(BusError::Unsupported { what: "a device that is no AKD1000 or AKD1500", transport })?;
        let subsystem = function.config_read(config::SUBSYSTEM)?;
        let is_emulator = subsystem == u32::from(EMULATOR_SUBSYSTEM) << 16 | u32::from(VENDOR);
        let version = if device == Device::Akd1000 { "NSoC_v2" } else { "AKD1500" };
        let identity = Identity {
            name: format!("{transport}:{}", function.name()),
            description: format!("PCIe/{version}"),
            is_silicon: !is_emulator,
        };
        let host = match device {
            Device::Akd1000 => None,
            Device::Akd1500 => allocate_host(&mut function, options.host_bytes),
        };
        let windows = windows(device)
            .iter()
            .map(|window| {
                let bytes = u32::try_from(function.bar_bytes(window.bar)).unwrap_or(u32::MAX);
                (window.target..window.target.saturating_add(bytes), window.bar)
            })
            .collect();
        let mut bus = Self {
            function,
            device,
            identity,
            options,
            windows,
            host,
            dma: None,
            dma_refusal: None,
            counters: Counters::default(),
        };
        bus.set_up()?;
        Ok(bus)
    }

    /// Why bulk transfers were not set up, if they were asked for and could not be.
    pub fn dma_refusal(&self) -> Option<&BusError> {
        self.dma_refusal.as_ref()
    }

    fn set_up(&mut self) -> Result<(), BusError> {
        let command = self.function.config_read(config::COMMAND)?;
        let on = u32::from(config::MEMORY_SPACE | config::BUS_MASTER);
        // The upper half is the status, whose bits clear when they are written.
        self.function.config_write(config::COMMAND, command & 0xFFFF | on)?;
        let host = self.host.as_ref().map(|host| HostMemory { iova: host.iova(), bytes: host.bytes() as u32 });
        for (place, value) in window_writes(self.device, host) {
            match place {
                Place::Config(offset) => self.function.config_write(offset, value)?,
                Place::Bar0(offset) => self.function.write(0, offset, value)?,
            }
        }
        if self.device == Device::Akd1000 {
            self.check_windows()?;
        }
        self.function.pause(self.options.settle);
        if let Some(options) = self.options.dma {
            let Self { function, counters, .. } = self;
            let started = match &mut self.dma {
                Some(dma) => dma.start(function, counters),
                None => match DmaEngine::new(function, self.device, options, counters) {
                    Ok(dma) => {
                        self.dma = Some(dma);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
            };
            // Small models need no bulk transfers.
            if let Err(error) = started {
                (self.dma, self.dma_refusal) = (None, Some(error));
            }
        }
        Ok(())
    }

    /// Whether the windows stay as they were written: not every system lets these words through.
    fn check_windows(&mut self) -> Result<(), BusError> {
        for (region, window) in (0_u32..).zip(windows(self.device)) {
            self.function.config_write(viewport::SELECT, 1 << 31 | region)?;
            if self.function.config_read(viewport::TARGET)? != window.target {
                return Err(BusError::Unsupported {
                    what: "setting up address windows in configuration space at 0x900",
                    transport: "this system (the words do not stay)",
                });
            }
        }
        Ok(())
    }

    fn place(&self, address: u32, bytes: usize) -> Option<(u8, u32)> {
        let end = u64::from(address) + bytes as u64;
        let inside = |range: &Range<u32>| address >= range.start && end <= u64::from(range.end);
        self.windows.iter().find(|(range, _)| inside(range)).map(|(range, bar)| (*bar, address - range.start))
    }

    /// Offset in the memory of the host that the device sees.
    fn host_place(&self, address: u32, bytes: usize) -> Option<usize> {
        let at = address.checked_sub(HOST_WINDOW)? as usize;
        (at + bytes <= self.host.as_ref()?.bytes()).then_some(at)
    }

    fn check(&mut self) -> Result<(), BusError> {
        if self.function.is_wanted_back() {
            return Err(BusError::Gone { how: "the system asked for it back" });
        }
        Ok(())
    }

    fn register(&mut self, address: u32) -> Result<(u8, u32), BusError> {
        if !address.is_multiple_of(4) {
            return Err(BusError::Address { address, bytes: 4, why: "registers are aligned words" });
        }
        self.check()?;
        self.place(address, 4).ok_or(BusError::Address { address, bytes: 4, why: "no window shows it" })
    }

    fn element_bytes(&self) -> Option<usize> {
        self.dma.as_ref()?;
        self.options.dma.map(|options| options.element_bytes)
    }
}

/// As much as can be had.
fn allocate_host(function: &mut dyn Function, bytes: u32) -> Option<Box<dyn HostBuffer>> {
    let mut bytes = bytes.next_power_of_two();
    while bytes >= LEAST_HOST_BYTES {
        if let Ok(buffer) = function.allocate(bytes as usize) {
            return Some(buffer);
        }
        bytes /= 2;
    }
    None
}

impl<F: Function> Bus for PcieBus<F> {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        let (bar, offset) = self.register(address)?;
        self.counters.register_reads += 1;
        let value = self.function.read(bar, offset)?;
        // What the device wrote to memory of the host before it set this register is read after it.
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        Ok(value)
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        let (bar, offset) = self.register(address)?;
        self.counters.register_writes += 1;
        // What the device is to find in memory of the host is there before it is told.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.function.write(bar, offset, value)
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        if let (Some(at), Some(host)) = (self.host_place(address, bytes.len()), &self.host) {
            self.counters.host_bytes += bytes.len() as u64;
            host.read(at, bytes);
            return Ok(());
        }
        self.check()?;
        let place = self.place(address, bytes.len());
        let prefers_dma = self.element_bytes().is_some_and(|element| read_by_dma(bytes.len(), element));
        match (&mut self.dma, place) {
            (Some(dma), _) if prefers_dma || place.is_none() => {
                let transfer = Transfer::Read(bytes);
                dma.transfer(&mut self.function, address, transfer, &mut self.counters)
            }
            (_, Some((bar, offset))) => {
                self.counters.memory_reads += bytes.len().div_ceil(4) as u64;
                self.counters.bytes_read += bytes.len() as u64;
                self.function.read_block(bar, offset, bytes)
            }
            (_, None) => {
                let why = "no window shows it, and there is no DMA engine to reach it";
                Err(BusError::Address { address, bytes: bytes.len(), why })
            }
        }
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        if let (Some(at), Some(host)) = (self.host_place(address, bytes.len()), &mut self.host) {
            self.counters.host_bytes += bytes.len() as u64;
            host.write(at, bytes);
            return Ok(());
        }
        self.check()?;
        let place = self.place(address, bytes.len());
        let prefers_dma = self.element_bytes().is_some_and(|element| write_by_dma(bytes.len(), element));
        match (&mut self.dma, place) {
            (Some(dma), _) if prefers_dma || place.is_none() => {
                dma.transfer(&mut self.function, address, Transfer::Write(bytes), &mut self.counters)
            }
            (_, Some((bar, offset))) => {
                self.counters.memory_writes += bytes.len().div_ceil(4) as u64;
                self.counters.bytes_written += bytes.len() as u64;
                self.function.write_block(bar, offset, bytes)
            }
            (_, None) => {
                let why = "no window shows it, and there is no DMA engine to reach it";
                Err(BusError::Address { address, bytes: bytes.len(), why })
            }
        }
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn memory(&self) -> Memory {
        let reserved = if self.dma.is_some() { LIST_BYTES } else { RESERVED_BYTES };
        let whole = device_memory(self.device);
        // Without a DMA engine only what a window shows.
        let shown = self.windows.iter().find(|(range, _)| range.start == MEMORY).map_or(MEMORY, |(range, _)| range.end);
        let end = if self.dma.is_some() { whole.end } else { shown.min(whole.end) };
        let host = self.host.as_ref().map(|host| HOST_WINDOW..HOST_WINDOW + host.bytes() as u32);
        Memory { device: MEMORY + reserved..end, host }
    }

    fn now(&self) -> Duration {
        self.function.now()
    }

    fn pause(&mut self, time: Duration) {
        self.function.pause(time);
    }

    fn reset(&mut self) -> Result<(), BusError> {
        self.check()?;
        self.function.reset()?;
        self.set_up()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}
