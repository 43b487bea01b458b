//! Building, reading and patching programs.

use divan::{Bencher, black_box};
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder};
use forebay_substrate::WeightPatch;

fn main() {
    divan::main();
}

fn layer(inputs: usize, units: usize) -> Layer {
    let weights = (0..inputs * units).map(|i| (i * 7919 % 15) as i8 - 7).collect();
    Layer::potentials("layer", inputs, units, Bits::Four, weights).expect("legal weights")
}

fn program(inputs: usize, units: usize) -> Program {
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(inputs as u32), Bits::Four);
    builder.layer(layer(inputs, units)).build().expect("it fits")
}

#[divan::bench(args = [100, 1000])]
fn build(bencher: Bencher<'_, '_>, n: usize) {
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(n as u32), Bits::Four).layer(layer(n, n));
    bencher.bench(|| builder.build());
}

/// 1,000 units over 2,600 inputs: 2 MB.
#[divan::bench]
fn read_2_megabytes(bencher: Bencher<'_, '_>) {
    let bytes = program(2600, 1000).into_bytes();
    bencher.with_inputs(|| bytes.clone()).bench_values(Program::from_bytes);
}

#[divan::bench]
fn patch(bencher: Bencher<'_, '_>) {
    let mut program = program(1000, 1000);
    let mut value = -7;
    bencher.bench_local(|| {
        value = if value == 7 { -7 } else { value + 1 };
        program.patch(black_box(&WeightPatch { layer: 0, input: 500, unit: 500, value })).expect("it exists")
    });
}
