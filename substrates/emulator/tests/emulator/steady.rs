//! What an inference costs on the bus, once a program runs.

use forebay_akida::bus::Counters;
use forebay_akida::driver::Options;
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder};
use forebay_emulator::{Emulator, Settings};

use super::{assert_clean, driver, trusting};

fn program(device: Device, inputs: usize, units: usize) -> Program {
    let weights = (0..inputs * units).map(|k| (k % 15) as i8 - 7).collect();
    let layer = Layer::potentials("fc", inputs, units, Bits::Four, weights).expect("legal");
    ProgramBuilder::new(device, InputShape::flat(inputs as u32), Bits::Four).layer(layer).build().expect("it fits")
}

/// Counters of one run of so many samples, after some others.
fn cost(program: &Program, samples: usize, options: Options) -> Counters {
    let emulator = Emulator::new(Settings::new(program.device()));
    let mut driver = driver(&emulator, options);
    let id = driver.load(program.clone()).expect("it loads");
    let (inputs, units) = (program.layers()[0].inputs, program.layers()[0].units);
    let sample: Vec<u8> = (0..samples * inputs).map(|k| (k % 16) as u8).collect();
    let mut outputs = vec![0; samples * units];
    // Every place of the ring was used before.
    for _ in 0..20 {
        driver.run(id, &sample, &mut outputs).expect("it runs");
    }
    let before = driver.counters();
    driver.run(id, &sample, &mut outputs).expect("it runs");
    assert_clean(&emulator);
    driver.counters() - before
}

#[test]
fn a_small_inference_reads_one_register() {
    // The maker's engine reads 6 registers beside the output's header and data, and writes 4.
    for device in Device::ALL {
        let options = Options { depth: 1, host_memory: false, ..trusting() };
        let counted = cost(&program(device, 16, 8), 1, options);
        assert_eq!((counted.register_reads, counted.register_writes), (1, 2), "{device}");
        let output_bytes = if device == Device::Akd1000 { 32 + 8 * 8 } else { 32 + 4 * 8 };
        assert_eq!(counted.bytes_read, output_bytes, "{device}");
    }
}

#[test]
fn a_batch_shares_the_doorbell_and_the_status() {
    for device in Device::ALL {
        let counted = cost(&program(device, 16, 8), 16, trusting());
        assert_eq!((counted.register_reads, counted.register_writes), (1, 2), "{device}: 16 samples");
    }
}

#[test]
fn memory_of_the_host_costs_no_access() {
    let counted = cost(&program(Device::Akd1500, 16, 8), 1, Options { depth: 1, ..trusting() });
    let accesses = counted.memory_reads + counted.memory_writes;
    assert_eq!((counted.register_reads, counted.register_writes, accesses), (1, 2, 0));
    assert!(counted.host_bytes > 0);
}
