//! The maker's kernel node as a file, mapped where that helps.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use crate::bus::BusError;
use crate::chip::address::CORE;
use crate::device::Device;

use super::map::Mapping;
use super::node::{NodeBus, NodeFile, device_of};

/// Bytes of registers to map: up to the interrupt controller.
const REGISTER_BYTES: usize = 0x8_0000;

#[derive(Debug)]
struct Node {
    file: File,
    registers: Option<Mapping>,
}

impl NodeFile for Node {
    fn read_at(&mut self, address: u32, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, address.into())
    }

    fn write_at(&mut self, address: u32, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, address.into())
    }

    fn mapped(&self) -> Option<Range<u32>> {
        self.registers.as_ref().map(|mapping| CORE..CORE + mapping.bytes() as u32)
    }

    fn mapped_read(&mut self, address: u32) -> u32 {
        let at = address.wrapping_sub(CORE) as usize;
        self.registers.as_ref().and_then(|mapping| mapping.read_word(at)).unwrap_or(u32::MAX)
    }

    fn mapped_write(&mut self, address: u32, value: u32) {
        let at = address.wrapping_sub(CORE) as usize;
        let _ = self.registers.as_ref().and_then(|mapping| mapping.write_word(at, value));
    }
}

/// Opens a node by its path.
///
/// # Errors
/// [`BusError::Unsupported`] for a name that is no such node; [`BusError::System`] if it cannot be opened.
pub fn open_node(path: &str) -> Result<NodeBus, BusError> {
    let device = device_of(path)
        .ok_or(BusError::Unsupported { what: "a file that is not /dev/akidaN or /dev/akd1500_N", transport: "node" })?;
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|source| {
        let what = match source.kind() {
            io::ErrorKind::NotFound => format!("there is no {path}: load the maker's kernel module, or use vfio:"),
            io::ErrorKind::PermissionDenied => format!("{path} is not yours: install the maker's udev rule"),
            _ => format!("{path} cannot be opened"),
        };
        BusError::System { what, source }
    })?;
    // The AKD1000's node counts from the registers, the AKD1500's from device address 0 [K].
    let offset = if device == Device::Akd1000 { 0 } else { u64::from(CORE) };
    let registers = Mapping::of_file(file.as_fd(), offset, REGISTER_BYTES).ok();
    Ok(NodeBus::new(Box::new(Node { file, registers }), path, device))
}
