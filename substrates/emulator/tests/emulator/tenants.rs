//! Several programs on one device.

use forebay_akida::driver::DriverError;
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_emulator::{Emulator, Settings};
use forebay_substrate::{Substrate, WeightPatch};

use super::{assert_clean, board, driver, trusting};

fn program(device: Device, layers: usize, units: usize, scale: i8) -> Program {
    let builder = ProgramBuilder::new(device, InputShape::flat(units as u32), Bits::Four);
    let layer = |is_last: bool| {
        let weights: Vec<i8> = (0..units * units).map(|k| ((k * 7 + scale as usize) % 15) as i8 - 7).collect();
        if is_last {
            return Layer::potentials("fc", units, units, Bits::Four, weights).expect("legal");
        }
        let staircase = Staircase { thresholds: vec![0; units], steps: vec![4.0; units] };
        Layer::activations("fc", units, units, Bits::Four, weights, Bits::Four, staircase).expect("legal")
    };
    (0..layers).fold(builder, |builder, index| builder.layer(layer(index + 1 == layers))).build().expect("it fits")
}

/// What the program gives alone on a device of its own.
fn alone(program: &Program, sample: &[u8]) -> Vec<i32> {
    let (emulator, board) = board(program.device());
    let loaded = board.load(program.bytes()).expect("it loads");
    let mut outputs = vec![0; loaded.shape().units];
    loaded.runner().expect("loaded").run(sample, &mut outputs).expect("it runs");
    assert_clean(&emulator);
    outputs
}

#[test]
fn small_programs_share_a_device_and_do_not_touch_each_other() {
    for device in Device::ALL {
        let (emulator, board) = board(device);
        // One layer each: as many as columns tell apart.
        let columns = if device == Device::Akd1000 { 5 } else { 3 };
        let programs: Vec<Program> = (0..columns).map(|k| program(device, 1, 6 + k, k as i8)).collect();
        let loaded: Vec<_> = programs.iter().map(|p| board.load(p.bytes()).expect("it loads")).collect();
        let tenants = board.tenants().tenants;
        assert!(tenants.iter().all(|t| t.is_resident && t.swaps == 1 && t.takes_turns_with.is_empty()), "{tenants:?}");
        for round in 0..3_u8 {
            for (program, loaded) in programs.iter().zip(&loaded) {
                let sample: Vec<u8> = (0..program.layers()[0].inputs).map(|k| (k as u8 * 3 + round) % 16).collect();
                let mut outputs = vec![0; loaded.shape().units];
                loaded.runner().expect("loaded").run(&sample, &mut outputs).expect("it runs");
                assert_eq!(outputs, alone(program, &sample));
            }
        }
        let patch = WeightPatch { layer: 0, input: 1, unit: 2, value: -6 };
        loaded[1].patch(&[patch]).expect("legal");
        board.verify_all().expect("the others are as they were");
        let mut patched = programs[1].clone();
        patched.patch(&patch).expect("legal");
        let sample = vec![9; patched.layers()[0].inputs];
        let mut outputs = vec![0; patched.layers()[0].units];
        loaded[1].runner().expect("loaded").run(&sample, &mut outputs).expect("it runs");
        assert_eq!(outputs, alone(&patched, &sample));
        assert!(board.tenants().tenants.iter().all(|tenant| tenant.swaps == 1));
        assert_clean(&emulator);
    }
}

#[test]
fn programs_that_collide_take_turns() {
    for device in Device::ALL {
        let (emulator, board) = board(device);
        // All columns are taken by each.
        let layers = if device == Device::Akd1000 { 18 } else { 12 };
        let programs = [program(device, layers, 5, 1), program(device, layers, 4, 2)];
        let loaded: Vec<_> = programs.iter().map(|p| board.load(p.bytes()).expect("it loads")).collect();
        for round in 0..3_u8 {
            for (program, loaded) in programs.iter().zip(&loaded) {
                let sample: Vec<u8> = (0..program.layers()[0].inputs).map(|k| (k as u8 + round) % 16).collect();
                let mut outputs = vec![0; loaded.shape().units];
                loaded.runner().expect("loaded").run(&sample, &mut outputs).expect("it runs");
                assert_eq!(outputs, alone(program, &sample));
            }
        }
        let tenants = board.tenants().tenants;
        assert_eq!(tenants.iter().map(|tenant| tenant.swaps).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(tenants[0].takes_turns_with[0].0, 1);
        let told = board.tenants().to_string();
        assert!(told.contains("program 0: waits") && told.contains("takes turns with program 1"), "{told}");
        // A patch survives being swapped out.
        let patch = WeightPatch { layer: 0, input: 0, unit: 0, value: 5 };
        loaded[0].patch(&[patch]).expect("legal");
        loaded[1].verify().expect("it is put back");
        let mut patched = programs[0].clone();
        patched.patch(&patch).expect("legal");
        let sample = [7; 5];
        let mut outputs = [0; 5];
        loaded[0].runner().expect("loaded").run(&sample, &mut outputs).expect("it runs");
        assert_eq!(outputs[..], alone(&patched, &sample));
        assert_clean(&emulator);
    }
}

#[test]
fn a_driver_refuses_neighbours_that_events_cannot_tell_apart() {
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let mut driver = driver(&emulator, trusting());
    let first = program(Device::Akd1000, 1, 6, 0);
    let id = driver.load(first.clone()).expect("it loads");
    let refused = driver.load_beside(first.clone());
    assert!(
        matches!(&refused, Err(DriverError::Shared { conflict }) if conflict.contains("FNP3 (1,3,0)")),
        "{refused:?}"
    );
    // Another processor of the same column: both are first layers.
    let start = forebay_akida::placement::Start { fnp3: 1, fnp2: 0 };
    let second = first.to_builder().start_at(start).build().expect("it fits");
    let refused = driver.load_beside(second);
    assert!(matches!(&refused, Err(DriverError::Shared { conflict }) if conflict.contains("column 1")), "{refused:?}");
    driver.run(id, &[1; 6], &mut [0; 6]).expect("nothing was changed");
    assert_clean(&emulator);
}

/// What was unloaded stays on its processors. A program loaded later in the same column once met it there: both took the
/// same events, and the device could route none.
#[test]
fn what_was_unloaded_takes_no_events() {
    let (emulator, board) = board(Device::Akd1000);
    let programs =
        [program(Device::Akd1000, 1, 6, 0), program(Device::Akd1000, 1, 7, 1), program(Device::Akd1000, 1, 8, 2)];
    let first = board.load(programs[0].bytes()).expect("it loads");
    let second = board.load(programs[1].bytes()).expect("it loads");
    drop(first);
    // The same column as the first had, another processor.
    let start = forebay_akida::placement::Start { fnp3: 1, fnp2: 0 };
    let moved = programs[2].to_builder().start_at(start).build().expect("it fits");
    let third = board.load(moved.bytes()).expect("it loads");
    for (program, loaded) in [(&programs[1], &second), (&moved, &third), (&programs[1], &second)] {
        let sample = vec![3; program.layers()[0].inputs];
        let mut outputs = vec![0; loaded.shape().units];
        loaded.runner().expect("loaded").run(&sample, &mut outputs).expect("it runs");
        assert_eq!(outputs, alone(program, &sample));
    }
    assert_clean(&emulator);
}
