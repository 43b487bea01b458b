//! Programs that others compiled, and random chains: the driver on the emulator gives the software substrate's integers.

use std::cell::RefCell;
use std::path::Path;

use forebay_akida::case::Case;
use forebay_akida::driver::Options;
use forebay_akida::{Bits, Device, InputShape, Layer, NpKind, Program, ProgramBuilder, Staircase};
use forebay_emulator::{Emulator, Settings};
use forebay_software::Software;
use forebay_substrate::{Loaded, Substrate, WeightPatch};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{assert_clean, driver, trusting};

fn software(program: &Program) -> std::sync::Arc<dyn Loaded> {
    let software = Software::new(program.device()).expect("a kernel form");
    software.load(program.bytes()).expect("it is a program")
}

#[test]
fn fixtures_give_the_makers_outputs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../akida/tests/fixtures/fc");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).expect("the fixtures are there").map(|e| e.expect("readable").path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "json"));
    names.sort();
    assert_eq!(names.len(), 40);
    for name in names {
        let json = std::fs::read(&name).expect("readable");
        let case = Case::from_json(&json).expect("a case");
        let program =
            Program::from_bytes(std::fs::read(name.with_extension("bin")).expect("readable")).expect("a program");
        assert_eq!(case.build().expect("it fits").bytes(), program.bytes());
        let value: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let numbers = |key: &str| -> Vec<i64> {
            let list = value[key].as_array().expect("a list");
            list.iter().map(|number| number.as_i64().expect("an integer")).collect()
        };
        let shape = program.input_shape();
        let inputs = flat(shape, &numbers("inputs"));
        let expected: Vec<i32> = numbers("outputs").into_iter().map(|v| v as i32).collect();

        let emulator = Emulator::new(Settings::new(program.device()));
        let mut driver = driver(&emulator, trusting());
        let id = driver.load(program.clone()).expect("it loads");
        driver.verify(id).expect("what is there is what was written");
        let mut outputs = vec![0; expected.len()];
        driver.run(id, &inputs, &mut outputs).expect("it runs");
        assert_eq!(outputs, expected, "{}", name.display());
        assert_clean(&emulator);
    }
}

/// From `x, y, c` with `c` fastest to the flat input index.
fn flat(shape: InputShape, values: &[i64]) -> Vec<u8> {
    let (w, h, c) = (shape.width as usize, shape.height as usize, shape.channels as usize);
    let mut inputs = vec![0; values.len()];
    for (at, &value) in values.iter().enumerate() {
        let (sample, rest) = (at / (w * h * c), at % (w * h * c));
        let (x, y, channel) = (rest / (h * c), rest / c % h, rest % c);
        inputs[sample * w * h * c + x + w * (y + h * channel)] = value as u8;
    }
    inputs
}

#[derive(Clone, Debug)]
struct Random {
    program: Program,
    inputs: Vec<u8>,
    depth: usize,
    patches: Vec<WeightPatch>,
}

fn bits() -> impl Strategy<Value = Bits> {
    prop_oneof![Just(Bits::One), Just(Bits::Two), Just(Bits::Four)]
}

fn shape(device: Device) -> impl Strategy<Value = InputShape> {
    let most = if device == Device::Akd1000 { 60_u32 } else { 150 };
    prop_oneof![
        5 => (1..most).prop_map(InputShape::flat),
        1 => (5000_u32..5100).prop_map(InputShape::flat),
        2 => (1_u32..6, 1_u32..6, 1_u32..5).prop_map(|(width, height, channels)| InputShape { width, height, channels }),
    ]
}

