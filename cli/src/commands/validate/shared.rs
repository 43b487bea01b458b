//! One way to a device for one driver after another: opening a board takes more than a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_akida::bus::{Bus, BusError, Counters, Identity, Memory};

/// A bus that can be handed out again.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    bus: Arc<Mutex<Box<dyn Bus>>>,
    identity: Identity,
}

impl Shared {
    pub(super) fn new(bus: Box<dyn Bus>) -> Self {
        let identity = bus.identity().clone();
        Self { bus: Arc::new(Mutex::new(bus)), identity }
    }

    fn bus(&self) -> MutexGuard<'_, Box<dyn Bus>> {
        self.bus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus for Shared {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        self.bus().read(address)
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        self.bus().write(address, value)
    }

    fn read_block(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), BusError> {
        self.bus().read_block(address, bytes)
    }

    fn write_block(&mut self, address: u32, bytes: &[u8]) -> Result<(), BusError> {
        self.bus().write_block(address, bytes)
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn memory(&self) -> Memory {
        self.bus().memory()
    }

    fn now(&self) -> Duration {
        self.bus().now()
    }

    fn pause(&mut self, time: Duration) {
        self.bus().pause(time);
    }

    fn reset(&mut self) -> Result<(), BusError> {
        self.bus().reset()
    }

    fn counters(&self) -> Counters {
        self.bus().counters()
    }
}
