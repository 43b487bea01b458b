//! The input side: buffers, the ring of the input DMA, how outputs are cleared.
//!
//! # Source
//! specs/device-interface.md, "input side and batch".

use crate::chip::dma::{
    HEADER_BYTES, UNIT_BYTES, buf_mon_ctrl, burst, clear_size, ctrl, desc_status, ob_scratch, replay, replay_main,
    replay_scratch,
};
use crate::chip::event::{InputFormat, OutputFormat};
use crate::device::Device;

use super::engine::{MASKS, ONLY_BURSTS, ONLY_OUTBOUND};
use super::setup::Which;
use super::{Buffers, Driver, DriverError, ProgramId};

/// Jobs under way at once, single pass \[E\].
pub(super) const MOST_JOBS: usize = 16;

impl Driver {
    /// Buffers for as many samples as memory allows, up to the depth asked for.
    pub(super) fn take_buffers(&mut self, id: ProgramId) -> Result<(), DriverError> {
        let several = self.resident(id)?.program.passes() > 1;
        let program = &self.resident(id)?.program;
        let layout = program.layout();
        let input_bytes = layout.input.most_bytes(program.input_shape().len());
        let units = program.layers().last().map_or(0, |layer| layer.units);
        let output_bytes = HEADER_BYTES as usize + layout.output.most_bytes(units);
        let mut depth = match self.input_ring {
            Some(_) => self.depth,
            None if several => 1,
            None => self.options.depth.clamp(1, MOST_JOBS),
        };
        let container = self.container_bytes(id)? as usize;
        loop {
            // The ring first, as the maker's engine has it, then outputs, then inputs.
            let ring = match self.input_ring {
                Some(_) => None,
                None => Some(self.take_memory(container * ring_length(depth))?),
            };
            let outputs = self.take_memory(depth * output_bytes);
            let inputs = match outputs {
                Ok(_) => self.take_memory(depth * input_bytes),
                Err(_) => Err(DriverError::Memory { needed: 0, free: 0 }),
            };
            match (outputs, inputs) {
                (Ok(outputs), Ok(inputs)) => {
                    if ring.is_some() {
                        (self.input_ring, self.depth) = (ring, depth);
                    }
                    let expected = vec![None; self.depth];
                    let buffers = Buffers { inputs, input_bytes, outputs, output_bytes, expected };
                    self.resident(id)?.buffers = Some(buffers);
                    return Ok(());
                }
                (outputs, inputs) => {
                    ring.into_iter().chain(outputs).chain(inputs).for_each(|piece| self.give_back(piece));
                    if depth == 1 || ring.is_none() {
                        let needed = (depth * (input_bytes + output_bytes)) as u64;
                        return Err(DriverError::Memory { needed, free: 0 });
                    }
                    depth /= 2;
                }
            }
        }
    }

    fn container_bytes(&mut self, id: ProgramId) -> Result<u32, DriverError> {
        let is_dense = self.resident(id)?.program.layout().input == InputFormat::Dense;
        Ok(if is_dense { 2 * UNIT_BYTES } else { UNIT_BYTES })
    }

    /// The input DMA, after the first program or a reset.
    pub(super) fn start_input(&mut self, id: ProgramId) -> Result<(), DriverError> {
        let several = self.resident(id)?.program.passes() > 1;
        let container = self.container_bytes(id)?;
        let which = if container == UNIT_BYTES { Which::Event } else { Which::Hrc };
        let ring = self.input_ring.expect("taken with the buffers");
        self.start_engine(which, ring, container, ring_length(self.depth) as u32 - 1)?;
        self.set_header(which, true)?;
        self.rmw_monitor(which, MASKS, ONLY_OUTBOUND)?;
        self.stop_reading(which)?;
        self.set_timers()?;
        self.set_output_clearing(id)?;
        for which in [Which::Event, Which::Hrc] {
            self.rmw_monitor(which, buf_mon_ctrl::BUF_END_SELECT, u32::from(!several))?;
        }
        if several {
            self.stop_reading(which)?;
            self.rmw_monitor(which, MASKS, ONLY_BURSTS)?;
            let loops = self.resident(id)?.program.passes() as u32;
            let (descriptor, payload) = {
                let fixed = &self.resident(id)?.fixed;
                (fixed[1].address, fixed[2].address)
            };
            let at = |offset| self.engine(which).at(offset);
            let replay_word = replay::REPLAY.mask()
                | replay::HW_OB_DYNAMIC.mask()
                | replay::HW_OB_ADDRESS.mask()
                | replay::MAX_BURST.mask();
            let writes = [
                (at(replay::OFFSET), replay_word),
                (at(burst::OFFSET), burst::LOOPS.of(loops) | burst::LAYER_LOOPS.of(loops)),
                (at(replay_main::OFFSET), descriptor),
                (at(replay_scratch::OFFSET), descriptor),
                (at(ob_scratch::OFFSET), payload),
            ];
            for write in writes {
                self.write(write)?;
            }
        }
        let status = self.read(self.engine(which).at(desc_status::OFFSET))?;
        self.last_job = desc_status::JOB.get(status) as u16;
        Ok(())
    }

    /// RUN off, with what the register holds.
    fn stop_reading(&mut self, which: Which) -> Result<(), DriverError> {
        let word = self.read(self.engine(which).at(ctrl::OFFSET))?;
        let engine = self.engine_mut(which);
        engine.ctrl = word;
        let stop = engine.run(false);
        self.write(stop)
    }

    /// Dense outputs hold only what is not zero: their buffer is zeroed before \[I\].
    pub(super) fn set_output_clearing(&mut self, id: ProgramId) -> Result<(), DriverError> {
        if self.device == Device::Akd1000 {
            return Ok(());
        }
        let resident = self.resident(id)?;
        let is_dense = matches!(resident.program.layout().output, OutputFormat::Dense { .. });
        let bytes = resident.buffers.as_ref().map_or(0, |buffers| buffers.output_bytes - HEADER_BYTES as usize);
        let word = clear_size::ENABLE.mask() | clear_size::WORDS.of(bytes.div_ceil(4) as u32);
        self.write((self.engines.hrc.at(clear_size::OFFSET), if is_dense { word } else { 0 }))
    }
}

/// One container more than jobs: a ring that is full looks empty to the device. At least two \[E\].
fn ring_length(depth: usize) -> usize {
    depth + 1
}
