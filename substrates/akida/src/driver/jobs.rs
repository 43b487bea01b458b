//! Samples in and out.
//!
//! # Source
//! specs/device-interface.md, "inference".

use crate::chip::address;
use crate::chip::descriptor::{Event, Hrc};
use crate::chip::dma::{HEADER_BYTES, buf_mon_status, ctrl, desc_status, ob_event};
use crate::chip::event::InputFormat;

use super::configure::bytes_of;
use super::exact::Exact;
use super::setup::Which;
use super::{Checking, Driver, DriverError, Job, ProgramId};

impl Driver {
    /// Runs samples, as many at once as there is room for.
    ///
    /// # Shapes
    /// `inputs`: `[samples, inputs]`, values within the program's input bits. `outputs`: `[samples, units]`.
    ///
    /// # Errors
    /// [`DriverError`]; what `outputs` holds is then unspecified. After a failure of the device its next use begins with
    /// [`recover`](Self::recover).
    pub fn run(&mut self, id: ProgramId, inputs: &[u8], outputs: &mut [i32]) -> Result<(), DriverError> {
        let resident = self.resident(id)?;
        let layers = resident.program.layers();
        let (width, units) = (layers[0].inputs, layers[layers.len() - 1].units);
        let samples = inputs.len() / width;
        if samples * width != inputs.len() || outputs.len() != samples * units {
            let instead = format!(
                "{} inputs of {width} a sample and {} outputs of {units} do not fit together",
                inputs.len(),
                outputs.len()
            );
            return Err(DriverError::State { what: "the slices have wrong lengths", instead });
        }
        let most = (1_u16 << resident.program.input_bits().count()) - 1;
        if let Some(value) = inputs.iter().find(|&&value| u16::from(value) > most) {
            let instead = format!("{value} is more than {most}");
            return Err(DriverError::State { what: "an input is wider than the program's", instead });
        }
        if self.queue.iter().len() > 0 {
            let instead = "fetch them first".to_owned();
            return Err(DriverError::State { what: "samples were queued one by one", instead });
        }
        self.guarded(|driver| driver.run_now(id, inputs, outputs, width, units))
    }

    fn run_now(
        &mut self,
        id: ProgramId,
        inputs: &[u8],
        outputs: &mut [i32],
        width: usize,
        units: usize,
    ) -> Result<(), DriverError> {
        self.select(id)?;
        let samples = inputs.len() / width;
        let (mut sent, mut done) = (0, 0);
        while done < samples {
            while sent < samples && sent - done < self.depth {
                self.put(id, &inputs[sent * width..][..width])?;
                sent += 1;
            }
            self.announce()?;
            for job in self.wait_for_jobs()? {
                let outputs = &mut outputs[done * units..][..units];
                self.take_output(id, job, outputs, done)?;
                self.judge(id, &inputs[done * width..][..width], outputs, done)?;
                done += 1;
            }
        }
        Ok(())
    }

    /// Puts one sample into the queue and gives its job number.
    ///
    /// # Errors
    /// [`DriverError::State`] if as many are under way as there is room for; otherwise as [`run`](Self::run).
    pub fn enqueue(&mut self, id: ProgramId, sample: &[u8]) -> Result<u16, DriverError> {
        let program = &self.resident(id)?.program;
        let most = (1_u16 << program.input_bits().count()) - 1;
        if sample.len() != program.layers()[0].inputs || sample.iter().any(|&value| u16::from(value) > most) {
            let instead = format!("{} values of at most {most} are", program.layers()[0].inputs);
            return Err(DriverError::State { what: "this is no sample", instead });
        }
        if !self.queue.is_empty() && (self.queue.len() >= self.depth || self.selected != Some(id)) {
            let instead = format!("fetch some of the {} that are under way first", self.queue.len());
            return Err(DriverError::State { what: "there is no room for a sample", instead });
        }
        self.guarded(|driver| {
            driver.select(id)?;
            driver.put(id, sample)?;
            driver.announce()?;
            Ok(driver.last_job)
        })
    }

