//! The cases that every substrate shares.

use forebay_akida::{Device, Program};
use forebay_software::Software;
use forebay_substrate::Substrate;
use forebay_substrate::conformance::check;

use super::{assert_clean, board};

#[test]
fn the_board_and_software_pass_the_same_cases() {
    for device in Device::ALL {
        let (emulator, board) = board(device);
        let software = Software::new(device).expect("a kernel form");
        let substrates: [&dyn Substrate; 2] = [&software, &board];
        let outcomes =
            substrates.map(|substrate| check(substrate, &|chain| Ok(Program::of_chain(device, chain)?.into_bytes())));
        for outcome in outcomes.iter().flatten() {
            assert_eq!(outcome.failure, None, "{device}: {}", outcome.case);
        }
        assert!(outcomes[0].len() > 50, "{} cases", outcomes[0].len());
        assert_eq!(outcomes[0], outcomes[1]);
        assert!(!board.capabilities().is_silicon);
        assert_clean(&emulator);
    }
}
