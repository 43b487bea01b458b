//! A PCIe function as a user program sees it.

use std::fmt::Debug;
use std::time::Duration;

use crate::bus::BusError;

/// One PCIe function: configuration space, BARs, DMA memory, messages.
pub trait Function: Debug + Send {
    /// Its address, for people: `0000:a1:00.0`.
    fn name(&self) -> &str;

    /// Reads an aligned word of configuration space.
    ///
    /// # Errors
    /// [`BusError`].
    fn config_read(&mut self, offset: u16) -> Result<u32, BusError>;

    /// Writes an aligned word of configuration space.
    ///
    /// # Errors
    /// [`BusError`].
    fn config_write(&mut self, offset: u16, value: u32) -> Result<(), BusError>;

    /// Bytes of a BAR; 0 if there is none.
    fn bar_bytes(&self, bar: u8) -> u64;

    /// Reads an aligned word of a BAR.
    ///
    /// # Errors
    /// [`BusError`].
    fn read(&mut self, bar: u8, offset: u32) -> Result<u32, BusError>;

    /// Writes an aligned word of a BAR; it may be posted.
    ///
    /// # Errors
    /// [`BusError`].
    fn write(&mut self, bar: u8, offset: u32, value: u32) -> Result<(), BusError>;

    /// Copies bytes out of a BAR that shows memory.
    ///
    /// # Errors
    /// [`BusError`].
    fn read_block(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) -> Result<(), BusError>;

    /// Copies bytes into a BAR that shows memory.
    ///
    /// # Errors
    /// [`BusError`].
    fn write_block(&mut self, bar: u8, offset: u32, bytes: &[u8]) -> Result<(), BusError>;

    /// Memory of the host that the device can reach.
    ///
    /// # Errors
    /// [`BusError`] if it cannot be had or mapped.
    fn allocate(&mut self, bytes: usize) -> Result<Box<dyn HostBuffer>, BusError>;

    /// Turns on messages (MSI); false if the system has none for this function.
    ///
    /// # Errors
    /// [`BusError`].
    fn enable_messages(&mut self) -> Result<bool, BusError>;

    /// Waits for a message; false if none came in time.
    ///
    /// # Errors
    /// [`BusError`].
    fn wait_message(&mut self, at_most: Duration) -> Result<bool, BusError>;

    /// Resets the function.
    ///
    /// # Errors
    /// [`BusError::Unsupported`] if the system cannot; otherwise [`BusError`].
    fn reset(&mut self) -> Result<(), BusError>;

    /// Whether the system wants the device back: it was unplugged, or its driver is to let go.
    fn is_wanted_back(&mut self) -> bool;

    /// Time since some start.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn pause(&mut self, time: Duration);
}

/// Memory of the host with an address for the device.
///
/// The device may write to it at any time: there is no slice of it, only copies in and out.
pub trait HostBuffer: Debug + Send {
    /// Its address on the bus (IOVA).
    fn iova(&self) -> u64;

    /// Its length.
    fn bytes(&self) -> usize;

    /// Copies out of it; outside its length nothing is copied.
    fn read(&self, at: usize, bytes: &mut [u8]);

    /// Copies into it; outside its length nothing is copied.
    fn write(&mut self, at: usize, bytes: &[u8]);
}
