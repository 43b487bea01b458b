//! What the DMA controllers are told to do.
//!
//! ```text
//! configuration, event: 8 words, container of 32 bytes      HRC: 9 words, container of 64 bytes
//! ```
//!
//! # Source
//! specs/device-interface.md, "descriptors" \[E\]\[T\].

use super::Field;

/// Words of a container for configuration and event descriptors.
pub const WORDS: usize = 8;
/// Words of a container for HRC descriptors.
pub const HRC_WORDS: usize = 16;

const VERSION: Field = Field::new(3, 0);
const IB_INTERRUPT_OFF: Field = Field::new(13, 13);
const DIRECTION: Field = Field::new(31, 28);
const JOB: Field = Field::new(31, 16);
const CONFIG_COUNT: Field = Field::new(15, 0);
const EVENT_COUNT: Field = Field::new(23, 0);
const CLASS: Field = Field::new(25, 16);
const LOW_HALF: Field = Field::new(15, 0);
const HIGH_HALF: Field = Field::new(31, 16);

/// Most words that an event descriptor takes in.
pub const MOST_EVENT_WORDS: u32 = EVENT_COUNT.max();

/// One transfer of the configuration DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Config {
    /// Sends a packet stream to processors.
    Write {
        /// Address of the stream.
        input: u32,
        /// Its words, headers included: 1..=65535.
        words: u32,
    },
    /// Asks for what a packet header addresses.
    Read {
        /// Address of the two header words.
        input: u32,
        /// Address for the payload.
        output: u32,
    },
}

impl Config {
    /// The container.
    pub fn encode(&self) -> [u32; WORDS] {
        match *self {
            Self::Write { input, words } => [0x1000_0001, input, words & 0xFFFF, 0, 0, 0, 0, 0],
            Self::Read { input, output } => [0x0000_0001, input, 2, output, 0, 0, 0, 0],
        }
    }

    /// A container's content; `None` for what no driver writes.
    pub fn decode(words: &[u32; WORDS]) -> Option<Self> {
        let count = CONFIG_COUNT.get(words[2]);
        match (VERSION.get(words[0]), DIRECTION.get(words[0]), count) {
            (1, 1, 1..) => Some(Self::Write { input: words[1], words: count }),
            (1, 0, 2) => Some(Self::Read { input: words[1], output: words[3] }),
            _ => None,
        }
    }
}

/// One sample for the event DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of the job.
    pub job: u16,
    /// Address of the events.
    pub input: u32,
    /// Words of the events, two each.
    pub words: u32,
    /// Address for header and data.
    pub output: u32,
}

impl Event {
    /// The container.
    pub fn encode(&self) -> [u32; WORDS] {
        let word0 = JOB.of(self.job.into()) | 0x2001;
        [word0, self.input, EVENT_COUNT.of(self.words), self.output, 0, 0, 0, 0]
    }

    /// A container's content; `None` for what no driver writes.
    pub fn decode(words: &[u32; WORDS]) -> Option<Self> {
        (VERSION.get(words[0]) == 1 && IB_INTERRUPT_OFF.is_set(words[0])).then(|| Self {
            job: JOB.get(words[0]) as u16,
            input: words[1],
            words: EVENT_COUNT.get(words[2]),
            output: words[3],
        })
    }
}

/// One sample for the HRC DMA: rows of bytes that go past the HRC straight to the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hrc {
    /// Number of the job.
    pub job: u16,
    /// Address of the first row.
    pub input: u32,
    /// Bytes of a row.
    pub row_bytes: u32,
    /// Number of rows.
    pub rows: u32,
    /// Address for header and data; ignored in several passes.
    pub output: u32,
}

impl Hrc {
    /// The container; rows of at most 2^32 - 1 bytes, at most 65535 of them.
    pub fn encode(&self) -> [u32; HRC_WORDS] {
        let mut words = [0; HRC_WORDS];
        words[0] = JOB.of(self.job.into()) | 0x2001;
        words[1] = self.input;
        words[2] = HIGH_HALF.of(self.rows) | LOW_HALF.of(self.row_bytes);
        words[3] = HIGH_HALF.of(self.row_bytes >> 16);
        words[7] = self.output;
        words
    }

    /// A container's content; `None` for what no driver writes, and for inputs that the HRC itself would take.
    pub fn decode(words: &[u32; HRC_WORDS]) -> Option<Self> {
        let is_bypass = words[4] == 0 && LOW_HALF.get(words[3]) == 0 && words[8] & !CLASS.mask() == 0;
        (VERSION.get(words[0]) == 1 && IB_INTERRUPT_OFF.is_set(words[0]) && is_bypass).then(|| Self {
            job: JOB.get(words[0]) as u16,
            input: words[1],
            row_bytes: HIGH_HALF.get(words[3]) << 16 | LOW_HALF.get(words[2]),
            rows: HIGH_HALF.get(words[2]),
            output: words[7],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_as_they_were_seen() {
        // The tiny program's configuration, its input, its read-back, and a two-pass input [T].
        let write = Config::Write { input: 0x2400_0040, words: 0x86 };
        assert_eq!(write.encode(), [0x1000_0001, 0x2400_0040, 0x86, 0, 0, 0, 0, 0]);
        let read = Config::Read { input: 0x2400_0160, output: 0x2400_0168 };
        assert_eq!(read.encode(), [1, 0x2400_0160, 2, 0x2400_0168, 0, 0, 0, 0]);
        let event = Event { job: 1, input: 0x2400_00E0, words: 8, output: 0x2400_0080 };
        assert_eq!(event.encode(), [0x0001_2001, 0x2400_00E0, 8, 0x2400_0080, 0, 0, 0, 0]);
        let hrc = Hrc { job: 1, input: 0x40, row_bytes: 16, rows: 1, output: 0x80 };
        assert_eq!(hrc.encode()[..8], [0x0001_2001, 0x40, 0x0001_0010, 0, 0, 0, 0, 0x80]);
        assert_eq!(Config::decode(&write.encode()), Some(write));
        assert_eq!(Config::decode(&read.encode()), Some(read));
        assert_eq!(Event::decode(&event.encode()), Some(event));
        assert_eq!(Hrc::decode(&hrc.encode()), Some(hrc));
        let wide = Hrc { row_bytes: 81_920, ..hrc };
        assert_eq!(Hrc::decode(&wide.encode()), Some(wide));
    }

    #[test]
    fn other_words_are_nothing() {
        assert_eq!(Config::decode(&[0; 8]), None);
        assert_eq!(Config::decode(&[0x2000_0001, 0, 1, 0, 0, 0, 0, 0]), None);
        assert_eq!(Event::decode(&[1, 0, 2, 0, 0, 0, 0, 0]), None);
        assert_eq!(Hrc::decode(&[u32::MAX; 16]), None);
    }
}
