//! The PCIe side: identity, address windows (iATU), DMA engines (eDMA, HDMA).
//!
//! # Source
//! specs/device-interface.md, "the way in" and "PCIe DMA engines" \[K\]\[D\].

use super::Field;
use super::address::{CORE, DBI, HOST_WINDOW, MEMORY};
use crate::device::Device;

/// PCI vendor \[K\].
pub const VENDOR: u16 = 0x1E7C;
/// PCI subsystem device id of this project's emulator: a board has another one, so that nothing computed by the emulator can
/// be taken for silicon, not even through a real kernel.
pub const EMULATOR_SUBSYSTEM: u16 = 0xFB0E;

/// Wait after the address windows were set up \[K\].
pub const WINDOWS_SETTLE: std::time::Duration = std::time::Duration::from_secs(1);

/// PCI device id \[K\].
pub fn device_id(device: Device) -> u16 {
    match device {
        Device::Akd1000 => 0xBCA1,
        Device::Akd1500 => 0xA500,
    }
}

/// The chip of a PCI vendor and device id.
pub fn device(vendor: u16, id: u16) -> Option<Device> {
    Device::ALL.into_iter().find(|&device| vendor == VENDOR && device_id(device) == id)
}

/// A BAR and what it shows once the windows are set up \[K\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of the BAR.
    pub bar: u8,
    /// Device address of its first byte.
    pub target: u32,
}

/// The windows onto device addresses. BAR 0 of the AKD1500 is the PCIe controller itself.
pub fn windows(device: Device) -> &'static [Window] {
    match device {
        Device::Akd1000 => {
            &[Window { bar: 0, target: CORE }, Window { bar: 2, target: DBI }, Window { bar: 4, target: MEMORY }]
        }
        Device::Akd1500 => &[Window { bar: 2, target: CORE }, Window { bar: 4, target: MEMORY }],
    }
}

/// Where a register of the PCIe controller is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Offset in configuration space.
    Config(u16),
    /// Offset in BAR 0.
    Bar0(u32),
}

/// Viewport iATU of the AKD1000, in configuration space \[K\].
pub mod viewport {
    /// Selects a region: bit 31 inbound, low bits its number.
    pub const SELECT: u16 = 0x900;
    /// Region control 1: type and function.
    pub const CONTROL1: u16 = 0x904;
    /// Region control 2: [`ENABLE`](super::ENABLE) and more.
    pub const CONTROL2: u16 = 0x908;
    /// Lower target address.
    pub const TARGET: u16 = 0x918;
    /// First and last offset of the block.
    pub const RANGE: std::ops::RangeInclusive<u16> = 0x900..=0x91F;
}

/// Enables a region of the iATU, in its control 2.
pub const ENABLE: u32 = 1 << 31;
/// Enable, BAR-match mode, function match \[K\].
pub const INBOUND_BAR: u32 = 0xC008_0000;
/// The BAR that an inbound region matches.
pub const MATCHED_BAR: Field = Field::new(10, 8);

/// Unrolled iATU of the AKD1500, in BAR 0: region `i` is at `BASE + STRIDE * i`, inbound regions `INBOUND` further \[K\].
pub mod unrolled {
    /// First region.
    pub const BASE: u32 = 0x400;
    /// From region to region.
    pub const STRIDE: u32 = 0x200;
    /// From an outbound region to the inbound one of the same number.
    pub const INBOUND: u32 = 0x100;
    /// Control 1.
    pub const CONTROL1: u32 = 0x00;
    /// Control 2.
    pub const CONTROL2: u32 = 0x04;
    /// Base address, low and high.
    pub const BASE_LOW: u32 = 0x08;
    /// Base address, high half.
    pub const BASE_HIGH: u32 = 0x0C;
    /// Last address.
    pub const LIMIT: u32 = 0x10;
    /// Target address, low half.
    pub const TARGET_LOW: u32 = 0x14;
    /// Target address, high half.
    pub const TARGET_HIGH: u32 = 0x18;
}

/// Memory of the host that the AKD1500 shall see at `0xC0000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// Its address on the bus (IOVA).
    pub iova: u64,
    /// Its bytes.
    pub bytes: u32,
}

