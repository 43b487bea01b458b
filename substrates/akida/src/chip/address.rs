//! Addresses on the chip's own bus.

use crate::device::Device;

/// The core's registers \[E\]\[K\].
pub const CORE: u32 = 0xFCC0_0000;
/// Bytes that the core's registers take at most: the engine's constant for the AKD1500 \[E\].
pub const CORE_BYTES: u32 = 0x10_0000;
/// DMA of sparse input events and of outputs \[E\].
pub const EVENT_DMA: u32 = CORE + 0x2_0000;
/// DMA of dense inputs \[E\].
pub const HRC_DMA: u32 = CORE + 0x2_8000;
/// DMA of configuration \[E\].
pub const CONFIG_DMA: u32 = CORE + 0x3_0000;
/// Input event routing: a handful of words that a program brings \[E\].
pub const EPG: u32 = CORE + 0x4_0000;
/// Bytes of that block, up to the next one.
pub const EPG_BYTES: u32 = 0x3_0000;
/// Interrupt controller \[E\].
pub const INTERRUPT: u32 = CORE + 0x7_0000;
/// Chip information of the AKD1000: bits 3:0 are the chip version, 2 in production \[E\].
pub const CHIP_INFO: u32 = 0xF000_0010;
/// The AKD1000's PCIe endpoint: configuration space and port logic \[K\].
pub const DBI: u32 = 0xF8C0_0000;
/// Memory: LPDDR of the AKD1000, on-chip memory of the AKD1500 \[K\].
pub const MEMORY: u32 = 0x2000_0000;
/// First bytes of memory where the maker's kernel driver keeps the lists of the PCIe DMA engine \[K\].
pub const RESERVED_BYTES: u32 = 0x100;
/// The AKD1500's window onto memory of the host \[E\]\[K\].
pub const HOST_WINDOW: u32 = 0xC000_0000;
/// Most bytes of that window \[E\].
pub const HOST_WINDOW_BYTES: u32 = 32 << 20;
/// Bytes of the AKD1500's memory \[E\].
pub const AKD1500_MEMORY_BYTES: u32 = 0x10_0000;
/// End of the AKD1000's memory as far as a source names it \[E\].
pub const AKD1000_MEMORY_END: u32 = 0x3000_0000;

/// Addresses of device memory.
pub fn memory(device: Device) -> std::ops::Range<u32> {
    match device {
        Device::Akd1000 => MEMORY..AKD1000_MEMORY_END,
        Device::Akd1500 => MEMORY..MEMORY + AKD1500_MEMORY_BYTES,
    }
}

/// Scratch memory as the maker's engine uses it \[E\].
pub fn engine_scratch(device: Device) -> std::ops::Range<u32> {
    match device {
        Device::Akd1000 => 0x2400_0000..AKD1000_MEMORY_END,
        Device::Akd1500 => MEMORY + RESERVED_BYTES..MEMORY + AKD1500_MEMORY_BYTES,
    }
}
