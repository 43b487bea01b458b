//! Through the maker's kernel node, by its rules.

use std::io;
use std::ops::Range;

use forebay_akida::bus::{Bus, BusError};
use forebay_akida::transport::node::{NodeBus, NodeFile};
use forebay_akida::{Board, Device, Program};
use forebay_emulator::{Emulator, EmulatorBus, Settings};
use forebay_substrate::conformance::check;

use super::{assert_clean, trusting};

/// The node as its source describes it: positions are device addresses, the area of its lists is refused.
#[derive(Debug)]
struct Node {
    bus: EmulatorBus,
    is_mapped: bool,
    is_gone: bool,
}

impl Node {
    fn check(&self, address: u32, bytes: usize) -> io::Result<()> {
        if self.is_gone {
            // ENODEV
            return Err(io::Error::from_raw_os_error(19));
        }
        let (start, end) = (u64::from(address), u64::from(address) + bytes as u64);
        if end < 0x2000_0000 || start >= 0x2000_0100 {
            return Ok(());
        }
        // EINVAL
        Err(io::Error::from_raw_os_error(22))
    }
}

impl NodeFile for Node {
    fn read_at(&mut self, address: u32, bytes: &mut [u8]) -> io::Result<()> {
        self.check(address, bytes.len())?;
        for (at, chunk) in (address..).step_by(1024).zip(bytes.chunks_mut(1024)) {
            self.bus.read_block(at, chunk).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn write_at(&mut self, address: u32, bytes: &[u8]) -> io::Result<()> {
        self.check(address, bytes.len())?;
        for (at, chunk) in (address..).step_by(1024).zip(bytes.chunks(1024)) {
            self.bus.write_block(at, chunk).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn mapped(&self) -> Option<Range<u32>> {
        self.is_mapped.then_some(0xFCC0_0000..0xFCC8_0000)
    }

    fn mapped_read(&mut self, address: u32) -> u32 {
        self.bus.read(address).unwrap_or(u32::MAX)
    }

    fn mapped_write(&mut self, address: u32, value: u32) {
        let _ = self.bus.write(address, value);
    }
}

#[test]
fn it_passes_the_shared_cases() {
    for (device, path) in [(Device::Akd1000, "/dev/akida0"), (Device::Akd1500, "/dev/akd1500_0")] {
        for is_mapped in [false, true] {
            let emulator = Emulator::new(Settings { host_bytes: 0, ..Settings::new(device) });
            let node = Node { bus: emulator.bus(), is_mapped, is_gone: false };
            let board =
                Board::open(Box::new(NodeBus::new(Box::new(node), path, device)), trusting()).expect("it answers");
            for outcome in check(&board, &|chain| Ok(Program::of_chain(device, chain)?.into_bytes())) {
                assert_eq!(outcome.failure, None, "{device} {is_mapped}: {}", outcome.case);
            }
            drop(board);
            assert_clean(&emulator);
        }
    }
}

#[test]
fn its_refusals_are_told() {
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let node = Node { bus: emulator.bus(), is_mapped: false, is_gone: false };
    let mut bus = NodeBus::new(Box::new(node), "/dev/akida0", Device::Akd1000);
    assert!(matches!(bus.write_block(0x2000_0080, &[0; 4]), Err(BusError::Address { .. })));
    assert!(matches!(bus.read(0xFCC0_0001), Err(BusError::Address { .. })));
    assert!(matches!(bus.reset(), Err(BusError::Unsupported { .. })));
    let node = Node { bus: emulator.bus(), is_mapped: false, is_gone: true };
    let mut bus = NodeBus::new(Box::new(node), "/dev/akida0", Device::Akd1000);
    assert!(matches!(bus.read(0xFCC0_0000), Err(BusError::Gone { .. })));
}
