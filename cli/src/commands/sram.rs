//! `forebay sram`: memory of a device.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use forebay_akida::bus::Bus;
use forebay_akida::chip::address::{CORE, CORE_BYTES, MEMORY, RESERVED_BYTES};
use forebay_akida::driver::{Driver, Options};
use forebay_akida::{NpKind, Program};
use serde_json::{Value, json};

use super::devices::device_address;
use super::samples;
use crate::output;

/// Memory of a device: neuron memory of a program, and the memory around it.
///
/// Reading changes nothing. What writes asks for `--yes`, and refuses addresses where the sources say that something else
/// lives: registers, the kernel driver's lists, and what lies outside memory.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  forebay sram dump --device emulator:akd1000 --program layers.bin     neuron memory, decoded
  forebay sram read --device emulator:akd1500 --at 0x20001000 --bytes 64
  forebay sram write --device emulator:akd1500 --at 0x20001000 --words 1,2,0xff --yes
  forebay sram scan --device vfio:0000:a1:00.0 --yes                   which memory answers
  forebay sram test --device vfio:0000:a1:00.0 --yes                   patterns in memory and in every processor")]
pub(crate) struct Sram {
    #[command(subcommand)]
    what: What,
}

#[derive(Args, Debug)]
struct Target {
    /// A board (`forebay devices` lists them) or emulator:akd1000
    #[arg(long)]
    device: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Load a program, read its neuron memory back, show it decoded
    Dump {
        #[command(flatten)]
        target: Target,
        /// The program
        #[arg(long, value_name = "PROGRAM.bin")]
        program: PathBuf,
        /// Units to show of each layer
        #[arg(long, default_value_t = 4)]
        units: usize,
    },
    /// Read memory of the device
    Read {
        #[command(flatten)]
        target: Target,
        /// Device address
        #[arg(long, value_parser = number)]
        at: u32,
        /// How many bytes
        #[arg(long, value_parser = number, default_value = "64")]
        bytes: u32,
    },
    /// Write words to memory of the device
    Write {
        #[command(flatten)]
        target: Target,
        /// Device address
        #[arg(long, value_parser = number)]
        at: u32,
        /// The words, with commas between them
        #[arg(long, value_parser = number, value_delimiter = ',', required = true)]
        words: Vec<u32>,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Find out which memory answers: a word of each stretch is changed and restored
    Scan {
        #[command(flatten)]
        target: Target,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Write patterns to memory and to every processor with weights of its own, and read them back
    Test {
        #[command(flatten)]
        target: Target,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
}

fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.trim().strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.trim().parse(),
    };
    parsed.map_err(|_| format!("{text} is no number of 32 bits, such as 4096 or 0x1000"))
}

impl Sram {
    pub(super) fn run(self) -> Result<()> {
        match self.what {
            What::Dump { target, program, units } => dump(&target, &program, units),
            What::Read { target, at, bytes } => read(&target, at, bytes),
            What::Write { target, at, words, yes } => write(&target, at, &words, yes),
            What::Scan { target, yes } => scan(&target, yes),
            What::Test { target, yes } => test(&target, yes),
        }
    }
}

impl Target {
    fn bus(&self) -> Result<Box<dyn Bus>> {
        Ok(forebay::open_bus(&device_address(&self.device))?)
    }
}

fn mark(is_silicon: bool) -> &'static str {
    if is_silicon { "" } else { "EMULATOR: this is no memory of silicon.\n" }
}

