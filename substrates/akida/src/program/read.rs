//! From bytes to a program: everything a loader must check, and the layers read back.
//!
//! Nothing here trusts the file: lengths are checked before they are used, and what is allocated is bounded by what is
//! there.
//!
//! # Source
//! specs/device-program.md, "what a loader checks".

use std::ops::Range;

use flatbuffers::VerifierOptions;

use super::layout::{self, Layout, Record};
use super::{PlacedLayer, Program, ProgramError};
use crate::device::{Device, FNP3_WORDS, Np, NpKind};
use crate::generated::info::forebay::program_info as info;
use crate::layer::{Bits, InputShape};
use crate::neuron::{check_unit, words_per_neuron};
use crate::packet::{TARGET_REGISTERS, TARGET_WEIGHTS, packets};
use crate::placement::Start;
use crate::registers::{LayerRegisters, Link, REGISTERS, ReadRegisters};

/// Words that a descriptor can send.
const MOST_TRACK_WORDS: u32 = 65_535;
/// Descriptors that the rings of a device hold in several passes.
const MOST_DESCRIPTORS: usize = 254;
/// Ids of processors with external memory: each has one pointer register.
const FNP2_IDS: u8 = 4;

/// The word of four bytes.
pub(super) fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Program {
    /// Checks a file and reads its layers.
    ///
    /// # Errors
    /// [`ProgramError`] naming what is wrong; learning programs, convolutions and other layers that this crate does not
    /// write are refused, too.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ProgramError> {
        let info_bytes = halves(&bytes)?;
        let options = VerifierOptions {
            max_tables: bytes.len(),
            max_apparent_size: bytes.len().saturating_mul(2),
            ..VerifierOptions::default()
        };
        let info = info::size_prefixed_root_as_program_info_with_opts(&options, &bytes[..info_bytes])
            .map_err(ProgramError::Info)?;
        let missing = |what| ProgramError::Missing { what };
        let version = info.version().ok_or(missing("version"))?.to_owned();
        let device = device(&info)?;
        let input = dims("input dimensions", info.input_dims())?;
        let output = dims("output dimensions", info.output_dims())?;
        let input_shape = InputShape { width: input[0], height: input[1], channels: input[2] };
        let input_bits = Bits::from_count(info.input_bits().into())
            .ok_or_else(|| value("input bits", "1, 2 or 4", info.input_bits()))?;
        if info.learning().is_some() {
            return Err(ProgramError::Layer { layer: 0, what: "learning layers cannot be read" });
        }
        let passes = info.passes().filter(|passes| !passes.is_empty()).ok_or(missing("passes"))?;
        if passes.len() > 1 && info.dummy_header().is_none() {
            return Err(missing("dummy header"));
        }
        let descriptors = usize::from(info.max_descriptors());
        if passes.len() > 1 && passes.len().saturating_mul(descriptors) + 1 > MOST_DESCRIPTORS {
            return Err(value(
                "descriptors of all passes",
                "at most 254",
                passes.len().saturating_mul(descriptors) + 1,
            ));
        }
        let mut reader = Reader {
            bytes: &bytes,
            base: info_bytes,
            layers: Vec::new(),
            registers: Vec::new(),
            input_shape,
            fnp2_ids: 0,
        };
        let dummy_header =
            info.dummy_header().map(|dummy| reader.span(dummy.offset(), dummy.words(), 2)).transpose()?;
        let mut records_of_passes = Vec::new();
        for (pass, spans) in passes.iter().enumerate() {
            let records = spans.records().ok_or(missing("records in a pass"))?;
            let mut tracks = 0;
            let before = reader.layers.len();
            let mut read = Vec::new();
            for record in records {
                tracks += record.tracks().map_or(0, |tracks| tracks.len());
                read.push(reader.record(&record, pass)?);
            }
            records_of_passes.push(read);
            if tracks + 1 > descriptors.max(1) {
                return Err(value("descriptors of a pass", &format!("at most {descriptors}"), tracks + 1));
            }
            if reader.layers.len() == before {
                return Err(missing("layer in a pass"));
            }
        }
        let Reader { layers, registers, .. } = reader;
        let last = layers.last().ok_or(missing("layer"))?;
        check_input(&layers[0], input_shape, input_bits)?;
        check_output(&info, last, output)?;
        check_processors(device, &layers)?;
        check_registers(device, input_shape, &layers, &registers)?;
        let (input, output) = layout::formats(&info)?;
        let epg = layout::epg(info.epg())?;
        let layout = Layout { passes: records_of_passes, epg, dummy_header, descriptors, input, output };
        let passes = passes.len();
        Ok(Self { bytes, version, device, input_shape, input_bits, passes, info_bytes, layers, layout })
    }

    /// How many processors at the front of the lists it leaves alone.
    pub(super) fn start(&self) -> Start {
        if self.passes > 1 {
            return Start::default();
        }
        let first = |list: &[Np]| {
            let np = self.layers.iter().map(|layer| layer.np).find(|np| list.contains(np));
            np.and_then(|np| list.iter().position(|other| *other == np))
        };
        let (fnp3, fnp2) = (self.device.fnp3(), self.device.fnp2());
        // A layer that fits an FNP3 is elsewhere only if none was free.
        let spills = self.layers.iter().any(|layer| layer.memory.len() <= 4 * FNP3_WORDS);
        let none = if spills { fnp3.len() } else { 0 };
        Start { fnp3: first(fnp3).unwrap_or(none), fnp2: first(fnp2).unwrap_or(0) }
    }
}

