//! Resets and programming.
//!
//! # Source
//! specs/device-interface.md, "resets", "programming in one pass", "in several passes", "batch".

use std::time::Duration;

use crate::bus::BusError;
use crate::chip::Field;
use crate::chip::address::{CORE, EPG, INTERRUPT};
use crate::chip::descriptor::{Config, HRC_WORDS, WORDS};
use crate::chip::dma::{
    HEADER_BYTES, MOST_CONTAINERS, UNIT_BYTES, buf_mon_ctrl, buf_mon_status, burst, cont_addr, cont_size, ctrl, delays,
    extra, max_ob, replay,
};
use crate::chip::event::InputFormat;
use crate::chip::top::{CORE_RESET, NP_RESET, SEVERAL_PASSES, fnp2_0, general, int_control, int_mask};
use crate::device::Device;
use crate::packet::packets;
use crate::program::{Layout, Program};

use super::engine::{Engine, MASKS, NONE, ONLY_BURSTS, ONLY_OUTBOUND};
use super::{Checking, Driver, DriverError, Piece, ProgramId, Resident, State};

/// Every step of a reset \[E\].
const SETTLE: Duration = Duration::from_millis(1);
/// Between two attempts to bring a device back.
const RETRY: Duration = Duration::from_millis(50);
/// Attempts to bring a device back, however long they take.
const ATTEMPTS: usize = 3;
/// Samples that are compared with exact arithmetic before trust begins.
const FIRST: usize = 2;
/// Wait between descriptors, several passes \[E\].
const PASS_DELAY: u32 = 0x60;
/// Index of the last container in a ring that never ends \[E\].
const ENDLESS: u32 = 0xFE;

impl Driver {
    /// Resets the device and puts this program on it, alone.
    ///
    /// # Errors
    /// [`DriverError::Device`], [`DriverError::Memory`], [`DriverError::Unaddressable`]: nothing was changed. Others: what
    /// was loaded is gone.
    pub fn load(&mut self, program: Program) -> Result<ProgramId, DriverError> {
        self.check(&program)?;
        let id = self.new_id();
        // What a device in doubt held is of no use any more.
        if self.state == State::Doubtful {
            self.programs.clear();
        }
        self.guarded(|driver| {
            driver.unprogram_now()?;
            driver.programs.clear();
            driver.start_configuration(&program)?;
            driver.add(id, program)
        })?;
        Ok(id)
    }

    /// Puts a program beside those that are loaded, without touching them.
    ///
    /// # Errors
    /// [`DriverError::Shared`] with what it collides; otherwise as [`load`](Self::load), with the others unchanged.
    pub fn load_beside(&mut self, program: Program) -> Result<ProgramId, DriverError> {
        self.check(&program)?;
        if let Some(conflict) = self.programs.values().find_map(|other| other.program.conflict(&program)) {
            return Err(DriverError::Shared { conflict });
        }
        if self.programs.is_empty() {
            return self.load(program);
        }
        let id = self.new_id();
        self.guarded(|driver| {
            // What was unloaded is still on its processors, and might take the events of this one.
            if driver.has_leftovers {
                driver.load_again()?;
            }
            driver.add(id, program)
        })?;
        Ok(id)
    }

    fn new_id(&mut self) -> ProgramId {
        self.next_id += 1;
        ProgramId(self.next_id)
    }

    /// Takes a program off the device; if it was the only one, the device is reset.
    ///
    /// # Errors
    /// [`DriverError`] if the device does not answer; the program is gone in any case.
    pub fn unload(&mut self, id: ProgramId) -> Result<(), DriverError> {
        let Some(resident) = self.programs.remove(&id) else { return Ok(()) };
        if self.selected == Some(id) {
            self.selected = None;
            self.queue.clear();
            self.unannounced = None;
        }
        resident.pieces().for_each(|piece| self.give_back(piece));
        self.has_leftovers = true;
        if self.programs.is_empty() { self.unprogram() } else { Ok(()) }
    }

    /// Resets the core and all processors; no program is left.
    ///
    /// # Errors
    /// [`DriverError`] if the device does not answer.
    pub fn unprogram(&mut self) -> Result<(), DriverError> {
        self.programs.clear();
        if self.state == State::Doubtful {
            return self.recover();
        }
        self.guarded(Self::unprogram_now)
    }

