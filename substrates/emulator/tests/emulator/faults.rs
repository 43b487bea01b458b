//! Devices that misbehave: an error or the right bits, within the deadline, and a device that works again or is given up.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_akida::bus::{Bus, BusError, Counters, Identity, Memory};
use forebay_akida::driver::{Checking, DriverError, Options, PatchFailure};
use forebay_akida::{Bits, Device, Driver, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_emulator::{Emulator, Fault, Injection, Settings};
use forebay_software::Software;
use forebay_substrate::{Substrate, WeightPatch};

use super::{assert_clean, driver};

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn checked() -> Options {
    Options { checking: Checking::Every, depth: 4, ..Options::default() }
}

fn program(device: Device, layers: usize, dice: &mut Dice) -> Program {
    let builder = ProgramBuilder::new(device, InputShape::flat(9), Bits::Four);
    let mut layer = |is_last: bool| {
        let weights: Vec<i8> = (0..81).map(|_| dice.roll(15) as i8 - 7).collect();
        if is_last {
            return Layer::potentials("fc", 9, 9, Bits::Four, weights).expect("legal");
        }
        let staircase = Staircase { thresholds: vec![-20; 9], steps: vec![9.0; 9] };
        Layer::activations("fc", 9, 9, Bits::Four, weights, Bits::Four, staircase).expect("legal")
    };
    (0..layers).fold(builder, |builder, index| builder.layer(layer(index + 1 == layers))).build().expect("it fits")
}

fn expected(program: &Program, inputs: &[u8]) -> Vec<i32> {
    let software = Software::new(program.device()).expect("a kernel form");
    let mut outputs = vec![0; inputs.len()];
    let loaded = software.load(program.bytes()).expect("a program");
    loaded.runner().expect("loaded").run(inputs, &mut outputs).expect("legal inputs");
    outputs
}

/// Kinds that end by themselves or with a reset: afterwards the device must work.
fn passes(fault: Fault) -> bool {
    !matches!(fault, Fault::Removal | Fault::StuckBits)
}

/// One schedule: what came of it.
fn schedule(seed: u64) -> (Vec<Fault>, &'static str) {
    let mut dice = Dice(seed);
    let device = Device::ALL[dice.roll(2) as usize];
    let count = 1 + dice.roll(3);
    // What happens in the PCIe DMA engine is tried there.
    let kinds: Vec<Fault> =
        Fault::ALL.into_iter().filter(|fault| !matches!(fault, Fault::LostInterrupt | Fault::UnmappedDma)).collect();
    let faults: Vec<Injection> = (0..count)
        .map(|_| Injection::seeded(kinds[dice.roll(kinds.len() as u64) as usize], dice.roll(u64::MAX)))
        .collect();
    let emulator = Emulator::new(Settings { faults: faults.clone(), ..Settings::new(device) });
    let deepest = if device == Device::Akd1000 { 4 } else { 12 };
    let program = program(device, 1 + dice.roll(deepest) as usize, &mut dice);
    let mut clock = emulator.bus();

    let opened = (0..4).find_map(|_| {
        clock.pause(Duration::from_secs(1));
        Driver::open(Box::new(emulator.bus()), checked()).ok()
    });
    let Some(mut driver) = opened else {
        assert!(faults.iter().any(|i| !passes(i.fault)), "seed {seed}: {faults:?} keep the device from being found");
        return (emulator.faults(), "not found");
    };
    // Resets, programming and samples, each with its own waits: but no more than so many.
    let limit = 60 * checked().deadline;
    let mut id = None;
    let mut errors = 0;
    let mut current = program;
    for _ in 0..24 {
        let before = clock.now();
        let result = match id {
            None => driver.load(current.clone()).map(|loaded| id = Some(loaded)),
            Some(loaded) if dice.roll(5) == 0 => {
                let layer = dice.roll(current.layers().len() as u64) as usize;
                let (input, unit) = (dice.roll(9) as usize, dice.roll(9) as usize);
                let patch = WeightPatch { layer, input, unit, value: dice.roll(15) as i8 - 7 };
                match driver.patch(loaded, &[patch]) {
                    Ok(()) => {
                        current.patch(&patch).expect("legal");
                        Ok(())
                    }
                    Err(PatchFailure::Driver(error)) => Err(error),
                    Err(other) => panic!("seed {seed}: {other}"),
                }
            }
            Some(loaded) if dice.roll(5) == 0 => driver.verify(loaded),
            Some(loaded) => {
                let samples = 1 + dice.roll(6) as usize;
                let inputs: Vec<u8> = (0..9 * samples).map(|_| dice.roll(16) as u8).collect();
                let mut outputs = vec![i32::MIN; inputs.len()];
                let result = driver.run(loaded, &inputs, &mut outputs);
                if result.is_ok() {
                    assert_eq!(outputs, expected(&current, &inputs), "seed {seed}: a wrong answer reported as right");
                }
                result
            }
        };
        let took = clock.now().saturating_sub(before);
        assert!(took < limit, "seed {seed}: {took:?}");
        match result {
            Ok(()) => {}
            Err(DriverError::Dead { why }) => {
                // Three attempts to bring it back can meet three faults.
                let may = faults.len() == 3 || faults.iter().any(|i| !passes(i.fault));
                assert!(may, "seed {seed}: given up for {faults:?}: {why}");
                return (emulator.faults(), "given up");
            }
            Err(_) => errors += 1,
        }
    }
    let happened = emulator.faults();
    // All that was to happen happened and passed: it must work now.
    if happened.len() == faults.len() && happened.iter().all(|&fault| passes(fault)) {
        let inputs = [3; 9];
        let mut outputs = [0; 9];
        let mut attempt = || {
            let loaded = id.map_or_else(|| driver.load(current.clone()), Ok)?;
            driver.run(loaded, &inputs, &mut outputs)
        };
        // The first may be the one that finds out what happened last.
        let _ = attempt();
        attempt().unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        assert_eq!(outputs[..], expected(&current, &inputs));
    }
    (happened, if errors > 0 { "errors, then right" } else { "right all along" })
}

#[test]
fn five_hundred_schedules_of_faults() {
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..500 {
        let (faults, outcome) = schedule(seed);
        *outcomes.entry(outcome).or_default() += 1;
        for fault in faults {
            *kinds.entry(fault.to_string()).or_default() += 1;
        }
    }
    println!("{outcomes:?}\n{kinds:?}");
    // Every kind happened, and there were all ends: otherwise this shows little.
    assert_eq!(kinds.len(), Fault::ALL.len() - 2, "{kinds:?}");
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
}

/// What each fault alone comes to, with checks of every sample.
#[test]
fn each_fault_is_told_by_its_name() {
    let run = |fault: Fault, at: u64, seed: u64| {
        let mut settings = Settings::new(Device::Akd1000);
        settings.faults = vec![Injection { fault, at, seed }];
        let emulator = Emulator::new(settings);
        let mut driver = driver(&emulator, checked());
        let id = driver.load(program(Device::Akd1000, 1, &mut Dice(1))).expect("the fault comes later");
        let mut outputs = vec![0; 9 * 20];
        let first = driver.run(id, &[5; 9 * 20], &mut outputs);
        let again = driver.run(id, &[5; 9 * 20], &mut outputs);
        (first.err(), again.err(), driver.recoveries())
    };
    // Two jobs configure the device; the third is a sample.
    let (error, again, recoveries) = run(Fault::MissingCompletion, 4, 0);
    assert!(matches!(error, Some(DriverError::Timeout { .. })), "{error:?}");
    assert!(again.is_none() && recoveries == 1, "{again:?}");
    let (error, again, _) = run(Fault::Reset, 4, 0);
    assert!(matches!(error, Some(DriverError::Timeout { .. } | DriverError::Job { .. })), "{error:?}");
    assert!(again.is_none());
    let (error, again, _) = run(Fault::CorruptHeader, 4, 0);
    assert!(matches!(error, Some(DriverError::Output { sample: 2, .. })), "{error:?}");
    assert!(again.is_none());
    let (error, again, _) = run(Fault::FlippedBit, 4, 3);
    assert!(matches!(error, Some(DriverError::Wrong { .. }) | None), "{error:?}");
    assert!(again.is_none());
    let (error, again, _) = run(Fault::Removal, 200, 0);
    let text = format!("{error:?} {again:?}");
    assert!(error.is_none() || matches!(error, Some(DriverError::AllOnes { .. })), "{text}");
    let (error, again, _) = run(Fault::AllOnes, 35, 0);
    assert!(matches!(error, Some(DriverError::AllOnes { .. })) || again.is_none(), "{error:?}");
}

#[test]
fn without_checks_only_silent_numbers_can_be_wrong() {
    // A weight that flips by itself is found by reading back, not by running.
    let settings = Settings {
        faults: vec![Injection { fault: Fault::FlippedBit, at: 2, seed: 9 }],
        ..Settings::new(Device::Akd1000)
    };
    let emulator = Emulator::new(settings);
    let mut driver = driver(&emulator, super::trusting());
    let id = driver.load(program(Device::Akd1000, 1, &mut Dice(1))).expect("it loads");
    driver.run(id, &[5; 9], &mut [0; 9]).expect("nobody looks");
    assert!(matches!(driver.verify(id), Err(DriverError::Mismatch { layer: 0, .. })));
    driver.recover().expect("it is programmed again");
    driver.verify(id).expect("what is there is what was written");
}

#[test]
fn a_wrong_chip_is_not_opened() {
    for (seed, device) in [(0, Device::Akd1000), (3, Device::Akd1500)] {
        let faults = vec![Injection { fault: Fault::WrongVersion, at: 0, seed }];
        let emulator = Emulator::new(Settings { faults, ..Settings::new(device) });
        let error = Driver::open(Box::new(emulator.bus()), checked()).expect_err("it says it is another chip");
        assert!(matches!(error, DriverError::Unknown { .. }), "{error:?}");
        Driver::open(Box::new(emulator.bus()), checked()).expect("the second answer is right");
    }
    // Without a fault both versions of an AKD1000 are accepted.
    for legacy_version in [false, true] {
        let emulator = Emulator::new(Settings { legacy_version, ..Settings::new(Device::Akd1000) });
        assert_eq!(driver(&emulator, checked()).device(), Device::Akd1000);
    }
}

#[test]
fn rules_are_enforced() {
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let mut bus = emulator.bus();
    let broken = |what: &str, result: Result<(), BusError>| {
        assert!(matches!(result, Err(BusError::Other { .. })), "{what}: {result:?}");
    };
    broken("unaligned", bus.read(0xFCC0_0001).map(drop));
    broken("half a register", bus.read_block(0xFCC0_0000, &mut [0; 2]));
    broken("two registers at once", bus.write_block(0xFCC0_0004, &[0; 8]));
    broken("no such register", bus.read(0xFCC0_0FF0).map(drop));
    broken("read-only", bus.write(0xFCC2_0010, 1));
    broken("RUN without ring", bus.write(0xFCC2_0000, 0x100));
    broken("memory nobody wrote", bus.read_block(0x2400_0000, &mut [0; 4]));
    broken("no memory", bus.write_block(0x3000_0000, &[0; 4]));
    // A ring of two containers: the third would stand for none.
    bus.write(0xFCC2_0000, 0x200).expect("a soft reset");
    bus.write(0xFCC2_0008, 0x2400_0000).expect("a register");
    bus.write(0xFCC2_000C, 0x0001_0001).expect("a register");
    bus.write(0xFCC2_0004, 0x0000_00FF).expect("one container");
    broken("a container past the end", bus.write(0xFCC2_0004, 0x0002_00FF));
    // A processor that does not exist, and a packet that is cut.
    let mut configure = |words: [u32; 3], count: u32| {
        bus.write(0xFCC3_0000, 0x200).expect("a register");
        bus.write(0xFCC3_0008, 0x2400_1000).expect("a register");
        bus.write(0xFCC3_000C, 0x0001_0001).expect("a register");
        let bytes = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        bus.write_block(0x2400_2000, &bytes(&words)).expect("memory");
        let descriptor = [0x1000_0001, 0x2400_2000, count, 0, 0, 0, 0, 0];
        bus.write_block(0x2400_1000, &bytes(&descriptor)).expect("memory");
        bus.write(0xFCC3_0004, 0x0000_00FF).expect("a container");
        bus.write(0xFCC3_0000, 0x8200_0500)
    };
    configure([0x0103_0108, 0x0001_0000, 7], 3).expect("a register of a processor");
    broken("no such processor", configure([0x0909_0108, 0x0001_0000, 7], 3));
    broken("a packet that is cut", configure([0x0103_0108, 0x0002_0000, 7], 3));
    broken("no descriptor", configure([0x0103_0108, 0x0001_0000, 7], 0));
    assert_eq!(emulator.violations().len(), 12);
}

/// Answers whatever it is told to.
#[derive(Debug)]
struct Liar {
    dice: u64,
    identity: Identity,
    clock: u64,
}

impl Liar {
    fn word(&mut self) -> u32 {
        let mut dice = Dice(self.dice);
        let kind = dice.roll(8);
        let word = (dice.roll(1 << 16) << 16 | dice.roll(1 << 16)) as u32;
        self.dice = dice.0;
        match kind {
            0 => 0,
            1 => u32::MAX,
            2 => 0x000F_000F,
            3 => word & 0x000F_FFFF,
            4 => word & 0x7F,
            5 => (word & 3) << 16 | 1,
            _ => word,
        }
    }
}

impl Bus for Liar {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        self.clock += 1000;
        match address {
            0xFCC0_0000 => Ok(0xBCA1_0309),
            0xFCC0_0050 => Ok(0),
            _ => Ok(self.word()),
        }
    }

    fn write(&mut self, _: u32, _: u32) -> Result<(), BusError> {
        self.clock += 1000;
        Ok(())
    }

    fn read_block(&mut self, _: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        self.clock += 1000;
        for word in bytes.chunks_mut(4) {
            let length = word.len();
            word.copy_from_slice(&self.word().to_le_bytes()[..length]);
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

#[test]
fn a_device_that_answers_anything_is_never_believed() {
    let mut right = 0;
    for seed in 0..3000 {
        let identity = Identity { name: String::new(), description: String::new(), is_silicon: false };
        let options = Options { deadline: Duration::from_millis(5), ..checked() };
        let bus = Liar { dice: seed, identity, clock: 0 };
        let mut driver = Driver::open(Box::new(bus), options).expect("it tells its version");
        let mut dice = Dice(seed);
        let layers = 1 + dice.roll(12) as usize;
        let program = program(Device::Akd1500, layers, &mut dice);
        let Ok(id) = driver.load(program.clone()) else { continue };
        let inputs: Vec<u8> = (0..27).map(|_| dice.roll(16) as u8).collect();
        let mut outputs = [0; 27];
        if driver.run(id, &inputs, &mut outputs).is_ok() {
            assert_eq!(outputs[..], expected(&program, &inputs), "seed {seed}");
            right += 1;
        }
        let _ = driver.patch(id, &[WeightPatch { layer: 0, input: 0, unit: 0, value: 1 }]);
        let _ = driver.verify(id);
        let _ = driver.recover();
    }
    assert_eq!(right, 0, "arbitrary words are not the program's outputs");
}

#[test]
fn removal_while_running_ends_in_an_error() {
    for device in Device::ALL {
        let emulator = Emulator::new(Settings::new(device));
        let mut driver = driver(&emulator, checked());
        let id = driver.load(program(device, 2, &mut Dice(5))).expect("it loads");
        driver.run(id, &[1; 9], &mut [0; 9]).expect("it runs");
        emulator.remove();
        assert!(matches!(driver.run(id, &[1; 9], &mut [0; 9]), Err(DriverError::AllOnes { .. })));
        assert!(matches!(driver.run(id, &[1; 9], &mut [0; 9]), Err(DriverError::Dead { .. })));
        assert!(matches!(driver.load(program(device, 2, &mut Dice(5))), Err(DriverError::Dead { .. })));
        assert_clean(&emulator);
    }
}
