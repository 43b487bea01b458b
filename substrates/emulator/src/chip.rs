//! The chip: registers by address, resets, and the three DMA controllers at work.
//!
//! # Source
//! specs/device-interface.md.

use std::collections::BTreeMap;
use std::ops::Range;

use forebay_akida::Device;
use forebay_akida::chip::address::{
    CHIP_INFO, CONFIG_DMA, CORE, CORE_BYTES, EPG, EPG_BYTES, EVENT_DMA, HRC_DMA, INTERRUPT, memory as device_memory,
};
use forebay_akida::chip::descriptor::{Config, Event, HRC_WORDS, Hrc, WORDS};
use forebay_akida::chip::dma::HEADER_BYTES;
use forebay_akida::chip::top::{
    CORE_RESET, NP_RESET, epg_00, epg_10, fnp2_0, fnp2_3, general, ip_version, mesh_info, mesh_info1, mesh_info2,
    mesh_info3, version_word,
};
use forebay_akida::chip::{Access, top};
use forebay_akida::packet::{Header, packets};

use crate::controller::{Asked, Controller};
use crate::fault::{Faults, JobFault};
use crate::memory::{Memory, Store};
use crate::mesh::{Mesh, Outcome};
use crate::processor::LayerView;
use crate::violation::Violation;

/// Space that a controller's registers take.
const CONTROLLER_BYTES: u32 = 0x100;
/// Longest payload of a packet that can be asked for.
const MOST_READ_WORDS: usize = 16_382;

/// The controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Config,
    Event,
    Hrc,
}

/// The whole chip behind its bus.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(crate) device: Device,
    /// Whether the version register reads 0, as legacy parts may.
    legacy_version: bool,
    pub(crate) memory: Memory,
    /// Top level, routing, interrupt controller: words that are kept as they come.
    words: BTreeMap<u32, u32>,
    config: Controller,
    event: Controller,
    hrc: Controller,
    mesh: Mesh,
    /// Nanoseconds since power-on, as far as the chip counts them.
    clock: u64,
    pub(crate) faults: Faults,
    pub(crate) violations: Vec<Violation>,
    /// Whether to note memory that is read before it was written.
    notes_unwritten: bool,
    /// Jobs done.
    pub(crate) jobs: u64,
}

impl Chip {
    pub(crate) fn new(device: Device, legacy_version: bool, own: Box<dyn Store>, notes_unwritten: bool) -> Self {
        Self {
            device,
            legacy_version,
            memory: Memory::new(device_memory(device), own),
            words: BTreeMap::new(),
            config: Controller::new("config-dma"),
            event: Controller::new("event-dma"),
            hrc: Controller::new("hrc-dma"),
            mesh: Mesh::new(device),
            clock: 0,
            faults: Faults::default(),
            violations: Vec::new(),
            notes_unwritten,
            jobs: 0,
        }
    }

    /// As after power-on, memory aside.
    pub(crate) fn reset(&mut self) {
        self.words.clear();
        self.reset_controllers();
        self.mesh.erase();
        self.faults.note_reset();
    }

    fn reset_controllers(&mut self) {
        self.config.reset();
        self.event.reset();
        self.hrc.reset();
    }

    fn controller(&mut self, which: Which) -> &mut Controller {
        match which {
            Which::Config => &mut self.config,
            Which::Event => &mut self.event,
            Which::Hrc => &mut self.hrc,
        }
    }

    /// Time passes.
    pub(crate) fn advance(&mut self, nanoseconds: u64) {
        self.clock = self.clock.saturating_add(nanoseconds);
        for which in [Which::Config, Which::Event, Which::Hrc] {
            let clock = self.clock;
            if self.controller(which).busy_until.is_some_and(|until| until <= clock) {
                self.controller(which).busy_until = None;
                if let Err(violation) = self.work(which) {
                    self.violations.push(violation);
                }
            }
        }
    }

    /// Time since power-on.
    pub(crate) fn clock(&self) -> u64 {
        self.clock
    }

