//! The chip in a slot of a machine that is this process: what `forebay-akida` needs of a PCIe function.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_akida::bus::BusError;
use forebay_akida::transport::function::{Function, HostBuffer};

use crate::Emulator;
use crate::memory::{Store, Unmapped};
use crate::pci::{Host, PciDevice};

/// What an access takes on the emulator's clock.
const ACCESS_NANOSECONDS: u64 = 1000;

/// A function in this process, with an address space for DMA of its own.
#[derive(Debug)]
pub struct EmulatedFunction {
    device: Arc<Mutex<PciDevice>>,
    space: Arc<Mutex<Space>>,
    messages: Arc<AtomicU64>,
    has_messages: bool,
    next_iova: u64,
}

/// Memory of the host by bus address, as an IOMMU shows it: only what was allocated.
#[derive(Debug, Default)]
struct Space {
    buffers: BTreeMap<u64, Vec<u8>>,
}

#[derive(Debug)]
struct SharedSpace(Arc<Mutex<Space>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Space {
    fn part(&mut self, at: u64, length: usize) -> Result<&mut [u8], Unmapped> {
        let unmapped = Unmapped { at };
        let (&start, buffer) = self.buffers.range_mut(..=at).next_back().ok_or(unmapped)?;
        let from = (at - start) as usize;
        buffer.get_mut(from..from.saturating_add(length)).ok_or(unmapped)
    }
}

impl Store for SharedSpace {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped> {
        bytes.copy_from_slice(locked(&self.0).part(at, bytes.len())?);
        Ok(true)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        locked(&self.0).part(at, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }
}

impl EmulatedFunction {
    /// Puts a chip into a slot; whether the machine has messages is for the caller to say.
    pub fn new(emulator: Emulator, has_messages: bool) -> Self {
        let space = Arc::new(Mutex::new(Space::default()));
        let host: Host = Arc::new(Mutex::new(Box::new(SharedSpace(Arc::clone(&space)))));
        let mut device = PciDevice::new(emulator, host);
        let messages = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&messages);
        device.on_message(Some(Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        })));
        // Past 32 bits: an address that is cut shows.
        Self { device: Arc::new(Mutex::new(device)), space, messages, has_messages, next_iova: 0x12_0000_0000 }
    }

    fn device(&self) -> MutexGuard<'_, PciDevice> {
        locked(&self.device)
    }
}

impl Function for EmulatedFunction {
    fn name(&self) -> &'static str {
        "in-process"
    }

    fn config_read(&mut self, offset: u16) -> Result<u32, BusError> {
        let at = usize::from(offset & !3);
        let mut bytes = [0; 4];
        self.device().config_read(at, &mut bytes);
        // VFIO does not show the message.
        for (place, byte) in (at..).zip(&mut bytes).filter(|(place, _)| PciDevice::is_message(*place)) {
            debug_assert!(place >= at);
            *byte = 0;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    fn config_write(&mut self, offset: u16, value: u32) -> Result<(), BusError> {
        self.device().config_write(usize::from(offset & !3), &value.to_le_bytes());
        Ok(())
    }

    fn bar_bytes(&self, bar: u8) -> u64 {
        let device = self.device().emulator().settings.device;
        PciDevice::bar_bytes(device, bar)
    }

    fn read(&mut self, bar: u8, offset: u32) -> Result<u32, BusError> {
        let mut bytes = [0; 4];
        self.read_block(bar, offset, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write(&mut self, bar: u8, offset: u32, value: u32) -> Result<(), BusError> {
        self.write_block(bar, offset, &value.to_le_bytes())
    }

    fn read_block(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        let mut device = self.device();
        device.advance(ACCESS_NANOSECONDS);
        device.bar_read(bar, offset, bytes);
        Ok(())
    }

    fn write_block(&mut self, bar: u8, offset: u32, bytes: &[u8]) -> Result<(), BusError> {
        let mut device = self.device();
        device.advance(ACCESS_NANOSECONDS);
        device.bar_write(bar, offset, bytes);
        Ok(())
    }

    fn allocate(&mut self, bytes: usize) -> Result<Box<dyn HostBuffer>, BusError> {
        let iova = self.next_iova;
        // A gap after each: what runs over an end faults.
        self.next_iova += bytes.next_multiple_of(4096) as u64 + 4096;
        locked(&self.space).buffers.insert(iova, vec![0; bytes]);
        Ok(Box::new(EmulatedBuffer { space: Arc::clone(&self.space), iova, bytes }))
    }

    fn enable_messages(&mut self) -> Result<bool, BusError> {
        if self.has_messages {
            self.device().set_message(0xFEE0_01F8, 0x21);
        }
        Ok(self.has_messages)
    }

    fn wait_message(&mut self, at_most: Duration) -> Result<bool, BusError> {
        if self.messages.swap(0, Ordering::SeqCst) > 0 {
            return Ok(true);
        }
        self.pause(at_most);
        Ok(self.messages.swap(0, Ordering::SeqCst) > 0)
    }

    fn reset(&mut self) -> Result<(), BusError> {
        if self.device().emulator().chip().faults.is_gone() {
            return Err(BusError::Gone { how: "it does not answer to a reset" });
        }
        self.device().reset();
        Ok(())
    }

    fn is_wanted_back(&mut self) -> bool {
        false
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.device().emulator().chip().clock())
    }

    fn pause(&mut self, time: Duration) {
        self.device().advance(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

#[derive(Debug)]
struct EmulatedBuffer {
    space: Arc<Mutex<Space>>,
    iova: u64,
    bytes: usize,
}

impl HostBuffer for EmulatedBuffer {
    fn iova(&self) -> u64 {
        self.iova
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        if let Ok(part) = locked(&self.space).part(self.iova.wrapping_add(at as u64), bytes.len()) {
            bytes.copy_from_slice(part);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Ok(part) = locked(&self.space).part(self.iova.wrapping_add(at as u64), bytes.len()) {
            part.copy_from_slice(bytes);
        }
    }
}

impl Drop for EmulatedBuffer {
    fn drop(&mut self) {
        locked(&self.space).buffers.remove(&self.iova);
    }
}