fn dump(target: &Target, path: &PathBuf, units: usize) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let program = Program::from_bytes(bytes).with_context(|| format!("cannot use {}", path.display()))?;
    let bus = target.bus()?;
    let is_silicon = bus.identity().is_silicon;
    let mut driver = Driver::open(bus, Options::default())?;
    let id = driver.load(program.clone())?;
    driver.verify(id).context("what is on the device is not what was written")?;
    let mut layers = Vec::new();
    let mut text = mark(is_silicon).to_owned();
    for (index, layer) in program.layers().iter().enumerate() {
        let np = layer.np;
        let place = format!("{} ({},{},{})", np.kind, np.col, np.row, np.id);
        text.push_str(&format!(
            "layer {index} on {place}: {} units of {} words over {} inputs\n",
            layer.units, layer.words_per_neuron, layer.inputs
        ));
        let mut rows = Vec::new();
        let (shown, per_unit) = (units.min(layer.units), layer.words_per_neuron);
        let all = driver.read_weights(id, index, 0..shown * per_unit)?;
        for (unit, words) in all.chunks_exact(per_unit).enumerate() {
            let threshold = (words[0] << 12) as i32 >> 12;
            let planes: Vec<String> = words[4..].iter().take(6).map(|word| format!("{word:08x}")).collect();
            text.push_str(&format!(
                "  unit {unit}: threshold {threshold}, step {}/16, weight planes {}{}\n",
                words[1],
                planes.join(" "),
                if per_unit > 10 { " .." } else { "" }
            ));
            rows.push(json!({"unit": unit, "words": words}));
        }
        layers.push(json!({"layer": index, "processor": np, "words_per_unit": per_unit, "units": rows}));
    }
    if target.json {
        return output::print_json(&json!({"is_silicon": is_silicon, "verified": true, "layers": layers}));
    }
    text.push_str("All of it was read back and equals the program.\n");
    output::print(&text)
}

/// Whether memory may be read (and, with `writes`, written) here.
fn check(bus: &dyn Bus, at: u32, bytes: usize, writes: bool) -> Result<()> {
    let end = u64::from(at) + bytes as u64;
    let touches =
        |start: u32, length: u32| u64::from(start) < end && u64::from(at) < u64::from(start) + u64::from(length);
    ensure!(
        !touches(CORE, CORE_BYTES),
        "{at:#010x} is among the registers: `forebay registers dump` reads those that are known, and nothing else is safe"
    );
    ensure!(
        !touches(MEMORY, RESERVED_BYTES),
        "0x20000000 to 0x200000ff hold the lists of the PCIe DMA engine: they are not touched"
    );
    let memory = bus.memory();
    let inside = |range: &std::ops::Range<u32>| at >= range.start && end <= u64::from(range.end);
    if inside(&memory.device) || memory.host.as_ref().is_some_and(inside) {
        return Ok(());
    }
    let verb = if writes { "written" } else { "read" };
    bail!(
        "{bytes} bytes at {at:#010x} cannot be {verb}: this device's memory is {:#010x} to {:#010x}",
        memory.device.start,
        memory.device.end
    )
}

fn read(target: &Target, at: u32, bytes: u32) -> Result<()> {
    let mut bus = target.bus()?;
    ensure!((1..=1 << 20).contains(&bytes), "1 byte to 1 MiB can be shown at once");
    check(&*bus, at, bytes as usize, false)?;
    let mut data = vec![0; bytes as usize];
    bus.read_block(at, &mut data)
        .context("the memory cannot be read (the emulator does not show what nobody wrote)")?;
    if target.json {
        return output::print_json(&json!({
            "is_silicon": bus.identity().is_silicon, "address": format!("{at:#010x}"), "bytes": data,
        }));
    }
    let mut text = mark(bus.identity().is_silicon).to_owned();
    for (offset, line) in (0..).step_by(16).zip(data.chunks(16)) {
        let words: Vec<String> = line.chunks(4).map(word).collect();
        text.push_str(&format!("{:08x}  {}\n", at + offset, words.join(" ")));
    }
    output::print(&text)
}