    /// A register is read.
    pub(crate) fn read(&mut self, address: u32) -> Result<u32, Violation> {
        let value = self.read_true(address)?;
        Ok(self.faults.on_read(self.clock, address, value))
    }

    fn read_true(&mut self, address: u32) -> Result<u32, Violation> {
        check_alignment(address)?;
        if let Some((which, offset)) = controller_at(address) {
            return Ok(self.controller(which).read(offset));
        }
        let [info1, info2, info3] = mesh_info(self.device);
        let is_known = top::REGISTERS.iter().any(|register| CORE + register.offset == address)
            || (EPG..EPG + EPG_BYTES).contains(&address)
            || top::INTERRUPT_REGISTERS.iter().any(|register| INTERRUPT + register.offset == address);
        match address.wrapping_sub(CORE) {
            ip_version::OFFSET if self.legacy_version => Ok(0),
            ip_version::OFFSET => Ok(version_word(self.device.version())),
            mesh_info1::OFFSET => Ok(info1),
            mesh_info2::OFFSET => Ok(info2),
            mesh_info3::OFFSET => Ok(info3),
            _ if address == CHIP_INFO && self.device == Device::Akd1000 => Ok(2),
            _ if is_known => Ok(self.words.get(&address).copied().unwrap_or(0)),
            _ => Err(Violation::NoRegister { address }),
        }
    }

    /// A register is written.
    pub(crate) fn write(&mut self, address: u32, value: u32) -> Result<(), Violation> {
        check_alignment(address)?;
        if let Some((which, offset)) = controller_at(address) {
            return match self.controller(which).write(offset, value)? {
                Asked::Nothing => Ok(()),
                Asked::Work => self.work(which),
                Asked::Burst => self.burst(),
            };
        }
        let in_core = address.wrapping_sub(CORE);
        let known = [(CORE, top::REGISTERS), (INTERRUPT, top::INTERRUPT_REGISTERS)]
            .into_iter()
            .flat_map(|(base, registers)| registers.iter().map(move |register| (base + register.offset, register)))
            .find(|(at, _)| *at == address);
        match known {
            Some((_, register)) if register.access == Access::ReadOnly => {
                return Err(Violation::ReadOnly { register: register.name.to_owned() });
            }
            None if !(EPG..EPG + EPG_BYTES).contains(&address) => return Err(Violation::NoRegister { address }),
            _ => {}
        }
        let old = self.words.insert(address, value).unwrap_or(0);
        if in_core == general::OFFSET {
            let rising = value & !old;
            if rising & CORE_RESET != 0 {
                self.reset_controllers();
                self.faults.note_reset();
            }
            if rising & NP_RESET != 0 {
                self.mesh.erase();
            }
        }
        Ok(())
    }

