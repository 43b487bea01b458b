//! A PCIe function through Linux's VFIO: by group and container, or by its own node and IOMMUFD.
//!
//! No root is needed, only the right to open the group's node; how to get it is in the README.
//!
//! # Source
//! specs/device-interface.md, "VFIO" \[D\].

mod iommu;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
};

use crate::bus::BusError;
use crate::chip::pcie::config;

use self::iommu::{AddressSpace, VfioBuffer, by_group, by_iommufd, system};
use super::function::{Function, HostBuffer};
use super::ioctl;
use super::map::Mapping;
use super::sysfs::{Bdf, System, VFIO_DRIVER};

/// A function that vfio-pci has.
#[derive(Debug)]
pub struct VfioFunction {
    name: String,
    device: File,
    /// Where configuration space is in the device's file.
    config: u64,
    bars: [Bar; 6],
    space: Arc<AddressSpace>,
    message: Option<OwnedFd>,
    /// Told when the system wants the device back.
    wanted: Option<OwnedFd>,
    is_wanted: bool,
    accesses: u32,
    start: Instant,
}

/// A BAR, and how to reach it.
#[derive(Debug, Default)]
enum Bar {
    #[default]
    None,
    Mapped(Mapping),
    /// It cannot be mapped: its place in the device's file, and its length.
    File(u64, u64),
}

/// Accesses between two looks at whether the device is wanted back.
const LOOK_EVERY: u32 = 64;

impl VfioFunction {
    /// Opens the function at an address.
    ///
    /// # Errors
    /// [`BusError::System`] with what is missing and the next step.
    pub fn open(bdf: &Bdf) -> Result<Self, BusError> {
        let this = System::default();
        let refuse = |why: String| BusError::System {
            what: format!("the board at {bdf} cannot be used"),
            source: io::Error::other(why),
        };
        let board = this.board(bdf).ok_or_else(|| {
            refuse("there is no AKD1000 or AKD1500 at this address: `forebay devices` lists the boards".to_owned())
        })?;
        let missing = this.missing(&board);
        // A node of its own does without the group's.
        let cdev = Self::node_of(&this, bdf);
        if board.driver.as_deref() != Some(VFIO_DRIVER) || (!missing.is_empty() && cdev.is_none()) {
            return Err(refuse(missing.join("; ")));
        }
        let (device, space) = match (missing.is_empty(), cdev) {
            (true, _) => by_group(bdf, board.group.unwrap_or_default())?,
            (false, Some(node)) => by_iommufd(&node)?,
            (false, None) => return Err(refuse(missing.join("; "))),
        };
        Self::new(bdf, device, space)
    }

    /// The function's own node, where the kernel has such.
    fn node_of(system: &System, bdf: &Bdf) -> Option<std::path::PathBuf> {
        if !system.path("/dev/iommu").exists() {
            return None;
        }
        let entries = std::fs::read_dir(system.function(bdf).join("vfio-dev")).ok()?;
        let name = entries.flatten().next()?.file_name();
        Some(system.path("/dev/vfio/devices").join(name))
    }

    fn new(bdf: &Bdf, device: File, space: AddressSpace) -> Result<Self, BusError> {
        let asks = |what: &'static str| move |source| BusError::System { what: what.to_owned(), source };
        let (_, _, config) = ioctl::region(device.as_fd(), VFIO_PCI_CONFIG_REGION_INDEX)
            .map_err(asks("VFIO does not tell where configuration space is"))?;
        let mut bars: [Bar; 6] = Default::default();
        for (index, bar) in (0..).zip(&mut bars) {
            let (flags, bytes, offset) =
                ioctl::region(device.as_fd(), index).map_err(asks("VFIO does not tell where a BAR is"))?;
            if bytes == 0 {
                continue;
            }
            let mapped = if flags & VFIO_REGION_INFO_FLAG_MMAP == 0 {
                None
            } else {
                Mapping::of_file(device.as_fd(), offset, bytes as usize).ok()
            };
            *bar = mapped.map_or(Bar::File(offset, bytes), Bar::Mapped);
        }
        let mut function = Self {
            name: bdf.to_string(),
            device,
            config,
            bars,
            space: Arc::new(space),
            message: None,
            wanted: None,
            is_wanted: false,
            accesses: 0,
            start: Instant::now(),
        };
        function.watch();
        Ok(function)
    }

