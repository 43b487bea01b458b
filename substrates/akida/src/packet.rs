//! The stream that configures processors: packets of two header words and a payload.
//!
//! ```text
//! word 0   [31:24] column  [23:16] row  [11:8] 1 << id  [7:6] 0b10 for the input unit (HRC)  [3:0] target
//! word 1   [31] length in units of 16 words  [29:16] length  [15:0] start address
//! ```
//!
//! # Source
//! specs/device-program.md, "configuration packets".

use std::ops::Range;

/// Target of a processor's weights.
pub const TARGET_WEIGHTS: u8 = 6;
/// Target of registers.
pub const TARGET_REGISTERS: u8 = 8;

/// Whom a packet is for, and where its payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// A processor, or the input unit if `None`.
    pub processor: Option<(u8, u8, u8)>,
    /// Which memory.
    pub target: u8,
    /// Start address in it.
    pub start: u16,
    /// Payload words.
    pub words: usize,
}

/// Why a stream does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// A header at the end of the stream, or a payload beyond it.
    #[error("a packet at word {at} needs {needed} words, and {left} are left")]
    Cut {
        /// Word of the header.
        at: usize,
        /// Words from there on that the packet takes.
        needed: usize,
        /// Words there are.
        left: usize,
    },
    /// Bits that are always zero, or a destination that is not one processor.
    #[error("the packet header at word {at} is {word0:#010x} {word1:#010x}, which addresses nothing")]
    Header {
        /// Word of the header.
        at: usize,
        /// First word.
        word0: u32,
        /// Second word.
        word1: u32,
    },
}

impl Header {
    /// The two words.
    pub fn encode(&self) -> [u32; 2] {
        let destination = match self.processor {
            Some((col, row, id)) => u32::from(col) << 24 | u32::from(row) << 16 | 1 << (8 + id),
            None => 0b10 << 6,
        };
        [destination | u32::from(self.target), (self.words as u32) << 16 | u32::from(self.start)]
    }

    fn decode(at: usize, word0: u32, word1: u32) -> Result<Self, PacketError> {
        let wrong = PacketError::Header { at, word0, word1 };
        let slots = word0 >> 8 & 0xF;
        let processor = match (word0 >> 6 & 0b11, slots.count_ones()) {
            (0, 1) => Some(((word0 >> 24) as u8, (word0 >> 16) as u8, slots.trailing_zeros() as u8)),
            (0b10, 0) if word0 >> 8 == 0 => None,
            _ => return Err(wrong),
        };
        if word0 & 0x0000_F030 != 0 || word1 & 0x4000_0000 != 0 {
            return Err(wrong);
        }
        let length = (word1 >> 16 & 0x3FFF) as usize;
        let words = if word1 >> 31 == 1 { 16 * length } else { length };
        Ok(Self { processor, target: (word0 & 0xF) as u8, start: word1 as u16, words })
    }
}

/// Packets of a stream: headers, and where in the stream their payloads are.
///
/// # Errors
/// [`PacketError`] for the first packet that does not parse; the iteration ends there.
pub fn packets<'a>(
    word: impl Fn(usize) -> u32 + 'a,
    length: usize,
) -> impl Iterator<Item = Result<(Header, Range<usize>), PacketError>> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= length {
            return None;
        }
        let packet = if length - at < 2 {
            Err(PacketError::Cut { at, needed: 2, left: length - at })
        } else {
            Header::decode(at, word(at), word(at + 1)).and_then(|header| {
                let (needed, left) = (2 + header.words, length - at);
                if needed > left {
                    Err(PacketError::Cut { at, needed, left })
                } else {
                    Ok((header, at + 2..at + needed))
                }
            })
        };
        at = packet.as_ref().map_or(length, |(_, payload)| payload.end);
        Some(packet)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_are_read_back(
            col in 0_u8.., row in 0_u8.., id in 0_u8..4, hrc: bool, target in 0_u8..16, start: u16, words in 0_usize..16384,
        ) {
            let header = Header { processor: (!hrc).then_some((col, row, id)), target, start, words };
            let [word0, word1] = header.encode();
            prop_assert_eq!(Header::decode(0, word0, word1), Ok(header));
        }

        #[test]
        fn any_stream_ends(stream in prop::collection::vec(any::<u32>(), 0..40)) {
            let read = packets(|at| stream[at], stream.len()).collect::<Vec<_>>();
            prop_assert!(read.len() <= stream.len());
            prop_assert!(read.iter().flatten().all(|(_, payload)| payload.end <= stream.len()));
        }
    }

    #[test]
    fn the_input_unit_and_a_processor() {
        // The first two headers of any AKD1000 program whose first layer is on (1,3,0).
        let input = Header { processor: None, target: TARGET_REGISTERS, start: 4, words: 1 };
        assert_eq!(input.encode(), [0x0000_0088, 0x0001_0004]);
        let first = Header { processor: Some((1, 3, 0)), target: TARGET_REGISTERS, start: 0, words: 50 };
        assert_eq!(first.encode(), [0x0103_0108, 0x0032_0000]);
    }
}