    /// Waits for the oldest sample in the queue; `None` if there is none.
    ///
    /// # Errors
    /// As [`run`](Self::run); the queue is empty afterwards.
    pub fn fetch(&mut self, outputs: &mut [i32]) -> Result<Option<u16>, DriverError> {
        let (Some(&job), Some(selected)) = (self.queue.front(), self.selected) else { return Ok(None) };
        let id = selected;
        let units = self.resident(id)?.program.layers().last().map_or(0, |layer| layer.units);
        if outputs.len() != units {
            let instead = format!("{units} values come out, there is room for {}", outputs.len());
            return Err(DriverError::State { what: "the slice has a wrong length", instead });
        }
        let result = self.guarded(|driver| {
            // Others may be done as well: they are fetched from the same status later.
            let finished = driver.wait_for_jobs()?;
            for &later in finished.iter().skip(1).rev() {
                driver.queue.push_front(later);
            }
            driver.take_output(id, job, outputs, 0)?;
            Ok(Some(job.id))
        });
        if result.is_err() {
            self.queue.clear();
        }
        result
    }

    /// Writes a sample and its descriptor; the device does not see them yet.
    fn put(&mut self, id: ProgramId, sample: &[u8]) -> Result<(), DriverError> {
        let which = self.input_engine(id)?;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let job = self.last_job.wrapping_add(1);
        // Not by the job's number: that wraps, and two jobs under way must never share a place.
        let place = self.next_place % self.depth;
        self.next_place = (place + 1) % self.depth;
        let resident = self.resident(id)?;
        let (shape, format) = (resident.program.input_shape(), resident.program.layout().input);
        let several = resident.program.passes() > 1;
        format.encode(shape, sample, &mut bytes);
        let buffers = resident.buffers.as_ref().expect("taken when it was loaded");
        let input = buffers.inputs.address + (place * buffers.input_bytes) as u32;
        let output = buffers.outputs.address + (place * buffers.output_bytes) as u32;
        let written = self.bus.write_block(input, &bytes);
        let words = (bytes.len() / 4) as u32;
        self.bytes = bytes;
        written?;
        self.start_once(which)?;
        if several {
            self.write((self.engine(which).at(ob_event::OFFSET), output))?;
        }
        let (index, address) = self.engine(which).after(self.unannounced.unwrap_or(self.engine(which).last));
        let container = if which == Which::Hrc {
            let (row_bytes, rows) = (shape.height * shape.channels, shape.width);
            bytes_of(&Hrc { job, input, row_bytes, rows, output }.encode())
        } else {
            bytes_of(&Event { job, input, words, output }.encode())
        };
        self.bus.write_block(address, &container)?;
        self.unannounced = Some(index);
        self.last_job = job;
        self.queue.push_back(Job { id: job, place, container: index });
        Ok(())
    }

    /// Starts the input DMA with the first sample; it then runs on.
    fn start_once(&mut self, which: Which) -> Result<(), DriverError> {
        if ctrl::RUN.is_set(self.engine(which).ctrl) {
            return Ok(());
        }
        // The other one is told that it is not in use, as the maker's engine does.
        let is_dense = which == Which::Hrc;
        let writes = [self.engines.hrc.run(is_dense), self.engines.event.run(!is_dense)];
        writes.into_iter().try_for_each(|write| self.write(write))
    }

    /// Makes all containers written since the last time valid: one write for any number of samples.
    fn announce(&mut self) -> Result<(), DriverError> {
        let Some(last) = self.unannounced.take() else { return Ok(()) };
        let Some(selected) = self.selected else { return Ok(()) };
        let which = self.input_engine(selected)?;
        let announce = self.engine_mut(which).make_valid(last);
        self.write(announce)
    }