    /// Resets the device and loads all programs again, with all patches; from outside the core if it must be.
    ///
    /// # Errors
    /// [`DriverError::Dead`] if the device does not come back; it is then given up.
    pub fn recover(&mut self) -> Result<(), DriverError> {
        if let State::Dead(why) = &self.state {
            return Err(DriverError::Dead { why: why.clone() });
        }
        self.recoveries += 1;
        let start = self.bus.now();
        let mut attempts = 0;
        // A link that is down may come back: attempts go on for twice as long as any answer may take.
        let error = loop {
            let Err(error) = self.load_again() else {
                self.state = State::Sound;
                return Ok(());
            };
            attempts += 1;
            if attempts >= ATTEMPTS && self.bus.now().saturating_sub(start) > 2 * self.options.deadline {
                break error;
            }
            match self.bus.reset() {
                Ok(()) | Err(BusError::Unsupported { .. }) => {}
                Err(gone) => break gone.into(),
            }
            self.bus.pause(RETRY);
        };
        let why = chain(&error);
        self.state = State::Dead(why.clone());
        Err(DriverError::Dead { why })
    }

    /// Refuses what the device cannot run before anything is touched.
    fn check(&self, program: &Program) -> Result<(), DriverError> {
        if program.device() != self.device {
            return Err(DriverError::Device { program: program.device(), device: self.device });
        }
        program.layout().input.check(program.input_shape())?;
        Ok(())
    }

    fn load_again(&mut self) -> Result<(), DriverError> {
        let found = super::which(&mut *self.bus)?;
        if found != self.device {
            return Err(DriverError::Device { program: self.device, device: found });
        }
        let selected = self.selected;
        self.unprogram_now()?;
        let programs: Vec<(ProgramId, Program)> =
            self.programs.iter().map(|(&id, resident)| (id, resident.program.clone())).collect();
        for (id, program) in programs {
            if self.config_ring.is_none() {
                self.start_configuration(&program)?;
            }
            let resident = self.place(program)?;
            self.programs.insert(id, resident);
            self.finish_programming(id)?;
        }
        match selected.filter(|id| self.programs.contains_key(id)) {
            Some(selected) => self.select(selected),
            None => Ok(()),
        }
    }

    pub(super) fn reset_core(&mut self) -> Result<(), DriverError> {
        self.pulse(CORE_RESET)?;
        // A processor may still be busy with its input memory.
        self.bus.pause(SETTLE);
        self.pulse(NP_RESET)
    }

    /// Reset bits are levels: set, wait, cleared, wait.
    fn pulse(&mut self, bits: u32) -> Result<(), DriverError> {
        let at = CORE + general::OFFSET;
        let word = self.read(at)?;
        self.write((at, word | bits))?;
        self.bus.pause(SETTLE);
        self.write((at, word & !bits))?;
        self.bus.pause(SETTLE);
        Ok(())
    }

    fn unprogram_now(&mut self) -> Result<(), DriverError> {
        self.queue.clear();
        self.unannounced = None;
        self.selected = None;
        self.config_ring = None;
        self.input_ring = None;
        self.depth = 0;
        self.has_leftovers = false;
        self.device_memory.clear();
        if let Some(host) = &mut self.host_memory {
            host.clear();
        }
        self.reset_core()?;
        self.engines.forget();
        self.set_timers()
    }

    /// Timer enables are lost with a reset; the clock counter is not used \[E\].
    pub(super) fn set_timers(&mut self) -> Result<(), DriverError> {
        for which in [Which::Event, Which::Hrc] {
            let value = self.read(self.engine(which).at(buf_mon_ctrl::OFFSET))?;
            let engine = self.engine_mut(which);
            engine.buf_mon_ctrl = value & !0b111;
            let write = engine.monitor(buf_mon_ctrl::TIMER_EN, 0);
            self.write(write)?;
        }
        Ok(())
    }

