//! The configuration of a program: its streams and external weights, in one pass or in several, and the routing to it.
//!
//! # Source
//! specs/device-interface.md, "programming in one pass", "in several passes", "batch".

use crate::chip::address::{CORE, EPG, INTERRUPT};
use crate::chip::descriptor::{Config, HRC_WORDS};
use crate::chip::dma::buf_mon_status;
use crate::chip::event::InputFormat;
use crate::chip::top::{fnp2_0, int_control, int_mask};
use crate::device::Device;
use crate::packet::packets;
use crate::program::{Layout, Program};

use super::engine::NONE;
use super::{Checking, Driver, DriverError, Piece, ProgramId, Resident};

/// Samples that are compared with exact arithmetic before trust begins.
const FIRST: usize = 2;
/// Index of the last container in a ring that never ends \[E\].
const ENDLESS: u32 = 0xFE;

impl Driver {
    /// Sends the configuration of a program, and leaves its external weights in memory. Memory it took is given back if
    /// that fails.
    pub(super) fn place(&mut self, program: Program) -> Result<Resident, DriverError> {
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
    pub(super) fn finish_programming(&mut self, id: ProgramId) -> Result<(), DriverError> {
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
