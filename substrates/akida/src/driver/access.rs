//! Patches and read-back.

use std::ops::Range;

use forebay_substrate::WeightPatch;

use crate::chip::descriptor::Config;
use crate::device::{Np, NpKind};
use crate::packet::{Header, TARGET_REGISTERS, TARGET_WEIGHTS, packets};
use crate::program::{DeviceWrite, PatchError};
use crate::registers::REGISTERS;

use super::configure::bytes_of;
use super::{Checking, Driver, DriverError, ProgramId};

/// Most words that can be asked for in one read \[E\].
const MOST_WORDS: usize = 16_382;

/// A patch that was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchFailure {
    /// One of the patches is of something that does not exist; nothing was changed.
    #[error("patch {place} cannot be made")]
    Patch {
        /// Place in the slice.
        place: usize,
        /// Why not.
        #[source]
        source: PatchError,
    },
    /// The device failed; it is set up again without these patches before its next use.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

impl Driver {
    /// Changes weights of a program that stays loaded: all of them, or none.
    ///
    /// External weights and those of programs with several passes are changed where they lie in memory, at most six words a
    /// weight; the others by configuration writes of the blocks that [`Options::blocks`](super::Options::blocks) says.
    ///
    /// # Errors
    /// [`PatchFailure`].
    pub fn patch(&mut self, id: ProgramId, patches: &[WeightPatch]) -> Result<(), PatchFailure> {
        let is_idle = self.queue.is_empty();
        let program = &self.resident(id)?.program;
        for (place, patch) in patches.iter().enumerate() {
            program.check_patch(patch).map_err(|source| PatchFailure::Patch { place, source })?;
        }
        if !is_idle {
            let instead = "fetch them first".to_owned();
            return Err(DriverError::State { what: "samples are under way", instead }.into());
        }
        let old = program.clone();
        let mut new = program.clone();
        let mut changes = Vec::new();
        for (place, patch) in patches.iter().enumerate() {
            changes.extend(new.patch(patch).map_err(|source| PatchFailure::Patch { place, source })?);
        }
        let writes = new.device_writes(&changes, self.options.blocks);
        let trusted = match self.options.checking {
            Checking::Never => 0,
            Checking::First => 2,
            Checking::Every => usize::MAX,
        };
        let resident = self.resident(id)?;
        resident.program = new;
        let result = self.guarded(|driver| writes.iter().try_for_each(|write| driver.send(id, write)));
        let resident = self.resident(id)?;
        match result {
            Ok(()) => {
                resident.exact = None;
                resident.unchecked = trusted;
                Ok(())
            }
            Err(error) => {
                resident.program = old;
                Err(error.into())
            }
        }
    }

    fn send(&mut self, id: ProgramId, write: &DeviceWrite) -> Result<(), DriverError> {
        match write {
            DeviceWrite::Packet { words } => self.configure(&bytes_of(words)),
            DeviceWrite::Image { np, word, words } => {
                let images = &self.resident(id)?.images;
                let piece = images.iter().find(|(_, owner, _)| owner == np).map(|(_, _, piece)| *piece);
                let piece = piece.ok_or(DriverError::State {
                    what: "the weights cannot be changed",
                    instead: "their image is not on the device".to_owned(),
                })?;
                Ok(self.bus.write_block(piece.address + 4 * *word as u32, &bytes_of(words))?)
            }
            DeviceWrite::Kept { offset, words } => {
                let resident = self.resident(id)?;
                let at = resident.program.info_bytes() + offset;
                let kept = resident.kept.iter().find(|(span, _)| span.contains(&at));
                let (span, piece) = kept.ok_or(DriverError::State {
                    what: "the weights cannot be changed",
                    instead: "their track is not on the device".to_owned(),
                })?;
                let address = piece.address + (at - span.start) as u32;
                Ok(self.bus.write_block(address, &bytes_of(words))?)
            }
        }
    }

    /// Reads registers of a processor back through the configuration DMA: `(column, row, id)`, the input unit if `None`.
    ///
    /// # Errors
    /// [`DriverError::State`] while a program of several passes is loaded: its ring is the device's own.
    pub fn read_registers(&mut self, np: Option<(u8, u8, u8)>, words: usize) -> Result<Vec<u32>, DriverError> {
        let header = Header { processor: np, target: TARGET_REGISTERS, start: 0, words };
        self.read_back(&header)
    }

