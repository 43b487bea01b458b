//! The chip over a vfio-user socket: a virtual machine sees it as a PCI device.
//!
//! Memory of the guest is reached through the files that the client hands over, by ordinary reads and writes; so is the
//! device memory that the guest maps. Nothing here is mapped into this process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use forebay_akida::Device;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use vfio_bindings::bindings::vfio::{
    VFIO_DMA_UNMAP_FLAG_ALL, VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_NORESIZE, VFIO_PCI_BAR4_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS,
    VFIO_REGION_INFO_FLAG_MMAP, VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, vfio_region_info,
    vfio_region_sparse_mmap_area,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion, SparseArea};

use crate::memory::{Pages, Store, Unmapped};
use crate::pci::{CONFIG_BYTES, Host, PciDevice};
use crate::{Emulator, Settings};

/// The BAR of device memory, which the client maps.
const MEMORY_BAR: u8 = 4;

/// A socket with a chip behind it.
pub struct Listener {
    server: Server,
    backend: Backend,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("device", &self.backend.device).finish_non_exhaustive()
    }
}

/// Why there is no socket, or why a connection ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The memory that the guest maps cannot be made.
    #[error("device memory cannot be made")]
    Memory(#[source] io::Error),
    /// The socket cannot be made.
    #[error("the socket {socket} cannot be made: a file with this name must not exist")]
    Socket {
        /// Its path.
        socket: String,
        /// Why.
        #[source]
        source: vfio_user::Error,
    },
    /// The connection broke.
    #[error("the connection broke")]
    Connection(#[source] vfio_user::Error),
}

impl Listener {
    /// Makes the socket; a virtual machine may connect from now on. Once a file named `unplug` exists, the device is gone.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn new(settings: Settings, socket: &Path, unplug: Option<PathBuf>) -> Result<Self, ServerError> {
        let device = settings.device;
        let shared = memory_file(device).map_err(ServerError::Memory)?;
        let descriptor = shared.as_raw_fd();
        let store = SharedMemory { shared, bytes: PciDevice::bar_bytes(device, MEMORY_BAR), rest: Pages::default() };
        let emulator = Emulator::with_memory(settings, Box::new(store));
        let guest = Guest::default();
        let host: Host = Arc::new(Mutex::new(Box::new(guest.clone())));
        let regions = (0..VFIO_PCI_NUM_REGIONS).map(|index| region(device, index, descriptor)).collect();
        let interrupts = (0..VFIO_PCI_NUM_IRQS).map(interrupt).collect();
        let server = Server::new(socket, true, interrupts, regions)
            .map_err(|source| ServerError::Socket { socket: socket.display().to_string(), source })?;
        let backend = Backend {
            device: PciDevice::new(emulator, host),
            guest,
            start: Instant::now(),
            counted: 0,
            unplug,
            log: Vec::new(),
        };
        Ok(Self { server, backend })
    }

    /// Serves one virtual machine until it goes.
    ///
    /// # Errors
    /// [`ServerError::Connection`] if it does not go in an orderly way.
    pub fn serve(&mut self) -> Result<(), ServerError> {
        self.server.run(&mut self.backend).map_err(ServerError::Connection)
    }

    /// The chip, to look at what happened.
    pub fn emulator(&self) -> &Emulator {
        self.backend.device.emulator()
    }

    /// What the client did beside accesses: one line each.
    pub fn log(&self) -> &[String] {
        &self.backend.log
    }
}

fn memory_file(device: Device) -> io::Result<File> {
    let file = memfd_create("forebay-device-memory", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, PciDevice::bar_bytes(device, MEMORY_BAR))?;
    Ok(file.into())
}

fn region(device: Device, index: u32, memory: i32) -> ServerRegion {
    let is_memory = index == VFIO_PCI_BAR4_REGION_INDEX;
    let size = match u8::try_from(index) {
        _ if index == VFIO_PCI_CONFIG_REGION_INDEX => CONFIG_BYTES as u64,
        Ok(bar) if bar < 6 => PciDevice::bar_bytes(device, bar),
        _ => 0,
    };
    let mut flags = if size > 0 { VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE } else { 0 };
    if is_memory {
        flags |= VFIO_REGION_INFO_FLAG_MMAP;
    }
    let region_info =
        vfio_region_info { argsz: size_of::<vfio_region_info>() as u32, flags, index, size, ..Default::default() };
    // The descriptor is only sent beside a list of areas.
    let area = SparseArea { area: vfio_region_sparse_mmap_area { offset: 0, size } };
    ServerRegion {
        region_info,
        sparse_areas: if is_memory { vec![area] } else { Vec::new() },
        mmap_fd: is_memory.then_some(memory),
    }
}

fn interrupt(index: u32) -> IrqInfo {
    let is_message = index == VFIO_PCI_MSI_IRQ_INDEX;
    let flags = if is_message { VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE } else { 0 };
    IrqInfo { index, flags, count: u32::from(is_message) }
}

/// Device memory: what the guest maps is a file, the rest is plain.
#[derive(Debug)]
struct SharedMemory {
    shared: File,
    bytes: u64,
    rest: Pages,
}

impl Store for SharedMemory {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped> {
        let inside = usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
        let (head, tail) = bytes.split_at_mut(inside);
        // Who wrote what into a mapped file is not known: all counts as written.
        self.shared.read_exact_at(head, at).map_err(|_| Unmapped { at })?;
        if tail.is_empty() { Ok(true) } else { self.rest.read(at + inside as u64, tail) }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        let inside = usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX).min(bytes.len());
        let (head, tail) = bytes.split_at(inside);
        self.shared.write_all_at(head, at).map_err(|_| Unmapped { at })?;
        if tail.is_empty() { Ok(()) } else { self.rest.write(at + inside as u64, tail) }
    }
}

