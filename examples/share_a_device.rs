//! Two programs on one device: side by side where events can tell them apart, taking turns where they cannot.

use anyhow::Result;
use forebay::{DriverOptions, Substrate, open_board};
use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};
use forebay_substrate::{Loaded, WeightPatch};

fn program(inputs: usize, units: usize) -> Result<Vec<u8>> {
    let weights = (0..inputs * units).map(|k| (k % 15) as i8 - 7).collect();
    let layer = Layer::potentials("fc", inputs, units, Bits::Four, weights)?;
    let builder = ProgramBuilder::new(Device::Akd1000, InputShape::flat(inputs as u32), Bits::Four);
    Ok(builder.layer(layer).build()?.into_bytes())
}

fn run(loaded: &dyn Loaded, value: u8) -> Result<i32> {
    let mut potentials = vec![0; loaded.shape().units];
    loaded.runner()?.run(&vec![value; loaded.shape().inputs], &mut potentials)?;
    Ok(potentials.iter().sum())
}

fn main() -> Result<()> {
    // With a board: `vfio:0000:a1:00.0`, as `forebay devices` lists it. The rest is the same.
    let board = open_board("emulator:akd1000", DriverOptions::default())?;
    let forecast = board.load_as("forecast", &program(32, 16)?)?;
    let sentinel = board.load_as("sentinel", &program(20, 4)?)?;
    for value in [1, 7, 15] {
        println!("{value:2}: forecast {:6}, sentinel {:6}", run(&*forecast, value)?, run(&*sentinel, value)?);
    }
    // A weight of one is changed while both are loaded; reading back shows that the other is as it was.
    forecast.patch(&[WeightPatch { layer: 0, input: 3, unit: 5, value: -7 }])?;
    board.verify_all()?;
    print!("\n{}", board.tenants());
    println!("on {}, silicon: {}", board.capabilities().name, board.capabilities().is_silicon);
    Ok(())
}
