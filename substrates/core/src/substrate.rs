//! The traits that every substrate implements.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use crate::error::SubstrateError;
use crate::op::{Op, Support};
use crate::precision::{PlaneMultiplier, Precision};
use crate::refusal::Refusal;

/// Something that runs programs.
pub trait Substrate: Debug + Send + Sync {
    /// Name, device and honesty of this substrate.
    fn capabilities(&self) -> &Capabilities;

    /// Can you run this operation, with which cost, or why not?
    ///
    /// # Errors
    /// A [`Refusal`] with the limit and the number that exceeds it.
    fn supports(&self, op: &Op) -> Result<Support, Refusal>;

    /// Checks the bytes of a program and makes them ready to run.
    ///
    /// # Errors
    /// [`SubstrateError::Corrupt`] for bytes that are no program; [`SubstrateError::Refused`] for a program that this
    /// substrate cannot run; [`SubstrateError::Device`] if the hardware does not answer.
    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError>;
}

/// What a substrate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its name, for people: `software`, `emulator`, a board's address.
    pub name: String,
    /// The device whose programs it runs, for example `AKD1000`; empty if it runs those of any.
    pub device: String,
    /// Whether results come from silicon; false for software and emulators, so that nobody reports them as such.
    pub is_silicon: bool,
    /// Whether a program of one layer runs the planes of several digits as one product (same integers, less work).
    pub fuses_digits: bool,
}

/// A program on a substrate: shared by all who run it, changed in place by patches.
///
/// Dropping the last handle unloads it.
pub trait Loaded: Debug + Send + Sync {
    /// Sizes of what goes in and comes out.
    fn shape(&self) -> &ProgramShape;

    /// A stream of jobs on this program, with buffers of its own.
    ///
    /// # Errors
    /// [`SubstrateError::Unloaded`] or [`SubstrateError::Device`].
    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError>;

    /// A stream of exact products with numbers of several digits; see [`Precision`] for how the program's units are read.
    ///
    /// The default runs one sample per plane of digits and recombines on the host; substrates that can do better give
    /// the same integers.
    ///
    /// # Errors
    /// [`SubstrateError::Misuse`] unless the program is one layer with 4-bit inputs and potentials whose units are a
    /// multiple of the weight digits; otherwise as [`runner`](Self::runner).
    fn multiplier(&self, precision: Precision) -> Result<Box<dyn Multiplier>, SubstrateError> {
        Ok(Box::new(PlaneMultiplier::new(self.runner()?, self.shape(), precision)?))
    }

    /// Changes single weights in place; all of them, or none on an error. Runs that begin afterwards see all of them.
    ///
    /// # Errors
    /// [`SubstrateError::Index`] or [`SubstrateError::Range`] for a weight that does not exist or a value it cannot
    /// hold; [`SubstrateError::Device`].
    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError>;

    /// Reads back what is on the substrate and compares it with what should be there.
    ///
    /// # Errors
    /// [`SubstrateError::Mismatch`] naming the first word that differs; [`SubstrateError::Device`].
    fn verify(&self) -> Result<(), SubstrateError>;

    /// Reads words of a layer's neuron memory, as the program stores them.
    ///
    /// # Errors
    /// [`SubstrateError::Index`] outside the layer's memory; [`SubstrateError::Device`].
    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError>;

    /// Takes the program off the substrate; runners and multipliers fail from now on.
    ///
    /// # Errors
    /// [`SubstrateError::Device`] if the hardware does not answer.
    fn unload(&self) -> Result<(), SubstrateError>;
}

/// Runs samples through a loaded program.
pub trait Runner: Debug + Send + Sync {
    /// Runs a batch; any number of samples.
    ///
    /// # Shapes
    /// `inputs`: `[samples, inputs]`, each within the program's input bits, in order of the flat input index.
    /// `outputs`: `[samples, units]`: potentials, or activations widened to 32 bits.
    ///
    /// # Errors
    /// [`SubstrateError::Shape`], [`SubstrateError::Range`], [`SubstrateError::Unloaded`], [`SubstrateError::Device`];
    /// what `outputs` holds is then unspecified.
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError>;

    /// A number that changes whenever the program's weights are patched, so that what was derived from them can be
    /// derived again.
    fn generation(&self) -> u64;
}

/// Forms exact products of signed integers of several digits with a loaded program.
pub trait Multiplier: Debug + Send + Sync {
    /// `y[s][j] = sum over i of x[s][i] * W[j][i]`, where each potential saturates at 20 bits before digits are
    /// recombined (see [`Precision`]).
    ///
    /// # Shapes
    /// `x`: `[samples, inputs]`, each in [`Precision::state_range`]. `y`: `[samples, units / weight digits]`.
    ///
    /// # Errors
    /// As [`Runner::run`].
    fn multiply(&mut self, x: &[i32], y: &mut [i64]) -> Result<(), SubstrateError>;
}

/// Sizes of a loaded program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramShape {
    /// Input values per sample.
    pub inputs: usize,
    /// Bits per input value: 1, 2 or 4.
    pub input_bits: u8,
    /// Output values per sample: the units of the last layer.
    pub units: usize,
    /// What the outputs are.
    pub output: OutputKind,
    /// Number of layers.
    pub layers: usize,
}

impl ProgramShape {
    /// Checks the slices of a run, and gives the number of samples.
    ///
    /// # Errors
    /// [`SubstrateError::Shape`] or [`SubstrateError::Range`], as [`Runner::run`].
    pub fn check_run(&self, inputs: &[u8], outputs: &[i32]) -> Result<usize, SubstrateError> {
        let &Self { inputs: width, input_bits, units, .. } = self;
        let samples = inputs.len() / width;
        if samples * width != inputs.len() {
            let expected = format!("samples x {width}");
            return Err(SubstrateError::Shape { what: "inputs", expected, found: inputs.len() });
        }
        if outputs.len() != samples * units {
            let expected = format!("{samples} x {units}");
            return Err(SubstrateError::Shape { what: "outputs", expected, found: outputs.len() });
        }
        let max = (1_u8 << input_bits) - 1;
        // Most runs are legal: one pass without a branch.
        if inputs.iter().fold(0, |high, &x| high.max(x)) > max {
            let index = inputs.iter().position(|&x| x > max).unwrap_or(0);
            let found = i64::from(inputs[index]);
            return Err(SubstrateError::Range { what: "input", min: 0, max: i64::from(max), found, index });
        }
        Ok(samples)
    }
}

/// What a program puts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Sums clamped to signed 20 bits.
    Potentials,
    /// Unsigned activations of so many bits.
    Activations {
        /// 1, 2 or 4.
        bits: u8,
    },
}

/// One weight's new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightPatch {
    /// Layer, counted from 0.
    pub layer: usize,
    /// Input of the layer.
    pub input: usize,
    /// Unit of the layer.
    pub unit: usize,
    /// The new weight, within the layer's weight bits.
    pub value: i8,
}