/// Memory of the guest by the addresses that its IOMMU gave the device.
#[derive(Clone, Debug, Default)]
struct Guest(Arc<Mutex<Ranges>>);

#[derive(Debug, Default)]
struct Ranges {
    by_address: BTreeMap<u64, Range>,
    /// One descriptor for each file, however many ranges of it there are.
    files: BTreeMap<(u64, u64), Arc<File>>,
}

#[derive(Debug)]
struct Range {
    file: Arc<File>,
    offset: u64,
    size: u64,
    is_writable: bool,
}

impl Guest {
    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Neighbouring addresses may come as ranges of their own: a copy goes piece by piece.
    fn each(
        &self,
        at: u64,
        length: usize,
        writes: bool,
        mut visit: impl FnMut(&File, u64, std::ops::Range<usize>) -> io::Result<()>,
    ) -> Result<(), Unmapped> {
        let ranges = self.ranges();
        let mut done = 0;
        while done < length {
            let here = at.wrapping_add(done as u64);
            let unmapped = Unmapped { at: here };
            let (start, range) = ranges.by_address.range(..=here).next_back().ok_or(unmapped)?;
            let inside = here - start;
            if inside >= range.size || (writes && !range.is_writable) {
                return Err(unmapped);
            }
            let count = (length - done).min((range.size - inside) as usize);
            visit(&range.file, range.offset + inside, done..done + count).map_err(|_| unmapped)?;
            done += count;
        }
        Ok(())
    }
}

impl Store for Guest {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<bool, Unmapped> {
        self.each(at, bytes.len(), false, |file, offset, part| file.read_exact_at(&mut bytes[part], offset))?;
        Ok(true)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Unmapped> {
        self.each(at, bytes.len(), true, |file, offset, part| file.write_all_at(&bytes[part], offset))
    }
}

/// What the socket's messages come to.
struct Backend {
    device: PciDevice,
    guest: Guest,
    start: Instant,
    /// Nanoseconds that the chip knows of.
    counted: u64,
    /// The device goes once this file is there.
    unplug: Option<PathBuf>,
    log: Vec<String>,
}

impl Backend {
    /// The chip's clock follows the time of day.
    fn tick(&mut self) {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // A look at the file system every hundredth of a second.
        if now / 10_000_000 != self.counted / 10_000_000 && self.unplug.as_ref().is_some_and(|file| file.exists()) {
            self.unplug = None;
            self.say("unplugged".to_owned());
            self.device.emulator().remove();
        }
        self.device.advance(now - self.counted);
        self.counted = now;
    }

    fn say(&mut self, text: String) {
        // The first lines tell the story; a client that never stops must not fill the memory.
        if self.log.len() < 10_000 {
            self.log.push(format!("{:9.3} {text}", self.start.elapsed().as_secs_f64()));
        }
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        self.tick();
        match (u8::try_from(region), u32::try_from(offset)) {
            (_, Ok(offset)) if region == VFIO_PCI_CONFIG_REGION_INDEX => {
                self.device.config_read(offset as usize, data);
            }
            (Ok(bar), Ok(offset)) if bar < 6 => self.device.bar_read(bar, offset, data),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tick();
        match (u8::try_from(region), u32::try_from(offset)) {
            (_, Ok(offset)) if region == VFIO_PCI_CONFIG_REGION_INDEX => {
                self.device.config_write(offset as usize, data);
            }
            (Ok(bar), Ok(offset)) if bar < 6 => self.device.bar_write(bar, offset, data),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        // Ranges without a descriptor, such as firmware, cannot be reached.
        let Some(file) = file else { return Ok(()) };
        let metadata = file.metadata()?;
        let mut ranges = self.guest.ranges();
        let kept = ranges.files.entry((metadata.dev(), metadata.ino())).or_insert_with(|| Arc::new(file));
        let file = Arc::clone(kept);
        let is_writable = flags.contains(DmaMapFlags::WRITE);
        ranges.by_address.insert(address, Range { file, offset, size, is_writable });
        Ok(())
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        // One message may take many ranges at once, and match none of them exactly.
        let end = u128::from(address) + u128::from(size);
        let all = flags.bits() & VFIO_DMA_UNMAP_FLAG_ALL != 0;
        let is_inside = |at: u64, range: &Range| at >= address && u128::from(at) + u128::from(range.size) <= end;
        let mut ranges = self.guest.ranges();
        ranges.by_address.retain(|&at, range| !all && !is_inside(at, range));
        if ranges.by_address.is_empty() {
            ranges.files.clear();
        }
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.say("reset".to_owned());
        self.device.reset();
        Ok(())
    }

    fn set_irqs(&mut self, index: u32, flags: u32, start: u32, count: u32, fds: Vec<File>) -> io::Result<()> {
        self.say(format!("interrupts {index}: flags {flags:#x}, from {start}, {count}, {} descriptors", fds.len()));
        if index != VFIO_PCI_MSI_IRQ_INDEX {
            return Ok(());
        }
        match fds.into_iter().next() {
            Some(mut event) => self.device.on_message(Some(Box::new(move || {
                // A guest that does not read its events misses some.
                let _ = event.write_all(&1_u64.to_ne_bytes());
            }))),
            None if count == 0 => self.device.on_message(None),
            None => {}
        }
        Ok(())
    }
}
