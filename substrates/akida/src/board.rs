//! A device as a substrate: programs share it where they can, and take turns where they cannot.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forebay_substrate::{
    Capabilities, Loaded, Op, OutputKind, ProgramShape, Refusal, Runner, Substrate, SubstrateError, Support,
    WeightPatch,
};
use serde::Serialize;

use crate::bus::{Bus, Counters};
use crate::device::Device;
use crate::driver::{Driver, DriverError, Options, PatchFailure, ProgramId};
use crate::placement::Start;
use crate::program::Program;
use crate::support::supports;

/// A device that runs programs.
///
/// Any number of programs can be loaded. Those that get along are on the device side by side (see [`Program::conflict`]); a
/// new one is moved to free processors for that, if there are some. The others take turns: the device is reset and programmed
/// again whenever one of them is run after another. [`tenants`](Self::tenants) says which is which, and why.
#[derive(Clone, Debug)]
pub struct Board {
    shared: Arc<Shared>,
    capabilities: Capabilities,
    device: Device,
}

/// Which programs are on a device, and which take turns.
///
/// `Display` tells it to people. What can be side by side is decided from what is known of the chip; nobody has tried it on
/// silicon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenancy {
    /// In the order they were loaded.
    pub tenants: Vec<Tenant>,
}

/// A program and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// In the order they were loaded.
    pub number: u64,
    /// What it was called when it was loaded; empty if it was not.
    pub name: String,
    /// Processors it takes.
    pub processors: Vec<String>,
    /// Whether it is on the device now.
    pub is_resident: bool,
    /// Programs that are never on the device together with it, with the reason.
    pub takes_turns_with: Vec<(u64, String)>,
    /// How often it was put on the device.
    pub swaps: u64,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    driver: Driver,
    programs: HashMap<u64, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    /// As it should be on the device, with all patches.
    program: Program,
    name: String,
    resident: Option<ProgramId>,
    swaps: u64,
}

impl fmt::Display for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called = |number: u64| match self.tenants.iter().find(|tenant| tenant.number == number) {
            Some(Tenant { name, .. }) if !name.is_empty() => name.clone(),
            _ => format!("program {number}"),
        };
        for tenant in &self.tenants {
            let place = if tenant.is_resident { "on the device" } else { "waits" };
            let (name, processors) = (called(tenant.number), tenant.processors.join(", "));
            writeln!(f, "{name}: {place}, put there {} times; {processors}", tenant.swaps)?;
            for (other, why) in &tenant.takes_turns_with {
                writeln!(f, "  takes turns with {}: {why}", called(*other))?;
            }
        }
        f.write_str("Side by side as far as the sources tell; tested on silicon: no.\n")
    }
}

impl Board {
    /// Opens the device behind a bus.
    ///
    /// # Errors
    /// As [`Driver::open`].
    pub fn open(bus: Box<dyn Bus>, options: Options) -> Result<Self, DriverError> {
        let identity = bus.identity().clone();
        let driver = Driver::open(bus, options)?;
        let device = driver.device();
        let capabilities = Capabilities {
            name: identity.name,
            device: device.to_string(),
            is_silicon: identity.is_silicon,
            fuses_digits: false,
        };
        let inner = Mutex::new(Inner { driver, programs: HashMap::new(), next: 0 });
        Ok(Self { shared: Arc::new(Shared { inner }), capabilities, device })
    }

    /// Which programs are loaded, which of them are on the device, and which take turns.
    pub fn tenants(&self) -> Tenancy {
        let inner = self.shared.inner();
        let mut numbers: Vec<u64> = inner.programs.keys().copied().collect();
        numbers.sort_unstable();
        let tenant = |&number: &u64| {
            let entry = &inner.programs[&number];
            let others = numbers.iter().filter(|&&other| other != number);
            let turns =
                others.filter_map(|&other| Some((other, entry.program.conflict(&inner.programs[&other].program)?)));
            let processors = entry.program.layers().iter();
            Tenant {
                number,
                name: entry.name.clone(),
                processors: processors
                    .map(|l| format!("{} ({},{},{})", l.np.kind, l.np.col, l.np.row, l.np.id))
                    .collect(),
                is_resident: entry.resident.is_some(),
                takes_turns_with: turns.collect(),
                swaps: entry.swaps,
            }
        };
        Tenancy { tenants: numbers.iter().map(tenant).collect() }
    }

    /// Reads all programs that are on the device back and compares: that none of them changed another.
    ///
    /// # Errors
    /// [`DriverError::Mismatch`] naming the first word that differs; others if the device does not answer.
    pub fn verify_all(&self) -> Result<(), DriverError> {
        let mut inner = self.shared.inner();
        let residents: Vec<ProgramId> = inner.programs.values().filter_map(|entry| entry.resident).collect();
        residents.into_iter().try_for_each(|id| inner.driver.verify(id))
    }

    /// What crossed the bus so far.
    pub fn counters(&self) -> Counters {
        self.shared.inner().driver.counters()
    }

    /// Does something with the driver itself, while nobody else uses it.
    pub fn with_driver<R>(&self, work: impl FnOnce(&mut Driver) -> R) -> R {
        work(&mut self.shared.inner().driver)
    }
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic in between leaves the driver in doubt at worst: it finds out and sets all up again.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Moves a program to processors that nobody uses, if it can be beside all others then.
    fn moved(&self, program: &Program) -> Option<Program> {
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
    fn place(&mut self, number: u64) -> Result<ProgramId, DriverError> {
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

impl Substrate for Board {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn supports(&self, op: &Op) -> Result<Support, Refusal> {
        supports(self.device, op)
    }

    fn load(&self, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        self.load_as("", program)
    }
}

impl Board {
    /// Loads a program under a name, which [`tenants`](Self::tenants) tells.
    ///
    /// # Errors
    /// As [`Substrate::load`].
    pub fn load_as(&self, name: &str, program: &[u8]) -> Result<Arc<dyn Loaded>, SubstrateError> {
        let program =
            Program::from_bytes(program.to_vec()).map_err(|error| SubstrateError::Corrupt(Box::new(error)))?;
        if program.device() != self.device {
            return Err(SubstrateError::Misuse {
                what: "a program runs on the device it was written for",
                instead: format!("this one is for {}, the board is an {}", program.device(), self.device),
            });
        }
        let shape = shape(&program);
        let mut inner = self.shared.inner();
        let number = inner.next;
        let program = inner.moved(&program).unwrap_or(program);
        inner.programs.insert(number, Entry { program, name: name.to_owned(), resident: None, swaps: 0 });
        inner.next += 1;
        if let Err(error) = inner.place(number) {
            inner.programs.remove(&number);
            return Err(device(error));
        }
        drop(inner);
        let handle = Handle { shared: Arc::clone(&self.shared), number, shape, generation: AtomicU64::new(0) };
        Ok(Arc::new(BoardProgram(Arc::new(handle))))
    }
}

fn shape(program: &Program) -> ProgramShape {
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

fn device(error: DriverError) -> SubstrateError {
    match error {
        DriverError::Mismatch { layer, word, expected, found, .. } => {
            SubstrateError::Mismatch { layer, word, expected, found }
        }
        error => SubstrateError::Device(Box::new(error)),
    }
}

/// A program on a board, until the last of its handles and runners is dropped.
struct Handle {
    shared: Arc<Shared>,
    number: u64,
    shape: ProgramShape,
    /// Number of patch calls so far.
    generation: AtomicU64,
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
struct BoardProgram(Arc<Handle>);

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
