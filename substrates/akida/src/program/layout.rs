//! Where a driver finds in a program what it sends to a device.

use std::ops::{Range, RangeInclusive};

use flatbuffers::Vector;
use forebay_substrate::{POTENTIAL_MAX, POTENTIAL_MIN};

use super::read::value;
use super::{Program, ProgramError};
use crate::chip::address::EPG_BYTES;
use crate::chip::event::{InputFormat, OutputFormat};
use crate::device::Np;
use crate::generated::info::forebay::program_info as info;

/// What a driver follows, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The records of each pass.
    pub passes: Vec<Vec<Record>>,
    /// Register writes to the event routing block: offset, value.
    pub epg: Vec<(u32, u32)>,
    /// Bytes of the file with the header of filler descriptors; used with several passes.
    pub dummy_header: Option<Range<usize>>,
    /// Descriptors of each pass, with several passes.
    pub descriptors: usize,
    /// How samples go in.
    pub input: InputFormat,
    /// How outputs come out.
    pub output: OutputFormat,
}

/// Configuration streams and at most one weight image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Bytes of the file that hold configuration streams.
    pub tracks: Vec<Range<usize>>,
    /// A processor whose weights stay in memory, and the bytes of the file that hold them.
    pub image: Option<(Np, Range<usize>)>,
}

impl Program {
    /// What a driver follows.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What an output can be: an activation of the last layer, or a potential of signed 20 bits.
    pub fn output_range(&self) -> RangeInclusive<i64> {
        match self.layers.last() {
            Some(last) if last.has_activation => 0..=(1 << last.act_bits.count()) - 1,
            _ => POTENTIAL_MIN.into()..=POTENTIAL_MAX.into(),
        }
    }
}

/// Formats as the file names them, if the chip can have them.
pub(super) fn formats(info: &info::ProgramInfo<'_>) -> Result<(InputFormat, OutputFormat), ProgramError> {
    let input = match info.input_type() {
        info::IoType::Dense => InputFormat::Dense,
        info::IoType::FnpSparse => InputFormat::FnpEvents,
        info::IoType::CnpSparse => InputFormat::CnpEvents,
        other => return Err(value("input type", "dense, FNP or CNP events", other.0)),
    };
    let output = match (info.output_type(), info.activation()) {
        (info::IoType::Dense, activation) => OutputFormat::Dense { unit_bytes: if activation { 1 } else { 4 } },
        (info::IoType::FnpSparse, true) => OutputFormat::Activations,
        (info::IoType::FnpSparse, false) => OutputFormat::Potentials,
        (other, _) => return Err(value("output type", "dense or FNP events", other.0)),
    };
    Ok((input, output))
}

/// Register writes that stay inside their block.
pub(super) fn epg(tracks: Option<Vector<'_, info::RegisterValue>>) -> Result<Vec<(u32, u32)>, ProgramError> {
    let check = |track: &info::RegisterValue| match track.offset() {
        offset if offset < EPG_BYTES && offset.is_multiple_of(4) => Ok((offset, track.value())),
        offset => Err(value("offset of a routing register", "a multiple of 4 below 0x30000", offset)),
    };
    tracks.into_iter().flatten().map(check).collect()
}
