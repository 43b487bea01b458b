//! The three DMA controllers at work: configuration, samples, and the passes between them.

use std::collections::BTreeMap;

use forebay_akida::chip::address::{CORE, EPG};
use forebay_akida::chip::descriptor::{Config, WORDS};
use forebay_akida::chip::dma::HEADER_BYTES;
use forebay_akida::chip::top::{CORE_RESET, NP_RESET, epg_00, epg_10, fnp2_0, fnp2_3, general};
use forebay_akida::packet::{Header, packets};

use super::{Chip, Which};
use crate::fault::JobFault;
use crate::memory::Memory;
use crate::mesh::Outcome;
use crate::violation::Violation;

/// Longest payload of a packet that can be asked for.
const MOST_READ_WORDS: usize = 16_382;

impl Chip {
    /// Takes containers as long as there are any.
    pub(super) fn work(&mut self, which: Which) -> Result<(), Violation> {
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
    pub(super) fn burst(&mut self) -> Result<(), Violation> {
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
