//! A device as a substrate: programs share it where they can, and take turns where they cannot.

mod program;
mod shared;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use forebay_substrate::{Capabilities, Loaded, Op, Refusal, Substrate, SubstrateError, Support};
use serde::Serialize;

use self::program::{BoardProgram, Handle, device, shape};
use self::shared::{Entry, Inner, Shared};
use crate::bus::{Bus, Counters};
use crate::device::Device;
use crate::driver::{Driver, DriverError, Options, ProgramId};
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
