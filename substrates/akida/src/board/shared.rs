//! What the programs of a board share: its driver, and the device, side by side or one after the other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::driver::{Driver, DriverError, ProgramId};
use crate::placement::Start;
use crate::program::Program;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) driver: Driver,
    pub(super) programs: HashMap<u64, Entry>,
    pub(super) next: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// As it should be on the device, with all patches.
    pub(super) program: Program,
    pub(super) name: String,
    pub(super) resident: Option<ProgramId>,
    pub(super) swaps: u64,
}

impl Shared {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic in between leaves the driver in doubt at worst: it finds out and sets all up again.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Moves a program to processors that nobody uses, if it can be beside all others then.
    pub(super) fn moved(&self, program: &Program) -> Option<Program> {
        let others: Vec<&Program> = self.programs.values().map(|entry| &entry.program).collect();
        let fits = |candidate: &Program| others.iter().all(|other| candidate.conflict(other).is_none());
        if fits(program) {
            return Some(program.clone());
        }
        if program.passes() > 1 {
            return None;
        }
        let device = program.device();
        let has_external = program.layers().iter().any(|layer| device.fnp2().contains(&layer.np));
        let externals = if has_external { device.fnp2().len() } else { 1 };
        let starts = (0..device.fnp3().len()).flat_map(|fnp3| (0..externals).map(move |fnp2| (fnp3, fnp2)));
        starts
            .filter_map(|(fnp3, fnp2)| program.to_builder().start_at(Start { fnp3, fnp2 }).build().ok())
            .find(|candidate| candidate.passes() == 1 && fits(candidate))
    }

    /// The program's place on the device; puts it there if it is not.
    pub(super) fn place(&mut self, number: u64) -> Result<ProgramId, DriverError> {
        let entry = self
            .programs
            .get(&number)
            .ok_or(DriverError::State { what: "the program cannot be run", instead: "it was unloaded".to_owned() })?;
        if let Some(id) = entry.resident {
            return Ok(id);
        }
        let program = entry.program.clone();
        let is_beside = self
            .programs
            .values()
            .filter(|other| other.resident.is_some())
            .all(|other| other.program.conflict(&program).is_none());
        let is_alone = self.programs.values().all(|other| other.resident.is_none());
        let beside = if is_beside && !is_alone { self.driver.load_beside(program.clone()) } else { Err(shared()) };
        let id = match beside {
            Ok(id) => id,
            // No processors or no memory left beside the others: they make room.
            Err(DriverError::Shared { .. } | DriverError::Memory { .. }) => {
                self.programs.values_mut().for_each(|other| other.resident = None);
                self.driver.load(program)?
            }
            Err(error) => return Err(error),
        };
        let entry = self.programs.get_mut(&number).expect("it was there");
        entry.resident = Some(id);
        entry.swaps += 1;
        Ok(id)
    }
}

fn shared() -> DriverError {
    DriverError::Shared { conflict: String::new() }
}
