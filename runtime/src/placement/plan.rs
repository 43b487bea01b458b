//! What runs where and why, for people and for programs.

use std::fmt;

use forebay_akida::{Device, Program};
use forebay_substrate::Precision;
use serde::Serialize;

/// A model after partitioning.
///
/// `Display` draws it; the `serde` form is for programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The substrate that runs the programs.
    pub substrate: String,
    /// The device whose programs it runs.
    pub device: String,
    /// Whether the substrate is silicon.
    pub silicon: bool,
    /// Digits of the numbers that states are written with.
    pub state_digits: usize,
    /// Digits of the numbers that weights are written with.
    pub weight_digits: usize,
    /// Every operation of a step, in order.
    pub operations: Vec<PlannedOp>,
    /// One per program.
    pub regions: Vec<PlannedRegion>,
}

/// One operation and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedOp {
    /// The node it belongs to.
    pub node: String,
    /// What is computed.
    pub operation: String,
    /// Index of the region that computes it; `None` for the host.
    pub region: Option<usize>,
    /// Why there.
    pub why: String,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedRegion {
    /// The nodes it computes.
    pub nodes: Vec<String>,
    /// Its layers, as the program places them.
    pub layers: Vec<PlannedLayer>,
    /// Length of the program file.
    pub program_bytes: usize,
    /// Passes through the device per sample.
    pub passes: usize,
    /// What one step of one stream costs on a device, from the formats alone; not a measurement.
    pub per_step: Transactions,
}

/// A layer's place on the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLayer {
    /// Inputs per unit.
    pub inputs: usize,
    /// Stored units.
    pub units: usize,
    /// Kind of processor: `FNP3` with weights in its own memory, `FNP2` with weights in external memory.
    pub processor: String,
    /// Column, row and id of the processor.
    pub at: [u8; 3],
    /// 32-bit words of neuron memory.
    pub memory_words: usize,
    /// Words that such a processor has; `None` for external memory.
    pub memory_limit_words: Option<usize>,
}

/// What crosses to a device and back in one step, estimated from the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Transactions {
    /// Samples run, each one input and one output descriptor.
    pub inferences: usize,
    /// Most bytes of inputs: events of nonzero values on AKD1000, dense bytes on AKD1500.
    pub input_bytes: usize,
    /// Most bytes of outputs with their headers.
    pub output_bytes: usize,
}

impl Plan {
    /// The digits of states and weights.
    pub fn precision(&self) -> Option<Precision> {
        Precision::new(self.state_digits as u8, self.weight_digits as u8)
    }
}

impl PlannedRegion {
    pub(crate) fn new(nodes: Vec<String>, program: &Program, inferences: usize) -> Self {
        let layers = program.layers().iter().map(|layer| PlannedLayer {
            inputs: layer.inputs,
            units: layer.units,
            processor: layer.np.kind.to_string(),
            at: [layer.np.col, layer.np.row, layer.np.id],
            memory_words: layer.units * layer.words_per_neuron,
            memory_limit_words: layer.np.kind.memory_words(),
        });
        let layers: Vec<PlannedLayer> = layers.collect();
        let (inputs, last) = (layers[0].inputs, &layers[layers.len() - 1]);
        // Events are two words; an output has a header of 32 bytes.
        let (input, output) = match program.device() {
            Device::Akd1000 => (8 * inputs, 32 + 8 * last.units),
            Device::Akd1500 if last.units <= DENSE_OUTPUT_UNITS => {
                let width = if program.layers()[layers.len() - 1].has_activation { 1 } else { 4 };
                (inputs, 32 + width * last.units)
            }
            Device::Akd1500 => (inputs, 32 + 8 * last.units),
        };
        Self {
            nodes,
            layers,
            program_bytes: program.bytes().len(),
            passes: program.passes(),
            per_step: Transactions { inferences, input_bytes: inferences * input, output_bytes: inferences * output },
        }
    }
}

/// Units up to which an AKD1500 puts out a dense tensor.
const DENSE_OUTPUT_UNITS: usize = 2047;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}; states of {}, weights of {} (tested on silicon: no)",
            self.device,
            self.substrate,
            digits(self.state_digits),
            digits(self.weight_digits)
        )?;
        let width = |of: fn(&PlannedOp) -> &str, title: &str| {
            self.operations.iter().map(|op| of(op).chars().count()).max().unwrap_or(0).max(title.len())
        };
        let (node, operation) = (width(|op| &op.node, "node"), width(|op| &op.operation, "operation"));
        writeln!(f, "\n{:node$}  {:operation$}  {:9}  why", "node", "operation", "where")?;
        for op in &self.operations {
            let place = op.region.map_or("host".to_owned(), |region| format!("program {region}"));
            writeln!(f, "{:node$}  {:operation$}  {place:9}  {}", op.node, op.operation, op.why)?;
        }
        for (index, region) in self.regions.iter().enumerate() {
            writeln!(
                f,
                "\nprogram {index}: {}; {} bytes, {}",
                region.nodes.join(", "),
                region.program_bytes,
                if region.passes == 1 { "one pass".to_owned() } else { format!("{} passes", region.passes) },
            )?;
            for layer in &region.layers {
                let [col, row, id] = layer.at;
                write!(
                    f,
                    "  {} inputs x {} units on {} ({col},{row},{id}), {} words",
                    layer.inputs, layer.units, layer.processor, layer.memory_words
                )?;
                match layer.memory_limit_words {
                    Some(limit) => writeln!(f, " of {limit}")?,
                    None => writeln!(f, " in external memory")?,
                }
            }
            let Transactions { inferences, input_bytes, output_bytes } = region.per_step;
            writeln!(
                f,
                "  a step: {inferences} inference{}, at most {input_bytes} bytes in and {output_bytes} bytes out \
                 (reckoned from the formats, not measured)",
                if inferences == 1 { "" } else { "s" }
            )?;
        }
        if self.regions.len() > 1 {
            writeln!(
                f,
                "\n{} programs: on a device they stand side by side where they fit, on other processors than these, or take turns",
                self.regions.len()
            )?;
        }
        Ok(())
    }
}

fn digits(count: usize) -> String {
    format!("{count} digit{}", if count == 1 { "" } else { "s" })
}