    /// The configuration DMA, for one pass or several.
    fn start_configuration(&mut self, program: &Program) -> Result<(), DriverError> {
        let layout = program.layout();
        let several = program.passes() > 1;
        let containers = if several { program.passes() * layout.descriptors } else { 2 };
        if containers > MOST_CONTAINERS {
            let instead = format!("{containers} descriptors are more than a ring of {MOST_CONTAINERS} holds");
            return Err(DriverError::State { what: "the program has too many passes", instead });
        }
        let ring = self.take_memory(containers * WORDS * 4)?;
        self.config_ring = Some(ring);
        let at = CORE + general::OFFSET;
        let word = self.read(at)?;
        let passes = if several { SEVERAL_PASSES } else { 0 };
        self.write((at, general::PR_MESH_RST_END.with(word, passes)))?;
        let highest = containers as u32 - 1;
        self.start_engine(Which::Config, ring, UNIT_BYTES, highest)?;
        self.rmw_monitor(Which::Config, MASKS, if several { ONLY_BURSTS } else { ONLY_OUTBOUND })?;
        let at = |offset| self.engines.config.at(offset);
        let (replay_word, burst_word, delay) = if several {
            (replay::MAX_BURST.mask(), burst::DESCRIPTORS.of(layout.descriptors as u32), delays::START.of(PASS_DELAY))
        } else {
            (0, 0, 0)
        };
        let writes = [(at(replay::OFFSET), replay_word), (at(burst::OFFSET), burst_word), (at(delays::OFFSET), delay)];
        for write in writes {
            self.write(write)?;
        }
        self.set_header(Which::Config, false)?;
        self.rmw_monitor(Which::Config, buf_mon_ctrl::TIMER_EN, 1)?;
        if several {
            self.write((self.engines.config.at(extra::OFFSET), extra::LAST.of(highest)))?;
            self.write((self.engines.config.at(max_ob::OFFSET), max_ob::DESCRIPTORS.of(2)))?;
        }
        Ok(())
    }

    /// Soft reset, ring, ring size.
    pub(super) fn start_engine(
        &mut self,
        which: Which,
        ring: Piece,
        container: u32,
        highest: u32,
    ) -> Result<(), DriverError> {
        let engine = self.engine_mut(which);
        engine.forget();
        (engine.ring, engine.container_bytes, engine.highest) = (ring.address, container, highest);
        let size = cont_size::HIGHEST.of(highest) | cont_size::UNITS.of(container / UNIT_BYTES);
        let base = engine.base;
        let writes = [
            (base + ctrl::OFFSET, ctrl::SOFT_RESET.mask()),
            (base + cont_addr::OFFSET, ring.address),
            (base + cont_size::OFFSET, size),
        ];
        for write in writes {
            self.write(write)?;
        }
        Ok(())
    }

    /// Whether outputs begin with a header; the header's size is always set.
    pub(super) fn set_header(&mut self, which: Which, is_written: bool) -> Result<(), DriverError> {
        let at = self.engine(which).at(ctrl::OFFSET);
        let word = self.read(at)?;
        if ctrl::SOFT_RESET.is_set(word) {
            let (register, written) = (crate::chip::name(at), ctrl::SOFT_RESET.mask());
            return Err(DriverError::Stuck { register, written, found: word });
        }
        let word = ctrl::WR_INFO_EN.with(word, is_written.into()) | ctrl::WR_INFO_HDR.mask();
        let word = ctrl::HEADER_BYTES.with(word, HEADER_BYTES);
        self.engine_mut(which).ctrl = word;
        self.write((at, word))
    }

    pub(super) fn rmw_monitor(&mut self, which: Which, field: Field, value: u32) -> Result<(), DriverError> {
        let word = self.read(self.engine(which).at(buf_mon_ctrl::OFFSET))?;
        let engine = self.engine_mut(which);
        engine.buf_mon_ctrl = word & !0b111;
        let write = engine.monitor(field, value);
        self.write(write)
    }

    /// Places a program and routes samples to it; on an error it is not there, and its memory is given back.
    fn add(&mut self, id: ProgramId, program: Program) -> Result<(), DriverError> {
        let selected = self.selected;
        let resident = self.place(program)?;
        self.programs.insert(id, resident);
        let result = self.finish_programming(id);
        if result.is_err() {
            if let Some(resident) = self.programs.remove(&id) {
                resident.pieces().for_each(|piece| self.give_back(piece));
            }
            self.selected = selected;
            self.has_leftovers = true;
        }
        result
    }

    /// Sends the configuration of a program, and leaves its external weights in memory. Memory it took is given back if
    /// that fails.
    fn place(&mut self, program: Program) -> Result<Resident, DriverError> {
        let mut resident = Resident::new(program);
        resident.unchecked = match self.options.checking {
            Checking::Never => 0,
            Checking::First => FIRST,
            Checking::Every => usize::MAX,
        };
        let placed = if resident.program.passes() > 1 {
            self.place_passes(&mut resident)
        } else {
            self.place_one_pass(&mut resident)
        };
        match placed {
            Ok(()) => Ok(resident),
            Err(error) => {
                resident.pieces().for_each(|piece| self.give_back(piece));
                self.has_leftovers = true;
                Err(error)
            }
        }
    }

