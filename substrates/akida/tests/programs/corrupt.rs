//! Everything a loader must check, and bytes that nobody wrote on purpose.

use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, ProgramError, Staircase};

use super::fixtures;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The program of Appendix-like layout: one layer of 8 units over 20 inputs, 4-bit weights, AKD1000.
fn small() -> Vec<u8> {
    fixtures::all().into_iter().find(|fixture| fixture.name == "fc_02").expect("it is there").bytes
}

/// Overwrites the only occurrence of some words.
fn replace(bytes: &mut [u8], from: &[u32], to: &[u32]) {
    let encode = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let (from, to) = (encode(from), encode(to));
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(&from)).collect();
    assert_eq!(places.len(), 1, "{from:?}");
    bytes[places[0]..places[0] + to.len()].copy_from_slice(&to);
}

fn error(bytes: Vec<u8>) -> ProgramError {
    Program::from_bytes(bytes).expect_err("this is no program")
}

#[test]
fn cut_anywhere_it_is_an_error() {
    let bytes = small();
    for length in 0..bytes.len() {
        assert!(Program::from_bytes(bytes[..length].to_vec()).is_err(), "cut to {length}");
    }
    let longer = [&bytes[..], &[0; 4]].concat();
    assert!(matches!(error(longer), ProgramError::Length { .. }));
}

#[test]
fn any_flipped_bit_is_an_error_or_another_program() {
    for fixture in fixtures::all().into_iter().filter(|fixture| fixture.bytes.len() < 1500) {
        for at in 0..fixture.bytes.len() {
            for bit in 0..8 {
                let mut bytes = fixture.bytes.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(program) = Program::from_bytes(bytes) {
                    // What is accepted can be used.
                    for index in 0..program.layers().len() {
                        let layer = program.layer(index).expect("it exists");
                        assert_eq!(layer.weights.len(), layer.units * layer.inputs);
                    }
                    let _ = program.to_builder().build();
                }
            }
        }
    }
}

#[test]
fn sizes_must_fill_the_file() {
    for (at, value) in [(0, 0), (0, u32::MAX), (0, 4), (0x184, u32::MAX), (0x184, 0)] {
        let mut bytes = small();
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        error(bytes);
    }
}

#[test]
fn spans_must_be_inside_the_data() {
    let info = word(&small(), 0) as usize + 4;
    // The only span of the layer: 52 registers and header, then header and 8 units of 10 words.
    let words = 2 + 50 + 2 + 8 * 10;
    let offset = (8..info / 4).map(|at| 4 * at).find(|&at| word(&small(), at) == words).expect("a span") - 4;
    for (wrong, to) in [(offset, 6), (offset, 4), (offset, u32::MAX), (offset + 4, 0), (offset + 4, 1 << 30)] {
        let mut bytes = small();
        bytes[wrong..wrong + 4].copy_from_slice(&to.to_le_bytes());
        let found = error(bytes);
        assert!(matches!(found, ProgramError::Track { .. } | ProgramError::Value { .. }), "{found}");
    }
}

#[test]
fn streams_must_parse() {
    let registers = [0x0103_0108, 0x0032_0000];
    for wrong in [
        [0x0103_0308, 0x0032_0000], // two processors
        [0x0103_0118, 0x0032_0000], // a reserved bit
        [0x0103_0108, 0x7FFF_0000], // longer than the stream
        [0x0103_0108, 0x4032_0000], // a reserved bit
        [0x0103_0107, 0x0032_0000], // another target
        [0x0103_0108, 0x0032_0001], // another start
        [0x0203_0108, 0x0032_0000], // registers and weights of two processors
    ] {
        let mut bytes = small();
        replace(&mut bytes, &registers, &wrong);
        let found = error(bytes);
        assert!(matches!(found, ProgramError::Packet { .. } | ProgramError::Layer { .. }), "{wrong:x?}: {found}");
    }
}

#[test]
fn device_and_dimensions_are_checked() {
    let edit = |byte: u8, to: u8, count: usize| {
        // The version bytes are the last two of the info; the output dimensions end in the units.
        let mut bytes = small();
        let info = word(&bytes, 0) as usize + 4;
        let at = (info - count..info).find(|&at| bytes[at] == byte).expect("it is there");
        bytes[at] = to;
        error(bytes)
    };
    assert!(matches!(edit(0xBC, 0xBB, 4), ProgramError::Device { version: [0xBB, 0, 0, 2] }));
    assert!(matches!(edit(2, 3, 1), ProgramError::Device { .. }));
    let mut bytes = small();
    replace(&mut bytes, &[3, 1, 1, 8], &[3, 1, 1, 9]);
    assert!(matches!(error(bytes), ProgramError::Value { what: "output dimensions", .. }));
    let mut bytes = small();
    replace(&mut bytes, &[3, 1, 1, 20], &[3, 1, 0, 20]);
    assert!(matches!(error(bytes), ProgramError::Value { what: "input dimensions", .. }));
    let mut bytes = small();
    replace(&mut bytes, &[3, 1, 1, 20], &[3, 1, 1, 19]);
    // 19 and 20 inputs take the same words; the twentieth weight is then beyond the last input.
    assert!(matches!(error(bytes), ProgramError::Neuron { what: "weights beyond the last input", .. }));
}

