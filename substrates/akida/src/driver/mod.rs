//! The driver: programs a device through a [`Bus`], runs samples, patches weights, reads back, and brings the device back
//! after a failure.
//!
//! ```text
//! open ─► program ─► run, run, patch, run, verify ─► unprogram
//!            ▲                  │ any doubt
//!            └──── recover ◄────┘  (reset, all programs again; if that fails the device is given up)
//! ```
//!
//! Accesses are in the order of the maker's engine wherever a chip could care: resets, set-up of the DMA controllers, start,
//! clear. In the steady state the driver reads only what it waits for; what it wrote itself it remembers.
//!
//! * `load`: programs on and off, recovery. `setup`: resets, DMA controllers. `configure`: a program's configuration.
//! * `input`: the input side. `jobs`: samples in and out. `access`: patches and read-back.
//! * `engine`: a DMA controller as the driver knows it. `memory`: who uses which device memory.
//!
//! The sequences are in specs/device-interface.md. Tested on silicon: no.

mod access;
mod configure;
mod engine;
mod error;
mod exact;
mod input;
mod jobs;
mod load;
mod memory;
mod setup;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use crate::bus::{Bus, Counters};
use crate::chip::top::{identify, ip_version, mesh_info1};
use crate::chip::{self, address};
use crate::device::{Device, Np};
use crate::program::{Blocks, Program};

pub use self::access::PatchFailure;
use self::engine::Engines;
pub use self::error::DriverError;
use self::exact::Exact;
use self::memory::Arena;

/// How the driver behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long any single answer of the device may take; the maker's engine waits 5 s.
    pub deadline: Duration,
    /// Most samples under way at once, 1..=16; less where memory is short.
    pub depth: usize,
    /// How much of a weight memory a patch rewrites.
    pub blocks: Blocks,
    /// Which results are compared with exact arithmetic on the host.
    pub checking: Checking,
    /// Whether to use memory of the host that the device sees, if there is some.
    pub host_memory: bool,
    /// Device memory to use instead of what the transport offers.
    pub scratch: Option<Range<u32>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            depth: 16,
            blocks: Blocks::default(),
            checking: Checking::default(),
            host_memory: true,
            scratch: None,
        }
    }
}

/// Which results are compared with exact arithmetic on the host.
///
/// Nobody has run this driver on silicon yet, so that a chip may compute something else than is believed. Headers, job
/// numbers, coordinates and ranges are checked in any case; a wrong number within its range is only found by comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checking {
    /// None.
    Never,
    /// The first two samples after a program was loaded, patched or loaded again.
    #[default]
    First,
    /// Every sample: costs the whole product on the host.
    Every,
}

/// A program on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId(u64);

/// What a device can do, from its version \[E\].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceCapabilities {
    /// Which chip.
    pub device: Device,
    /// Long chains continue in further passes.
    pub several_passes: bool,
    /// Inputs are events; else dense.
    pub sparse_inputs: bool,
    /// Outputs may be dense.
    pub dense_outputs: bool,
    /// Samples that may be under way at once, single pass.
    pub most_jobs: usize,
}

/// A device that was opened.
///
/// # Examples
/// See `forebay-emulator`, whose tests drive it; a board is opened with [`transport::open`](crate::transport::open).
#[derive(Debug)]
pub struct Driver {
    bus: Box<dyn Bus>,
    device: Device,
    options: Options,
    state: State,
    engines: Engines,
    /// Memory of the device, and of the host if the device sees some.
    device_memory: Arena,
    host_memory: Option<Arena>,
    programs: BTreeMap<ProgramId, Resident>,
    next_id: u64,
    /// Processors still hold programs that were unloaded, and would take their events.
    has_leftovers: bool,
    /// The program that samples go to.
    selected: Option<ProgramId>,
    /// Ring of the configuration DMA.
    config_ring: Option<Piece>,
    /// Ring of the input DMA and how many samples may be under way.
    input_ring: Option<Piece>,
    depth: usize,
    /// Jobs under way, oldest first, and the number of the last one.
    queue: VecDeque<Job>,
    last_job: u16,
    /// Where the next sample goes in the buffers.
    next_place: usize,
    /// Containers written, not yet made valid.
    unannounced: Option<u32>,
    /// Times that the device was brought back.
    recoveries: u64,
    /// Buffers that are used again.
    bytes: Vec<u8>,
}

