//! Samples as they lie in memory: events or rows of bytes in, a header and events or dense values out.

use forebay_akida::chip::address::EPG;
use forebay_akida::chip::descriptor::{Event, HRC_WORDS, Hrc, WORDS};
use forebay_akida::chip::dma::HEADER_BYTES;
use forebay_akida::chip::top::epg_00;

use super::{Chip, Which};
use crate::fault::JobFault;
use crate::processor::LayerView;
use crate::violation::Violation;

impl Chip {
    /// Reads a sample that came as events: job, values by flat index, output address.
    pub(super) fn events(
        &mut self,
        index: u32,
        address: u32,
        first: &LayerView,
    ) -> Result<(u16, Vec<u8>, u32), Violation> {
        let words: [u32; WORDS] = self.read_words(address, WORDS)?.try_into().expect("as many as asked for");
        let wrong =
            Violation::Descriptor { dma: self.event.name, index, words: [words[0], words[1], words[2], words[3]] };
        let event = Event::decode(&words).ok_or(wrong)?;
        if event.words < 2 || event.words % 2 != 0 {
            return Err(Violation::Input { what: "no whole events" });
        }
        let kind = self.words.get(&(EPG + epg_00::OFFSET)).copied().unwrap_or(0);
        if epg_00::DENSE.is_set(kind) {
            return Err(Violation::Input { what: "events, although the routing expects dense values" });
        }
        let is_flat = epg_00::FLAT.get(kind) == 2;
        let events = self.read_words(event.input, event.words as usize)?;
        let mut values = vec![0; 32 * first.blocks];
        let is_single = events.len() == 2;
        for pair in events.chunks_exact(2) {
            let (at, value, is_inside) = if is_flat {
                (u64::from(pair[0] & 0x3_FFFF), pair[1] & 0x3FF_FFFF, true)
            } else {
                let (x, y, channel) = (pair[0] & 0xFFF, pair[0] >> 16 & 0xFFF, pair[1] & 0x7FF);
                let (width, height) = (u64::from(first.width), u64::from(first.height));
                let at = u64::from(x) + width * (u64::from(y) + height * u64::from(channel));
                (at, pair[1] >> 16 & 0xFF, x < first.width && y < first.height)
            };
            let Ok(value) = u8::try_from(value) else {
                return Err(Violation::Input { what: "a value of more than 8 bits" });
            };
            match values.get_mut(at as usize) {
                Some(place) if is_inside => *place = value,
                // One event outside stands for a sample without any.
                _ if is_single && value == 1 => {}
                _ => return Err(Violation::Input { what: "an event outside the input" }),
            }
        }
        Ok((event.job, values, event.output))
    }

    /// Reads a sample that came as rows of bytes.
    pub(super) fn rows(
        &mut self,
        index: u32,
        address: u32,
        first: &LayerView,
    ) -> Result<(u16, Vec<u8>, u32), Violation> {
        let words: [u32; HRC_WORDS] = self.read_words(address, HRC_WORDS)?.try_into().expect("as many as asked for");
        let wrong =
            Violation::Descriptor { dma: self.hrc.name, index, words: [words[0], words[1], words[2], words[3]] };
        let hrc = Hrc::decode(&words).ok_or(wrong)?;
        let kind = self.words.get(&(EPG + epg_00::OFFSET)).copied().unwrap_or(0);
        let channels = self.mesh.input_channels().unwrap_or(0);
        if !epg_00::DENSE.is_set(kind) || channels == 0 || !hrc.row_bytes.is_multiple_of(channels) {
            return Err(Violation::Input { what: "rows of bytes that the routing or the input unit does not expect" });
        }
        let (width, height) = (hrc.rows, hrc.row_bytes / channels);
        let total = u64::from(hrc.rows) * u64::from(hrc.row_bytes);
        if (width, height) != (first.width, first.height) || total > 32 * first.blocks as u64 {
            return Err(Violation::Input { what: "rows of another shape than the first layer's input" });
        }
        let mut bytes = vec![0; total as usize];
        if !self.memory.contains(hrc.input, bytes.len()) {
            return Err(Violation::Unmapped { address: hrc.input, bytes: bytes.len() });
        }
        self.read_memory(hrc.input, &mut bytes, "device")?;
        let mut values = vec![0; 32 * first.blocks];
        for (at, &byte) in bytes.iter().enumerate() {
            let (row, rest) = (at / hrc.row_bytes as usize, at % hrc.row_bytes as usize);
            let (y, channel) = (rest / channels as usize, rest % channels as usize);
            values[row + width as usize * (y + height as usize * channel)] = byte;
        }
        Ok((hrc.job, values, hrc.output))
    }

    /// Writes data, then the header.
    pub(super) fn put_out(
        &mut self,
        which: Which,
        output: u32,
        outputs: &[i32],
        has_activation: bool,
        fault: Option<JobFault>,
    ) -> Result<(), Violation> {
        let header_bytes = if self.controller(which).writes_header() { HEADER_BYTES } else { 0 };
        let data_at = output.wrapping_add(header_bytes);
        let clear_words = self.controller(which).clear_words();
        if let Some(words) = clear_words {
            if !self.memory.contains(data_at, 4 * words as usize) {
                return Err(Violation::Unmapped { address: data_at, bytes: 4 * words as usize });
            }
            self.write_words(data_at, &vec![0; words as usize])?;
        }
        let mut count = if self.mesh.is_output_dense() {
            self.put_dense(data_at, outputs, has_activation, clear_words.is_some())?
        } else {
            // All potentials; of activations those that are not zero.
            let events = outputs.iter().zip(0_u32..).filter(|(value, _)| !has_activation || **value != 0);
            let mut words: Vec<u32> =
                events.flat_map(|(&value, index)| [index, 1 << 31 | value as u32 & 0x3FF_FFFF]).collect();
            if let Some(JobFault::Short { choice }) = fault {
                words.truncate(2 * (choice as usize % (words.len() / 2 + 1)));
            }
            self.write_words(data_at, &words)?;
            words.len() as u32
        };
        match fault {
            // More than any program can put out, or no whole events.
            Some(JobFault::Header { choice }) if choice & 1 == 0 => count = 0x0800_0000 | (choice >> 8) as u32,
            Some(JobFault::Header { choice }) => count = count.wrapping_add(1 + ((choice >> 8) as u32 & !1)),
            _ => {}
        }
        if header_bytes > 0 {
            self.write_words(output, &[count, 0, 0, 0, 0, 0, 0, 0])?;
        }
        Ok(())
    }

    /// Dense outputs: only what is not zero is written, between zeros if the buffer was cleared.
    fn put_dense(
        &mut self,
        at: u32,
        outputs: &[i32],
        has_activation: bool,
        is_cleared: bool,
    ) -> Result<u32, Violation> {
        let unit_bytes = if has_activation { 1 } else { 4 };
        let bytes: Vec<u8> =
            outputs.iter().flat_map(|value| value.to_le_bytes().into_iter().take(unit_bytes)).collect();
        if is_cleared {
            self.memory.write(at, &bytes)?;
        } else {
            for (index, unit) in
                bytes.chunks_exact(unit_bytes).enumerate().filter(|(_, unit)| unit.iter().any(|b| *b != 0))
            {
                self.memory.write(at.wrapping_add((index * unit_bytes) as u32), unit)?;
            }
        }
        Ok(bytes.len().div_ceil(4) as u32)
    }
}