    /// Waits until the oldest job is done; gives all that are, and takes them off the queue.
    fn wait_for_jobs(&mut self) -> Result<Vec<Job>, DriverError> {
        let (Some(&front), Some(&back), Some(selected)) = (self.queue.front(), self.queue.back(), self.selected) else {
            return Ok(Vec::new());
        };
        let which = self.input_engine(selected)?;
        let several = self.resident(selected)?.program.passes() > 1;
        let count = if several {
            let status = self.engine(which).at(buf_mon_status::OFFSET);
            self.wait_for("a sample was not done", status, |word| buf_mon_status::BURST.is_set(word))?;
            1
        } else {
            let before = front.id.wrapping_sub(1);
            let status = self.engine(which).at(desc_status::OFFSET);
            let word =
                self.wait_for("a sample was not done", status, |word| desc_status::JOB.get(word) as u16 != before)?;
            let found = desc_status::JOB.get(word) as u16;
            let position = self.queue.iter().position(|job| job.id == found);
            position.ok_or(DriverError::Job { found, first: front.id, last: back.id })? + 1
        };
        let clear = self.engine(which).clear();
        self.write(clear)?;
        let done: Vec<Job> = self.queue.drain(..count).collect();
        if let Some(job) = done.last() {
            self.engine_mut(which).cur = job.container;
        }
        Ok(done)
    }

    /// Reads and checks what a job left.
    fn take_output(&mut self, id: ProgramId, job: Job, outputs: &mut [i32], sample: usize) -> Result<(), DriverError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let result = self.take_output_through(id, job, outputs, sample, &mut bytes);
        self.bytes = bytes;
        result
    }

    fn take_output_through(
        &mut self,
        id: ProgramId,
        job: Job,
        outputs: &mut [i32],
        sample: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DriverError> {
        const HEADER: usize = HEADER_BYTES as usize;
        let resident = self.resident(id)?;
        let format = resident.program.layout().output;
        let range = resident.program.output_range();
        let buffers = resident.buffers.as_mut().expect("taken when it was loaded");
        let address = buffers.outputs.address + (job.place * buffers.output_bytes) as u32;
        let wrong = |source| DriverError::Output { sample, source };
        // Most outputs are as long as the last one: header and data come in one piece.
        let expected = buffers.expected[job.place];
        bytes.clear();
        bytes.resize(expected.map_or(4, |data| HEADER + data), 0);
        self.bus.read_block(address, bytes)?;
        let word0 = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if word0 == u32::MAX {
            return Err(DriverError::AllOnes { register: format!("the output at {address:#010x}") });
        }
        let data = format.data_bytes(word0, outputs.len()).map_err(wrong)?;
        if expected != Some(data) {
            let have = bytes.len().max(HEADER).min(HEADER + data);
            let have = if expected.is_none() { HEADER } else { have };
            bytes.resize(HEADER + data, 0);
            if have < HEADER + data {
                self.bus.read_block(address + have as u32, &mut bytes[have..])?;
            }
            self.resident(id)?.buffers.as_mut().expect("taken when it was loaded").expected[job.place] = Some(data);
        }
        format.decode(&bytes[HEADER..], range, outputs).map_err(wrong)
    }

    /// Compares a result with exact arithmetic, as long as there is no trust yet.
    fn judge(&mut self, id: ProgramId, input: &[u8], found: &[i32], sample: usize) -> Result<(), DriverError> {
        let checks_every = self.options.checking == Checking::Every;
        let resident = self.resident(id)?;
        if resident.unchecked == 0 {
            return Ok(());
        }
        let exact = resident.exact.get_or_insert_with(|| Exact::new(&resident.program));
        let expected = exact.outputs(input);
        if let Some(unit) = (0..found.len()).find(|&unit| found[unit] != expected[unit]) {
            return Err(DriverError::Wrong { sample, unit, expected: expected[unit], found: found[unit] });
        }
        if !checks_every {
            resident.unchecked -= 1;
            if resident.unchecked == 0 {
                resident.exact = None;
            }
        }
        Ok(())
    }

    /// The DMA that takes a program's samples.
    fn input_engine(&mut self, id: ProgramId) -> Result<Which, DriverError> {
        let is_dense = self.resident(id)?.program.layout().input == InputFormat::Dense;
        Ok(if is_dense { Which::Hrc } else { Which::Event })
    }

    /// Registers that a dump may read without disturbing a job: `(address, value)`.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn dump(&mut self) -> Result<Vec<(u32, u32)>, DriverError> {
        let mut words = Vec::new();
        for block in &crate::chip::BLOCKS {
            // Whether the routing block can be read back is not known: it is left alone.
            for register in block.registers.iter().filter(|_| block.base != address::EPG) {
                let at = block.base + register.offset;
                words.push((at, self.bus.read(at)?));
            }
        }
        Ok(words)
    }
}