    /// Reads what a configuration header addresses.
    ///
    /// # Errors
    /// As [`read_registers`](Self::read_registers).
    pub fn read_back(&mut self, header: &Header) -> Result<Vec<u32>, DriverError> {
        let state =
            |instead: &str| Err(DriverError::State { what: "processors cannot be read", instead: instead.to_owned() });
        if self.config_ring.is_none() {
            return state("no program is loaded: load one first");
        }
        if self.programs.values().any(|resident| resident.program.passes() > 1) {
            return state("the program has several passes, and its configuration ring belongs to the device");
        }
        if header.words == 0 || header.words > MOST_WORDS {
            return state("1 to 16382 words can be read at once");
        }
        self.guarded(|driver| driver.read_back_now(header))
    }

    fn read_back_now(&mut self, header: &Header) -> Result<Vec<u32>, DriverError> {
        let bytes = 8 + 4 * header.words;
        let piece = self.take_memory(bytes)?;
        let result = self.bus.write_block(piece.address, &bytes_of(&header.encode())).map_err(DriverError::from);
        let result = result.and_then(|()| {
            self.transfer(&Config::Read { input: piece.address, output: piece.address + 8 })?;
            let mut data = vec![0; 4 * header.words];
            self.bus.read_block(piece.address + 8, &mut data)?;
            Ok(words_of(&data))
        });
        self.give_back(piece);
        result
    }

    /// Words of a layer's neuron memory as they are on the device.
    ///
    /// With several passes this is the copy in memory from which processors are configured.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn read_weights(&mut self, id: ProgramId, layer: usize, words: Range<usize>) -> Result<Vec<u32>, DriverError> {
        let resident = self.resident(id)?;
        let missing = || DriverError::State {
            what: "there are no such words",
            instead: "layer or range is outside the program".to_owned(),
        };
        let placed = resident.program.layers().get(layer).ok_or_else(missing)?;
        let total = placed.memory.len() / 4;
        if words.start > words.end || words.end > total {
            return Err(missing());
        }
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let Np { col, row, id: slot, kind } = placed.np;
        let image = resident.images.iter().find(|(owner, _, _)| *owner == layer).map(|(_, _, piece)| *piece);
        let start = placed.memory.start;
        let kept = resident.kept.iter().find(|(span, _)| span.contains(&start)).map(|(s, piece)| (s.start, *piece));
        let address = match (kind, image, kept) {
            (NpKind::Fnp2, Some(piece), _) => Some(piece.address),
            (NpKind::Fnp3, _, Some((span, piece))) => Some(piece.address + (start - span) as u32),
            _ => None,
        };
        let Some(address) = address else {
            // Whole, from address 0: partial reads are as unknown as partial writes.
            let header = Header { processor: Some((col, row, slot)), target: TARGET_WEIGHTS, start: 0, words: total };
            return Ok(self.read_back(&header)?[words].to_vec());
        };
        self.guarded(|driver| {
            let mut data = vec![0; 4 * words.len()];
            driver.bus.read_block(address + 4 * words.start as u32, &mut data)?;
            Ok(words_of(&data))
        })
    }

    /// Reads a program back, registers and weights, and compares it with what should be there.
    ///
    /// With several passes only memory is compared: processors are configured from it with every sample.
    ///
    /// # Errors
    /// [`DriverError::Mismatch`] naming the first word that differs; others as [`read_weights`](Self::read_weights).
    pub fn verify(&mut self, id: ProgramId) -> Result<(), DriverError> {
        let program = self.resident(id)?.program.clone();
        for (layer, placed) in program.layers().iter().enumerate() {
            if program.passes() == 1 {
                let Np { col, row, id: slot, .. } = placed.np;
                let expected = registers_of(&program, (col, row, slot));
                let found = self.read_registers(Some((col, row, slot)), REGISTERS)?;
                compare(layer, "register", &expected, &found)?;
            }
            let expected: Vec<u32> = program.neuron_words(layer).collect();
            let found = self.read_weights(id, layer, 0..expected.len())?;
            compare(layer, "weight memory", &expected, &found)?;
        }
        Ok(())
    }
}

fn compare(layer: usize, what: &'static str, expected: &[u32], found: &[u32]) -> Result<(), DriverError> {
    match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        None => Ok(()),
        Some(word) => Err(DriverError::Mismatch { layer, what, word, expected: expected[word], found: found[word] }),
    }
}

/// The register block of a processor, as the program's tracks have it.
fn registers_of(program: &crate::program::Program, np: (u8, u8, u8)) -> Vec<u32> {
    let tracks = program.layout().passes.iter().flatten().flat_map(|record| &record.tracks);
    for track in tracks {
        let stream = words_of(&program.bytes()[track.clone()]);
        for (header, payload) in packets(|at| stream[at], stream.len()).flatten() {
            if header.processor == Some(np) && header.target == TARGET_REGISTERS {
                return stream[payload].to_vec();
            }
        }
    }
    Vec::new()
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
}
