//! `forebay program`: the neural processor's programs as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use forebay_akida::Program;
use forebay_akida::case::Case;
use forebay_akida::inspect::Inspection;
use forebay_substrate::{Loaded, WeightPatch};
use serde_json::json;

use crate::output;

/// Build, run, look at, check and patch programs for AKD1000 and AKD1500.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay program build --spec layers.json --out layers.bin
  forebay program inspect layers.bin
  forebay program run --program layers.bin --inputs layers.json --json
  forebay program patch --program layers.bin --layer 0 --input 3 --unit 7 --value -2 --out patched.bin

A layer file is JSON: device, input_shape [w, h, c], input_bits, and layers with inputs, units, weights_bits,
activation, act_bits, weights (one hexadecimal digit each, weight + 7, input slow), threshold, act_step.
What a device cannot hold is refused with exit code 3 and {\"refused\": {kind, message}}. Tested on silicon: no.")]
pub(crate) struct ProgramCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the program of a chain of layers
    Build {
        /// Layers, a JSON file
        #[arg(long, value_name = "LAYERS.json")]
        spec: PathBuf,
        /// The program
        #[arg(long, value_name = "PROGRAM.bin")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run samples through a program on a substrate
    Run {
        /// The program
        #[arg(long, value_name = "PROGRAM.bin")]
        program: PathBuf,
        /// A JSON file with `inputs`: samples one after the other, each w x h x c with c fastest
        #[arg(long, value_name = "INPUTS.json")]
        inputs: PathBuf,
        /// Where to run; by default the software substrate for the program's device
        #[arg(long, value_name = "ADDRESS")]
        substrate: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a program: size map, processors, layers
    Inspect {
        /// The program
        program: Option<PathBuf>,
        /// The program, if not given first
        #[arg(long = "program", value_name = "PROGRAM.bin", conflicts_with = "program")]
        by_name: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a program's bytes, load it, read its memory back and compare
    Verify {
        /// The program
        program: Option<PathBuf>,
        /// The program, if not given first
        #[arg(long = "program", value_name = "PROGRAM.bin", conflicts_with = "program")]
        by_name: Option<PathBuf>,
        /// Where to load it; by default the software substrate for the program's device
        #[arg(long, value_name = "ADDRESS")]
        substrate: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change one weight in a program
    Patch {
        /// The program
        #[arg(long, value_name = "PROGRAM.bin")]
        program: PathBuf,
        /// Layer, counted from 0
        #[arg(long)]
        layer: usize,
        /// Input of the layer
        #[arg(long)]
        input: usize,
        /// Unit of the layer
        #[arg(long)]
        unit: usize,
        /// The new weight
        #[arg(long, allow_negative_numbers = true)]
        value: i8,
        /// The changed program
        #[arg(long, value_name = "PATCHED.bin")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl ProgramCommand {
    pub(super) fn run(self) -> Result<()> {
        match self.what {
            What::Build { spec, out, json } => build(&spec, &out, json),
            What::Run { program, inputs, substrate, json } => run(&program, &inputs, substrate.as_deref(), json),
            What::Inspect { program, by_name, json } => inspect(&named(program, by_name)?, json),
            What::Verify { program, by_name, substrate, json } => {
                verify(&named(program, by_name)?, substrate.as_deref(), json)
            }
            What::Patch { program, layer, input, unit, value, out, json } => {
                patch(&program, WeightPatch { layer, input, unit, value }, &out, json)
            }
        }
    }
}

fn named(first: Option<PathBuf>, by_name: Option<PathBuf>) -> Result<PathBuf> {
    first.or(by_name).context("which program? give its file")
}

fn read_case(path: &Path) -> Result<Case> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Case::from_json(&bytes).with_context(|| format!("cannot use {}", path.display()))
}

fn read_program(path: &Path) -> Result<Program> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Program::from_bytes(bytes).with_context(|| format!("cannot use {}", path.display()))
}

fn load(program: &Program, address: Option<&str>) -> Result<(String, Arc<dyn Loaded>)> {
    let default = format!("software:{}", program.device().to_string().to_lowercase());
    let address = address.unwrap_or(&default);
    let substrate = super::substrates::open(address)?;
    Ok((address.to_owned(), substrate.load(program.bytes())?))
}

fn build(spec: &Path, out: &Path, as_json: bool) -> Result<()> {
    let program = read_case(spec)?.build()?;
    output::write_file(out, program.bytes())?;
    let inspection = Inspection::of(&program);
    if as_json {
        return output::print_json(&inspection);
    }
    output::print(&format!(
        "{}: {} for {}, {}\n",
        out.display(),
        output::count(program.layers().len(), "layer"),
        program.device(),
        output::count(program.bytes().len(), "byte"),
    ))
}

fn run(program: &Path, inputs: &Path, substrate: Option<&str>, as_json: bool) -> Result<()> {
    let program = read_program(program)?;
    let samples = read_case_inputs(inputs, &program)?;
    let (address, loaded) = load(&program, substrate)?;
    let shape = loaded.shape();
    let mut outputs = vec![0; samples.len() / shape.inputs * shape.units];
    loaded.runner()?.run(&samples, &mut outputs)?;
    if as_json {
        return output::print_json(&json!({"outputs": outputs, "substrate": address, "tested_on_silicon": false}));
    }
    let mut text = String::new();
    for sample in outputs.chunks(shape.units) {
        text += &(sample.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ") + "\n");
    }
    output::print(&text)
}

/// Samples in the order of the flat input index, `x + w (y + h c)`, from those with c fastest.
fn read_case_inputs(path: &Path, program: &Program) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let given =
        forebay_akida::case::inputs_from_json(&bytes).with_context(|| format!("cannot use {}", path.display()))?;
    let shape = program.input_shape();
    let inputs = shape.len();
    ensure!(
        !given.is_empty() && given.len().is_multiple_of(inputs),
        "{} holds {} input values; the program takes samples of {inputs}",
        path.display(),
        given.len()
    );
    Ok(given.chunks(inputs).flat_map(|sample| shape.to_flat(sample)).collect())
}

fn inspect(path: &Path, as_json: bool) -> Result<()> {
    let inspection = Inspection::of(&read_program(path)?);
    if as_json { output::print_json(&inspection) } else { output::print(&inspection.to_string()) }
}

fn verify(path: &Path, substrate: Option<&str>, as_json: bool) -> Result<()> {
    let program = read_program(path)?;
    let (address, loaded) = load(&program, substrate)?;
    loaded.verify()?;
    let layers: Vec<_> = program.layers().iter().map(|layer| layer.units * layer.words_per_neuron).collect();
    if as_json {
        return output::print_json(&json!({
            "verified": true, "substrate": address, "memory_words_per_layer": layers, "tested_on_silicon": false,
        }));
    }
    output::print(&format!(
        "{}: valid; loaded on {address}, {} of neuron memory read back as written\n",
        path.display(),
        output::count(layers.iter().sum(), "word"),
    ))
}

fn patch(path: &Path, patch: WeightPatch, out: &Path, as_json: bool) -> Result<()> {
    let mut program = read_program(path)?;
    let changes = program.patch(&patch)?;
    output::write_file(out, program.bytes())?;
    if as_json {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| {
                json!({
                    "layer": change.layer, "word": change.word, "byte_offset": change.byte_offset,
                    "old": change.old, "new": change.new,
                })
            })
            .collect();
        return output::print_json(&json!({"changes": changes}));
    }
    output::print(&format!("{}: {} changed\n", out.display(), output::count(changes.len(), "word")))
}
