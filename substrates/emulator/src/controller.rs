//! One DMA controller: its registers, its ring, what it tells the host.

use std::collections::BTreeMap;

use forebay_akida::chip::dma::{
    DESC_CONT_RESET, UNIT_BYTES, buf_mon_ctrl, buf_mon_status, burst, clear_size, cont_addr, cont_size, ctrl,
    desc_cont, desc_status, ob_event, replay,
};
use forebay_akida::chip::{Access, dma};

use crate::violation::Violation;

/// Index of the last container when the ring never ends.
const ENDLESS: u32 = 0xFE;

#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) name: &'static str,
    words: BTreeMap<u32, u32>,
    /// Bits of the status register before the masks.
    status: u32,
    /// The container that it works on ends at this time of the clock; it begins no other before.
    pub(crate) busy_until: Option<u64>,
    /// Whether that container's effects were decided to be late already.
    pub(crate) was_delayed: bool,
}

/// What a write asks of the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Nothing,
    /// There may be containers to process.
    Work,
    /// In bursts: begin one.
    Burst,
}

impl Controller {
    pub(crate) fn new(name: &'static str) -> Self {
        let mut controller = Self { name, words: BTreeMap::new(), status: 0, busy_until: None, was_delayed: false };
        controller.reset();
        controller
    }

    pub(crate) fn reset(&mut self) {
        self.words.clear();
        self.words.insert(desc_cont::OFFSET, DESC_CONT_RESET);
        self.status = 0;
        self.busy_until = None;
        self.was_delayed = false;
    }

    pub(crate) fn word(&self, offset: u32) -> u32 {
        self.words.get(&offset).copied().unwrap_or(0)
    }

    pub(crate) fn read(&self, offset: u32) -> u32 {
        if offset != buf_mon_status::OFFSET {
            return self.word(offset);
        }
        // An interrupt bit follows each status bit that is not masked.
        let masks = self.word(buf_mon_ctrl::OFFSET) >> 16 & 0xF;
        self.status | (self.status & !masks) << 16
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32) -> Result<Asked, Violation> {
        let register = dma::REGISTERS.iter().find(|register| register.offset == offset);
        if let Some(register) = register.filter(|register| register.access == Access::ReadOnly) {
            return Err(Violation::ReadOnly { register: format!("{}.{}", self.name, register.name) });
        }
        match offset {
            ctrl::OFFSET if ctrl::SOFT_RESET.is_set(value) => {
                self.reset();
                Ok(Asked::Nothing)
            }
            ctrl::OFFSET => {
                let was_running = self.is_running();
                self.words.insert(offset, value);
                if !self.is_running() {
                    return Ok(Asked::Nothing);
                }
                if self.word(cont_addr::OFFSET) == 0 {
                    return Err(Violation::NoRing { dma: self.name });
                }
                Ok(match (self.is_in_bursts(), was_running) {
                    (true, false) => Asked::Burst,
                    (true, true) => Asked::Nothing,
                    (false, _) => Asked::Work,
                })
            }
            desc_cont::OFFSET => self.set_last(desc_cont::LAST.get(value)),
            buf_mon_ctrl::OFFSET => {
                if buf_mon_ctrl::STATUS_CLEAR.is_set(value) {
                    self.status = 0;
                }
                // The clearing bits never read 1.
                self.words.insert(offset, value & !0b111);
                Ok(Asked::Nothing)
            }
            _ => {
                self.words.insert(offset, value);
                Ok(Asked::Nothing)
            }
        }
    }

    /// The host made containers valid; which one was taken is the controller's own to say.
    fn set_last(&mut self, last: u32) -> Result<Asked, Violation> {
        let old = self.word(desc_cont::OFFSET);
        let (cur, old_last) = (desc_cont::CUR.get(old), desc_cont::LAST.get(old));
        self.words.insert(desc_cont::OFFSET, desc_cont::LAST.with(old, last));
        if last > self.highest() && !(last == ENDLESS && self.is_in_bursts()) {
            return Err(Violation::RingOverrun { dma: self.name, index: last, length: self.highest() + 1 });
        }
        // To the controller a full ring looks like an empty one.
        if last == cur && old_last != cur {
            return Err(Violation::RingFull { dma: self.name, index: last });
        }
        Ok(if self.is_running() && !self.is_in_bursts() { Asked::Work } else { Asked::Nothing })
    }

    pub(crate) fn is_running(&self) -> bool {
        ctrl::RUN.is_set(self.word(ctrl::OFFSET))
    }

    pub(crate) fn is_in_bursts(&self) -> bool {
        replay::MAX_BURST.is_set(self.word(replay::OFFSET)) && !self.is_in_replay()
    }

    /// Whether data are replayed through several passes.
    pub(crate) fn is_in_replay(&self) -> bool {
        replay::REPLAY.is_set(self.word(replay::OFFSET))
    }

    pub(crate) fn burst_length(&self) -> u32 {
        burst::DESCRIPTORS.get(self.word(burst::OFFSET))
    }

    pub(crate) fn passes(&self) -> u32 {
        burst::LOOPS.get(self.word(burst::OFFSET)).max(1)
    }

    fn highest(&self) -> u32 {
        cont_size::HIGHEST.get(self.word(cont_size::OFFSET))
    }

    pub(crate) fn has_work(&self) -> bool {
        let word = self.word(desc_cont::OFFSET);
        desc_cont::CUR.get(word) != desc_cont::LAST.get(word)
    }

    /// Index and address of the next container.
    pub(crate) fn next(&self) -> (u32, u32) {
        let cur = desc_cont::CUR.get(self.word(desc_cont::OFFSET));
        let index = if cur >= self.highest() { 0 } else { cur + 1 };
        let bytes = UNIT_BYTES * cont_size::UNITS.get(self.word(cont_size::OFFSET));
        (index, self.word(cont_addr::OFFSET).wrapping_add(index * bytes))
    }

    /// The next container was taken.
    pub(crate) fn take(&mut self, index: u32) {
        let word = self.word(desc_cont::OFFSET);
        self.words.insert(desc_cont::OFFSET, desc_cont::CUR.with(word, index));
    }

    /// An outbound transfer ended.
    pub(crate) fn end_outbound(&mut self) {
        self.status |= buf_mon_status::OB.mask();
    }

    /// A burst of descriptors, or all passes of a job, ended.
    pub(crate) fn end_burst(&mut self) {
        self.status |= buf_mon_status::BURST.mask();
    }

    pub(crate) fn end_job(&mut self, job: u16) {
        self.words.insert(desc_status::OFFSET, desc_status::JOB.of(job.into()) | 1);
    }

    pub(crate) fn writes_header(&self) -> bool {
        ctrl::WR_INFO_EN.is_set(self.word(ctrl::OFFSET))
    }

    /// Words to zero in front of data.
    pub(crate) fn clear_words(&self) -> Option<u32> {
        let word = self.word(clear_size::OFFSET);
        clear_size::ENABLE.is_set(word).then(|| clear_size::WORDS.get(word))
    }

    /// Where outputs go in several passes.
    pub(crate) fn replay_output(&self) -> u32 {
        self.word(ob_event::OFFSET)
    }
}
