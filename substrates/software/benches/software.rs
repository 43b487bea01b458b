//! Loading, running and patching programs.

use divan::{Bencher, black_box};
use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};
use forebay_software::Software;
use forebay_substrate::{Precision, Substrate, WeightPatch};

fn main() {
    divan::main();
}

fn program(inputs: usize, units: usize) -> Vec<u8> {
    let weights = (0..inputs * units).map(|i| (i * 7919 % 15) as i8 - 7).collect();
    let layer = Layer::potentials("layer", inputs, units, Bits::Four, weights).expect("legal weights");
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(inputs as u32), Bits::Four);
    builder.layer(layer).build().expect("it fits").into_bytes()
}

fn software() -> Software {
    Software::new(Device::Akd1000).expect("a kernel form")
}

/// 1,000 units over 2,600 inputs.
#[divan::bench]
fn load_2_megabytes(bencher: Bencher<'_, '_>) {
    let bytes = program(2600, 1000);
    bencher.bench(|| software().load(black_box(&bytes)).expect("it loads"));
}

#[divan::bench(args = [200, 500, 1000, 2000])]
fn run_one_sample(bencher: Bencher<'_, '_>, n: usize) {
    let loaded = software().load(&program(n, n)).expect("it loads");
    let mut runner = loaded.runner().expect("loaded");
    let (x, mut y) = (vec![7; n], vec![0; n]);
    bencher.bench_local(|| runner.run(black_box(&x), &mut y).expect("legal"));
}

#[divan::bench(args = [200, 500, 1000, 2000])]
fn product_of_2_by_2_digits(bencher: Bencher<'_, '_>, n: usize) {
    let loaded = software().load(&program(n, 2 * n)).expect("it loads");
    let mut multiplier = loaded.multiplier(Precision::default()).expect("one layer");
    let (x, mut y) = (vec![-77; n], vec![0; n]);
    bencher.bench_local(|| multiplier.multiply(black_box(&x), &mut y).expect("legal"));
}

#[divan::bench]
fn patch_one_weight(bencher: Bencher<'_, '_>) {
    let loaded = software().load(&program(1000, 1000)).expect("it loads");
    let mut value = 0;
    bencher.bench_local(|| {
        value = (value + 1) % 8;
        loaded.patch(&[WeightPatch { layer: 0, input: 500, unit: 500, value }]).expect("it exists");
    });
}