/// Bytes of the first half with its prefix, if both halves fill the file.
fn halves(bytes: &[u8]) -> Result<usize, ProgramError> {
    let length = |what, needed: usize, found| ProgramError::Length { what, needed, found };
    let prefix = |at: usize| bytes.get(at..).and_then(|rest| rest.get(..4)).map(|prefix| word(prefix) as usize);
    let found = bytes.len();
    let info = prefix(0).ok_or_else(|| length("the first size", 4, found))?;
    let base = info.saturating_add(4);
    let data = prefix(base).ok_or_else(|| length("the program info", base.saturating_add(4), found))?;
    let needed = base.saturating_add(4).saturating_add(data);
    if needed == found { Ok(base) } else { Err(length("the program", needed, found)) }
}

pub(super) fn value(what: &'static str, expected: &str, found: impl ToString) -> ProgramError {
    ProgramError::Value { what, expected: expected.to_owned(), found: found.to_string() }
}

fn device(info: &info::ProgramInfo<'_>) -> Result<Device, ProgramError> {
    let version = info.device_version().ok_or(ProgramError::Missing { what: "device version" })?;
    let version = [version.vendor(), version.product(), version.major(), version.minor()];
    Device::from_version(version).ok_or(ProgramError::Device { version })
}

/// Three sizes, none zero, whose product fits 32 bits.
fn dims(what: &'static str, dims: Option<flatbuffers::Vector<'_, u32>>) -> Result<[u32; 3], ProgramError> {
    let dims = dims.ok_or(ProgramError::Missing { what })?;
    if dims.len() < 3 {
        return Err(value(what, "three numbers", dims.len()));
    }
    let dims = [dims.get(0), dims.get(1), dims.get(2)];
    let product = dims.iter().try_fold(1_u32, |product, &dim| product.checked_mul(dim));
    match product {
        Some(1..) => Ok(dims),
        _ => Err(value(what, "a product of 1 to 2^32 - 1", format!("{dims:?}"))),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// Where the second half begins.
    base: usize,
    layers: Vec<PlacedLayer>,
    /// The register blocks of the layers.
    registers: Vec<[u32; REGISTERS]>,
    input_shape: InputShape,
    /// Ids of processors with external memory that were seen.
    fnp2_ids: u8,
}

impl Reader<'_> {
    /// Bytes of a span of the second half.
    fn span(&self, offset: u32, words: u32, least: u32) -> Result<Range<usize>, ProgramError> {
        let length = self.bytes.len() - self.base;
        let outside = ProgramError::Track { offset, words, length };
        let end = u64::from(offset) + 4 * u64::from(words);
        if !offset.is_multiple_of(4) || offset < 8 || words < least || end > length as u64 {
            return Err(outside);
        }
        let start = self.base + offset as usize;
        Ok(start..start + 4 * words as usize)
    }

    fn record(&mut self, record: &info::Record<'_>, pass: usize) -> Result<Record, ProgramError> {
        let layer = self.layers.len();
        let mut read = Record::default();
        let mut external = None;
        if let Some(fnp2) = record.fnp2() {
            let (track, np) = (fnp2.track(), fnp2.np());
            let np = Np { col: np.col(), row: np.row(), id: np.id(), kind: NpKind::Fnp2 };
            if np.id >= FNP2_IDS {
                return Err(value("id of a processor with external memory", "0 to 3", np.id));
            }
            if self.fnp2_ids >> np.id & 1 == 1 {
                return Err(ProgramError::Layer { layer, what: "a processor with external memory is used twice" });
            }
            self.fnp2_ids |= 1 << np.id;
            external = Some((np, self.span(track.offset(), track.words(), 1)?));
            read.image.clone_from(&external);
        }
        for track in record.tracks().into_iter().flatten() {
            if track.words() > MOST_TRACK_WORDS {
                return Err(value("words of a track", "1 to 65535", track.words()));
            }
            let span = self.span(track.offset(), track.words(), 1)?;
            self.track(span.clone(), &mut external, pass)?;
            read.tracks.push(span);
        }
        match external {
            Some(_) => Err(ProgramError::Layer { layer, what: "weights in external memory without a layer" }),
            None => Ok(read),
        }
    }

    /// Reads a configuration stream: the input unit's, or one layer's.
    fn track(
        &mut self,
        span: Range<usize>,
        external: &mut Option<(Np, Range<usize>)>,
        pass: usize,
    ) -> Result<(), ProgramError> {
        let layer = self.layers.len();
        let wrong = |what| ProgramError::Layer { layer, what };
        let stream = &self.bytes[span.clone()];
        let word_at = |at: usize| word(&stream[4 * at..]);
        let mut registers: Option<((u8, u8, u8), [u32; REGISTERS])> = None;
        let mut weights = None;
        for packet in packets(word_at, stream.len() / 4) {
            let (header, payload) = packet.map_err(|source| ProgramError::Packet { layer, source })?;
            let Some(processor) = header.processor else { continue };
            match (header.target, &registers) {
                (TARGET_REGISTERS, None) if header.start == 0 && header.words == REGISTERS => {
                    registers = Some((processor, std::array::from_fn(|k| word_at(payload.start + k))));
                }
                (TARGET_WEIGHTS, Some((owner, _))) if weights.is_none() && *owner == processor && header.start == 0 => {
                    weights = Some(span.start + 4 * payload.start..span.start + 4 * payload.end);
                }
                _ => return Err(wrong("a configuration that is no fully connected layer's")),
            }
        }
        let Some(((col, row, id), registers)) = registers else { return Ok(()) };
        let read = LayerRegisters::decode(&registers).ok_or(wrong("registers that are no fully connected layer's"))?;
        let (kind, memory) = match (weights, external.take()) {
            (Some(memory), None) => (NpKind::Fnp3, memory),
            (None, Some((np, memory))) if (np.col, np.row, np.id) == (col, row, id) => (NpKind::Fnp2, memory),
            _ => return Err(wrong("not one set of weights for one processor")),
        };
        self.layer(&read, Np { col, row, id, kind }, memory, pass)?;
        self.registers.push(registers);
        Ok(())
    }

    fn layer(&mut self, read: &ReadRegisters, np: Np, memory: Range<usize>, pass: usize) -> Result<(), ProgramError> {
        let index = self.layers.len();
        let wrong = |what| ProgramError::Layer { layer: index, what };
        let inputs = match self.layers.last() {
            None => {
                if (read.width, read.height) != (self.input_shape.width, self.input_shape.height) {
                    return Err(wrong("an input shape that is not the program's"));
                }
                self.input_shape.len()
            }
            Some(before) if !before.has_activation => return Err(wrong("a layer after raw potentials")),
            Some(before) if before.act_bits != read.input_bits => {
                return Err(wrong("inputs of another width than the activations before it"));
            }
            Some(before) => before.units,
        };
        let words_per_neuron = words_per_neuron(read.weight_bits, inputs);
        // A layer's sizes follow from its memory as well, so no later product of them can exceed the file.
        if read.units == 0 || read.units.checked_mul(4 * words_per_neuron) != Some(memory.len()) {
            return Err(wrong("neuron memory of another size than units and inputs take"));
        }
        let mut words = Vec::with_capacity(words_per_neuron);
        for (unit, neuron) in self.bytes[memory.clone()].chunks_exact(4 * words_per_neuron).enumerate() {
            words.clear();
            words.extend(neuron.chunks_exact(4).map(word));
            check_unit(read.weight_bits, inputs, read.activation, &words).map_err(|what| ProgramError::Neuron {
                layer: index,
                unit,
                what,
            })?;
        }
        self.layers.push(PlacedLayer {
            inputs,
            units: read.units,
            weight_bits: read.weight_bits,
            input_bits: read.input_bits,
            act_bits: read.act_bits,
            has_activation: read.activation,
            np,
            pass,
            memory,
            words_per_neuron,
        });
        Ok(())
    }
}

