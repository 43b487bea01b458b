//! Exact execution of the neural processor's programs on the host.
//!
//! A program's bytes are validated and decoded once, into packed weights of 1, 2 or 4 bits; after that every run is a
//! product by an integer kernel, a clamp to signed 20 bits, and a staircase. Results are those of
//! [`reference`](forebay_substrate::reference) in every bit, in every kernel form. Layers that are mostly zero are
//! stored sparse, and products of several digits are fused where no potential can saturate: fewer operations, the same
//! integers.
//!
//! * `program`: loading, patching, reading back.
//! * `layer`: one layer's weights and staircase.
//! * `product`: numbers of several digits.
//!
//! No result of this crate comes from silicon.

mod layer;
mod product;
mod program;

use std::sync::Arc;

use forebay_akida::{Device, Program};
use forebay_kernels::{Form, FormError};
use forebay_substrate::{Capabilities, Loaded, Op, Refusal, Substrate, SubstrateError, Support};

use crate::program::LoadedProgram;

/// The software substrate.
///
/// It takes the same operations and programs as the device it stands for, and refuses them for the same reasons.
///
/// # Examples
/// ```
/// use forebay_akida::{Bits, Device, InputShape, Layer, ProgramBuilder};
/// use forebay_software::Software;
/// use forebay_substrate::Substrate;
///
/// // Two units over three inputs.
/// let layer = Layer::potentials("sums", 3, 2, Bits::Four, vec![1, 2, 3, -7, 0, 7])?;
/// let program = ProgramBuilder::new(Device::Akd1000, InputShape::flat(3), Bits::Four).layer(layer).build()?;
/// let loaded = Software::new(Device::Akd1000)?.load(program.bytes())?;
/// let mut potentials = [0; 2];
/// loaded.runner()?.run(&[15, 0, 1], &mut potentials)?;
/// assert_eq!(potentials, [18, -98]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Software {
    capabilities: Capabilities,
    device: Device,
    form: Form,
}

impl Software {
    /// For programs of this device, with the kernel form that `FOREBAY_KERNEL` forces or the best one.
    ///
    /// # Errors
    /// [`FormError`] if the variable names a form that this machine lacks.
    pub fn new(device: Device) -> Result<Self, FormError> {
        Ok(Self::with_form(device, Form::from_env()?))
    }

    /// For programs of this device, with this kernel form; the integers are the same in each.
    pub fn with_form(device: Device, form: Form) -> Self {
        let capabilities = Capabilities {
            name: "software".to_owned(),
            device: device.to_string(),
            is_silicon: false,
            fuses_digits: true,
        };
        Self { capabilities, device, form }
    }
}

impl Substrate for Software {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        forebay_akida::supports(self.device, op)
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        let program =
            Program::from_bytes(program.to_vec()).map_err(|error| SubstrateError::Corrupt(Box::new(error)))?;
        if program.device() != self.device {
            return Err(SubstrateError::Misuse {
                what: "a program runs on the device it was written for",
                instead: format!("this one is for {}, the substrate stands for {}", program.device(), self.device),
            });
        }
        Ok(Arc::new(LoadedProgram::new(program, self.form)))
    }
}