#[test]
fn neuron_memory_is_checked() {
    let memory = Program::from_bytes(small()).expect("a program").layers()[0].memory.clone();
    let set = |word_index: usize, value: u32| {
        let mut bytes = small();
        let at = memory.start + 4 * word_index;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        error(bytes)
    };
    for (at, value, what) in [
        (0, 1, "a threshold or step out of range"),
        (1, 16, "a threshold or step out of range"),
        (2, 1, "a unit with words of a learning layer"),
        (4, 1 << 20, "weights beyond the last input"),
    ] {
        match set(at, value) {
            ProgramError::Neuron { layer: 0, unit: 0, what: found } => assert_eq!(found, what),
            other => panic!("{other}"),
        }
    }
    // The same weight in the positive and the negative planes.
    let mut bytes = small();
    for plane in [4, 7] {
        bytes[memory.start + 4 * plane] |= 1;
    }
    assert!(matches!(error(bytes), ProgramError::Neuron { what: "a weight that is positive and negative", .. }));
}

/// Where the register blocks of a program begin.
fn register_blocks(program: &Program) -> Vec<usize> {
    let bytes = program.bytes();
    let is_header = |at: &usize| bytes[*at] == 8 && word(bytes, at + 4) == 50 << 16;
    let blocks: Vec<usize> =
        (program.info_bytes()..bytes.len() - 8).step_by(4).filter(is_header).map(|at| at + 8).collect();
    assert_eq!(blocks.len(), program.layers().len());
    blocks
}

fn deep(device: Device, layers: usize) -> Program {
    let layer = |units: usize| {
        let staircase = Staircase { thresholds: vec![3; units], steps: vec![2.0; units] };
        Layer::activations("fc", 5, units, Bits::Two, vec![1; 5 * units], Bits::Four, staircase).expect("legal")
    };
    let builder = ProgramBuilder::new(device, InputShape::flat(5), Bits::Four);
    (0..layers).fold(builder, |builder, _| builder.layer(layer(5))).build().expect("it fits")
}

#[test]
fn every_register_bit_is_checked() {
    // One pass and several, external memory in both.
    for program in [deep(Device::Akd1000, 20), deep(Device::Akd1500, 10)] {
        for start in register_blocks(&program) {
            for (index, bit) in (0..50).flat_map(|index| (0..32).map(move |bit| (index, bit))) {
                let mut bytes = program.bytes().to_vec();
                bytes[start + 4 * index + bit / 8] ^= 1 << (bit % 8);
                let found = error(bytes);
                let is_named = matches!(found, ProgramError::Register { word, .. } if word == index);
                // Fields of these words are read first, and then fit neither the chain nor the memory.
                assert!(is_named || [3, 10, 15].contains(&index), "word {index}, bit {bit}: {found}");
            }
        }
    }
}

#[test]
fn processors_must_exist_and_be_free() {
    // A layer moved with registers and weights.
    let moved = |program: &Program, layer: usize, to: (u8, u8)| {
        let np = program.layers()[layer].np;
        let mut bytes = program.bytes().to_vec();
        for target in [6, 8] {
            let from = [target, 1, np.row, np.col];
            let places: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..].starts_with(&from)).collect();
            assert_eq!(places.len(), 1, "target {target}");
            bytes[places[0] + 2..places[0] + 4].copy_from_slice(&[to.1, to.0]);
        }
        match error(bytes) {
            ProgramError::Processor { layer: found, why, .. } => assert_eq!(found, layer, "{why}"),
            other => panic!("{other}"),
        }
    };
    let program = deep(Device::Akd1000, 3);
    moved(&program, 0, (77, 3));
    moved(&program, 2, (4, 1));
    moved(&program, 1, (1, 3));
    // A second pass that does not begin on (1,3).
    let mut bytes = deep(Device::Akd1500, 9).into_bytes();
    for target in [6, 8] {
        let from = [target, 1, 3, 1];
        // Of two layers on it, the later is nearer to the beginning of the buffer.
        let at = (0..bytes.len() - 4).find(|&at| bytes[at..].starts_with(&from)).expect("it is there");
        bytes[at + 2..at + 4].copy_from_slice(&[1, 2]);
    }
    assert!(matches!(error(bytes), ProgramError::Processor { layer: 8, .. }));
}
