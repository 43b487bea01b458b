//! Random chains: what is built is read back, and building that again gives the same bytes.

use forebay_akida::case::Case;
use forebay_akida::program::{Blocks, DeviceWrite};
use forebay_akida::{Bits, Device, InputShape, Layer, NpKind, Program, ProgramBuilder, Staircase};
use forebay_substrate::WeightPatch;
use proptest::prelude::*;

fn bits() -> impl Strategy<Value = Bits> {
    prop_oneof![Just(Bits::One), Just(Bits::Two), Just(Bits::Four)]
}

fn layer(inputs: usize, units: usize, activation: bool) -> impl Strategy<Value = Layer> {
    (bits(), bits()).prop_flat_map(move |(weight_bits, act_bits)| {
        let weights = prop::collection::vec(weight_bits.weight_range(), inputs * units);
        let thresholds = prop::collection::vec(-(1_i64 << 19)..1 << 19, units);
        let steps = prop::collection::vec((1_u32..1 << 20).prop_map(|s| s as f32 / 16.0), units);
        (weights, thresholds, steps).prop_map(move |(weights, thresholds, steps)| Layer {
            name: "fc".to_owned(),
            inputs,
            units,
            weight_bits,
            weights,
            act_bits,
            activation: activation.then_some(Staircase { thresholds, steps }),
        })
    })
}

/// One to thirty layers, now and then one that needs an FNP2.
fn chain() -> impl Strategy<Value = ProgramBuilder> {
    let device = prop_oneof![Just(Device::Akd1000), Just(Device::Akd1500)];
    let shape = (1_u32..5, 1_u32..5, 1_u32..40, any::<bool>()).prop_map(|(width, height, channels, flat)| {
        if flat { InputShape::flat(channels) } else { InputShape { width, height, channels } }
    });
    let most = |device| if device == Device::Akd1000 { 22_usize } else { 30 };
    (device, shape, bits()).prop_flat_map(move |(device, shape, input_bits)| {
        let widths = prop::collection::vec(1_usize..40, 1..=most(device));
        let large = (any::<prop::sample::Index>(), prop::bool::weighted(0.3));
        (widths, any::<bool>(), large).prop_flat_map(move |(mut widths, raw, (at, is_large))| {
            if is_large {
                let at = at.index(widths.len());
                widths[at] = 1100;
            }
            let last = widths.len() - 1;
            let mut inputs = shape.len();
            let layers: Vec<_> = widths
                .iter()
                .enumerate()
                .map(|(index, &units)| {
                    let layer = layer(inputs, units, index != last || !raw);
                    inputs = units;
                    layer
                })
                .collect();
            layers.prop_map(move |layers| {
                let builder = ProgramBuilder::new(device, shape, input_bits);
                layers.into_iter().fold(builder, ProgramBuilder::layer)
            })
        })
    })
}