    /// Whether nobody answers any more.
    fn is_gone(&mut self) -> bool {
        self.config_read(config::ID).map_or(true, |id| id == u32::MAX)
    }

    /// Has the system tell when it wants the device back; kernels without this say so by an error.
    fn watch(&mut self) {
        let Ok(event) = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC) else { return };
        let count = ioctl::interrupts(self.device.as_fd(), VFIO_PCI_REQ_IRQ_INDEX).unwrap_or(0);
        let set = ioctl::set_interrupt(self.device.as_fd(), VFIO_PCI_REQ_IRQ_INDEX, Some(event.as_raw_fd()));
        if count > 0 && set.is_ok() {
            self.wanted = Some(event);
        }
    }
}

fn outside(offset: u32, bytes: usize) -> BusError {
    BusError::Address { address: offset, bytes, why: "it is outside its BAR" }
}

/// Takes one event off a descriptor, waiting for it; whether there was one.
fn take_event(event: &OwnedFd, at_most: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(at_most).ok();
    let mut polled = [PollFd::new(event, PollFlags::IN)];
    if poll(&mut polled, timeout.as_ref())? == 0 {
        return Ok(false);
    }
    let mut count = [0; 8];
    match rustix::io::read(event, &mut count) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Function for VfioFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn config_read(&mut self, offset: u16) -> Result<u32, BusError> {
        let mut word = [0; 4];
        let at = self.config + u64::from(offset & !3);
        self.device.read_exact_at(&mut word, at).map_err(system("configuration space cannot be read"))?;
        Ok(u32::from_le_bytes(word))
    }

    fn config_write(&mut self, offset: u16, value: u32) -> Result<(), BusError> {
        let at = self.config + u64::from(offset & !3);
        // The command shares its word with the status, whose bits are cleared by ones.
        let bytes = value.to_le_bytes();
        let bytes = if offset & !3 == config::COMMAND { &bytes[..2] } else { &bytes[..] };
        self.device.write_all_at(bytes, at).map_err(system("configuration space cannot be written"))
    }

    fn bar_bytes(&self, bar: u8) -> u64 {
        match self.bars.get(usize::from(bar)) {
            Some(Bar::Mapped(mapping)) => mapping.bytes() as u64,
            Some(Bar::File(_, bytes)) => *bytes,
            Some(Bar::None) | None => 0,
        }
    }

    fn read(&mut self, bar: u8, offset: u32) -> Result<u32, BusError> {
        if let Some(Bar::Mapped(mapping)) = self.bars.get(usize::from(bar)) {
            return mapping.read_word(offset as usize).ok_or_else(|| outside(offset, 4));
        }
        let mut word = [0; 4];
        self.read_block(bar, offset, &mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn write(&mut self, bar: u8, offset: u32, value: u32) -> Result<(), BusError> {
        if let Some(Bar::Mapped(mapping)) = self.bars.get(usize::from(bar)) {
            return mapping.write_word(offset as usize, value).ok_or_else(|| outside(offset, 4));
        }
        self.write_block(bar, offset, &value.to_le_bytes())
    }

    fn read_block(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        let beyond = outside(offset, bytes.len());
        let end = u64::from(offset) + bytes.len() as u64;
        match self.bars.get(usize::from(bar)) {
            Some(Bar::Mapped(mapping)) => mapping.read(offset as usize, bytes).ok_or(beyond),
            Some(Bar::File(start, length)) if end <= *length => {
                let at = start + u64::from(offset);
                self.device.read_exact_at(bytes, at).map_err(system("a BAR cannot be read"))
            }
            _ => Err(beyond),
        }
    }

    fn write_block(&mut self, bar: u8, offset: u32, bytes: &[u8]) -> Result<(), BusError> {
        let beyond = outside(offset, bytes.len());
        let end = u64::from(offset) + bytes.len() as u64;
        match self.bars.get(usize::from(bar)) {
            Some(Bar::Mapped(mapping)) => mapping.write(offset as usize, bytes).ok_or(beyond),
            Some(Bar::File(start, length)) if end <= *length => {
                let at = start + u64::from(offset);
                self.device.write_all_at(bytes, at).map_err(system("a BAR cannot be written"))
            }
            _ => Err(beyond),
        }
    }

    fn allocate(&mut self, bytes: usize) -> Result<Box<dyn HostBuffer>, BusError> {
        let memory = Mapping::anonymous(bytes).map_err(system("there is no memory for DMA"))?;
        let length = memory.bytes() as u64;
        let iova = self.space.take(length).ok_or(BusError::Unsupported {
            what: "one more mapping for DMA",
            transport: "the IOMMU's address ranges",
        })?;
        self.space.map(memory.address(), iova, length).map_err(|source| BusError::System {
            what: match source.kind() {
                io::ErrorKind::OutOfMemory => format!(
                    "{length} bytes cannot be locked for DMA: raise the limit of locked memory (`ulimit -l`, or memlock in \
                     /etc/security/limits.conf)"
                ),
                _ => format!("{length} bytes cannot be mapped for DMA"),
            },
            source,
        })?;
        Ok(Box::new(VfioBuffer { memory: Some(memory), iova, bytes, space: Arc::clone(&self.space) }))
    }

    fn enable_messages(&mut self) -> Result<bool, BusError> {
        if self.message.is_none() {
            if ioctl::interrupts(self.device.as_fd(), VFIO_PCI_MSI_IRQ_INDEX).unwrap_or(0) == 0 {
                return Ok(false);
            }
            let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
                .map_err(|error| system("there is no event descriptor")(error.into()))?;
            self.message = Some(event);
        }
        let event = self.message.as_ref().map(AsRawFd::as_raw_fd);
        ioctl::set_interrupt(self.device.as_fd(), VFIO_PCI_MSI_IRQ_INDEX, event)
            .map_err(system("messages cannot be turned on"))?;
        Ok(true)
    }

    fn wait_message(&mut self, at_most: Duration) -> Result<bool, BusError> {
        let Some(event) = &self.message else { return Ok(false) };
        take_event(event, at_most).map_err(system("messages cannot be waited for"))
    }

    fn reset(&mut self) -> Result<(), BusError> {
        // The kernel waits a minute for a device that is not there.
        if self.is_gone() {
            return Err(BusError::Gone { how: "its configuration space reads all ones" });
        }
        ioctl::reset(self.device.as_fd()).map_err(|source| match source.raw_os_error() {
            // ENOTTY, EINVAL: the function has no reset of its own.
            Some(25 | 22) => BusError::Unsupported { what: "a reset of the function", transport: "VFIO here" },
            Some(19) => BusError::Gone { how: "the kernel says there is no such device" },
            _ => BusError::System { what: "the function cannot be reset".to_owned(), source },
        })
    }

    fn is_wanted_back(&mut self) -> bool {
        self.accesses = self.accesses.wrapping_add(1);
        if self.accesses.is_multiple_of(LOOK_EVERY)
            && let Some(event) = &self.wanted
        {
            self.is_wanted |= take_event(event, Duration::ZERO).unwrap_or(false);
        }
        self.is_wanted
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl Drop for VfioFunction {
    /// No DMA and no messages after this: buffers are unmapped next.
    fn drop(&mut self) {
        if self.is_gone() {
            return;
        }
        let _ = ioctl::set_interrupt(self.device.as_fd(), VFIO_PCI_MSI_IRQ_INDEX, None);
        if let Ok(command) = self.config_read(config::COMMAND) {
            let _ = self.config_write(config::COMMAND, command & !u32::from(config::BUS_MASTER));
        }
        let _ = ioctl::reset(self.device.as_fd());
    }
}
