//! The program file: two size-prefixed `FlatBuffers` back to back.
//!
//! ```text
//! offset 0    size of the first half       program info: what a driver follows
//! offset D    size of the second half      program data: configuration streams, weight images
//! ```
//!
//! Offsets in the first half count from D, the prefix included.

mod builder;
mod chain;
mod layout;
mod patch;
mod read;
mod write;

use std::ops::Range;

use forebay_substrate::Refusal;

use crate::device::{Device, Np};
use crate::layer::{Bits, InputShape, Layer, Staircase};
use crate::neuron;
use crate::packet::PacketError;

pub use self::builder::ProgramBuilder;
pub use self::layout::{Layout, Record};
pub use self::patch::{Blocks, DeviceWrite, PatchError, WordChange};

/// Compiler version that programs name; the maker's loader requires its own.
pub const VERSION: &str = "2.19.3";

/// A program whose bytes were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    bytes: Vec<u8>,
    version: String,
    device: Device,
    input_shape: InputShape,
    input_bits: Bits,
    passes: usize,
    info_bytes: usize,
    layers: Vec<PlacedLayer>,
    layout: Layout,
}

/// A layer in a program: its sizes, its processor, and where its numbers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLayer {
    /// Inputs per unit.
    pub inputs: usize,
    /// Number of units.
    pub units: usize,
    /// Width of the weights.
    pub weight_bits: Bits,
    /// Width of the inputs.
    pub input_bits: Bits,
    /// Width of the activations; stored even if there is no staircase.
    pub act_bits: Bits,
    /// Whether the layer gives activations; else potentials.
    pub has_activation: bool,
    /// The processor.
    pub np: Np,
    /// The pass, counted from 0.
    pub pass: usize,
    /// Bytes of the file that hold the neuron memory.
    pub memory: Range<usize>,
    /// Words of neuron memory per unit.
    pub words_per_neuron: usize,
}

/// Why a program cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The device cannot hold it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Sizes that do not fit together.
    #[error("layer '{layer}': {what} must be {expected}, found {found}")]
    Shape {
        /// The layer.
        layer: String,
        /// Which size.
        what: &'static str,
        /// What it must be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// A weight outside its width.
    #[error("layer '{layer}': {value} at index {index} is no {bits}-bit weight")]
    Weight {
        /// The layer.
        layer: String,
        /// Flat index.
        index: usize,
        /// The weight.
        value: i8,
        /// Width of the weights.
        bits: u32,
    },
    /// No layer at all.
    #[error("a program needs at least one layer")]
    Empty,
    /// An input without elements.
    #[error("the input shape must not be empty, found {width} x {height} x {channels}")]
    InputShape {
        /// First axis.
        width: u32,
        /// Second axis.
        height: u32,
        /// Third axis.
        channels: u32,
    },
    /// Weights for which one file has no room.
    #[error("the program data would take {needed} bytes, of {limit} that a file can hold")]
    Size {
        /// Bytes with room for the tables.
        needed: u64,
        /// Most bytes of a buffer.
        limit: u64,
    },
    /// More passes than the descriptor rings of a device have room for.
    #[error("{passes} passes of {descriptors} descriptors each are more than the {limit} that a ring holds")]
    Passes {
        /// Passes needed.
        passes: usize,
        /// Descriptors per pass.
        descriptors: usize,
        /// Descriptors in all.
        limit: usize,
    },
}

