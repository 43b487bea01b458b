//! Samples as the device takes them, and outputs as it leaves them.
//!
//! ```text
//!              word 0                              word 1
//! FNP event    [17:0] index                        [25:0] value or signed potential, [31] 1
//! CNP event    [11:0] x   [27:16] y                [10:0] channel   [23:16] value
//! output       32 bytes of header, word 0 [27:0] number of data words; then events, or dense values
//! ```
//!
//! # Source
//! specs/device-interface.md, "inputs", "outputs" \[E\]\[T\].

use super::Field;
use crate::layer::InputShape;

const FNP_INDEX: Field = Field::new(17, 0);
const FNP_FLAG: u32 = 1 << 31;
const CNP_X: Field = Field::new(11, 0);
const CNP_Y: Field = Field::new(27, 16);
const CNP_CHANNEL: Field = Field::new(10, 0);
const CNP_VALUE: Field = Field::new(23, 16);
const HEADER_WORDS: Field = Field::new(27, 0);

/// How samples go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// Bytes through the HRC DMA.
    Dense,
    /// Events for a flat input.
    FnpEvents,
    /// Events for an input with two or three axes.
    CnpEvents,
}

/// How outputs come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// One byte or one 32-bit word per unit.
    Dense {
        /// Bytes per unit: 1 for activations, 4 for potentials.
        unit_bytes: u32,
    },
    /// Events with activations in their low byte.
    Activations,
    /// Events with signed potentials of 26 bits.
    Potentials,
}

/// A shape that events cannot address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an input of {width} x {height} x {channels} has elements that no event can address")]
pub struct Unaddressable {
    /// First axis.
    pub width: u32,
    /// Second axis.
    pub height: u32,
    /// Third axis.
    pub channels: u32,
}

impl InputFormat {
    /// Most bytes of a sample, and at least 8.
    pub fn most_bytes(self, elements: usize) -> usize {
        match self {
            Self::Dense => elements.next_multiple_of(4),
            Self::FnpEvents | Self::CnpEvents => 8 * elements,
        }
    }

    /// Whether all elements, and the dummy event beyond them, can be addressed.
    ///
    /// # Errors
    /// [`Unaddressable`].
    pub fn check(self, shape: InputShape) -> Result<(), Unaddressable> {
        let InputShape { width, height, channels } = shape;
        let fits = match self {
            Self::Dense => true,
            Self::FnpEvents => dummy_index(shape) <= u64::from(FNP_INDEX.max()),
            Self::CnpEvents => width <= CNP_X.max() && height <= CNP_Y.max() && channels <= CNP_CHANNEL.max(),
        };
        if fits { Ok(()) } else { Err(Unaddressable { width, height, channels }) }
    }

    /// Appends a sample, given in the order of the flat input index `x + w (y + h c)`, as the device takes it.
    ///
    /// Events are those of elements that are not zero, `x` outer and channel inner. A sample without any is one event of
    /// value 1 just outside the shape: the AKD1000 is said to need it \[E\].
    pub fn encode(self, shape: InputShape, sample: &[u8], bytes: &mut Vec<u8>) {
        let mut word = |word: u32| bytes.extend(word.to_le_bytes());
        match self {
            Self::Dense => each(shape, |at, _| bytes.push(sample[at])),
            Self::FnpEvents => {
                let mut any = false;
                for (index, &value) in sample.iter().enumerate().filter(|(_, value)| **value != 0) {
                    word(index as u32);
                    word(FNP_FLAG | u32::from(value));
                    any = true;
                }
                if !any {
                    word(FNP_INDEX.of(dummy_index(shape) as u32));
                    word(FNP_FLAG | 1);
                }
            }
            Self::CnpEvents => {
                let mut any = false;
                each(shape, |at, (x, y, channel)| {
                    if sample[at] != 0 {
                        word(CNP_X.of(x) | CNP_Y.of(y));
                        word(CNP_CHANNEL.of(channel) | CNP_VALUE.of(sample[at].into()));
                        any = true;
                    }
                });
                if !any {
                    word(CNP_X.of(shape.width) | CNP_Y.of(shape.height));
                    word(CNP_CHANNEL.of(shape.channels) | CNP_VALUE.of(1));
                }
            }
        }
    }
}

