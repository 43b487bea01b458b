//! The fixed programs and inputs of a conformance fingerprint.
//!
//! Every processor is visited by itself with a layer of 7 and -7 in random order, then with all signs turned; it
//! fills a memory of the processor's own to the last word. A weight's bits are its positive and its negative part, so
//! between the two every bit of a weight is 0 once and 1 once: one that is stuck makes a sum wrong, as every input is
//! above 0 in two of the samples.
//!
//! # Source
//! Memory layout: specs/device-program.md, "neuron memory" \[T\].

use forebay_akida::placement::Start;
use forebay_akida::{Bits, BuildError, Device, InputShape, Layer, Program, ProgramBuilder};
use forebay_substrate::reference::{self, Activation, Chain};

use crate::random::{Seed, Stream};

/// Everything follows from it; another seed would be another fingerprint.
const SEED: Seed = Seed(1);

/// 64 words for each of 168 units: the 10752 words of an FNP3.
const INPUTS: usize = 320;
const UNITS: usize = 168;

/// Random samples beside those of all ones and of all largest.
const RANDOM_SAMPLES: usize = 3;

/// A program and what it is run on.
pub(super) struct TestProgram {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// `[samples, width]`.
    pub(super) inputs: Vec<u8>,
    pub(super) width: usize,
}

/// The programs of a device, in their fixed order.
pub(super) fn programs(device: Device) -> Result<Vec<TestProgram>, BuildError> {
    let mut programs = Vec::new();
    for is_turned in [false, true] {
        for fnp3 in 0..device.fnp3().len() {
            programs.push(full_memory(device, Start { fnp3, fnp2: 0 }, UNITS, is_turned)?);
        }
        // One unit more than an FNP3 holds goes to external memory.
        for fnp2 in 0..device.fnp2().len() {
            programs.push(full_memory(device, Start { fnp3: 0, fnp2 }, UNITS + 1, is_turned)?);
        }
    }
    for weight_bits in [1, 2, 4] {
        for input_bits in [1, 2, 4] {
            programs.push(chain(device, weight_bits, input_bits)?);
        }
    }
    Ok(programs)
}

fn full_memory(device: Device, start: Start, units: usize, is_turned: bool) -> Result<TestProgram, BuildError> {
    let kind = if units == UNITS { "own memory" } else { "external memory" };
    let mut signs = SEED.stream(&format!("{kind} {start:?}"));
    let seven = if is_turned { -7.0 } else { 7.0 };
    let weights = (0..INPUTS * units).map(|_| (seven * signs.sign()) as i8).collect();
    let layer = Layer::potentials("test", INPUTS, units, Bits::Four, weights)?;
    let builder = ProgramBuilder::new(device, InputShape::flat(INPUTS as u32), Bits::Four);
    let program = builder.start_at(start).layer(layer).build()?;
    let np = program.layers()[0].np;
    let turned = if is_turned { ", signs turned" } else { "" };
    let name = format!("{} ({},{},{}), {kind}{turned}", np.kind, np.col, np.row, np.id);
    Ok(test_program(name, &program, INPUTS, 4))
}

/// Two layers with an activation between them.
fn chain(device: Device, weight_bits: u8, input_bits: u8) -> Result<TestProgram, BuildError> {
    let (inputs, hidden, units) = (70, 40, 11);
    let name = format!("chain, {weight_bits}-bit weights, {input_bits}-bit values");
    let mut numbers = SEED.stream(&name);
    let thresholds = (0..hidden).map(|_| numbers.below(81) as i32 - 40).collect();
    let steps_16 = (0..hidden).map(|_| 1 + numbers.below(300) as u32).collect();
    let activation = Some(Activation { bits: input_bits, thresholds, steps_16 });
    let layers = vec![
        reference::Layer {
            weight_bits,
            weights: weights(&mut numbers, weight_bits, inputs * hidden),
            units: hidden,
            activation,
        },
        reference::Layer {
            weight_bits,
            weights: weights(&mut numbers, weight_bits, hidden * units),
            units,
            activation: None,
        },
    ];
    let program = Program::of_chain(device, &Chain { inputs, input_bits, layers })?;
    Ok(test_program(name, &program, inputs, input_bits))
}

fn weights(numbers: &mut Stream, bits: u8, count: usize) -> Vec<i8> {
    let (low, choices) = match bits {
        1 => (0, 2),
        2 => (-1, 3),
        _ => (-7, 15),
    };
    (0..count).map(|_| low + numbers.below(choices) as i8).collect()
}

fn test_program(name: String, program: &Program, width: usize, input_bits: u8) -> TestProgram {
    let largest = (1_u8 << input_bits) - 1;
    let mut numbers = SEED.child("inputs").stream(&name);
    let mut inputs = vec![1; width];
    inputs.extend(vec![largest; width]);
    inputs.extend((0..RANDOM_SAMPLES * width).map(|_| numbers.below(u64::from(largest) + 1) as u8));
    TestProgram { name, bytes: program.bytes().to_vec(), inputs, width }
}
