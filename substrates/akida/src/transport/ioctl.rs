//! The calls of VFIO and IOMMUFD, each as a safe function.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::io::{self, Error};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_GROUP_FLAGS_VIABLE, VFIO_IOMMU_INFO_CAPS,
    VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_IRQ_SET_DATA_NONE, VFIO_TYPE, VFIO_TYPE1v2_IOMMU, vfio_device_attach_iommufd_pt, vfio_device_bind_iommufd,
    vfio_group_status, vfio_irq_info, vfio_region_info,
};

/// Numbers of VFIO's calls, from their base.
mod number {
    pub(super) const GET_API_VERSION: u8 = 0;
    pub(super) const CHECK_EXTENSION: u8 = 1;
    pub(super) const SET_IOMMU: u8 = 2;
    pub(super) const GROUP_GET_STATUS: u8 = 3;
    pub(super) const GROUP_SET_CONTAINER: u8 = 4;
    pub(super) const GROUP_GET_DEVICE_FD: u8 = 6;
    pub(super) const DEVICE_GET_REGION_INFO: u8 = 8;
    pub(super) const DEVICE_GET_IRQ_INFO: u8 = 9;
    pub(super) const DEVICE_SET_IRQS: u8 = 10;
    pub(super) const DEVICE_RESET: u8 = 11;
    pub(super) const IOMMU_GET_INFO: u8 = 12;
    pub(super) const IOMMU_MAP_DMA: u8 = 13;
    pub(super) const IOMMU_UNMAP_DMA: u8 = 14;
    pub(super) const DEVICE_BIND_IOMMUFD: u8 = 18;
    pub(super) const DEVICE_ATTACH_IOMMUFD_PT: u8 = 19;
    pub(super) const IOAS_ALLOC: u8 = 0x81;
    pub(super) const IOAS_IOVA_RANGES: u8 = 0x84;
    pub(super) const IOAS_MAP: u8 = 0x85;
    pub(super) const IOAS_UNMAP: u8 = 0x86;
}

const fn vfio(number: u8) -> Opcode {
    opcode::none(VFIO_TYPE, VFIO_BASE as u8 + number)
}

/// IOMMUFD shares the type and counts for itself.
const fn iommufd(number: u8) -> Opcode {
    opcode::none(VFIO_TYPE, number)
}

/// What a call takes: a number, or words that it may change.
enum Argument<'a> {
    Value(usize),
    Words(&'a mut [u32]),
}

struct Call<'a> {
    opcode: Opcode,
    argument: Argument<'a>,
}

// SAFETY: the argument is a number, or a slice of words that lives through the call; callers in this module give slices of
// at least the length that the call's structure has (checked by `call` against the structure's own size field).
unsafe impl Ioctl for Call<'_> {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        match &mut self.argument {
            Argument::Value(value) => std::ptr::without_provenance_mut(*value),
            Argument::Words(words) => words.as_mut_ptr().cast(),
        }
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(out)
    }
}

/// A call with a structure whose first word says its size.
fn call(file: impl AsFd, opcode: Opcode, words: &mut [u32]) -> io::Result<i32> {
    let size = words.first().copied().unwrap_or(0) as usize;
    if size > 4 * words.len() {
        return Err(Error::other("a structure longer than its memory"));
    }
    // SAFETY: the kernel reads and writes at most as many bytes as the structure says it has, and they are there.
    Ok(unsafe { ioctl(file, Call { opcode, argument: Argument::Words(words) })? })
}

/// A call with a number.
fn call_with(file: impl AsFd, opcode: Opcode, value: usize) -> io::Result<i32> {
    // SAFETY: these calls take a number, not an address.
    Ok(unsafe { ioctl(file, Call { opcode, argument: Argument::Value(value) })? })
}

/// Low and high half.
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Whether the container speaks the version that is known, with the second form of the type 1 IOMMU.
pub(super) fn is_usable(container: impl AsFd + Copy) -> io::Result<bool> {
    let version = call_with(container, vfio(number::GET_API_VERSION), 0)?;
    let has_type = call_with(container, vfio(number::CHECK_EXTENSION), VFIO_TYPE1v2_IOMMU as usize)?;
    Ok(version == 0 && has_type == 1)
}