fn layer(inputs: usize, is_last: bool) -> impl Strategy<Value = Layer> {
    // Few units, or as many as need external weights.
    let units = prop_oneof![8 => 1_usize..40, 1 => 200_usize..260];
    (units, bits(), bits(), prop::bool::weighted(0.6), any::<u64>()).prop_map(
        move |(units, weight_bits, act_bits, raw, seed)| {
            let units = if inputs > 1000 { units % 8 + 1 } else { units };
            let range = weight_bits.weight_range();
            let mut state = seed;
            let mut next = move || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u32
            };
            let span = (range.end() - range.start()) as u32 + 1;
            let weights = (0..units * inputs).map(|_| range.start() + (next() % span) as i8).collect();
            if raw && is_last {
                return Layer::potentials("fc", inputs, units, weight_bits, weights).expect("legal");
            }
            let thresholds = (0..units).map(|_| i64::from(next() % 400) - 200).collect();
            let steps = (0..units).map(|_| (1 + next() % 1600) as f32 / 16.0).collect();
            let staircase = Staircase { thresholds, steps };
            Layer::activations("fc", inputs, units, weight_bits, weights, act_bits, staircase).expect("legal")
        },
    )
}

fn random() -> impl Strategy<Value = Random> {
    // An AKD1500 goes on in further passes from the ninth layer on.
    let depth = prop_oneof![6 => 1_usize..5, 2 => 9_usize..20];
    let device = prop_oneof![Just(Device::Akd1000), Just(Device::Akd1500)];
    (device, depth, bits()).prop_flat_map(|(device, layers, input_bits)| {
        shape(device).prop_flat_map(move |shape| {
            let mut chain = layer(shape.len(), layers == 1).prop_map(|layer| vec![layer]).boxed();
            for index in 1..layers {
                chain = chain
                    .prop_flat_map(move |chain: Vec<Layer>| {
                        let inputs = chain[chain.len() - 1].units;
                        layer(inputs, index + 1 == layers).prop_map(move |next| [chain.clone(), vec![next]].concat())
                    })
                    .boxed();
            }
            (chain, any::<u64>(), 1_usize..=16, 0_usize..=17).prop_filter_map(
                "fits the device",
                move |(chain, seed, depth, samples)| {
                    let builder = ProgramBuilder::new(device, shape, input_bits);
                    let builder = chain.iter().cloned().fold(builder, ProgramBuilder::layer);
                    let program = builder.build().ok()?;
                    let most = (1_u64 << input_bits.count()) - 1;
                    let mut state = seed;
                    let mut next = move || {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        state >> 33
                    };
                    // Sparse ones too, and some that are all zero.
                    let inputs = (0..samples)
                        .flat_map(|_| {
                            let kind = next() % 4;
                            (0..shape.len())
                                .map(|_| match kind {
                                    0 => 0,
                                    1 if next() % 4 > 0 => 0,
                                    _ => (next() % (most + 1)) as u8,
                                })
                                .collect::<Vec<_>>()
                        })
                        .collect();
                    let patches = (0..3)
                        .map(|_| {
                            let layer = next() as usize % chain.len();
                            let range = chain[layer].weight_bits.weight_range();
                            let span = (range.end() - range.start()) as u64 + 1;
                            WeightPatch {
                                layer,
                                input: next() as usize % chain[layer].inputs,
                                unit: next() as usize % chain[layer].units,
                                value: range.start() + (next() % span) as i8,
                            }
                        })
                        .collect();
                    Some(Random { program, inputs, depth, patches })
                },
            )
        })
    })
}

/// What was tried, so that a change of the generator cannot make the test easy.
#[derive(Debug, Default)]
struct Tried {
    devices: [usize; 2],
    several_passes: usize,
    external: usize,
    batches: [usize; 17],
}