fn check_input(first: &PlacedLayer, shape: InputShape, bits: Bits) -> Result<(), ProgramError> {
    if first.input_bits != bits || first.inputs != shape.len() {
        return Err(ProgramError::Layer { layer: 0, what: "inputs of another width than the program's" });
    }
    Ok(())
}

/// Every processor exists, holds its layer, and holds no other in the same pass; passes loop through the first one.
fn check_processors(device: Device, layers: &[PlacedLayer]) -> Result<(), ProgramError> {
    let last_pass = layers.last().map_or(0, |layer| layer.pass);
    if last_pass > 0 && !device.has_passes() {
        return Err(value("passes", "1", last_pass + 1));
    }
    let loop_np = device.fnp3()[0];
    for (index, layer) in layers.iter().enumerate() {
        let np = layer.np;
        let wrong = |why| ProgramError::Processor { layer: index, np, why };
        let list = match np.kind {
            NpKind::Fnp2 => device.fnp2(),
            NpKind::Fnp3 => device.fnp3(),
        };
        if !list.contains(&np) {
            return Err(wrong("which the device does not have"));
        }
        if layer.inputs > device.max_inputs() {
            return Err(wrong("whose input memory is too small for it"));
        }
        if np.kind.memory_words().is_some_and(|limit| layer.memory.len() / 4 > limit) {
            return Err(wrong("whose memory is too small for it"));
        }
        let before = layers[..index].iter().rev().take_while(|other| other.pass == layer.pass);
        let mut before = before.peekable();
        let begins_pass = before.peek().is_none();
        if before.any(|other| other.np == np) {
            return Err(wrong("which an earlier layer of the pass has taken"));
        }
        if begins_pass && layer.pass > 0 && np != loop_np {
            return Err(wrong("but a further pass begins on the processor that loops"));
        }
    }
    // What a pass leaves goes to the looping processor, which must be set up for it.
    let sets_up = |pass: usize| layers.iter().any(|layer| layer.pass == pass && layer.np == loop_np);
    match (0..last_pass).find(|&pass| !sets_up(pass)) {
        Some(pass) => Err(value("layers on the looping processor", "1 in every pass", format!("0 in pass {pass}"))),
        None => Ok(()),
    }
}