    /// The host reads memory; registers only as single words.
    pub(crate) fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), Violation> {
        if is_register(address) {
            if bytes.len() != 4 {
                return Err(Violation::Width { address, bytes: bytes.len() });
            }
            bytes.copy_from_slice(&self.read(address)?.to_le_bytes());
            return Ok(());
        }
        self.read_memory(address, bytes, "host")
    }

    /// The host writes memory; registers only as single words.
    pub(crate) fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), Violation> {
        if is_register(address) {
            let word = bytes.try_into().map_err(|_| Violation::Width { address, bytes: bytes.len() })?;
            return self.write(address, u32::from_le_bytes(word));
        }
        self.memory.write(address, bytes)
    }

    fn read_memory(&mut self, address: u32, bytes: &mut [u8], by: &'static str) -> Result<(), Violation> {
        let was_written = self.memory.read(address, bytes)?;
        if was_written || !self.notes_unwritten {
            return Ok(());
        }
        Err(Violation::Unwritten { address, bytes: bytes.len(), by })
    }

    fn read_words(&mut self, address: u32, count: usize) -> Result<Vec<u32>, Violation> {
        if !self.memory.contains(address, 4 * count) {
            return Err(Violation::Unmapped { address, bytes: 4 * count });
        }
        let mut bytes = vec![0; 4 * count];
        self.read_memory(address, &mut bytes, "device")?;
        Ok(bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect())
    }

    fn write_words(&mut self, address: u32, words: &[u32]) -> Result<(), Violation> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.memory.write(address, &bytes)
    }

    /// Takes containers as long as there are any.
    fn work(&mut self, which: Which) -> Result<(), Violation> {
        loop {
            let clock = self.clock;
            let controller = self.controller(which);
            if !controller.is_running() || !controller.has_work() || controller.busy_until.is_some() {
                return Ok(());
            }
            let (index, address) = controller.next();
            let fault = if controller.was_delayed { None } else { self.faults.on_job(which == Which::Config) };
            let controller = self.controller(which);
            controller.was_delayed = false;
            match fault {
                Some(JobFault::Late { nanoseconds }) => {
                    controller.busy_until = Some(clock.saturating_add(nanoseconds));
                    controller.was_delayed = true;
                    return Ok(());
                }
                Some(JobFault::Missing) => {
                    controller.take(index);
                    controller.busy_until = Some(u64::MAX);
                    return Ok(());
                }
                Some(JobFault::Reset) => {
                    self.reset();
                    return Ok(());
                }
                Some(JobFault::FlippedBit { choice }) => {
                    self.mesh.flip(choice);
                }
                Some(JobFault::Header { .. } | JobFault::Short { .. }) | None => {}
            }
            self.controller(which).take(index);
            let done = match which {
                Which::Config => self.config_job(index, address),
                Which::Event | Which::Hrc => self.input_job(which, index, address, fault),
            };
            if done.is_err() {
                // What cannot be done never ends: the host finds out by waiting.
                self.controller(which).busy_until = Some(u64::MAX);
            }
            done?;
        }
    }

    /// One container of the configuration DMA.
    fn config_job(&mut self, index: u32, address: u32) -> Result<(), Violation> {
        let words: [u32; WORDS] = self.read_words(address, WORDS)?.try_into().expect("as many as asked for");
        let wrong =
            Violation::Descriptor { dma: self.config.name, index, words: [words[0], words[1], words[2], words[3]] };
        match Config::decode(&words).ok_or(wrong)? {
            Config::Write { input, words } => {
                let stream = self.read_words(input, words as usize)?;
                for packet in packets(|at| stream[at], stream.len()) {
                    let (header, payload) = packet.map_err(|_| Violation::Packet {
                        at: 0,
                        length: stream.len(),
                        what: "a header that addresses nothing, or a payload beyond the end",
                    })?;
                    self.mesh.write(&header, &stream[payload])?;
                }
            }
            Config::Read { input, output } => {
                let header = self.read_words(input, 2)?;
                let header = read_header([header[0], header[1]])?;
                let mut payload = self.mesh.read(&header)?;
                if self.config.writes_header() {
                    let mut with_header = vec![0; HEADER_BYTES as usize / 4];
                    with_header[0] = payload.len() as u32;
                    with_header.append(&mut payload);
                    payload = with_header;
                }
                self.write_words(output, &payload)?;
            }
        }
        self.config.end_outbound();
        Ok(())
    }

    /// One burst of the configuration DMA: all descriptors of a pass.
    fn burst(&mut self) -> Result<(), Violation> {
        match self.faults.on_job(true) {
            Some(JobFault::Missing | JobFault::Late { .. }) => return Ok(()),
            Some(JobFault::Reset) => {
                self.reset();
                return Ok(());
            }
            _ => {}
        }
        for _ in 0..self.config.burst_length() {
            let (index, address) = self.config.next();
            self.config.take(index);
            self.config_job(index, address)?;
        }
        self.config.end_burst();
        Ok(())
    }

    /// One sample.
    fn input_job(&mut self, which: Which, index: u32, address: u32, fault: Option<JobFault>) -> Result<(), Violation> {
        let general = self.words.get(&(CORE + general::OFFSET)).copied().unwrap_or(0);
        if general & (CORE_RESET | NP_RESET) != 0 {
            return Err(Violation::NotReady { what: "a reset is held" });
        }
        if !self.words.contains_key(&(EPG + epg_00::OFFSET)) || !self.mesh.is_input_unit_set() {
            return Err(Violation::NotReady { what: "input routing was not set up" });
        }
        let columns = self.words.get(&(EPG + epg_10::OFFSET)).copied().unwrap_or(0);
        let mut first = self.mesh.find(1, epg_10::FIRST_COL.get(columns), epg_10::LAST_COL.get(columns))?;
        let (job, mut inputs, mut output) = match which {
            Which::Event => self.events(index, address, &first.1)?,
            _ => self.rows(index, address, &first.1)?,
        };
        let controller = self.controller(which);
        let (is_replay, passes) = (controller.is_in_replay(), controller.passes());
        if is_replay {
            output = controller.replay_output();
        }
        let mut pass = 0;
        let (outputs, has_activation) = loop {
            let Self { mesh, memory, words, notes_unwritten, .. } = &mut *self;
            let mut image = |id: u8, count: usize| image(memory, words, *notes_unwritten, id, count);
            let outcome = mesh.pass(first, inputs, &mut image)?;
            let is_last = !is_replay || pass + 1 == passes;
            match outcome {
                Outcome::Output(outputs, has_activation) if is_last => break (outputs, has_activation),
                Outcome::Kept(kept) if !is_last => inputs = kept,
                _ => return Err(Violation::NotReady { what: "its layers do not end with its last pass" }),
            }
            pass += 1;
            self.next_pass()?;
            // What was kept lies in the input memory of the processor that continues.
            first = self.mesh.find(1, 0, u32::MAX)?;
            if !first.1.continues {
                return Err(Violation::NotReady { what: "the pass's first layer does not continue the one before" });
            }
            if inputs.len() > 32 * first.1.blocks {
                return Err(Violation::Input { what: "more values were kept than the next pass takes" });
            }
        };
        if is_replay {
            self.next_pass()?;
        }
        self.put_out(which, output, &outputs, has_activation, fault)?;
        self.jobs += 1;
        let controller = self.controller(which);
        controller.end_job(job);
        controller.end_outbound();
        if is_replay {
            controller.end_burst();
        }
        Ok(())
    }

    /// Processors are configured for the following pass.
    fn next_pass(&mut self) -> Result<(), Violation> {
        if !self.config.is_running() || !self.config.is_in_bursts() {
            return Err(Violation::NotReady { what: "there is no configuration for its next pass" });
        }
        self.mesh.erase_processors();
        for _ in 0..self.config.burst_length() {
            let (index, address) = self.config.next();
            self.config.take(index);
            self.config_job(index, address)?;
        }
        self.config.end_burst();
        Ok(())
    }

    /// Reads a sample that came as events: job, values by flat index, output address.
    fn events(&mut self, index: u32, address: u32, first: &LayerView) -> Result<(u16, Vec<u8>, u32), Violation> {
        let words: [u32; WORDS] = self.read_words(address, WORDS)?.try_into().expect("as many as asked for");
        let wrong =
            Violation::Descriptor { dma: self.event.name, index, words: [words[0], words[1], words[2], words[3]] };
        let event = Event::decode(&words).ok_or(wrong)?;
        if event.words < 2 || event.words % 2 != 0 {
            return Err(Violation::Input { what: "no whole events" });
        }
        let kind = self.words.get(&(EPG + epg_00::OFFSET)).copied().unwrap_or(0);
        if epg_00::DENSE.is_set(kind) {
            return Err(Violation::Input { what: "events, although the routing expects dense values" });
        }
        let is_flat = epg_00::FLAT.get(kind) == 2;
        let events = self.read_words(event.input, event.words as usize)?;
        let mut values = vec![0; 32 * first.blocks];
        let is_single = events.len() == 2;
        for pair in events.chunks_exact(2) {
            let (at, value, is_inside) = if is_flat {
                (u64::from(pair[0] & 0x3_FFFF), pair[1] & 0x3FF_FFFF, true)
            } else {
                let (x, y, channel) = (pair[0] & 0xFFF, pair[0] >> 16 & 0xFFF, pair[1] & 0x7FF);
                let (width, height) = (u64::from(first.width), u64::from(first.height));
                let at = u64::from(x) + width * (u64::from(y) + height * u64::from(channel));
                (at, pair[1] >> 16 & 0xFF, x < first.width && y < first.height)
            };
            let Ok(value) = u8::try_from(value) else {
                return Err(Violation::Input { what: "a value of more than 8 bits" });
            };
            match values.get_mut(at as usize) {
                Some(place) if is_inside => *place = value,
                // One event outside stands for a sample without any.
                _ if is_single && value == 1 => {}
                _ => return Err(Violation::Input { what: "an event outside the input" }),
            }
        }
        Ok((event.job, values, event.output))
    }

    /// Reads a sample that came as rows of bytes.
    fn rows(&mut self, index: u32, address: u32, first: &LayerView) -> Result<(u16, Vec<u8>, u32), Violation> {
        let words: [u32; HRC_WORDS] = self.read_words(address, HRC_WORDS)?.try_into().expect("as many as asked for");
        let wrong =
            Violation::Descriptor { dma: self.hrc.name, index, words: [words[0], words[1], words[2], words[3]] };
        let hrc = Hrc::decode(&words).ok_or(wrong)?;
        let kind = self.words.get(&(EPG + epg_00::OFFSET)).copied().unwrap_or(0);
        let channels = self.mesh.input_channels().unwrap_or(0);
        if !epg_00::DENSE.is_set(kind) || channels == 0 || !hrc.row_bytes.is_multiple_of(channels) {
            return Err(Violation::Input { what: "rows of bytes that the routing or the input unit does not expect" });
        }
        let (width, height) = (hrc.rows, hrc.row_bytes / channels);
        let total = u64::from(hrc.rows) * u64::from(hrc.row_bytes);
        if (width, height) != (first.width, first.height) || total > 32 * first.blocks as u64 {
            return Err(Violation::Input { what: "rows of another shape than the first layer's input" });
        }
        let mut bytes = vec![0; total as usize];
        if !self.memory.contains(hrc.input, bytes.len()) {
            return Err(Violation::Unmapped { address: hrc.input, bytes: bytes.len() });
        }
        self.read_memory(hrc.input, &mut bytes, "device")?;
        let mut values = vec![0; 32 * first.blocks];
        for (at, &byte) in bytes.iter().enumerate() {
            let (row, rest) = (at / hrc.row_bytes as usize, at % hrc.row_bytes as usize);
            let (y, channel) = (rest / channels as usize, rest % channels as usize);
            values[row + width as usize * (y + height as usize * channel)] = byte;
        }
        Ok((hrc.job, values, hrc.output))
    }

    /// Writes data, then the header.
    fn put_out(
        &mut self,
        which: Which,
        output: u32,
        outputs: &[i32],
        has_activation: bool,
        fault: Option<JobFault>,
    ) -> Result<(), Violation> {
        let header_bytes = if self.controller(which).writes_header() { HEADER_BYTES } else { 0 };
        let data_at = output.wrapping_add(header_bytes);
        let clear_words = self.controller(which).clear_words();
        if let Some(words) = clear_words {
            if !self.memory.contains(data_at, 4 * words as usize) {
                return Err(Violation::Unmapped { address: data_at, bytes: 4 * words as usize });
            }
            self.write_words(data_at, &vec![0; words as usize])?;
        }
        let mut count = if self.mesh.is_output_dense() {
            self.put_dense(data_at, outputs, has_activation, clear_words.is_some())?
        } else {
            // All potentials; of activations those that are not zero.
            let events = outputs.iter().zip(0_u32..).filter(|(value, _)| !has_activation || **value != 0);
            let mut words: Vec<u32> =
                events.flat_map(|(&value, index)| [index, 1 << 31 | value as u32 & 0x3FF_FFFF]).collect();
            if let Some(JobFault::Short { choice }) = fault {
                words.truncate(2 * (choice as usize % (words.len() / 2 + 1)));
            }
            self.write_words(data_at, &words)?;
            words.len() as u32
        };
        match fault {
            // More than any program can put out, or no whole events.
            Some(JobFault::Header { choice }) if choice & 1 == 0 => count = 0x0800_0000 | (choice >> 8) as u32,
            Some(JobFault::Header { choice }) => count = count.wrapping_add(1 + ((choice >> 8) as u32 & !1)),
            _ => {}
        }
        if header_bytes > 0 {
            self.write_words(output, &[count, 0, 0, 0, 0, 0, 0, 0])?;
        }
        Ok(())
    }

    /// Dense outputs: only what is not zero is written, between zeros if the buffer was cleared.
    fn put_dense(
        &mut self,
        at: u32,
        outputs: &[i32],
        has_activation: bool,
        is_cleared: bool,
    ) -> Result<u32, Violation> {
        let unit_bytes = if has_activation { 1 } else { 4 };
        let bytes: Vec<u8> =
            outputs.iter().flat_map(|value| value.to_le_bytes().into_iter().take(unit_bytes)).collect();
        if is_cleared {
            self.memory.write(at, &bytes)?;
        } else {
            for (index, unit) in
                bytes.chunks_exact(unit_bytes).enumerate().filter(|(_, unit)| unit.iter().any(|b| *b != 0))
            {
                self.memory.write(at.wrapping_add((index * unit_bytes) as u32), unit)?;
            }
        }
        Ok(bytes.len().div_ceil(4) as u32)
    }
}

