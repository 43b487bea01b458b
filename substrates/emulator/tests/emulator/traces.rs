//! The maker's own accesses: replayed on the emulator, and compared with the driver's.

use forebay_akida::bus::Bus;
use forebay_akida::driver::Options;
use forebay_akida::trace::{Step, Traced};
use forebay_akida::{Bits, Device, Driver, InputShape, Layer, Program, ProgramBuilder};
use forebay_emulator::{Emulator, Settings};

use super::{assert_clean, trusting};

const TRACE: &str = include_str!("tiny_program.trace");

/// One line of the recorded trace.
#[derive(Debug)]
struct Line {
    number: usize,
    op: &'static str,
    address: u32,
    /// Bytes of a block; 0 for a register.
    bytes: usize,
    words: Vec<u32>,
    is_whole: bool,
}

fn lines() -> Vec<Line> {
    let parse = |line: &'static str| {
        let mut parts = line.split_whitespace();
        let number = parts.next()?.parse().ok()?;
        let op = parts.next()?;
        if op == "wait" {
            return Some(Line { number, op, address: 0, bytes: 0, words: Vec::new(), is_whole: true });
        }
        let address = u32::from_str_radix(parts.next()?, 16).ok()?;
        let rest: Vec<&str> = parts.collect();
        let is_block = rest.get(1) == Some(&"bytes");
        let bytes = if is_block { rest[0].parse().ok()? } else { 0 };
        let words = rest[if is_block { 2 } else { 0 }..].iter();
        let words: Vec<u32> = words.filter_map(|word| u32::from_str_radix(word, 16).ok()).collect();
        Some(Line { number, op, address, bytes, words, is_whole: !line.ends_with("..") })
    };
    let lines: Vec<Line> = TRACE.lines().filter_map(parse).collect();
    assert_eq!(lines.len(), 122);
    lines
}

/// A program of the same shape; its weights are ours.
fn tiny() -> (Program, Vec<i32>) {
    let weights: Vec<i8> = (0..128).map(|k| (k * 5 % 15) as i8 - 7).collect();
    let events = [1, 5, 9, 13];
    let expected = (0..8).map(|unit| events.iter().map(|&at| 3 * i32::from(weights[unit * 16 + at])).sum()).collect();
    let layer = Layer::potentials("fc", 16, 8, Bits::Four, weights).expect("legal");
    let program = ProgramBuilder::new(Device::Akd1000, InputShape::flat(16), Bits::Four).layer(layer).build();
    (program.expect("it fits"), expected)
}

fn track(program: &Program) -> Vec<u8> {
    program.bytes()[program.layout().passes[0][1].tracks[0].clone()].to_vec()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn the_makers_accesses_get_their_status_words_and_right_potentials() {
    let (program, expected) = tiny();
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let mut bus = emulator.bus();
    for line in lines() {
        match (line.op, line.bytes) {
            ("read", 0) if line.number == 93 => {
                // The recording's device gave two events; this one has eight units.
                assert_eq!(bus.read_block(line.address, &mut [0; 4]).map(|()| 0).expect("written"), 0);
                let mut header = [0; 4];
                bus.read_block(line.address, &mut header).expect("written");
                assert_eq!(u32::from_le_bytes(header), 16);
            }
            ("read", 0) => {
                let found = bus.read(line.address).expect("a register");
                assert_eq!(found, line.words[0], "step {}: {:08x}", line.number, line.address);
            }
            ("read", _) if line.number == 94 => {
                let mut data = [0; 64];
                bus.read_block(line.address, &mut data).expect("written");
                for (unit, event) in data.chunks(8).enumerate() {
                    let word = |at: usize| u32::from_le_bytes(event[at..at + 4].try_into().expect("four bytes"));
                    let potential = (word(4) << 6) as i32 >> 6;
                    assert_eq!((word(0), potential), (unit as u32, expected[unit]));
                }
            }
            ("read", bytes) => {
                let mut data = vec![0; bytes];
                bus.read_block(line.address, &mut data).expect("written");
                // The first four registers of the processor.
                assert_eq!(line.number, 107);
                assert_eq!(data, track(&program)[8..24]);
            }
            ("write", 0) => bus.write(line.address, line.words[0]).expect("a register"),
            ("write", bytes) => {
                let data = if line.is_whole { bytes_of(&line.words) } else { track(&program) };
                assert_eq!(data.len(), bytes, "step {}", line.number);
                bus.write_block(line.address, &data).expect("memory");
            }
            _ => bus.pause(std::time::Duration::from_millis(1)),
        }
    }
    assert_clean(&emulator);
}

/// What lasts: registers and memory that are written.
fn effects(steps: &[Step]) -> Vec<Step> {
    let is_effect = |step: &&Step| matches!(step, Step::Write { .. } | Step::WriteBlock { .. });
    steps.iter().filter(is_effect).cloned().collect()
}

#[test]
fn the_driver_writes_what_the_maker_writes() {
    let (program, expected) = tiny();
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let (bus, trace) = Traced::new(emulator.bus());
    let options = Options { depth: 1, scratch: Some(0x2400_0000..0x3000_0000), ..trusting() };
    let mut driver = Driver::open(Box::new(bus), options).expect("an emulator answers");
    let id = driver.load(program.clone()).expect("it loads");
    let mut sample = [0; 16];
    for at in [1, 5, 9, 13] {
        sample[at] = 3;
    }
    let mut outputs = [0; 8];
    driver.run(id, &sample, &mut outputs).expect("it runs");
    assert_eq!(outputs[..], expected);
    driver.read_registers(Some((1, 3, 0)), 4).expect("they can be read");
    driver.unprogram().expect("it answers");
    let ours = effects(&trace.take());

    let stream = track(&program);
    let theirs: Vec<Step> = lines()
        .into_iter()
        .filter(|line| line.op == "write")
        .map(|line| match line.bytes {
            0 => Step::Write { address: line.address, value: line.words[0] },
            _ if line.is_whole => Step::WriteBlock { address: line.address, bytes: bytes_of(&line.words) },
            _ => Step::WriteBlock { address: line.address, bytes: stream.clone() },
        })
        .collect();
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "write {at}");
    }
    assert_eq!(ours.len(), theirs.len());
    assert_clean(&emulator);
}

