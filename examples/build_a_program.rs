//! A program for the processor, built, looked at, run and patched without a board.

use anyhow::Result;
use forebay_akida::inspect::Inspection;
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_software::Software;
use forebay_substrate::{Substrate, WeightPatch};

fn main() -> Result<()> {
    // 20 inputs of 4 bits, 8 units with 4-bit activations, then 3 raw sums.
    let weights = |count: usize| (0..count).map(|i| (i * 11 % 15) as i8 - 7).collect::<Vec<i8>>();
    let staircase = Staircase { thresholds: vec![0; 8], steps: vec![12.5; 8] };
    let hidden = Layer::activations("hidden", 20, 8, Bits::Four, weights(160), Bits::Four, staircase)?;
    let sums = Layer::potentials("sums", 8, 3, Bits::Four, weights(24))?;
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(20), Bits::Four);
    let program = builder.layer(hidden).layer(sums).build()?;
    print!("{}", Inspection::of(&program));

    // Bytes are all there is: another program reads the same layers from them.
    let again = Program::from_bytes(program.bytes().to_vec())?;
    assert_eq!(again.layers(), program.layers());

    let loaded = Software::new(Device::Akd1000)?.load(program.bytes())?;
    let sample: Vec<u8> = (0..20).map(|i| (i * 3 % 16) as u8).collect();
    let mut potentials = [0; 3];
    loaded.runner()?.run(&sample, &mut potentials)?;
    println!("\npotentials             {potentials:?}");

    loaded.patch(&[WeightPatch { layer: 1, input: 0, unit: 0, value: 7 }])?;
    loaded.verify()?;
    loaded.runner()?.run(&sample, &mut potentials)?;
    println!("after one weight moved {potentials:?}");
    Ok(())
}
