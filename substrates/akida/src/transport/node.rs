//! The bus over the maker's kernel driver: a character device whose file position is the device address.
//!
//! Every access is one transfer of the PCIe DMA engine by the kernel, with an interrupt: slow, but it needs no more rights
//! than the node has. Registers and memory that the node lets us map are accessed directly.
//!
//! # Source
//! specs/device-interface.md, "the kernel node" \[K\].

use std::fmt::Debug;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::bus::{Bus, BusError, Counters, Identity, Memory};
use crate::chip::address::{MEMORY, RESERVED_BYTES, engine_scratch};
use crate::device::Device;

/// The node's own operations, so that its rules can be tried without it.
pub trait NodeFile: Debug + Send {
    /// Reads at a device address.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&mut self, address: u32, bytes: &mut [u8]) -> std::io::Result<()>;

    /// Writes at a device address.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, address: u32, bytes: &[u8]) -> std::io::Result<()>;

    /// Device addresses that single words can be read and written at without the node; none if it cannot be mapped.
    fn mapped(&self) -> Option<Range<u32>>;

    /// Reads a mapped word.
    fn mapped_read(&mut self, address: u32) -> u32;

    /// Writes a mapped word.
    fn mapped_write(&mut self, address: u32, value: u32);
}

/// A board behind the maker's kernel driver.
#[derive(Debug)]
pub struct NodeBus {
    file: Box<dyn NodeFile>,
    device: Device,
    identity: Identity,
    start: Instant,
    counters: Counters,
}

/// The chip that a node is for, by its name \[K\].
pub fn device_of(path: &str) -> Option<Device> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    if name.strip_prefix("akd1500_").is_some_and(is_number) {
        return Some(Device::Akd1500);
    }
    name.strip_prefix("akida").filter(|rest| is_number(rest)).map(|_| Device::Akd1000)
}

impl NodeBus {
    /// A bus over an open node.
    pub fn new(file: Box<dyn NodeFile>, path: &str, device: Device) -> Self {
        let version = if device == Device::Akd1000 { "NSoC_v2" } else { "AKD1500" };
        let identity =
            Identity { name: format!("node:{path}"), description: format!("PCIe/{version}"), is_silicon: true };
        Self { file, device, identity, start: Instant::now(), counters: Counters::default() }
    }

    fn is_mapped(&self, address: u32) -> bool {
        self.file.mapped().is_some_and(|range| range.contains(&address) && range.end - address >= 4)
    }
}

fn system(what: &str, address: u32, source: std::io::Error) -> BusError {
    // The node's own word for a device that is not there any more.
    if source.raw_os_error() == Some(19) {
        return BusError::Gone { how: "the kernel says there is no such device" };
    }
    BusError::System { what: format!("cannot {what} at {address:#010x} through the kernel node"), source }
}

/// The node refuses what touches the area of its own lists.
fn check(address: u32, bytes: usize) -> Result<(), BusError> {
    let end = u64::from(address) + bytes as u64;
    if end < u64::from(MEMORY) || address >= MEMORY + RESERVED_BYTES {
        return Ok(());
    }
    Err(BusError::Address { address, bytes, why: "the kernel driver keeps its own lists at 0x20000000 to 0x200000FF" })
}

impl Bus for NodeBus {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        if !address.is_multiple_of(4) {
            return Err(BusError::Address { address, bytes: 4, why: "registers are aligned words" });
        }
        self.counters.register_reads += 1;
        if self.is_mapped(address) {
            return Ok(self.file.mapped_read(address));
        }
        let mut word = [0; 4];
        self.file.read_at(address, &mut word).map_err(|source| system("read", address, source))?;
        self.counters.dma_transfers += 1;
        Ok(u32::from_le_bytes(word))
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        if !address.is_multiple_of(4) {
            return Err(BusError::Address { address, bytes: 4, why: "registers are aligned words" });
        }
        self.counters.register_writes += 1;
        if self.is_mapped(address) {
            self.file.mapped_write(address, value);
            return Ok(());
        }
        self.counters.dma_transfers += 1;
        self.file.write_at(address, &value.to_le_bytes()).map_err(|source| system("write", address, source))
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        check(address, bytes.len())?;
        self.counters.dma_transfers += 1;
        self.counters.bytes_read += bytes.len() as u64;
        self.file.read_at(address, bytes).map_err(|source| system("read", address, source))
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        check(address, bytes.len())?;
        self.counters.dma_transfers += 1;
        self.counters.bytes_written += bytes.len() as u64;
        self.file.write_at(address, bytes).map_err(|source| system("write", address, source))
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn memory(&self) -> Memory {
        Memory { device: engine_scratch(self.device), host: None }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn reset(&mut self) -> Result<(), BusError> {
        Err(BusError::Unsupported { what: "a reset from outside the core", transport: "the kernel node" })
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_by_their_names() {
        assert_eq!(device_of("/dev/akida0"), Some(Device::Akd1000));
        assert_eq!(device_of("/dev/akd1500_12"), Some(Device::Akd1500));
        assert_eq!(device_of("/dev/akidax"), None);
        assert_eq!(device_of("/dev/null"), None);
    }

    #[test]
    fn the_reserved_area_is_left_alone() {
        assert!(check(0x2000_0000, 4).is_err());
        assert!(check(0x1FFF_FFFC, 8).is_err());
        // A transfer that ends exactly where the area begins is refused, too [K].
        assert!(check(0x1FFF_FFFC, 4).is_err());
        assert!(check(0x1FFF_FFF8, 4).is_ok());
        assert!(check(0x2000_0100, 4).is_ok());
    }
}