/// Eleven layers on an AKD1500: nine tracks and an external image in the first pass, three tracks in the second.
fn two_passes() -> Program {
    let layer = |last: bool| {
        let weights = (0..9).map(|k| (k * 4 % 15) as i8 - 7).collect();
        if last {
            return Layer::potentials("fc", 3, 3, Bits::Four, weights).expect("legal");
        }
        let staircase = forebay_akida::Staircase { thresholds: vec![-2; 3], steps: vec![3.0; 3] };
        Layer::activations("fc", 3, 3, Bits::Four, weights, Bits::Four, staircase).expect("legal")
    };
    let builder = ProgramBuilder::new(Device::Akd1500, InputShape::flat(3), Bits::Four);
    let program = (0..11).fold(builder, |builder, index| builder.layer(layer(index == 10))).build().expect("it fits");
    assert_eq!((program.passes(), program.layout().descriptors), (2, 10));
    program
}

#[test]
fn several_passes_are_set_up_as_the_maker_does() {
    let emulator = Emulator::new(Settings::new(Device::Akd1500));
    let (bus, trace) = Traced::new(emulator.bus());
    let options = Options { scratch: Some(0x2000_0100..0x2010_0000), ..trusting() };
    let mut driver = Driver::open(Box::new(bus), options).expect("an emulator answers");
    let program = two_passes();
    let id = driver.load(program.clone()).expect("it loads");
    driver.run(id, &[1, 2, 3, 15, 0, 7], &mut [0; 6]).expect("it runs");
    let steps = trace.take();
    let written = |address: u32| -> Vec<u32> {
        let value = |step: &Step| match step {
            Step::Write { address: at, value } if *at == address => Some(*value),
            _ => None,
        };
        steps.iter().filter_map(value).collect()
    };
    // Values of the maker's engine for a program of this form [T].
    assert_eq!(written(0xFCC0_0004).last(), Some(&2));
    assert_eq!(written(0xFCC3_000C), [0x0013_0001]);
    assert_eq!(written(0xFCC3_0024), [0x0007_0000, 0x0007_2000, 0x0007_2001]);
    assert_eq!(written(0xFCC3_0070), [1]);
    assert_eq!(written(0xFCC3_0074), [10]);
    assert_eq!(written(0xFCC3_0038), [0x60]);
    assert_eq!(written(0xFCC3_003C), [0x13]);
    assert_eq!(written(0xFCC3_008C), [2]);
    let mut announced: Vec<u32> = (0..20).map(|last| last << 16 | 0xFF).collect();
    announced.push(0x00FE_00FF);
    assert_eq!(written(0xFCC3_0004), announced);
    assert_eq!(written(0xFCC3_0000), [0x200, 0x8200_0000, 0x8200_0500]);
    assert_eq!(written(0xFCC4_000C), [0x012C_0010]);
    assert_eq!(written(0xFCC7_0004), [0xFFFF_FFDF]);
    assert_eq!(written(0xFCC2_8000), [0x200, 0x8300_0000, 0x8300_0400, 0x8300_0400, 0x8300_0500]);
    assert_eq!(written(0xFCC2_800C), [0x0001_0002]);
    assert_eq!(written(0xFCC2_8070), [0x0001_0031]);
    assert_eq!(written(0xFCC2_8074), [0x0202_0000]);
    // Three units of 4 bytes.
    assert_eq!(written(0xFCC2_8098), [0x8000_0003]);
    assert_eq!(written(0xFCC2_8078), written(0xFCC2_807C));
    assert_eq!(written(0xFCC2_8080).len(), 2);
    assert_eq!(written(0xFCC0_0010).len(), 1);
    // One filler in the first pass and seven in the second: reads of one register of the input unit.
    let fillers = steps.iter().filter(|step| match step {
        Step::WriteBlock { bytes, .. } => bytes.len() == 32 && bytes[..4] == [1, 0, 0, 0] && bytes[8] == 2,
        _ => false,
    });
    assert_eq!(fillers.count(), 8);
    let refused = driver.read_registers(Some((1, 3, 0)), 50);
    assert!(refused.is_err(), "the configuration ring is the device's own: {refused:?}");
    driver.verify(id).expect("memory is as it was written");
    assert_clean(&emulator);
}