fn rename(mut layer: Layer, name: &str) -> Layer {
    name.clone_into(&mut layer.name);
    layer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn building_what_was_read_is_the_identity(builder in chain()) {
        let Ok(program) = builder.build() else {
            // Only processors can be missing: every other limit is far away.
            prop_assert!(matches!(builder.build(), Err(forebay_akida::BuildError::Refused(_))));
            return Ok(());
        };
        let read = Program::from_bytes(program.bytes().to_vec());
        prop_assert_eq!(read.as_ref(), Ok(&program));
        let again = program.to_builder().build().expect("it fitted");
        prop_assert_eq!(again.bytes(), program.bytes());
        for (index, placed) in program.layers().iter().enumerate() {
            let words = placed.units * placed.words_per_neuron;
            prop_assert_eq!(placed.np.kind == NpKind::Fnp3, placed.np.kind.memory_words().is_some_and(|limit| words <= limit));
            let layer = rename(program.layer(index).expect("it exists"), "fc");
            prop_assert_eq!(layer.neuron_words(), program.neuron_words(index).collect::<Vec<_>>());
        }
    }

    #[test]
    fn patching_is_building_the_changed_layers(builder in chain(), picks in prop::collection::vec(any::<[prop::sample::Index; 4]>(), 1..6)) {
        let Ok(mut program) = builder.build() else { return Ok(()) };
        let before = program.clone();
        let mut layers: Vec<Layer> = (0..program.layers().len()).map(|i| program.layer(i).expect("it exists")).collect();
        let mut changes = Vec::new();
        for [layer, input, unit, value] in picks {
            let layer = layer.index(layers.len());
            let (input, unit) = (input.index(layers[layer].inputs), unit.index(layers[layer].units));
            let range = layers[layer].weight_bits.weight_range();
            let value = range.start() + value.index((range.end() - range.start() + 1) as usize) as i8;
            let columns = layers[layer].inputs;
            layers[layer].weights[unit * columns + input] = value;
            let changed = program.patch(&WeightPatch { layer, input, unit, value }).expect("it exists");
            prop_assert!(changed.len() <= 6);
            changes.extend(changed);
        }
        let fresh = ProgramBuilder::new(program.device(), program.input_shape(), program.input_bits());
        let fresh = layers.into_iter().fold(fresh, ProgramBuilder::layer).build().expect("it fitted");
        prop_assert_eq!(fresh.bytes(), program.bytes());

        // A device that holds the program before takes the writes and holds the program after.
        for blocks in [Blocks::Whole, Blocks::Minimal] {
            let mut device = before.bytes().to_vec();
            let on = |at: (u8, u8, u8)| {
                let layers = before.layers().iter().filter(|layer| (layer.np.col, layer.np.row, layer.np.id) == at);
                let memory: Vec<usize> = layers.map(|layer| layer.memory.start).collect();
                assert_eq!(memory.len(), 1, "a write by processor names one layer");
                memory[0]
            };
            for write in program.device_writes(&changes, blocks) {
                let (start, words) = match write {
                    DeviceWrite::Image { np, word, words } => (on((np.col, np.row, np.id)) + 4 * word, words),
                    DeviceWrite::Packet { words } => {
                        let at = ((words[0] >> 24) as u8, (words[0] >> 16) as u8, (words[0] >> 8 & 0xF).trailing_zeros() as u8);
                        prop_assert_eq!(words[0] & 0xFF, 6);
                        prop_assert_eq!((words[1] >> 16) as usize, words.len() - 2);
                        (on(at) + 4 * (words[1] & 0xFFFF) as usize, words[2..].to_vec())
                    }
                    DeviceWrite::Kept { offset, words } => {
                        prop_assert!(before.passes() > 1);
                        (before.info_bytes() + offset, words)
                    }
                };
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                device[start..start + bytes.len()].copy_from_slice(&bytes);
            }
            prop_assert!(device == program.bytes(), "{:?}", blocks);
        }
    }
}

#[test]
fn layer_files_say_what_is_wrong() {
    let case = |json: &str| Case::from_json(json.as_bytes()).map_err(|error| error.to_string());
    let layer = r#"{"inputs": 2, "units": 3, "weights_bits": 4, "activation": false, "act_bits": 4, "weights": "70e18a", "threshold": null, "act_step": null}"#;
    let file = |device: &str, bits: u32, layer: &str| {
        format!(
            r#"{{"device": "{device}", "input_shape": [1, 1, 2], "input_bits": {bits}, "layers": [{layer}], "outputs": [1]}}"#
        )
    };
    let program = case(&file("AKD1000", 4, layer)).expect("a case").build().expect("it fits");
    // Input slow: the first three digits are the weights of input 0.
    assert_eq!(program.layer(0).expect("one").weights, [0, -6, -7, 1, 7, 3]);
    assert!(case("[1, 2").expect_err("cut").contains("not a layer file"));
    assert!(case(&file("AKD2000", 4, layer)).expect_err("unknown").contains("no device named \"AKD2000\""));
    assert!(
        case(&file("AKD1000", 4, &layer.replace("70e18a", "70e1"))).expect_err("short").contains("must be 6, found 4")
    );
    assert!(case(&file("AKD1000", 4, &layer.replace("70e18a", "70x18a"))).expect_err("x").contains("hexadecimal"));
    let active = layer.replace("\"activation\": false", "\"activation\": true");
    assert!(case(&file("AKD1000", 4, &active)).expect_err("no thresholds").contains("threshold and act_step"));
    let refusal = |json: &str| case(json).expect("a case").build().expect_err("refused").to_string();
    assert_eq!(refusal(&file("AKD1000", 3, layer)), "Cannot map layer 'fc_1'. Input bitwidth should be 1, 2 or 4.");
    let wide = "FullyConnected cannot be added if previous layer's output requires more than 4 bits.";
    assert_eq!(refusal(&file("AKD1000", 8, layer)), wide);
    let three = layer.replace("\"act_bits\": 4", "\"act_bits\": 3");
    assert!(refusal(&file("AKD1000", 4, &three)).starts_with("Cannot map layer 'fc_1'."));
    let eight = layer.replace("\"weights_bits\": 4", "\"weights_bits\": 8");
    assert_eq!(refusal(&file("AKD1000", 4, &eight)), "Weight bits should be between 1 and 4 inclusive.");
    assert!(
        refusal(&file("AKD1000", 4, &layer.replace("70e18a", "70f18a"))).contains("8 at index 4 is no 4-bit weight")
    );
}