/// The writes that set up the windows, in the maker's order \[K\].
pub fn window_writes(device: Device, host: Option<HostMemory>) -> Vec<(Place, u32)> {
    let regions = windows(device);
    match device {
        Device::Akd1000 => (0_u32..)
            .zip(regions)
            .flat_map(|(region, window)| {
                [
                    (Place::Config(viewport::SELECT), 1 << 31 | region),
                    (Place::Config(viewport::CONTROL1), 0),
                    (Place::Config(viewport::TARGET), window.target),
                    (Place::Config(viewport::CONTROL2), INBOUND_BAR | MATCHED_BAR.of(window.bar.into())),
                ]
            })
            .collect(),
        Device::Akd1500 => {
            let mut writes = Vec::new();
            for (region, window) in (1_u32..).zip(regions) {
                let base = unrolled::BASE + unrolled::STRIDE * region + unrolled::INBOUND;
                writes.extend([
                    (Place::Bar0(base + unrolled::CONTROL1), 0),
                    (Place::Bar0(base + unrolled::CONTROL2), INBOUND_BAR | MATCHED_BAR.of(window.bar.into())),
                    (Place::Bar0(base + unrolled::TARGET_LOW), window.target),
                ]);
            }
            if let Some(HostMemory { iova, bytes }) = host {
                let at = |offset| Place::Bar0(unrolled::BASE + offset);
                writes.extend([
                    (at(unrolled::CONTROL2), 0),
                    (at(unrolled::CONTROL1), 0),
                    (at(unrolled::BASE_LOW), HOST_WINDOW),
                    (at(unrolled::BASE_HIGH), 0),
                    (at(unrolled::LIMIT), HOST_WINDOW + (bytes - 1)),
                    (at(unrolled::TARGET_LOW), iova as u32),
                    (at(unrolled::TARGET_HIGH), (iova >> 32) as u32),
                    (at(unrolled::CONTROL2), ENABLE),
                ]);
            }
            writes
        }
    }
}

/// Elements of the lists that both DMA engines walk, in device memory \[K\]:
///
/// ```text
/// byte 0 control   4 size   8 source, 64 bits   16 destination, 64 bits      a transfer
/// byte 0 control            8 next list                                      a link
/// ```
pub mod list {
    /// Bytes of an element.
    pub const ELEMENT_BYTES: u32 = 24;
    /// The cycle bit: the element is valid if it equals the consumer's.
    pub const CYCLE: u32 = 1 << 0;
    /// Toggles the consumer's cycle bit.
    pub const TOGGLE: u32 = 1 << 1;
    /// The element is a link.
    pub const LINK: u32 = 1 << 2;
    /// Interrupts: local (sets the done bit) and remote (sends the message).
    pub const LOCAL_INTERRUPT: u32 = 1 << 3;
    /// Sends the message.
    pub const REMOTE_INTERRUPT: u32 = 1 << 4;
}

/// Which way bytes go, in the engine's words: it writes to the host or reads from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Device to host.
    Write,
    /// Host to device.
    Read,
}

/// The AKD1000's eDMA, by offset in BAR 2 \[K\].
pub mod edma {
    use super::Side;

    /// Numbers of channels: `[3:0]` write, `[19:16]` read.
    pub const CTRL: u32 = 0x978;
    /// Selects a channel for the registers from [`CONTROL1`] on: `[2:0]` channel, bit 31 read side.
    pub const VIEWPORT: u32 = 0xA6C;
    /// Channel control: `CCS|LLE` to walk a list.
    pub const CONTROL1: u32 = 0xA70;
    /// List pointer, low half.
    pub const LIST_LOW: u32 = 0xA8C;
    /// List pointer, high half.
    pub const LIST_HIGH: u32 = 0xA90;
    /// `CCS|LLE`.
    pub const WALK_LIST: u32 = 0x300;
    /// First and last offset of the block.
    pub const RANGE: std::ops::RangeInclusive<u32> = 0x970..=0xA93;

    /// Registers of one side.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Registers {
        /// Bit 0 enables the engine.
        pub enable: u32,
        /// Written with a channel number: starts it; bit 31 stops.
        pub doorbell: u32,
        /// `[7:0]` done, `[23:16]` aborted, by channel.
        pub status: u32,
        /// The same layout, 1 is masked.
        pub mask: u32,
        /// The same layout, 1 clears.
        pub clear: u32,
        /// Address of the message for "done": low, high.
        pub done_address: [u32; 2],
        /// Address of the message for "aborted": low, high.
        pub abort_address: [u32; 2],
        /// Data of the messages: `[15:0]` channel 0, `[31:16]` channel 1.
        pub message_data: u32,
        /// List errors, by channel.
        pub list_error: u32,
    }

    /// Registers of a side.
    pub const fn registers(side: Side) -> Registers {
        match side {
            Side::Write => Registers {
                enable: 0x97C,
                doorbell: 0x980,
                status: 0x9BC,
                mask: 0x9C4,
                clear: 0x9C8,
                done_address: [0x9D0, 0x9D4],
                abort_address: [0x9D8, 0x9DC],
                message_data: 0x9E0,
                list_error: 0xA00,
            },
            Side::Read => Registers {
                enable: 0x99C,
                doorbell: 0x9A0,
                status: 0xA10,
                mask: 0xA18,
                clear: 0xA1C,
                done_address: [0xA3C, 0xA40],
                abort_address: [0xA44, 0xA48],
                message_data: 0xA4C,
                list_error: 0xA34,
            },
        }
    }

    /// Done bit of a channel.
    pub const fn done(channel: u32) -> u32 {
        1 << channel
    }

    /// Abort bit of a channel.
    pub const fn aborted(channel: u32) -> u32 {
        1 << (16 + channel)
    }

    /// Viewport of a channel.
    pub const fn viewport(side: Side, channel: u32) -> u32 {
        match side {
            Side::Write => channel,
            Side::Read => 1 << 31 | channel,
        }
    }

    /// All interrupts of a side.
    pub const ALL: u32 = 0x00FF_00FF;
}

