//! Random chains: bytes are built, loaded and run, and compared with the reference in big integers.

use forebay_akida::{Device, Program};
use forebay_kernels::Form;
use forebay_software::Software;
use forebay_substrate::precision::PlaneMultiplier;
use forebay_substrate::reference::{Activation, Chain, Layer};
use forebay_substrate::{Multiplier, Precision, Substrate, WeightPatch};
use proptest::prelude::*;

fn weight_range(bits: u8) -> (i8, i8) {
    match bits {
        1 => (0, 1),
        2 => (-1, 1),
        _ => (-7, 7),
    }
}

fn widths() -> impl Strategy<Value = u8> {
    prop_oneof![Just(1_u8), Just(2), Just(4)]
}

/// Dense weights, all at one end (sums saturate from 4994 inputs on), or almost all zero.
fn weights(bits: u8, count: usize) -> impl Strategy<Value = Vec<i8>> {
    let (low, high) = weight_range(bits);
    prop_oneof![
        6 => prop::collection::vec(low..=high, count),
        1 => Just(vec![low; count]),
        1 => Just(vec![high; count]),
        1 => any::<prop::sample::Index>().prop_map(move |at| {
            let mut weights = vec![0; count];
            weights[at.index(count)] = high;
            weights
        }),
    ]
}

fn activation(units: usize) -> impl Strategy<Value = Activation> {
    let thresholds = prop_oneof![
        4 => prop::collection::vec(-2000_i32..2000, units),
        1 => prop::collection::vec(-(1_i32 << 19)..1 << 19, units),
    ];
    let steps = prop_oneof![4 => 1_u32..2000, 1 => 1_u32..1 << 20];
    (widths(), thresholds, prop::collection::vec(steps, units)).prop_map(|(bits, thresholds, steps_16)| Activation {
        bits,
        thresholds,
        steps_16,
    })
}

fn layer(inputs: usize, last: bool) -> impl Strategy<Value = Layer> {
    (1_usize..12, widths(), prop::bool::weighted(0.5)).prop_flat_map(move |(units, weight_bits, raw)| {
        let activation = if raw && last { Just(None).boxed() } else { activation(units).prop_map(Some).boxed() };
        (weights(weight_bits, inputs * units), activation).prop_map(move |(weights, activation)| Layer {
            weight_bits,
            weights,
            units,
            activation,
        })
    })
}

fn chain() -> impl Strategy<Value = Chain> {
    let inputs = prop_oneof![8 => 1_usize..130, 1 => 4980_usize..5010];
    (inputs, widths(), 1_usize..4).prop_flat_map(|(inputs, input_bits, depth)| {
        let mut layers = layer(inputs, depth == 1).prop_map(|layer| vec![layer]).boxed();
        for index in 1..depth {
            layers = layers
                .prop_flat_map(move |layers: Vec<Layer>| {
                    let inputs = layers[layers.len() - 1].units;
                    layer(inputs, index + 1 == depth).prop_map(move |next| [layers.clone(), vec![next]].concat())
                })
                .boxed();
        }
        layers.prop_map(move |layers| Chain { inputs, input_bits, layers })
    })
}

fn case() -> impl Strategy<Value = (Chain, Vec<u8>)> {
    chain().prop_flat_map(|chain| {
        let max = (1_u8 << chain.input_bits) - 1;
        let inputs = (1_usize..6).prop_flat_map({
            let width = chain.inputs;
            move |samples| {
                prop_oneof![
                    4 => prop::collection::vec(0..=max, samples * width),
                    1 => Just(vec![max; samples * width]),
                ]
            }
        });
        (Just(chain), inputs)
    })
}

