//! Bulk transfers by the PCIe DMA engine of the chip: eDMA of the AKD1000, HDMA of the AKD1500.
//!
//! ```text
//! list in device memory: element, element, .., link back      one element: at most `element_bytes`
//! staging memory of the host: one or more buffers, each with an IOVA of its own
//! ```
//!
//! # Source
//! specs/device-interface.md, "PCIe DMA engines" \[K\]. Transfers of more than 1024 bytes an element were never seen in the
//! maker's driver and are not the default.

use std::time::Duration;

use crate::bus::{BusError, Counters};
use crate::chip::address::MEMORY;
use crate::chip::pcie::list::{CYCLE, ELEMENT_BYTES, LINK, LOCAL_INTERRUPT, REMOTE_INTERRUPT, TOGGLE};
use crate::chip::pcie::{Side, config, edma, hdma};
use crate::device::Device;

use super::function::{Function, HostBuffer};

/// Bytes of device memory that the lists take, from its start.
pub const LIST_BYTES: u32 = 0x1000;
/// Elements of one list, the link aside.
const MOST_ELEMENTS: usize = (LIST_BYTES as usize / 2) / ELEMENT_BYTES as usize - 1;
/// Longest a transfer may take \[K\].
const DEADLINE: Duration = Duration::from_secs(2);
/// Longest wait for a message before the status is read anyway: a lost message costs no more.
const MESSAGE_WAIT: Duration = Duration::from_millis(20);
/// The channel that is used, of two \[K\].
const CHANNEL: u32 = 0;
/// BARs of the lists, and of the AKD1000's endpoint registers.
const MEMORY_BAR: u8 = 4;
const ENDPOINT_BAR: u8 = 2;

/// How bulk transfers are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaOptions {
    /// Most bytes of one list element. The maker's driver never moves more than 1024 at once, and whether more is reliable is
    /// not known.
    pub element_bytes: usize,
    /// Staging memory: buffers, and bytes of each.
    pub staging: (usize, usize),
    /// Whether to ask for messages; else the status is polled.
    pub messages: bool,
}

impl Default for DmaOptions {
    fn default() -> Self {
        Self { element_bytes: 1024, staging: (2, 64 << 10), messages: true }
    }
}

/// The engine, set up.
#[derive(Debug)]
pub(crate) struct DmaEngine {
    device: Device,
    options: DmaOptions,
    staging: Vec<Box<dyn HostBuffer>>,
    has_messages: bool,
    list: Vec<u8>,
}

/// Bytes of the device on one side, of the caller on the other.
pub(crate) enum Transfer<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

impl DmaEngine {
    /// Takes staging memory and puts the engine into a known state.
    pub(crate) fn new(
        function: &mut dyn Function,
        device: Device,
        options: DmaOptions,
        counters: &mut Counters,
    ) -> Result<Self, BusError> {
        let (count, bytes) = options.staging;
        let staging = (0..count.max(1)).map(|_| function.allocate(bytes.max(4096))).collect::<Result<_, _>>()?;
        let mut engine = Self { device, options, staging, has_messages: false, list: Vec::new() };
        engine.start(function, counters)?;
        Ok(engine)
    }

    /// As after a reset: nothing masked wrongly, nothing pending, messages where they belong.
    pub(crate) fn start(&mut self, function: &mut dyn Function, counters: &mut Counters) -> Result<(), BusError> {
        match self.device {
            Device::Akd1000 => self.start_edma(function, counters),
            Device::Akd1500 => start_hdma(function, counters),
        }
    }

    fn start_edma(&mut self, function: &mut dyn Function, counters: &mut Counters) -> Result<(), BusError> {
        let message = if self.options.messages { message(function)? } else { None };
        self.has_messages = message.is_some();
        let mut write = |offset, value| {
            counters.dma_register_accesses += 1;
            function.write(ENDPOINT_BAR, offset, value)
        };
        for side in [Side::Write, Side::Read] {
            let registers = edma::registers(side);
            write(registers.mask, edma::ALL)?;
            write(registers.clear, edma::ALL)?;
            write(registers.enable, 0)?;
            let (address, data) = message.unwrap_or((0, 0));
            let halves = [address as u32, (address >> 32) as u32];
            for (at, value) in
                [registers.done_address, registers.abort_address].into_iter().flat_map(|at| at.into_iter().zip(halves))
            {
                write(at, value)?;
            }
            write(registers.message_data, data << 16 | data & 0xFFFF)?;
            write(registers.enable, 1)?;
            if message.is_some() {
                write(registers.mask, edma::ALL & !(edma::done(CHANNEL) | edma::aborted(CHANNEL)))?;
            }
            write(registers.list_error, 1 << CHANNEL)?;
        }
        Ok(())
    }

