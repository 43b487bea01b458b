//! Programs on and off the device, and the device brought back after a failure.
//!
//! # Source
//! specs/device-interface.md, "resets".

use std::time::Duration;

use crate::bus::BusError;
use crate::program::Program;

use super::{Driver, DriverError, ProgramId, State};

/// Between two attempts to bring a device back.
const RETRY: Duration = Duration::from_millis(50);
/// Attempts to bring a device back, however long they take.
const ATTEMPTS: usize = 3;

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