/// Every register is what the layer in its place needs.
fn check_registers(
    device: Device,
    shape: InputShape,
    layers: &[PlacedLayer],
    found: &[[u32; REGISTERS]],
) -> Result<(), ProgramError> {
    let chain: Vec<Link> = layers.iter().map(PlacedLayer::link).collect();
    for (layer, found) in found.iter().enumerate() {
        let expected = LayerRegisters::of(device, shape, &chain, layer).encode(device);
        if let Some(word) = (0..REGISTERS).find(|&word| found[word] != expected[word]) {
            let (expected, found) = (expected[word], found[word]);
            return Err(ProgramError::Register { layer, word, expected, found });
        }
    }
    Ok(())
}

impl PlacedLayer {
    fn link(&self) -> Link {
        let &Self { inputs, units, weight_bits, input_bits, act_bits, has_activation, np, pass, .. } = self;
        Link { inputs, units, weight_bits, input_bits, act_bits, activation: has_activation, np, pass }
    }
}

fn check_output(info: &info::ProgramInfo<'_>, last: &PlacedLayer, output: [u32; 3]) -> Result<(), ProgramError> {
    let units = last.units;
    if output != [1, 1, units as u32] {
        return Err(value("output dimensions", &format!("1 x 1 x {units}"), format!("{output:?}")));
    }
    if info.activation() != last.has_activation {
        return Err(value("activation", "that of the last layer", info.activation()));
    }
    let bits = if last.has_activation { last.act_bits.count() } else { 32 };
    if u32::from(info.output_bits()) != bits {
        return Err(value("output bits", &bits.to_string(), info.output_bits()));
    }
    let shifts = info.output_shift().map_or(0, |shifts| shifts.len());
    let scales = info.output_scales().map_or(0, |scales| scales.len());
    let expected = if last.has_activation { 0 } else { units };
    if shifts != scales || (!last.has_activation && shifts != expected) {
        return Err(value("output shifts and scales", &format!("{expected} each"), format!("{shifts} and {scales}")));
    }
    Ok(())
}