/// Elements in memory order, each with its flat input index.
fn each(shape: InputShape, mut visit: impl FnMut(usize, (u32, u32, u32))) {
    let InputShape { width, height, channels } = shape;
    for x in 0..width {
        for y in 0..height {
            for channel in 0..channels {
                let at = u64::from(x) + u64::from(width) * (u64::from(y) + u64::from(height) * u64::from(channel));
                visit(at as usize, (x, y, channel));
            }
        }
    }
}

/// Index of the event that stands for an empty sample.
fn dummy_index(shape: InputShape) -> u64 {
    let (x, y, c) = (u64::from(shape.width), u64::from(shape.height), u64::from(shape.channels));
    x + y * x + c * x * y
}

/// An output that no program leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// More or fewer words than the program can put out.
    #[error("the output's header tells {found} data words, {expected} are possible")]
    Words {
        /// What the header says.
        found: u32,
        /// What the buffer holds, or must hold.
        expected: u32,
    },
    /// An event for a unit that does not exist.
    #[error("event {event} is for unit {index} of {units}")]
    Unit {
        /// Event, counted from 0.
        event: usize,
        /// Unit that it names.
        index: u32,
        /// Units there are.
        units: usize,
    },
    /// Two events for one unit.
    #[error("event {event} is for unit {index}, which had one before")]
    Twice {
        /// Event, counted from 0.
        event: usize,
        /// The unit.
        index: u32,
    },
    /// A number that the last layer cannot give.
    #[error("unit {unit} is {value}, outside {min} to {max}")]
    Value {
        /// The unit.
        unit: usize,
        /// What came.
        value: i64,
        /// Smallest possible.
        min: i64,
        /// Largest possible.
        max: i64,
    },
}

impl OutputFormat {
    /// Most bytes of data behind the header.
    pub fn most_bytes(self, units: usize) -> usize {
        match self {
            Self::Dense { unit_bytes } => (units * unit_bytes as usize).next_multiple_of(4),
            Self::Activations | Self::Potentials => 8 * units,
        }
    }

    /// Bytes of data behind a header that says `word0`.
    ///
    /// # Errors
    /// [`OutputError::Words`] if they would not fit the buffer or are no whole events.
    pub fn data_bytes(self, word0: u32, units: usize) -> Result<usize, OutputError> {
        let (found, most) = (HEADER_WORDS.get(word0), self.most_bytes(units));
        let expected = (most / 4) as u32;
        match self {
            // Whether devices count the zeros of a dense output is not known: the size is.
            Self::Dense { .. } if found <= expected => Ok(most),
            Self::Activations | Self::Potentials if found <= expected && found.is_multiple_of(2) => {
                Ok(4 * found as usize)
            }
            _ => Err(OutputError::Words { found, expected }),
        }
    }

    /// Reads data into one number per unit; units without an event are 0.
    ///
    /// # Errors
    /// [`OutputError`]; what `outputs` holds is then unspecified.
    pub fn decode(
        self,
        data: &[u8],
        range: std::ops::RangeInclusive<i64>,
        outputs: &mut [i32],
    ) -> Result<(), OutputError> {
        match self {
            Self::Dense { unit_bytes: 1 } => {
                for (output, &byte) in outputs.iter_mut().zip(data) {
                    *output = byte.into();
                }
            }
            Self::Dense { .. } => {
                for (output, word) in outputs.iter_mut().zip(data.chunks_exact(4)) {
                    *output = i32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                }
            }
            Self::Activations | Self::Potentials => self.decode_events(data, outputs)?,
        }
        let (min, max) = (*range.start(), *range.end());
        match outputs.iter().position(|&value| !range.contains(&value.into())) {
            None => Ok(()),
            Some(unit) => Err(OutputError::Value { unit, value: outputs[unit].into(), min, max }),
        }
    }