/// Whether all devices of a group are free to be used.
pub(super) fn is_viable(group: impl AsFd) -> io::Result<bool> {
    let mut words = [size_of::<vfio_group_status>() as u32, 0];
    call(group, vfio(number::GROUP_GET_STATUS), &mut words)?;
    Ok(words[1] & VFIO_GROUP_FLAGS_VIABLE != 0)
}

/// Puts a group into a container and chooses its IOMMU.
pub(super) fn attach_group(container: impl AsFd, group: impl AsFd) -> io::Result<()> {
    let mut descriptor = [container.as_fd().as_raw_fd() as u32];
    // SAFETY: the call reads one descriptor through the address.
    unsafe {
        let argument = Argument::Words(&mut descriptor);
        ioctl(group, Call { opcode: vfio(number::GROUP_SET_CONTAINER), argument })?;
    }
    call_with(container, vfio(number::SET_IOMMU), VFIO_TYPE1v2_IOMMU as usize)?;
    Ok(())
}

/// The device of a group by its address.
pub(super) fn device(group: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    let name = CString::new(name).map_err(|_| Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the call reads a string that ends with a zero; `name` lives through it.
    let descriptor = unsafe {
        let argument = Argument::Value(name.as_ptr().expose_provenance());
        ioctl(group, Call { opcode: vfio(number::GROUP_GET_DEVICE_FD), argument })?
    };
    // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Flags, size and offset of a region.
pub(super) fn region(device: impl AsFd, index: u32) -> io::Result<(u32, u64, u64)> {
    let size = size_of::<vfio_region_info>() as u32;
    let mut words = [size, 0, index, 0, 0, 0, 0, 0];
    call(device, vfio(number::DEVICE_GET_REGION_INFO), &mut words)?;
    Ok((words[1], joined(words[4], words[5]), joined(words[6], words[7])))
}

/// How many interrupts of a kind there are.
pub(super) fn interrupts(device: impl AsFd, index: u32) -> io::Result<u32> {
    let mut words = [size_of::<vfio_irq_info>() as u32, 0, index, 0];
    call(device, vfio(number::DEVICE_GET_IRQ_INFO), &mut words)?;
    Ok(words[3])
}

/// Has a kind of interrupt tell an event descriptor, or nobody.
pub(super) fn set_interrupt(device: impl AsFd, index: u32, event: Option<RawFd>) -> io::Result<()> {
    let mut words = match event {
        Some(event) => {
            let flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
            vec![24, flags, index, 0, 1, event as u32]
        }
        None => vec![20, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 0],
    };
    call(device, vfio(number::DEVICE_SET_IRQS), &mut words)?;
    Ok(())
}

/// Resets a device.
pub(super) fn reset(device: impl AsFd) -> io::Result<()> {
    call_with(device, vfio(number::DEVICE_RESET), 0)?;
    Ok(())
}

/// First and last bus address of each range that can be mapped; none if the kernel does not say.
pub(super) fn iova_ranges(container: impl AsFd) -> io::Result<Vec<(u64, u64)>> {
    let mut words = vec![0; 1024];
    words[0] = 4 * words.len() as u32;
    call(container, vfio(number::IOMMU_GET_INFO), &mut words)?;
    let mut ranges = Vec::new();
    let mut at = if words[1] & VFIO_IOMMU_INFO_CAPS != 0 { words[4] as usize } else { 0 };
    // A chain that never ends is no chain.
    for _ in 0..32 {
        let Some(capability) = words.get(at / 4..).filter(|rest| at != 0 && rest.len() >= 4) else { break };
        if capability[0] & 0xFFFF == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
            let listed = capability[4..].chunks_exact(4).take(capability[2] as usize);
            ranges.extend(listed.map(|r| (joined(r[0], r[1]), joined(r[2], r[3]))));
        }
        at = capability[1] as usize;
    }
    Ok(ranges)
}

/// Maps memory of this process for DMA. The caller keeps it mapped here until it was unmapped there.
pub(super) fn map(container: impl AsFd, address: usize, iova: u64, bytes: u64) -> io::Result<()> {
    let flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
    let (from, to, size) = (halves(address as u64), halves(iova), halves(bytes));
    let mut words = [32, flags, from[0], from[1], to[0], to[1], size[0], size[1]];
    call(container, vfio(number::IOMMU_MAP_DMA), &mut words)?;
    Ok(())
}

/// Takes a mapping back.
pub(super) fn unmap(container: impl AsFd, iova: u64, bytes: u64) -> io::Result<()> {
    let (to, size) = (halves(iova), halves(bytes));
    let mut words = [24, 0, to[0], to[1], size[0], size[1]];
    call(container, vfio(number::IOMMU_UNMAP_DMA), &mut words)?;
    Ok(())
}

/// Gives a device to an IOMMUFD, with an address space of its own: the space's number.
pub(super) fn bind_iommufd(device: impl AsFd + Copy, iommu: impl AsFd + Copy) -> io::Result<u32> {
    let descriptor = iommu.as_fd().as_raw_fd() as u32;
    let size = size_of::<vfio_device_bind_iommufd>().min(16) as u32;
    call(device, vfio(number::DEVICE_BIND_IOMMUFD), &mut [size, 0, descriptor, 0])?;
    let mut space = [12, 0, 0];
    call(iommu, iommufd(number::IOAS_ALLOC), &mut space)?;
    let size = size_of::<vfio_device_attach_iommufd_pt>().min(12) as u32;
    call(device, vfio(number::DEVICE_ATTACH_IOMMUFD_PT), &mut [size, 0, space[2]])?;
    Ok(space[2])
}

/// First and last bus address of each range of a space.
pub(super) fn space_ranges(iommu: impl AsFd, space: u32) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = [0_u64; 128];
    let address = halves(ranges.as_mut_ptr().expose_provenance() as u64);
    let mut words = [32, space, 64, 0, address[0], address[1], 0, 0];
    // The kernel writes at most 64 pairs through the address, which has room for them and lives through the call.
    call(iommu, iommufd(number::IOAS_IOVA_RANGES), &mut words)?;
    let count = (words[2] as usize).min(64);
    Ok(ranges.chunks_exact(2).take(count).map(|pair| (pair[0], pair[1])).collect())
}

