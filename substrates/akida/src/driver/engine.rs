//! One DMA controller as the driver knows it: registers that only the driver changes are remembered, not read.

use crate::chip::dma::{buf_mon_ctrl, ctrl, desc_cont};
use crate::chip::{Field, address};

/// A descriptor ring and the registers around it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) base: u32,
    /// What `CTRL` and `BUF_MON_CTRL` hold.
    pub(crate) ctrl: u32,
    pub(crate) buf_mon_ctrl: u32,
    /// Address of the ring, bytes of a container, highest index.
    pub(crate) ring: u32,
    pub(crate) container_bytes: u32,
    pub(crate) highest: u32,
    /// The container that was made valid last; 0xFF after a reset.
    pub(crate) last: u32,
    /// The container known to be taken last.
    pub(crate) cur: u32,
}

/// Before the first container \[E\].
pub(crate) const NONE: u32 = 0xFF;

impl Engine {
    pub(crate) fn new(base: u32) -> Self {
        Self { base, ctrl: 0, buf_mon_ctrl: 0, ring: 0, container_bytes: 32, highest: 0, last: NONE, cur: NONE }
    }

    /// After a reset of the core.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.base);
    }

    pub(crate) fn at(&self, offset: u32) -> u32 {
        self.base + offset
    }

    /// Index and address of the container after `index`.
    pub(crate) fn after(&self, index: u32) -> (u32, u32) {
        // 0xFF, before the first, wraps to 0 as well.
        let next = if index >= self.highest { 0 } else { index + 1 };
        (next, self.ring + next * self.container_bytes)
    }

    /// The word that makes containers up to `last` valid; which one was taken is the device's to say.
    pub(crate) fn make_valid(&mut self, last: u32) -> (u32, u32) {
        self.last = last;
        (self.at(desc_cont::OFFSET), desc_cont::LAST.of(last) | desc_cont::CUR.of(self.cur))
    }

    /// The write that starts or stops it.
    pub(crate) fn run(&mut self, run: bool) -> (u32, u32) {
        self.ctrl = ctrl::RUN.with(self.ctrl, run.into()) | ctrl::INT_EN.mask();
        (self.at(ctrl::OFFSET), self.ctrl)
    }

    /// The write that clears its status.
    pub(crate) fn clear(&self) -> (u32, u32) {
        (self.at(buf_mon_ctrl::OFFSET), self.buf_mon_ctrl | buf_mon_ctrl::STATUS_CLEAR.mask())
    }

    /// The write that changes a field of the monitor.
    pub(crate) fn monitor(&mut self, field: Field, value: u32) -> (u32, u32) {
        self.buf_mon_ctrl = field.with(self.buf_mon_ctrl, value);
        (self.at(buf_mon_ctrl::OFFSET), self.buf_mon_ctrl)
    }
}

/// The mask bits of `BUF_MON_CTRL`, which lie beside each other.
pub(crate) const MASKS: Field = Field::new(19, 16);
/// All masked but the end of outbound transfers.
pub(crate) const ONLY_OUTBOUND: u32 = 0b1110;
/// All masked but the end of bursts.
pub(crate) const ONLY_BURSTS: u32 = 0b0111;

/// The three controllers.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) config: Engine,
    pub(crate) event: Engine,
    pub(crate) hrc: Engine,
}

impl Engines {
    pub(crate) fn new() -> Self {
        Self {
            config: Engine::new(address::CONFIG_DMA),
            event: Engine::new(address::EVENT_DMA),
            hrc: Engine::new(address::HRC_DMA),
        }
    }

    pub(crate) fn forget(&mut self) {
        self.config.forget();
        self.event.forget();
        self.hrc.forget();
    }
}
