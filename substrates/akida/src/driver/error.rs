//! What can go wrong with a device, grouped by what the caller can do.

use std::time::Duration;

use crate::bus::BusError;
use crate::chip::event::{OutputError, Unaddressable};
use crate::device::Device;

/// Any failure of a driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The transport failed.
    #[error("the bus failed")]
    Bus(#[from] BusError),
    /// No chip that is known answers.
    #[error("no AKD1000 or AKD1500 answers: version bytes {version:02X?}, transport {description:?}")]
    Unknown {
        /// Vendor, product, major, minor.
        version: [u8; 4],
        /// What the transport says of itself.
        description: String,
    },
    /// A register reads all ones: nothing drives the bus.
    #[error("{register} reads all ones: the device is gone, unpowered, or its windows are not set up")]
    AllOnes {
        /// Name of the register.
        register: String,
    },
    /// A register does not keep what was written.
    #[error("{register} reads {found:#010x} after {written:#010x} was written")]
    Stuck {
        /// Name of the register.
        register: String,
        /// What was written.
        written: u32,
        /// What came back.
        found: u32,
    },
    /// The device did not do it in time; it is reset before its next use.
    #[error("{what}: {register} still reads {last:#010x} after {waited:?}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// Name of the register.
        register: String,
        /// How long.
        waited: Duration,
        /// What was read last.
        last: u32,
    },
    /// The program is for the other chip.
    #[error("a program for {program} on a device that is an {device}")]
    Device {
        /// The program's.
        program: Device,
        /// The one that is there.
        device: Device,
    },
    /// Not enough memory that the device can address.
    #[error("{needed} bytes of device memory are needed, the largest free piece has {free}")]
    Memory {
        /// Bytes that were asked for.
        needed: u64,
        /// Largest free piece.
        free: u64,
    },
    /// Inputs that cannot be sent.
    #[error(transparent)]
    Unaddressable(#[from] Unaddressable),
    /// An output that no program leaves; the device is reset before its next use.
    #[error("sample {sample} came back broken")]
    Output {
        /// Sample of the call.
        sample: usize,
        /// What is wrong.
        #[source]
        source: OutputError,
    },
    /// A job that was never queued, or out of order.
    #[error("the device says job {found} is done, jobs {first} to {last} are queued")]
    Job {
        /// What the device says.
        found: u16,
        /// First that is queued.
        first: u16,
        /// Last that is queued.
        last: u16,
    },
    /// A result that exact arithmetic does not give; the device is reset before its next use.
    #[error("sample {sample}, unit {unit}: the device gave {found}, exact arithmetic gives {expected}")]
    Wrong {
        /// Sample of the call.
        sample: usize,
        /// Its unit.
        unit: usize,
        /// What it should be.
        expected: i32,
        /// What came.
        found: i32,
    },
    /// What is read back is not what was written.
    #[error("layer {layer}: {what} word {word} is {found:#010x}, expected {expected:#010x}")]
    Mismatch {
        /// Layer, counted from 0.
        layer: usize,
        /// Which memory.
        what: &'static str,
        /// Word of it.
        word: usize,
        /// What was written.
        expected: u32,
        /// What is there.
        found: u32,
    },
    /// Something the device cannot do in this state.
    #[error("{what}: {instead}")]
    State {
        /// What was asked.
        what: &'static str,
        /// Why not, or what to do instead.
        instead: String,
    },
    /// A program cannot be beside those that are loaded.
    #[error("the program cannot share the device: {conflict}")]
    Shared {
        /// With what it collides.
        conflict: String,
    },
    /// The device could not be brought back: it is given up.
    #[error("the device did not come back after a reset ({why}): power-cycle it, then open it again")]
    Dead {
        /// What failed.
        why: String,
    },
}

impl DriverError {
    /// Whether the device may be in an unknown state afterwards and must be reset before its next use.
    pub(crate) fn leaves_doubt(&self) -> bool {
        !matches!(
            self,
            Self::Device { .. }
                | Self::Memory { .. }
                | Self::Unaddressable(_)
                | Self::State { .. }
                | Self::Shared { .. }
        )
    }
}