    fn place_one_pass(&mut self, resident: &mut Resident) -> Result<(), DriverError> {
        let layout: Layout = resident.program.layout().clone();
        let mut layer = 0;
        for record in layout.passes.iter().flatten() {
            for track in &record.tracks {
                let bytes = resident.program.bytes()[track.clone()].to_vec();
                self.configure(&bytes)?;
            }
            self.place_image(resident, record, &mut layer)?;
        }
        Ok(())
    }

    /// External weights stay where they are put, as long as the program is loaded.
    fn place_image(
        &mut self,
        resident: &mut Resident,
        record: &crate::program::Record,
        layer: &mut usize,
    ) -> Result<(), DriverError> {
        if let Some((np, span)) = &record.image {
            let piece = self.take_device_memory(span.len())?;
            resident.images.push((*layer, *np, piece));
            self.bus.write_block(piece.address, &resident.program.bytes()[span.clone()])?;
            self.write((CORE + fnp2_0::OFFSET + 4 * u32::from(np.id), piece.address))?;
        }
        let has_layer = record.image.is_some() || record.tracks.iter().any(|t| !is_input_unit(&resident.program, t));
        *layer += usize::from(has_layer);
        Ok(())
    }

    /// Sends one configuration stream through a copy in memory.
    pub(super) fn configure(&mut self, stream: &[u8]) -> Result<(), DriverError> {
        let piece = self.take_memory(stream.len())?;
        let result =
            self.bus.write_block(piece.address, stream).map_err(DriverError::from).and_then(|()| {
                self.transfer(&Config::Write { input: piece.address, words: (stream.len() / 4) as u32 })
            });
        self.give_back(piece);
        result
    }

    /// One transfer of the configuration DMA, in one pass: announced, started, waited for, stopped.
    pub(super) fn transfer(&mut self, descriptor: &Config) -> Result<(), DriverError> {
        self.announce_config(descriptor)?;
        let start = self.engines.config.run(true);
        self.write(start)?;
        let status = self.engines.config.at(buf_mon_status::OFFSET);
        self.wait_for("a configuration transfer did not end", status, |word| buf_mon_status::INT_OB.is_set(word))?;
        self.engines.config.cur = self.engines.config.last;
        let (clear, stop) = (self.engines.config.clear(), self.engines.config.run(false));
        self.write(clear)?;
        self.write(stop)
    }

    /// Writes the next container of the configuration ring and makes it valid.
    fn announce_config(&mut self, descriptor: &Config) -> Result<(), DriverError> {
        let (index, address) = self.engines.config.after(self.engines.config.last);
        self.bus.write_block(address, &bytes_of(&descriptor.encode()))?;
        let announce = self.engines.config.make_valid(index);
        self.write(announce)
    }

    /// Several passes: all configuration stays in memory, and the device fetches it anew in each pass.
    fn place_passes(&mut self, resident: &mut Resident) -> Result<(), DriverError> {
        let layout: Layout = resident.program.layout().clone();
        let dummy_output = self.fixed(resident, 4)?;
        // The descriptor that the hardware writes, and its payload word.
        self.fixed(resident, HRC_WORDS * 4)?;
        self.fixed(resident, 4)?;
        // Filler reads write here; a value that is never read would be one more unknown.
        self.bus.write_block(dummy_output.address, &[0; 4])?;
        let span = layout.dummy_header.clone().ok_or(DriverError::State {
            what: "the program cannot be loaded",
            instead: "it has several passes and no dummy header".to_owned(),
        })?;
        let dummy = self.fixed(resident, span.len())?;
        self.bus.write_block(dummy.address, &resident.program.bytes()[span])?;
        let filler = Config::Read { input: dummy.address, output: dummy_output.address };
        let mut layer = 0;
        for pass in &layout.passes {
            let mut announced = 0;
            for record in pass {
                for track in &record.tracks {
                    let piece = self.take_device_memory(track.len())?;
                    resident.kept.push((track.clone(), piece));
                    self.bus.write_block(piece.address, &resident.program.bytes()[track.clone()])?;
                    self.announce_config(&Config::Write { input: piece.address, words: (track.len() / 4) as u32 })?;
                    announced += 1;
                }
                self.place_image(resident, record, &mut layer)?;
            }
            for _ in announced..layout.descriptors {
                self.announce_config(&filler)?;
            }
        }
        Ok(())
    }

