//! The way to a device: registers, memory, time.
//!
//! [`Bus`] is all that the driver knows of a transport. Boards through VFIO or the maker's kernel node and the emulator are
//! behind it alike, and the driver cannot tell them apart.

use std::error::Error;
use std::fmt::Debug;
use std::ops::{AddAssign, Range, Sub};
use std::time::Duration;

use serde::Serialize;

/// A way to one device.
///
/// Addresses are those of the chip's own bus. Registers are only ever accessed as aligned 32-bit words, memory as blocks.
/// Accesses take effect in the order of the calls; a write may be posted, that is, still be under way when the call
/// returns.
pub trait Bus: Debug + Send {
    /// Reads a register.
    ///
    /// # Errors
    /// [`BusError`].
    fn read(&mut self, address: u32) -> Result<u32, BusError>;

    /// Writes a register.
    ///
    /// # Errors
    /// [`BusError`].
    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError>;

    /// Copies device memory to `bytes`; any address and length.
    ///
    /// # Errors
    /// [`BusError`]; what `bytes` holds is then unspecified.
    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError>;

    /// Copies `bytes` to device memory; any address and length.
    ///
    /// # Errors
    /// [`BusError`]; the memory may then be partly written.
    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError>;

    /// What is behind this bus.
    fn identity(&self) -> &Identity;

    /// Memory that the driver may use.
    fn memory(&self) -> Memory;

    /// Time since some start; runs on in [`pause`](Self::pause). Deadlines are measured with it.
    fn now(&self) -> Duration;

    /// Lets this much time pass, or less if an interrupt of the device wakes the transport.
    fn pause(&mut self, time: Duration);

    /// Resets the device from outside the core (function-level reset or the like) and makes it reachable again.
    ///
    /// # Errors
    /// [`BusError::Unsupported`] if the transport cannot; otherwise [`BusError`].
    fn reset(&mut self) -> Result<(), BusError>;

    /// What crossed the bus so far.
    fn counters(&self) -> Counters;
}

/// What is behind a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The address that opens it, for example `vfio:0000:a1:00.0`.
    pub name: String,
    /// What the transport knows of the chip in words; tells legacy parts whose version register is 0, for example
    /// `PCIe/NSoC_v2`.
    pub description: String,
    /// Whether this is silicon; false for the emulator, also where it is reached through a real kernel.
    pub is_silicon: bool,
}

/// Device addresses that the driver may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Memory of the device.
    pub device: Range<u32>,
    /// Memory of the host that the device sees, which costs the host no bus access; `None` if there is no such window.
    pub host: Option<Range<u32>>,
}

/// An access that did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// An address that the transport cannot reach, or must not.
    #[error("{bytes} bytes at {address:#010x} cannot be reached: {why}")]
    Address {
        /// Device address.
        address: u32,
        /// Length of the access.
        bytes: usize,
        /// Why not.
        why: &'static str,
    },
    /// The device is gone: every read is all ones, or the system says so.
    #[error("the device is gone ({how}): check its power and slot, then open it again")]
    Gone {
        /// How it was noticed.
        how: &'static str,
    },
    /// A transfer of the PCIe DMA engine that failed.
    #[error("the PCIe DMA engine aborted a transfer of {bytes} bytes at {address:#010x} (status {status:#010x})")]
    Aborted {
        /// Device address.
        address: u32,
        /// Bytes to move.
        bytes: usize,
        /// What its status register said.
        status: u32,
    },
    /// A transfer that did not end in time.
    #[error("{what} did not end within {waited:?}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        waited: Duration,
    },
    /// Something that this transport cannot do.
    #[error("{what} is not possible through {transport}")]
    Unsupported {
        /// What was asked.
        what: &'static str,
        /// Which transport.
        transport: &'static str,
    },
    /// The operating system refused.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// Its word.
        #[source]
        source: std::io::Error,
    },
    /// A failure of another kind, for transports outside this crate.
    #[error("{what}")]
    Other {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What crossed a bus.
///
/// Transactions are what a PCIe link would carry: a block moved by the processor is one for each 4 bytes; a block moved by a
/// DMA engine is one transfer, beside the register accesses that start it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Registers read.
    pub register_reads: u64,
    /// Registers written.
    pub register_writes: u64,
    /// Reads of device memory by the processor, 4 bytes each.
    pub memory_reads: u64,
    /// Writes of device memory by the processor, 4 bytes each.
    pub memory_writes: u64,
    /// Bytes read from device memory, by any means.
    pub bytes_read: u64,
    /// Bytes written to device memory, by any means.
    pub bytes_written: u64,
    /// Bytes moved in memory of the host that the device sees: no bus access of the host.
    pub host_bytes: u64,
    /// Transfers by a DMA engine of the PCIe controller.
    pub dma_transfers: u64,
    /// Accesses to registers of the PCIe controller for them.
    pub dma_register_accesses: u64,
    /// Interrupts that woke the host.
    pub interrupts: u64,
}

macro_rules! each_counter {
    ($left:ident, $right:ident, $op:tt) => {{
        $left.register_reads $op $right.register_reads;
        $left.register_writes $op $right.register_writes;
        $left.memory_reads $op $right.memory_reads;
        $left.memory_writes $op $right.memory_writes;
        $left.bytes_read $op $right.bytes_read;
        $left.bytes_written $op $right.bytes_written;
        $left.host_bytes $op $right.host_bytes;
        $left.dma_transfers $op $right.dma_transfers;
        $left.dma_register_accesses $op $right.dma_register_accesses;
        $left.interrupts $op $right.interrupts;
    }};
}

impl Sub for Counters {
    type Output = Self;

    /// What was added since `earlier`.
    fn sub(mut self, earlier: Self) -> Self {
        each_counter!(self, earlier, -=);
        self
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        each_counter!(self, other, +=);
    }
}

impl Bus for Box<dyn Bus> {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        (**self).read(address)
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        (**self).write(address, value)
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        (**self).read_block(address, bytes)
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        (**self).write_block(address, bytes)
    }

    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    fn memory(&self) -> Memory {
        (**self).memory()
    }

    fn now(&self) -> Duration {
        (**self).now()
    }

    fn pause(&mut self, time: Duration) {
        (**self).pause(time);
    }

    fn reset(&mut self) -> Result<(), BusError> {
        (**self).reset()
    }

    fn counters(&self) -> Counters {
        (**self).counters()
    }
}