/// A word as it is read, highest digit first.
fn word(bytes: &[u8]) -> String {
    bytes.iter().rev().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn write(target: &Target, at: u32, words: &[u32], yes: bool) -> Result<()> {
    let mut bus = target.bus()?;
    check(&*bus, at, 4 * words.len(), true)?;
    ensure!(yes, "{} words would be written at {at:#010x}: add --yes to do it", words.len());
    let data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bus.write_block(at, &data)?;
    let mut back = vec![0; data.len()];
    bus.read_block(at, &mut back)?;
    ensure!(back == data, "the memory does not keep what was written");
    if target.json {
        return output::print_json(&json!({"is_silicon": bus.identity().is_silicon, "written_words": words.len()}));
    }
    output::print(&format!(
        "{}{} words written at {at:#010x} and read back\n",
        mark(bus.identity().is_silicon),
        words.len()
    ))
}

/// Whether a word of memory keeps two patterns; restored afterwards if it could be read before.
pub(super) fn keeps(bus: &mut dyn Bus, at: u32) -> bool {
    let mut old = [0; 4];
    let was_readable = bus.read_block(at, &mut old).is_ok();
    let mut answers = true;
    for pattern in [0xA5C3_0F96_u32, 0x5A3C_F069] {
        let mut found = [0; 4];
        answers &= bus.write_block(at, &pattern.to_le_bytes()).is_ok()
            && bus.read_block(at, &mut found).is_ok()
            && u32::from_le_bytes(found) == pattern;
    }
    if was_readable {
        let _ = bus.write_block(at, &old);
    }
    answers
}

fn scan(target: &Target, yes: bool) -> Result<()> {
    let mut bus = target.bus()?;
    let memory = bus.memory();
    ensure!(yes, "a word of each stretch of memory would be changed and restored: add --yes to do it");
    let length = memory.device.end - memory.device.start;
    let stretch = (length / 64).max(4096) & !0xFFF;
    let places: Vec<u32> =
        (0..64).map(|k| memory.device.start + k * stretch).filter(|at| memory.device.end - at >= 4).collect();
    let bar = output::progress(places.len() as u64, "scanning");
    let answers: Vec<(u32, bool)> = places
        .into_iter()
        .map(|at| {
            bar.inc(1);
            (at, keeps(&mut *bus, at))
        })
        .collect();
    bar.finish_and_clear();
    if target.json {
        let listed: Vec<Value> =
            answers.iter().map(|(at, ok)| json!({"address": format!("{at:#010x}"), "keeps": ok})).collect();
        return output::print_json(&json!({"is_silicon": bus.identity().is_silicon, "places": listed}));
    }
    let mut text = mark(bus.identity().is_silicon).to_owned();
    let good = answers.iter().filter(|(_, ok)| *ok).count();
    text.push_str(&format!(
        "{good} of {} places in {:#010x} to {:#010x} keep what is written\n",
        answers.len(),
        memory.device.start,
        memory.device.end
    ));
    for (at, _) in answers.iter().filter(|(_, ok)| !ok) {
        text.push_str(&format!("  {at:#010x} does not\n"));
    }
    output::print(&text)
}

fn test(target: &Target, yes: bool) -> Result<()> {
    let mut bus = target.bus()?;
    let is_silicon = bus.identity().is_silicon;
    ensure!(yes, "memory would be written over, and programs would be loaded: add --yes to do it");
    let memory = bus.memory();
    let bytes = 256 << 10;
    let start = memory.device.start;
    ensure!(memory.device.end - start >= bytes, "less than 256 KiB of memory");
    let mut found = vec![0; bytes as usize];
    for round in 0..3_u32 {
        let pattern: Vec<u8> = (0..bytes).map(|k| (k.wrapping_mul(2_654_435_761) >> (8 + round)) as u8).collect();
        bus.write_block(start, &pattern)?;
        bus.read_block(start, &mut found)?;
        if let Some(at) = (0..pattern.len()).find(|&at| pattern[at] != found[at]) {
            bail!("memory at {:#010x}: {:#04x} instead of {:#04x}", start + at as u32, found[at], pattern[at]);
        }
    }
    // A chain as long as there are processors with memory of their own fills each of them.
    let mut driver = Driver::open(bus, Options::default())?;
    let count = driver.device().fnp3().len();
    let program = samples::chain(driver.device(), 200, count)?;
    let id = driver.load(program.clone())?;
    driver.verify(id)?;
    let inputs = samples::inputs(&program, 2);
    let mut outputs = vec![0; 400];
    driver.run(id, &inputs, &mut outputs)?;
    ensure!(outputs == samples::expected(&program, &inputs)?, "the processors compute something else than software");
    let tested = program.layers().iter().filter(|layer| layer.np.kind == NpKind::Fnp3).count();
    if target.json {
        return output::print_json(&json!({"is_silicon": is_silicon, "memory_bytes": bytes, "processors": tested}));
    }
    output::print(&format!(
        "{}256 KiB of memory kept three patterns; the weight memories of {tested} processors were read back and computed with\n",
        mark(is_silicon)
    ))
}
