//! Every limit of the devices, with the text of the maker's compiler.

use forebay_akida::placement::Start;
use forebay_akida::{Bits, BuildError, Device, InputShape, Layer, NpKind, ProgramBuilder, Staircase};
use forebay_substrate::Refusal;

fn raw(inputs: usize, units: usize) -> Layer {
    Layer::potentials("fc", inputs, units, Bits::Four, vec![1; inputs * units]).expect("legal weights")
}

fn act(inputs: usize, units: usize, threshold: i64, step: f32) -> Layer {
    let staircase = Staircase { thresholds: vec![threshold; units], steps: vec![step; units] };
    Layer::activations("fc", inputs, units, Bits::One, vec![1; inputs * units], Bits::Four, staircase).expect("legal")
}

fn build(device: Device, shape: InputShape, layers: impl IntoIterator<Item = Layer>) -> Result<usize, BuildError> {
    let builder = ProgramBuilder::new(device, shape, Bits::Four);
    layers.into_iter().fold(builder, ProgramBuilder::layer).build().map(|program| program.bytes().len())
}

#[track_caller]
fn refused(result: Result<usize, BuildError>, kind: &str, text: &str) {
    match result {
        Err(BuildError::Refused(refusal)) => assert_eq!((refusal.kind(), refusal.to_string().as_str()), (kind, text)),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn too_many_inputs() {
    for (device, limit) in [(Device::Akd1000, 57_334), (Device::Akd1500, 81_920)] {
        let over = limit + 1;
        let shape = |inputs| InputShape::flat(inputs as u32);
        assert!(build(device, shape(limit), [raw(limit, 1)]).is_ok());
        let text = format!(
            "Cannot map layer 'fc'. Input dimensions are too large to fit in a FNP. The maximum value is {limit}."
        );
        refused(build(device, shape(over), [raw(over, 1)]), "inputs", &text);
    }
}

#[test]
fn inputs_too_wide_or_high() {
    let shape = |width, height| InputShape { width, height, channels: 1 };
    assert!(build(Device::Akd1000, shape(2047, 2), [raw(4094, 1)]).is_ok());
    let field = "Cannot map layer 'fc'. Error: Attempted to write value 2048 into a 11-bit field, which will cause an overflow..";
    refused(build(Device::Akd1000, shape(2048, 1), [raw(2048, 1)]), "field", field);
    refused(build(Device::Akd1500, shape(1, 2048), [raw(2048, 1)]), "field", field);
    let side = "The maximum input width is 4096 (got 4097).";
    refused(build(Device::Akd1000, shape(4097, 1), [raw(4097, 1)]), "input_side", side);
    let side = "The maximum input height is 4096 (got 5000).";
    refused(build(Device::Akd1000, shape(1, 5000), [raw(5000, 1)]), "input_side", side);
}

#[test]
fn too_many_units() {
    assert!(build(Device::Akd1000, InputShape::flat(1), [raw(1, 131_071)]).is_ok());
    let text = "Cannot map layer 'fc'. Error: Attempted to write value 131072 into a 17-bit field, which will cause an overflow..";
    refused(build(Device::Akd1000, InputShape::flat(1), [raw(1, 131_072)]), "field", text);
}

#[test]
fn no_processor_left() {
    let small = |count| (0..count).map(|_| act(4, 4, 0, 1.0));
    // 18 FNP3 and 4 FNP2 take 22 small layers.
    assert!(build(Device::Akd1000, InputShape::flat(4), small(22)).is_ok());
    let fnp3 = "Cannot map layer 'fc'. Not enough hardware components of type FNP3 available. 1 is needed but 0 are available.";
    refused(build(Device::Akd1000, InputShape::flat(4), small(23)), "components", fnp3);
    // 2,200 units of one input do not fit an FNP3 of 10752 words; an AKD1500 has one processor for such.
    let fnp2 = fnp3.replace("FNP3", "FNP2");
    let large = [act(2200, 2200, 0, 1.0), act(2200, 2200, 0, 1.0)];
    refused(build(Device::Akd1500, InputShape::flat(2200), large), "components", &fnp2);
    // Small layers go on in further passes there.
    assert!(build(Device::Akd1500, InputShape::flat(4), small(60)).is_ok());
}

#[test]
fn thresholds_and_steps_out_of_range() {
    let one = |threshold, step| build(Device::Akd1000, InputShape::flat(2), [act(2, 1, threshold, step)]);
    for fits in [-(1 << 19), (1 << 19) - 1] {
        assert!(one(fits, 1.0).is_ok());
    }
    for found in [1 << 19, -(1 << 19) - 1] {
        let text = format!("Cannot map layer 'fc'. Error: {found} cannot fit in a 20-bit signed integer.");
        refused(one(found, 1.0), "threshold", &text);
    }
    assert!(one(0, 0.0625).is_ok());
    assert!(one(0, 65_535.9).is_ok());
    for (step, shown) in [(65_536.0, "65536"), (0.06, "0.06"), (f32::NAN, "NaN"), (-1.0, "-1")] {
        let text = format!(
            "Cannot map layer 'fc'. Error: act_step should be between 0 and 65535. Receives act_step {shown}.."
        );
        refused(one(0, step), "step", &text);
    }
}

#[test]
fn a_layer_after_potentials() {
    let text = "FullyConnected cannot be added if previous layer's output requires more than 4 bits.";
    refused(build(Device::Akd1000, InputShape::flat(2), [raw(2, 2), raw(2, 2)]), "after_wide_output", text);
}

#[test]
fn what_does_not_fit_together_is_no_refusal() {
    let invalid = |result: Result<usize, BuildError>| match result {
        Err(BuildError::Refused(refusal)) => panic!("refused: {refusal}"),
        Err(error) => error.to_string(),
        Ok(_) => panic!("built"),
    };
    let flat = InputShape::flat;
    assert!(invalid(build(Device::Akd1000, flat(3), [])).contains("at least one layer"));
    assert!(invalid(build(Device::Akd1000, flat(0), [raw(1, 1)])).contains("must not be empty"));
    assert!(invalid(build(Device::Akd1000, flat(3), [raw(2, 2)])).contains("inputs must be 3, found 2"));
    let chain = [act(3, 2, 0, 1.0), raw(3, 1)];
    assert!(invalid(build(Device::Akd1000, flat(3), chain)).contains("inputs must be 2, found 3"));
    assert!(matches!(Layer::potentials("a", 2, 2, Bits::Two, vec![2; 4]), Err(BuildError::Weight { value: 2, .. })));
    assert!(matches!(Layer::potentials("a", 2, 2, Bits::Two, vec![0; 5]), Err(BuildError::Shape { .. })));
    assert!(matches!(Layer::potentials("a", usize::MAX, 2, Bits::Two, vec![0; 5]), Err(BuildError::Shape { .. })));
    // A chain that does not end is stopped by the descriptor rings.
    let long = build(Device::Akd1500, flat(4), (0..190).map(|_| act(4, 4, 0, 1.0)));
    assert!(matches!(long, Err(BuildError::Passes { .. })));
}

#[test]
fn a_later_start_leaves_processors_to_others() {
    let builder = |start| ProgramBuilder::new(Device::Akd1000, InputShape::flat(4), Bits::Four).start_at(start);
    let start = Start { fnp3: 16, fnp2: 3 };
    let program = builder(start).layer(act(4, 4, 0, 1.0)).layer(act(4, 4, 0, 1.0)).layer(raw(4, 4));
    let program = program.build().expect("two FNP3s and one FNP2 are left");
    let places: Vec<_> = program.layers().iter().map(|layer| (layer.np.col, layer.np.row, layer.np.id)).collect();
    assert_eq!(places, [(5, 4, 0), (5, 5, 0), (4, 1, 3)]);
    assert_eq!(program.layers()[2].np.kind, NpKind::Fnp2);
    assert_eq!(program.to_builder().build().as_ref(), Ok(&program), "the start is read back");
    // Small layers on FNP2s say that every FNP3 was left alone.
    let start_of_none = Start { fnp3: 18, fnp2: 1 };
    let program = builder(start_of_none).layer(raw(4, 4)).build().expect("three FNP2s are left");
    assert_eq!(program.layers()[0].np, Device::Akd1000.fnp2()[1]);
    assert_eq!(program.to_builder().build().as_ref(), Ok(&program));
    let full =
        builder(start).layer(act(4, 4, 0, 1.0)).layer(act(4, 4, 0, 1.0)).layer(act(4, 4, 0, 1.0)).layer(raw(4, 4));
    assert!(matches!(full.build(), Err(BuildError::Refused(Refusal::Components { component: "FNP3", .. }))));
    // No further pass on an AKD1500 that begins later: passes loop through the first processor.
    let start = Start { fnp3: 1, fnp2: 0 };
    let late = ProgramBuilder::new(Device::Akd1500, InputShape::flat(4), Bits::Four).start_at(start);
    let late = (0..8).fold(late, |builder, _| builder.layer(act(4, 4, 0, 1.0)));
    assert!(matches!(late.build(), Err(BuildError::Refused(Refusal::Components { .. }))));
}
