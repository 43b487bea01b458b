//! The IOMMU: how a function is taken, by group and container or by its own node and IOMMUFD, and which memory it sees then.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use crate::bus::BusError;
use crate::transport::function::HostBuffer;
use crate::transport::ioctl;
use crate::transport::map::Mapping;
use crate::transport::sysfs::Bdf;

/// Addresses that the device sees.
#[derive(Debug)]
pub(super) struct AddressSpace {
    iommu: Iommu,
    /// First and last address of each range that can be mapped.
    ranges: Vec<(u64, u64)>,
    next: Mutex<u64>,
}

/// Who maps; descriptors stay open as long as there are mappings.
#[derive(Debug)]
enum Iommu {
    Container { container: File, _group: File },
    Iommufd { iommu: File, space: u32 },
}

/// Where mappings begin: above what firmware and identity mappings use.
const FIRST_IOVA: u64 = 0x1000_0000;
/// Without a list of ranges: below the window of messages on x86.
const USUAL_RANGE: (u64, u64) = (0, 0xFEDF_FFFF);

pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> BusError {
    let what = what.into();
    move |source| BusError::System { what, source }
}

fn open(path: &std::path::Path) -> Result<File, BusError> {
    let what = format!("cannot open {}", path.display());
    OpenOptions::new().read(true).write(true).open(path).map_err(system(what))
}

pub(super) fn by_group(bdf: &Bdf, group: u32) -> Result<(File, AddressSpace), BusError> {
    let container = open(std::path::Path::new("/dev/vfio/vfio"))?;
    let group_file = open(&std::path::Path::new("/dev/vfio").join(group.to_string()))?;
    if !ioctl::is_usable(container.as_fd()).map_err(system("VFIO does not tell its version"))? {
        return Err(BusError::Unsupported { what: "an IOMMU of type 1, version 2", transport: "this kernel's VFIO" });
    }
    if !ioctl::is_viable(group_file.as_fd()).map_err(system("VFIO does not tell the group's state"))? {
        let why = "other devices of its IOMMU group still have a driver: unbind them first".to_owned();
        return Err(BusError::System {
            what: format!("the board at {bdf} cannot be used"),
            source: io::Error::other(why),
        });
    }
    ioctl::attach_group(container.as_fd(), group_file.as_fd())
        .map_err(system("the IOMMU group cannot be taken (is another program using it?)"))?;
    let device = ioctl::device(group_file.as_fd(), bdf.as_str()).map_err(system("the device cannot be taken"))?;
    let ranges = ioctl::iova_ranges(container.as_fd()).unwrap_or_default();
    let iommu = Iommu::Container { container, _group: group_file };
    Ok((device.into(), AddressSpace::new(iommu, ranges)))
}

pub(super) fn by_iommufd(node: &std::path::Path) -> Result<(File, AddressSpace), BusError> {
    let device = open(node)?;
    let iommu = open(std::path::Path::new("/dev/iommu"))?;
    let space = ioctl::bind_iommufd(device.as_fd(), iommu.as_fd()).map_err(system("the device cannot be taken"))?;
    let ranges = ioctl::space_ranges(iommu.as_fd(), space).unwrap_or_default();
    Ok((device, AddressSpace::new(Iommu::Iommufd { iommu, space }, ranges)))
}

impl AddressSpace {
    fn new(iommu: Iommu, ranges: Vec<(u64, u64)>) -> Self {
        let ranges = if ranges.is_empty() { vec![USUAL_RANGE] } else { ranges };
        Self { iommu, ranges, next: Mutex::new(FIRST_IOVA) }
    }

    /// Addresses that nothing is mapped at.
    pub(super) fn take(&self, bytes: u64) -> Option<u64> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |&(first, last): &(u64, u64)| {
            let at = first.max(*next);
            at.checked_add(bytes - 1).filter(|&end| end <= last).map(|_| at)
        };
        let at = self.ranges.iter().find_map(fits)?;
        // A page without a mapping after each: what runs over an end faults.
        *next = at + bytes + 4096;
        Some(at)
    }

    pub(super) fn map(&self, address: usize, iova: u64, bytes: u64) -> io::Result<()> {
        match &self.iommu {
            Iommu::Container { container, .. } => ioctl::map(container.as_fd(), address, iova, bytes),
            Iommu::Iommufd { iommu, space } => ioctl::space_map(iommu.as_fd(), *space, address, iova, bytes),
        }
    }

    fn unmap(&self, iova: u64, bytes: u64) -> io::Result<()> {
        match &self.iommu {
            Iommu::Container { container, .. } => ioctl::unmap(container.as_fd(), iova, bytes),
            Iommu::Iommufd { iommu, space } => ioctl::space_unmap(iommu.as_fd(), *space, iova, bytes),
        }
    }
}

/// Memory of this process that the device sees.
#[derive(Debug)]
pub(super) struct VfioBuffer {
    /// `None` only while it is dropped.
    pub(super) memory: Option<Mapping>,
    pub(super) iova: u64,
    pub(super) bytes: usize,
    pub(super) space: Arc<AddressSpace>,
}

impl HostBuffer for VfioBuffer {
    fn iova(&self) -> u64 {
        self.iova
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        if let Some(memory) = &self.memory {
            let _ = memory.read(at, bytes);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(memory) = &self.memory {
            let _ = memory.write(at, bytes);
        }
    }
}

impl Drop for VfioBuffer {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take() else { return };
        if self.space.unmap(self.iova, memory.bytes() as u64).is_err() {
            // The device may still reach it: it must not be used for anything else, ever.
            std::mem::forget(memory);
        }
    }
}
