//! A program on a board: its shape, patches, read-back, streams of samples, and its end.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use forebay_substrate::{Loaded, OutputKind, ProgramShape, Runner, SubstrateError, WeightPatch};

use super::shared::{Inner, Shared};
use crate::driver::{DriverError, PatchFailure, ProgramId};
use crate::program::Program;

pub(super) fn shape(program: &Program) -> ProgramShape {
    let layers = program.layers();
    let (first, last) = (&layers[0], &layers[layers.len() - 1]);
    let output = if last.has_activation {
        OutputKind::Activations { bits: last.act_bits.count() as u8 }
    } else {
        OutputKind::Potentials
    };
    ProgramShape {
        inputs: first.inputs,
        input_bits: program.input_bits().count() as u8,
        units: last.units,
        output,
        layers: layers.len(),
    }
}

pub(super) fn device(error: DriverError) -> SubstrateError {
    match error {
        DriverError::Mismatch { layer, word, expected, found, .. } => {
            SubstrateError::Mismatch { layer, word, expected, found }
        }
        error => SubstrateError::Device(Box::new(error)),
    }
}

/// A program on a board, until the last of its handles and runners is dropped.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) shape: ProgramShape,
    /// Number of patch calls so far.
    pub(super) generation: AtomicU64,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("number", &self.number).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Handle {
    /// Works on the program while it is on the device.
    fn with<R>(
        &self,
        work: impl FnOnce(&mut Inner, ProgramId) -> Result<R, SubstrateError>,
    ) -> Result<R, SubstrateError> {
        let mut inner = self.shared.inner();
        if !inner.programs.contains_key(&self.number) {
            return Err(SubstrateError::Unloaded);
        }
        let id = inner.place(self.number).map_err(device)?;
        work(&mut inner, id)
    }

    fn unload(&self) -> Result<(), SubstrateError> {
        let mut inner = self.shared.inner();
        let Some(entry) = inner.programs.remove(&self.number) else { return Ok(()) };
        match entry.resident {
            Some(id) => inner.driver.unload(id).map_err(device),
            None => Ok(()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.unload();
    }
}

#[derive(Debug)]
pub(super) struct BoardProgram(pub(super) Arc<Handle>);

impl Loaded for BoardProgram {
    fn shape(&self) -> &ProgramShape {
        &self.0.shape
    }

    fn runner(&self) -> Result<Box<dyn Runner>, SubstrateError> {
        self.0.with(|_, _| Ok(()))?;
        Ok(Box::new(BoardRunner(Arc::clone(&self.0))))
    }

    fn patch(&self, patches: &[WeightPatch]) -> Result<(), SubstrateError> {
        self.0.with(|inner, id| {
            inner.driver.patch(id, patches).map_err(patch_failure)?;
            if let Some(patched) = inner.driver.program(id).cloned()
                && let Some(entry) = inner.programs.get_mut(&self.0.number)
            {
                entry.program = patched;
            }
            self.0.generation.fetch_add(1, Ordering::Release);
            Ok(())
        })
    }

    fn verify(&self) -> Result<(), SubstrateError> {
        self.0.with(|inner, id| inner.driver.verify(id).map_err(device))
    }

    fn read_memory(&self, layer: usize, words: Range<usize>) -> Result<Vec<u32>, SubstrateError> {
        self.0.with(|Inner { driver, .. }, id| {
            let layers = driver.program(id).map_or(&[][..], Program::layers);
            let Some(placed) = layers.get(layer) else {
                return Err(SubstrateError::Index { what: "layer", index: layer, count: layers.len() });
            };
            let count = placed.memory.len() / 4;
            if words.start > words.end || words.end > count {
                return Err(SubstrateError::Index { what: "word", index: words.end, count });
            }
            driver.read_weights(id, layer, words).map_err(device)
        })
    }

    fn unload(&self) -> Result<(), SubstrateError> {
        self.0.unload()
    }
}

fn patch_failure(error: PatchFailure) -> SubstrateError {
    match error {
        PatchFailure::Patch { place, source } => source.at(place),
        PatchFailure::Driver(error) => device(error),
    }
}

/// One stream of samples.
#[derive(Debug)]
struct BoardRunner(Arc<Handle>);

impl Runner for BoardRunner {
    fn run(&mut self, inputs: &[u8], outputs: &mut [i32]) -> Result<(), SubstrateError> {
        self.0.shape.check_run(inputs, outputs)?;
        self.0.with(|inner, id| inner.driver.run(id, inputs, outputs).map_err(device))
    }

    fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }
}
