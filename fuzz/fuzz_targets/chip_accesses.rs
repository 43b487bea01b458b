//! A host that does anything at all: the emulated chip notes what is wrong and goes on, and a driver can still use it after
//! a reset.
#![no_main]

use forebay_akida::bus::Bus;
use forebay_akida::driver::{Driver, Options};
use forebay_akida::transport::function::Function;
use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};
use forebay_emulator::function::EmulatedFunction;
use forebay_emulator::{Emulator, Settings};
use libfuzzer_sys::fuzz_target;

/// Where something is.
const BASES: [u32; 8] =
    [0xFCC0_0000, 0xFCC2_0000, 0xFCC2_8000, 0xFCC3_0000, 0xFCC4_0000, 0xFCC7_0000, 0x2000_0100, 0xC000_0000];

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, accesses)) = bytes.split_first() else { return };
    let device = Device::ALL[usize::from(kind & 1)];
    let emulator = Emulator::new(Settings { strict: kind & 2 == 0, ..Settings::new(device) });
    if kind & 4 == 0 {
        let mut bus = emulator.bus();
        for access in accesses.chunks_exact(6).take(400) {
            let at = BASES[usize::from(access[0] & 7)].wrapping_add(u32::from(access[1]));
            let value = u32::from_le_bytes([access[2], access[3], access[4], access[5]]);
            let _ = match access[0] >> 3 & 3 {
                0 => bus.read(at).map(drop),
                1 => bus.write(at, value),
                2 => bus.read_block(at, &mut vec![0; usize::from(access[2])]),
                _ => bus.write_block(at, &value.to_le_bytes().repeat(usize::from(access[1] & 15))),
            };
        }
    } else {
        let mut function = EmulatedFunction::new(emulator.clone(), true);
        for access in accesses.chunks_exact(6).take(400) {
            let (bar, at) = (access[0] & 7, u32::from(access[1]) << 2 | u32::from(access[0] >> 6) << 10);
            let value = u32::from_le_bytes([access[2], access[3], access[4], access[5]]);
            let _ = match access[0] >> 3 & 3 {
                0 => function.config_write(at as u16 & 0xFFF, value),
                1 => function.write(bar, at, value),
                2 => function.read(bar, at).map(drop),
                _ => function.config_read(at as u16 & 0xFFF).map(drop),
            };
        }
        let _ = function.reset();
    }
    // Whatever was done to it, a driver gets right numbers.
    let layer = Layer::potentials("fc", 2, 1, Bits::Four, vec![3, -2]).expect("legal");
    let program = ProgramBuilder::new(device, InputShape::flat(2), Bits::Four).layer(layer).build().expect("it fits");
    let options = Options { host_memory: false, ..Options::default() };
    let mut driver = Driver::open(Box::new(emulator.bus()), options).expect("it answers");
    let id = driver.load(program).expect("a reset makes it usable");
    let mut outputs = [0];
    driver.run(id, &[5, 4], &mut outputs).expect("it runs");
    assert_eq!(outputs, [7]);
});
