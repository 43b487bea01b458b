//! A device that answers with whatever it is told to: the driver ends in time, without a panic, and never takes arbitrary
//! words for a result.
#![no_main]

use std::time::Duration;

use forebay_akida::bus::{Bus, BusError, Counters, Identity, Memory};
use forebay_akida::driver::{Checking, Driver, Options};
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_substrate::WeightPatch;
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Liar {
    answers: Vec<u8>,
    at: usize,
    identity: Identity,
    clock: u64,
}

impl Liar {
    /// The next four bytes, from the beginning again at the end.
    fn word(&mut self) -> u32 {
        let mut word = [0; 4];
        for byte in &mut word {
            *byte = self.answers.get(self.at).copied().unwrap_or(0);
            self.at = (self.at + 1) % self.answers.len().max(1);
        }
        self.clock += 1000;
        u32::from_le_bytes(word)
    }
}

impl Bus for Liar {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        let word = self.word();
        // It tells its version most of the time: else there is nothing to see.
        Ok(match address {
            0xFCC0_0000 if word & 0xFF != 0xEE => 0xBCA1_0309,
            0xFCC0_0050 => 0,
            _ => word,
        })
    }

    fn write(&mut self, _: u32, _: u32) -> Result<(), BusError> {
        self.clock += 1000;
        Ok(())
    }

    fn read_block(&mut self, _: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }

    fn write_block(&mut self, _: u32, _: &[u8]) -> Result<(), BusError> {
        self.clock += 1000;
        Ok(())
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn memory(&self) -> Memory {
        Memory { device: 0x2000_0100..0x2010_0000, host: None }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.clock)
    }

    fn pause(&mut self, time: Duration) {
        self.clock += time.as_nanos() as u64;
    }

    fn reset(&mut self) -> Result<(), BusError> {
        Ok(())
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}

fn program(layers: usize) -> Program {
    let builder = ProgramBuilder::new(Device::Akd1500, InputShape::flat(3), Bits::Four);
    let layer = |is_last: bool| {
        let weights = vec![7, -3, 1, 2, 5, -7, 0, 4, 6];
        if is_last {
            return Layer::potentials("fc", 3, 3, Bits::Four, weights).expect("legal");
        }
        let staircase = Staircase { thresholds: vec![-9; 3], steps: vec![2.0; 3] };
        Layer::activations("fc", 3, 3, Bits::Four, weights, Bits::Four, staircase).expect("legal")
    };
    (0..layers).fold(builder, |builder, index| builder.layer(layer(index + 1 == layers))).build().expect("it fits")
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&shape, answers)) = bytes.split_first() else { return };
    let identity = Identity { name: String::new(), description: String::new(), is_silicon: false };
    let bus = Liar { answers: answers.to_vec(), at: 0, identity, clock: 0 };
    let options =
        Options { deadline: Duration::from_millis(2), checking: Checking::Every, depth: 3, ..Options::default() };
    let Ok(mut driver) = Driver::open(Box::new(bus), options) else { return };
    let program = program(1 + usize::from(shape) % 11);
    let Ok(id) = driver.load(program) else { return };
    let mut outputs = [0; 12];
    for _ in 0..2 {
        let _ = driver.run(id, &[1, 2, 3, 15, 0, 7, 9, 9, 9, 0, 0, 0], &mut outputs);
        let _ = driver.verify(id);
        let _ = driver.patch(id, &[WeightPatch { layer: 0, input: 1, unit: 2, value: -4 }]);
        let _ = driver.enqueue(id, &[1, 1, 1]);
        let _ = driver.fetch(&mut outputs[..3]);
    }
    let now = driver.bus().now();
    assert!(now < Duration::from_secs(5), "{now:?} of its clock");
});