proptest! {
    // Two layers each on average: ten thousand and more layers.
    #![proptest_config(ProptestConfig { cases: 5500, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn programs_run_exactly((chain, inputs) in case()) {
        let expected = chain.outputs(&inputs);
        let units = chain.layers[chain.layers.len() - 1].units;
        let bytes = Program::of_chain(Device::Akd1000, &chain).expect("it fits").into_bytes();
        for form in Form::available() {
            let loaded = Software::with_form(Device::Akd1000, form).load(&bytes).expect("it loads");
            let mut runner = loaded.runner().expect("loaded");
            let mut outputs = vec![i32::MIN; expected.len()];
            runner.run(&inputs, &mut outputs).expect("legal inputs");
            prop_assert_eq!(&outputs, &expected, "{}", form);
            for (input, expected) in inputs.chunks(chain.inputs).zip(expected.chunks(units)) {
                runner.run(input, &mut outputs[..units]).expect("legal inputs");
                prop_assert_eq!(&outputs[..units], expected, "one sample, {}", form);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn patched_is_recompiled(
        (chain, inputs) in case(),
        picks in prop::collection::vec(any::<[prop::sample::Index; 4]>(), 1..8),
    ) {
        let mut changed = chain.clone();
        let mut patches = Vec::new();
        for [layer, input, unit, value] in picks {
            let layer = layer.index(chain.layers.len());
            let units = chain.layers[layer].units;
            let columns = chain.layers[layer].weights.len() / units;
            let (low, high) = weight_range(chain.layers[layer].weight_bits);
            let (input, unit) = (input.index(columns), unit.index(units));
            let value = low + value.index((high - low + 1) as usize) as i8;
            changed.layers[layer].weights[unit * columns + input] = value;
            patches.push(WeightPatch { layer, input, unit, value });
        }
        let bytes = |chain| Program::of_chain(Device::Akd1000, chain).expect("it fits").into_bytes();
        let substrate = Software::new(Device::Akd1000).expect("a form");
        let (patched, fresh) = (substrate.load(&bytes(&chain)).expect("loads"), substrate.load(&bytes(&changed)).expect("loads"));
        patched.patch(&patches).expect("legal weights");
        patched.verify().expect("memory and bytes agree");
        for layer in 0..chain.layers.len() {
            let words = |loaded: &dyn forebay_substrate::Loaded| loaded.read_memory(layer, 0..5).expect("five words at least");
            prop_assert_eq!(words(&*patched), words(&*fresh));
        }
        let mut outputs = vec![0; changed.outputs(&inputs).len()];
        patched.runner().expect("loaded").run(&inputs, &mut outputs).expect("legal");
        prop_assert_eq!(outputs, changed.outputs(&inputs));
    }

    #[test]
    fn digits_recombine_exactly(
        (state, weight) in (1_u8..=4, 1_u8..=3), rows in 1_usize..40, inputs in 1_usize..200, samples in 0_usize..4,
        seed in any::<u64>(), extreme in any::<bool>(),
    ) {
        let precision = Precision::new(state, weight).expect("allowed");
        let mut state = seed | 1;
        let mut next = |low: i64, high: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if extreme { if state >> 63 == 0 { low } else { high } } else { low + ((state >> 20) as i64 % (high - low + 1)) }
        };
        let largest = i64::from(precision.weight_max());
        let weights: Vec<i32> = (0..rows * inputs).map(|_| next(-largest, largest) as i32).collect();
        let (min, max) = precision.state_range();
        let x: Vec<i32> = (0..samples * inputs).map(|_| next(min.into(), max.into()) as i32).collect();
        let digits = |d| weights.iter().map(move |&w| precision.weight_digit(w, d) as i8);
        let stored = (0..precision.weight_digits()).flat_map(digits).collect();
        let units = rows * precision.weight_digits();
        let layer = Layer { weight_bits: 4, weights: stored, units, activation: None };
        let chain = Chain { inputs, input_bits: 4, layers: vec![layer] };
        let bytes = Program::of_chain(Device::Akd1000, &chain).expect("it fits").into_bytes();
        let expected: Vec<i64> = x
            .chunks(inputs)
            .flat_map(|x| weights.chunks(inputs).map(move |w| w.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum()))
            .collect();
        for form in Form::available() {
            let loaded = Software::with_form(Device::Akd1000, form).load(&bytes).expect("loads");
            let mut y = vec![0; expected.len()];
            loaded.multiplier(precision).expect("one layer").multiply(&x, &mut y).expect("legal");
            prop_assert_eq!(&y, &expected, "{}", form);
        }
    }
}

/// 80,000 weights of 7 add up to more than a potential holds; the offset of the digits is repaired all the same.
#[test]
fn offsets_are_repaired_where_sums_of_weights_saturate() {
    let inputs = 80_000;
    let layer = Layer { weight_bits: 4, weights: vec![7; inputs], units: 1, activation: None };
    let chain = Chain { inputs, input_bits: 4, layers: vec![layer] };
    let bytes = Program::of_chain(Device::Akd1500, &chain).expect("it fits").into_bytes();
    let loaded = Software::new(Device::Akd1500).expect("a form").load(&bytes).expect("loads");
    let precision = Precision::new(1, 1).expect("allowed");
    let runner = loaded.runner().expect("loaded");
    let mut plane_by_plane = PlaneMultiplier::new(runner, loaded.shape(), precision).expect("one layer");
    for multiplier in
        [&mut plane_by_plane as &mut dyn Multiplier, &mut *loaded.multiplier(precision).expect("one layer")]
    {
        let mut y = [0];
        multiplier.multiply(&vec![-8; inputs], &mut y).expect("legal");
        assert_eq!(y, [-8 * 7 * inputs as i64], "all digits are 0, so no potential saturates");
    }
}

#[test]
fn the_widest_layer_saturates_at_both_ends() {
    let inputs = 57_334;
    for weight in [7, -7] {
        let layer = Layer { weight_bits: 4, weights: vec![weight; inputs], units: 1, activation: None };
        let chain = Chain { inputs, input_bits: 4, layers: vec![layer] };
        let samples = [vec![15; inputs], vec![1; inputs], vec![0; inputs]].concat();
        let bytes = Program::of_chain(Device::Akd1000, &chain).expect("it fits").into_bytes();
        for form in Form::available() {
            let loaded = Software::with_form(Device::Akd1000, form).load(&bytes).expect("loads");
            let mut outputs = [0; 3];
            loaded.runner().expect("loaded").run(&samples, &mut outputs).expect("legal");
            assert_eq!(outputs.to_vec(), chain.outputs(&samples), "{form}");
        }
    }
}
