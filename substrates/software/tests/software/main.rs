//! The software substrate: what others computed first, then the reference on random layers, then the shared cases.

mod fixtures;
mod random;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use forebay_akida::{Bits, Device, InputShape, Layer, Program, ProgramBuilder, Staircase};
use forebay_kernels::Form;
use forebay_software::Software;
use forebay_substrate::conformance::check;
use forebay_substrate::reference::Chain;
use forebay_substrate::{Queued, Substrate};

/// Writes the program of a chain.
pub(crate) fn program(device: Device, chain: &Chain) -> Result<Program, Box<dyn Error>> {
    let bits = |count: u8| Bits::from_count(count.into()).ok_or("no such width");
    let mut builder = ProgramBuilder::new(device, InputShape::flat(chain.inputs as u32), bits(chain.input_bits)?);
    let mut inputs = chain.inputs;
    for layer in &chain.layers {
        let (weight_bits, weights) = (bits(layer.weight_bits)?, layer.weights.clone());
        builder = builder.layer(match &layer.activation {
            None => Layer::potentials("layer", inputs, layer.units, weight_bits, weights)?,
            Some(activation) => {
                let thresholds = activation.thresholds.iter().map(|&t| i64::from(t)).collect();
                let steps = activation.steps_16.iter().map(|&s| s as f32 / 16.0).collect();
                let staircase = Staircase { thresholds, steps };
                Layer::activations(
                    "layer",
                    inputs,
                    layer.units,
                    weight_bits,
                    weights,
                    bits(activation.bits)?,
                    staircase,
                )?
            }
        });
        inputs = layer.units;
    }
    Ok(builder.build()?)
}

#[test]
fn it_passes_the_shared_cases() {
    for device in Device::ALL {
        for form in Form::available() {
            passes(device, &Software::with_form(device, form));
        }
    }
}

#[test]
fn it_passes_them_through_a_queue() {
    let software = Arc::new(Software::new(Device::Akd1000).expect("a kernel form"));
    passes(Device::Akd1000, &Queued::new(software, Duration::from_mins(1)));
}

fn passes(device: Device, substrate: &dyn Substrate) {
    let write = |chain: &Chain| Ok(program(device, chain)?.into_bytes());
    let outcomes = check(substrate, &write);
    assert!(outcomes.len() > 50, "all cases were run");
    for outcome in outcomes {
        assert_eq!(outcome.failure, None, "{device}, {substrate:?}: {}", outcome.case);
    }
}
