//! Small programs to try a device with.

use anyhow::Result;
use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};

/// Weights that look like any.
fn weights(count: usize) -> Vec<i8> {
    (0..count).map(|k| ((k * 7 + k / 15) % 15) as i8 - 7).collect()
}

/// One layer of potentials.
pub(super) fn potentials(device: Device, inputs: usize, units: usize) -> Result<Program> {
    let layer = Layer::potentials("potentials", inputs, units, Bits::Four, weights(inputs * units))?;
    Ok(ProgramBuilder::new(device, InputShape::flat(inputs as u32), Bits::Four).layer(layer).build()?)
}

/// A chain of activations that ends in potentials.
pub(super) fn chain(device: Device, units: usize, layers: usize) -> Result<Program> {
    let builder = ProgramBuilder::new(device, InputShape::flat(units as u32), Bits::Four);
    let program = (0..layers).try_fold(builder, |builder, index| {
        let weights = weights(units * units);
        let layer = if index + 1 == layers {
            Layer::potentials("potentials", units, units, Bits::Four, weights)
        } else {
            let staircase = Staircase { thresholds: vec![-10; units], steps: vec![8.0; units] };
            Layer::activations("activations", units, units, Bits::Four, weights, Bits::Four, staircase)
        };
        layer.map(|layer| builder.layer(layer))
    })?;
    Ok(program.build()?)
}

/// Inputs for a program: of samples that differ.
pub(super) fn inputs(program: &Program, samples: usize) -> Vec<u8> {
    let most = 1 << program.input_bits().count();
    (0..samples * program.layers()[0].inputs).map(|k| ((k * 11 + k / 7) % most) as u8).collect()
}

/// Outputs by the software substrate.
pub(super) fn expected(program: &Program, inputs: &[u8]) -> Result<Vec<i32>> {
    let software = forebay::open(&format!("software:{}", program.device().to_string().to_lowercase()))?;
    let loaded = software.load(program.bytes())?;
    let mut outputs = vec![0; inputs.len() / loaded.shape().inputs * loaded.shape().units];
    loaded.runner()?.run(inputs, &mut outputs)?;
    Ok(outputs)
}
