//! Resets, and the DMA controllers set up after them.
//!
//! # Source
//! specs/device-interface.md, "resets", "programming in one pass", "in several passes".

use std::time::Duration;

use crate::chip::Field;
use crate::chip::address::CORE;
use crate::chip::descriptor::WORDS;
use crate::chip::dma::{
    HEADER_BYTES, MOST_CONTAINERS, UNIT_BYTES, buf_mon_ctrl, burst, cont_addr, cont_size, ctrl, delays, extra, max_ob,
    replay,
};
use crate::chip::top::{CORE_RESET, NP_RESET, SEVERAL_PASSES, general};
use crate::program::Program;

use super::engine::{Engine, MASKS, ONLY_BURSTS, ONLY_OUTBOUND};
use super::{Driver, DriverError, Piece};

/// Every step of a reset \[E\].
const SETTLE: Duration = Duration::from_millis(1);
/// Wait between descriptors, several passes \[E\].
const PASS_DELAY: u32 = 0x60;

impl Driver {
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

    pub(super) fn unprogram_now(&mut self) -> Result<(), DriverError> {
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
    pub(super) fn start_configuration(&mut self, program: &Program) -> Result<(), DriverError> {
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
