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

use forebay_akida::driver::{Checking, Driver, Options};
use forebay_akida::{Board, Device};
use forebay_emulator::{Emulator, Settings};

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