/// External weights of the processor with this id, from where its pointer register says.
fn image(
    memory: &mut Memory,
    words: &BTreeMap<u32, u32>,
    notes_unwritten: bool,
    id: u8,
    count: usize,
) -> Result<Vec<u32>, Violation> {
    let pointer = CORE + fnp2_0::OFFSET + 4 * u32::from(id);
    debug_assert!(pointer <= CORE + fnp2_3::OFFSET);
    let address = words.get(&pointer).copied().unwrap_or(0);
    if !memory.contains(address, 4 * count) {
        return Err(Violation::Unmapped { address, bytes: 4 * count });
    }
    let mut bytes = vec![0; 4 * count];
    if !memory.read(address, &mut bytes)? && notes_unwritten {
        return Err(Violation::Unwritten { address, bytes: bytes.len(), by: "device" });
    }
    Ok(bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect())
}

/// The header of a read request stands alone: its payload is what is asked for.
fn read_header(words: [u32; 2]) -> Result<Header, Violation> {
    let wrong = |what| Violation::Packet { at: 0, length: 2, what };
    // The payload's words are not there: any value stands for them.
    let length = if words[1] >> 31 == 1 { 16 } else { 1 } * (words[1] >> 16 & 0x3FFF) as usize;
    let parsed = packets(|at| words.get(at).copied().unwrap_or(0), 2 + length).next();
    match parsed {
        Some(Ok((header, _))) if header.words <= MOST_READ_WORDS => Ok(header),
        Some(Ok(_)) => Err(wrong("more words asked for than can be read")),
        _ => Err(wrong("a header that addresses nothing")),
    }
}

fn check_alignment(address: u32) -> Result<(), Violation> {
    if address.is_multiple_of(4) { Ok(()) } else { Err(Violation::Width { address, bytes: 4 }) }
}

fn is_register(address: u32) -> bool {
    let registers: [Range<u32>; 2] = [CORE..CORE + CORE_BYTES, 0xF000_0000..0xF800_0000];
    registers.iter().any(|range| range.contains(&address))
}

fn controller_at(address: u32) -> Option<(Which, u32)> {
    [(CONFIG_DMA, Which::Config), (EVENT_DMA, Which::Event), (HRC_DMA, Which::Hrc)]
        .into_iter()
        .map(|(base, which)| (which, address.wrapping_sub(base)))
        .find(|(_, offset)| *offset < CONTROLLER_BYTES)
}