    fn decode_events(self, data: &[u8], outputs: &mut [i32]) -> Result<(), OutputError> {
        // No potential and no activation is this number.
        const NONE: i32 = i32::MIN;
        outputs.fill(NONE);
        for (event, words) in data.chunks_exact(8).enumerate() {
            let word = |at: usize| u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
            let index = FNP_INDEX.get(word(0));
            let units = outputs.len();
            let output = outputs.get_mut(index as usize).ok_or(OutputError::Unit { event, index, units })?;
            if *output != NONE {
                return Err(OutputError::Twice { event, index });
            }
            *output = match self {
                Self::Activations => (word(4) & 0xFF) as i32,
                // The sign is bit 25.
                _ => (word(4) << 6) as i32 >> 6,
            };
        }
        for output in outputs.iter_mut().filter(|output| **output == NONE) {
            *output = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<u32> {
        bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
    }

    #[test]
    fn events_as_they_were_seen() {
        let shape = InputShape::flat(16);
        let mut sample = [0; 16];
        for at in [1, 5, 9, 13] {
            sample[at] = 3;
        }
        let mut bytes = Vec::new();
        InputFormat::FnpEvents.encode(shape, &sample, &mut bytes);
        assert_eq!(words(&bytes), [1, 0x8000_0003, 5, 0x8000_0003, 9, 0x8000_0003, 13, 0x8000_0003]);
        bytes.clear();
        InputFormat::FnpEvents.encode(shape, &[0; 16], &mut bytes);
        assert_eq!(words(&bytes), [18, 0x8000_0001]);
    }

    #[test]
    fn elements_of_three_axes_keep_their_place() {
        let shape = InputShape { width: 2, height: 3, channels: 2 };
        let sample: Vec<u8> = (1..=12).collect();
        let mut dense = Vec::new();
        InputFormat::Dense.encode(shape, &sample, &mut dense);
        // x = 0, y = 0: channels 0 and 1 are at 0 and 6 of the flat index.
        assert_eq!(dense[..4], [1, 7, 3, 9]);
        let mut events = Vec::new();
        InputFormat::CnpEvents.encode(shape, &sample, &mut events);
        assert_eq!(words(&events)[..4], [0, 0x0001_0000, 0, 0x0007_0001]);
    }

    #[test]
    fn outputs_as_they_were_seen() {
        let data: Vec<u8> = [0, 0x8000_002A, 1, 0x83FF_FFF6_u32].iter().flat_map(|w| w.to_le_bytes()).collect();
        let mut outputs = [7; 3];
        OutputFormat::Potentials.decode(&data, -524_288..=524_287, &mut outputs).expect("two events");
        assert_eq!(outputs, [42, -10, 0]);
    }

    #[test]
    fn impossible_outputs_are_errors() {
        let data = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        let range = || -524_288..=524_287;
        let mut outputs = [0; 2];
        let twice = OutputFormat::Potentials.decode(&data(&[0, 1, 0, 2]), range(), &mut outputs);
        assert_eq!(twice, Err(OutputError::Twice { event: 1, index: 0 }));
        let outside = OutputFormat::Potentials.decode(&data(&[2, 1]), range(), &mut outputs);
        assert_eq!(outside, Err(OutputError::Unit { event: 0, index: 2, units: 2 }));
        let wide = OutputFormat::Potentials.decode(&data(&[0, 0x0100_0000]), range(), &mut outputs);
        assert!(matches!(wide, Err(OutputError::Value { unit: 0, .. })));
        assert!(OutputFormat::Potentials.data_bytes(5, 2).is_err());
        assert!(OutputFormat::Potentials.data_bytes(3, 2).is_err());
        assert_eq!(OutputFormat::Potentials.data_bytes(0xA000_0004, 2), Ok(16));
        assert!(OutputFormat::Dense { unit_bytes: 4 }.data_bytes(3, 2).is_err());
    }
}
