//! A program as people look at it: where its bytes go, which processors it takes, what its layers are.

use std::fmt;

use serde::Serialize;

use crate::device::{Device, Np, NpKind};
use crate::layer::{Bits, InputShape};
use crate::program::Program;

/// A view of a program.
///
/// `Display` draws it; the `serde` form is for programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// The device it is for.
    pub device: Device,
    /// Version of the compiler that it names.
    pub version: String,
    /// Length of the file.
    pub program_bytes: usize,
    /// Length of its first half with the prefix.
    pub info_bytes: usize,
    /// Bytes of neuron memory in it.
    pub memory_bytes: usize,
    /// Shape of its input.
    pub input_shape: InputShape,
    /// Width of its input values.
    pub input_bits: Bits,
    /// Units of the last layer.
    pub outputs: usize,
    /// Whether outputs are activations; else potentials.
    pub activations: bool,
    /// Passes per sample.
    pub passes: usize,
    /// Its layers.
    pub layers: Vec<LayerView>,
    /// Always false: nobody has run it on a chip yet.
    pub tested_on_silicon: bool,
}

/// A layer of a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerView {
    /// Inputs per unit.
    pub inputs: usize,
    /// Number of units.
    pub units: usize,
    /// Width of the weights.
    pub weight_bits: Bits,
    /// Width of the inputs.
    pub input_bits: Bits,
    /// Width of the activations; `None` for potentials.
    pub act_bits: Option<Bits>,
    /// Its processor.
    pub processor: Np,
    /// Pass, counted from 0.
    pub pass: usize,
    /// Words of neuron memory.
    pub memory_words: usize,
    /// Words that the processor has; `None` for external memory.
    pub memory_limit_words: Option<usize>,
    /// Byte of the file where the neuron memory begins.
    pub memory_offset: usize,
    /// Share of weights that are not zero.
    pub density: f64,
}

impl Inspection {
    /// Looks at a program.
    pub fn of(program: &Program) -> Self {
        let layers: Vec<LayerView> = program
            .layers()
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                let weights = program.layer(index).map_or(Vec::new(), |layer| layer.weights);
                LayerView {
                    inputs: layer.inputs,
                    units: layer.units,
                    weight_bits: layer.weight_bits,
                    input_bits: layer.input_bits,
                    act_bits: layer.has_activation.then_some(layer.act_bits),
                    processor: layer.np,
                    pass: layer.pass,
                    memory_words: layer.memory.len() / 4,
                    memory_limit_words: layer.np.kind.memory_words(),
                    memory_offset: layer.memory.start,
                    density: weights.iter().filter(|&&w| w != 0).count() as f64 / weights.len().max(1) as f64,
                }
            })
            .collect();
        let last = program.layers().last();
        Self {
            device: program.device(),
            version: program.version().to_owned(),
            program_bytes: program.bytes().len(),
            info_bytes: program.info_bytes(),
            memory_bytes: layers.iter().map(|layer| 4 * layer.memory_words).sum(),
            input_shape: program.input_shape(),
            input_bits: program.input_bits(),
            outputs: last.map_or(0, |layer| layer.units),
            activations: last.is_some_and(|layer| layer.has_activation),
            passes: program.passes(),
            layers,
            tested_on_silicon: false,
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputShape { width, height, channels } = self.input_shape;
        let outputs = if self.activations { "activations" } else { "potentials" };
        writeln!(f, "{} program, compiler {}, tested on silicon: no", self.device, self.version)?;
        writeln!(
            f,
            "input {width} x {height} x {channels} of {} bits, {} {outputs}, {} layers in {} pass{}\n",
            self.input_bits,
            self.outputs,
            self.layers.len(),
            self.passes,
            if self.passes == 1 { "" } else { "es" },
        )?;
        self.sizes(f)?;
        writeln!(f)?;
        self.mesh(f)?;
        writeln!(f, "\nlayer  pass  processor     inputs    units  weights  outputs     words  of      dense")?;
        for (index, layer) in self.layers.iter().enumerate() {
            let Np { col, row, id, kind } = layer.processor;
            let outputs = layer.act_bits.map_or("raw".to_owned(), |bits| format!("{bits} bit"));
            let limit = layer.memory_limit_words.map_or("extern".to_owned(), |limit| limit.to_string());
            writeln!(
                f,
                "{:>5}  {:>4}  {kind} ({col},{row},{id})  {:>6}  {:>7}  {:>2} bit   {outputs:>7}  {:>8}  {limit:6}  {:3.0} %",
                index + 1,
                layer.pass + 1,
                layer.inputs,
                layer.units,
                layer.weight_bits,
                layer.memory_words,
                100.0 * layer.density,
            )?;
        }
        Ok(())
    }
}

/// Characters of a bar for the whole file.
const BAR: usize = 40;

impl Inspection {
    fn sizes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.program_bytes - self.info_bytes - self.memory_bytes;
        let parts =
            [("program info", self.info_bytes), ("neuron memory", self.memory_bytes), ("registers, tables", rest)];
        for (name, bytes) in parts {
            let bar = "#".repeat((bytes * BAR).div_ceil(self.program_bytes.max(1)));
            writeln!(f, "{name:17}  {bytes:>9} bytes  {bar}")?;
        }
        writeln!(f, "{:17}  {:>9} bytes", "file", self.program_bytes)
    }

    /// The mesh with the layers on their processors; several on one are those of several passes.
    fn mesh(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = || self.device.fnp3().iter().chain(self.device.fnp2());
        let (dma_col, dma_row) = self.device.dma();
        let most = |of: fn(&Np) -> u8| nodes().map(of).max().unwrap_or(0);
        let (cols, rows) = (most(|np| np.col).max(dma_col), most(|np| np.row).max(dma_row));
        let cell = |col: u8, row: u8| -> String {
            let here = |np: &Np| (np.col, np.row) == (col, row);
            let layers = self.layers.iter().enumerate().filter(|(_, layer)| here(&layer.processor));
            let numbers: Vec<String> = layers.map(|(index, _)| (index + 1).to_string()).collect();
            match nodes().find(|np| here(np)).map(|np| np.kind) {
                _ if !numbers.is_empty() => numbers.join(","),
                _ if (col, row) == (dma_col, dma_row) => "dma".to_owned(),
                Some(NpKind::Fnp3) => ".".to_owned(),
                Some(NpKind::Fnp2) => "ext".to_owned(),
                None => String::new(),
            }
        };
        let width = (1..=cols).flat_map(|col| (1..=rows).map(move |row| (col, row)));
        let width = width.map(|(col, row)| cell(col, row).len()).max().unwrap_or(0).max(3);
        for row in (1..=rows).rev() {
            let cells: Vec<String> = (1..=cols).map(|col| format!("{:^width$}", cell(col, row))).collect();
            writeln!(f, "{}", format!("row {row}   {}", cells.join("  ")).trim_end())?;
        }
        let cols: Vec<String> = (1..=cols).map(|col| format!("{col:^width$}")).collect();
        writeln!(f, "column  {}", cols.join("  ").trim_end())?;
        writeln!(f, "numbers: layers; '.': free, weights of its own; 'ext': free, weights in external memory")
    }
}