    /// Moves bytes between device memory and the caller, in as many transfers as it takes.
    pub(crate) fn transfer(
        &mut self,
        function: &mut dyn Function,
        address: u32,
        transfer: Transfer<'_>,
        counters: &mut Counters,
    ) -> Result<(), BusError> {
        let room: usize = self.staging.iter().map(|buffer| buffer.bytes()).sum();
        // Each buffer may end with an element that is not full.
        let full = MOST_ELEMENTS.saturating_sub(self.staging.len()).max(1);
        let most = room.min(full * self.options.element_bytes);
        match transfer {
            Transfer::Read(bytes) => {
                for (at, part) in (0_usize..).step_by(most).zip(bytes.chunks_mut(most)) {
                    self.once(function, Side::Write, address + at as u32, part.len(), counters)?;
                    each_staged(&mut self.staging, part.len(), |buffer, span| buffer.read(0, &mut part[span]));
                    counters.bytes_read += part.len() as u64;
                }
            }
            Transfer::Write(bytes) => {
                for (at, part) in (0_usize..).step_by(most).zip(bytes.chunks(most)) {
                    each_staged(&mut self.staging, part.len(), |buffer, span| buffer.write(0, &part[span]));
                    self.once(function, Side::Read, address + at as u32, part.len(), counters)?;
                    counters.bytes_written += part.len() as u64;
                }
            }
        }
        Ok(())
    }

    /// One list: written, started, waited for.
    fn once(
        &mut self,
        function: &mut dyn Function,
        side: Side,
        address: u32,
        bytes: usize,
        counters: &mut Counters,
    ) -> Result<(), BusError> {
        let offset = if side == Side::Write { 0 } else { LIST_BYTES / 2 };
        self.write_list(side, address, bytes, MEMORY + offset);
        function.write_block(MEMORY_BAR, offset, &self.list)?;
        counters.memory_writes += (self.list.len() / 4) as u64;
        // What was written must be in memory before the engine looks: a read pushes writes along.
        function.read(MEMORY_BAR, offset)?;
        counters.memory_reads += 1;
        // The staging memory's content, too.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        counters.dma_transfers += 1;
        match self.device {
            Device::Akd1000 => self.run_edma(function, side, MEMORY + offset, (address, bytes), counters),
            Device::Akd1500 => run_hdma(function, side, MEMORY + offset, (address, bytes), counters),
        }
    }

    /// Elements for all bytes; the last one tells that it is done, and a link back ends the walk.
    fn write_list(&mut self, side: Side, address: u32, bytes: usize, list: u32) {
        self.list.clear();
        let mut done = 0;
        for buffer in &self.staging {
            let mut within = 0;
            while done < bytes && within < buffer.bytes() {
                let size = (bytes - done).min(buffer.bytes() - within).min(self.options.element_bytes);
                let is_last = done + size == bytes;
                let control = CYCLE | if is_last { LOCAL_INTERRUPT | REMOTE_INTERRUPT } else { 0 };
                let here = u64::from(address) + done as u64;
                let there = buffer.iova() + within as u64;
                let (source, destination) = if side == Side::Write { (here, there) } else { (there, here) };
                self.list.extend(control.to_le_bytes());
                self.list.extend((size as u32).to_le_bytes());
                self.list.extend(source.to_le_bytes());
                self.list.extend(destination.to_le_bytes());
                done += size;
                within += size;
            }
        }
        self.list.extend((LINK | TOGGLE).to_le_bytes());
        self.list.extend([0; 4]);
        self.list.extend(u64::from(list).to_le_bytes());
        self.list.extend([0; 8]);
    }

    fn run_edma(
        &mut self,
        function: &mut dyn Function,
        side: Side,
        list: u32,
        (address, bytes): (u32, usize),
        counters: &mut Counters,
    ) -> Result<(), BusError> {
        let registers = edma::registers(side);
        let viewport = edma::viewport(side, CHANNEL);
        // The viewport is written before each register behind it, as the maker's driver does.
        let writes = [
            (edma::VIEWPORT, viewport),
            (edma::CONTROL1, edma::WALK_LIST),
            (edma::VIEWPORT, viewport),
            (edma::LIST_LOW, list),
            (edma::VIEWPORT, viewport),
            (edma::LIST_HIGH, 0),
            (registers.doorbell, CHANNEL),
        ];
        for (offset, value) in writes {
            function.write(ENDPOINT_BAR, offset, value)?;
        }
        counters.dma_register_accesses += writes.len() as u64;
        let start = function.now();
        loop {
            if self.has_messages && function.wait_message(MESSAGE_WAIT)? {
                counters.interrupts += 1;
            }
            let status = function.read(ENDPOINT_BAR, registers.status)?;
            counters.dma_register_accesses += 1;
            if status == u32::MAX {
                return Err(BusError::Gone { how: "the DMA engine's status reads all ones" });
            }
            if status & (edma::done(CHANNEL) | edma::aborted(CHANNEL)) != 0 {
                function.write(ENDPOINT_BAR, registers.clear, status & edma::ALL)?;
                counters.dma_register_accesses += 1;
            }
            if status & edma::aborted(CHANNEL) != 0 {
                return Err(BusError::Aborted { address, bytes, status });
            }
            if status & edma::done(CHANNEL) != 0 {
                return Ok(());
            }
            let waited = function.now().saturating_sub(start);
            if waited > DEADLINE {
                // What still runs must not write later, into memory that is used for something else by then.
                let stop = 1 << 31 | CHANNEL;
                function.write(ENDPOINT_BAR, registers.doorbell, stop)?;
                return Err(BusError::Timeout { what: "a transfer of the PCIe DMA engine", waited });
            }
            function.pause(Duration::from_micros(5));
        }
    }
}