#[test]
fn two_thousand_random_chains_give_the_software_substrates_integers() {
    const CASES: u32 = 2000;
    let tried = RefCell::new(Tried::default());
    let config = ProptestConfig {
        cases: CASES,
        max_shrink_iters: 500,
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&random(), |case| {
        let mut tried = tried.borrow_mut();
        tried.devices[usize::from(case.program.device() == Device::Akd1500)] += 1;
        tried.several_passes += usize::from(case.program.passes() > 1);
        tried.external += usize::from(case.program.layers().iter().any(|layer| layer.np.kind == NpKind::Fnp2));
        tried.batches[case.depth] += 1;
        compare(&case)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let tried = tried.into_inner();
    println!("{tried:?}");
    assert!(tried.devices.iter().all(|&count| count > 600), "{tried:?}");
    assert!(tried.several_passes > 150 && tried.external > 150, "{tried:?}");
    assert!(tried.batches[1..].iter().all(|&count| count > 50), "{tried:?}");
}

fn compare(Random { program, inputs, depth, patches }: &Random) -> Result<(), TestCaseError> {
    let software = software(program);
    let samples = inputs.len() / software.shape().inputs;
    let mut expected = vec![0; samples * software.shape().units];
    software.runner().expect("loaded").run(inputs, &mut expected).expect("legal inputs");

    let emulator = Emulator::new(Settings::new(program.device()));
    let options = Options { depth: *depth, host_memory: depth % 2 == 0, ..trusting() };
    let mut driver = driver(&emulator, options);
    let id = driver.load(program.clone()).expect("it loads");
    let mut outputs = vec![i32::MIN; expected.len()];
    driver.run(id, inputs, &mut outputs).expect("it runs");
    prop_assert_eq!(&outputs, &expected);

    // Patched while loaded, one by one through the queue.
    driver.patch(id, patches).expect("legal patches");
    software.patch(patches).expect("legal patches");
    software.runner().expect("loaded").run(inputs, &mut expected).expect("legal inputs");
    let (width, units) = (software.shape().inputs, software.shape().units);
    for (sample, expected) in inputs.chunks(width).zip(expected.chunks(units)) {
        let job = driver.enqueue(id, sample).expect("there is room");
        prop_assert_eq!(driver.fetch(&mut outputs[..units]).expect("it runs"), Some(job));
        prop_assert_eq!(&outputs[..units], expected);
    }
    driver.verify(id).expect("what is there is what was written");
    drop(driver);
    prop_assert!(emulator.violations().is_empty(), "{:?}", emulator.violations());
    Ok(())
}

#[test]
fn several_at_once_come_back_in_order() {
    let layer = Layer::potentials("fc", 3, 2, Bits::Four, vec![1, 2, 3, -1, -2, -3]).expect("legal");
    for device in Device::ALL {
        let builder = ProgramBuilder::new(device, InputShape::flat(3), Bits::Four).layer(layer.clone());
        let emulator = Emulator::new(Settings::new(device));
        let mut driver = driver(&emulator, Options { depth: 4, ..trusting() });
        let id = driver.load(builder.build().expect("it fits")).expect("it loads");
        let mut outputs = [0; 2];
        assert_eq!(driver.fetch(&mut outputs).expect("nothing to do"), None);
        let mut sent = 0_u8;
        for round in 0..10_u8 {
            while let Ok(_job) = driver.enqueue(id, &[sent % 16, 1, 0]) {
                sent += 1;
            }
            assert_eq!(sent, 4 + round);
            driver.fetch(&mut outputs).expect("it runs").expect("there are some");
            let x = i32::from(round % 16);
            assert_eq!(outputs, [x + 2, -x - 2]);
        }
        assert_clean(&emulator);
    }
}

/// Job numbers have 16 bits. Places in the buffers once followed them, so that at the wrap two jobs shared one if the depth
/// was no power of two.
#[test]
fn job_numbers_wrap_and_places_do_not_meet() {
    let layer = Layer::potentials("fc", 1, 1, Bits::Four, vec![1]).expect("legal");
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(1), Bits::Four).layer(layer);
    let emulator = Emulator::new(Settings::new(Device::Akd1000));
    let mut driver = driver(&emulator, Options { depth: 5, ..trusting() });
    let id = driver.load(builder.build().expect("it fits")).expect("it loads");
    let inputs: Vec<u8> = (0..70_000_u32).map(|k| (k % 13 + 1) as u8).collect();
    let expected: Vec<i32> = inputs.iter().map(|&x| x.into()).collect();
    let mut outputs = vec![0; inputs.len()];
    // So that the wrap is in the middle of five.
    driver.run(id, &inputs[..2], &mut outputs[..2]).expect("it runs");
    driver.run(id, &inputs[2..], &mut outputs[2..]).expect("it runs");
    assert!(outputs == expected);
}