/// Whether the device is as the driver believes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Yes.
    Sound,
    /// Something failed: all is set up again before the next use.
    Doubtful,
    /// It did not come back.
    Dead(String),
}

/// Memory that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    address: u32,
    in_host: bool,
}

/// A program, and where its parts are on the device.
#[derive(Debug)]
struct Resident {
    program: Program,
    exact: Option<Exact>,
    /// Samples to compare before trust begins.
    unchecked: usize,
    /// External weights: layer, processor, where.
    images: Vec<(usize, Np, Piece)>,
    /// With several passes: bytes of the file, and where they are kept.
    kept: Vec<(Range<usize>, Piece)>,
    /// Other pieces that only several passes need.
    fixed: Vec<Piece>,
    buffers: Option<Buffers>,
}

/// Where samples go in and out.
#[derive(Debug)]
struct Buffers {
    inputs: Piece,
    input_bytes: usize,
    outputs: Piece,
    output_bytes: usize,
    /// Data bytes that came last in each place: read along with the next header.
    expected: Vec<Option<usize>>,
}

/// A job under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Job {
    id: u16,
    place: usize,
    container: u32,
}

impl Driver {
    /// Finds out which chip it is; touches nothing else.
    ///
    /// # Errors
    /// [`DriverError::Unknown`], [`DriverError::AllOnes`], [`DriverError::Bus`].
    pub fn open(mut bus: Box<dyn Bus>, options: Options) -> Result<Self, DriverError> {
        let device = which(&mut *bus)?;
        let memory = bus.memory();
        let device_memory = Arena::new(options.scratch.clone().unwrap_or(memory.device));
        let host_memory = memory.host.filter(|_| options.host_memory && options.scratch.is_none()).map(Arena::new);
        Ok(Self {
            bus,
            device,
            options,
            state: State::Sound,
            engines: Engines::new(),
            device_memory,
            host_memory,
            programs: BTreeMap::new(),
            next_id: 0,
            has_leftovers: false,
            selected: None,
            config_ring: None,
            input_ring: None,
            depth: 0,
            queue: VecDeque::new(),
            last_job: 0,
            next_place: 0,
            unannounced: None,
            recoveries: 0,
            bytes: Vec::new(),
        })
    }

    /// Which chip it is.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What it can do.
    pub fn capabilities(&self) -> DeviceCapabilities {
        let is_first = self.device == Device::Akd1000;
        DeviceCapabilities {
            device: self.device,
            several_passes: !is_first,
            sparse_inputs: is_first,
            dense_outputs: !is_first,
            most_jobs: input::MOST_JOBS,
        }
    }

    /// The bus, for dumps and counters.
    pub fn bus(&mut self) -> &mut dyn Bus {
        &mut *self.bus
    }

    /// What crossed the bus so far.
    pub fn counters(&self) -> Counters {
        self.bus.counters()
    }

    /// Times that the device was reset and programmed again after a failure.
    pub fn recoveries(&self) -> u64 {
        self.recoveries
    }

    /// Bytes of device memory that are in use, and of host memory that the device sees.
    pub fn memory_in_use(&self) -> (u64, u64) {
        (self.device_memory.taken_bytes(), self.host_memory.as_ref().map_or(0, Arena::taken_bytes))
    }

    /// A program that is loaded, with all patches.
    pub fn program(&self, id: ProgramId) -> Option<&Program> {
        self.programs.get(&id).map(|resident| &resident.program)
    }