/// Address and data of the function's message, as the device has them: VFIO hides them in configuration space, but the
/// endpoint's own registers show them \[I\].
fn message(function: &mut dyn Function) -> Result<Option<(u64, u32)>, BusError> {
    if !function.enable_messages()? {
        return Ok(None);
    }
    let Some(capability) = find_capability(function, config::MSI)? else { return Ok(None) };
    let at = u32::from(capability);
    let control = function.read(ENDPOINT_BAR, at)? >> 16;
    let low = function.read(ENDPOINT_BAR, at + 4)?;
    let is_wide = control & 0x80 != 0;
    let high = if is_wide { function.read(ENDPOINT_BAR, at + 8)? } else { 0 };
    let data = function.read(ENDPOINT_BAR, at + if is_wide { 12 } else { 8 })? & 0xFFFF;
    let address = u64::from(high) << 32 | u64::from(low);
    let is_on = control & 1 == 1 && address != 0 && low != u32::MAX;
    Ok(is_on.then_some((address, data)))
}

/// Offset of a capability in configuration space.
pub(crate) fn find_capability(function: &mut dyn Function, id: u8) -> Result<Option<u16>, BusError> {
    let mut at = (function.config_read(config::CAPABILITIES)? & 0xFC) as u16;
    // A list that never ends is no list.
    for _ in 0..48 {
        if at < 0x40 {
            return Ok(None);
        }
        let word = function.config_read(at)?;
        if word as u8 == id {
            return Ok(Some(at));
        }
        at = (word >> 8 & 0xFC) as u16;
    }
    Ok(None)
}

fn each_staged(
    staging: &mut [Box<dyn HostBuffer>],
    bytes: usize,
    mut visit: impl FnMut(&mut dyn HostBuffer, std::ops::Range<usize>),
) {
    let mut done = 0;
    for buffer in staging {
        let size = buffer.bytes().min(bytes - done);
        visit(&mut **buffer, done..done + size);
        done += size;
    }
}

fn start_hdma(function: &mut dyn Function, counters: &mut Counters) -> Result<(), BusError> {
    for channel in 0..hdma::CHANNELS {
        for side in [Side::Write, Side::Read] {
            let base = hdma::base(side, channel);
            let writes = [(hdma::SETUP, hdma::STOP_AND_ABORT), (hdma::CLEAR, hdma::STOP_AND_ABORT), (hdma::ENABLE, 0)];
            for (offset, value) in writes {
                function.write(0, base + offset, value)?;
            }
            counters.dma_register_accesses += writes.len() as u64;
        }
    }
    Ok(())
}

fn run_hdma(
    function: &mut dyn Function,
    side: Side,
    list: u32,
    (address, bytes): (u32, usize),
    counters: &mut Counters,
) -> Result<(), BusError> {
    let at = |offset| hdma::base(side, CHANNEL) + offset;
    let writes = [
        (hdma::ENABLE, 1),
        (hdma::SETUP, hdma::SETUP_RUN),
        (hdma::CONTROL1, 1),
        (hdma::LIST_LOW, list),
        (hdma::LIST_HIGH, 0),
        (hdma::CYCLE, 3),
        (hdma::DOORBELL, 1),
    ];
    for (offset, value) in writes {
        function.write(0, at(offset), value)?;
    }
    counters.dma_register_accesses += writes.len() as u64;
    let start = function.now();
    loop {
        let status = function.read(0, at(hdma::INTERRUPT))?;
        counters.dma_register_accesses += 1;
        if status == u32::MAX {
            return Err(BusError::Gone { how: "the DMA engine's status reads all ones" });
        }
        if status & hdma::STOP_AND_ABORT != 0 {
            function.write(0, at(hdma::CLEAR), status & hdma::STOP_AND_ABORT)?;
            counters.dma_register_accesses += 1;
        }
        match status & hdma::STOP_AND_ABORT {
            0 => {}
            1 => return Ok(()),
            _ => return Err(BusError::Aborted { address, bytes, status }),
        }
        let waited = function.now().saturating_sub(start);
        if waited > DEADLINE {
            function.write(0, at(hdma::ENABLE), 0)?;
            return Err(BusError::Timeout { what: "a transfer of the PCIe DMA engine", waited });
        }
        function.pause(Duration::from_micros(5));
    }
}
