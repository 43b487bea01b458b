//! Through the PCIe side: windows, bulk transfers, messages, resets.

use std::time::Duration;

use forebay_akida::bus::{Bus, BusError, Counters};
use forebay_akida::chip::pcie::{config, edma};
use forebay_akida::driver::{Checking, Driver, DriverError, Options};
use forebay_akida::transport::dma::DmaOptions;
use forebay_akida::transport::function::Function;
use forebay_akida::transport::pcie::{PcieBus, PcieOptions};
use forebay_akida::{Bits, Board, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_emulator::function::EmulatedFunction;
use forebay_emulator::{Emulator, Fault, Injection, Settings, Violation};
use forebay_software::Software;
use forebay_substrate::Substrate;
use forebay_substrate::conformance::check;

use super::{assert_clean, trusting};

fn open(emulator: &Emulator, has_messages: bool, options: PcieOptions) -> PcieBus<EmulatedFunction> {
    let function = EmulatedFunction::new(emulator.clone(), has_messages);
    PcieBus::open(function, "emulated-pcie", options).expect("it is there")
}

fn ways() -> Vec<(bool, PcieOptions)> {
    let dma = DmaOptions { staging: (3, 5000), ..DmaOptions::default() };
    let polled = DmaOptions { messages: false, element_bytes: 64, ..dma };
    let with = |dma, host_bytes| PcieOptions { dma, host_bytes, ..PcieOptions::default() };
    vec![
        (true, with(Some(dma), 0)),
        (true, with(Some(polled), 1 << 20)),
        (false, with(Some(dma), 0)),
        (false, with(None, 0)),
        (false, with(None, 2 << 20)),
    ]
}

#[test]
fn it_passes_the_shared_cases_in_every_way() {
    for device in Device::ALL {
        for (has_messages, options) in ways() {
            let emulator = Emulator::new(Settings::new(device));
            let bus = open(&emulator, has_messages, options);
            assert!(!bus.identity().is_silicon);
            let board = Board::open(Box::new(bus), trusting()).expect("it answers");
            for outcome in check(&board, &|chain| Ok(Program::of_chain(device, chain)?.into_bytes())) {
                assert_eq!(outcome.failure, None, "{device} {options:?}: {}", outcome.case);
            }
            drop(board);
            assert_clean(&emulator);
        }
    }
}

/// Four layers with 6 MB of external weights on an AKD1000, one with 0.9 MB on an AKD1500.
fn large(device: Device) -> Program {
    let (sizes, bits): (&[usize], _) = match device {
        Device::Akd1000 => (&[1300, 1200, 1300, 1100, 1000], Bits::Four),
        Device::Akd1500 => (&[1000, 1000], Bits::Four),
    };
    let builder = ProgramBuilder::new(device, InputShape::flat(sizes[0] as u32), Bits::Four);
    let layers = sizes.windows(2).enumerate().map(|(index, pair)| {
        let weights = (0..pair[0] * pair[1]).map(|k| ((k * 31 + k / 7) % 15) as i8 - 7).collect();
        if index + 2 == sizes.len() {
            return Layer::potentials("fc", pair[0], pair[1], bits, weights).expect("legal");
        }
        let staircase = Staircase { thresholds: vec![-200; pair[1]], steps: vec![40.0; pair[1]] };
        Layer::activations("fc", pair[0], pair[1], bits, weights, Bits::Four, staircase).expect("legal")
    });
    layers.fold(builder, ProgramBuilder::layer).build().expect("it fits")
}

#[test]
fn memory_beyond_the_window_is_reached_by_dma() {
    for device in Device::ALL {
        let program = large(device);
        let software = Software::new(device).expect("a kernel form").load(program.bytes()).expect("it is a program");
        let width = program.layers()[0].inputs;
        let inputs: Vec<u8> = (0..2 * width).map(|k| (k * 7 % 16) as u8).collect();
        let mut expected = vec![0; 2000];
        software.runner().expect("loaded").run(&inputs, &mut expected).expect("legal inputs");
        let emulator = Emulator::new(Settings::new(device));
        let bus = open(&emulator, true, PcieOptions { host_bytes: 0, ..PcieOptions::default() });
        let mut driver = Driver::open(Box::new(bus), Options { depth: 2, ..trusting() }).expect("it answers");
        let id = driver.load(program.clone()).expect("it loads");
        let mut outputs = vec![0; 2000];
        driver.run(id, &inputs, &mut outputs).expect("it runs");
        assert_eq!(outputs, expected);
        driver.verify(id).expect("what is there is what was written");
        let before = driver.counters();
        driver.run(id, &inputs, &mut outputs).expect("it runs");
        let counted = driver.counters() - before;
        // 1000 potentials each: bulk transfers, no single reads beside the one that flushes each list.
        assert!(counted.bytes_read > 2 * 4000, "{counted:?}");
        assert!(counted.dma_transfers > 0 && counted.memory_reads == counted.dma_transfers, "{counted:?}");
        assert!(counted.interrupts > 0 || device == Device::Akd1500, "{counted:?}");
        assert!(accesses(&counted) < counted.bytes_read / 16, "{counted:?}");
        assert_clean(&emulator);
        // Without the engine the weights of an AKD1000 do not fit the window, and it says so.
        if device == Device::Akd1000 {
            let emulator = Emulator::new(Settings::new(device));
            let bus = open(&emulator, false, PcieOptions { dma: None, ..PcieOptions::default() });
            let mut driver = Driver::open(Box::new(bus), trusting()).expect("it answers");
            let refused = driver.load(program);
            assert!(matches!(refused, Err(DriverError::Memory { .. })), "{refused:?}");
        }
    }
}

fn accesses(counted: &Counters) -> u64 {
    counted.register_reads
        + counted.register_writes
        + counted.memory_reads
        + counted.memory_writes
        + counted.dma_register_accesses
}

fn small(device: Device) -> Program {
    let weights = (0..64).map(|k| (k % 15) as i8 - 7).collect();
    let layer = Layer::potentials("fc", 8, 8, Bits::Four, weights).expect("legal");
    ProgramBuilder::new(device, InputShape::flat(8), Bits::Four).layer(layer).build().expect("it fits")
}

#[test]
fn a_small_program_needs_no_bulk_transfer() {
    for device in Device::ALL {
        let emulator = Emulator::new(Settings::new(device));
        let bus = open(&emulator, false, PcieOptions { dma: None, host_bytes: 0, ..PcieOptions::default() });
        let mut driver = Driver::open(Box::new(bus), Options { depth: 1, ..trusting() }).expect("it answers");
        let id = driver.load(small(device)).expect("it loads");
        driver.run(id, &[1; 8], &mut [0; 8]).expect("it runs");
        let before = driver.counters();
        driver.run(id, &[1; 8], &mut [0; 8]).expect("it runs");
        let counted = driver.counters() - before;
        assert_eq!((counted.register_reads, counted.register_writes, counted.dma_transfers), (1, 2, 0));
        assert_clean(&emulator);
    }
}

#[test]
fn a_lost_message_costs_a_wait_and_an_unmapped_address_an_error() {
    for fault in [Fault::LostInterrupt, Fault::UnmappedDma] {
        for seed in 0..8 {
            let device = Device::Akd1000;
            let faults = vec![Injection::seeded(fault, seed)];
            let emulator = Emulator::new(Settings { faults, ..Settings::new(device) });
            let bus = open(&emulator, true, PcieOptions::default());
            let options = Options { checking: Checking::Every, ..Options::default() };
            let mut driver = Driver::open(Box::new(bus), options).expect("it answers");
            let program = large(device);
            let mut errors = 0;
            let id = loop {
                match driver.load(program.clone()) {
                    Ok(id) => break id,
                    Err(error) => {
                        assert!(matches!(error, DriverError::Bus(BusError::Aborted { .. })), "{error:?}");
                        errors += 1;
                    }
                }
            };
            let mut outputs = vec![0; 1000];
            for _ in 0..3 {
                errors += usize::from(driver.run(id, &[9; 1300], &mut outputs).is_err());
            }
            assert_eq!(emulator.faults(), [fault]);
            assert_eq!(errors, usize::from(fault == Fault::UnmappedDma), "seed {seed}");
        }
    }
}

#[test]
fn what_a_host_forgets_shows() {
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let mut function = EmulatedFunction::new(emulator.clone(), false);
    // Memory space is off: nobody answers.
    assert_eq!(function.read(0, 0).expect("a read always gives something"), u32::MAX);
    function.config_write(config::COMMAND, config::MEMORY_SPACE.into()).expect("writable");
    assert_eq!(function.read(0, 0).expect("a read always gives something"), u32::MAX);
    assert_eq!(emulator.violations(), [Violation::NoWindow { bar: 0 }]);
    // A bulk transfer without bus mastering is aborted.
    let mut bus = PcieBus::open(function, "emulated-pcie", PcieOptions::default()).expect("it is there");
    assert_eq!(bus.read(0xFCC0_0000).expect("the window is set up"), 0);
    let function = EmulatedFunction::new(emulator.clone(), false);
    let mut bus =
        PcieBus::open(ForgetsMastering(function), "emulated-pcie", PcieOptions::default()).expect("it is there");
    let refused = bus.write_block(0x2100_0000, &[1; 64]);
    assert!(matches!(refused, Err(BusError::Aborted { .. })), "{refused:?}");
    assert!(emulator.violations().contains(&Violation::NoBusMaster { what: "a DMA transfer" }));
}

/// A host that never sets the bit.
#[derive(Debug)]
struct ForgetsMastering(EmulatedFunction);

impl Function for ForgetsMastering {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn config_read(&mut self, offset: u16) -> Result<u32, BusError> {
        self.0.config_read(offset)
    }

    fn config_write(&mut self, offset: u16, value: u32) -> Result<(), BusError> {
        let mastering = if offset == config::COMMAND { u32::from(config::BUS_MASTER) } else { 0 };
        self.0.config_write(offset, value & !mastering)
    }

    fn bar_bytes(&self, bar: u8) -> u64 {
        self.0.bar_bytes(bar)
    }

    fn read(&mut self, bar: u8, offset: u32) -> Result<u32, BusError> {
        self.0.read(bar, offset)
    }

    fn write(&mut self, bar: u8, offset: u32, value: u32) -> Result<(), BusError> {
        self.0.write(bar, offset, value)
    }

    fn read_block(&mut self, bar: u8, offset: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        self.0.read_block(bar, offset, bytes)
    }

    fn write_block(&mut self, bar: u8, offset: u32, bytes: &[u8]) -> Result<(), BusError> {
        self.0.write_block(bar, offset, bytes)
    }

    fn allocate(&mut self, bytes: usize) -> Result<Box<dyn forebay_akida::transport::function::HostBuffer>, BusError> {
        self.0.allocate(bytes)
    }

    fn enable_messages(&mut self) -> Result<bool, BusError> {
        self.0.enable_messages()
    }

    fn wait_message(&mut self, at_most: Duration) -> Result<bool, BusError> {
        self.0.wait_message(at_most)
    }

    fn reset(&mut self) -> Result<(), BusError> {
        self.0.reset()
    }

    fn is_wanted_back(&mut self) -> bool {
        self.0.is_wanted_back()
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn pause(&mut self, time: Duration) {
        self.0.pause(time);
    }
}

#[test]
fn a_function_reset_takes_the_windows_and_the_bus_sets_them_up_again() {
    for device in Device::ALL {
        let emulator = Emulator::new(Settings::new(device));
        let mut bus = open(&emulator, true, PcieOptions::default());
        bus.write_block(0x2000_2000, &[7; 4]).expect("memory");
        bus.reset().expect("it can be reset");
        let mut kept = [0; 4];
        bus.read_block(0x2000_2000, &mut kept).expect("memory keeps its content");
        assert_eq!(kept, [7; 4]);
        bus.read(0xFCC0_0000).expect("the windows are there again");
        assert_clean(&emulator);
    }
}

#[test]
fn the_engines_channels_are_counted() {
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let bus = open(&emulator, true, PcieOptions::default());
    assert!(bus.dma_refusal().is_none());
    drop(bus);
    let mut function = EmulatedFunction::new(emulator.clone(), false);
    function.config_write(config::COMMAND, 6).expect("writable");
    for (place, value) in forebay_akida::chip::pcie::window_writes(Device::Akd1000, None) {
        if let forebay_akida::chip::pcie::Place::Config(offset) = place {
            function.config_write(offset, value).expect("writable");
        }
    }
    assert_eq!(function.read(2, edma::CTRL).expect("the endpoint"), 0x0002_0002);
    assert_eq!(function.read(2, 0).expect("the endpoint"), 0xBCA1_1E7C);
    assert_clean(&emulator);
}
