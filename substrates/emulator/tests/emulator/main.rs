//! The driver on the emulator: what others computed first, then random chains, the maker's accesses, faults, and the cases
//! that every substrate shares.

mod chains;
mod conformance;
mod faults;
mod node;
mod pcie;
mod steady;
mod tenants;
mod traces;

use std::error::Error;

use forebay_akida::driver::{Checking, Driver, Options};
use forebay_akida::{Bits, Board, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_emulator::{Emulator, Settings};
use forebay_substrate::reference::Chain;

/// Writes the program of a chain.
pub(crate) fn program(device: Device, chain: &Chain) -> Result<Program, Box<dyn Error>> {
    let bits = |count: u8| Bits::from_count(count.into()).ok_or("no such width");
    let mut builder = ProgramBuilder::new(device, InputShape::flat(chain.inputs as u32), bits(chain.input_bits)?);
    let mut inputs = chain.inputs;
    for layer in &chain.layers {
        let (weight_bits, weights) = (bits(layer.weight_bits)?, layer.weights.clone());
        builder = builder.layer(match &layer.activation {
            None => Layer::potentials("layer", inputs, layer.units, weight_bits, weights)?,
            Some(activation) => {
                let thresholds = activation.thresholds.iter().map(|&t| i64::from(t)).collect();
                let steps = activation.steps_16.iter().map(|&s| s as f32 / 16.0).collect();
                let staircase = Staircase { thresholds, steps };
                let act_bits = bits(activation.bits)?;
                Layer::activations("layer", inputs, layer.units, weight_bits, weights, act_bits, staircase)?
            }
        });
        inputs = layer.units;
    }
    Ok(builder.build()?)
}

/// A driver that believes every number, so that a wrong one shows in the test and not in the driver.
pub(crate) fn trusting() -> Options {
    Options { checking: Checking::Never, ..Options::default() }
}

pub(crate) fn driver(emulator: &Emulator, options: Options) -> Driver {
    Driver::open(Box::new(emulator.bus()), options).expect("an emulator answers")
}

pub(crate) fn board(device: Device) -> (Emulator, Board) {
    let emulator = Emulator::new(Settings::new(device));
    let board = Board::open(Box::new(emulator.bus()), trusting()).expect("an emulator answers");
    (emulator, board)
}

/// Nobody broke a rule of the interface.
pub(crate) fn assert_clean(emulator: &Emulator) {
    let violations = emulator.violations();
    assert!(violations.is_empty(), "{violations:?}");
}
