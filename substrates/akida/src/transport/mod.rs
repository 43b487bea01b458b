//! Ways to a board: VFIO, the maker's kernel node, and what both share.
//!
//! * [`function`]: a PCIe function as a user program sees it: configuration space, BARs, buffers for DMA, messages.
//!   VFIO is one implementation, the emulator's PCIe side another.
//! * [`pcie`]: the bus over such a function: address windows, bulk transfers by the chip's own DMA engine.
//! * [`node`]: the bus over the maker's kernel driver.
//! * [`cost`]: when a DMA transfer is less work than single accesses.
//! * `vfio`, [`sysfs`]: Linux.
//!
//! Unsafe code is in `vfio` and `map` only. Tested on silicon: no.

pub mod cost;
pub mod dma;
pub mod function;
pub mod node;
pub mod pcie;