/// Why bytes are no program, or none that can be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The two halves do not fill the file.
    #[error("{what} takes {needed} bytes, and {found} are there")]
    Length {
        /// Which part.
        what: &'static str,
        /// Bytes it says it has.
        needed: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The first half is no valid buffer.
    #[error("the program info is corrupt")]
    Info(#[source] flatbuffers::InvalidFlatbuffer),
    /// A part that a program must have.
    #[error("the program has no {what}")]
    Missing {
        /// Which part.
        what: &'static str,
    },
    /// A program for a device that is not known.
    #[error("device version {version:?} is neither AKD1000 nor AKD1500")]
    Device {
        /// Vendor, product, major, minor.
        version: [u8; 4],
    },
    /// A number outside what a loader accepts.
    #[error("{what} is {found}, expected {expected}")]
    Value {
        /// Which number.
        what: &'static str,
        /// What is allowed.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A track outside the second half.
    #[error("a track at offset {offset} of {words} words is outside the program data of {length} bytes")]
    Track {
        /// Offset from the second half's prefix.
        offset: u32,
        /// Its words.
        words: u32,
        /// Length of the second half.
        length: usize,
    },
    /// A configuration stream that does not parse.
    #[error("the configuration of layer {layer} does not parse")]
    Packet {
        /// Layer, counted from 0.
        layer: usize,
        /// Why.
        #[source]
        source: PacketError,
    },
    /// A layer that is no fully connected one, or not one that this crate understands.
    #[error("layer {layer}: {what}")]
    Layer {
        /// Layer, counted from 0.
        layer: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A register that says something else than the chain needs.
    #[error("layer {layer}: register word {word} is {found:#010x}, expected {expected:#010x}")]
    Register {
        /// Layer, counted from 0.
        layer: usize,
        /// Word of its register block.
        word: usize,
        /// What the layer in its place needs.
        expected: u32,
        /// What was found.
        found: u32,
    },
    /// A processor that cannot compute the layer.
    #[error("layer {layer} is on {} ({},{},{}), {why}", np.kind, np.col, np.row, np.id)]
    Processor {
        /// Layer, counted from 0.
        layer: usize,
        /// The processor.
        np: Np,
        /// Why not.
        why: &'static str,
    },
    /// Neuron memory that no layer has.
    #[error("layer {layer}, unit {unit}: {what}")]
    Neuron {
        /// Layer, counted from 0.
        layer: usize,
        /// Its unit.
        unit: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Program {
    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Version of the compiler that it names.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The device it is for.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Shape of its input.
    pub fn input_shape(&self) -> InputShape {
        self.input_shape
    }

    /// Width of its input values.
    pub fn input_bits(&self) -> Bits {
        self.input_bits
    }

    /// Passes through the device per sample.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// Bytes of the first half with its prefix: where the second half begins.
    pub fn info_bytes(&self) -> usize {
        self.info_bytes
    }

    /// Its layers, first layer first.
    pub fn layers(&self) -> &[PlacedLayer] {
        &self.layers
    }

    /// A layer with its numbers, `None` if there is no such layer.
    pub fn layer(&self, index: usize) -> Option<Layer> {
        let placed = self.layers.get(index)?;
        let mut weights = Vec::with_capacity(placed.units * placed.inputs);
        let mut staircase = placed.has_activation.then(|| Staircase { thresholds: Vec::new(), steps: Vec::new() });
        let mut words = Vec::with_capacity(placed.words_per_neuron);
        for unit in self.bytes[placed.memory.clone()].chunks_exact(4 * placed.words_per_neuron) {
            words.clear();
            words.extend(unit.chunks_exact(4).map(read::word));
            if let Some(Staircase { thresholds, steps }) = &mut staircase {
                let (threshold, step) = neuron::decode_head([words[0], words[1]]);
                thresholds.push(threshold);
                steps.push(step);
            }
            neuron::decode_weights(placed.weight_bits, placed.inputs, &words[neuron::HEAD..], &mut weights);
        }
        Some(Layer {
            name: builder::default_name(index),
            inputs: placed.inputs,
            units: placed.units,
            weight_bits: placed.weight_bits,
            weights,
            act_bits: placed.act_bits,
            activation: staircase,
        })
    }

    /// The words of a layer's neuron memory; none if there is no such layer.
    pub fn neuron_words(&self, index: usize) -> impl ExactSizeIterator<Item = u32> + '_ {
        let memory = self.layers.get(index).map_or(0..0, |layer| layer.memory.clone());
        self.bytes[memory].chunks_exact(4).map(read::word)
    }

    /// A builder with this program's layers and placement; builds the same bytes if a builder made this program.
    pub fn to_builder(&self) -> ProgramBuilder {
        let mut builder = ProgramBuilder::new(self.device, self.input_shape, self.input_bits).start_at(self.start());
        for index in 0..self.layers.len() {
            builder = builder.layer(self.layer(index).expect("an index below the number of layers"));
        }
        builder
    }
}