/// The AKD1500's HDMA: a side of a channel is at `0x200 * channel`, the read side 0x100 further, in BAR 0 \[K\].
pub mod hdma {
    use super::Side;

    /// Bit 0 enables the channel.
    pub const ENABLE: u32 = 0x00;
    /// Bit 0 starts.
    pub const DOORBELL: u32 = 0x04;
    /// List pointer, low and high.
    pub const LIST_LOW: u32 = 0x10;
    /// List pointer, high half.
    pub const LIST_HIGH: u32 = 0x14;
    /// Bit 0 the consumer's cycle bit, bit 1 its state.
    pub const CYCLE: u32 = 0x18;
    /// Bit 0: walks a list.
    pub const CONTROL1: u32 = 0x34;
    /// `[1:0]`: 1 running, 3 stopped.
    pub const STATUS: u32 = 0x80;
    /// Bit 0 stopped, bit 2 aborted.
    pub const INTERRUPT: u32 = 0x84;
    /// Masks and enables.
    pub const SETUP: u32 = 0x88;
    /// Clears.
    pub const CLEAR: u32 = 0x8C;
    /// Address of the message for "stopped", low half.
    pub const STOP_ADDRESS: u32 = 0x90;
    /// Data of the messages.
    pub const MESSAGE_DATA: u32 = 0xA8;
    /// `SETUP` and `CLEAR`: stopped and aborted.
    pub const STOP_AND_ABORT: u32 = 0x5;
    /// `SETUP` while a transfer is under way: enables; status still latches while masked \[K\].
    pub const SETUP_RUN: u32 = 0x7D;
    /// Channels that are there.
    pub const CHANNELS: u32 = 2;
    /// Channel slots that the maker's driver clears: the later ones overlap the iATU.
    pub const SLOTS: u32 = 8;

    /// First register of a side of a channel.
    pub const fn base(side: Side, channel: u32) -> u32 {
        match side {
            Side::Write => 0x200 * channel,
            Side::Read => 0x200 * channel + 0x100,
        }
    }
}

/// Standard configuration space, as far as it is used here \[D\].
pub mod config {
    /// Vendor and device id.
    pub const ID: u16 = 0x00;
    /// Command.
    pub const COMMAND: u16 = 0x04;
    /// Memory space is enabled.
    pub const MEMORY_SPACE: u16 = 1 << 1;
    /// The device may become a bus master: without it neither DMA nor messages.
    pub const BUS_MASTER: u16 = 1 << 2;
    /// Subsystem vendor and device id.
    pub const SUBSYSTEM: u16 = 0x2C;
    /// First capability.
    pub const CAPABILITIES: u16 = 0x34;
    /// Id of the capability of message signalled interrupts.
    pub const MSI: u8 = 0x05;
    /// Id of the PCI Express capability.
    pub const EXPRESS: u8 = 0x10;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_the_akd1000_are_twelve_writes() {
        let expected = [
            (0x900, 0x8000_0000),
            (0x904, 0),
            (0x918, 0xFCC0_0000),
            (0x908, 0xC008_0000),
            (0x900, 0x8000_0001),
            (0x904, 0),
            (0x918, 0xF8C0_0000),
            (0x908, 0xC008_0200),
            (0x900, 0x8000_0002),
            (0x904, 0),
            (0x918, 0x2000_0000),
            (0x908, 0xC008_0400),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(at, word)| (Place::Config(at), word)).collect();
        assert_eq!(window_writes(Device::Akd1000, None), expected);
    }

    #[test]
    fn windows_of_the_akd1500_with_host_memory() {
        let host = HostMemory { iova: 0x12_3456_7000, bytes: 16 << 20 };
        let expected = [
            (0x700, 0),
            (0x704, 0xC008_0200),
            (0x714, 0xFCC0_0000),
            (0x900, 0),
            (0x904, 0xC008_0400),
            (0x914, 0x2000_0000),
            (0x404, 0),
            (0x400, 0),
            (0x408, 0xC000_0000),
            (0x40C, 0),
            (0x410, 0xC0FF_FFFF),
            (0x414, 0x3456_7000),
            (0x418, 0x12),
            (0x404, 0x8000_0000),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(at, word)| (Place::Bar0(at), word)).collect();
        assert_eq!(window_writes(Device::Akd1500, Some(host)), expected);
        assert_eq!(window_writes(Device::Akd1500, None), expected[..6]);
    }
}