    fn fixed(&mut self, resident: &mut Resident, bytes: usize) -> Result<Piece, DriverError> {
        let piece = self.take_device_memory(bytes)?;
        resident.fixed.push(piece);
        Ok(piece)
    }

    /// Routing, start of several passes, interrupt controller, then the input side.
    fn finish_programming(&mut self, id: ProgramId) -> Result<(), DriverError> {
        let several = self.resident(id)?.program.passes() > 1;
        let is_first = self.input_ring.is_none();
        // Before anything is changed for the others: memory may be short.
        self.take_buffers(id)?;
        self.route(id)?;
        if several {
            // The ring never ends: the device walks it again with every sample.
            let engine = &mut self.engines.config;
            engine.cur = NONE;
            let endless = engine.make_valid(ENDLESS);
            let start = engine.run(true);
            self.write(endless)?;
            self.write(start)?;
            let status = self.engines.config.at(buf_mon_status::OFFSET);
            let is_done = |word| buf_mon_status::INT_BURST.is_set(word);
            self.wait_for("the configuration of the first pass did not end", status, is_done)?;
            let clear = self.engines.config.clear();
            self.write(clear)?;
        }
        let is_dense = self.resident(id)?.program.layout().input == InputFormat::Dense;
        let unmasked = if is_dense { int_mask::HRC } else { int_mask::AE_DMA };
        self.write((INTERRUPT + int_mask::OFFSET, !unmasked.mask()))?;
        self.write((INTERRUPT + int_control::OFFSET, int_control::ENABLE.mask()))?;
        self.selected = Some(id);
        if is_first { self.start_input(id) } else { self.set_output_clearing(id) }
    }

    /// Sends samples to this program from now on.
    pub(super) fn select(&mut self, id: ProgramId) -> Result<(), DriverError> {
        if self.selected == Some(id) {
            return Ok(());
        }
        debug_assert!(self.queue.is_empty());
        // The input unit has one set of registers for all; on the AKD1000 they are the same in every program.
        if self.device != Device::Akd1000 {
            let resident = self.resident(id)?;
            let tracks = resident.program.layout().passes.first().into_iter().flatten().flat_map(|r| r.tracks.clone());
            let tracks: Vec<_> = tracks.filter(|track| is_input_unit(&resident.program, track)).collect();
            for track in tracks {
                let bytes = self.resident(id)?.program.bytes()[track].to_vec();
                self.configure(&bytes)?;
            }
        }
        self.route(id)?;
        self.set_output_clearing(id)?;
        self.selected = Some(id);
        Ok(())
    }

    fn route(&mut self, id: ProgramId) -> Result<(), DriverError> {
        for (offset, value) in self.resident(id)?.program.layout().epg.clone() {
            self.write((EPG + offset, value))?;
        }
        Ok(())
    }

    pub(super) fn engine(&self, which: Which) -> &Engine {
        match which {
            Which::Config => &self.engines.config,
            Which::Event => &self.engines.event,
            Which::Hrc => &self.engines.hrc,
        }
    }

    pub(super) fn engine_mut(&mut self, which: Which) -> &mut Engine {
        match which {
            Which::Config => &mut self.engines.config,
            Which::Event => &mut self.engines.event,
            Which::Hrc => &mut self.engines.hrc,
        }
    }
}

/// A DMA controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Config,
    Event,
    Hrc,
}

/// Whether a configuration stream is for the input unit alone.
fn is_input_unit(program: &Program, track: &std::ops::Range<usize>) -> bool {
    let stream = &program.bytes()[track.clone()];
    let word = |at: usize| {
        let at = 4 * at;
        u32::from_le_bytes([stream[at], stream[at + 1], stream[at + 2], stream[at + 3]])
    };
    packets(word, stream.len() / 4).all(|packet| packet.is_ok_and(|(header, _)| header.processor.is_none()))
}

pub(super) fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Resident {
    fn new(program: Program) -> Self {
        Self {
            program,
            exact: None,
            unchecked: 0,
            images: Vec::new(),
            kept: Vec::new(),
            fixed: Vec::new(),
            buffers: None,
        }
    }

    /// All memory it holds.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let images = self.images.iter().map(|(_, _, piece)| *piece);
        let kept = self.kept.iter().map(|(_, piece)| *piece);
        let buffers = self.buffers.iter().flat_map(|buffers| [buffers.inputs, buffers.outputs]);
        images.chain(kept).chain(self.fixed.iter().copied()).chain(buffers).collect::<Vec<_>>().into_iter()
    }
}