/// Maps memory of this process into a space at a fixed bus address.
pub(super) fn space_map(iommu: impl AsFd, space: u32, address: usize, iova: u64, bytes: u64) -> io::Result<()> {
    const FIXED_WRITE_READ: u32 = 0b111;
    let (from, to, size) = (halves(address as u64), halves(iova), halves(bytes));
    let mut words = [40, FIXED_WRITE_READ, space, 0, from[0], from[1], size[0], size[1], to[0], to[1]];
    call(iommu, iommufd(number::IOAS_MAP), &mut words)?;
    Ok(())
}

/// Takes a mapping of a space back.
pub(super) fn space_unmap(iommu: impl AsFd, space: u32, iova: u64, bytes: u64) -> io::Result<()> {
    let (to, size) = (halves(iova), halves(bytes));
    let mut words = [24, space, to[0], to[1], size[0], size[1]];
    call(iommu, iommufd(number::IOAS_UNMAP), &mut words)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use vfio_bindings::bindings::vfio::{vfio_iommu_type1_dma_map, vfio_iommu_type1_dma_unmap, vfio_irq_set};

    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernels_headers() {
        // _IO(';', 100 + n), and for IOMMUFD _IO(';', n).
        assert_eq!(vfio(number::GET_API_VERSION), 0x3B64);
        assert_eq!(vfio(number::DEVICE_GET_REGION_INFO), 0x3B6C);
        assert_eq!(vfio(number::IOMMU_MAP_DMA), 0x3B71);
        assert_eq!(vfio(number::DEVICE_BIND_IOMMUFD), 0x3B76);
        assert_eq!(iommufd(number::IOAS_ALLOC), 0x3B81);
        assert_eq!(iommufd(number::IOAS_MAP), 0x3B85);
    }

    #[test]
    fn sizes_are_those_of_the_kernels_structures() {
        assert_eq!(size_of::<vfio_region_info>(), 32);
        assert_eq!(size_of::<vfio_iommu_type1_dma_map>(), 32);
        assert_eq!(size_of::<vfio_iommu_type1_dma_unmap>(), 24);
        assert_eq!(size_of::<vfio_irq_set>(), 20);
        assert_eq!(size_of::<vfio_irq_info>(), 16);
    }

    #[test]
    fn a_structure_longer_than_its_memory_is_refused() {
        let file = std::fs::File::open("/dev/null").expect("there");
        assert!(call(&file, vfio(0), &mut [64, 0]).is_err());
    }
}