    /// Does something after which the device may be in doubt; brings it back first if it is.
    fn guarded<R>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, DriverError>) -> Result<R, DriverError> {
        match &self.state {
            State::Sound => {}
            State::Doubtful => self.recover()?,
            State::Dead(why) => return Err(DriverError::Dead { why: why.clone() }),
        }
        let result = work(self);
        if result.as_ref().is_err_and(DriverError::leaves_doubt) {
            self.state = State::Doubtful;
            self.queue.clear();
            self.unannounced = None;
        }
        result
    }

    fn resident(&mut self, id: ProgramId) -> Result<&mut Resident, DriverError> {
        let missing = || DriverError::State { what: "no such program", instead: "it was unloaded".to_owned() };
        self.programs.get_mut(&id).ok_or_else(missing)
    }

    /// Reads a register; all ones mean that nobody is there.
    fn read(&mut self, address: u32) -> Result<u32, DriverError> {
        let value = self.bus.read(address)?;
        if value == u32::MAX {
            return Err(DriverError::AllOnes { register: chip::name(address) });
        }
        Ok(value)
    }

    fn write(&mut self, (address, value): (u32, u32)) -> Result<(), DriverError> {
        Ok(self.bus.write(address, value)?)
    }

    /// Polls a register until `is_done`, with growing pauses.
    fn wait_for(
        &mut self,
        what: &'static str,
        address: u32,
        is_done: impl Fn(u32) -> bool,
    ) -> Result<u32, DriverError> {
        let start = self.bus.now();
        let mut polls = 0_u32;
        loop {
            let last = self.read(address)?;
            if is_done(last) {
                return Ok(last);
            }
            let waited = self.bus.now().saturating_sub(start);
            if waited > self.options.deadline {
                return Err(DriverError::Timeout { what, register: chip::name(address), waited, last });
            }
            polls += 1;
            // A small program takes microseconds, a large one milliseconds.
            if polls > 50 {
                self.bus.pause(Duration::from_micros(u64::from(polls.min(500))));
            }
        }
    }

    fn take_memory(&mut self, bytes: usize) -> Result<Piece, DriverError> {
        if let Some(host) = &mut self.host_memory
            && let Ok(address) = host.take(bytes)
        {
            return Ok(Piece { address, in_host: true });
        }
        self.take_device_memory(bytes)
    }

    fn take_device_memory(&mut self, bytes: usize) -> Result<Piece, DriverError> {
        match self.device_memory.take(bytes) {
            Ok(address) => Ok(Piece { address, in_host: false }),
            Err(full) => match &mut self.host_memory {
                Some(host) => Ok(Piece { address: host.take(bytes)?, in_host: true }),
                None => Err(full),
            },
        }
    }

    fn give_back(&mut self, piece: Piece) {
        match &mut self.host_memory {
            Some(host) if piece.in_host => host.give_back(piece.address),
            _ => self.device_memory.give_back(piece.address),
        }
    }
}

/// The chip behind a bus.
pub(crate) fn which(bus: &mut dyn Bus) -> Result<Device, DriverError> {
    let word = bus.read(address::CORE + ip_version::OFFSET)?;
    let description = bus.identity().description.clone();
    if word == u32::MAX {
        return Err(DriverError::AllOnes { register: "top.IP_VERSION".to_owned() });
    }
    let device = identify(word, &description).map_err(|version| DriverError::Unknown { version, description })?;
    // What the mesh's registers hold is only guessed; that they are not all ones is not.
    if bus.read(address::CORE + mesh_info1::OFFSET)? == u32::MAX {
        return Err(DriverError::AllOnes { register: "top.MESH_INFO1".to_owned() });
    }
    Ok(device)
}

impl Drop for Driver {
    /// Leaves the device reset, if it still answers: no program runs on, no controller points to memory that is freed.
    fn drop(&mut self) {
        if self.state == State::Sound && self.config_ring.is_some() {
            let _ = self.reset_core();
        }
    }
}

impl Program {
    /// Why another program cannot be on the device at the same time, if it cannot.
    ///
    /// Events are addressed by layer number and columns, never by row: two programs get along if they share no processor and
    /// never have layers of the same number in the same column. Whether silicon agrees is not known.
    pub fn conflict(&self, other: &Self) -> Option<String> {
        if self.device() != other.device() {
            return Some(format!("one is for {}, the other for {}", self.device(), other.device()));
        }
        if self.passes() > 1 || other.passes() > 1 {
            return Some("a program of several passes configures all processors again with every sample".to_owned());
        }
        for (number, mine) in self.layers().iter().enumerate() {
            for (other_number, theirs) in other.layers().iter().enumerate() {
                let (a, b) = (mine.np, theirs.np);
                if a == b {
                    return Some(format!("both use {} ({},{},{})", a.kind, a.col, a.row, a.id));
                }
                if number == other_number && a.col == b.col {
                    let number = number + 1;
                    return Some(format!(
                        "both have layer {number} in column {}, and events cannot tell them apart",
                        a.col
                    ));
                }
            }
        }
        None
    }
}
